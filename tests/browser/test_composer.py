"""The composer: pictures seen as they will go, texts and templates, each sent once, and words for what is not sent."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect
from tests.browser.conftest import Window, remarked, remarked_only
from tests.browser.speaking import api, control, heard, stranger, thread_of, until, writes
from tests.browser.test_sign_in import users
from tests.browser.test_thread import top_of
from tests.browser.threads import sends, uploaded
from tests.journeys.running import House, picture_of
from tests.pictures.making import drawn, lying

DAY_S = 86_400


def jpeg(shade: int = 90, *, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), (shade % 256, 120, 200)).convert(mode).save(out, kind)
    return out.getvalue()


def heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (640, 480), (120, 60, 30))).save(out)
    return out.getvalue()


def transparent() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (300, 200), (200, 30, 30, 120)).save(out, "PNG")
    return out.getvalue()


def file(name: str, data: bytes) -> Any:
    return {"name": name, "mimeType": "image/jpeg", "buffer": data}


@pytest.fixture
def opened(inside: Callable[..., Window], house: House, customer: str) -> Callable[..., Page]:
    """Open a window on the customer's thread."""

    def opened(window: Window | None = None, **shape: Any) -> Page:
        page = (window or inside(**shape)).page
        page.goto(f"{house.ready.inbox_url}/conversations/{thread_of(house, customer)}")
        page.locator("html[data-live=yes]").wait_for()
        return page

    return opened


def sent(house: House, customer: str, count: int = 1) -> list[Any]:
    """Return what was sent to a customer once it is so many messages, the oldest first."""
    query = f"conversation_id={thread_of(house, customer)}&direction=outbound"

    def look() -> list[Any] | None:
        found = api(house, "GET", f"/v1/whatsapp/messages?{query}")["items"]
        return list(reversed(found)) if len(found) >= count else None

    return until(look)


def attach(page: Page, *files: Any) -> None:
    """Pick pictures, and wait until all of them were looked at."""
    before = page.locator(".attached").count()
    page.locator("#composer-file").set_input_files(list(files))
    expect(page.locator(".attached")).to_have_count(before + len(files))
    expect(page.locator(".attached:not([data-state=ready], [data-state=refused])")).to_have_count(0, timeout=20_000)


def refusals(window: Window, *statuses: int) -> None:
    """Take the browser's own remarks about answers of such statuses out of the complaints."""
    found = [said for said in window.complaints if any(f"status of {status}" in said for status in statuses)]
    assert found
    window.complaints[:] = [said for said in window.complaints if said not in found]


def lose_an_answer(page: Page) -> None:
    """Let the next message reach the gateway, and its answer get lost on the way back."""

    def lose(route: Route) -> None:
        assert route.fetch().status == 202
        route.abort()

    page.route("**/send", lose, times=1)


def lost(window: Window, count: int) -> None:
    """Take the browser's own remarks about so many lost answers out of the complaints."""
    remarked(window, *["ERR_FAILED"] * count)


def move_clock(house: House, seconds: float) -> None:
    control(house, "/clock", {"advance_s": seconds})


def test_a_text_is_sent_by_enter_once_however_often_it_is_pressed(
    opened: Callable[..., Page], house: House, customer: str
) -> None:
    page = opened()
    field = page.get_by_label("Message to Asha")
    expect(field).to_be_focused()
    field.fill("Yes,")
    field.press("Shift+Enter")
    field.type("in blue.")

    for _ in range(3):
        field.press("Enter")
    expect(field).to_have_value("")
    field.fill("And in red.")
    page.get_by_role("button", name="Send", exact=True).dblclick()

    bubbles = page.locator(".msg.is-mine")
    expect(bubbles).to_have_count(2)
    expect(bubbles.nth(1)).to_contain_text("And in red.")
    assert bubbles.locator(".msg-colleague").all_inner_texts() == ["admin", "admin"]
    assert [one["content"]["body"] for one in sent(house, customer, 2)] == ["Yes,\nin blue.", "And in red."]


