"""Where Meta delivers: verified over the raw bytes, kept before the answer, understood item by item."""

import io
import itertools
import json
import re
import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.journeys.running import Talk, Told, until

from picha.cloudapi.signature import HEADER, sign
from picha.gateway.store.embedded import EmbeddedPostgres

HOOK = "/webhooks/whatsapp"
_NUMBERS = itertools.count(1)


def said(customer: str, text: str, **members: Any) -> dict[str, Any]:
    """One text message as a webhook carries it."""
    wamid = f"wamid.test{next(_NUMBERS)}"
    return {"from": customer, "id": wamid, "timestamp": "1744344496", "type": "text", "text": {"body": text}} | members


def change(talk: Talk, *, number: str = "", **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": talk.ready.sender, "phone_number_id": number or talk.ready.phone_number_id}
    return {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}


def envelope(*changes: Any) -> bytes:
    entry = {"id": "102290129340398", "changes": list(changes)}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


async def deliver(talk: Talk, body: bytes, signature: str | None = "", **request: Any) -> Told:
    """Deliver as Meta does; `signature` replaces the right one, and None leaves it out."""
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers[HEADER] = signature or sign(talk.ready.app_secret, body)
    return await talk.api("POST", HOOK, key=None, headers=headers, **({"data": body} | request))


async def counted(talk: Talk, result: str) -> float:
    page = (await talk.call("GET", talk.ready.metrics_url)).body.decode()
    found = re.search(rf'^picha_webhooks_total{{result="{result}"}} (\S+)$', page, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def texts(talk: Talk, *wanted: str) -> list[str]:
    """Return the texts that came, newest first, once the `wanted` ones are among them."""

    async def look() -> list[str] | None:
        items = (await talk.list(message_type="text", limit="200")).data["items"]
        seen = [item["content"]["body"] for item in items]
        return seen if set(wanted) <= set(seen) else None

    return await until(look)


async def aside(talk: Talk, mark: str) -> list[str]:
    """Return why items that contain `mark` were put aside, once there is one; only the database tells."""

    async def look() -> list[str]:
        dsn = EmbeddedPostgres(talk.house.home).dsn
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            rows = await connection.execute("SELECT reason, item FROM quarantine")
            return [reason async for reason, item in rows if mark.encode() in item]

    return await until(look)


async def shake(talk: Talk, **query: str) -> Told:
    return await talk.api("GET", HOOK, key=None, params={f"hub.{name}": value for name, value in query.items()})


async def verify_token(talk: Talk) -> str:
    """Return the token as the sandbox keeps it in its home, where it was set up with it."""
    for path in (talk.house.home / "sandbox").rglob("*"):
        if path.is_file() and (found := re.search(rb'"verify_token":"([^"]+)"', path.read_bytes())):
            return found[1].decode()
    raise LookupError("the sandbox keeps no verify token")


async def test_the_handshake_echoes_the_challenge_to_who_knows_the_token(picha: Talk) -> None:
    challenge = "1158201444<b>"

    told = await shake(picha, mode="subscribe", verify_token=await verify_token(picha), challenge=challenge)

    assert (told.status, told.body) == (200, challenge.encode())
    assert told.headers["Content-Type"].startswith("text/plain")


async def test_the_handshake_fails_for_everybody_else(picha: Talk) -> None:
    right = await verify_token(picha)

    for query in (
        {"mode": "subscribe", "verify_token": right + "x", "challenge": "1"},
        {"mode": "subscribe", "verify_token": "", "challenge": "1"},
        {"mode": "subscribe", "challenge": "1"},
        {"mode": "unsubscribe", "verify_token": right, "challenge": "1"},
        {"verify_token": right, "challenge": "1"},
        {"mode": "subscribe", "verify_token": "\U0001f4a9", "challenge": "1"},
        {},
    ):
        told = await shake(picha, **query)
        assert (told.status, told.error["code"]) == (401, "UNAUTHORIZED"), query


async def test_an_unsigned_or_wrongly_signed_body_is_refused_counted_and_not_kept(picha: Talk) -> None:
    customer = picha.stranger()
    body = envelope(change(picha, messages=[said(customer, "forged")]))
    right, rewritten = sign(picha.ready.app_secret, body), json.dumps(json.loads(body), indent=1).encode()
    before = await counted(picha, "refused")
    wrong = [
        None,
        "sha256=" + "0" * 64,
        sign("another secret", body),
        sign("", body),
        sign(picha.ready.app_secret, rewritten),
        right.removeprefix("sha256="),
        right.replace("sha256", "sha1"),
        right[:-1],
        "sha256=\u00e9",
    ]

    refusals = [await deliver(picha, body, signature) for signature in wrong]

    assert {(told.status, told.error["code"]) for told in refusals} == {(401, "UNAUTHORIZED")}
    assert picha.ready.app_secret not in refusals[0].body.decode()
    assert await counted(picha, "refused") == before + len(refusals)
    await deliver(picha, envelope(change(picha, messages=[said(customer, "genuine")])))
    assert "forged" not in await texts(picha, "genuine")


async def test_a_signed_body_is_kept_and_understood(picha: Talk) -> None:
    before = await counted(picha, "kept")
    contacts = [{"profile": {"name": "Amina 🥖"}, "wa_id": (customer := picha.stranger())}]

    told = await deliver(picha, envelope(change(picha, contacts=contacts, messages=[said(customer, "habari")])))

    assert told.status == 200
    assert await counted(picha, "kept") == before + 1
    await texts(picha, "habari")
    (message,) = [one for one in (await picha.list()).data["items"] if one["content"]["body"] == "habari"]
    assert (message["contact_profile_name"], message["status"]) == ("Amina 🥖", "received")


async def test_the_same_body_twice_and_the_same_message_in_another_batch_is_one_message(picha: Talk) -> None:
    customer = picha.stranger()
    first, second = said(customer, "only once"), said(customer, "and then")
    body = envelope(change(picha, messages=[first]))

    assert [(await deliver(picha, body)).status for _ in range(3)] == [200] * 3
    assert (await deliver(picha, envelope(change(picha, messages=[second, first])))).status == 200

    assert (await texts(picha, "only once", "and then")).count("only once") == 1


async def test_a_time_ahead_opens_a_day_from_now_and_an_old_one_opens_nothing(picha: Talk) -> None:
    now = datetime.fromisoformat((await picha.control("GET", "/clock"))["now"])

    async def window(text: str, moment: datetime) -> Any:
        item = said(picha.stranger(), text) | {"timestamp": str(int(moment.timestamp()))}
        await deliver(picha, envelope(change(picha, messages=[item])))
        await texts(picha, text)
        items = (await picha.list(message_type="text")).data["items"]
        (thread,) = [one["conversation_id"] for one in items if one["content"]["body"] == text]
        return (await picha.api("GET", f"/v1/whatsapp/conversations/{thread}")).data["window"]

    ahead = await window("from next week", now + timedelta(days=7))
    old = await window("from yesterday", now - timedelta(hours=24, minutes=1))
    recent = await window("from this morning", now - timedelta(hours=23))

    assert ahead["open"] is True
    assert datetime.fromisoformat(ahead["expires_at"]) - now < timedelta(hours=24, minutes=1)
    assert old["open"] is False
    assert recent["open"] is True
    assert datetime.fromisoformat(recent["expires_at"]) - now < timedelta(hours=1, minutes=1)


async def test_escaped_bodies_are_verified_as_they_came(picha: Talk) -> None:
    body = envelope(change(picha, messages=[said(picha.stranger(), "ñandú 100% <a/b@c>")]))
    assert b"\\u00f1" in body
    escaped = body.replace(b"<", b"\\u003C").replace(b"%", b"\\u0025").replace(b"@", b"\\u0040").replace(b"/", b"\\/")

    assert (await deliver(picha, escaped)).status == 200

    await texts(picha, "ñandú 100% <a/b@c>")


async def flood(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


async def test_a_body_over_three_megabytes_is_refused(picha: Talk) -> None:
    body = b" " * (3 * 1024 * 1024 + 1)

    told = await deliver(picha, body, data=io.BytesIO(body))
    streamed = await deliver(picha, body, data=flood(3_500_000))

    assert [(one.status, one.error["code"]) for one in (told, streamed)] == [(413, "BODY_TOO_LARGE")] * 2


async def test_signed_garbage_is_kept_aside_and_disturbs_nobody(picha: Talk) -> None:
    mark = secrets.token_hex(8)
    garbage = [
        b"\xff\xfe" + mark.encode(), b"[" * 20_000 + mark.encode(), b'{"entry":7,"x":"%s"}' % mark.encode(),
        b'{"object":"page","entry":"%s"}' % mark.encode(), b'"%s"' % mark.encode(),
    ]  # fmt: skip

    assert [(await deliver(picha, body)).status for body in garbage] == [200] * len(garbage)
    assert (await deliver(picha, b"")).status == 200
    await deliver(picha, envelope(change(picha, messages=[said(picha.stranger(), f"after {mark}")])))

    await texts(picha, f"after {mark}")
    assert len(await aside(picha, mark)) == len(garbage)


HOSTILE: dict[str, dict[str, Any]] = {
    "no id": {"id": None},
    "a number for an id": {"id": 7},
    "a time that is none": {"timestamp": "yesterday"},
    "a time beyond the calendar": {"timestamp": "9" * 30},
    "nobody": {"from": None},
    "an id too long for an index": {"id": "wamid." + "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(9000))},
    "a sender too long for an index": {"from": "".join(str(n * n * 7919) for n in range(3000))},
    "a type too long for a word": {"type": "x" * 100_000},
    "a list": {"text": []},
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_one_bad_item_leaves_its_three_neighbours(picha: Talk, name: str) -> None:
    mark, customer = secrets.token_hex(8), picha.stranger()
    good = [said(customer, f"{n} {mark}") for n in range(3)]
    bad = said(customer, f"bad {mark}") | HOSTILE[name]

    told = await deliver(
        picha, envelope(change(picha, messages=[good[0], bad, good[1]]), change(picha, messages=[good[2]]))
    )

    assert told.status == 200
    await texts(picha, *(f"{n} {mark}" for n in range(3)))
    if "type" not in HOSTILE[name] and "text" not in HOSTILE[name]:
        assert len(await aside(picha, f"bad {mark}")) == 1


async def test_hostile_statuses_disturb_nobody(picha: Talk) -> None:
    mark, customer = secrets.token_hex(8), picha.stranger()
    status = {"id": f"wamid.{mark}", "status": "sent", "timestamp": "1744344496", "recipient_id": customer}
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(9000))
    statuses = [
        status | {"id": long}, status | {"status": long}, status | {"status": "failed", "errors": [{"code": 2**40}]},
        status | {"errors": [{"code": "x"}]}, status | {"biz_opaque_callback_data": "\0" * 32},
        status | {"status": "\0"},
        status | {"timestamp": "-1"}, {}, "x", None, [status],
    ]  # fmt: skip

    told = await deliver(
        picha, envelope(change(picha, statuses=statuses), change(picha, messages=[said(customer, f"next {mark}")]))
    )

    assert told.status == 200
    await texts(picha, f"next {mark}")


async def test_a_number_that_is_not_ours_is_kept_aside(picha: Talk) -> None:
    mark, customer = secrets.token_hex(8), picha.stranger()
    foreign = change(picha, number="999999999999", messages=[said(customer, f"foreign {mark}")])

    told = await deliver(picha, envelope(foreign, change(picha, messages=[said(customer, f"own {mark}")])))

    assert told.status == 200
    assert f"foreign {mark}" not in await texts(picha, f"own {mark}")
    assert await aside(picha, f"foreign {mark}") == ["No sender of this Meta app has the item's phone_number_id."]
