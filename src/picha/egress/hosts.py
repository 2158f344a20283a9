"""Whether a URL's host is a plain name or a plain address, and not one in disguise.

`inet_aton` and browsers read 0x7f.1, 2130706433 and 0177.0.0.1 as addresses (the WHATWG URL standard calls it "ends in
a number"); resolvers fold full-width digits and other scripts. Only dotted decimal and bracketed IPv6 are addresses
here.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from yarl import URL

from picha.egress.errors import Refused
from picha.egress.policy import Policy

_HOST_MAX_CHARS = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def check_host(written: str, policy: Policy) -> tuple[str, IPv4Address | IPv6Address | None]:
    """Return the host in lower-case ASCII and, when it is an address, that address.

    `written` is the URL's host without its port; an IPv6 address stands in brackets there, and without them in the
    answer.

    Raises:
        Refused: the host is too long, disguised, not a name, or an address that the policy refuses.
    """
    try:
        if written.startswith("["):
            return _admitted(IPv6Address(written[1:-1]), policy)
        host = _ascii(written)
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return _admitted(IPv4Address(host), policy)
    except AddressValueError:
        raise Refused("host", "The host is a number that is no plain IP address") from None
    _check_name(host, policy)
    return host, None


def _ascii(written: str) -> str:
    if written.isascii():
        return written.lower()
    foreign = (unicodedata.category(each)[0] for each in written if not each.isascii())
    if unicodedata.normalize("NFKC", written) != written or any(category not in "LM" for category in foreign):
        raise Refused("host", "The host is written in look-alike characters")
    try:
        return (URL(f"https://{written}").raw_host or "").lower()
    except ValueError:
        raise Refused("host", "The host is not a well-formed name") from None


def _admitted(literal: IPv4Address | IPv6Address, policy: Policy) -> tuple[str, IPv4Address | IPv6Address]:
    if isinstance(literal, IPv6Address) and literal.scope_id is not None:
        raise Refused("host", "The host names an interface")
    if policy.refusal(literal):
        raise Refused("address", "The address is not public")
    return str(literal), literal


def _check_name(host: str, policy: Policy) -> None:
    if len(host) > _HOST_MAX_CHARS:
        raise Refused("host", f"The host has more than {_HOST_MAX_CHARS} characters")
    if not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise Refused("host", "The host is not a well-formed name")
    if (host == "localhost" or host.endswith(".localhost")) and not policy.allow_loopback:
        raise Refused("address", "The address is not public")