def test_pictures_are_shown_as_they_will_go_and_sent_in_their_order_each_with_its_caption(
    inside: Callable[..., Window], opened: Callable[..., Page], house: House, customer: str, tmp_path: Path
) -> None:
    window = inside()
    page = opened(window)
    page.get_by_label("Message to Asha").fill("Here they are")
    came = {"IMG.HEIC": heic(), "huge.jpg": picture_of(9_000_000), "a.png": transparent(), "photo.jpg": b"plain words"}
    for name, data in came.items():
        (tmp_path / name).write_bytes(data)

    attach(page, *[str(tmp_path / name) for name in came])

    cards = page.locator(".attached")
    assert [one.strip() for one in cards.locator(".attached-verdict").all_inner_texts()] == [
        "Made fit",
        "Made fit",
        "Ready",
        "Cannot be sent",
    ]
    expect(cards.nth(0)).to_contain_text(re.compile("HEIC .* 640.480 → JPEG"))
    expect(cards.nth(1)).to_contain_text(re.compile("JPEG 9.0 MB 64.48 → JPEG"))
    expect(cards.nth(2)).to_contain_text("PNG")
    expect(cards.nth(3)).to_contain_text("This file is plain text, not a picture. Pick a photo")
    expect(cards.nth(0).get_by_label("Caption")).to_have_value("Here they are")
    for place in range(3):
        expect(cards.nth(place).locator("img")).not_to_have_js_property("naturalWidth", 0)
    page.get_by_role("button", name="Send 4 pictures").click(force=True)
    expect(page.locator("#composer-problem > p")).to_have_text("Remove the picture that cannot be sent.")

    cards.nth(3).get_by_role("button", name="Remove this picture").click()
    earlier, later = (cards.nth(1).get_by_role("button", name=f"Send it {when}") for when in ("earlier", "later"))
    assert top_of(earlier) < top_of(later)
    cards.nth(2).get_by_role("button", name="Send it earlier").click()
    cards.nth(1).get_by_label("Caption").fill("The second")
    page.get_by_role("button", name="Send 3 pictures").click()

    expect(cards).to_have_count(0)
    expect(page.get_by_label("Message to Asha")).to_be_focused()
    messages = sent(house, customer, 3)
    assert [one["content"].get("caption") for one in messages] == ["Here they are", "The second", None]
    assert [one["content"]["mime_type"] for one in messages] == ["image/jpeg", "image/png", "image/jpeg"]
    refusals(window, 422)


def test_what_became_of_a_rotated_heic_is_told_before_it_goes_and_wherever_it_is_seen(
    opened: Callable[..., Page], house: House, customer: str
) -> None:
    page, data = opened(), drawn(form="HEIF", size=(640, 480), exif=lying(6))
    attach(page, file("IMG.HEIC", data))
    expect(page.locator(".attached-facts")).to_have_text(re.compile("HEIC 1 kB 640.480 → JPEG [0-9]+ kB 480.640"))
    expect(page.locator(".attached")).to_contain_text("Rotated 90°; hidden details removed")

    page.get_by_role("button", name="Send", exact=True).click()
    sent(house, customer, 1)
    sends(house, customer, "By the API", file_id=uploaded(house, data, "IMG.HEIC"))

    made, whole = "HEIC 1 kB → JPEG [0-9]+ kB, rotated 90°", ", hidden details removed"
    expect(page.locator(".msg-picture")).to_have_count(2)
    for message in page.locator(".msg.is-mine").all():
        expect(message.locator(".msg-picture")).to_have_accessible_description(re.compile(f"^{made}$"))
        expect(message.locator(".msg-picture + .msg-made")).to_have_text(re.compile(f"^{made}$"))
        message.locator(".msg-picture").click()
        expect(page.locator("#lightbox-done")).to_have_text(re.compile(f"^{made}{whole}"))
        page.keyboard.press("Escape")
        message.locator(".msg-tools [data-does=story]").click()
        expect(page.locator(".story-facts")).to_have_text(re.compile(f"^{made}{whole}"))
        expect(page.locator(".story-line").nth(1)).to_contain_text(re.compile(f"Picture made fit: {made}{whole}"))
        page.keyboard.press("Escape")


