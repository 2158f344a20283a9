"""A program that follows the feed learns all that happens, once and in order, and only what is its own."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import psycopg
import pytest
from tests.journeys.hosting import PictureHost
from tests.journeys.running import House, Talk, picture, talking, until
from tests.journeys.test_stops_gently import told_to_stop

from picha.gateway.api.events import HEARTBEAT_S
from picha.gateway.api.feed import STREAMS_MAX
from picha.gateway.domain.keys import compose, parse
from picha.gateway.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.timeout(180)

PATH = "/v1/events"
STREAM = {"Accept": "text/event-stream"}


async def page(picha: Talk, **query: str) -> Any:
    """Ask for a page of the feed."""
    told = await picha.api("GET", PATH, params=query)
    assert told.status == 200, told.body
    return told.data


async def end(picha: Talk) -> str:
    """Read the feed to its end, and return the cursor."""
    part = await page(picha, limit="1000")
    while part["items"]:
        part = await page(picha, limit="1000", after=part["cursor"])
    cursor: str = part["cursor"]
    return cursor


async def told_of(picha: Talk, message: str, after: str, count: int) -> list[Any]:
    """Follow the feed page by page until so many events of one message were told, and return them."""
    found, cursor = list[Any](), after

    async def enough() -> bool:
        nonlocal cursor
        part = await page(picha, after=cursor, limit="3")
        found.extend(item for item in part["items"] if message in {item["data"].get("id"), item["data"]["message_id"]})
        cursor = part["cursor"]
        return len(found) >= count

    await until(enough)
    return found


class Stream:
    """An open stream of server-sent events, as a client sees it."""

    def __init__(self, lines: AsyncIterator[bytes]) -> None:
        self._lines = lines

    async def block(self) -> dict[str, str]:
        """Return the next block: its fields, where a comment is the field without a name; empty at the end."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            text = line.decode().rstrip("\n")
            if not text:
                return fields
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        return fields

    async def event(self) -> dict[str, Any]:
        """Return the next event, over comments: its id, its kind, and its document."""
        while block := await self.block():
            if "event" in block:
                document = msgspec.json.decode(block["data"])
                return {"id": block.get("id"), "event": block["event"], "document": document}
        raise EOFError

    async def of(self, message: str, count: int) -> list[dict[str, Any]]:
        """Return the next so many events of one message."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            one = await self.event()
            if one["document"]["data"]["message_id"] == message:
                found.append(one)
        return found


@asynccontextmanager
async def streaming(picha: Talk, *, key: str = "", **headers: str) -> AsyncIterator[Stream]:
    headers |= {"X-API-Key": key or picha.ready.api_key, **STREAM}
    async with picha.session.get(picha.ready.api_url + PATH, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        yield Stream(aiter(answer.content))


async def test_the_feed_tells_the_whole_story_of_a_send(picha: Talk, host: PictureHost) -> None:
    customer, start = picha.stranger(), await end(picha)
    heard = await picha.hear(customer)

    sent = await picha.send(to=customer, media_url=host.put("/a.jpg", picture()), client_reference="order 7")
    message = await picha.becomes(sent.data["message_id"], "read")

    found = await told_of(picha, message["id"], start, 3)
    assert [one["event"] for one in found] == ["whatsapp.sent", "whatsapp.delivered", "whatsapp.read"]
    assert [one["data"]["sequence"] for one in found] == [1, 2, 3]
    assert [one["data"]["timestamp"] for one in found] == [
        message["sent_at"], message["delivered_at"], message["read_at"],
    ]  # fmt: skip
    ids = [one["event_id"] for one in found]
    assert len(set(ids)) == 3
    assert all(len(one) == 35 and one.startswith("wa_") for one in ids)
    assert {(one["app_id"], one["service_type"]) for one in found} == {(picha.ready.app_id, "whatsapp")}
    assert all(datetime.fromisoformat(one["timestamp"]).tzinfo for one in found)
    del found[0]["data"]["timestamp"]
    assert found[0]["data"] == {
        "message_id": message["id"],
        "conversation_id": heard["conversation_id"],
        "sender": picha.ready.sender,
        "recipient": customer,
        "status": "sent",
        "provider_message_id": message["provider_message_id"],
        "sequence": 1,
        "client_reference": "order 7",
        "error_code": None,
        "error_message": None,
        "error_detail": None,
    }


async def test_a_failure_is_told_with_its_reason(picha: Talk, host: PictureHost) -> None:
    customer, start = picha.stranger(), await end(picha)
    await picha.hear(customer)

    sent = await picha.send(to=customer, media_url=host.put("/r.jpg", b"no picture"))

    [failed] = await told_of(picha, sent.data["message_id"], start, 1)
    message = await picha.message(sent.data["message_id"])
    assert (failed["event"], failed["data"]["status"]) == ("whatsapp.failed", "failed")
    assert failed["data"]["provider_message_id"] is None
    for name in ("error_code", "error_message", "error_detail"):
        assert failed["data"][name] == message[name]
    assert message["error_code"] == "131053"


async def test_a_photo_is_told_with_its_bytes_as_the_list_shows_it(picha: Talk) -> None:
    customer, start = picha.stranger(), await end(picha)

    heard = await picha.hear(customer, caption="Do you have this?", name="Asha")

    [received] = await told_of(picha, heard["id"], start, 1)
    assert received["event"] == "whatsapp.received"
    assert received["app_id"] == picha.ready.app_id
    data = received["data"]
    # A link is signed anew each time it is shown.
    content = (await picha.api("GET", data["content"].pop("url"), key=None)).body
    assert hashlib.sha256(content).hexdigest() == data["content"]["sha256"]
    heard["content"].pop("url")
    assert data == heard
    assert (data["is_outbound"], data["content"]["state"], data["contact_profile_name"]) == (False, "stored", "Asha")


async def test_a_stream_tells_what_comes_and_goes_on_after_the_last_id(picha: Talk, host: PictureHost) -> None:
    customer, start = picha.stranger(), await end(picha)
    await picha.hear(customer)
    async with streaming(picha, **{"Last-Event-ID": start}) as stream:
        sent = await picha.send(to=customer, media_url=host.put("/a.jpg", picture()))
        message = sent.data["message_id"]

        [first] = await stream.of(message, 1)

    assert first["event"] == first["document"]["event"] == "whatsapp.sent"
    async with streaming(picha, **{"Last-Event-ID": first["id"]}) as stream:
        rest = await stream.of(message, 2)
    assert [one["event"] for one in rest] == ["whatsapp.delivered", "whatsapp.read"]
    polled = await told_of(picha, message, start, 3)
    assert [one["document"] for one in (first, *rest)] == polled


async def test_a_stream_says_that_it_is_there_and_then_what_people_write(picha: Talk) -> None:
    async with streaming(picha, **{"Last-Event-ID": await end(picha)}) as stream:
        assert await stream.block() == {"": "here"}
        heard = await picha.hear(picha.stranger(), type="text", text="Habari")

        told = await stream.event()
        while told["document"]["data"].get("id") != heard["id"]:
            told = await stream.event()

    assert told["event"] == "whatsapp.received"


async def test_whoever_asks_for_the_latest_is_told_of_what_comes_after(picha: Talk) -> None:
    await picha.hear(picha.stranger(), type="text", text="This is past")

    latest = await page(picha, after="latest")
    heard = await picha.hear(picha.stranger(), type="text", text="This comes next")

    assert (latest["items"], latest["has_gap"]) == ([], False)

    async def told() -> list[str]:
        items = (await page(picha, after=latest["cursor"]))["items"]
        return [one["data"]["id"] for one in items if one["event"] == "whatsapp.received"]

    assert (await until(told))[0] == heard["id"]


async def test_a_cursor_that_nobody_gave_is_refused(picha: Talk) -> None:
    for headers in ({}, STREAM):
        told = await picha.api("GET", PATH, params={"after": "yesterday"}, headers=headers)
        assert (told.status, told.error["code"], told.error["field"]) == (422, "VALIDATION_ERROR", "after")
    told = await picha.api("GET", PATH, headers={"Last-Event-ID": "x", **STREAM})
    assert (told.status, told.error["field"]) == (422, "Last-Event-ID")


@pytest.mark.parametrize(("limit", "status"), [("0", 422), ("1", 200), ("1000", 200), ("1001", 422), ("x", 422)])
async def test_a_page_has_from_one_to_a_thousand_events(picha: Talk, limit: str, status: int) -> None:
    assert (await picha.api("GET", PATH, params={"limit": limit})).status == status


async def test_a_cursor_that_is_too_old_is_told_of_a_gap(picha: Talk) -> None:
    assert (await page(picha))["has_gap"] is False

    beyond = f"{2**60}.1"

    assert (await page(picha, after=beyond))["has_gap"] is True
    async with streaming(picha, **{"Last-Event-ID": beyond}) as stream:
        assert await stream.event() == {"id": None, "event": "gap", "document": {"after": beyond}}
        assert (await stream.event())["event"].startswith("whatsapp.")


async def test_a_process_serves_64_streams_and_refuses_one_more_until_one_ends(picha: Talk) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(STREAMS_MAX):
            stream = await stack.enter_async_context(streaming(picha))
            assert await stream.block() == {"": "here"}

        refused = await picha.api("GET", PATH, headers=STREAM)

        assert (refused.status, refused.error["code"], refused.headers["Retry-After"]) == (429, "RATE_LIMITED", "5")
        assert (await page(picha))["items"]

    async def there_is_room() -> bool:
        headers = {"X-API-Key": picha.ready.api_key, **STREAM}
        async with picha.session.get(picha.ready.api_url + PATH, headers=headers) as answer:
            return answer.status == 200

    await until(there_is_room)


async def test_a_quiet_stream_says_that_it_is_still_there(picha: Talk) -> None:
    """A sandbox's person may write meanwhile; a comment comes all the same, once it has been quiet for so long."""
    async with streaming(picha, **{"Last-Event-ID": await end(picha)}) as stream:
        assert HEARTBEAT_S == 15
        block = await stream.block()
        while block.get("") != "still here":
            block = await stream.block()


