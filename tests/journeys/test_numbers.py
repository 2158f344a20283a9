"""What is done with a number, by its operator or by itself: pause, resume, flush, refused token, backlog."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.journeys.running import House, Talk, picture, talking, until

from picha.gateway.store.embedded import EmbeddedPostgres


async def number(picha: Talk) -> Any:
    """Return the house's one number."""
    [sender] = (await picha.api("GET", "/v1/whatsapp/senders")).document
    return sender


async def tell(picha: Talk, verb: str) -> Any:
    """Pause, resume or flush the house's number."""
    told = await picha.api("POST", f"/v1/whatsapp/senders/{(await number(picha))['id']}/{verb}")
    assert told.status == 200, told.body
    return told.document


@pytest.fixture
async def shop(picha: Talk) -> AsyncIterator[Talk]:
    """The shared product, whose number sends again afterwards."""
    yield picha
    await tell(picha, "resume")


async def customers(picha: Talk, count: int) -> list[str]:
    """Return so many people who have just written."""
    people = [picha.stranger() for _ in range(count)]
    await asyncio.gather(*(picha.hear(one, type="text", text="Habari") for one in people))
    return people


async def send(picha: Talk, customer: str, **more: Any) -> str:
    file_id = (await picha.upload(picture())).data["file_id"]
    message_id: str = (await picha.send(to=customer, file_id=file_id, **more)).data["message_id"]
    return message_id


async def test_what_is_accepted_for_a_paused_number_waits_and_goes_out_when_it_is_resumed(shop: Talk) -> None:
    [customer] = await customers(shop, 1)
    paused = await tell(shop, "pause")
    assert paused["state"] == (await number(shop))["state"] == "paused"
    message = await send(shop, customer)

    waiting = await tell(shop, "pause")
    assert waiting["backlog_s"] > 0
    assert (await shop.message(message))["phase"] == "queued"
    await tell(shop, "resume")

    assert (await shop.becomes(message, "read"))["attempts"] == 1


async def test_a_flush_cancels_what_waits_and_says_how_much(shop: Talk) -> None:
    people = await customers(shop, 3)
    await tell(shop, "pause")
    messages = [await send(shop, one) for one in people]

    flushed = await tell(shop, "flush")

    assert (flushed["state"], flushed["backlog_s"], flushed["cancelled"]) == ("paused", 0, 3)
    for message in messages:
        told = await shop.message(message)
        assert (told["phase"], told["status"], told["error_code"]) == ("cancelled", "failed", "CANCELLED")


@pytest.mark.parametrize("code", [190, 0, 104])
async def test_a_refused_token_pauses_the_number_and_fails_no_message(shop: Talk, code: int) -> None:
    first, second = await customers(shop, 2)
    wish = {"match": {"route": "messages"}, "when": {"mode": "next", "n": 1}, "effect": {"error": code}}
    await shop.control("POST", "/faults", json=wish)
    message = await send(shop, first)

    async def is_refused() -> bool:
        return bool((await number(shop))["state"] == "token_refused")

    await until(is_refused)
    later = await send(shop, second)

    async def both_wait() -> bool:
        return [(await shop.message(one))["phase"] for one in (message, later)] == ["queued", "queued"]

    await until(both_wait)
    await tell(shop, "resume")

    for one in (message, later):
        assert (await shop.becomes(one, "read"))["status"] == "read"


async def put_off(picha: Talk, message: str) -> list[Any]:
    """Return the moments of a message's timeline that tell of a picture which could not be had yet."""
    return [one for one in await picha.story(message) if one["text"].startswith("Put off until its picture")]


async def test_a_token_refused_at_an_upload_pauses_the_number_too(shop: Talk) -> None:
    [customer] = await customers(shop, 1)
    wish = {"match": {"route": "media"}, "when": {"mode": "next", "n": 1}, "effect": {"error": 190}}
    await shop.control("POST", "/faults", json=wish)
    file_id = (await shop.upload(picture(shade=17))).data["file_id"]
    message = (await shop.send(to=customer, file_id=file_id)).data["message_id"]

    async def is_refused() -> bool:
        return bool((await number(shop))["state"] == "token_refused")

    await until(is_refused)
    assert (await shop.message(message))["phase"] == "queued"
    await tell(shop, "resume")

    await shop.becomes(message, "read")
    assert [one["code"] for one in await put_off(shop, message)] == ["190"]