def test_a_picture_is_pasted_and_dropped_anywhere_on_the_thread(
    opened: Callable[..., Page], house: House, customer: str
) -> None:
    page = opened()
    carry = """([bytes, name]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
        return transfer;
    }"""
    pasted, dropped = (
        page.evaluate_handle(carry, [list(jpeg(shade, kind="PNG")), name])
        for shade, name in ((10, "pasted.png"), (20, "dropped.png"))
    )

    page.evaluate(
        "data => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))",
        pasted,
    )
    expect(page.locator(".attached[data-state=ready]")).to_have_count(1)
    page.dispatch_event("#talk-scroll", "dragenter", {"dataTransfer": dropped})
    expect(page.get_by_text("Drop pictures here")).to_be_visible()
    page.dispatch_event("#talk-scroll", "drop", {"dataTransfer": dropped})

    expect(page.get_by_text("Drop pictures here")).to_be_hidden()
    expect(page.locator(".attached[data-state=ready]")).to_have_count(2)
    page.locator(".attached").first.get_by_label("Caption").press("Enter")
    assert len(sent(house, customer, 2)) == 2


def test_a_caption_has_1024_characters_and_one_more_is_told_and_not_sent(
    opened: Callable[..., Page], house: House, customer: str
) -> None:
    page = opened()
    attach(page, file("a.jpg", jpeg()))
    caption = page.get_by_label("Caption")

    caption.fill("👋" * 1025)
    page.get_by_role("button", name="Send", exact=True).click(force=True)

    expect(page.locator(".attached-count")).to_have_text("1 too many")
    expect(page.locator("#composer-problem")).to_contain_text("A caption is too long")
    caption.fill("👋" * 1024)
    expect(page.locator(".attached-count")).to_have_text("1024 / 1024")
    page.get_by_role("button", name="Send", exact=True).click()
    [message] = sent(house, customer)
    assert message["content"]["caption"] == "👋" * 1024


def test_an_upload_is_cancelled_and_a_picture_that_went_meanwhile_is_told_and_not_sent(
    inside: Callable[..., Window], opened: Callable[..., Page], house: House
) -> None:
    window = inside()
    page = opened(window)
    page.route("**/inbox/preview", lambda _: None)
    page.locator("#composer-file").set_input_files([file("a.jpg", jpeg())])
    page.get_by_role("button", name="Send", exact=True).click(force=True)
    expect(page.locator("#composer-problem")).to_contain_text("A picture is still on its way")
    page.get_by_role("button", name="Cancel the upload").click()
    expect(page.locator(".attached")).to_have_count(0)
    page.unroute("**/inbox/preview")
    attach(page, file("a.jpg", jpeg(55)))
    address = page.locator(".attached img").get_attribute("src")
    assert address is not None
    api(house, "DELETE", f"/v1/whatsapp/media/{address.split('/')[3]}")

    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator(".attached-verdict")).to_have_text("Not sent")
    expect(page.locator("#composer-problem")).to_contain_text("no longer kept here. Remove it, and add it again.")
    page.get_by_role("button", name="Remove this picture").click()
    expect(page.locator("#composer-problem")).to_be_hidden()
    refusals(window, 422)


def test_an_upload_shows_how_far_it_is_and_then_what_will_be_sent(
    inside: Callable[..., Window], opened: Callable[..., Page]
) -> None:
    page = opened(inside())
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 50_000}
    line.send("Network.emulateNetworkConditions", slow)
    card = page.locator(".attached")
    bar, words = card.locator(".attached-progress"), card.locator(".attached-verdict")

    page.locator("#composer-file").set_input_files([file("a.jpg", picture_of(2_000_000))])

    expect(bar).to_be_visible()
    expect(words).to_have_text(re.compile(r"Uploading, [1-9]\d?%"))
    assert 0 < bar.evaluate("bar => bar.value") < 100
    line.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    expect(card).to_have_attribute("data-state", "ready", timeout=20_000)
    expect(bar).to_be_hidden()
    expect(words).to_have_text(re.compile("Ready|Made fit"))