async def test_a_stream_ends_when_its_key_is_revoked(picha: Talk) -> None:
    text = compose("test", "feedkey1", "s" * 32)
    key = parse(text)
    assert key is not None
    with psycopg.connect(EmbeddedPostgres(picha.house.home).dsn, autocommit=True) as database:
        database.execute(
            "INSERT INTO api_key (id, workspace_id, app_id, environment, public_id, digest, line)"
            " SELECT gen_random_uuid(), workspace_id, id, 'test', %s, %s, gen_random_uuid() FROM app LIMIT 1",
            (key.public_id, key.digest),
        )
        async with streaming(picha, key=text, **{"Last-Event-ID": await end(picha)}) as stream:
            assert await stream.block() == {"": "here"}

            database.execute("UPDATE api_key SET revoked_at = now() WHERE public_id = %s", (key.public_id,))

            async def is_over() -> bool:
                return await stream.block() == {}

            await until(is_over, within_s=5)


async def test_a_stream_does_not_hold_up_an_api_that_is_told_to_stop_and_goes_on_with_the_next(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            heard = await picha.hear(picha.stranger())
            async with streaming(picha) as stream:
                first = await stream.event()
                while first["document"]["data"]["id"] != heard["id"]:
                    first = await stream.event()

                took = await told_to_stop(house, "api")

                assert took < 8
                while await stream.block():
                    pass

            async def is_back() -> bool:
                try:
                    return await picha.total() > 0
                except OSError:
                    return False

            await until(is_back)
            again = await picha.hear(picha.stranger(), type="text", text="Still there?")
            async with streaming(picha, **{"Last-Event-ID": first["id"]}) as stream:
                told = await stream.event()
                while told["document"]["data"]["id"] != again["id"]:
                    assert told["document"]["data"]["id"] != heard["id"]
                    told = await stream.event()
