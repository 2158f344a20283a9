"""A thread: what it shows, that it lives, and that who reads in it keeps their place."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Locator, Page, Response, Route, expect
from tests.browser.conftest import Window, remarked, remarked_only
from tests.browser.speaking import api, heard, photo, stranger, thread_of, until, writes
from tests.browser.test_conversations import HOSTILE
from tests.browser.test_sign_in import SHAPES
from tests.browser.threads import becomes, control, in_database, opened, sends, spoil, uploaded
from tests.journeys.running import House

from picha.gateway.store.embedded import EmbeddedPostgres
from picha.kit.clock import SystemClock

LOADED = "image => image.complete && image.naturalWidth > 0"
AT_END = "document.getElementById('talk-scroll').scrollTop > -10"


@dataclass
class Scene:
    """A customer and the thread with them."""

    customer: str
    thread: str


@pytest.fixture(scope="module")
def shop(house: House) -> Scene:
    """A thread in which everything happened once."""
    customer = stranger()
    ad = {"source_url": "https://fb.me/xyz", "source_type": "ad", "headline": "Kitenge week", "body": "Half price"}
    ad |= {"media_type": "image", "image_url": "https://ads.example/kitenge.jpg"}
    first = heard(house, writes(house, customer, name="Asha Mwangi", caption="In blue?", referral=ad))
    ours = sends(house, customer, "Yes, this is it", file_id=uploaded(house, base64.b64decode(photo(20))))
    wamid = becomes(house, ours, "read")["provider_message_id"]
    writes(house, customer, type="reaction", reaction={"message_id": wamid, "emoji": "❤️"})
    writes(house, customer, type="text", text="Two metres please", reply_to=wamid)
    writes(house, customer, image_base64=photo(200), forwarded=True)
    writes(house, customer, image_base64=photo(120, size=(1200, 400)), frequently_forwarded=True, caption="هذا؟")
    wrong = heard(house, writes(house, customer, type="text", text="Ths one"))["provider_message_id"]
    writes(house, customer, type="edit", original_message_id=wrong, text="This one")
    mistake = heard(house, writes(house, customer, type="text", text="Oops, wrong chat"))["provider_message_id"]
    writes(house, customer, type="revoke", original_message_id=mistake)
    writes(house, customer, type="unsupported", unsupported={"type": "poll"})
    writes(house, customer, type="failed_image")
    control(house, "/echo", {"to": customer, "type": "text", "text": "Sent from the shop"})
    heard(house, writes(house, customer, type="text", text="Asante"))
    return Scene(customer, first["conversation_id"])


def bubble(page: Page, text: str) -> Locator:
    return page.locator(".msg").filter(has_text=text).last


def all_heard(house: House, last: str, count: int) -> str:
    """Return the thread of a message once so many are in it: what comes at once may come in any order."""
    thread: str = heard(house, last)["conversation_id"]
    path = f"/v1/whatsapp/messages?conversation_id={thread}&limit=1"
    until(lambda: api(house, "GET", path)["total"] == count or None)
    return thread


def settled(one: Locator) -> Any:
    """Return the box of something once it has come to rest."""
    one.evaluate("one => Promise.all(one.getAnimations().map((each) => each.finished))")
    return one.bounding_box()


def top_of(one: Locator) -> float:
    box = one.bounding_box()
    assert box is not None
    return box["y"]


@pytest.mark.parametrize(("width", "is_dark"), SHAPES)
def test_a_thread_opens_at_any_width_in_both_themes(
    inside: Callable[..., Window], house: House, shop: Scene, *, width: int, is_dark: bool
) -> None:
    window = inside(width=width, is_dark=is_dark)

    page = opened(window, house, shop.thread)

    expect(page.locator("#talk-name")).to_have_text("Asha Mwangi")
    expect(page.locator("#talk-window")).to_contain_text("23 h")
    expect(page.locator("#show-number")).to_be_in_viewport()
    assert window.audit() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_messages_show_what_they_are_as_phones_do(inside: Callable[..., Window], house: House, shop: Scene) -> None:
    page = opened(inside(), house, shop.thread)

    ad = bubble(page, "In blue?")
    expect(ad.locator(".msg-ad")).to_contain_text("Kitenge week")
    source = ad.get_by_role("link", name="https://fb.me/xyz")
    expect(source).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(ad.get_by_title("Its picture lies elsewhere and is not fetched")).to_be_visible()
    assert page.locator("[src*='ads.example']").count() == 0
    ours = page.locator(".msg.is-mine").filter(has_text="Yes, this is it")
    expect(ours.locator(".tick")).to_have_text("Read")
    expect(ours.locator(".msg-reactions")).to_contain_text("❤️")
    answer = bubble(page, "Two metres please")
    expect(answer.locator(".msg-quote-text")).to_have_text("Yes, this is it")
    expect(page.locator(".msg-mark")).to_have_count(3)
    # Nobody promises that what was written at once comes in that order.
    assert sorted(page.locator(".msg-mark").all_inner_texts()) == ["Forwarded", "Forwarded many times", "From an ad"]
    edited = bubble(page, "This one")
    expect(edited.locator(".msg-foot")).to_contain_text("Edited")
    expect(page.locator(".msg-revoked summary")).to_have_text("Asha Mwangi took this message back")
    expect(bubble(page, "of the kind poll")).to_be_visible()
    expect(bubble(page, "The picture is not here")).to_be_visible()
    expect(bubble(page, "Sent from the shop").locator(".msg-foot")).to_contain_text("Sent from the phone")
    expect(page.locator(".divider-day")).to_have_text(["Today"])


def test_a_quote_leads_to_what_it_quotes(inside: Callable[..., Window], house: House, shop: Scene) -> None:
    page = opened(inside(), house, shop.thread)
    page.evaluate("document.getElementById('talk-scroll').scrollTop = 0")

    page.locator(".msg-quote").click()

    expect(page.locator(".msg.is-found")).to_contain_text("Yes, this is it")
    expect(page.locator(".msg.is-found")).to_be_focused()


def test_the_number_is_seen_when_it_is_asked_for(inside: Callable[..., Window], house: House, shop: Scene) -> None:
    page = opened(inside(), house, shop.thread)
    digits = shop.customer
    number = page.locator("#talk-number")
    expect(number).to_have_text(f"+255 7•• ••• {digits[-3:]}")
    assert digits[4:10] not in page.content().replace(" ", "")

    page.locator("#show-number").click()

    expect(number).to_have_text(f"+{digits[:3]} {digits[3:6]} {digits[6:9]} {digits[9:]}")
    page.locator("#show-number").click()
    expect(number).to_have_text(f"+255 7•• ••• {digits[-3:]}")


def test_whatever_people_write_is_text(inside: Callable[..., Window], house: House) -> None:
    customers = [stranger() for _ in HOSTILE]
    for n, (customer, words) in enumerate(zip(customers, HOSTILE, strict=True)):
        writes(house, customer, name=words, caption=f"{words} in a caption", image_base64=photo(n))
        last = writes(house, customer, name=words, type="text", text=f"{words} in a text")
        all_heard(house, last, 2)
    window = inside(width=360)

    for customer, words in zip(customers, HOSTILE, strict=True):
        page = opened(window, house, thread_of(house, customer))

        texts = page.locator(".msg-text").evaluate_all("all => all.map(one => one.textContent)")
        assert sorted(texts) == [f"{words} in a caption", f"{words} in a text"]
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.locator("#talk-name").inner_text().strip()
        assert page.locator("script:not([src]), [onerror], [onmouseover], h1:has-text('Owned')").count() == 0
        links = page.locator(".msg-text a").evaluate_all("all => all.map(one => [one.origin, one.rel, one.target])")
        assert links == [["https://x.example", "noopener noreferrer nofollow", "_blank"]] * 2 * ("https" in words)


def test_an_address_opens_in_a_tab_of_its_own_also_from_a_caption(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    caption = f"This one: {house.ready.sandbox_url}/?kitenge=blue&size=2."
    thread = heard(house, writes(house, customer, caption=caption, image_base64=photo(7)))["conversation_id"]
    page = opened(inside(), house, thread)
    page.locator(".msg-picture").click()

    for place in ("#lightbox-caption", ".msg-text"):
        expect(page.locator(place)).to_have_text(caption)
        with page.expect_popup() as opening:
            page.locator(place).get_by_role("link").click()
        assert opening.value.url == f"{house.ready.sandbox_url}/?kitenge=blue&size=2"
        assert opening.value.evaluate("[opener, document.referrer]") == [None, ""]
        opening.value.close()
        page.keyboard.press("Escape")


def test_a_picture_is_there_a_second_after_it_came_and_its_place_before(
    inside: Callable[..., Window], house: House, shop: Scene
) -> None:
    page = opened(inside(), house, shop.thread)
    spoil(house, "download", {"delay_ms": 1500})

    writes(house, shop.customer, image_base64=photo(33, size=(800, 600)), caption="Just taken")

    # The figure is the benchmark's; this is what it may be on a busy machine.
    coming = bubble(page, "Just taken")
    coming.wait_for(timeout=4_000)
    expect(coming.locator(".spinner")).to_be_visible()
    room = settled(coming)
    expect(coming.locator(".msg-picture img")).to_be_visible(timeout=8_000)
    assert coming.bounding_box() == room
    expect(coming.locator(".spinner")).to_have_count(0)
    assert page.evaluate(AT_END)


def test_ticks_change_and_the_picture_beside_them_stays(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    heard(house, writes(house, customer, type="text", text="Hello"))
    page = opened(inside(), house, thread_of(house, customer))
    spoil(house, "messages", {"delay_ms": 1200}, to=customer)

    sends(house, customer, "Look", file_id=uploaded(house, base64.b64decode(photo(44))))
    sent = bubble(page, "Look")
    sent.locator(".tick-pending").wait_for()
    page.locator(".msg-picture img").evaluate("image => { image.dataset.same = 'yes'; }")

    expect(sent.locator(".tick-read")).to_be_visible()
    expect(page.locator(".msg-picture img")).to_have_attribute("data-same", "yes")


def test_opening_a_thread_reads_it_here_and_marks_where_that_began(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    for n in range(3):
        last = writes(house, customer, type="text", text=f"Question {n}")
    thread = all_heard(house, last, 3)

    page = opened(inside(), house, thread)

    expect(page.locator("#unread")).to_have_text("3 unread messages")
    until(lambda: api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"] == 0 or None)
    expect(page.locator(f".thread[data-id='{thread}'] .row-unread")).to_have_count(0)
    with page.expect_request("**/read") as asked:
        writes(house, customer, type="text", text="And another")
    bubble(page, "And another").wait_for()
    newest = page.locator(".msg").last.get_attribute("data-at")
    assert parse_qs(asked.value.post_data or "")["up_to"] == [newest]
    until(lambda: api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"] == 0 or None)


def test_what_could_not_be_counted_as_read_is_so_later(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    thread = heard(house, writes(house, customer, type="text", text="Hello"))["conversation_id"]
    window = inside()
    page = window.page
    page.route("**/read", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/read")):
        opened(window, house, thread)

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    until(lambda: api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"] == 0 or None)
    remarked(window, "ERR_FAILED")


@pytest.mark.parametrize("hindrance", ["answered 503", "cut off"])
def test_a_message_that_could_not_be_had_at_once_is_asked_for_again_and_read_then(
    inside: Callable[..., Window], house: House, hindrance: str
) -> None:
    customer = stranger()
    thread = heard(house, writes(house, customer, type="text", text="Hello"))["conversation_id"]
    window = inside()
    page = opened(window, house, thread)

    def hinder(route: Route) -> None:
        if hindrance == "cut off":
            route.abort()
        else:
            route.fulfill(status=503, body="{}")

    page.route("**/messages?ids=*", hinder, times=1)

    with page.expect_request("**/messages?ids=*"):
        writes(house, customer, type="text", text="Do not miss me")

    expect(bubble(page, "Do not miss me")).to_be_visible()
    until(lambda: api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"] == 0 or None)
    remarked(window, "ERR_FAILED" if hindrance == "cut off" else "status of 503")


def test_nothing_is_counted_as_read_while_something_may_not_be_drawn(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    thread = heard(house, writes(house, customer, type="text", text="Hello"))["conversation_id"]
    window, refused = inside(), []
    page = opened(window, house, thread)

    def unread() -> int:
        count: int = api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"]
        return count

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503, body="{}")

    until(lambda: unread() == 0 or None)
    page.route("**/newest", refuse)
    with page.expect_request("**/newest"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    writes(house, customer, type="text", text="Newer than what is missing")
    expect(bubble(page, "Newer than what is missing")).to_be_visible()
    with page.expect_request("**/newest"):
        pass
    assert unread() == 1

    page.unroute("**/newest")

    until(lambda: unread() == 0 or None)
    remarked(window, *["status of 503"] * len(refused))


def test_a_draft_goes_with_the_conversation_that_a_colleague_deletes(
    inside: Callable[..., Window], house: House
) -> None:
    thread = heard(house, writes(house, stranger(), name="Zawadi", type="text", text="Hello"))["conversation_id"]
    window = inside()
    page = opened(window, house, thread)
    page.get_by_label("Message to Zawadi").fill("Not sent yet")
    kept = f"() => Object.keys(localStorage).some((name) => name.endsWith('{thread}'))"
    page.wait_for_function(kept)

    address = f"{house.ready.inbox_url}/conversations/{thread}/delete"
    page.request.post(address, headers={"Origin": house.ready.api_url}, max_redirects=0)

    page.wait_for_url(house.ready.inbox_url)
    assert not page.evaluate(kept)
    remarked_only(window, "status of 404")


def test_who_reads_further_up_is_told_of_news_and_stays(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    for n in range(130):
        last = writes(house, customer, type="text", text=f"Line {n}")
    page = opened(inside(), house, all_heard(house, last, 130))
    expect(page.locator(".msg")).to_have_count(60)
    # What a customer says at once may be heard in another order.
    place = bubble(page, page.locator(".msg .msg-text").first.inner_text())
    place.scroll_into_view_if_needed()
    until(lambda: page.locator(".msg").count() > 60 or None)
    place.scroll_into_view_if_needed()
    before = top_of(place)

    writes(house, customer, type="text", text="One more")
    bubble(page, "One more").wait_for()

    assert abs(top_of(place) - before) < 1
    chip = page.get_by_role("button", name="1 new message")
    chip.click()
    expect(bubble(page, "One more")).to_be_in_viewport()
    expect(chip).to_be_hidden()
    for _ in range(3):
        page.locator(".msg").first.scroll_into_view_if_needed()
    until(lambda: page.locator(".msg").count() == 131 or None)
    texts = page.locator(".msg-text").all_text_contents()
    ids = page.locator(".msg").evaluate_all("all => all.map(one => one.dataset.id)")
    assert sorted(texts) == sorted([*(f"Line {n}" for n in range(130)), "One more"])
    assert ids == sorted(ids)


def test_days_are_told_apart_each_before_its_first_message_also_where_a_page_begins_within_one(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    for n in range(65):
        last = writes(house, customer, type="text", text=f"Line {n}")
    thread = all_heard(house, last, 65)
    # Noon is of the same day nearly everywhere, and the page's clock stands still there: no midnight comes between.
    today = SystemClock().now().replace(hour=12, minute=0, second=0, microsecond=0)
    long_ago, lately = today - timedelta(days=20), today - timedelta(days=4)
    begun = {0: long_ago, 3: lately, 20: today - timedelta(days=1), 60: today}
    with psycopg.connect(EmbeddedPostgres(house.home).dsn) as connection:
        asked = "SELECT id FROM message WHERE conversation_id = %s ORDER BY id"
        ids = [one for (one,) in connection.execute(asked, [thread])]
        written = "UPDATE message SET created_at = %s WHERE conversation_id = %s AND id >= %s"
        for place, moment in begun.items():
            connection.execute(written, [moment, thread, ids[place]])
    window = inside()
    window.page.clock.set_fixed_time(today)

    page = opened(window, house, thread)

    dividers = page.locator(".divider-day")
    followers = "all => all.map(one => one.nextElementSibling.dataset.id)"
    expect(page.locator(".msg")).to_have_count(60)
    expect(dividers).to_have_text([f"{lately:%A}", "Yesterday", "Today"])
    assert dividers.evaluate_all(followers) == [str(ids[place]) for place in (5, 20, 60)]
    page.locator(".msg").first.scroll_into_view_if_needed()
    expect(page.locator(".msg")).to_have_count(65)
    whole = f"{long_ago:%a}, {long_ago:%B} {long_ago.day}, {long_ago.year}"
    expect(dividers).to_have_text([whole, f"{lately:%A}", "Yesterday", "Today"])
    assert dividers.evaluate_all(followers) == [str(ids[place]) for place in begun]


def test_at_midnight_today_becomes_yesterday_while_the_page_is_open(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    said = heard(house, writes(house, customer, type="text", text="Goodnight"))
    thread, page = said["conversation_id"], inside(timezone_id="UTC").page
    evening = SystemClock().now().replace(hour=23, minute=59, second=30, microsecond=0)
    with psycopg.connect(EmbeddedPostgres(house.home).dsn) as connection:
        late = evening - timedelta(minutes=5)
        connection.execute("UPDATE message SET created_at = %s WHERE conversation_id = %s", [late, thread])
        connection.execute("UPDATE conversation SET last_message_at = %s WHERE id = %s", [late, thread])
    page.clock.install(time=evening)
    page.goto(f"{house.ready.inbox_url}/conversations/{thread}")
    page.locator("html[data-live=yes]").wait_for()
    divider, when = page.locator(".divider-day"), page.locator(f".thread[data-id='{thread}'] time")
    expect(divider).to_have_text("Today")
    expect(when).to_have_text(re.compile("11:5[45]"))

    page.clock.fast_forward(60_000)

    expect(divider).to_have_text("Yesterday")
    expect(when).to_have_text("Yesterday")


def test_a_thread_is_marked_unread_and_deleted_once_it_was_asked(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    thread = heard(house, writes(house, customer, name="Zawadi", type="text", text="Hello"))["conversation_id"]
    page = opened(inside(), house, thread)
    until(lambda: api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"] == 0 or None)

    page.get_by_label("More about this conversation").click()
    page.get_by_role("button", name="Mark as unread").click()
    page.wait_for_url(house.ready.inbox_url)
    assert api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["unread_count"] == 1

    page = opened(inside(), house, thread)
    page.get_by_label("More about this conversation").click()
    page.get_by_role("button", name="Delete conversation").click()
    asked = page.get_by_role("dialog", name="Delete this conversation?")
    expect(asked.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(asked).to_be_hidden()
    page.get_by_label("More about this conversation").click()
    page.get_by_role("button", name="Delete conversation").click()
    asked.get_by_role("button", name="Delete it").click()
    page.wait_for_url(house.ready.inbox_url)
    assert page.locator(f".thread[data-id='{thread}']").count() == 0


def test_what_was_refused_says_why_and_goes_out_anew_once_however_often_it_is_clicked(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    thread = heard(house, writes(house, customer, type="text", text="Hello"))["conversation_id"]
    spoil(house, "messages", {"error": 131026}, to=customer)
    becomes(house, sends(house, customer, "Are you there?"), "failed")
    page = opened(inside(), house, thread)
    trouble = page.locator(".msg-trouble")
    expect(trouble).to_contain_text("Not sent.")

    trouble.get_by_role("button", name="Send again").dblclick()

    expect(page.locator(".msg.is-mine")).to_have_count(2)
    expect(page.locator(".msg.is-mine .tick-read")).to_have_count(1)
    assert len(api(house, "GET", f"/v1/whatsapp/messages?conversation_id={thread}&direction=outbound")["items"]) == 2


@pytest.fixture(scope="module")
def gallery(house: House) -> str:
    """A thread of 200 pictures, beside those of 50 people who sent one each."""
    for n in range(50):
        heard(house, writes(house, stranger(), name=f"Photographer {n}", image_base64=photo(n)))
    customer = stranger()
    for _ in range(200):
        last = writes(house, customer)
    return all_heard(house, last, 200)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_two_hundred_pictures_cost_few_requests_before_one_scrolls(
    inside: Callable[..., Window], house: House, gallery: str, *, width: int, height: int
) -> None:
    # Reading it asks for something, too.
    in_database(house, "UPDATE conversation SET unread_count = 1 WHERE id = $1", UUID(gallery))
    window = inside(width=width, height=height)
    asked: list[str] = []
    sizes: list[int] = []

    def answered(answer: Response) -> None:
        asked.append(answer.url)
        if answer.url.endswith("/thumb"):
            sizes.append(int(answer.headers["content-length"]))

    window.page.on("response", answered)
    page = opened(window, house, f"{gallery}?search=photographer")
    expect(page.locator(".msg-picture img").last).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert page.locator("#threads img").count() == 50
    assert len(asked) <= 30, "\n".join(asked)
    assert sizes
    assert max(sizes) <= 20_000
    far = page.locator(f"#{page.locator('.msg').nth(5).get_attribute('id')} img")
    assert not far.evaluate(LOADED)
    far.scroll_into_view_if_needed()
    until(lambda: far.evaluate(LOADED) or None)


def test_a_thread_hears_what_came_while_it_was_drawn_and_asks_for_nothing_else(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    thread = heard(house, writes(house, customer, type="text", text="Hello"))["conversation_id"]
    # What changes is told as long as anybody looks.
    opened(inside(), house, thread)
    page, asked = inside().page, list[str]()

    def late(route: Route) -> None:
        heard(house, writes(house, customer, type="text", text="Anybody there?"))
        route.continue_()

    page.on("request", lambda one: asked.append(one.url))
    page.route("**/thread.js", late)
    page.goto(f"{house.ready.inbox_url}/conversations/{thread}")

    expect(page.locator(".msg").last).to_contain_text("Anybody there?")
    expect(page.locator(f".thread[data-id='{thread}'] .row-words")).to_have_text("Anybody there?")
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if url.endswith(("/newest", "/list?"))] == []


def test_pictures_show_without_scripts(inside: Callable[..., Window], house: House, gallery: str) -> None:
    page = inside(java_script_enabled=False).page

    page.goto(f"{house.ready.inbox_url}/conversations/{gallery}")

    until(lambda: page.locator(".msg-picture img").last.evaluate(LOADED) or None)
    until(lambda: page.locator(".row-picture").first.evaluate(LOADED) or None)