def test_pictures_stay_as_they_are_while_they_are_sent(
    inside: Callable[..., Window], opened: Callable[..., Page], house: House, customer: str
) -> None:
    page = opened(inside())
    attach(page, file("a.jpg", jpeg(70)), file("b.jpg", jpeg(71)))
    held: list[Route] = []
    page.route("**/send", lambda route: route.continue_() if held else held.append(route))

    page.get_by_role("button", name="Send 2 pictures").click()
    until(lambda: page.evaluate("held => held", len(held)) or None)

    for button in page.locator(".attached-buttons button").all():
        expect(button).to_be_disabled()
    held[0].continue_()
    expect(page.locator(".attached")).to_have_count(0)
    assert len(sent(house, customer, 2)) == 2
    attach(page, file("c.jpg", jpeg(72)))
    expect(page.get_by_role("button", name="Remove this picture")).to_be_enabled()


def test_words_outlive_the_picture_they_were_written_for(
    inside: Callable[..., Window], opened: Callable[..., Page]
) -> None:
    window = inside()
    page = opened(window)
    field = page.get_by_label("Message to Asha")
    field.fill("Long thought about")
    attach(page, file("broken.jpg", b"no picture"))
    expect(field).to_be_hidden()

    page.reload()

    expect(field).to_have_value("Long thought about")
    attach(page, file("broken.jpg", b"no picture"), file("a.jpg", jpeg(73)))
    page.get_by_role("button", name="Remove this picture").first.click()
    expect(page.get_by_label("Caption")).to_have_value("Long thought about")
    page.get_by_role("button", name="Remove this picture").click()
    expect(field).to_have_value("Long thought about")
    expect(field).to_be_focused()
    refusals(window, 422)


def test_a_message_is_answered_with_a_quote_of_it_and_without_one_after_escape(opened: Callable[..., Page]) -> None:
    page = opened()
    quoted = page.locator("#composer-quoted")
    reply = page.get_by_role("button", name="Reply")
    page.locator(".msg").hover()
    reply.click()
    expect(quoted).to_contain_text("Asha")
    expect(quoted).to_contain_text("Do you have this one?")
    page.get_by_label("Message to Asha").press("Escape")
    expect(quoted).to_be_hidden()

    page.locator(".msg").hover()
    reply.click()
    page.get_by_label("Message to Asha").fill("We do")
    page.get_by_label("Message to Asha").press("Enter")

    expect(page.locator(".msg.is-mine .msg-quote")).to_contain_text("Do you have this one?")
    expect(quoted).to_be_hidden()


def test_a_picture_whose_answer_was_lost_is_another_message_without_its_quote(
    inside: Callable[..., Window], opened: Callable[..., Page]
) -> None:
    window = inside()
    page = opened(window)
    page.locator(".msg").hover()
    page.get_by_role("button", name="Reply").click()
    attach(page, file("a.jpg", jpeg(81)))
    lose_an_answer(page)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#composer-problem")).to_contain_text("There is no connection")

    page.get_by_label("Caption").press("Escape")
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator(".attached")).to_have_count(0)
    bubbles = page.locator(".msg.is-mine")
    expect(bubbles).to_have_count(2)
    expect(bubbles.nth(0).locator(".msg-quote")).to_have_count(1)
    expect(bubbles.nth(1).locator(".msg-quote")).to_have_count(0)
    lost(window, 1)


def test_what_is_written_anew_after_a_lost_answer_is_said_anew(
    inside: Callable[..., Window], opened: Callable[..., Page], house: House, customer: str
) -> None:
    window = inside()
    page = opened(window)
    field = page.get_by_label("Message to Asha")
    bubbles = page.locator(".msg.is-mine")
    lose_an_answer(page)
    field.fill("Yes")
    field.press("Enter")
    expect(bubbles).to_have_count(1)
    expect(page.locator("#composer-problem")).to_contain_text("There is no connection")
    field.fill("")
    field.fill("Yes")
    field.press("Enter")
    expect(bubbles).to_have_count(2)
    attach(page, file("a.jpg", jpeg(83)))
    page.get_by_label("Caption").fill("In blue")
    lose_an_answer(page)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#composer-problem")).to_contain_text("There is no connection")

    page.get_by_label("Caption").fill("In red")
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator(".attached")).to_have_count(0)
    said = [one["content"].get("body") or one["content"]["caption"] for one in sent(house, customer, 4)]
    assert said == ["Yes", "Yes", "In blue", "In red"]
    lost(window, 2)


