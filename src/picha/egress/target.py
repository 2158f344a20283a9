"""An address that a customer gave, checked as far as it can be without asking DNS."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from yarl import URL

from picha.egress.errors import Refused
from picha.egress.hosts import check_host
from picha.egress.policy import Policy

_URL_MAX_CHARS = 8192
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)")
_AUTHORITY = re.compile(r"(\[[^\[\]@]*\]|[^\[\]:@]+)(?::([0-9]{1,5}))?")
# Characters that no URL holds (RFC 3986) and on which parsers disagree: controls, every kind of space, backslash, and
# the invisible ones. Lone surrogates cannot be sent at all.
_FORBIDDEN = re.compile(
    r"[\x00-\x20\x7f-\xa0\xad\\\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]"
)
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_PORTS = {"http": 80, "https": 443}
_PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class Target:
    """Where one hop goes: `url` as it will be requested, `host` in ASCII, and `literal` when the host is an address."""

    url: URL
    host: str
    port: int
    literal: IPv4Address | IPv6Address | None


def check_url(url: str, policy: Policy) -> Target:
    """Return where `url` leads if `policy` lets it be tried; names still have to be resolved and checked.

    The target's URL is put together from the parts that were checked, so that no second parser can read it otherwise.
    Path and query stay byte for byte as written, since signatures of links cover them.

    Raises:
        Refused: the scheme, host, port or form is not admitted; the detail names which.
    """
    scheme, authority, rest = _split(url)
    if scheme not in policy.schemes:
        admitted = " or ".join(f"{each}://" for each in sorted(policy.schemes))
        raise Refused("scheme", f"The URL must begin with {admitted}")
    if "@" in authority:
        raise Refused("userinfo", "The URL carries a user name or password")
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        raise Refused("host", "The URL has no plain host")
    port = _port(match.group(2), scheme, policy)
    host, literal = check_host(match.group(1), policy)
    place = f"[{host}]" if ":" in host else host
    path = _FOREIGN.sub(lambda found: quote(found.group()), rest if rest.startswith("/") else f"/{rest}")
    return Target(URL(f"{scheme}://{place}:{port}{path}", encoded=True), host, port, literal)


def _split(url: str) -> tuple[str, str, str]:
    if len(url) > _URL_MAX_CHARS:
        raise Refused("malformed", f"The URL has more than {_URL_MAX_CHARS} characters")
    if _FORBIDDEN.search(url):
        raise Refused("malformed", "The URL contains a space, a backslash or an invisible character")
    match = _PARTS.match(url)
    if not match:
        raise Refused("malformed", "This is not an absolute URL")
    return match.group(1).lower(), match.group(2), match.group(3)


def _port(written: str | None, scheme: str, policy: Policy) -> int:
    port = int(written) if written else _PORTS.get(scheme, 0)
    if not 0 < port <= _PORT_MAX or (policy.ports is not None and port not in policy.ports):
        raise Refused("port", f"Port {port} is not admitted")
    return port
