"""The pages that look after the gateway, used as an admin uses them, and what an agent sees of them."""

import base64
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect
from tests.browser.conftest import Window
from tests.browser.speaking import api, photo, stranger, thread_of, until, writes
from tests.browser.test_sign_in import answered, users
from tests.browser.threads import becomes, in_database, sends, uploaded
from tests.journeys.running import House, picture

from picha.gateway.domain.staff import Role, digest_of, fresh_token
from picha.gateway.inbox.desk import DESK
from picha.gateway.inbox.pages import PAGES as TABLE
from picha.gateway.store.embedded import USER
from picha.kit.ids import Ids

PAGES = ("overview?range=7d", "numbers", "media", "webhooks", "webhooks/new", "keys", "people")
ADMINS = ("webhooks", "keys", "people")
IDS = Ids()


class Receiver(BaseHTTPRequestHandler):
    """A customer's program: it takes what comes to /hook, and fails at anything else."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if self.path == "/hook" else 500)
        self.end_headers()
        self.wfile.write(b"thank you" if self.path == "/hook" else b"out of order")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    """The address of a customer's program."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def desk(inside: Callable[..., Window], house: House) -> Callable[..., Window]:
    """Open a window of the admin's on a page: `desk("numbers", width=360)`."""

    def opened(path: str, **shape: Any) -> Window:
        window = inside(**shape)
        window.page.goto(f"{house.ready.inbox_url}/{path}")
        return window

    return opened


def removed(house: House, webhook: str) -> None:
    """Delete a webhook, so that the next test may have one for its service."""
    headers = {"X-API-Key": house.ready.api_key}
    request = urllib.request.Request(f"{house.ready.api_url}/v1/webhooks/{webhook}", headers=headers, method="DELETE")
    urllib.request.urlopen(request, timeout=20).close()


def upload(page: Page) -> None:
    """Bring a picture by the page's form."""
    page.get_by_label("Bring pictures").set_input_files(
        {"name": "shop.jpg", "mimeType": "image/jpeg", "buffer": base64.b64decode(photo(200))}
    )
    page.get_by_role("button", name="Upload").click()
    page.get_by_text("The picture is here").wait_for()


def again(window: Window, house: House, path: str, form: dict[str, str | float | bool]) -> str:
    """Send a form once more, as the second of two clicks does; return the page that answers."""
    headers = {"Origin": house.ready.api_url}
    answer = window.page.context.request.post(f"{house.ready.api_url}{path}", form=form, headers=headers)
    assert answer.ok, answer.status
    return answer.text()


def form_of(page: Page, action: str) -> dict[str, str | float | bool]:
    """Return the fields of a form as they would be sent."""
    form = page.locator(f'form[action="{action}"]')
    fields = form.locator("input, select").all()
    return {
        str(one.get_attribute("name")): one.input_value()
        for one in fields
        if one.get_attribute("type") != "checkbox" or one.is_checked()
    }


@pytest.mark.parametrize(("width", "is_dark"), [(360, True), (1280, False), (1920, False), (1920, True)])
def test_every_page_can_be_read_at_any_width_in_both_themes(
    desk: Callable[..., Window], house: House, receiver: str, *, width: int, is_dark: bool
) -> None:
    writes(house, customer := stranger())
    thread_of(house, customer)
    service = "sms" if is_dark else "voice"
    app = api(house, "GET", "/karibu/x-api-key")["app_id"]
    hook = {"app_id": app, "service_type": service, "url": f"{receiver}/{'long' * 60}"}
    webhook = api(house, "POST", "/v1/webhooks/", hook)["webhook_id"]
    api(house, "POST", f"/v1/webhooks/{webhook}/test")
    sender = api(house, "GET", "/v1/whatsapp/senders")[0]["id"]
    window = desk("overview", width=width, is_dark=is_dark)

    for path in (*PAGES, f"webhooks/{webhook}", f"numbers/{sender}"):
        window.page.goto(f"{house.ready.inbox_url}/{path}")
        main = window.page.locator("#main")
        assert window.audit() == [], path
        assert (
            main.evaluate("main => [main.scrollWidth, main.clientWidth]") == [main.evaluate("e => e.clientWidth")] * 2
        )
        assert window.page.locator("h1").count() == 1, path
    removed(house, webhook)


