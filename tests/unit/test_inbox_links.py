"""Links in what people wrote: addresses of web pages, and nothing that hides in them."""

import re
import time
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from picha.gateway.inbox.links import linked

_LINK = re.compile(r'<a href="([^"<>]*)" target="_blank" rel="noopener noreferrer nofollow">([^<>]*)</a>')


def links(text: str) -> list[str]:
    return [unescape(href) for href, _ in _LINK.findall(str(linked(text)))]


# What the handset draws links of, too.
TEXTS = [
    ("See https://duka.example/kitenge?n=1&m=2#blue.", ["https://duka.example/kitenge?n=1&m=2#blue"]),
    ("(https://duka.example/a_(b)), HTTP://DUKA.EXAMPLE!", ["https://duka.example/a_(b)", "HTTP://DUKA.EXAMPLE"]),
    (
        "https://duka.example:8443/\nhttp://[2001:db8::1]/x",
        ["https://duka.example:8443/", "http://[2001:db8::1]/x"],
    ),
    (
        "https://kitenge.example/\u0645\u0631\u062d\u0628\u0627",
        ["https://kitenge.example/\u0645\u0631\u062d\u0628\u0627"],
    ),
    ("javascript:alert(1) data:text/html,x ftp://x.example //x.example x.example", []),
    ("https:// http://. https://: https:///x@y https://[ xhttps://a.example", []),
    ("https://bank.example@evil.example/ https://me:word@bank.example", []),
    ("https://a.example/\u202egnp.exe https://b.example\\\\c", ["https://a.example/", "https://b.example"]),
    ('https://a.example/"onclick="alert(1)', ["https://a.example/"]),
    ("[https://a.example/x[1]], {https://b.example}", ["https://a.example/x[1]", "https://b.example"]),
    ("https://a.example/(x))) https://b.example/)(", ["https://a.example/(x)", "https://b.example/)("]),
]


@pytest.mark.parametrize(("text", "found"), TEXTS)
def test_addresses_of_web_pages_are_links_and_nothing_else_is(text: str, found: list[str]) -> None:
    assert links(text) == found


@given(
    st.lists(st.sampled_from(["https://", "a.example", "<b>", '"', "'", "&amp;", "@", ")", "(", ".", " ", "\u202e"]))
)
@example(["https://a.example/", "<script>alert(1)</script>"])
@example(["https://a", ")" * 4000])
def test_a_text_reads_as_it_was_written_and_brings_no_markup_of_its_own(parts: list[str]) -> None:
    text = "".join(parts)
    drawn = _LINK.sub(r"\2", str(linked(text)))

    assert not re.search("[<>\"']", drawn)
    assert unescape(drawn) == text


def test_what_ends_an_address_is_counted_once_however_much_it_is() -> None:
    much = ")]}." * 500_000
    begun = time.monotonic()

    assert links(f"https://a.example/{much} https://b.example/{much}x") == [
        "https://a.example/",
        f"https://b.example/{much}x",
    ]

    # Where they are counted anew for each of them it takes an hour.
    assert time.monotonic() - begun < 60
