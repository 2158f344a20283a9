"""How long one may answer: the list and the thread count it down, by whichever clock decides."""

from collections.abc import Callable
from uuid import UUID

from playwright.sync_api import expect
from tests.browser.conftest import Window
from tests.browser.speaking import control, heard, stranger, until, writes
from tests.browser.threads import in_database, opened
from tests.journeys.running import House

from picha.kit.clock import SystemClock

HOUR_S = 3600


def greeted(house: House, name: str) -> tuple[str, str]:
    """Return a customer who just wrote, and the thread with them."""
    customer = stranger()
    return customer, heard(house, writes(house, customer, name=name, type="text", text="Hello"))["conversation_id"]


def test_what_is_left_is_counted_down_in_the_list_and_above_the_thread(
    inside: Callable[..., Window], house: House
) -> None:
    _, thread = greeted(house, "Subira")
    in_database(house, "UPDATE conversation SET unread_count = 0 WHERE id = $1", UUID(thread))
    window = inside()
    page = window.page
    page.clock.install(time=SystemClock().now())
    opened(window, house, thread)
    # What a page asks for as it opens is answered before its clock is moved, and reading asks for nothing here.
    page.clock.run_for(3000)
    page.wait_for_load_state("networkidle")
    row = page.locator(f".thread[data-id='{thread}'] .row-window")
    left, head = row.locator("[data-left]"), page.locator("#talk-window [data-words]")
    expect(left).to_have_text("23 h left")
    expect(head).to_have_text("23 h")
    expect(row).not_to_have_class("row-window is-short")

    page.clock.fast_forward((22 * HOUR_S + 1800) * 1000)
    expect(left).to_have_text("1 h left")
    expect(row).to_have_class("row-window is-short")
    expect(head).to_have_text("1 h")

    page.clock.fast_forward(HOUR_S * 1000)
    expect(left).to_have_text("29 min left")
    expect(row).to_have_class("row-window is-short")
    expect(head).to_have_text("29 min")

    # At its end the thread asks anew; the gateway's clock did not move.
    with page.expect_request("**/head"):
        page.clock.fast_forward(HOUR_S * 1000)
    expect(left).to_have_text("closed")
    expect(row).to_have_class("row-window is-closed")
    expect(head).to_have_text("23 h")


def test_a_sandbox_s_clock_that_is_moved_is_seen_in_the_list_without_a_word(
    inside: Callable[..., Window], house: House
) -> None:
    _, thread = greeted(house, "Tabia")
    page = inside().page
    page.clock.install(time=SystemClock().now())
    page.goto(house.ready.inbox_url)
    page.locator("html[data-live=yes]").wait_for()
    left = page.locator(f".thread[data-id='{thread}'] [data-left]")
    expect(left).to_have_text("23 h left")

    def becomes(unit: str) -> None:
        """Let the list look again and again: the gateway's clock follows the sandbox's within some seconds."""

        def look() -> bool:
            with page.expect_response("**/inbox/list?**id=*"):
                page.clock.fast_forward(20_000)
            return left.inner_text().endswith(f" {unit} left")

        until(look)

    control(house, "/clock", {"advance_s": 23 * HOUR_S})
    try:
        becomes("min")
    finally:
        control(house, "/clock", {"advance_s": -23 * HOUR_S})
    becomes("h")


def test_of_open_conversations_each_leaves_as_it_closes_and_comes_back_with_a_word(
    inside: Callable[..., Window], house: House
) -> None:
    (customer, thread), (_, other) = greeted(house, "Upendo"), greeted(house, "Vumilia")
    page = inside().page
    page.goto(house.ready.inbox_url)
    page.locator("html[data-live=yes]").wait_for()
    shown, stays = (page.locator(f".thread[data-id='{one}']") for one in (thread, other))
    kind = page.locator(".kind[data-show=open]")

    kind.click()
    page.wait_for_url("**/inbox?show=open")
    expect(shown).to_be_visible()
    count = int(kind.get_attribute("data-count") or 0)
    in_database(house, "UPDATE conversation SET window_until = now() WHERE id = $1", UUID(thread))

    expect(shown).to_have_count(0)
    expect(kind).to_have_attribute("data-count", str(count - 1))
    expect(stays).to_be_visible()
    writes(house, customer, type="text", text="Still there?")
    expect(shown).to_be_visible()
    expect(kind).to_have_attribute("data-count", str(count))