def test_the_overview_draws_what_came_and_has_the_same_numbers_in_a_table(
    desk: Callable[..., Window], house: House
) -> None:
    customer = stranger()
    writes(house, customer)
    thread_of(house, customer)
    file = api(house, "GET", f"/v1/whatsapp/messages?recipient={customer}")
    assert file["items"]
    window = desk("overview")

    def counted() -> bool:
        window.page.reload()
        received = window.page.locator(".tile", has_text="Received today").locator("strong").inner_text()
        return int(received.replace(",", "")) > 0

    until(counted)

    figure = window.page.locator("figure").filter(has_text="Messages").first
    assert figure.locator("rect").count() > 0
    assert "came in" in str(figure.get_by_role("img").get_attribute("aria-label"))
    figure.get_by_text("Show the numbers").click()
    rows = figure.locator("tbody tr")
    assert rows.count() == 24
    assert int(rows.last.locator("td").last.inner_text()) > 0 or int(rows.nth(22).locator("td").last.inner_text()) > 0
    expect(window.page.locator(".as-of time")).to_be_visible()
    window.page.get_by_role("link", name="30 days").click()
    expect(window.page.locator("figure").first.get_by_role("row")).to_have_count(0)


def test_the_overview_tells_how_long_it_took_to_be_sent_and_to_arrive(
    desk: Callable[..., Window], house: House
) -> None:
    writes(house, customer := stranger())
    thread_of(house, customer)
    becomes(house, sends(house, customer), "read")
    page = desk("overview").page

    for name in ("Accepted until sent", "Sent until delivered"):
        figure = page.locator("figure").filter(has_text=name)

        def measured(figure: Locator = figure) -> bool:
            page.reload()
            said = figure.locator("figcaption p").inner_text()
            return bool(re.search("95 of 100 took less than a second|Half took .*, and 95 of 100 ", said))

        until(measured)
        figure.get_by_text("Show the numbers").click()
        expect(figure.locator("thead")).to_contain_text("Median")
        expect(figure.locator("thead")).to_contain_text("95th percentile")
        figures = figure.locator("tbody td").all_inner_texts()
        assert any(re.fullmatch("[0-9.]+ s", one) for one in figures), figures


def test_a_number_tells_how_much_waits_for_it_and_how_long_that_takes(
    desk: Callable[..., Window], house: House
) -> None:
    writes(house, customer := stranger())
    thread_of(house, customer)
    number = UUID(api(house, "GET", "/v1/whatsapp/senders")[0]["id"])
    api(house, "POST", f"/v1/whatsapp/senders/{number}/pause")
    in_database(house, "UPDATE sender SET per_second = 2 WHERE id = $1", number)
    try:
        for _ in range(3):
            sends(house, customer, "wait")
        for path, place in (("numbers", ".number-card"), (f"numbers/{number}", "#main")):
            page = desk(path).page

            def told(page: Page = page, place: str = place) -> bool:
                page.reload()
                return "3 messages" in page.locator(place).first.inner_text()

            until(told)
            expect(page.locator(place).first).to_contain_text("3 messages, 1.5 s of work")
    finally:
        in_database(house, "UPDATE sender SET per_second = 80 WHERE id = $1", number)
        api(house, "POST", f"/v1/whatsapp/senders/{number}/flush")
        api(house, "POST", f"/v1/whatsapp/senders/{number}/resume")


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_page_that_asks_first_can_be_read(
    desk: Callable[..., Window], house: House, receiver: str, *, is_dark: bool
) -> None:
    app = api(house, "GET", "/karibu/x-api-key")["app_id"]
    hook = {"app_id": app, "service_type": "sms", "url": f"{receiver}/hook"}
    webhook = api(house, "POST", "/v1/webhooks/", hook)["webhook_id"]
    number = api(house, "GET", "/v1/whatsapp/senders")[0]["id"]
    picture, key = uploaded(house, base64.b64decode(photo(7))), house.ready.api_key[11:19]
    users(house, "add", name := f"Neema {stranger()}")
    window = desk("people")
    person = window.page.get_by_role("row", name=name).get_by_role("link", name="Disable").get_attribute("href")
    keys = (f"keys/{key}/rotate", f"keys/{key}/revoke")
    window = desk("numbers", is_dark=is_dark)

    for path in (
        f"numbers/{number}/flush",
        f"media/{picture}/delete",
        f"webhooks/{webhook}/delete",
        *keys,
        str(person).removeprefix("/inbox/"),
    ):
        window.page.goto(f"{house.ready.inbox_url}/{path}")
        assert window.page.locator("h1").count() == 1, path
        assert window.audit() == [], path
    removed(house, webhook)


