from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.kit.addresses import refusal

PUBLIC = ["8.8.8.8", "93.184.216.34", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"]
PUBLIC6 = ["2606:4700:4700::1111", "2a00:1450:4009:80b::200e", "2001:200::1", "2400::1"]

REFUSED = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "this network",
    "10.0.0.0": "private",
    "10.255.255.255": "private",
    "100.64.0.1": "shared by a carrier's NAT",
    "100.100.100.200": "cloud metadata",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "cloud metadata",
    "169.254.169.254": "cloud metadata",
    "169.254.0.1": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "protocol assignments",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4 relay",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "unspecified",
    "::1": "loopback",
    "::ffff:8.8.8.8": "IPv4-mapped",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "::8.8.8.8": "IPv4-compatible",
    "::ffff:0:127.0.0.1": "IPv4-translated",
    "64:ff9b::8.8.8.8": "NAT64",
    "64:ff9b::a9fe:a9fe": "NAT64",
    "64:ff9b:1::1": "NAT64",
    "100::1": "discard-only",
    "2001::1": "Teredo",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "Teredo",
    "2001:2::1": "benchmarking",
    "2001:10::1": "ORCHID",
    "2001:20::1": "ORCHID",
    "2001:1::1": "protocol assignments",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "2002:808:808::1": "6to4",
    "3fff::1": "documentation",
    "5f00::1": "reserved",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "fd00:ec2::254": "cloud metadata",
    "fe80::1": "link-local",
    "fe80::1%eth0": "bound to an interface",
    "2606:4700::1%eth0": "bound to an interface",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "2606:4700::5efe:7f00:1": "ISATAP",
    "2606:4700::200:5efe:a00:1": "ISATAP",
    "4000::1": "reserved",
}


@pytest.mark.parametrize("text", PUBLIC + PUBLIC6)
def test_a_public_address_is_not_refused(text: str) -> None:
    assert refusal(ip_address(text)) is None


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_an_address_that_is_not_public_is_refused_for_its_reason(text: str, reason: str) -> None:
    assert refusal(ip_address(text)) == reason


@given(st.ip_addresses(v=4))
def test_whatever_the_standard_library_calls_not_global_is_refused_in_ipv4(ip: IPv4Address) -> None:
    assert refusal(ip) is not None or ip.is_global


@given(st.ip_addresses(v=6))
def test_whatever_the_standard_library_calls_not_global_is_refused_in_ipv6(ip: IPv6Address) -> None:
    assert refusal(ip) is not None or ip.is_global


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_gets_through_inside_an_ipv6_one(inner: IPv4Address) -> None:
    packed = int(inner)
    wrapped = [
        IPv6Address(packed),
        IPv6Address(0xFFFF << 32 | packed),
        IPv6Address(0xFFFF << 48 | packed),
        IPv6Address(0x0064FF9B << 96 | packed),
        IPv6Address(0x2002 << 112 | packed << 80),
        IPv6Address(0x20010000 << 96 | packed ^ 0xFFFFFFFF),
        IPv6Address(0x26064700 << 96 | 0x5EFE << 32 | packed),
    ]

    assert all(refusal(ip) for ip in wrapped)
