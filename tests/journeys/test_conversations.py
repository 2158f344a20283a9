"""Threads: listed, counted, read and deleted; and the blue ticks that a customer sees."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.journeys.running import House, Talk, Told, picture, talking, until
from tests.journeys.test_bad_input import NOWHERE, is_refused

THREADS = "/v1/whatsapp/conversations"
JSON = {"Content-Type": "application/json"}


async def says(picha: Talk, customer: str, text: str = "Habari", **more: Any) -> Any:
    return await picha.hear(customer, type="text", text=text, **more)


async def listed(picha: Talk, **query: str) -> Any:
    told = await picha.api("GET", THREADS, params=query)
    return told.data


async def phones(picha: Talk, **query: str) -> list[str]:
    return [item["recipient_phone"] for item in (await listed(picha, **query))["items"]]


async def summary(picha: Talk, **query: str) -> Any:
    return (await picha.api("GET", f"{THREADS}/summary", params=query)).data


async def test_threads_are_listed_with_the_most_recently_active_first(picha: Talk) -> None:
    first, second = picha.stranger(), picha.stranger()
    for customer in (first, second, first):
        message = await says(picha, customer)

    page = await listed(picha, limit="2")

    assert [item["recipient_phone"] for item in page["items"]] == [first, second]
    assert (page["limit"], page["offset"], page["total_is_exact"]) == (2, 0, True)
    assert page["total"] == (await summary(picha))["total"] >= 2
    assert await phones(picha, limit="1", offset="1") == [second]
    assert await phones(picha, limit="1", before=page["items"][0]["id"]) == [second]
    one = page["items"][0]
    assert one == (await picha.api("GET", f"{THREADS}/{message['conversation_id']}")).data
    assert (one["is_active"], one["unread_count"], one["window"]["open"]) == (True, 2, True)
    assert one["last_message_at"] == message["created_at"]


async def test_every_filter_narrows_the_list(picha: Talk) -> None:
    customer, other = picha.stranger(), picha.stranger()
    heard = await says(picha, customer, name="Neema wa Mwanza")
    later = await says(picha, other, name="Juma")
    [number] = (await picha.api("GET", "/v1/whatsapp/senders")).document

    for recipient in (customer, f"+{customer}"):
        assert await phones(picha, recipient=recipient) == [customer]
    for search in ("neema wa mw", "NEEMA WA", customer[-7:], f"+{customer[:6]} {customer[6:]}"):
        assert customer in await phones(picha, search=search), search
    assert await phones(picha, search="neema wa mw", status="open", sender=number["display_number"]) == [customer]
    assert await phones(picha, since=later["created_at"], recipient=customer) == []
    assert await phones(picha, since=heard["created_at"], recipient=customer) == [customer]
    for named in ({"sender_id": number["id"]}, {"sender": number["phone_number_id"]}, {"sender": picha.ready.sender}):
        assert await phones(picha, recipient=customer, **named) == [customer]
        assert (await summary(picha, **named)) == await summary(picha)
    for named in ({"sender_id": NOWHERE}, {"sender": "255000000000"}):
        assert (await listed(picha, **named))["total"] == 0
        assert (await summary(picha, **named))["total"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender_id", "7"), ("sender", "x" * 65), ("recipient", "123"), ("recipient", "1" * 21), ("recipient", "abcd"),
        ("recipient", "++2557"), ("status", "closed"), ("search", "x" * 65), ("search", "a\0b"), ("since", "today"),
        ("since", "2026-01-31T12:00:00"), ("limit", "0"), ("limit", "101"), ("limit", "x"), ("offset", "-1"),
        ("offset", "10001"), ("before", "yesterday"), ("before", "00000000-0000-7000-8000-000000000000"),
    ],
)  # fmt: skip
async def test_a_filter_that_makes_no_sense_is_refused_by_name(picha: Talk, name: str, value: str) -> None:
    is_refused(await picha.api("GET", THREADS, params={name: value}), "VALIDATION_ERROR", name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender", "x" * 64), ("recipient", "1234"), ("recipient", "1" * 20), ("status", "OPEN"), ("search", "x" * 64),
        ("limit", "1"), ("limit", "100"), ("offset", "0"), ("offset", "10000"), ("search", " "), ("search", "%"),
    ],
)  # fmt: skip
async def test_a_filter_at_its_limit_is_taken(picha: Talk, name: str, value: str) -> None:
    assert (await picha.api("GET", THREADS, params={name: value})).status == 200


async def test_a_page_has_fifty_threads_unless_told_otherwise(picha: Talk) -> None:
    assert (await listed(picha))["limit"] == 50


async def read(picha: Talk, thread: str, **request: Any) -> Told:
    return await picha.api("POST", f"{THREADS}/{thread}/read", **request)


async def unread(picha: Talk, customer: str) -> int:
    [item] = (await listed(picha, recipient=customer))["items"]
    count: int = item["unread_count"]
    return count


async def test_a_thread_is_read_up_to_a_moment_and_then_as_a_whole(picha: Talk) -> None:
    customer = picha.stranger()
    first, *_ = [await says(picha, customer, f"{n}") for n in range(3)]
    thread = first["conversation_id"]
    before = (await summary(picha))["unread"]

    some = await read(picha, thread, json={"up_to": first["created_at"], "why": "ignored"})
    assert some.data == {"conversation_id": thread, "messages_marked_read": 1}
    assert await phones(picha, recipient=customer, status="unread") == [customer]
    rest = await read(picha, thread, headers=JSON)

    assert rest.data == {"conversation_id": thread, "messages_marked_read": 2}
    assert await unread(picha, customer) == 0
    assert await phones(picha, recipient=customer, status="unread") == []
    assert (await summary(picha))["unread"] == before - 1
    assert len(await unseen(picha, customer)) == 3, "the customer is told nothing"


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"up_to":null}', b'{"up_to":"9999-12-31T23:59:59Z"}'])
async def test_no_moment_or_a_late_one_reads_everything(picha: Talk, body: bytes) -> None:
    customer = picha.stranger()
    thread = (await says(picha, customer))["conversation_id"]

    assert (await read(picha, thread, data=body, headers=JSON)).data["messages_marked_read"] == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"{", "MALFORMED_JSON", None), (b"[]", "VALIDATION_ERROR", None),
        (b'{"up_to":1}', "VALIDATION_ERROR", "up_to"),
        (b'{"up_to":"2026-01-31T12:00:00"}', "VALIDATION_ERROR", "up_to"),
        (b'{"up_to":"9999-12-31T23:59:59-01:00"}', "VALIDATION_ERROR", "up_to"),
        (b"x" * 65_537, "BODY_TOO_LARGE", None),
    ],
)  # fmt: skip
async def test_a_moment_that_is_none_reads_nothing(picha: Talk, body: bytes, code: str, field: str | None) -> None:
    customer = picha.stranger()
    thread = (await says(picha, customer))["conversation_id"]

    is_refused(await read(picha, thread, data=body, headers=JSON), code, field)

    is_refused(
        await read(picha, thread, data=b"up_to=x", headers={"Content-Type": "text/plain"}), "UNSUPPORTED_MEDIA_TYPE"
    )
    assert await unread(picha, customer) == 1


async def test_a_read_under_a_key_is_done_once_and_answered_alike(picha: Talk) -> None:
    customer, key = picha.stranger(), {"Idempotency-Key": secrets.token_hex(16)}
    heard = await says(picha, customer)
    thread = heard["conversation_id"]
    first = await read(picha, thread, headers=key)
    await says(picha, customer)

    again = await read(picha, thread, headers=key)

    assert again.data == {**first.data, "idempotent_replay": True}
    assert await unread(picha, customer) == 1
    other = await read(picha, thread, headers=key, json={"up_to": heard["created_at"]})
    is_refused(other, "IDEMPOTENCY_KEY_REUSED", "Idempotency-Key")


async def test_a_deleted_thread_is_gone_until_its_customer_writes_again_or_is_written_to(picha: Talk) -> None:
    customer = picha.stranger()
    first = await says(picha, customer)
    thread, total = first["conversation_id"], (await summary(picha))["total"]

    told = await picha.api("DELETE", f"{THREADS}/{thread}")

    assert (told.status, told.data) == (200, {"conversation_id": thread, "deleted": True})
    assert (await summary(picha))["total"] == total - 1
    assert await phones(picha, recipient=customer) == []
    assert (await picha.list(conversation_id=thread)).data["items"] == []
    assert (await picha.message(first["id"]))["status"] == "received"
    file_id = (await picha.upload(picture(shade=41))).data["file_id"]
    is_refused(await picha.send(conversation_id=thread, file_id=file_id), "CONVERSATION_NOT_FOUND", "conversation_id")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/read")):
        is_refused(await picha.api(method, f"{THREADS}/{thread}{path}"), "CONVERSATION_NOT_FOUND")
    again = await says(picha, customer)
    assert again["conversation_id"] == thread
    assert [one["id"] for one in (await picha.list(conversation_id=thread)).data["items"]] == [again["id"]]
    assert await unread(picha, customer) == 1
    await picha.api("DELETE", f"{THREADS}/{thread}")
    sent = await picha.send(to=customer, file_id=file_id)
    assert (sent.status, sent.data["conversation_id"]) == (202, thread)
    assert [one["id"] for one in (await picha.list(conversation_id=thread)).data["items"]] == [sent.data["message_id"]]
    assert await phones(picha, recipient=customer) == [customer]


@pytest.mark.parametrize("name", [NOWHERE, "no-uuid", "summary"])
async def test_a_thread_that_is_not_there_cannot_be_read_or_deleted(picha: Talk, name: str) -> None:
    is_refused(await read(picha, name), "CONVERSATION_NOT_FOUND")
    is_refused(await picha.api("DELETE", f"{THREADS}/{name}"), "CONVERSATION_NOT_FOUND")


async def receipt(picha: Talk, message: str, **request: Any) -> Told:
    return await picha.api("POST", f"/v1/whatsapp/messages/{message}/read", **request)


async def unseen(picha: Talk, customer: str) -> list[str]:
    """Return which of their messages the customer does not know to be read."""
    person = await picha.control("GET", f"/people/{customer}")
    return [wamid for one in person["conversations"] for wamid in one["unread"]]


async def test_a_receipt_shows_the_customer_that_their_message_was_read_and_again_changes_nothing(picha: Talk) -> None:
    customer = picha.stranger()
    first, second, third = [await says(picha, customer, f"{n}") for n in range(3)]

    told = await receipt(picha, second["id"], headers=JSON)

    assert (told.status, told.data) == (200, {"message_id": second["id"], "status": "read"})
    assert await unseen(picha, customer) == [third["provider_message_id"]]
    assert (await receipt(picha, second["id"])).data == (await receipt(picha, first["id"])).data | {
        "message_id": second["id"]
    }
    assert await unread(picha, customer) == 3, "the inbox is read by itself"


async def test_a_receipt_is_for_what_a_customer_sent(picha: Talk) -> None:
    customer = picha.stranger()
    await says(picha, customer)
    file_id = (await picha.upload(picture(shade=42))).data["file_id"]
    sent = (await picha.send(to=customer, file_id=file_id)).data["message_id"]

    is_refused(await receipt(picha, sent), "NOT_INBOUND")

    for name in (NOWHERE, "no-uuid"):
        is_refused(await receipt(picha, name), "MESSAGE_NOT_FOUND")


@pytest.mark.parametrize(
    ("effect", "code", "words"),
    [
        ({"error": 131009}, "VALIDATION_ERROR", "last 30 days"),
        ({"status": 502}, "UNAVAILABLE", "HTTP 502"),
        ({"drop": "before"}, "UNAVAILABLE", "could not be reached"),
    ],
)
async def test_a_receipt_that_whatsapp_does_not_take_is_told_and_may_be_asked_for_again(
    picha: Talk, effect: Any, code: str, words: str
) -> None:
    customer, key = picha.stranger(), {"Idempotency-Key": secrets.token_hex(16)}
    heard = await says(picha, customer)
    wish = {"match": {"route": "messages"}, "when": {"mode": "next", "n": 1}, "effect": effect}
    await picha.control("POST", "/faults", json=wish)

    told = await receipt(picha, heard["id"], headers=key)

    is_refused(told, code, "message_id" if code == "VALIDATION_ERROR" else None)
    assert told.error["message"].startswith("WhatsApp did not take the read receipt: ")
    assert words in told.error["message"]
    assert customer not in told.error["message"]
    assert await unseen(picha, customer) == [heard["provider_message_id"]]
    assert (await receipt(picha, heard["id"], headers=key)).status == 200
    assert await unseen(picha, customer) == []


async def test_open_threads_follow_the_clock_of_the_sandbox(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            customer = picha.stranger()
            await says(picha, customer)
            assert customer in await phones(picha, status="open")
            before = await summary(picha)
            assert before["open"] == before["total"] == before["unread"] > 0

            await picha.control("POST", "/clock", json={"advance_s": timedelta(hours=24, minutes=1).total_seconds()})

            async def is_closed() -> bool:
                return customer not in await phones(picha, status="open")

            await until(is_closed)
            [item] = (await listed(picha, recipient=customer))["items"]
            assert item["window"]["open"] is False
            assert datetime.fromisoformat(item["window"]["expires_at"]).tzinfo is not None
            after = await summary(picha)
            assert (after["unassigned"], after["total_is_exact"]) == (0, True)
            assert after["open"] < after["total"]


async def test_many_receipts_at_once_are_all_taken(picha: Talk) -> None:
    customer = picha.stranger()
    heard = await says(picha, customer)

    told = await asyncio.gather(*(receipt(picha, heard["id"]) for _ in range(20)))

    assert {one.status for one in told} == {200}