def test_a_number_is_paused_emptied_changed_and_sends_again(desk: Callable[..., Window], house: House) -> None:
    writes(house, customer := stranger())
    thread_of(house, customer)
    beside, window = desk("numbers"), desk("numbers")
    page = window.page
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Nothing is sent from this number any more.").wait_for()
    beside.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(beside.page.locator(".number-card").first).to_contain_text("Paused")
    page.get_by_label("Messages a second").fill("0")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_label("Messages a second").evaluate("field => field.validity.rangeUnderflow")
    page.get_by_label("Messages a second").fill("60")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It holds from the next message on").wait_for()
    sent = api(house, "POST", "/v1/whatsapp/messages/text", {"to": customer, "body": "wait"})["message_id"]

    until(lambda: page.reload() and page.get_by_role("link", name="Take back what waits").count())
    page.get_by_role("link", name="Take back what waits").click()
    page.get_by_role("button", name="Cancel 1 message").click()

    page.get_by_text("1 message cancelled.").wait_for()
    assert api(house, "GET", f"/v1/whatsapp/messages/{sent}")["status"] == "failed"
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("This number sends again.").wait_for()
    page.get_by_label("Messages a second").fill("80")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It holds from the next message on").wait_for()


def test_a_number_is_checked_when_somebody_asks(desk: Callable[..., Window]) -> None:
    window = desk("numbers")
    window.page.get_by_role("link", name="Look after it").first.click()

    window.page.get_by_role("button", name="Check now").click()

    window.page.get_by_role("heading", name="What was found just now").wait_for()
    expect(window.page.locator(".findings")).to_contain_text("The access token is valid")
    assert window.audit() == []


def test_a_webhook_is_set_up_tested_looked_at_and_deleted(
    desk: Callable[..., Window], house: House, receiver: str
) -> None:
    window = desk("webhooks/new")
    page = window.page
    page.get_by_label("Address of your program").fill("https://user:secret@shop.example/")
    page.get_by_role("button", name="Set it up").click()
    page.get_by_role("alert").get_by_text("This address cannot be called").wait_for()
    answered(window, 400)
    page.get_by_label("Address of your program").fill(f"{receiver}/hook")
    page.get_by_label("Service").select_option("otp")

    page.get_by_role("button", name="Set it up").click()

    page.get_by_role("heading", name="The webhook is set up").wait_for()
    secret = page.get_by_label("Secret").input_value()
    assert secret.startswith("whsec_")
    assert window.audit() == []
    page.get_by_role("link", name="Done").click()
    assert secret not in page.content()
    page.get_by_role("button", name="Send a test").click()
    page.wait_for_url("**/deliveries/*")
    until(lambda: page.reload() and page.locator("main .badge-good").count())
    assert "thank you" not in page.content()
    page.get_by_role("link", name="Show what is told and answered").click()
    expect(page.locator("pre").first).to_contain_text("webhook.test")
    expect(page.locator("pre").last).to_have_text("thank you")
    page.get_by_role("button", name="Deliver again").click()
    page.get_by_text("It is delivered again, now.").wait_for()
    page.get_by_role("link", name="The webhook").click()
    page.get_by_role("button", name="Show it").click()
    assert page.get_by_label("Secret").input_value() == secret
    page.get_by_role("link", name="The webhook").click()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the webhook").click()
    page.get_by_text("It is deleted.").wait_for()
    assert not [one for one in api(house, "GET", "/v1/webhooks/all") if one["service_type"] == "otp"]


