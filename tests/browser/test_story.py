"""A message's story: what happened to it, what comes next, and what may be done about it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Window
from tests.browser.speaking import api, heard, picha, stranger, writes
from tests.browser.test_sign_in import SHAPES
from tests.browser.threads import becomes, in_database, opened, sends, spoil, time_passes
from tests.journeys.running import House


def greeted(house: House) -> tuple[str, str]:
    """Return a customer whose window is open, and the thread with them."""
    customer = stranger()
    return customer, heard(house, writes(house, customer, name="Asha", type="text", text="Hello"))["conversation_id"]


def unknown(house: House, customer: str, **more: str) -> str:
    """Send what never comes to Meta while nobody can know that."""
    spoil(house, "messages", {"drop": "before"}, to=customer)
    message = sends(house, customer, "Did you get this?", **more)
    becomes(house, message, "unknown")
    return message


def told(page: Page) -> list[str]:
    return page.locator(".story-line p:last-child").all_inner_texts()


@pytest.fixture
def paused(house: House) -> Iterator[None]:
    """The house's number, paused."""
    sender = api(house, "GET", "/v1/whatsapp/senders")[0]["id"]
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/pause")
    yield
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/resume")


def test_a_story_is_told_above_its_thread_and_escape_leads_back(inside: Callable[..., Window], house: House) -> None:
    customer, thread = greeted(house)
    becomes(house, sends(house, customer), "read")
    window = inside()
    page = opened(window, house, thread)
    opener = page.locator(".msg.is-mine [data-does=story]")

    opener.click()

    expect(page.get_by_role("dialog", name="What happened to this message")).to_be_visible()
    assert told(page) == [
        "Accepted and stored",
        "Handing it to WhatsApp",
        "WhatsApp took it",
        "WhatsApp sent it",
        "It reached the customer's phone",
        "The customer read it",
    ]
    assert window.audit() == []
    page.keyboard.press("Escape")
    expect(page.locator("#story")).to_be_hidden()
    expect(opener).to_be_focused()


def test_a_story_is_told_anew_when_anything_may_have_changed(inside: Callable[..., Window], house: House) -> None:
    customer, thread = greeted(house)
    message = sends(house, customer)
    becomes(house, message, "read")
    above, alone = opened(inside(), house, thread), inside().page
    above.locator(".msg.is-mine [data-does=story]").click()
    alone.goto(f"{house.ready.inbox_url}/messages/{message}")
    alone.locator("html[data-live=yes]").wait_for()
    # What is noted past the ledger is told to nobody.
    in_database(house, "INSERT INTO decision (message_id, kind) VALUES ($1, 'cancelled')", UUID(message))
    expect(above.locator(".story-line")).to_have_count(6)

    for page in (above, alone):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    for page in (above, alone):
        expect(page.locator(".story-line").last).to_contain_text("Cancelled")


@pytest.mark.parametrize(("width", "is_dark"), SHAPES[::3])
def test_what_is_unknown_says_what_comes_next(
    inside: Callable[..., Window], house: House, *, width: int, is_dark: bool
) -> None:
    customer, thread = greeted(house)
    message = unknown(house, customer)
    window = inside(width=width, is_dark=is_dark)
    page = opened(window, house, thread)
    expect(page.locator(".msg-trouble")).to_contain_text("Confirming… No answer tells whether WhatsApp took it")
    assert window.audit() == []

    page.goto(f"{house.ready.inbox_url}/messages/{message}")

    expect(page.locator(".note")).to_contain_text("Without a word by")
    expect(page.locator(".note")).to_contain_text("you may send it again yourself")
    assert page.get_by_text("Send again").count() == 0
    assert window.audit() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_is_unknown_is_sent_again_by_who_says_so_twice(inside: Callable[..., Window], house: House) -> None:
    customer, thread = greeted(house)
    message = unknown(house, customer)
    time_passes(house, message, "150 seconds")
    page = opened(inside(), house, thread)
    page.locator(".msg-trouble").get_by_role("link", name="Details").click()
    page.locator(".story-ask summary").click()
    expect(page.locator(".story-ask")).to_contain_text("the customer gets it twice")

    page.get_by_role("button", name="Send it again all the same").click()

    expect(page.locator(".story-line").filter(has_text="as a person asks")).to_be_visible()
    expect(page.locator(".story-line").filter(has_text="The customer read it")).to_be_visible()
    # Both attempts stand there, the first with what is not known of it.
    expect(page.locator(".story-line").filter(has_text="Handing it to WhatsApp")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator(".msg.is-mine .tick-read")).to_be_visible()
    expect(page.locator(".msg-trouble")).to_have_count(0)


