"""Whether a request comes from a page of ours, and where from: what browsers tell, and no other page can forge."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request

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


def address_of(request: Request) -> str:
    """Return where a request comes from; a proxy in a network of ours is believed whom it speaks for.

    An IPv6 address stands for its network of 64 bits: whoever has one has them all.
    """
    peer = _parsed(request.client.host if request.client else "")
    # The last one is what our own proxy saw; whatever stands before it, in this line or in others, anybody can write.
    told = _parsed(",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip())
    address = told if told and peer and peer.is_private else peer
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