# Another picture for each: what was uploaded before is not uploaded again.
@pytest.mark.parametrize(
    ("shade", "effect"),
    [(18, {"status": 503}), (19, {"error": 131016}), (20, {"error": 130429}), (21, {"drop": "before"})],
)
async def test_an_upload_that_whatsapp_does_not_take_for_now_is_no_try_of_its_message(
    shop: Talk, shade: int, effect: dict[str, Any]
) -> None:
    [customer] = await customers(shop, 1)
    await tell(shop, "pause")
    file_id = (await shop.upload(picture("PNG", shade=shade))).data["file_id"]
    message = (await shop.send(to=customer, file_id=file_id)).data["message_id"]
    # One more, and it would be given up.
    with psycopg.connect(EmbeddedPostgres(shop.house.home).dsn) as connection:
        connection.execute("UPDATE message SET tries = 7 WHERE id = %s", [message])
    wish = {"match": {"route": "media"}, "when": {"mode": "next", "n": 2}, "effect": effect}
    await shop.control("POST", "/faults", json=wish)

    await tell(shop, "resume")

    assert (await shop.becomes(message, "read"))["attempts"] == 1
    assert sum(one["to"] == customer for one in await shop.ledger()) == 1
    why = [one["text"] for one in await put_off(shop, message)]
    assert why, "it is told"
    assert len(why) == len(set(why)), "and once for each reason"


async def test_sends_of_one_conversation_reach_meta_in_order_though_the_first_is_put_off(shop: Talk) -> None:
    [customer] = await customers(shop, 1)
    wish = {
        "match": {"route": "messages", "to": customer},
        "when": {"mode": "next", "n": 2},
        "effect": {"error": 131016},
    }
    await shop.control("POST", "/faults", json=wish)
    messages = [await send(shop, customer, caption=f"picture {n}") for n in range(3)]

    for message in messages:
        await shop.becomes(message, "read")

    assert [line["caption"] for line in await shop.ledger() if line["to"] == customer] == [
        f"picture {n}" for n in range(3)
    ]


async def test_a_message_tells_which_one_it_waits_for(shop: Talk) -> None:
    [customer] = await customers(shop, 1)
    await tell(shop, "pause")
    first, second = await send(shop, customer), await send(shop, customer)

    assert (await shop.message(first))["waiting_for"] is None
    assert (await shop.message(second))["waiting_for"] == first
    await tell(shop, "resume")
    await shop.becomes(second, "read")

    assert (await shop.message(second))["waiting_for"] is None


async def test_an_urgent_send_overtakes_what_waits_for_others(shop: Talk) -> None:
    people = await customers(shop, 6)
    await shop.api("PATCH", f"/v1/whatsapp/senders/{(await number(shop))['id']}", json={"messages_per_second": 1})
    await tell(shop, "pause")
    for n, one in enumerate(people[:5]):
        await send(shop, one, caption=f"normal {n}")
    urgent = await send(shop, people[5], caption="urgent", priority="high")
    before = len(await shop.ledger())
    await tell(shop, "resume")
    await shop.becomes(urgent, "read")

    assert (await shop.ledger())[before]["caption"] == "urgent"
    await shop.api("PATCH", f"/v1/whatsapp/senders/{(await number(shop))['id']}", json={"messages_per_second": 80})


async def test_an_urgent_send_overtakes_what_came_before_it_on_a_slow_number(shop: Talk) -> None:
    people = await customers(shop, 12)
    await shop.api("PATCH", f"/v1/whatsapp/senders/{(await number(shop))['id']}", json={"messages_per_second": 1})
    for n, one in enumerate(people[:11]):
        await send(shop, one, caption=f"slow {n}")
    first = len(await shop.ledger())

    async def goes_on() -> bool:
        return len(await shop.ledger()) > first + 1

    await until(goes_on)
    urgent = await send(shop, people[11], caption="urgent", priority="high")
    before = len(await shop.ledger())
    await shop.becomes(urgent, "sent", "delivered", "read")
    await tell(shop, "flush")

    # It was not known yet when the next one or two were chosen.
    assert "urgent" in [line["caption"] for line in (await shop.ledger())[before : before + 4]]
    await shop.api("PATCH", f"/v1/whatsapp/senders/{(await number(shop))['id']}", json={"messages_per_second": 80})


