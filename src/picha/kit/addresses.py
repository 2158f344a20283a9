"""Whether an IP address is a place on the public internet, and if not, why not.

The tables follow IANA's IPv4 and IPv6 special-purpose address registries (RFC 6890). `ipaddress.is_global` is not
enough: it calls NAT64, 6to4 and ISATAP addresses global although they lead to whatever IPv4 address is packed inside.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Network = IPv4Network | IPv6Network

_METADATA = frozenset(
    {
        IPv4Address("169.254.169.254"),  # Amazon, Google, Microsoft, Oracle, DigitalOcean and others
        IPv4Address("169.254.170.2"),  # Amazon's container credentials
        IPv4Address("169.254.170.23"),  # Amazon's pod identities
        IPv4Address("100.100.100.200"),  # Alibaba
        IPv4Address("168.63.129.16"),  # Microsoft's wire server, inside a public range
        IPv4Address("192.0.0.192"),  # Oracle, older machines
        IPv6Address("fd00:ec2::254"),  # Amazon
        IPv6Address("fd00:ec2::23"),  # Amazon's pod identities
        IPv6Address("fd20:ce::254"),  # Google
    }
)

_IPV4 = tuple(
    (IPv4Network(network), reason)
    for network, reason in (
        ("0.0.0.0/32", "unspecified"),
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a carrier's NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112 sink"),
        ("192.52.193.0/24", "multicast tunnelling"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112 sink"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_IPV6 = tuple(
    (IPv6Network(network), reason)
    for network, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard-only"),
        ("2001::/32", "Teredo"),
        ("2001:2::/48", "benchmarking"),
        ("2001:10::/28", "ORCHID"),
        ("2001:20::/28", "ORCHID"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112 sink"),
        ("3ffe::/16", "former 6bone"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_UNICAST = IPv6Network("2000::/3")
# The interface half of an ISATAP address (RFC 5214): these 32 bits, then an IPv4 address.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def networks_of(text: str) -> tuple[Network, ...]:
    """Read networks, or single addresses, between commas.

    Raises:
        ValueError: one of them is neither; the text says which.
    """
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def refusal(ip: IPv4Address | IPv6Address) -> str | None:
    """Return why `ip` is no public address, in a word or three, or None when it is one.

    An IPv6 address that carries an IPv4 address is refused whichever IPv4 address that is: none of those forms is
    needed to reach a public server, and every one of them has been used to reach a private one.
    """
    if ip in _METADATA:
        return "cloud metadata"
    if isinstance(ip, IPv4Address):
        return next((reason for network, reason in _IPV4 if ip in network), None)
    return _refusal6(ip)


def _refusal6(ip: IPv6Address) -> str | None:
    if ip.scope_id is not None:
        return "bound to an interface"
    for network, reason in _IPV6:
        if ip in network:
            return reason
    if ip not in _UNICAST:
        return "reserved"
    return "ISATAP" if int(ip) >> 32 & 0xFFFFFFFF in _ISATAP else None