def test_two_clicks_make_one_new_secret_and_the_former_one_goes_on_signing(
    desk: Callable[..., Window], house: House, receiver: str
) -> None:
    app = api(house, "GET", "/karibu/x-api-key")["app_id"]
    hook = {"app_id": app, "service_type": "email", "url": f"{receiver}/hook"}
    webhook = api(house, "POST", "/v1/webhooks/", hook)["webhook_id"]
    former = api(house, "GET", f"/v1/webhooks/{webhook}/secret")["secret_token"]
    window = desk(f"webhooks/{webhook}")
    action = f"/inbox/webhooks/{webhook}/rotate"
    form = form_of(window.page, action)

    window.page.get_by_role("button", name="Make a new secret").click()
    window.page.get_by_role("heading", name="A new secret signs from now on").wait_for()
    second = again(window, house, action, form)

    secret = window.page.get_by_label("Secret", exact=True).input_value()
    assert secret != former
    assert secret in second.replace("&#43;", "+")
    told = api(house, "GET", f"/v1/webhooks/{webhook}/secret")
    assert (told["secret_token"], told["previous_secret_token"]) == (secret, former)
    removed(house, webhook)


def test_a_webhook_that_fails_says_what_was_answered_and_is_tried_again(
    desk: Callable[..., Window], house: House, receiver: str
) -> None:
    app = api(house, "GET", "/karibu/x-api-key")["app_id"]
    hook = {"app_id": app, "service_type": "email", "url": f"{receiver}/broken"}
    webhook = api(house, "POST", "/v1/webhooks/", hook)["webhook_id"]
    delivery = api(house, "POST", f"/v1/webhooks/{webhook}/test")["delivery_id"]
    window = desk(f"webhooks/{webhook}/deliveries/{delivery}")
    page = window.page
    until(lambda: page.reload() and page.get_by_text("The server answered 500").count())
    page.get_by_role("link", name="The webhook").click()
    expect(page.locator("main")).to_contain_text("nothing but failures came back")
    page.get_by_label("Address").fill(f"{receiver}/hook")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("It holds from the next delivery on").wait_for()
    page.get_by_role("link", name="webhook.test").click()

    with page.expect_navigation():
        page.get_by_role("button", name="Deliver again").click()

    until(lambda: page.reload() and page.locator("main .badge-good").count())
    page.goto(f"{house.ready.inbox_url}/webhooks/{webhook}?status=failed")
    page.get_by_text("None is failed.").wait_for()
    page.get_by_text("Try failed ones again").click()
    page.get_by_role("button", name="Try again").click()
    page.get_by_text("None of those failed.").wait_for()
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("Disabled by hand").wait_for()
    removed(house, webhook)