async def test_what_waits_past_its_own_time_expires_in_words_and_never_goes_out(shop: Talk) -> None:
    [first, second] = await customers(shop, 2)
    await tell(shop, "pause")
    soon = datetime.fromisoformat((await shop.control("GET", "/clock"))["now"]) + timedelta(seconds=4)
    expiring = await send(shop, first, expires_at=soon.isoformat())
    behind = await send(shop, first)
    lasting = await send(shop, second, expires_at=(soon + timedelta(hours=1)).isoformat())

    failed = await shop.becomes(expiring, "failed")

    assert (failed["error_code"], failed["phase"], failed["attempts"]) == ("EXPIRED", "failed", 0)
    assert "expires_at" in failed["error_detail"]
    assert [item["code"] for item in await shop.story(expiring) if item["code"]] == ["EXPIRED"]
    assert (await shop.message(behind))["waiting_for"] is None
    await tell(shop, "resume")
    for message in (behind, lasting):
        await shop.becomes(message, "read")
    assert [line["to"] for line in await shop.ledger()].count(first) == 1


@pytest.mark.parametrize(("left_s", "becomes"), [(45, "failed"), (120, "read")])
async def test_the_window_is_looked_at_again_before_a_message_goes_out(
    raise_house: Callable[..., AbstractContextManager[House]], left_s: float, becomes: str
) -> None:
    with raise_house() as house:
        async with talking(house) as shop:
            [customer, other] = await customers(shop, 2)
            await tell(shop, "pause")
            message = await send(shop, customer)
            thread = f"/v1/whatsapp/conversations/{(await shop.message(message))['conversation_id']}"
            window = (await shop.api("GET", thread)).data["window"]
            now = datetime.fromisoformat((await shop.control("GET", "/clock"))["now"])
            ahead = datetime.fromisoformat(window["expires_at"]) - now - timedelta(seconds=left_s)
            expiring = await send(shop, other, expires_at=(now + timedelta(hours=1)).isoformat())
            await shop.control("POST", "/clock", json={"advance_s": int(ahead.total_seconds())})
            # It expires once the worker has the new time.
            await shop.becomes(expiring, "failed")
            await tell(shop, "resume")
            told = await shop.becomes(message, becomes)

            if becomes == "failed":
                assert (told["error_code"], told["attempts"]) == ("131047", 0)
                assert "window" in told["error_detail"]
                assert await shop.ledger() == []


@pytest.mark.parametrize("pace", [0, 0.5, 1001, "80"])
async def test_a_pace_that_meta_grants_nobody_is_refused(shop: Talk, pace: object) -> None:
    sender = await number(shop)

    told = await shop.api("PATCH", f"/v1/whatsapp/senders/{sender['id']}", json={"messages_per_second": pace})

    assert told.status == 422
    assert await number(shop) == sender


async def test_a_number_too_far_behind_takes_no_more_and_says_when_to_come_back(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house(settings={"PICHA_BACKLOG_HOURS": "0.001"}) as house:
        async with talking(house) as picha:
            people = await customers(picha, 10)
            await picha.api(
                "PATCH", f"/v1/whatsapp/senders/{(await number(picha))['id']}", json={"messages_per_second": 1}
            )
            await tell(picha, "pause")
            file_id = (await picha.upload(picture())).data["file_id"]

            async def is_full() -> Any:
                told = await picha.send(to=people[0], file_id=file_id)
                return told if told.status != 202 else None

            refused = await until(is_full)
            assert (refused.status, refused.error["code"]) == (429, "BACKLOG_FULL")
            assert int(refused.headers["Retry-After"]) >= 1
            await tell(picha, "flush")

            async def is_taken() -> bool:
                return (await picha.send(to=people[0], file_id=file_id)).status == 202

            await until(is_taken)


async def test_numbers_are_listed_by_what_they_are_however_a_client_writes_yes_and_no(shop: Talk) -> None:
    async def listed(**query: str) -> list[str]:
        return [one["id"] for one in (await shop.api("GET", "/v1/whatsapp/senders", params=query)).document]

    everything = await listed()

    assert len(everything) == 1
    for yes, no in (("true", "false"), ("True", "False"), ("1", "0")):
        assert await listed(is_active=yes) == await listed(is_default=yes) == everything
        assert await listed(is_active=no) == await listed(is_active=yes, is_default=no) == []
    wrong = await shop.api("GET", "/v1/whatsapp/senders", params={"is_default": "maybe"})
    assert (wrong.status, list(wrong.document)) == (422, ["detail"])
