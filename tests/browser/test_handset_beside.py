"""What stands beside the phone: the clock, what can be broken, the webhooks and the ledger, all of them live."""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.browser.conftest import Window
from tests.browser.handsets import Handset, send, sent, stranger, written
from tests.browser.speaking import until
from tests.journeys.running import House

from picha.kit.clock import SystemClock
from picha.testing import Sandbox, SandboxOptions, running
from picha.testing.wire import call


@pytest.fixture
def phone(window: Window, shop: Sandbox) -> Iterator[Handset]:
    """A phone on a sandbox that has neither faults nor another time than the real one, before and after."""
    yield Handset(window, shop).hold(stranger())
    for path in ("/faults", "/trouble"):
        shop.control("DELETE", path)
    shop.control("POST", "/clock", {"resume": True})
    shop.control("POST", "/clock", {"set": SystemClock().now().isoformat()})


def test_a_day_later_the_window_is_shut(phone: Handset) -> None:
    time = phone.view("Time")
    expect(time.locator(".window")).to_contain_text("has not written yet")
    phone.say("Hello")
    expect(time.locator(".window")).to_contain_text("for another 23 h 59 min")

    time.get_by_role("button", name="+24 h").click()
    expect(time.locator(".window")).to_contain_text("shut")
    expect(time.locator(".tag")).to_have_text("24 h ahead")
    wamid = sent(phone.sandbox, phone.person, text={"body": "Too late"})
    phone.sandbox.wait("status", wamid=wamid, status="failed")
    time.get_by_role("button", name="Real time").click()

    expect(time.locator(".tag")).to_have_text("real time")
    expect(time.locator(".window")).to_contain_text("for another 23 h")


def test_at_midnight_today_becomes_yesterday_while_the_page_is_open(open_window: Callable[..., Window]) -> None:
    evening = SystemClock().now().replace(hour=23, minute=45, second=0, microsecond=0)
    with running(SandboxOptions(ladder=(0, 0, 0))) as sandbox:
        sandbox.control("POST", "/clock", {"set": evening.isoformat()})
        person, window = stranger(), open_window(timezone_id="UTC")
        written(sandbox, person, text="Goodnight")
        window.page.clock.install(time=evening)
        phone = Handset(window, sandbox).hold(person)
        day, when = phone.page.locator(".day span"), phone.page.locator("#chats .when")
        expect(day).to_have_text("Today")
        expect(when).to_have_text(re.compile("11:4[5-9]|11:5|23:"))

        phone.page.clock.fast_forward(15 * 60_000)

        expect(day).to_have_text("Yesterday")
        expect(when).to_have_text(f"{evening:%b} {evening.day}")
        phone.page.goto("about:blank")


def test_the_clock_stands_still_and_goes_on(phone: Handset) -> None:
    time = phone.view("Time")

    time.get_by_role("button", name="Freeze").click()
    expect(time.locator(".tag")).to_have_text("frozen")
    shown = time.locator(".time").inner_text()
    time.get_by_role("button", name="+1 h").click()
    expect(time.locator(".time")).not_to_have_text(shown)
    later = time.locator(".time").inner_text()
    phone.page.wait_for_timeout(1200)
    assert time.locator(".time").inner_text() == later
    time.get_by_role("button", name="Resume").click()

    expect(time.locator(".tag")).to_have_text("1 h ahead")
    expect(time.locator(".time")).not_to_have_text(later)


def test_the_first_day_begins_again_only_when_it_is_meant(window: Window) -> None:
    with running(SandboxOptions(ladder=(0, 0, 0))) as sandbox:
        phone = Handset(window, sandbox).hold("16505551234")
        phone.say("To be forgotten")
        expect(phone.bubble("To be forgotten").locator(".ticks.arrived")).to_be_visible()
        time = phone.view("Time")
        time.get_by_text("More", exact=True).click()
        time.get_by_role("button", name="Begin the first day again").click()
        phone.page.get_by_role("button", name="Keep everything").click()
        expect(phone.bubbles).to_have_count(2)
        time.get_by_role("button", name="Begin the first day again").click()
        phone.page.get_by_role("button", name="Begin again").click()

        expect(phone.bubbles).to_have_count(1)
        assert [one.caption for one in sandbox.conversation("16505551234")] == ["Taj Mahal"]
        phone.page.goto("about:blank")


