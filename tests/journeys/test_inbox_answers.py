"""What people send from the inbox, as their browser asks for it: once, or words why not, and in no other's threads."""

import asyncio
import io
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.hooks import Hook
from tests.journeys.running import House, Talk, Told, picture, raised, talking, until
from tests.nursery import ran

from picha.gateway.inbox.pages import PAGES
from picha.gateway.inbox.route import Page
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.pool import Pool, open_pool

OURS = {"Sec-Fetch-Site": "same-origin"}
# Which thing of a workspace's the id in a path names.
KINDS = {"conversations": "thread", "messages": "message", "pictures": "picture"}
WALKED = [
    (page, kind) for page in PAGES for name, kind in KINDS.items() if page.path.startswith(f"/inbox/{name}/{{id}}")
]


@pytest.fixture(scope="module")
def house(new_home: Callable[[str], Path]) -> Iterator[House]:
    """A product of these tests' own, in which there are two workspaces."""
    with raised(new_home("answers")) as house:
        run(house, "workspaces", "create", "Others")
        yield house


def run(house: House, *words: str) -> str:
    """Run a command of picha's about the house, and return what it prints."""
    done = asyncio.run(ran(*words, "--home", str(house.home)))
    assert done.code == 0, done
    return done.out.decode().strip()


@dataclass
class Person:
    """Somebody at the inbox: what their browser can ask for."""

    picha: Talk
    cookie: str

    async def ask(self, method: str, path: str, *, of: str = "test", **request: Any) -> Told:
        headers = {**OURS, "Cookie": self.cookie, "X-Picha-Environment": of}
        url = f"{self.picha.ready.inbox_url}{path}"
        return await self.picha.call(method, url, headers=headers, allow_redirects=False, **request)

    async def send(self, thread: str, **fields: str) -> Told:
        return await self.ask("POST", f"/conversations/{thread}/send", data={"key": secrets.token_hex(16)} | fields)

    async def preview(self, data: bytes, name: str = "a.jpg") -> Told:
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(data), filename=name)
        return await self.ask("POST", "/preview", data=form)


@pytest.fixture
async def picha(house: House) -> AsyncIterator[Talk]:
    async with talking(house) as talk:
        yield talk


@pytest.fixture(scope="module")
def links(house: House) -> dict[str, str]:
    """Links that let somebody of each workspace in."""
    return {name: run(house, "users", "add", f"Of {name}", "--workspace", name) for name in ("Default", "Others")}


@pytest.fixture(scope="module")
def cookies() -> dict[str, str]:
    """The cookies of who has come in."""
    return {}


@pytest.fixture
async def people(picha: Talk, links: dict[str, str], cookies: dict[str, str]) -> dict[str, Person]:
    """Somebody of each workspace, by its name."""
    for name in links.keys() - cookies.keys():
        told = await picha.call("POST", links[name], headers=OURS, data={"how": "link"}, allow_redirects=False)
        [cookie] = SimpleCookie(told.headers["Set-Cookie"]).values()
        cookies[name] = f"{cookie.key}={cookie.value}"
    return {name: Person(picha, cookie) for name, cookie in cookies.items()}


@pytest.fixture
def asha(people: dict[str, Person]) -> Person:
    """Somebody of the workspace that `picha up` made."""
    return people["Default"]


async def thread(picha: Talk) -> str:
    """Return the thread of a customer who has just written."""
    heard = await picha.hear(picha.stranger(), type="text", text="Hello")
    found: str = heard["conversation_id"]
    return found


