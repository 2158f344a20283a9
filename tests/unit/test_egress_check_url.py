from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picha.egress import LIVE, TEST, Policy, Refused, check_url

WELCOME = {
    "https://example.com/receipt.jpg": "example.com",
    "HTTPS://EXAMPLE.com/r.jpg?sig=a%2Fb&x=1#top": "example.com",
    "https://example.com:443/": "example.com",
    "https://cdn.example.com:8443/a/b": "cdn.example.com",
    "https://my_bucket.s3.amazonaws.com/x": "my_bucket.s3.amazonaws.com",
    "https://93.184.216.34/x.png": "93.184.216.34",
    "https://[2606:4700:4700::1111]/x.png": "2606:4700:4700::1111",
    "https://b\u00fccher.example/x.png": "xn--bcher-kva.example",
    "https://xn--bcher-kva.example/x.png": "xn--bcher-kva.example",
    "https://example.com": "example.com",
    "https://1and1.com/": "1and1.com",
}

# Hostile in live: the reason each must be refused for.
HOSTILE = {
    "": "malformed",
    "example.com/x.jpg": "malformed",
    "//example.com/x.jpg": "malformed",
    "https:/example.com/": "malformed",
    "https:example.com": "malformed",
    "https:///x.jpg": "host",
    "https://": "host",
    "https://?x": "host",
    "https://:443/": "host",
    "http://example.com/": "scheme",
    "ftp://example.com/": "scheme",
    "file:///etc/passwd": "scheme",
    "gopher://example.com/": "scheme",
    "data:image/png;base64,AAAA": "malformed",
    "javascript:alert(1)": "malformed",
    "unix:///var/run/docker.sock": "scheme",
    " https://example.com/": "malformed",
    "https://example.com/a b": "malformed",
    "https://example.com/\r\nHost: evil": "malformed",
    "https://example.com\t/": "malformed",
    "https://exam\nple.com/": "malformed",
    "https://example.com\x00.evil.example/": "malformed",
    "https://example.com\\@127.0.0.1/": "malformed",
    "https:\\\\example.com/": "malformed",
    "https://example.com/..\\..\\x": "malformed",
    "https://exa\u200bmple.com/": "malformed",
    "https://exa\xadmple.com/": "malformed",
    "https://example.com\u2028/": "malformed",
    "https://example.com/\ud800": "malformed",
    "https://user@example.com/": "userinfo",
    "https://user:secret@example.com/": "userinfo",
    "https://@example.com/": "userinfo",
    "https://example.com@127.0.0.1/": "userinfo",
    "https://example.com:80@evil.example/": "userinfo",
    "https://a@b@example.com/": "userinfo",
    "https://example.com:80/": "port",
    "https://example.com:22/": "port",
    "https://example.com:0/": "port",
    "https://example.com:6379/": "port",
    "https://example.com:65536/": "port",
    "https://example.com:-1/": "host",
    "https://example.com:+443/": "host",
    "https://example.com:443:443/": "host",
    "https://example.com:\u0664\u0664\u0663/": "host",
    "https://0x7f.1/": "host",
    "https://0x7f000001/": "host",
    "https://0X7F.0.0.1/": "host",
    "https://0x/": "host",
    "https://2130706433/": "host",
    "https://0177.0.0.1/": "host",
    "https://017700000001/": "host",
    "https://127.1/": "host",
    "https://127.0.1/": "host",
    "https://0/": "host",
    "https://127.0.0.1./": "host",
    "https://256.256.256.256/": "host",
    "https://1.2.3.4.5/": "host",
    "https://127.0.0.01/": "host",
    "https://example.0x7f/": "host",
    "https://4294967297/": "host",
    "https://127.0.0.1/": "address",
    "https://0.0.0.0/": "address",
    "https://10.0.0.1/": "address",
    "https://172.16.0.1/": "address",
    "https://192.168.1.1/": "address",
    "https://169.254.169.254/latest/meta-data/": "address",
    "https://100.64.0.1/": "address",
    "https://224.0.0.1/": "address",
    "https://255.255.255.255/": "address",
    "https://[::1]/": "address",
    "https://[::]/": "address",
    "https://[::ffff:127.0.0.1]/": "address",
    "https://[::ffff:8.8.8.8]/": "address",
    "https://[0:0:0:0:0:ffff:7f00:1]/": "address",
    "https://[64:ff9b::7f00:1]/": "address",
    "https://[2002:7f00:1::]/": "address",
    "https://[fe80::1]/": "address",
    "https://[fd00:ec2::254]/": "address",
    "https://[fe80::1%25eth0]/": "host",
    "https://[fe80::1%eth0]/": "host",
    "https://[v1.fe80]/": "host",
    "https://[127.0.0.1]/": "host",
    "https://[::1/": "host",
    "https://::1/": "host",
    "https://localhost/": "address",
    "https://LOCALHOST/": "address",
    "https://app.localhost/": "address",
    "https://localhost./": "host",
    "https://example.com./": "host",
    "https://.example.com/": "host",
    "https://exa..mple.com/": "host",
    "https://-example.com/": "host",
    "https://127%2e0%2e0%2e1/": "host",
    "https://%6c%6f%63alhost/": "host",
    "https://\uff11\uff12\uff17.0.0.1/": "host",
    "https://127\u30020\u30020\u30021/": "host",
    "https://127\uff0e0\uff0e0\uff0e1/": "host",
    "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/": "host",
    "https://\u0661\u0662\u0667.\u0660.\u0660.\u0661/": "host",
    "https://\u2460\u2461\u2466.0.0.1/": "host",
    "https://lo\u212aalhost/": "host",
    "https://example\uff0ecom/": "host",
    "https://example.com\uff0f@127.0.0.1/": "userinfo",
    "https://" + "a." * 127 + "com/": "host",
    "https://" + "a" * 64 + ".com/": "host",
    "https://exa$mple.com/": "host",
    "https://<script>.com/": "host",
    "https://example.com/" + "a" * 9000: "malformed",
}