def test_a_picture_is_brought_looked_at_and_deleted(desk: Callable[..., Window], house: House) -> None:
    window = desk("media")
    page = window.page
    page.get_by_label("Bring pictures").set_input_files(
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"}
    )
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("alert").get_by_text("notes.txt").wait_for()
    answered(window, 400)
    upload(page)
    first = page.locator(".shot").first
    assert first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100

    first.click()

    page.get_by_role("heading", name="Facts").wait_for()
    expect(page.locator("main")).to_contain_text(re.compile("600 . 800"))
    assert page.locator(".shown img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 600
    assert window.audit() == []
    path = page.url
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete the picture").click()
    page.get_by_text("Nobody can send it any more.").wait_for()
    assert page.locator(f'a[href="/inbox/media/{path.rpartition("/")[2]}"]').count() == 0
    assert house.ready.inbox_url in path


def test_a_key_is_shown_once_opens_the_api_and_is_rotated_and_revoked(
    desk: Callable[..., Window], house: House
) -> None:
    window = desk("keys")
    page = window.page
    page.get_by_label("Name", exact=True).fill("<b>Shop</b> {{ 7 * 7 }}")
    page.get_by_label("Manage").uncheck()
    form = form_of(page, "/inbox/keys")
    page.get_by_role("button", name="Make a test key").click()
    page.get_by_role("heading", name="The key <b>Shop</b> {{ 7 * 7 }} is made").wait_for()
    text = page.get_by_label("Key").input_value()
    assert text in again(window, house, "/inbox/keys", form)
    other = again(window, house, "/inbox/keys", form | {"name": "Another"})
    assert "The key Another is made" in other
    assert text not in other
    assert opens(window, house, text) == 200
    page.get_by_role("link", name="I have it").click()
    assert text not in page.content()
    row = page.get_by_role("row", name=re.compile("Shop"))
    expect(row).to_contain_text("read, send")

    row.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Make the new key").click()

    heir = page.get_by_label("Key").input_value()
    assert heir != text
    assert [opens(window, house, one) for one in (text, heir)] == [200, 200]
    page.get_by_role("link", name="I have it").click()
    for key in (text, heir):
        page.get_by_role("row", name=re.compile(key[11:19])).get_by_role("link", name="Revoke").click()
        page.get_by_role("button", name="Revoke the key").click()
        page.get_by_text("The key is revoked").wait_for()
    until(lambda: [opens(window, house, one) for one in (text, heir)] == [401, 401])
    page.get_by_role("link", name=re.compile("that have ended")).click()
    expect(page.get_by_role("row", name=re.compile(heir[11:19]))).to_contain_text("Revoked")


def opens(window: Window, house: House, key: str) -> int:
    """Return the status that a key is answered with."""
    headers = {"X-API-Key": key}
    return window.page.context.request.get(f"{house.ready.api_url}/v1/whatsapp/senders", headers=headers).status


def test_an_agent_sees_how_things_are_and_is_refused_what_is_for_admins(
    desk: Callable[..., Window], open_window: Callable[..., Window], house: House
) -> None:
    admin, agent = desk("people"), open_window()
    admin.page.get_by_label("Name").fill("Dalila")
    admin.page.get_by_role("button", name="Add, and make a link").click()
    link = admin.page.get_by_label("Sign-in link").input_value()
    page = agent.page
    page.goto(link)
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)

    assert page.locator(".rail-items a").all_inner_texts() == [
        "Conversations",
        "Overview",
        "Numbers",
        "Media",
        "Handset",
    ]
    for path in ADMINS:
        page.goto(f"{house.ready.inbox_url}/{path}")
        assert page.locator("h1").inner_text() == "This is for admins"
        answered(agent, 403)
    for one in (one for one in TABLE if one.role is Role.ADMIN):
        where = house.ready.api_url + one.path.replace("{id}", str(IDS.uuid())).replace("{delivery}", str(IDS.uuid()))
        told = page.request.fetch(where, method=one.method, headers={"Origin": house.ready.api_url})
        assert told.status == 403, (one.method, one.path)
    page.goto(f"{house.ready.inbox_url}/numbers")
    assert page.get_by_role("button", name="Pause").count() == 0
    page.locator(".number-head a").first.click()
    expect(page.locator("main")).to_contain_text("An admin can change this")
    assert page.get_by_role("button", name="Check now").count() == 0
    admin.page.get_by_role("link", name="Done").click()
    admin.page.get_by_role("link", name="Disable Dalila").click()
    admin.page.get_by_role("button", name="Disable Dalila").click()
    admin.page.get_by_text("They are signed out everywhere").wait_for()
    page.wait_for_url("**/inbox/sign-in?next=*", timeout=12_000)
    assert all("401" in said for said in agent.complaints)
    agent.complaints.clear()


def test_a_name_that_is_taken_is_refused_and_a_role_is_changed(desk: Callable[..., Window], house: House) -> None:
    users(house, "add", "Juma")
    window = desk("people")
    page = window.page
    page.get_by_label("Name").fill("JUMA")
    page.get_by_role("button", name="Add, and make a link").click()
    page.get_by_role("alert").get_by_text("take another name").wait_for()
    answered(window, 409)

    page.get_by_role("button", name="Make Juma admin").click()

    page.get_by_text("It holds from their next click on.").wait_for()
    expect(page.get_by_role("row", name=re.compile("Juma"))).to_contain_text("Admin")
    page.get_by_role("button", name="Make Juma agent").click()
    page.get_by_text("It holds from their next click on.").wait_for()
    page.get_by_role("button", name="New link for Juma").click()
    assert "/inbox/link/" in page.get_by_label("Sign-in link").input_value()


def test_nobody_shuts_themselves_out(desk: Callable[..., Window], house: House) -> None:
    window = desk("people")
    row = window.page.get_by_role("row", name=re.compile("You"))
    assert row.get_by_role("link", name="Disable").count() == 0
    me = window.page.request.get(f"{house.ready.inbox_url}/me").json()["id"]

    asked: list[tuple[str, dict[str, str | float | bool]]] = [
        (f"{me}/disable", {}),
        (f"{me}/role", {"role": "agent"}),
    ]
    for path, form in asked:
        headers = {"Origin": house.ready.api_url}
        answer = window.page.request.post(f"{house.ready.inbox_url}/people/{path}", form=form, headers=headers)

        assert answer.status == 409
        assert "That is you" in answer.text()