async def test_an_answer_is_accepted_once_under_its_key_and_another_under_the_same_is_refused(
    picha: Talk, asha: Person
) -> None:
    where, key = await thread(picha), secrets.token_hex(16)

    first = await asha.send(where, key=key, text="Yes")
    again = await asha.send(where, key=key, text="Yes")
    other = await asha.send(where, key=key, text="No")

    assert (first.status, again.status) == (202, 202)
    assert first.document == again.document
    assert (other.status, other.document["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    message = await picha.becomes(first.document["message_id"], "delivered", "read")
    assert message["content"]["body"] == "Yes"
    items = (await picha.list(conversation_id=where, direction="outbound")).data["items"]
    assert len(items) == 1


async def test_a_picture_is_previewed_and_sent_with_its_caption_in_answer_to_a_message(
    picha: Talk, asha: Person
) -> None:
    heard = await picha.hear(picha.stranger(), type="text", text="This one?")
    seen = await asha.preview(picture("PNG"), "a.png")

    told = await asha.send(
        heard["conversation_id"], file_id=seen.document["file_id"], caption=" This \r\none ", reply_to=heard["id"]
    )

    assert seen.document["facts"] == "PNG 1 kB 64×48"  # noqa: RUF001 - as people write it
    assert seen.document["changes"] == []
    message = await picha.becomes(told.document["message_id"], "delivered", "read")
    assert message["content"]["caption"] == "This \none"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, 422, "nothing to send yet"),
        ({"text": " \n\t "}, 422, "nothing to send yet"),
        ({"text": "a\0b"}, 422, "NUL"),
        ({"text": "👋" * 4097}, 422, "4,097 characters; WhatsApp takes 4,096"),
        ({"text": "a", "key": ""}, 400, "Load it again"),
        ({"text": "a", "key": "x" * 65}, 400, "Load it again"),
        ({"text": "a", "reply_to": str(uuid.UUID(int=1))}, 422, "without the quote"),
        ({"text": "a", "reply_to": "x"}, 404, "may have been removed"),
        ({"file_id": str(uuid.UUID(int=1))}, 422, "no longer kept here"),
        ({"file_id": "../etc"}, 404, "may have been removed"),
        ({"file_id": str(uuid.UUID(int=1)), "caption": "a" * 1025}, 422, "1,025 characters; WhatsApp takes 1,024"),
        ({"template": "no_such"}, 422, "not there any more"),
        ({"template": "picha_receipt", "value.1": "a", "value.2": ""}, 422, "Fill in every field"),
        ({"template": "picha_receipt", "value.1": "a" * 1025}, 422, "1,025 characters"),
        ({"template": "picha_photo"}, 422, "has a picture in its header"),
        ({"text": "a" * 70_000}, 413, "larger than this page takes"),
    ],
)
async def test_what_cannot_be_sent_is_refused_in_words_that_say_what_to_do(
    picha: Talk, asha: Person, fields: dict[str, str], status: int, words: str
) -> None:
    told = await asha.send(await thread(picha), **fields)

    assert told.status == status
    assert words in told.document["message"]


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"plain words", 422, "This file is plain text, not a picture. Pick a photo"),
        (b"", 422, "no bytes at all"),
        (picture()[:-200], 422, "before its end mark. Copy or download it again"),
        (bytes(33 * 1024 * 1024), 413, "larger than any file that is looked at here. Save it smaller."),
    ],
)
async def test_a_file_that_cannot_be_sent_is_refused_with_a_remedy(
    asha: Person, data: bytes, status: int, words: str
) -> None:
    told = await asha.preview(data)

    assert (told.status, told.document["title"]) == (status, "This picture cannot be sent")
    assert words in told.document["message"]


async def test_a_form_without_a_picture_and_no_form_at_all_are_refused(asha: Person) -> None:
    empty = await asha.ask("POST", "/preview", data=aiohttp.FormData({"other": "x"}, default_to_multipart=True))
    none = await asha.ask("POST", "/preview", data=b"x")

    assert (empty.status, none.status) == (400, 400)
    assert empty.document["title"] == "No picture came"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-14:00", "2026-01-01T00:00:00"])
async def test_a_thread_is_not_read_up_to_a_moment_that_is_none(picha: Talk, asha: Person, moment: str) -> None:
    told = await asha.ask("POST", f"/conversations/{await thread(picha)}/read", data={"up_to": moment})

    assert told.status == 400


async def test_pictures_from_a_page_whose_environment_is_gone_are_not_taken_in(asha: Person) -> None:
    form = aiohttp.FormData()
    form.add_field("environment", "live")
    form.add_field("file", io.BytesIO(picture()), filename="a.jpg")

    told = await asha.ask("POST", "/media", data=form)

    assert told.status == 410
    assert b"There is no live number here any more" in told.body


async def test_a_script_of_a_page_whose_environment_is_gone_is_refused(asha: Person) -> None:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(picture()), filename="a.jpg")

    told = await asha.ask("POST", "/preview", data=form, of="live")

    assert told.status == 410
    assert "There is no live number here any more" in told.document["message"]


async def test_what_is_sent_by_hand_is_told_to_webhooks_that_include_the_inbox_alone(picha: Talk, asha: Person) -> None:
    mine = (await picha.api("GET", "/karibu/x-api-key")).document
    other = await asyncio.to_thread(run, picha.house, "apps", "create", "B", "--workspace", "Default", "--json")
    where = await thread(picha)
    async with Hook().listening() as hook:
        for app, name, included in ((mine["app_id"], "curious", True), (json.loads(other)["app_id"], "sober", False)):
            wish = {"app_id": app, "service_type": "whatsapp", "url": f"{hook.url}/{name}", "include_inbox": included}
            assert (await picha.api("POST", "/v1/webhooks/", json=wish)).status == 201
        await picha.hear(picha.stranger(), type="text", text="To all")

        told = await asha.send(where, text="By hand")

        async def come() -> bool:
            return {"whatsapp.sent", "whatsapp.read"} <= {one.event for one in hook.of("/curious")}

        await until(come)
        assert [one.event for one in hook.of("/sober")] == ["whatsapp.received"]
    events = (await picha.api("GET", "/v1/events", params={"limit": "500"})).document
    assert told.document["message_id"] not in json.dumps(events)


