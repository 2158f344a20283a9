"""From a webhook's bytes to what is stored: verified, kept, digested, and put aside where it is not understood."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.store.ground import PNID, VAULT, Ground

from picha.cloudapi.signature import sign
from picha.gateway.hearing.digest import Digest
from picha.gateway.hearing.intake import Intake, Taken
from picha.gateway.lanes.doorbell import Doorbell
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.times import Times
from picha.gateway.store import notices, quarantine, raw, tenants
from picha.gateway.store.pool import Connection
from picha.gateway.store.raw import Raw, Verified
from picha.gateway.store.tenants import NewAccount
from picha.kit.clock import SystemClock
from picha.kit.secrets import Secret

WABA, APP = "102290129340398", "670843887433847"
ACCOUNT = NewAccount(
    environment="test",
    waba_id=WABA,
    meta_app_id=APP,
    graph_url="http://127.0.0.1:9/v25.0",
    access_token=Secret("EAAtoken"),
    app_secret=Secret("secret"),
    verify_token=Secret("verify"),
)


def body(*, field: str = "messages", waba: str = WABA, number: str = PNID, **value: Any) -> bytes:
    inner = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": number}, **value}
    entry = {"id": waba, "changes": [{"field": field, "value": inner}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def text(wamid: str, words: str = "Habari", **members: Any) -> dict[str, Any]:
    said = {"from": "16505551234", "id": wamid, "timestamp": "1744344496", "type": "text", "text": {"body": words}}
    return said | members


async def keep(ground: Ground, *bodies: bytes, app: str = APP) -> None:
    await raw.keep(ground.pool, [Verified(ground.ids.uuid(), app, hashlib.sha256(one).digest(), one) for one in bodies])


def digest_of(ground: Ground) -> Digest:
    clock = SystemClock()
    book = AccountBook(ground.pool, VAULT, clock)
    return Digest(ground.pool, Doorbell(), Times(clock, book), ground.ids, token_keys=lambda: [b"k" * 32])


async def understand(ground: Ground, *bodies: bytes, app: str = APP) -> None:
    await keep(ground, *bodies, app=app)
    digest = digest_of(ground)
    while await digest.step(256):
        pass


async def wamids(ground: Ground) -> list[str]:
    return [row[0] for row in await ground.pool.fetch("SELECT provider_message_id FROM message ORDER BY id")]


@asynccontextmanager
async def intake_of(ground: Ground) -> AsyncIterator[Intake]:
    clock = SystemClock()
    intake = Intake(ground.pool, AccountBook(ground.pool, VAULT, clock), ground.ids)
    async with intake.group:
        yield intake


async def set_up(ground: Ground, account: NewAccount) -> None:
    await tenants.put_account(
        ground.pool, VAULT, ground.ids, ground.app, account, phone_number_id=PNID, display_number="15550783881"
    )


async def test_while_an_app_secret_is_rotated_both_verify_and_afterwards_the_new_one_alone(ground: Ground) -> None:
    data = body(messages=[text("wamid.A")])

    await set_up(ground, replace(ACCOUNT, app_secret=Secret("renewed")))
    async with intake_of(ground) as intake:
        during = [await intake.take(data, sign(secret, data)) for secret in ("secret", "renewed", "neither")]
    await ground.pool.execute("UPDATE account SET previous_until = now()")
    async with intake_of(ground) as intake:
        after = [await intake.take(data, sign(secret, data)) for secret in ("secret", "renewed")]

    assert during == [Taken.KEPT, Taken.KEPT, Taken.REFUSED]
    assert after == [Taken.REFUSED, Taken.KEPT]


async def test_setting_an_account_up_again_with_the_same_secret_rotates_nothing(ground: Ground) -> None:
    await set_up(ground, replace(ACCOUNT, app_secret=Secret("renewed")))
    await set_up(ground, replace(ACCOUNT, app_secret=Secret("renewed")))

    [account] = await tenants.accounts(ground.pool, VAULT)
    assert account.previous_app_secret == Secret("secret")


async def test_a_secret_speaks_for_the_numbers_of_its_own_app_alone(ground: Ground) -> None:
    other = replace(ACCOUNT, waba_id="2", meta_app_id="another-app", app_secret=Secret("other"))
    await tenants.put_account(
        ground.pool, VAULT, ground.ids, ground.app, other, phone_number_id="222", display_number="2"
    )
    data = body(messages=[text("wamid.A")])

    async with intake_of(ground) as intake:
        assert await intake.take(data, sign("other", data)) is Taken.KEPT
    while await digest_of(ground).step(256):
        pass

    assert await wamids(ground) == []
    [aside] = await quarantine.kept(ground.pool)
    assert aside.reason == "No sender of this Meta app has the item's phone_number_id."


async def taken(ground: Ground, most: int = 256) -> int:
    """Return how many bodies one transaction takes."""
    counts: list[int] = []

    async def work(_connection: Connection, raws: list[Raw]) -> None:
        counts.append(len(raws))

    assert await raw.digest(ground.pool, work, most=most) == sum(counts)
    return sum(counts)


async def test_a_transaction_takes_many_small_bodies_and_few_large_ones(ground: Ground) -> None:
    await keep(ground, *(b"%d" % n for n in range(40)))
    assert await taken(ground) == 40

    await keep(ground, *(b"%d" % n * 100_000 for n in range(10, 16)))
    assert await taken(ground) == 2


async def test_two_workers_take_different_bodies(ground: Ground) -> None:
    await keep(ground, *(b"%d" % n for n in range(4)))
    first: list[Raw] = []

    async def slow(_connection: Connection, raws: list[Raw]) -> None:
        first.extend(raws)
        assert await taken(ground) == 0

    await raw.digest(ground.pool, slow, most=256)

    assert len(first) == 4


async def test_digests_at_work_side_by_side_understand_everything_once(ground: Ground) -> None:
    bodies = [body(messages=[text(f"wamid.{n}.{m}") for m in range(5)]) for n in range(30)]
    await keep(ground, *bodies)

    await asyncio.gather(*(_until_done(digest_of(ground)) for _ in range(3)))

    assert sorted(await wamids(ground)) == sorted(f"wamid.{n}.{m}" for n in range(30) for m in range(5))
    assert await ground.pool.fetchval("SELECT unread_count FROM conversation") == 150
    assert await wamids(ground) == [f"wamid.{n}.{m}" for n in range(30) for m in range(5)]


async def _until_done(digest: Digest) -> None:
    while await digest.step(4):
        pass


async def test_what_cannot_be_stored_is_put_aside_alone_wherever_it_stands_in_a_large_batch(ground: Ground) -> None:
    long = "wamid." + "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(9000))
    messages = [text(long if n in {0, 77, 78, 199} else f"wamid.{n:03}") for n in range(200)]

    await understand(ground, body(messages=messages[:100]), body(messages=messages[100:]))

    assert await wamids(ground) == [f"wamid.{n:03}" for n in range(200) if n not in {0, 77, 78, 199}]
    kept = await quarantine.kept(ground.pool)
    assert {one.reason for one in kept} == {"It cannot be stored: ProgramLimitExceededError."}
    assert len(kept) == 4


async def test_errors_of_a_number_and_news_of_an_account_are_kept_once_and_listed(ground: Ground) -> None:
    error = {"code": 130429, "title": "Rate limit hit", "error_data": {"details": "Too\0 fast."}}
    quality = {"display_phone_number": "15550783881", "event": "FLAGGED"}

    await understand(ground, body(errors=[error]), body(field="phone_number_quality_update", **quality))
    await ground.pool.execute("UPDATE raw_webhook SET digested_at = NULL")
    await understand(ground)

    found, total = await notices.listed(ground.pool, ground.app.workspace_id, "test", sender=None, limit=10, offset=0)
    assert total == 2
    assert [(one.field, one.code, one.sender_id) for one in found] == [
        ("phone_number_quality_update", None, None),
        ("errors", 130429, ground.sender),
    ]
    assert found[0].value["event"] == "FLAGGED"
    assert (found[1].title, str(found[1].detail).startswith("Too\ufffd fast. ")) == ("Rate limit hit", True)
    assert await quarantine.kept(ground.pool) == []


async def test_news_of_an_account_that_is_not_ours_and_empty_changes_are_put_aside(ground: Ground) -> None:
    await understand(ground, body(field="account_alerts", waba="999"), body(), body(field="smb_message_echoes"))

    assert {one.reason for one in await quarantine.kept(ground.pool)} == {
        "No account of this Meta app has the entry's id.",
        "A change of messages without any of the lists that it should hold.",
        "A change of smb_message_echoes without any of the lists that it should hold.",
    }


async def test_what_was_put_aside_is_understood_when_it_is_tried_again_after_the_number_is_set_up(
    ground: Ground,
) -> None:
    own, foreign = text("wamid.A"), text("wamid.B")
    await understand(ground, body(messages=[own]), body(number="222", messages=[foreign]))
    [aside] = await quarantine.kept(ground.pool)
    assert b"wamid.B" in aside.item
    await tenants.put_account(
        ground.pool, VAULT, ground.ids, ground.app, ACCOUNT, phone_number_id="222", display_number="2"
    )

    assert await quarantine.retry(ground.pool, only=aside.id) == 1
    await understand(ground)

    assert await wamids(ground) == ["wamid.A", "wamid.B"]
    assert await quarantine.kept(ground.pool) == []


async def test_what_is_still_not_understood_comes_back_once_and_neighbours_stay_as_they_are(ground: Ground) -> None:
    await understand(ground, body(messages=[text("wamid.A"), text("wamid.B", timestamp="yesterday")]))

    assert await quarantine.retry(ground.pool) == 1
    await understand(ground)

    assert await wamids(ground) == ["wamid.A"]
    assert await ground.pool.fetchval("SELECT unread_count FROM conversation") == 1
    assert len(await quarantine.kept(ground.pool)) == 1


async def test_an_item_outlives_its_body_and_is_then_only_looked_at(ground: Ground) -> None:
    await understand(ground, b"no json")
    await ground.pool.execute("UPDATE raw_webhook SET body = NULL")

    [aside] = await quarantine.kept(ground.pool)
    assert (aside.item, aside.is_retriable) == (b"no json", False)
    assert await quarantine.retry(ground.pool) == 0
    await ground.pool.execute("DELETE FROM raw_webhook")
    assert len(await quarantine.kept(ground.pool)) == 1


async def test_a_body_that_comes_again_after_it_was_let_go_is_known_by_its_hash(ground: Ground) -> None:
    data = body(messages=[text("wamid.A")])
    await understand(ground, data)
    await ground.pool.execute("UPDATE raw_webhook SET body = NULL")

    await understand(ground, data)

    assert await ground.pool.fetchval("SELECT count(*) FROM raw_webhook") == 1


KINDS: Sequence[dict[str, Any]] = (
    {"type": "location", "location": {"latitude": -6.8, "longitude": 39.28, "name": "Dar"}},
    {"type": "contacts", "contacts": [{"name": {"formatted_name": "Juma"}}]},
    {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "1", "title": "Ndiyo"}}},
    {"type": "button", "button": {"payload": "yes", "text": "Ndiyo"}},
    {"type": "order", "order": {"catalog_id": "7", "product_items": []}},
    {"type": "a_kind_of_next_year", "a_kind_of_next_year": {"deep": [{"er": None}]}},
    {"type": "document", "document": {"id": "9", "mime_type": "application/pdf", "sha256": "x", "filename": "r.pdf"}},
    {"type": "audio", "audio": {"id": "9", "mime_type": "audio/ogg; codecs=opus", "voice": True}},
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["type"])
async def test_a_message_of_any_kind_is_kept_with_what_it_carries_and_opens_the_window(
    ground: Ground, kind: dict[str, Any]
) -> None:
    said = {name: member for name, member in text("wamid.A").items() if name != "text"} | kind

    await understand(ground, body(messages=[said]))

    row = await ground.pool.fetchrow("SELECT message_type, facts, image_state, window_until FROM message, conversation")
    assert row is not None
    assert (row["message_type"], row["image_state"]) == (kind["type"], None)
    assert row["window_until"] is not None
    own = kind[kind["type"]]
    kept = row["facts"].get(kind["type"]) or {k: v for k, v in row["facts"]["media"].items() if v is not None}
    assert kept == own
