"""What the page keeps out and keeps to itself: hostile words, other origins, the token; and whom it serves."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Window
from tests.browser.handsets import Handset, sent, stranger, written
from tests.unit.test_inbox_links import TEXTS

from picha.testing import Sandbox, SandboxOptions, running

HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title='taken'\">",
    "</textarea></title><svg/onload=document.title='taken'>",
    "\"'><iframe srcdoc=\"<script>parent.document.title='taken'</script>\">",
    "javascript:document.title='taken'",
    'https://x.example/"onclick="alert(1) https://x.example/\'><mark onclick=alert(1)>',
    "{{constructor.constructor('document.title=1')()}} ${document.title}",
    "\u202egnp.exe\u202c \u2066hidden\u2069",
    "a\u0301\u0327" * 200,
    "W" * 600,
    "\u0000\u0007\ufffe\U000e0041 control",
    "&lt;b&gt; &amp;amp; &#x3C;i&#x3E; %3Cscript%3E",
    "data-key=\"1\" class='message' onclick=alert(1) \n\n\r\n[CDATA[ ]]> --!> <!--",
)


@pytest.mark.parametrize("words", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_words_in_names_and_captions_are_words(window: Window, shop: Sandbox, words: str) -> None:
    person = stranger()
    written(shop, person, type="image", caption=words, name=words[:200], referral={"headline": words, "body": words})
    wamid = sent(shop, person, image={"link": shop.photo_url, "caption": words})
    reply = written(shop, person, text=words, reply_to=wamid)
    phone = Handset(window, shop).hold(person)
    mine = phone.page.locator(f'[data-id="{reply}"]')
    expect(mine).to_be_visible()
    expect(phone.bubbles).to_have_count(3)

    shown = phone.page.evaluate(
        "[...document.querySelectorAll('.message .bubble > .words')].map(one => one.textContent)"
    )
    phone.page.locator("#person").click()
    expect(phone.page.get_by_role("group", name="People")).to_contain_text(re.sub(r"\s+", " ", words[:5]).strip())
    phone.page.keyboard.press("Escape")
    phone.bubbles.first.get_by_role("button", name="Open the picture").click()

    assert shown == [words] * 3
    assert phone.page.title() == "Handset \u00b7 Picha sandbox"
    assert phone.page.locator("script").count() == 1
    assert phone.page.locator("iframe, svg[onload], img[onerror], mark, a[onclick]").count() == 0
    links = phone.page.locator(".words a, .advert a").evaluate_all("all => all.map(one => [one.origin, one.rel])")
    assert {tuple(one) for one in links} <= {("https://x.example", "noopener noreferrer nofollow")}
    assert bool(links) == ("https:" in words)
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("text", "found"), TEXTS)
def test_addresses_of_web_pages_are_links_as_in_the_inbox(
    window: Window, shop: Sandbox, text: str, found: list[str]
) -> None:
    person = stranger()
    written(shop, person, text=text)
    phone = Handset(window, shop).hold(person)
    expect(phone.bubbles).to_have_count(1)

    links = phone.page.locator(".words a").evaluate_all("all => all.map(one => one.getAttribute('href'))")

    assert links == found
    assert phone.page.locator(".words").evaluate("one => one.textContent") == text


def test_a_text_of_brackets_holds_nobody_up(window: Window, shop: Sandbox) -> None:
    Handset(window, shop).hold(stranger())

    took_ms = window.page.evaluate(
        """async (text) => {
            const { linked } = await import(new URL("dom.js", document.querySelector("script").src));
            const begun = performance.now();
            linked(text);
            return performance.now() - begun;
        }""",
        f"https://a{')' * 6000}b",
    )

    # Where each is looked for anew in all of it, it takes a minute.
    assert took_ms < 10_000


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(window: Window, shop: Sandbox) -> None:
    asked: list[str] = []
    window.page.on("request", lambda request: asked.append(request.url))
    Handset(window, shop).hold("16505551234")

    with urlopen(f"{shop.base_url}/handset") as answer:
        policy, page = answer.headers["Content-Security-Policy"], answer.read().decode()
    kept = [url for url in asked if re.search(r"/handset/[0-9a-f]{16}/", url)]

    assert all(url.startswith((shop.base_url, "blob:")) for url in asked)
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for url in kept:
        with urlopen(url) as answer:
            assert "immutable" in answer.headers["Cache-Control"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert len(kept) >= 10


@pytest.mark.parametrize("path", ["/handset/0000000000000000/handset.js", "/handset/x", "/handset/../journal.jsonl"])
def test_there_are_no_other_files(window: Window, shop: Sandbox, path: str) -> None:
    answer = window.page.request.get(shop.base_url + path)

    assert answer.status in (400, 401, 404)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1024, 1920])
def test_nobody_is_hindered(open_window: Callable[..., Window], shop: Sandbox, width: int, *, is_dark: bool) -> None:
    phone = Handset(open_window(width=width, height=900, is_dark=is_dark), shop).hold(stranger())
    asked = written(shop, phone.person, type="image", caption="Mine", forwarded=True, referral={"headline": "An ad"})
    sent(shop, phone.person, context={"message_id": asked}, image={"link": shop.photo_url, "caption": "Yours"})
    expect(phone.bubble("Yours")).to_be_visible()
    shop.fail_next(131026)
    found = phone.window.audit()

    for name in ("Time", "Break", "Webhooks", "Ledger"):
        phone.view(name)
        found += phone.window.audit()
    if width == 360:
        phone.page.get_by_role("navigation", name="Views").get_by_role("button", name="Phone").click()
    phone.page.locator("#person").click()
    expect(phone.page.get_by_role("group", name="People").get_by_role("button").first).to_be_visible()
    found += phone.window.audit()
    phone.page.keyboard.press("Escape")
    phone.choose("Attach", "Sample photo: a receipt")
    expect(phone.page.get_by_label("Caption")).to_be_visible()
    found += phone.window.audit()
    phone.page.get_by_role("button", name="Send picture").click()
    phone.page.get_by_role("button", name="Chat options").click()
    found += phone.window.audit()
    shop.clear_faults()

    assert found == []
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= width


def test_where_there_is_a_token_the_page_asks_for_it_once(window: Window, tmp_path: Path) -> None:
    config = tmp_path / "sandbox.toml"
    config.write_text('control_token = "known-to-tests"\nladder = "0,0,0"\n')
    with running(SandboxOptions(config=config)) as sandbox:
        page = window.page
        page.goto(f"{sandbox.base_url}/handset")
        page.locator("input[name=token]").fill("a wrong one")
        page.get_by_role("button", name="Open").click()
        expect(page.get_by_text("That was not the control token")).to_be_visible()
        page.locator("input[name=token]").fill("known-to-tests")
        page.get_by_role("button", name="Open").click()

        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.locator(".picture img")).to_have_js_property("naturalWidth", 1024)
        page.reload()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        phone = Handset(window, sandbox, "16505551234")
        phone.choose("Attach", "Sample photo: a plant")
        page.get_by_role("button", name="Send picture").click()
        expect(page.locator(".message")).to_have_count(2)
        assert "known-to-tests" not in page.content()
        assert "known-to-tests" not in page.url
        page.goto("about:blank")
    # The browser notes each refusal.
    window.complaints[:] = [said for said in window.complaints if "401" not in said]


def test_a_sandbox_that_stops_ends_the_page_s_stream_and_is_found_again(window: Window, tmp_path: Path) -> None:
    with running(SandboxOptions(home=tmp_path / "home")) as sandbox:
        phone = Handset(window, sandbox).hold("16505551234")
        begun = time.monotonic()
    took_s = time.monotonic() - begun

    expect(phone.page.get_by_text("Reconnecting")).to_be_visible()
    assert took_s < 1.9
    # The browser notes that nobody answers.
    phone.page.goto("about:blank")
    window.complaints.clear()
