"""The lightbox: one picture as large as one likes, its neighbours by an arrow key, and what was done to it."""

import base64
import io
import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from tests.browser.conftest import Window
from tests.browser.speaking import heard, photo, stranger, writes
from tests.browser.test_sign_in import SHAPES
from tests.browser.threads import becomes, in_database, opened, sends, uploaded
from tests.browser.touching import drag
from tests.journeys.running import House


@pytest.fixture(scope="module")
def album(house: House) -> str:
    """A thread with three pictures: two of a customer's, and one that was made fit before it was sent."""
    customer = stranger()
    writes(house, customer, name="Asha", caption="First", image_base64=photo(1))
    thread: str = heard(house, writes(house, customer, image_base64=photo(2, size=(1600, 900))))["conversation_id"]
    out = io.BytesIO()
    Image.new("RGB", (900, 700), (90, 120, 200)).save(out, "WEBP")
    message = sends(house, customer, "Ours", file_id=uploaded(house, out.getvalue(), "picture.webp"))
    becomes(house, message, "read")
    return thread


def large(page: Page, place: int = 0) -> None:
    """Open one of a thread's pictures, as somebody does who uses the keyboard."""
    page.locator(".msg-picture").nth(place).focus()
    page.keyboard.press("Enter")
    page.locator("#lightbox[open]").wait_for()
    page.locator("#lightbox-image:not(.is-coming)").wait_for()


def scale(page: Page) -> float:
    found: float = page.locator("#lightbox-image").evaluate(
        "image => new DOMMatrix(getComputedStyle(image).transform).a"
    )
    return found


def test_arrow_keys_lead_from_picture_to_picture_and_escape_back(
    inside: Callable[..., Window], house: House, album: str
) -> None:
    page = opened(inside(), house, album)
    large(page)
    place = page.locator("#lightbox-place")
    expect(place).to_have_text("1 of 3")
    expect(page.locator("#lightbox-caption")).to_have_text("First")
    expect(page.locator("#lightbox-image")).to_have_attribute("alt", "First")
    expect(page.get_by_label("Previous picture")).to_be_disabled()

    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("2 of 3")
    expect(page.locator("#lightbox-caption")).to_have_text("")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("3 of 3")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("2 of 3")

    page.keyboard.press("Escape")
    expect(page.locator("#lightbox")).to_be_hidden()
    expect(page.locator(".msg-picture").nth(1)).to_be_focused()


def test_a_picture_is_zoomed_by_keys_wheel_and_double_click_and_moved(
    inside: Callable[..., Window], house: House, album: str
) -> None:
    page = opened(inside(), house, album)
    large(page)
    assert scale(page) == 1
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert scale(page) == pytest.approx(2.25)
    page.keyboard.press("-")
    assert scale(page) == pytest.approx(1.5)

    page.mouse.move(640, 400)
    page.mouse.wheel(0, -400)
    page.wait_for_function("new DOMMatrix(getComputedStyle(document.getElementById('lightbox-image')).transform).a > 2")
    x = page.locator("#lightbox-image").bounding_box()
    page.mouse.down()
    page.mouse.move(660, 430, steps=4)
    page.mouse.up()
    moved = page.locator("#lightbox-image").bounding_box()
    assert x is not None
    assert moved is not None
    assert moved["y"] - x["y"] == pytest.approx(30, abs=2)

    page.mouse.dblclick(640, 400)
    assert scale(page) == 1


def test_fingers_pinch_a_picture_move_it_and_swipe_to_the_next(
    inside: Callable[..., Window], house: House, album: str
) -> None:
    page = opened(inside(width=360, height=740, has_touch=True), house, album)
    large(page)
    place = page.locator("#lightbox-place")

    drag(page, ((160, 360), (60, 360)), ((200, 360), (300, 360)))
    assert scale(page) == pytest.approx(6, abs=0.01)
    before = page.locator("#lightbox-image").bounding_box()
    drag(page, ((250, 360), (150, 380)))
    after = page.locator("#lightbox-image").bounding_box()
    assert before is not None
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((-100, 20), abs=1)
    expect(place).to_have_text("1 of 3")
    drag(page, ((60, 360), (170, 360)), ((300, 360), (190, 360)))
    assert scale(page) == 1
    expect(place).to_have_text("1 of 3")

    drag(page, ((250, 360), (150, 370)))
    expect(place).to_have_text("2 of 3")
    drag(page, ((200, 360), (170, 360)))
    expect(place).to_have_text("2 of 3")
    drag(page, ((150, 360), (250, 350)))
    expect(place).to_have_text("1 of 3")


def test_the_lightbox_keeps_its_place_while_its_message_is_drawn_anew(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    for shade in (1, 2, 3):
        thread = heard(house, writes(house, customer, name="Baraka", image_base64=photo(shade)))["conversation_id"]
    page = opened(inside(), house, thread)
    place = page.locator("#lightbox-place")

    def draws_anew(name: str) -> None:
        in_database(house, "UPDATE contact SET profile_name = $1 WHERE phone = $2", name, customer)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(f".msg[data-who='{name}']")).to_have_count(3)

    large(page, 1)
    draws_anew("Renamed once")
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text("3 of 3")
    draws_anew("Renamed twice")
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("2 of 3")
    draws_anew("Renamed again")
    page.keyboard.press("Escape")

    expect(page.locator("#lightbox")).to_be_hidden()
    expect(page.locator(".msg-picture").nth(1)).to_be_focused()


@pytest.mark.parametrize(("width", "is_dark"), SHAPES[::3])
def test_a_picture_tells_what_was_done_to_it_and_can_be_saved(
    inside: Callable[..., Window], house: House, album: str, *, width: int, is_dark: bool
) -> None:
    window = inside(width=width, is_dark=is_dark)
    page = opened(window, house, album)

    large(page, 2)

    expect(page.locator("#lightbox-done")).to_have_text(re.compile("^WebP [0-9]+ kB → JPEG [0-9]+ kB$"))
    expect(page.locator("#lightbox-facts")).to_contain_text("JPEG")
    expect(page.locator("#lightbox-facts")).to_contain_text("900 \N{MULTIPLICATION SIGN} 700")
    with page.expect_download() as saved:
        page.get_by_label("Download").click()
    assert saved.value.path().read_bytes()[:2] == b"\xff\xd8"
    assert window.audit() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_no_browser_draws_says_so_and_can_be_saved(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    broken = base64.b64encode(b"II*\0" + bytes(60)).decode()
    thread = heard(house, writes(house, customer, image_base64=broken, as_is=True))["conversation_id"]
    window = inside()
    page = opened(window, house, thread)

    page.locator(".msg-picture").click()

    expect(page.locator("#lightbox-trouble")).to_contain_text("Download it")
    expect(page.get_by_label("Download")).to_be_visible()
    assert all("415" in said for said in window.complaints)
    window.complaints.clear()