def test_what_was_sent_goes_out_once_though_its_answer_was_lost_and_the_page_loaded_again(
    inside: Callable[..., Window], opened: Callable[..., Page], house: House, customer: str
) -> None:
    window = inside()
    page = opened(window)
    field = page.get_by_label("Message to Asha")
    lose_an_answer(page)
    field.fill("Only once")
    field.press("Enter")
    expect(page.locator("#composer-problem")).to_contain_text("There is no connection")
    page.reload()
    expect(field).to_have_value("Only once")
    field.press("Enter")
    expect(field).to_have_value("")
    page.locator(".msg").first.hover()
    page.get_by_role("button", name="Reply").first.click()
    attach(page, file("a.jpg", jpeg(82)))
    page.get_by_label("Caption").fill("This too")
    lose_an_answer(page)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#composer-problem")).to_contain_text("There is no connection")

    page.reload()
    expect(page.get_by_label("Caption")).to_have_value("This too")
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator(".attached")).to_have_count(0)
    field.fill("The last")
    field.press("Enter")
    said = [one["content"].get("body") or one["content"]["caption"] for one in sent(house, customer, 3)]
    assert said == ["Only once", "This too", "The last"]
    lost(window, 2)


def test_a_draft_lives_through_a_reload_and_goes_with_who_signs_out(
    window: Window, opened: Callable[..., Page], house: House
) -> None:
    page = window.page
    page.goto(users(house, "add", "Zawadi"))
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)
    opened(window)
    page.get_by_label("Message to Asha").fill("Not yet")
    attach(page, file("a.jpg", jpeg(33)))

    page.reload()

    expect(page.get_by_label("Caption")).to_have_value("Not yet")
    expect(page.locator(".attached img")).to_be_visible()
    page.get_by_role("button", name="Remove this picture").click()
    page.get_by_label("Message to Asha").fill("Only this")
    page.reload()
    expect(page.get_by_label("Message to Asha")).to_have_value("Only this")
    page.locator("summary", has_text="You").click()
    page.get_by_role("button", name="Sign out").click()
    # What the page asks at that very moment is refused, and leads to the door, too.
    page.wait_for_url(re.compile("/inbox/sign-in"))
    window.complaints[:] = [said for said in window.complaints if "401" not in said]
    kept = page.evaluate("() => Object.keys(localStorage).filter((name) => name.startsWith('picha:draft'))")
    assert kept == []


def test_what_cannot_be_sent_for_want_of_a_line_is_kept_and_sent_again_once(
    inside: Callable[..., Window], opened: Callable[..., Page], house: House, customer: str
) -> None:
    window = inside()
    page = opened(window)
    field = page.get_by_label("Message to Asha")
    page.context.set_offline(offline=True)

    field.fill("Are you there?")
    field.press("Enter")

    expect(page.locator("#composer-problem")).to_contain_text("There is no connection")
    expect(field).to_have_value("Are you there?")
    page.locator("#composer-file").set_input_files([file("a.jpg", jpeg(44))])
    expect(page.locator(".attached-words")).to_contain_text("There is no connection")
    page.context.set_offline(offline=False)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_label("Caption")).to_have_value("Are you there?")
    expect(page.locator(".attached[data-state=ready]")).to_have_count(1)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".attached")).to_have_count(0)
    assert len(sent(house, customer)) == 1
    remarked_only(window, "ERR_INTERNET_DISCONNECTED")


def test_colleagues_see_who_writes_and_what_was_sent_and_nobody_sees_themselves(
    open_window: Callable[..., Window], opened: Callable[..., Page], house: House
) -> None:
    other = open_window()
    other.page.goto(users(house, "add", "Neema"))
    other.page.get_by_role("button", name="Open the inbox").click()
    other.page.wait_for_url(house.ready.inbox_url)
    theirs, mine = opened(other), opened()

    theirs.get_by_label("Message to Asha").type("I take this one")

    expect(mine.locator("#composer-presence")).to_have_text("Neema is writing…")
    expect(theirs.locator("#composer-presence")).to_be_empty()
    theirs.get_by_label("Message to Asha").press("Enter")
    expect(mine.locator(".msg.is-mine")).to_contain_text("I take this one")
    expect(mine.locator(".msg-colleague")).to_have_text("Neema")
    expect(mine.locator("#composer-presence")).to_be_empty(timeout=10_000)


