"""The list of conversations: what a line says, that it lives, how one searches and moves in it, and that it stays."""

import re
from collections.abc import Callable, Iterator

import psycopg
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from tests.browser.conftest import Window
from tests.browser.speaking import api, heard, photo, stranger, thread_of, until, writes
from tests.browser.test_sign_in import SHAPES, answered, users
from tests.journeys.running import House

from picha.gateway.domain.staff import Role
from picha.gateway.inbox.pages import PAGES
from picha.gateway.store.embedded import EmbeddedPostgres

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</a></li></ol><h1>Owned</h1>",
    "{{ 7 * 7 }} {% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe\u202c",
    "\u200b\u200c\u200d\ufeff",
    "e\u0301" + "\u0335" * 60,
    "W" * 200,
    "two\nlines\tand \x1b[31mred",
    'https://x.example/"onmouseover="alert(1)',
    "https://x.example/'<script>alert(1)</script>",
    "\U0001f469\u200d\U0001f467 \U0001d49c\U0001f44b\U0001f3fe",
]

FLOCK = """
WITH people AS (
    INSERT INTO contact (id, workspace_id, phone, profile_name, addressed_at)
    SELECT gen_random_uuid(), workspace_id, (255799000000 + n)::text, 'Flock ' || n, now()
    FROM generate_series(1, %(many)s) AS n, (SELECT workspace_id FROM conversation LIMIT 1) AS ours
    RETURNING id, workspace_id, phone
)
INSERT INTO conversation (id, workspace_id, sender_id, contact_id, last_message_at)
SELECT gen_random_uuid(), workspace_id, (SELECT sender_id FROM conversation LIMIT 1), id,
    now() - interval '1 year' - right(phone, 3)::int * interval '1 minute'
FROM people
"""
FLOWN = """
DELETE FROM conversation USING contact WHERE contact.id = contact_id AND profile_name LIKE 'Flock%';
DELETE FROM contact WHERE profile_name LIKE 'Flock%'
"""
# Tells the page of a conversation that changed, as another one of the same browser does.
HEARD = """([id]) => {
    new BroadcastChannel("picha").postMessage({ kind: "conversation", detail: { id } });
}"""


def opened(window: Window, house: House, query: str = "") -> Page:
    window.page.goto(house.ready.inbox_url + query)
    window.page.locator("html[data-live=yes]").wait_for()
    return window.page


def line(page: Page, name: str) -> Locator:
    return page.locator(".thread").filter(has_text=name)


def names(page: Page) -> list[str]:
    return [one.strip() for one in page.locator(".row-name").all_text_contents()]


def flocks(*numbers: int) -> list[str]:
    return [f"Flock {n}" for n in numbers]


def ends(page: Page) -> None:
    """Scroll down until there is nothing more to load."""

    def look() -> bool | None:
        # What was loaded after one scrolled is not in sight yet.
        is_all = page.locator("#more").count() == 0
        page.locator("#list-scroll").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        return is_all or None

    until(look)


def becomes(house: House, n: int, **changed: str) -> None:
    """Change one of the flock so that nobody is told: its `name`, or when somebody `wrote` last, in SQL."""
    with psycopg.connect(EmbeddedPostgres(house.home).dsn, autocommit=True) as connection:
        if wrote := changed.get("wrote"):
            connection.execute(
                f"UPDATE conversation SET last_message_at = {wrote} FROM contact "
                "WHERE contact.id = contact_id AND profile_name = %s".encode(),
                [f"Flock {n}"],
            )
        if name := changed.get("name"):
            connection.execute("UPDATE contact SET profile_name = %s WHERE profile_name = %s", [name, f"Flock {n}"])