@pytest.mark.parametrize(
    ("preset", "status", "code"), [("Throttled", 429, 130429), ("Token revoked", 401, 190), ("Server error", 500, None)]
)
def test_a_preset_spoils_answers_and_counts_how_often(
    phone: Handset, preset: str, status: int, code: int | None
) -> None:
    written(phone.sandbox, phone.person)
    panel = phone.view("Break")

    panel.get_by_role("radio", name="Always").first.check()
    panel.get_by_role("button", name=preset).click()
    rules = panel.get_by_role("list", name="Faults in force")
    expect(rules).to_contain_text("struck 0 of 0")
    url = f"{phone.sandbox.base_url}/v24.0/{phone.sandbox.phone_number_id}/messages"
    body = {"messaging_product": "whatsapp", "to": phone.person, "type": "text", "text": {"body": "x"}}
    answered, answer = call("POST", url, body=json.dumps(body).encode(), token=phone.sandbox.access_token)
    expect(rules).to_contain_text("struck 1 of 1")
    panel.get_by_role("button", name=f"Take away: {preset}").click()
    expect(rules).to_be_hidden()

    assert answered == status
    assert code is None or json.loads(answer)["error"]["code"] == code
    assert send(phone.sandbox, phone.person)[0] == 200


def test_a_fault_that_is_used_up_breaks_nothing_any_more(phone: Handset) -> None:
    written(phone.sandbox, phone.person)
    panel, body = phone.view("Break"), phone.page.locator("body")
    expect(body).to_have_attribute("data-trouble", "off")

    phone.sandbox.fail_next(131026)
    expect(body).to_have_attribute("data-trouble", "on")
    send(phone.sandbox, phone.person)

    expect(panel.get_by_role("list", name="Faults in force")).to_contain_text("used up")
    expect(body).to_have_attribute("data-trouble", "off")
    panel.get_by_role("button", name="Slow answers").click()
    expect(body).to_have_attribute("data-trouble", "on")
    expect(panel.get_by_role("button", name="All well again")).to_be_enabled()


def test_slow_answers_and_answers_that_never_come_are_rules_of_the_control_api(phone: Handset) -> None:
    panel = phone.view("Break")

    panel.get_by_role("button", name="Slow answers").click()
    panel.get_by_role("radio", name="Every 3rd").check()
    panel.get_by_role("button", name="Lost after sending").click()
    rules = panel.get_by_role("list", name="Faults in force").get_by_role("listitem")
    expect(rules).to_have_count(2)

    slow, lost = phone.sandbox.control("GET", "/faults")["items"]
    assert (slow["effect"], slow["when"]["mode"], slow["when"]["n"]) == ({"delay_ms": 3000}, "next", 3)
    assert (lost["effect"], lost["match"]["route"], lost["when"]["mode"]) == ({"drop": "after"}, "messages", "every")


def test_webhooks_are_spoilt_by_switches_and_all_is_well_again_at_once(phone: Handset) -> None:
    panel = phone.view("Break")

    panel.get_by_role("switch", name="Twice").check()
    panel.get_by_role("switch", name="Out of order").check()
    panel.get_by_role("switch", name=re.compile("^Late")).check()
    panel.get_by_role("radio", name="Sometimes").check()
    panel.get_by_role("button", name="Throttled").click()
    expect(panel.get_by_role("list", name="Faults in force").get_by_role("listitem")).to_have_count(1)
    trouble = phone.sandbox.control("GET", "/trouble")["trouble"]
    assert (trouble["duplicate"], trouble["reorder"], trouble["drop"]) == (0.4, 0.4, 0)
    assert trouble["delay_ms"] == [500, 3000]
    panel.get_by_role("button", name="All well again").click()

    expect(panel.get_by_role("switch", name="Twice")).not_to_be_checked()
    expect(panel.get_by_role("button", name="All well again")).to_be_disabled()
    assert phone.sandbox.control("GET", "/trouble") == {"trouble": None}
    assert phone.sandbox.control("GET", "/faults") == {"items": []}


