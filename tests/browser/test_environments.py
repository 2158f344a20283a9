"""Live and test numbers side by side, and two workspaces in one gateway: each sees its own, one at a time."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psycopg
import pytest
from playwright.sync_api import FilePayload, expect
from tests.browser.conftest import Window, remarked, remarked_only
from tests.browser.speaking import photo, until
from tests.browser.test_conversations import HEARD
from tests.browser.test_sign_in import answered, users
from tests.journeys.running import House

from picha.gateway.store import tenants
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.pool import open_pool
from picha.gateway.store.tenants import NewAccount
from picha.gateway.store.vault import Vault, ensure_ring
from picha.kit.clock import SystemClock
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

# Nobody has the bytes of the pictures: they are too large to be loaded before somebody asks for them.
_FILL = """
WITH number AS (
    SELECT sender.id, sender.workspace_id, environment FROM sender JOIN workspace ON workspace.id = sender.workspace_id
    WHERE workspace.name = 'Duka'
), person AS (
    INSERT INTO contact (id, workspace_id, phone, profile_name)
    SELECT gen_random_uuid(), workspace_id, '2557660000' || ascii(environment), 'Customer of ' || environment
    FROM number RETURNING *
), picture AS (
    INSERT INTO file (id, workspace_id, environment, digest, mime_type, size_bytes, is_fit, sweep_at)
    SELECT gen_random_uuid(), workspace_id, environment, sha256('none'), 'image/jpeg', 5000000, true,
        now() + interval '1 day'
    FROM number RETURNING *
), thread AS (
    INSERT INTO conversation (id, workspace_id, sender_id, contact_id, unread_count, last_message_at, window_until)
    SELECT gen_random_uuid(), number.workspace_id, number.id, person.id, 1, now(), now() + interval '1 day'
    FROM number JOIN person ON profile_name = 'Customer of ' || environment RETURNING *
), said AS (
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase,
        status, caption, file_id, image_state, created_at)
    SELECT uuidv7(), thread.workspace_id, thread.id, sender_id, contact_id, false, 'image', 'received', 'received',
        'Hello from ' || number.environment, picture.id, 'stored', now()
    FROM thread JOIN number ON number.id = sender_id JOIN picture USING (environment) RETURNING *
)
SELECT environment, said.conversation_id::text, said.file_id::text FROM said JOIN number ON number.id = said.sender_id
"""


# Lets a page be in the background, or come back from there.
HIDDEN = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@dataclass(frozen=True)
class Shop:
    """A second workspace's conversation and picture in each environment, by its name, and a link that lets one in."""

    threads: dict[str, str]
    pictures: dict[str, str]
    link: str


@pytest.fixture(scope="module")
def shop(house: House) -> Shop:
    """A second workspace of the house, with a live and a test number; nobody there answers."""
    dsn = EmbeddedPostgres(house.home).dsn
    with ThreadPoolExecutor() as aside:
        aside.submit(asyncio.run, _founded(house, dsn)).result()
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(_FILL.encode()).fetchall()
    return Shop(
        threads={environment: thread for environment, thread, _ in rows},
        pictures={environment: picture for environment, _, picture in rows},
        link=users(house, "add", "Mama Duka", "--workspace", "Duka", "--role", "admin"),
    )


async def _founded(house: House, dsn: str) -> None:
    vault, ids = Vault(ensure_ring(house.home / "keys")), Ids()
    async with open_pool(dsn) as pool:
        app = await tenants.add_workspace(pool, ids, "Duka")
        for environment in ("live", "test"):
            account = NewAccount(
                environment=environment,
                waba_id=f"10229012934077{len(environment)}",
                meta_app_id="670843887433847",
                graph_url=f"{house.ready.sandbox_url}/v25.0",
                access_token=Secret("EAAnothing"),
                app_secret=Secret("secret"),
                verify_token=Secret("verify"),
            )
            pnid = f"1065403522777{ord(environment[0])}"
            await tenants.put_account(
                pool, vault, ids, app, account, phone_number_id=pnid, display_number="15550783777"
            )


