"""What is sent to somebody whose phone is in a hand is read when it is seen there, and not by itself."""

from collections.abc import Callable

from playwright.sync_api import expect
from tests.browser.conftest import Window
from tests.browser.handsets import Handset, sent, stranger, written

from picha.testing import Sandbox, SandboxOptions, running

# Longer than the sandbox takes to read by itself.
A_WHILE_MS = 1500


def seen_by_tab(phone: Handset, state: str) -> None:
    """Let the tab be in front or behind, which a browser without windows never tells by itself."""
    phone.page.evaluate(
        """(state) => {
            Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_what_stands_on_the_screen_is_read(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person)

    wamid = sent(shop, phone.person)

    assert shop.wait("status", wamid=wamid, status="read", timeout_s=5)


def test_behind_another_tab_nothing_is_read(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person)
    seen_by_tab(phone, "hidden")

    wamid = sent(shop, phone.person)
    expect(phone.bubble("This one?")).to_be_visible()
    phone.page.wait_for_timeout(A_WHILE_MS)
    assert phone.status(wamid) == "delivered"
    seen_by_tab(phone, "visible")

    assert shop.wait("status", wamid=wamid, status="read", timeout_s=5)


def test_what_lies_below_is_read_once_somebody_scrolls_there(window: Window, shop: Sandbox) -> None:
    person = stranger()
    for count in range(40):
        written(shop, person, text=f"Line {count}")
    phone = Handset(window, shop).hold(person)
    expect(phone.bubble("Line 39")).to_be_in_viewport()
    phone.page.locator(".scroller").evaluate("(room) => room.scrollTo(0, room.scrollHeight / 3)")
    expect(phone.page.get_by_role("button", name="To the newest message")).to_be_visible()

    first, second = sent(shop, person), sent(shop, person, text={"body": "And this"})
    expect(phone.page.get_by_role("button", name="To the newest message")).to_have_text("2")
    phone.page.wait_for_timeout(A_WHILE_MS)
    assert (phone.status(first), phone.status(second)) == ("delivered", "delivered")
    phone.page.get_by_role("button", name="To the newest message").click()

    assert shop.wait("status", wamid=second, status="read", timeout_s=5)
    assert phone.status(first) == "read"


def test_another_conversation_of_theirs_is_read_when_it_is_opened(window: Window, shop: Sandbox) -> None:
    phone = Handset(window, shop).hold(stranger())
    written(shop, phone.person, phone_number_id=shop.numbers[1].phone_number_id)

    wamid = sent(shop, phone.person, number=1)
    phone.page.wait_for_timeout(A_WHILE_MS)
    other = shop.numbers[1].phone_number_id
    assert shop.conversation(phone.person, phone_number_id=other)[-1].status == "delivered"
    phone.page.get_by_role("button", name="All chats").click()
    phone.page.get_by_role("button", name="Lucky Shrub Support").click()

    assert shop.wait("status", wamid=wamid, status="read", timeout_s=5)


def test_somebody_else_reads_by_themselves_as_ever(window: Window, shop: Sandbox) -> None:
    Handset(window, shop).hold(stranger())
    other = stranger()
    written(shop, other)

    wamid = sent(shop, other)

    assert shop.wait("status", wamid=wamid, status="read", timeout_s=5)


def test_when_the_page_goes_what_waited_is_read_by_itself(open_window: Callable[..., Window], shop: Sandbox) -> None:
    phone = Handset(open_window(), shop).hold(stranger())
    written(shop, phone.person)
    seen_by_tab(phone, "hidden")
    wamid = sent(shop, phone.person)
    phone.page.wait_for_timeout(A_WHILE_MS)
    assert phone.status(wamid) == "delivered"

    phone.page.goto("about:blank")

    assert shop.wait("status", wamid=wamid, status="read", timeout_s=5)


def test_what_waits_for_the_person_is_received_by_a_button(window: Window) -> None:
    with running(SandboxOptions(ladder=(0, None, None))) as sandbox:
        phone = Handset(window, sandbox).hold("16505551234")

        wamid = sent(sandbox, phone.person)
        phone.page.get_by_role("button", name="Receive now").click()

        expect(phone.bubble("This one?")).to_be_visible()
        assert sandbox.wait("status", wamid=wamid, status="read", timeout_s=5)
        phone.page.goto("about:blank")
