"""Addresses that lead inside, in every disguise we know, as data."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

INSIDE4 = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1"),
    *("172.31.255.254", "192.168.0.1", "192.168.255.254", "169.254.169.254", "169.254.170.2", "100.64.0.1"),
    *("100.100.100.200", "100.127.255.254", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.51.100.7"),
    *("203.0.113.9", "198.18.0.1", "198.19.255.254", "192.88.99.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255"),
]
INSIDE6 = [
    *("::", "::1", "fe80::1", "febf::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fec0::1", "ff02::1"),
    *("2001:db8::1", "3fff::1", "100::1", "2001:2::1", "2001:10::1", "2001:20::1", "3ffe::1", "4000::1", "::2"),
]
# Full width, Arabic-Indic, extended Arabic-Indic, Devanagari, Bengali, Thai, mathematical bold, superscripts.
ZEROS = "\uff10\u0660\u06f0\u0966\u09e6\u0e50\U0001d7ce"
DOTS = "\u3002\uff0e\uff61"
NAMES = [
    *("localhost", "LOCALHOST", "LocalHost", "localhost.", "app.localhost", "a.b.localhost", "lo\u212aalhost"),
    *(
        "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
        "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
    ),
    *("local\u00adhost", "local\u200bhost", "local\u200dhost", "localhost%2e", "%6cocalhost", "localhost%00.example"),
    *("127.0.0.1.", "127.0.0.1..", ".127.0.0.1", "0x7f.0.0.1.", "[127.0.0.1]", "[localhost]", "[v1.127.0.0.1]"),
    *("xn--.example", "\u2460\u2461\u2466.0.0.1", "\u00b9\u00b2\u2077.0.0.1"),
    *("example.com\u2024internal", "example\uff0fcom", "example\uff1acom", "example\uff20com", "example\u2044.com"),
    *("\u2100.example", "a\u2100b", "exa\u2105mple.com", "-a.example", "a-.example", "a..example", "*.example"),
    *("a_b!.example", "a,b.example", "a;b.example", "a'b.example", 'a"b.example', "a(b).example", "a=b.example"),
]


def disguised(ip: IPv4Address) -> Iterator[str]:
    """Give the ways to write `ip` as a URL's host."""
    number, parts = int(ip), list(ip.packed)
    plain = str(ip)
    yield from (
        plain,
        f"{number}",
        f"0x{number:x}",
        f"0X{number:08X}",
        f"0{number:o}",
        f"0000{number:o}",
        f"{number + 2**32}",
    )
    yield ".".join(f"0x{part:x}" for part in parts)
    yield ".".join(f"0{part:o}" for part in parts)
    yield ".".join(f"{part:03}" for part in parts[:3]) + f".0{parts[3]}"
    yield f"0x{parts[0]:x}.{parts[1]}.0{parts[2]:o}.{parts[3]}"
    yield f"{parts[0]}.{number & 0xFFFFFF}"
    yield f"{parts[0]}.{parts[1]}.{number & 0xFFFF}"
    yield f"{plain}."
    yield plain.replace(".", "%2e")
    yield "".join(f"%{ord(letter):02x}" for letter in plain)
    yield from (plain.replace(".", dot) for dot in DOTS)
    for zero in ZEROS:
        yield "".join(chr(ord(zero) + int(letter)) if letter.isdigit() else letter for letter in plain)
    yield from (f"[{six}]" for six in carried(ip))
    yield f"[::ffff:{plain}]"
    yield f"[::{plain}]"
    yield f"[64:ff9b::{plain}]"


def carried(ip: IPv4Address) -> list[IPv6Address]:
    """Give the IPv6 addresses that carry `ip`: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP."""
    number = int(ip)
    prefixes = (
        "::ffff:0:0",
        "::",
        "::ffff:0:0:0",
        "64:ff9b::",
        "64:ff9b:1::",
        "2620:0:0:0:0:5efe::",
        "2620::200:5efe:0:0",
    )
    whole = [IPv6Address(int(IPv6Address(prefix)) + number) for prefix in prefixes]
    six_to_four = IPv6Address((0x2002 << 112) + (number << 80) + 1)
    teredo = IPv6Address((0x20010000 << 96) + (0x41D00001 << 64) + (number ^ 0xFFFFFFFF))
    return [*whole, six_to_four, teredo]


def hosts() -> list[str]:
    """Give every hostile host, once."""
    found = [host for text in INSIDE4 for host in disguised(IPv4Address(text))]
    found += [f"[{text}]" for text in INSIDE6] + [f"[{text}%25eth0]" for text in INSIDE6] + NAMES
    return list(dict.fromkeys(found))


def urls() -> list[str]:
    """Give every hostile URL that needs no look at any name, once."""
    found = [f"https://{host}/latest/meta-data/" for host in hosts()]
    for host in ("example.com", "127.0.0.1", "[::1]"):
        found += [
            f"https://{who}{host}/" for who in ("@", "user@", "user:pw@", "example.com@", "example.com:443@", "a%40b@")
        ]
        found += [
            f"{scheme}://{host}/" for scheme in ("ftp", "file", "gopher", "dict", "ldap", "ws", "jar", "unix", "data")
        ]
        found += [f"https:{slashes}{host}/" for slashes in ("", "/", "///", "\\\\", "/\\", "\\/")]
        found += [
            f"https://{host}{odd}/" for odd in ("\\@example.org", "\t", "\n", "\r\nHost: a", " ", "\x00", "\u2028")
        ]
        found += [
            f"https://{host}:{port}/" for port in ("0", "22", "25", "80", "6379", "65536", "99999", "-1", "+443", "x")
        ]
    return list(dict.fromkeys(found))


def answers() -> list[str]:
    """Give every address inside that a resolver may answer with."""
    found = [*INSIDE4, *INSIDE6]
    found += [str(six) for text in INSIDE4 for six in carried(IPv4Address(text))]
    return list(dict.fromkeys(found))