def test_one_switches_from_live_to_test_numbers_and_stays_there(
    open_window: Callable[..., Window], house: House, shop: Shop
) -> None:
    window = open_window()
    page = window.page
    page.goto(shop.link)
    page.get_by_role("button", name="Open the inbox").click()
    expect(page.locator(".row-name")).to_have_text(["Customer of live"])
    expect(page.locator(".pane-head .badge")).to_have_count(0)
    handset = page.get_by_role("link", name="Handset")
    expect(handset).to_have_count(0)

    page.locator("summary", has_text="You").click()
    page.get_by_role("link", name="Test", exact=True).click()

    expect(page.locator(".row-name")).to_have_text(["Customer of test"])
    expect(page.locator(".row-words")).to_have_text(["Hello from test"])
    expect(page.locator(".pane-head .badge")).to_have_text("Test")
    expect(handset).to_have_attribute("href", house.ready.handset_url)
    page.goto(house.ready.inbox_url)
    expect(page.locator(".row-name")).to_have_text(["Customer of test"])
    assert window.audit() == []
    answer = page.goto(f"{house.ready.inbox_url}/conversations/{shop.threads['live']}")
    assert answer is not None
    assert answer.status == 404
    answered(window, 404)
    page.goto(f"{house.ready.inbox_url}?environment=live")
    expect(page.locator(".row-name")).to_have_text(["Customer of live"])


def test_a_form_of_the_environment_that_another_tab_left_makes_nothing(
    open_window: Callable[..., Window], house: House, shop: Shop
) -> None:
    assert shop.threads
    window = open_window()
    page = window.page
    page.goto(users(house, "add", "Baba Duka", "--workspace", "Duka", "--role", "admin"))
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)
    for path in ("keys", "webhooks/new", "media"):
        page.goto(f"{house.ready.inbox_url}/{path}?environment=test")
        expect(page.locator("main input[name=environment]").first).to_have_value("test")
    page.goto(f"{house.ready.inbox_url}/keys")
    page.get_by_label("Name", exact=True).fill("Shop")
    page.request.get(f"{house.ready.inbox_url}?environment=live")

    page.get_by_role("button", name="Make a test key").click()

    page.get_by_text("You switched to live in another tab: load the page again.").wait_for()
    answered(window, 409)
    page.goto(f"{house.ready.inbox_url}/keys")
    page.get_by_role("heading", name="No key opens the live numbers").wait_for()


def test_what_a_page_does_is_of_its_own_environment_whatever_another_tab_switched_to(
    open_window: Callable[..., Window], house: House, shop: Shop
) -> None:
    page = open_window().page
    page.goto(users(house, "add", "Dada Duka", "--workspace", "Duka", "--role", "admin"))
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)
    page.goto(f"{house.ready.inbox_url}/conversations/{shop.threads['test']}?environment=test")
    page.locator("html[data-live=yes]").wait_for()
    page.request.get(f"{house.ready.inbox_url}?environment=live")

    with page.expect_response(lambda answer: "/inbox/list" in answer.url and answer.ok):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    with page.expect_response("**/preview") as answer:
        picture: FilePayload = {"name": "picture.jpg", "mimeType": "image/jpeg", "buffer": base64.b64decode(photo())}
        page.locator("#composer-file").set_input_files(picture)
    taken = answer.value.json()

    expect(page.locator(".row-name")).to_have_text(["Customer of test"])
    with psycopg.connect(EmbeddedPostgres(house.home).dsn) as connection:
        asked = "SELECT environment FROM file WHERE id = %s"
        assert connection.execute(asked, [taken["file_id"]]).fetchone() == ("test",)
    assert page.request.get(house.ready.api_url + taken["thumb"]).status == 200
    assert page.locator(".msg").count() == 1


def test_links_and_forms_are_of_their_pages_environment_whatever_another_tab_switched_to(
    open_window: Callable[..., Window], house: House, shop: Shop
) -> None:
    page = open_window().page
    page.goto(users(house, "add", "Kaka Duka", "--workspace", "Duka", "--role", "admin"))
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)
    other = page.context.new_page()

    def switched(path: str) -> None:
        """Open a page of the test numbers, and let another tab switch to the live ones."""
        page.goto(f"{house.ready.inbox_url}{path}{'&' if '?' in path else '?'}environment=test")
        other.goto(f"{house.ready.inbox_url}?environment=live")
        expect(other.locator(".row-name")).to_have_text(["Customer of live"])

    switched("")
    page.locator(".thread-row").click()
    expect(page.locator("#talk-name")).to_have_text("Customer of test")

    switched(f"/conversations/{shop.threads['test']}")
    page.get_by_label("More about this conversation").click()
    page.get_by_role("button", name="Mark as unread").click()
    expect(page.locator(".row-name")).to_have_text(["Customer of test"])
    expect(page.locator(".row-unread")).to_have_text("1 unread")

    switched("/numbers")
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused", exact=True).wait_for()
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("Sending", exact=True).wait_for()

    page.goto(f"{house.ready.inbox_url}/webhooks/new?environment=test")
    page.get_by_label("Address").fill("https://93.184.216.34/told")
    page.get_by_role("button", name="Set it up").click()
    switched("/webhooks")
    page.get_by_role("link", name="93.184.216.34").click()
    page.get_by_role("link", name="Delete…").click()
    other.goto(f"{house.ready.inbox_url}?environment=live")
    page.get_by_role("button", name="Delete the webhook").click()
    page.get_by_text("It is deleted.").wait_for()
    page.get_by_text("No webhook yet").wait_for()