async def test_nobody_gets_at_another_workspaces_threads_messages_and_pictures(
    picha: Talk, people: dict[str, Person]
) -> None:
    asha, stranger = people["Default"], people["Others"]
    where = await thread(picha)
    file = (await asha.preview(picture(shade=7))).document["file_id"]
    message = (await asha.send(where, file_id=file)).document["message_id"]
    ids = {"thread": where, "message": message, "picture": file}

    form = {"key": secrets.token_hex(16), "text": "x", "up_to": "2026-01-31T12:00:00+00:00"}

    async def ask(page: Page, kind: str) -> int:
        path = page.path.replace("{id}", ids[kind]).removeprefix("/inbox")
        return (await stranger.ask(page.method, path, data=form if page.method == "POST" else None)).status

    answers = {f"{page.method} {page.path}": await ask(page, kind) for page, kind in WALKED}

    assert {name: status for name, status in answers.items() if status != 404} == {}
    outbound = (await picha.list(conversation_id=where, direction="outbound")).data["items"]
    assert [one["id"] for one in outbound] == [message]


async def test_what_people_take_back_and_away_is_noted_with_who_they_are(picha: Talk, asha: Person) -> None:
    where, me = await thread(picha), (await asha.ask("GET", "/me")).document["id"]
    [number] = (await picha.api("GET", "/v1/whatsapp/senders")).document
    await picha.api("POST", f"/v1/whatsapp/senders/{number['id']}/pause")
    message = (await asha.send(where, text="One moment")).document["message_id"]

    done = [
        await asha.ask("POST", f"/messages/{message}/cancel"),
        await asha.ask("POST", f"/messages/{message}/cancel"),
        await asha.ask("POST", f"/conversations/{where}/delete"),
        await asha.ask("POST", f"/conversations/{where}/delete"),
    ]

    await picha.api("POST", f"/v1/whatsapp/senders/{number['id']}/resume")
    assert [told.status for told in done] == [200, 200, 204, 404]
    listed = await asyncio.to_thread(run, picha.house, "audit", "list", "--json")
    noted = [entry for entry in map(json.loads, listed.splitlines()) if entry["who"] == uuid.UUID(me).hex]
    assert [(entry["deed"], entry["about"]) for entry in reversed(noted)][-2:] == [
        ("message.cancelled", {"message": message}),
        ("conversation.deleted", {"conversation": where}),
    ]


async def test_what_people_send_counts_under_the_cap_of_their_workspace(picha: Talk, asha: Person) -> None:
    where = await thread(picha)
    await asyncio.to_thread(run, picha.house, "workspaces", "cap", "Default", "--per-day", "0")
    try:
        await asyncio.sleep(1.1)  # as long as the doorkeeper knows somebody without looking
        told = await asha.send(where, text="One too many")
    finally:
        await asyncio.to_thread(run, picha.house, "workspaces", "cap", "Default", "--per-day", "none")

    assert (told.status, told.document["code"]) == (422, "RATE_LIMITED")
    assert "may send 0 messages a day" in told.document["message"]


async def test_an_open_page_hears_of_a_message_by_its_name_also_while_very_much_changes(
    picha: Talk, asha: Person
) -> None:
    workspace = (await picha.api("GET", "/karibu/x-api-key")).document["workspace_id"]

    async def churn(pool: Pool) -> None:
        # As a statement does that changes more than it can name.
        while True:
            await pool.execute("SELECT pg_notify('picha_inbox', $1)", workspace)
            await asyncio.sleep(0.01)

    async with (
        open_pool(EmbeddedPostgres(picha.house.home).dsn) as pool,
        picha.session.get(f"{picha.ready.inbox_url}/live", headers={"Cookie": asha.cookie}) as stream,
    ):
        assert await stream.content.readuntil(b"event: refresh")
        churning = asyncio.create_task(churn(pool))
        try:
            heard = await picha.hear(picha.stranger(), type="text", text="Hello?")

            async with asyncio.timeout(30):
                while heard["id"].encode() not in await stream.content.readline():
                    pass
        finally:
            churning.cancel()