@pytest.mark.usefixtures("paused")
def test_what_waits_is_cancelled_and_a_second_time_is_no_matter(inside: Callable[..., Window], house: House) -> None:
    customer, thread = greeted(house)
    message = sends(house, customer, "Wait, wrong price")
    first, second = inside(), inside()
    other = second.page
    other.goto(f"{house.ready.inbox_url}/messages/{message}")
    other.locator("html[data-live=yes]").wait_for()
    page = opened(first, house, thread)
    page.locator(".msg.is-mine [data-does=story]").first.click()

    page.get_by_role("button", name="Cancel this message").click()

    expect(page.locator(".story-line").last).to_contain_text("Cancelled")
    expect(page.locator("#story").get_by_role("button", name="Cancel this message")).to_have_count(0)
    expect(other.locator(".story-line").last).to_contain_text("Cancelled")
    assert api(house, "GET", f"/v1/whatsapp/messages/{message}")["phase"] == "cancelled"
    expect(page.locator(".msg .tick-cancelled")).to_have_count(1)


def test_what_cannot_be_done_any_more_says_why(inside: Callable[..., Window], house: House) -> None:
    customer, thread = greeted(house)
    message = unknown(house, customer)
    time_passes(house, message, "150 seconds")
    window = inside()
    page = window.page
    page.goto(f"{house.ready.inbox_url}/messages/{message}")
    page.locator(".story-ask summary").click()
    in_database(house, "UPDATE conversation SET window_until = now() WHERE id = $1", UUID(thread))

    page.get_by_role("button", name="Send it again all the same").click()

    expect(page.get_by_role("alert")).to_contain_text("The 24-hour window with this customer is closed")
    assert api(house, "GET", f"/v1/whatsapp/messages/{message}")["phase"] == "unknown"
    assert "409" in window.complaints.pop()


def test_why_whatsapp_refused_a_message_is_told_once(inside: Callable[..., Window], house: House) -> None:
    customer, _ = greeted(house)
    spoil(house, "messages", {"error": 131026}, to=customer)
    message = sends(house, customer)
    becomes(house, message, "failed")
    page = inside().page

    page.goto(f"{house.ready.inbox_url}/messages/{message}")

    expect(page.get_by_text("The number is not on WhatsApp")).to_have_count(1)
    expect(page.locator(".story-line").last).to_contain_text("WhatsApp refused it: The number is not on WhatsApp")


def test_threads_and_messages_of_another_workspace_are_not_there(window: Window, house: House) -> None:
    customer, thread = greeted(house)
    message = sends(house, customer)
    picha(house, "workspaces", "create", "Elsewhere")
    window.page.goto(picha(house, "users", "add", "Zuri", "--workspace", "Elsewhere"))
    window.page.get_by_role("button", name="Open the inbox").click()
    window.page.wait_for_url(house.ready.inbox_url)
    ours: dict[str, Any] = {"headers": {"Sec-Fetch-Site": "same-origin"}, "max_redirects": 0}
    ask, inbox = window.page.request, house.ready.inbox_url
    shown = "", "/head", "/newest", "/messages", f"/messages?ids={message}", "/number", "/composer"

    statuses = [
        *(ask.get(f"{inbox}/conversations/{thread}{part}", **ours).status for part in shown),
        *(ask.get(f"{inbox}/messages/{message}{part}", **ours).status for part in ("", "/story")),
        *(ask.post(f"{inbox}/conversations/{thread}/{deed}", **ours).status for deed in ("read", "unread", "delete")),
        *(ask.post(f"{inbox}/messages/{message}/{deed}", **ours).status for deed in ("cancel", "again")),
    ]

    assert statuses == [404] * len(statuses)
    assert api(house, "GET", f"/v1/whatsapp/conversations/{thread}")["id"] == thread