def test_each_switch_makes_the_trouble_that_it_is_called_after(phone: Handset) -> None:
    panel = phone.view("Break")

    def trouble() -> Any:
        return phone.sandbox.control("GET", "/trouble")["trouble"] or {}

    def is_made(name: str, value: object) -> bool:
        return bool(trouble().get(name) == value)

    for title, name, value in (
        ("Twice", "duplicate", 1),
        ("Out of order", "reorder", 1),
        ("Lost", "drop", 1),
        ("Late", "delay_ms", [500, 3000]),
        ("In batches", "batch", 10),
        ("Too early", "early_status", 1),
        ("Read at once", "skip_delivered", 1),
        ("Failed after all", "failed_after_delivered", 1),
        ("Of strangers", "unknown_wamid", 1),
    ):
        switch = panel.get_by_role("switch", name=re.compile(f"^{title}"))
        switch.check()
        until(partial(is_made, name, value))
        switch.uncheck()
        until(lambda: not trouble())


def test_trouble_that_another_program_makes_shows_too(phone: Handset) -> None:
    panel = phone.view("Break")

    phone.sandbox.control("POST", "/trouble", {"drop": 1})

    expect(panel.get_by_role("switch", name="Lost")).to_be_checked()
    phone.sandbox.fail_next(131026, count=2)
    expect(panel.get_by_role("list", name="Faults in force")).to_contain_text("next 2")


def test_webhooks_show_as_they_go_and_go_again(window: Window, house: House) -> None:
    person = stranger()
    window.page.goto(f"{house.ready.handset_url}#{person}/{house.ready.phone_number_id}")
    expect(window.page.get_by_text("Live", exact=True)).to_be_visible()
    window.page.get_by_role("textbox", name="Message").fill("Told by webhook")
    window.page.keyboard.press("Enter")
    panel = window.page.locator("#webhooks")

    def ours() -> str | None:
        items = json.loads(window.page.request.get(f"{house.ready.sandbox_url}/_sandbox/deliveries").text())["items"]
        return next((one["id"] for one in items if "Told by webhook" in json.dumps(one.get("body"))), None)

    # What other tests of the house left to tell may come meanwhile.
    row = panel.locator(f'[data-key="{until(ours)}"]')
    expect(row).to_contain_text("message")
    expect(row).to_contain_text("taken · 200")
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text("Told by webhook")
    about = row.locator("dd").nth(1).inner_text()
    row.get_by_role("button", name="Redeliver").click()
    same = panel.get_by_role("listitem").filter(has_text=about[-10:])
    expect(same.filter(has_text="taken · 200")).to_have_count(2)

    # The one that somebody reads stays open.
    expect(panel.locator("details[open]")).to_have_count(1)


def test_a_webhook_that_nobody_takes_says_so_while_it_is_tried(window: Window) -> None:
    with running(SandboxOptions(callback="http://127.0.0.1:9/hook")) as sandbox:
        phone = Handset(window, sandbox).hold("16505551234")
        row = phone.view("Webhooks").get_by_role("listitem").last

        expect(row).to_contain_text("waiting · no answer")
        phone.page.goto("about:blank")


def test_the_ledger_shows_each_send_and_leads_to_the_phone_it_is_on(phone: Handset) -> None:
    other = stranger()
    written(phone.sandbox, other, name="Neema")
    ledger = phone.view("Ledger")

    sent(phone.sandbox, other)
    row = ledger.get_by_role("listitem").first
    expect(row).to_contain_text("This one?")
    expect(row).to_contain_text(f"+{other}")
    expect(row.locator("img")).to_be_visible()
    row.get_by_role("button").click()

    expect(phone.page.get_by_role("button", name="Neema")).to_be_visible()
    expect(phone.bubble("This one?")).to_be_in_viewport()
    expect(row).to_contain_text("read")


def test_where_there_is_no_room_beside_the_phone_the_rest_stands_behind_tabs(
    open_window: Callable[..., Window], shop: Sandbox
) -> None:
    phone = Handset(open_window(width=360, height=740), shop).hold(stranger())
    views = phone.page.get_by_role("navigation", name="Views")

    expect(phone.page.get_by_role("textbox", name="Message")).to_be_visible()
    for name, heading in (
        ("Time", "Time"), ("Break", "Break things"), ("Webhooks", "Webhooks"), ("Ledger", "Ledger"),
    ):  # fmt: skip
        views.get_by_role("button", name=name).click()
        expect(phone.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(phone.page.get_by_role("textbox", name="Message")).to_be_hidden()
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 360, name
    views.get_by_role("button", name="Phone").click()

    expect(phone.page.get_by_role("textbox", name="Message")).to_be_visible()