def test_a_conversation_is_deleted_by_the_tab_that_shows_it_and_its_draft_only_then(
    open_window: Callable[..., Window], house: House, shop: Shop
) -> None:
    window = open_window()
    page = window.page
    page.goto(users(house, "add", "Shangazi Duka", "--workspace", "Duka", "--role", "admin"))
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)
    thread = shop.threads["test"]
    page.goto(f"{house.ready.inbox_url}/conversations/{thread}?environment=test")
    page.locator("html[data-live=yes]").wait_for()
    page.evaluate("name => localStorage.setItem(name, JSON.stringify({ at: Date.now() }))", f"picha:draft:me:{thread}")
    page.request.get(f"{house.ready.inbox_url}?environment=live")
    page.route("**/delete", lambda route: route.abort(), times=1)
    draft = f"localStorage.getItem('picha:draft:me:{thread}')"

    def delete() -> None:
        page.get_by_label("More about this conversation").click()
        page.get_by_role("button", name="Delete conversation").click()
        page.get_by_role("button", name="Delete it").click()

    delete()
    page.get_by_text("There is no connection.").wait_for()
    assert page.evaluate(draft)
    delete()

    page.get_by_role("heading", name="No conversations yet").wait_for()
    assert not page.evaluate(draft)
    assert page.locator("html").get_attribute("data-environment") == "test"
    with psycopg.connect(EmbeddedPostgres(house.home).dsn) as connection:
        connection.execute("UPDATE conversation SET deleted_at = NULL, cleared_upto = NULL WHERE id = %s", [thread])
    remarked(window, "ERR_FAILED")


def test_a_page_whose_last_number_is_gone_says_so_and_asks_no_more(
    open_window: Callable[..., Window], house: House, shop: Shop
) -> None:
    window = open_window()
    page = window.page
    page.clock.install(time=SystemClock().now())
    page.goto(users(house, "add", "Bibi Duka", "--workspace", "Duka"))
    page.get_by_role("button", name="Open the inbox").click()
    page.wait_for_url(house.ready.inbox_url)
    page.goto(f"{house.ready.inbox_url}/conversations/{shop.threads['test']}?environment=test")
    page.locator("html[data-live=yes]").wait_for()
    moved = "UPDATE sender SET environment = %s WHERE display_number = '15550783777' AND environment = %s RETURNING id"
    said = page.locator(".toast").get_by_text("There is no test number here any more: load the page again.")

    # What a page asks for as it opens is over, and one that nobody sees asks for nothing more.
    page.clock.run_for(1000)
    page.wait_for_load_state("networkidle")
    page.evaluate(HIDDEN, arg=True)
    with psycopg.connect(EmbeddedPostgres(house.home).dsn, autocommit=True) as connection:
        [number] = connection.execute(moved, ["live", "test"]).fetchall()[0]
        try:
            # Who somebody is stays known for a second.
            of_test = {"X-Picha-Environment": "test"}
            until(lambda: page.request.get(f"{house.ready.inbox_url}/list", headers=of_test).status == 410 or None)
            page.evaluate(HIDDEN, arg=False)
            page.clock.run_for(3000)
            expect(said).to_have_count(1)
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.evaluate(HEARD, [shop.threads["test"]])
            page.clock.run_for(20_000)
            page.get_by_label("More about this conversation").click()
            page.get_by_role("button", name="Delete conversation").click()
            page.get_by_role("button", name="Delete it").click()
            expect(said).to_have_count(2)
        finally:
            connection.execute("UPDATE sender SET environment = 'test' WHERE id = %s", [number])

    assert [one for one in asked if "/inbox/live" not in one] == []
    expect(page.locator(".msg")).to_have_count(1)
    remarked_only(window, "status of 410")


def test_nobody_sees_conversations_and_pictures_of_another_workspace(
    inside: Callable[..., Window], house: House, shop: Shop
) -> None:
    browser = inside().page.request

    for environment in ("live", "test"):
        for mine in ("", f"&environment={environment}"):
            listed = browser.get(f"{house.ready.inbox_url}/list?id={shop.threads[environment]}{mine}")
            assert (listed.status, "Customer of" in listed.text()) == (200, False)
        for shape in ("thumb", "shown", "full"):
            assert browser.get(f"{house.ready.inbox_url}/pictures/{shop.pictures[environment]}/{shape}").status == 404
        assert browser.get(f"{house.ready.inbox_url}/conversations/{shop.threads[environment]}").status == 404
    found = browser.get(f"{house.ready.inbox_url}?search=Customer+of")
    assert "Nobody found" in found.text()