@pytest.fixture
def elsewhere(house: House, open_window: Callable[..., Window]) -> Iterator[Window]:
    """A window of somebody who is an admin of another workspace, which is gone afterwards."""
    workspace, person, token = IDS.uuid(), IDS.uuid(), fresh_token()
    place = f"host={house.home}/postgres/run user={USER} dbname=picha"
    with psycopg.connect(place, autocommit=True) as database:
        database.execute("INSERT INTO workspace (id, name) VALUES (%s, 'Elsewhere')", [workspace])
        columns = "(id, workspace_id, name, called, role)"
        row = [person, workspace]
        database.execute(f"INSERT INTO person {columns} VALUES (%s, %s, 'E', 'e', 'admin')", row)
        values = "(%s, %s, now() + interval '1 hour')"
        database.execute(
            f"INSERT INTO session (digest, person_id, expires_at) VALUES {values}", [digest_of(token), person]
        )
        window = open_window()
        window.page.context.add_cookies(
            [{"name": f"picha_{urlsplit(house.ready.api_url).port}", "value": token, "url": house.ready.api_url}]
        )
        yield window
        database.execute("DELETE FROM person WHERE id = %s", [person])
        database.execute("DELETE FROM workspace WHERE id = %s", [workspace])


def test_what_is_another_workspaces_is_not_there(
    desk: Callable[..., Window], elsewhere: Window, house: House, receiver: str
) -> None:
    app = api(house, "GET", "/karibu/x-api-key")["app_id"]
    hook = {"app_id": app, "service_type": "email", "url": f"{receiver}/hook"}
    webhook = api(house, "POST", "/v1/webhooks/", hook)["webhook_id"]
    delivery = api(house, "POST", f"/v1/webhooks/{webhook}/test")["delivery_id"]
    upload(desk("media").page)
    mine = desk("media").page
    ids = {
        "numbers": api(house, "GET", "/v1/whatsapp/senders")[0]["id"],
        "webhooks": webhook,
        "media": str(mine.locator(".shot").first.get_attribute("href")).rpartition("/")[2],
        "keys": house.ready.api_key[11:19],
        "people": mine.request.get(f"{house.ready.inbox_url}/me").json()["id"],
    }
    request, headers = elsewhere.page.request, {"Origin": house.ready.api_url}
    assert request.get(f"{house.ready.inbox_url}/people").ok
    asked = [one for one in DESK if "{id}" in one.path]

    for one in asked:
        path = one.path.replace("{id}", ids[one.path.split("/")[2]]).replace("{delivery}", delivery)
        form: dict[str, str | float | bool] = {"role": "agent", "pace": "5"}
        answer = request.fetch(
            house.ready.api_url + path,
            method=one.method,
            headers=headers,
            form=form if one.method == "POST" else None,
            max_redirects=0,
        )

        # To delete what is not there is to find it gone.
        is_gone = one.path.endswith("webhooks/{id}/delete") and one.method == "POST"
        assert answer.status == (303 if is_gone else 404), (one.method, one.path)
    assert len(asked) > 20
    assert any(one["webhook_id"] == webhook for one in api(house, "GET", "/v1/webhooks/all"))
    for path in ("numbers", "webhooks", "media", "keys", "overview"):
        text = request.get(f"{house.ready.inbox_url}/{path}").text()
        assert not [one for one in ids.values() if one in text], path
    removed(house, webhook)


def test_forms_work_without_scripts(chromium: Any, house: House, cookies: list[Any]) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto(f"{house.ready.inbox_url}/keys")
    page.get_by_label("Name of a new app").fill("Plain")

    page.get_by_role("button", name="Add the app").click()

    assert "The app is there." in page.content()
    page.goto(f"{house.ready.inbox_url}/media")
    page.get_by_label("Bring pictures").set_input_files(
        {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": picture(shade=7)}
    )
    page.get_by_role("button", name="Upload").click()
    assert "The picture is here" in page.content()
    context.close()