def looks_anew(page: Page) -> None:
    """Let the page think that anything may have changed, as it does when one comes back to it."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def focus(page: Page, name: str) -> None:
    """Focus a line without scrolling to it."""
    page.get_by_role("link").filter(has=page.get_by_text(name, exact=True)).evaluate(
        "link => link.focus({ preventScroll: true })"
    )


@pytest.mark.parametrize(("width", "is_dark"), SHAPES)
def test_a_line_tells_who_wrote_what_and_how_long_one_may_answer(
    inside: Callable[..., Window], house: House, *, width: int, is_dark: bool
) -> None:
    customer, name = stranger(), f"Neema {width} {is_dark}"
    heard(house, writes(house, customer, name=name, caption="This one, in blue?", image_base64=photo(width)))
    window = inside(width=width, is_dark=is_dark)

    page = opened(window, house)

    shown = line(page, name)
    expect(shown.locator(".row-words")).to_have_text("This one, in blue?")
    expect(shown.locator(".row-unread")).to_contain_text("1 unread")
    expect(shown.locator("[data-left]")).to_have_text("23 h left")
    expect(shown.locator(".row-number")).to_contain_text(f"ending in {customer[-3:]}")
    assert customer[3:] not in page.content()
    assert shown.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") in {240, 320}
    assert window.audit() == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_a_customer_sends_is_there_within_a_second_and_nothing_else_moves(
    inside: Callable[..., Window], house: House
) -> None:
    writes(house, stranger(), name="Written before", type="text", text="First")
    page = opened(inside(), house)
    line(page, "Written before").locator("a").focus()
    customer = stranger()

    writes(house, customer, name="Just now", image_base64=photo(33))

    line(page, "Just now").locator("img").wait_for(timeout=3000)
    assert names(page).index("Just now") < names(page).index("Written before")
    expect(line(page, "Written before").locator("a")).to_be_focused()
    unread = page.locator(".kind[data-show=unread]").get_attribute("data-count")
    expect(page).to_have_title(f"({unread}) Conversations · Picha")
    api(house, "POST", "/v1/whatsapp/messages/text", {"to": customer, "body": "Thank you"})
    expect(line(page, "Just now").locator(".row-last")).to_contain_text("You: Thank you")
    expect(line(page, "Just now").locator(".row-became")).to_have_text("Read:")


def test_the_list_is_looked_at_anew_once_at_a_time_however_often_that_is_told(
    inside: Callable[..., Window], house: House
) -> None:
    writes(house, stranger(), name="Told of often", type="text", text="Hello")
    page = inside().page
    page.clock.install()
    page.goto(house.ready.inbox_url)
    page.locator("html[data-live=yes]").wait_for()
    line(page, "Told of often").wait_for()
    asked: list[Route] = []

    def ask(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    page.route(re.compile(r"/inbox/list\??$"), ask)

    for _ in range(3):
        looks_anew(page)
        page.clock.run_for(2000)

    until(lambda: page.evaluate("asked => asked", len(asked)) == 1 or None)
    asked[0].continue_()
    until(lambda: page.evaluate("asked => asked", len(asked)) == 2 or None)


def test_a_second_page_hears_what_came_while_it_was_drawn_though_the_first_has_the_stream(
    inside: Callable[..., Window], house: House
) -> None:
    window = inside()
    opened(window, house)
    second = window.page.context.new_page()
    customer = stranger()
    came: list[str] = []

    def late(route: Route) -> None:
        # Drawn already, and deaf until its scripts are there.
        if not came:
            came.append(customer)
            writes(house, customer, name="Came meanwhile", type="text", text="Hello")
            expect(line(window.page, "Came meanwhile")).to_be_visible()
        route.continue_()

    second.route("**/list.js", late)
    second.goto(house.ready.inbox_url)

    expect(line(second, "Came meanwhile")).to_be_visible()
    expect(second.locator("html[data-live=yes]")).to_be_attached()
    second.close()


def test_numbers_are_shown_when_they_are_asked_for_and_hidden_again(
    inside: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    writes(house, customer, name="Private person", type="text", text="Hello")
    thread_of(house, customer)
    page = opened(inside(), house)
    whole = f"+255 {customer[3:6]} {customer[6:9]} {customer[9:]}"

    page.get_by_role("button", name="Show numbers").click()

    expect(line(page, "Private person").locator(".row-number")).to_have_text(whole)
    page.get_by_role("button", name="Show numbers").click()
    expect(line(page, "Private person").locator(".row-number")).to_contain_text("••")
    assert whole not in page.content()


def test_one_finds_people_while_one_types_and_goes_back(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    writes(house, customer, name="Zuhura the Florist", type="text", text="Hello")
    writes(house, stranger(), name="Somebody else", type="text", text="Hello")
    thread_of(house, customer)
    page = opened(inside(), house)

    page.keyboard.press("/")
    page.keyboard.type("zuhura THE")

    expect(page.locator(".row-name")).to_have_text(["Zuhura the Florist"])
    assert page.url.endswith("/inbox?search=zuhura+THE")
    page.get_by_role("searchbox").fill(f"+{customer[:3]} {customer[3:]}")
    expect(page.locator(".row-name")).to_have_text(["Zuhura the Florist"])
    page.get_by_role("searchbox").fill("nobody at all is called that")
    expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(line(page, "Somebody else")).to_be_visible()
    page.get_by_role("searchbox").fill("zuhura")
    expect(page.locator(".row-name")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(line(page, "Somebody else")).to_be_visible()


def test_the_unread_ones_leave_their_list_when_somebody_reads_them(inside: Callable[..., Window], house: House) -> None:
    customer = stranger()
    writes(house, customer, name="To be read", type="text", text="Hello")
    thread = thread_of(house, customer)
    page = opened(inside(), house)
    page.locator(".kind", has_text="Unread").click()
    page.wait_for_url("**/inbox?show=unread")
    expect(line(page, "To be read").locator(".row-time")).to_have_css("font-weight", "600")
    before = int(page.locator(".kind[data-show=unread]").get_attribute("data-count") or "")

    api(house, "POST", f"/v1/whatsapp/conversations/{thread}/read")

    expect(line(page, "To be read")).to_have_count(0)
    expect(page.locator(".kind[data-show=unread]")).to_have_attribute("data-count", str(before - 1))
    page.locator(".kind", has_text="All").click()
    expect(line(page, "To be read").locator(".row-unread")).to_have_count(0)
    expect(line(page, "To be read").locator(".row-time")).to_have_css("font-weight", "400")


def test_keys_move_through_the_list_and_tell_which_there_are(inside: Callable[..., Window], house: House) -> None:
    for name in ("Walked third", "Walked second", "Walked first"):
        customer = stranger()
        writes(house, customer, name=name, type="text", text="Hello")
        thread_of(house, customer)
    window = inside()
    # Whoever else writes meanwhile is not among these.
    page = opened(window, house, "?search=walked")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")

    expect(page.locator(".thread").nth(1).locator("a")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys that work here")).to_be_visible()
    assert window.audit() == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".thread").nth(1).locator("a")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox/conversations/*")
    expect(page.locator(".thread a[aria-current=true] .row-name")).to_have_text("Walked second")
    expect(line(page, "Walked second").locator(".row-unread")).to_have_count(0)


def test_older_ones_come_on_scroll_and_the_place_is_kept(inside: Callable[..., Window], house: House) -> None:
    for n in range(60):
        writes(house, stranger(), name=f"One of many {n}", type="text", text=f"Hello {n}")
    writes(house, stranger(), name="The last of many", type="text", text="Hello")
    page = opened(inside(), house, "?search=many")
    line(page, "The last of many").wait_for()
    page.reload()
    page.locator("html[data-live=yes]").wait_for()

    page.locator("#list-scroll").evaluate("box => box.scrollTo(0, box.scrollHeight)")

    expect(page.locator(".thread")).to_have_count(61)
    assert len(set(names(page))) == 61
    page.locator("#list-scroll").evaluate("box => box.scrollTo(0, 4000)")
    top = page.locator("#list-scroll").evaluate("box => box.scrollTop")
    page.goto(f"{house.ready.inbox_url}/password")
    page.go_back()
    expect(page.locator(".thread")).to_have_count(61)
    until(lambda: abs(page.locator("#list-scroll").evaluate("box => box.scrollTop") - top) < 5)


@pytest.fixture
def flock(house: House) -> Iterator[int]:
    """More people than are looked at anew at once, each of whom wrote a year ago."""
    with psycopg.connect(EmbeddedPostgres(house.home).dsn, autocommit=True) as connection:
        connection.execute(FLOCK.encode(), {"many": 620})
        yield 620
        connection.execute(FLOWN.encode())


def test_older_ones_that_could_not_be_loaded_are_asked_for_again(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    window = inside()
    page = opened(window, house, "?search=flock")
    failed: list[Route] = []

    def fail_twice(route: Route) -> None:
        if len(failed) < 2:
            failed.append(route)
            route.abort()
        else:
            route.continue_()

    page.route(re.compile(r"/inbox/list\?.*before="), fail_twice)
    before = page.locator(".thread").count()
    assert before < flock

    page.locator("#list-scroll").evaluate("box => box.scrollTo(0, box.scrollHeight)")

    expect(page.get_by_text("Older conversations could not be loaded.")).to_have_count(1)
    until(lambda: page.locator(".thread").count() > before or None)
    assert len(failed) == 2
    window.complaints[:] = [one for one in window.complaints if "ERR_FAILED" not in one]


def test_of_many_that_were_loaded_the_first_are_looked_at_anew_and_the_rest_comes_again(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    box = page.locator("#list-scroll")

    def all_there() -> bool:
        box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
        return page.locator(".thread").count() == flock

    until(lambda: all_there() or None)
    first = names(page)
    with psycopg.connect(EmbeddedPostgres(house.home).dsn, autocommit=True) as connection:
        connection.execute("UPDATE contact SET profile_name = 'Flock, renamed' WHERE profile_name = 'Flock 300'")

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    expect(line(page, "Flock, renamed")).to_have_count(1)
    until(lambda: all_there() or None)
    assert names(page) == ["Flock, renamed" if name == "Flock 300" else name for name in first]
    page.get_by_role("button", name="numbers").click()
    expect(page.locator(".thread").first).to_contain_text("+255 799")


def test_the_last_line_that_is_loaded_stays_when_it_changes_in_its_place(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    focus(page, "Flock 50")
    becomes(house, 50, name="Flock 50, renamed")

    looks_anew(page)

    expect(line(page, "Flock 50, renamed").locator("a")).to_be_focused()
    assert page.locator(".thread").count() == 50
    ends(page)
    assert names(page) == [*flocks(*range(1, 50)), "Flock 50, renamed", *flocks(*range(51, flock + 1))]


def test_a_line_behind_the_place_where_older_ones_begin_goes_and_comes_with_them(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    focus(page, "Flock 20")
    becomes(house, 20, wrote="last_message_at - interval '104 minutes 30 seconds'")

    looks_anew(page)

    expect(page.locator(".thread")).to_have_count(49)
    expect(line(page, "Flock 21").first.locator("a")).to_be_focused()
    ends(page)
    assert names(page) == flocks(*range(1, 20), *range(21, 125), 20, *range(125, flock + 1))


def test_what_comes_between_the_last_line_and_the_place_where_older_ones_begin_is_shown(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    becomes(house, 50, wrote="last_message_at + interval '100 minutes'")
    looks_anew(page)
    expect(page.locator(".row-name").first).to_have_text("Flock 50")
    # One of those above leaves, so that this one is the last of the first page.
    becomes(house, 300, wrote="last_message_at + interval '250 minutes 30 seconds'")
    becomes(house, 10, wrote="last_message_at - interval '1 year'")

    looks_anew(page)

    expect(page.locator(".row-name").last).to_have_text("Flock 300")
    ends(page)
    assert names(page) == flocks(50, *range(1, 10), *range(11, 50), 300, *range(51, 300), *range(301, flock + 1), 10)


def test_older_ones_that_come_after_the_list_was_cut_leave_no_gap_in_it(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    asked: list[Route] = []

    def hold_the_ninth(route: Route) -> None:
        asked.append(route)
        if len(asked) != 9:
            route.continue_()

    page.route(re.compile(r"/inbox/list\?.*before="), hold_the_ninth)
    box = page.locator("#list-scroll")

    def is_held() -> bool | None:
        box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
        return len(asked) == 9 or None

    until(is_held)
    expect(page.locator(".thread")).to_have_count(450)
    box.evaluate("box => box.scrollTo(0, 0)")
    looks_anew(page)
    expect(page.locator(".thread")).to_have_count(400)

    with page.expect_response(re.compile(r"/inbox/list\?.*before=")):
        asked[-1].continue_()

    ends(page)
    assert names(page) == flocks(*range(1, flock + 1))


def test_older_ones_that_come_after_something_else_was_found_leave_no_gap_in_it(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    box = page.locator("#list-scroll")
    asked: list[Route] = []

    def hold_two(route: Route) -> None:
        asked.append(route)
        if len(asked) > 2:
            route.continue_()

    def is_held(count: int) -> bool | None:
        # The driver hears of requests only while it is asked for something.
        box.evaluate("(box, down) => box.scrollTo(0, down ? box.scrollHeight : 0)", count > 1)
        return len(asked) == count or None

    while page.locator(".thread").count() < 200:
        box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
    box.evaluate("box => box.scrollTo(0, 0)")
    page.route(re.compile(r"/inbox/list\?.*search=Flock"), hold_two)

    page.get_by_role("searchbox").fill("Flock 1")
    until(lambda: is_held(1))
    until(lambda: is_held(2))
    found, older = asked
    found.continue_()
    expect(page.locator(".row-name").nth(1)).to_have_text("Flock 10")
    with page.expect_response(re.compile(r"/inbox/list\?.*before=")):
        older.continue_()

    ends(page)
    assert names(page) == flocks(*(n for n in range(1, flock + 1) if str(n).startswith("1")))


def test_whoever_is_far_down_keeps_the_place_and_the_focus_when_all_is_looked_at_anew(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    ends(page)
    box = page.locator("#list-scroll")
    focus(page, f"Flock {flock - 3}")
    top = box.evaluate("box => box.scrollTop")
    becomes(house, 1, name="Flock 1, renamed")
    becomes(house, flock - 2, name="Flock in sight, renamed")
    becomes(house, 430, name="Flock out of sight, renamed")

    looks_anew(page)

    expect(line(page, "Flock in sight, renamed")).to_be_in_viewport()
    expect(line(page, "Flock 1, renamed")).to_have_count(1)
    expect(line(page, f"Flock {flock - 3}").locator("a")).to_be_focused()
    assert page.locator(".thread").count() == flock
    assert box.evaluate("box => box.scrollTop") == top
    line(page, "Flock 425").scroll_into_view_if_needed()
    expect(line(page, "Flock out of sight, renamed")).to_have_count(1)


def test_the_focus_goes_to_the_last_line_that_is_kept_when_its_own_is_not(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    ends(page)
    page.locator("#list-scroll").evaluate("box => box.scrollTo(0, 0)")
    focus(page, f"Flock {flock - 3}")

    looks_anew(page)

    expect(page.locator(".thread")).to_have_count(400)
    expect(line(page, "Flock 400").locator("a")).to_be_focused()


@pytest.mark.usefixtures("flock")
def test_no_leaf_of_the_list_grows_without_end(inside: Callable[..., Window], house: House) -> None:
    page = opened(inside(), house, "?search=flock")
    focus(page, "Flock 10")

    for days, first in ((300, 301), (200, 341)):
        for n in range(first, first + 40):
            becomes(house, n, wrote=f"now() - interval '{days} days {n} minutes'")
        looks_anew(page)
        expect(page.locator(".row-name").nth(39)).to_have_text(f"Flock {first + 39}")

    assert names(page) == flocks(*range(341, 381), *range(301, 341), *range(1, 51))
    sizes = page.locator(".leaf").evaluate_all("leaves => leaves.map((leaf) => leaf.children.length)")
    assert sum(sizes) == 130
    assert max(sizes) <= 100
    expect(line(page, "Flock 10").first.locator("a")).to_be_focused()


@pytest.mark.parametrize("many", [60, 450])
def test_however_many_move_up_unheard_none_is_missing_between_them_and_the_others(
    inside: Callable[..., Window], house: House, flock: int, many: int
) -> None:
    page = opened(inside(), house, "?search=flock")
    expect(page.locator(".thread")).to_have_count(50)
    moved = range(101, 101 + many)
    with psycopg.connect(EmbeddedPostgres(house.home).dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE conversation SET last_message_at = last_message_at + interval '200 days' FROM contact "
            "WHERE contact.id = contact_id AND profile_name = ANY(%s)",
            [flocks(*moved)],
        )
        found = connection.execute(
            "SELECT conversation.id::text FROM conversation JOIN contact ON contact.id = contact_id "
            "WHERE profile_name = 'Flock 101'"
        ).fetchone()
    # Of one of them it is heard before all is looked at anew.
    page.evaluate(HEARD, found)
    expect(page.locator(".row-name").first).to_have_text("Flock 101")

    looks_anew(page)

    expect(page.locator(".row-name").nth(59)).to_have_text("Flock 160")
    ends(page)
    assert names(page) == flocks(*moved, *range(1, 101), *range(101 + many, flock + 1))


def test_whole_numbers_that_come_after_they_were_hidden_are_not_shown(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    assert flock
    page = opened(inside(), house, "?search=flock")
    held: list[Route] = []
    page.route(re.compile(r"/inbox/list\?.*numbers=shown"), lambda route: held.append(route))  # noqa: PLW0108 - the driver marks it
    button = page.locator("#numbers")
    button.click()
    until(lambda: held or page.evaluate("null"))
    with page.expect_response(re.compile(r"/inbox/list\?")):
        button.click()

    with page.expect_response(lambda answer: "/inbox/list?" in answer.url and "numbers" not in answer.url):
        held[0].continue_()

    expect(line(page, "Flock 50")).to_contain_text("••")
    assert "+255 799" not in page.content()


def test_the_button_tells_that_numbers_are_hidden_when_they_could_not_be_loaded(
    inside: Callable[..., Window], house: House, flock: int
) -> None:
    window = inside()
    page = opened(window, house, "?search=flock")
    ends(page)
    page.route(re.compile(r"/inbox/list\?.*numbers=shown"), lambda route: route.abort())
    button = page.locator("#numbers")

    button.click()

    expect(page.get_by_text("The numbers could not be loaded.")).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.unroute_all()
    button.click()
    expect(line(page, f"Flock {flock}")).to_contain_text("+255 799")
    button.click()
    expect(line(page, f"Flock {flock}")).to_contain_text("••")
    assert "+255 799" not in page.content()
    window.complaints[:] = [one for one in window.complaints if "ERR_FAILED" not in one]


def test_hostile_names_and_words_are_text_and_break_nothing(inside: Callable[..., Window], house: House) -> None:
    for one in HOSTILE:
        customer = stranger()
        writes(house, customer, name=one, type="text", text=f"hostile {one}")
        thread_of(house, customer)
    window = inside(width=360)
    window.page.on("dialog", lambda dialog: window.complaints.append(dialog.message))

    page = opened(window, house)

    said = page.locator(".row-words").all_text_contents()
    for one in HOSTILE:
        assert any(" ".join(f"hostile {one}".split())[:30] in " ".join(text.split()) for text in said), one
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert window.audit() == []


def test_an_agent_sees_what_is_for_admins_neither_in_the_rail_nor_by_its_address(
    open_window: Callable[..., Window], house: House
) -> None:
    window = open_window()
    window.page.goto(users(house, "add", "Agent of the list"))
    window.page.get_by_role("button", name="Open the inbox").click()
    window.page.wait_for_url(house.ready.inbox_url)
    mine = {link.get_attribute("href") for link in window.page.locator("a.rail-item").all()}
    for_admins = [page for page in PAGES if page.role is Role.ADMIN and page.method == "GET"]
    assert mine.isdisjoint(page.path for page in for_admins)
    assert "/inbox" in mine

    answer = window.page.goto(house.ready.api_url + next(page.path for page in for_admins if page.nav))

    assert answer is not None
    assert answer.status == 403
    expect(window.page.get_by_role("heading", level=1)).to_have_text("This is for admins")
    assert window.audit() == []
    answered(window, 403)


def test_the_list_tells_who_of_the_colleagues_answers(
    inside: Callable[..., Window], open_window: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    writes(house, customer, name="Waits for an answer", type="text", text="Hello")
    thread = thread_of(house, customer)
    page = opened(inside(), house)
    window = open_window()
    window.page.goto(users(house, "add", "Colleague"))
    window.page.get_by_role("button", name="Open the inbox").click()
    window.page.goto(f"{house.ready.inbox_url}/conversations/{thread}")

    window.page.get_by_placeholder("Write a message").press_sequentially("Karibu")

    expect(line(page, "Waits for an answer").locator(".row-writing")).to_have_text("Colleague is writing…")
