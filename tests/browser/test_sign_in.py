"""Coming in and going: by password, by link, and what somebody sees who may not."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.browser.conftest import PASSWORD, Window, remarked, remarked_only
from tests.browser.speaking import picha
from tests.journeys.running import House

SHAPES = [(360, False), (360, True), (1920, False), (1920, True)]


def users(house: House, *words: str) -> str:
    """Run `picha users` about the house, and return what it prints; who is added is of its first workspace."""
    if words[0] == "add" and "--workspace" not in words:
        words = (*words, "--workspace", "Default")
    return picha(house, "users", *words)


def answered(window: Window, status: int) -> None:
    """Take the browser's own remark about a page of such a status out of the complaints."""
    assert f"status of {status}" in window.complaints.pop()


@pytest.mark.parametrize(("width", "is_dark"), SHAPES)
def test_who_is_not_signed_in_is_asked_for_name_and_password(
    open_window: Callable[..., Window], house: House, *, width: int, is_dark: bool
) -> None:
    window = open_window(width=width, is_dark=is_dark)

    window.page.goto(f"{house.ready.inbox_url}/password")

    assert window.page.locator("h1").inner_text() == "Sign in"
    assert window.audit() == []
    assert window.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.usefixtures("cookies")
def test_a_password_lets_in_where_one_wanted_to_go(window: Window, house: House) -> None:
    window.page.goto(f"{house.ready.inbox_url}/password")
    window.page.get_by_label("Name").fill(" ADMIN ")
    window.page.get_by_label("Password").fill(PASSWORD)

    window.page.get_by_role("button", name="Sign in").click()

    window.page.wait_for_url(f"{house.ready.inbox_url}/password")
    assert window.page.get_by_role("heading", level=1).inner_text() == "Your password"
    port = urlsplit(house.ready.inbox_url).port
    kept = sorted(window.page.context.cookies(), key=lambda one: one["name"])
    assert [re.sub("[0-9a-f]{32}", "PERSON", one["name"]) for one in kept] == [
        f"picha_{port}",
        f"picha_known_PERSON_{port}",
    ]
    assert all((one["httpOnly"], one["sameSite"]) == (True, "Lax") for one in kept)


@pytest.mark.parametrize(("width", "is_dark"), SHAPES)
def test_the_list_opens_at_any_width_in_both_themes(
    inside: Callable[..., Window], house: House, *, width: int, is_dark: bool
) -> None:
    window = inside(width=width, is_dark=is_dark)

    window.page.goto(house.ready.inbox_url)

    assert window.page.locator("h1").inner_text() == "Conversations"
    window.page.locator("html[data-live=yes]").wait_for()
    assert window.audit() == []
    assert window.page.evaluate("document.documentElement.scrollWidth") == width


def test_a_link_lets_in_once_and_says_so_the_second_time(open_window: Callable[..., Window], house: House) -> None:
    link = users(house, "add", "Asha")
    first, second = open_window(), open_window()
    first.page.goto(link)
    assert first.page.locator("h1").inner_text() == "Hello, Asha"
    assert first.audit() == []

    first.page.get_by_role("button", name="Open the inbox").click()

    first.page.wait_for_url(house.ready.inbox_url)
    second.page.goto(link)
    assert second.page.locator("h1").inner_text() == "This link was used"
    assert "picha users link" in second.page.locator("main").inner_text()
    assert second.audit() == []
    answered(second, 410)


def test_the_link_that_up_printed_lets_in_once(window: Window, inside: Callable[..., Window], house: House) -> None:
    assert inside().page.goto(house.ready.inbox_url)

    window.page.goto(house.ready.sign_in_url)

    assert window.page.locator("h1").inner_text() == "This link was used"
    answered(window, 410)


def test_signing_out_sends_every_open_page_to_the_door_within_five_seconds(window: Window, house: House) -> None:
    window.page.goto(users(house, "add", "Baraka"))
    window.page.get_by_role("button", name="Open the inbox").click()
    window.page.locator("html[data-live=yes]").wait_for()
    other = window.page.context.new_page()
    other.goto(f"{house.ready.inbox_url}/password")

    other.get_by_role("button", name="Sign out everywhere").click()

    other.wait_for_url("**/inbox/sign-in")
    window.page.wait_for_url("**/inbox/sign-in?next=*", timeout=12_000)
    remarked_only(window, "status of 401")


def tries(window: Window, house: House, name: str, password: str) -> None:
    window.page.goto(f"{house.ready.inbox_url}/sign-in")
    window.page.get_by_label("Name").fill(name)
    window.page.get_by_label("Password").fill(password)
    window.page.get_by_role("button", name="Sign in").click()
    window.page.wait_for_load_state()


def test_after_five_wrong_passwords_a_new_browser_is_told_what_to_do_and_ones_own_goes_on(
    open_window: Callable[..., Window], house: House
) -> None:
    own, stranger, new = [open_window() for _ in range(3)]
    own.page.goto(users(house, "add", "Rehema"))
    own.page.get_by_label("password").fill(PASSWORD)
    own.page.get_by_role("button", name="Set password and open").click()
    own.page.wait_for_url(house.ready.inbox_url)
    own.page.goto("about:blank")
    own.page.context.clear_cookies(name=f"picha_{urlsplit(house.ready.inbox_url).port}")
    # As a proxy tells it: whoever else comes from here is to come in.
    stranger.page.set_extra_http_headers({"X-Forwarded-For": "192.0.2.7"})
    for _ in range(6):
        tries(stranger, house, "Rehema", "wrong")
    assert stranger.page.locator("h1").inner_text() == "Too many tries"

    tries(new, house, "Rehema", PASSWORD)
    tries(own, house, "Rehema", PASSWORD)

    own.page.wait_for_url(house.ready.inbox_url)
    assert new.page.locator("h1").inner_text() == "Too many tries"
    assert new.page.locator("time").inner_text()
    assert "picha users link NAME" in new.page.locator("main").inner_text()
    assert new.audit() == []
    remarked(stranger, *["status of 403"] * 5, "status of 429")
    remarked(new, "status of 429")


def test_a_page_that_is_not_there_says_so_with_the_way_back(inside: Callable[..., Window], house: House) -> None:
    window = inside()

    window.page.goto(f"{house.ready.inbox_url}/no/such/page")

    assert window.page.locator("h1").inner_text() == "There is nothing here"
    assert window.audit() == []
    answered(window, 404)