@pytest.mark.parametrize(("url", "host"), WELCOME.items())
def test_a_plain_https_url_is_let_through(url: str, host: str) -> None:
    assert check_url(url, LIVE).host == host


@pytest.mark.parametrize(("url", "reason"), HOSTILE.items())
def test_a_hostile_url_is_refused_in_live(url: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        check_url(url, LIVE)

    assert (refused.value.reason, bool(refused.value.detail)) == (reason, True)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9123/x.jpg", "http://localhost/x", "http://[::1]:80/", "https://example.com:9999/"]
)
def test_the_test_policy_admits_http_loopback_and_any_port(url: str) -> None:
    assert check_url(url, TEST).port


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://0.0.0.0/",
    ],
)
def test_the_test_policy_refuses_every_other_private_address(url: str) -> None:
    with pytest.raises(Refused, match="not public"):
        check_url(url, TEST)


@pytest.mark.parametrize("url", ["http://2130706433/", "http://127.1/", "http://127\u30020\u30020\u30021/"])
def test_the_test_policy_refuses_loopback_in_disguise(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, TEST)


def test_a_network_named_by_the_operator_is_admitted_and_its_neighbour_is_not() -> None:
    policy = Policy(allowed_networks=(IPv4Network("10.1.0.0/16"),))

    assert check_url("https://10.1.2.3/", policy).literal is not None
    with pytest.raises(Refused):
        check_url("https://10.2.0.1/", policy)


def test_a_fragment_is_dropped_before_the_request() -> None:
    assert str(check_url("https://example.com/x#part", LIVE).url) == "https://example.com/x"


def test_a_signed_query_reaches_the_server_as_it_was_written() -> None:
    assert check_url("https://example.com/x?sig=a%2Fb%3D&e=%20", LIVE).url.raw_query_string == "sig=a%2Fb%3D&e=%20"


@given(st.text(max_size=80))
def test_any_text_is_either_a_target_or_refused(text: str) -> None:
    _try(text)


@given(st.text(max_size=40), st.text(max_size=10))
def test_any_authority_is_either_a_target_or_refused(authority: str, path: str) -> None:
    _try(f"https://{authority}/{path}")


@given(st.lists(st.sampled_from([*"0123456789.xXaf:[]%@/\\-\u3002\uff11", "127", "0x7f", "localhost"]), max_size=12))
def test_no_arrangement_of_number_parts_gives_a_private_literal(parts: list[str]) -> None:
    _try("https://" + "".join(parts) + "/")


def _try(url: str) -> None:
    try:
        target = check_url(url, LIVE)
    except Refused:
        return
    assert target.url.scheme == "https"
    assert target.literal is None or LIVE.refusal(target.literal) is None
