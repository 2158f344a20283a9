"""Whether a request comes from a page of ours, and where from: what browsers tell, and no other page can forge."""

import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.requests import Request

from picha.kit.addresses import Network

SAFE = frozenset(("GET", "HEAD"))


def is_ours(headers: Mapping[str, str], our_origin: str) -> bool:
    """Tell whether a page of ours makes this request, by Sec-Fetch-Site (Fetch Metadata), or else by Origin.

    Browsers send the first to HTTPS and loopback addresses only. A request that tells neither is no browser's of today.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return headers.get("origin") == our_origin


def our_origin(request: Request, public_url: str) -> str:
    """Return the origin that our pages have: as the operator says, or as the browser asked for it."""
    at = urlsplit(public_url) if public_url else urlsplit(str(request.base_url))
    return f"{at.scheme}://{at.netloc}".lower()


def address_of(request: Request, proxies: Sequence[Network]) -> str:
    """Return where a request comes from; a proxy that the operator named is believed whom it speaks for.

    An IPv6 address stands for its network of 64 bits: whoever has one has them all.
    """
    told = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    address = _parsed(request.client.host if request.client else "")
    # Each proxy adds whom it saw at the end; what stands before the last one that is not ours, anybody can write.
    for one in reversed(told):
        seen = _parsed(one)
        if not (address and seen and any(address in network for network in proxies)):
            break
        address = seen
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    # As a socket of both families writes an address of the older one.
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