def test_the_window_shuts_before_ones_eyes_and_a_template_is_filled_in_and_sent(
    opened: Callable[..., Page], house: House, customer: str
) -> None:
    page = opened()
    page.get_by_label("Message to Asha").fill("Too late")
    move_clock(house, DAY_S + 3600)
    try:
        shut = page.locator("#composer-shut")
        expect(shut).to_contain_text("Asha last wrote 25 hours ago", timeout=15_000)
        expect(page.locator("#composer-form")).to_be_hidden()
        shut.get_by_role("button", name="Send a template").click()
        page.get_by_role("button", name="Picha receipt").click()
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#choice-problem")).to_contain_text("pick one first")
        page.locator("#choice-file").set_input_files([file("IMG.HEIC", heic())])
        expect(page.locator("#choice-picture-words")).to_contain_text("→ JPEG")
        page.get_by_label("Field 1").fill("Asha <b>")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#choice-problem")).to_contain_text("Fill in every field")
        expect(page.get_by_label("Field 2")).to_be_focused()
        page.get_by_label("Field 2").fill("4711")
        expect(page.locator("#choice-body")).to_have_text(re.compile(r"Hello Asha <b>, .* your order 4711\."))

        page.get_by_role("button", name="Send", exact=True).dblclick()

        expect(page.locator("#composer-choice")).to_be_hidden()
        expect(page.locator(".msg.is-mine")).to_contain_text("receipt for your order 4711")
        [message] = sent(house, customer)
        assert message["message_type"] == "template"
    finally:
        move_clock(house, -DAY_S - 3600)
    expect(page.get_by_label("Message to Asha")).to_have_value("Too late", timeout=15_000)
    expect(page.locator("#composer-form")).to_be_visible()


def test_a_number_that_is_paused_says_so_before_one_writes(opened: Callable[..., Page], house: House) -> None:
    sender = api(house, "GET", "/v1/whatsapp/senders")[0]["id"]
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/pause")
    try:
        page = opened()

        expect(page.locator("#composer-warnings")).to_contain_text("This number is paused")
    finally:
        api(house, "POST", f"/v1/whatsapp/senders/{sender}/resume")
    expect(page.locator("#composer-warnings")).to_be_empty(timeout=10_000)


@pytest.mark.parametrize(("width", "is_dark"), [(360, True), (1920, False), (1920, True)])
def test_the_composer_is_whole_at_any_width_in_both_themes(
    inside: Callable[..., Window], house: House, *, width: int, is_dark: bool
) -> None:
    customer, asleep = stranger(), stranger()
    name = "W" * 120 + "<script>alert(1)</script>"
    heard(house, writes(house, customer, name=name, type="text", text="Hello"))
    body = {
        "to": asleep,
        "template_name": "picha_photo",
        "header": {"media_url": f"{house.ready.sandbox_url}/_sandbox/photo.jpg"},
    }
    api(house, "POST", "/v1/whatsapp/messages/template", body)
    window = inside(width=width, is_dark=is_dark)
    page = window.page
    page.goto(f"{house.ready.inbox_url}/conversations/{thread_of(house, customer)}")
    page.locator(".msg").hover()
    page.get_by_role("button", name="Reply").click()
    field = page.locator("#composer-text")
    field.fill("On a small screen enter is")
    if width < 640:
        field.press("Enter")
        expect(field).to_have_value("On a small screen enter is\n")

    attach(page, file("IMG.HEIC", heic()), file(f"{'long' * 40}.jpg", b"no picture"))

    assert window.audit() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator(".attached-look").first.click()
    expect(page.locator("#composer-look img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#composer-look")).to_be_hidden()
    refusals(window, 422)
    page.goto(f"{house.ready.inbox_url}/conversations/{thread_of(house, asleep)}")
    page.get_by_role("button", name="Send a template").click()
    page.get_by_role("button", name="Picha receipt").click()
    assert window.audit() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.keyboard.press("Escape")
    expect(page.locator("#composer-choice")).to_be_hidden()
    expect(page.locator("#composer-shut")).to_contain_text("has not written to this number yet")
