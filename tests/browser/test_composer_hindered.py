"""What keeps an answer from going out: what the person reads, and that nothing they wrote is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import Window
from tests.browser.speaking import api, picha, thread_of, until
from tests.browser.test_composer import attach, file, jpeg, refusals, sent
from tests.browser.threads import becomes, in_database, opened, sends, spoil
from tests.journeys.running import House

WORDS = "Three metres are left, shall I put them aside?"


@pytest.fixture
def sender(house: House) -> Iterator[str]:
    """The house's number, which is as it was afterwards."""
    sender: str = api(house, "GET", "/v1/whatsapp/senders")[0]["id"]
    yield sender
    in_database(house, "UPDATE sender SET is_active = true, per_second = 80 WHERE id = $1", UUID(sender))
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/resume")


@pytest.fixture
def window(inside: Callable[..., Window]) -> Window:
    """The admin's window."""
    return inside()


@pytest.fixture
def page(window: Window, house: House, customer: str) -> Page:
    """The customer's thread, with words and a picture that are written and not sent."""
    page = opened(window, house, thread_of(house, customer))
    attach(page, file("shop.jpg", jpeg()))
    page.get_by_label("Caption").fill(WORDS)
    return page


@contextmanager
def unaware(page: Page, house: House, customer: str) -> Iterator[Callable[[], str]]:
    """Let the page believe that all is as it was, as until it looks again; what is given tells what blocks."""
    path = f"{house.ready.inbox_url}/conversations/{thread_of(house, customer)}/composer"
    before = page.context.request.get(path).text()
    page.route("**/composer", lambda route: route.fulfill(body=before, content_type="application/json"))
    yield lambda: str(page.context.request.get(path).json()["blocked"])
    page.unroute("**/composer")
    looks_again(page)


def looks_again(page: Page) -> None:
    """Let the page look at how things stand, as one does that comes into view."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def goes_out_once(page: Page, house: House, customer: str, before: int = 0) -> None:
    """Send what is written, and see that it came out whole."""
    page.get_by_role("button", name="Send", exact=True).click()
    *_, message = sent(house, customer, before + 1)
    assert message["content"]["caption"] == WORDS
    becomes(house, message["id"], "read")
    assert len(sent(house, customer, before + 1)) == before + 1


def test_a_number_for_which_too_much_waits_says_for_how_long_and_keeps_what_was_written(
    window: Window, page: Page, house: House, customer: str, sender: str
) -> None:
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/pause")
    waits = sends(house, customer, "waits")
    with unaware(page, house, customer) as blocks:
        # One that waits is more than a day of work.
        in_database(house, "UPDATE sender SET per_second = 0.00001 WHERE id = $1", UUID(sender))
        until(blocks)

        page.get_by_role("button", name="Send", exact=True).click()

        expect(page.locator("#composer-problem")).to_contain_text("More waits for this number than it can send in time")
    refusals(window, 422)

    blocked = page.locator("#composer-blocked")
    expect(blocked).to_contain_text(
        "More waits for this number than it can send in time. Nothing more is taken for now"
    )
    expect(blocked).to_contain_text("try again in")
    assert window.audit() == []
    in_database(house, "UPDATE sender SET per_second = 80 WHERE id = $1", UUID(sender))
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/resume")
    becomes(house, waits, "read")
    looks_again(page)
    expect(blocked).to_be_hidden(timeout=30_000)
    expect(page.get_by_label("Caption")).to_have_value(WORDS)
    goes_out_once(page, house, customer, before=1)


def test_a_number_that_is_switched_off_says_who_can_help_and_keeps_what_was_written(
    window: Window, page: Page, house: House, customer: str, sender: str
) -> None:
    with unaware(page, house, customer) as blocks:
        in_database(house, "UPDATE sender SET is_active = false WHERE id = $1", UUID(sender))
        until(blocks)

        page.get_by_role("button", name="Send", exact=True).click()

        expect(page.locator("#composer-problem")).to_contain_text("is switched off. Ask an admin to switch it on.")
    refusals(window, 422)

    expect(page.locator("#composer-blocked")).to_have_text(
        "The number of this conversation is switched off, so nothing can be sent. An admin can switch it on again."
    )
    assert window.audit() == []
    in_database(house, "UPDATE sender SET is_active = true WHERE id = $1", UUID(sender))
    looks_again(page)
    expect(page.locator("#composer-blocked")).to_be_hidden(timeout=30_000)
    expect(page.get_by_label("Caption")).to_have_value(WORDS)
    goes_out_once(page, house, customer)


def test_what_is_sent_while_whatsapp_refuses_the_token_waits_and_the_page_says_so(
    window: Window, page: Page, house: House, customer: str, sender: str
) -> None:
    spoil(house, "messages", {"error": 190}, to=customer)

    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator("#composer-warnings")).to_contain_text(
        "WhatsApp refuses this number's access token. What you send waits", timeout=30_000
    )
    assert window.audit() == []
    expect(page.locator(".attached")).to_have_count(0)
    [message] = sent(house, customer)
    assert (message["status"], message["content"]["caption"]) == ("pending", WORDS)
    api(house, "POST", f"/v1/whatsapp/senders/{sender}/resume")
    becomes(house, message["id"], "read")
    looks_again(page)
    expect(page.locator("#composer-warnings")).to_be_empty(timeout=30_000)


def test_what_is_sent_after_a_restore_waits_until_somebody_says_go(
    window: Window, page: Page, house: House, customer: str
) -> None:
    picha(house, "restore", "hold")
    try:
        page.get_by_role("button", name="Send", exact=True).click()

        expect(page.locator(".attached")).to_have_count(0)
        [message] = sent(house, customer)
        looks_again(page)
        expect(page.locator("#composer-warnings")).to_contain_text(
            "Nothing goes out for now: the database was put back from a backup.", timeout=30_000
        )
        assert window.audit() == []
        held = api(house, "GET", f"/v1/whatsapp/messages/{message['id']}")
        assert (held["status"], held["content"]["caption"]) == ("pending", WORDS)
    finally:
        picha(house, "restore", "confirm", "--send-waiting")
    becomes(house, message["id"], "read")
    looks_again(page)
    expect(page.locator("#composer-warnings")).to_be_empty(timeout=30_000)
