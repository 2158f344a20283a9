"""Erasing a person: nothing in any table names them any more, the books still count, and others lose nothing."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.journeys.running import until
from tests.store.ground import NOON, Ground, at
from tests.store.test_forgetting import delivered

from picha.gateway.blobs import BlobMissing
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.domain.facts import MessageReceived, Notice, Person
from picha.gateway.domain.once import Once
from picha.gateway.domain.outcomes import Accepted, Ambiguous
from picha.gateway.store import audit, files, notices, people, quarantine, raw, replays, tenants
from picha.gateway.store.files import File, MediaId
from picha.gateway.store.ledger import receive
from picha.gateway.store.people import TRACES
from picha.gateway.store.pool import in_transaction
from picha.gateway.store.quarantine import Quarantined
from picha.gateway.store.raw import Raw, Verified
from picha.gateway.upkeep import erasing
from picha.gateway.upkeep.erasing import EraseRefusedError
from picha.kit.clock import SystemClock

PHONE, OTHER, USER = "16505551234", "16505559876", "US.13491208655302741918"
WAMID = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI="
# Whatever tells who it was, or what was said.
TELLING = (PHONE, USER, WAMID, "wamid.IN1", "Sheena", "Taj Mahal", "Your receipt", "order-77", "said by Meta")


# Each table is one that an erasure goes through, or has no person in it.
GONE_THROUGH = {
    "attempt", "batch_recipient", "blob", "contact", "contact_address", "conversation", "decision", "delivery", "event",
    "evidence", "file", "message", "notice", "quarantine", "raw_webhook", "replay", "uploaded_media",
}  # fmt: skip
IMPERSONAL = {
    "account", "api_key", "app", "audit", "audit_chain", "batch", "conversation_alias", "epoch", "event_gone",
    "inbox_watch", "keeper", "lane", "pair", "person", "reading", "sender", "session", "sign_in_link", "sign_in_try",
    "spend", "template", "turnout", "turnout_hour", "walk", "walk_late", "webhook", "workspace",
}  # fmt: skip


async def everything(ground: Ground) -> str:
    """Return all rows of all tables as one text, bytes as what they spell."""
    tables = await ground.pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    rows = [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for (table,) in tables
        for row in await ground.pool.fetch(f"SELECT * FROM {table}")
        for value in row
    ]
    return "\n".join(rows)


async def body(ground: Ground, text: str, *, is_digested: bool = True) -> UUID:
    one = Verified(ground.ids.uuid(), "670843887433847", hashlib.sha256(text.encode()).digest(), text.encode())
    await raw.keep(ground.pool, [one])
    if is_digested:

        async def work(_: object, __: list[Raw]) -> None:
            """Understand it."""

        await raw.digest(ground.pool, work, most=100)
    return one.id


def blobs_at(place: Path) -> LocalBlobs:
    return LocalBlobs(place)


async def erase(ground: Ground, place: Path, *, patience_s: float = 30, **who: Any) -> dict[str, int]:
    found = await erasing.look(ground.pool, ground.app.workspace_id, **(who or {"phone": PHONE}))
    clock, blobs = SystemClock(), blobs_at(place)
    return dict(
        await erasing.erase(
            ground.pool, blobs, clock, found, who="cli", told=lambda _done, _total: None, patience_s=patience_s
        )
    )


async def shared_past(ground: Ground, place: Path) -> tuple[UUID, File]:
    """Let a customer write, get a picture, and leave a trace wherever one can be left."""
    await ground.customer_writes(PHONE, image_state="stored")
    await ground.customer_writes(OTHER, "wamid.IN2", image_state="stored")
    await ground.pool.execute(
        "INSERT INTO contact_address SELECT workspace_id, 'bsuid', $1, contact_id, $2 FROM contact_address"
        " WHERE kind = 'wa_id' AND value = $3",
        *(USER, ground.account, PHONE),
    )
    digest = await blobs_at(place).put(b"a picture of hers")
    file = File(ground.ids.uuid(), ground.app.workspace_id, "test", digest, "image/jpeg", 17, 10, 10, NOON)
    await files.add(ground.pool, file, nothing, grace=timedelta(0))
    sent = await delivered(ground, WAMID, file=file.id)
    await files.remember_media_id(
        ground.pool,
        workspace=ground.app.workspace_id,
        sender=ground.sender,
        digest=file.digest,
        found=MediaId("1003383421387256", at(3600 * 24 * 365 * 50)),
    )
    await ground.pool.execute(
        "UPDATE message SET client_reference = 'order-77', reply_to = 'wamid.IN1', error_detail = 'said by Meta',"
        ' facts = \'{"text": "Your receipt"}\' WHERE id = $1',
        sent,
    )
    await body(ground, f'{{"from":"{PHONE}","text":"Taj Mahal"}}')
    await body(ground, f'{{"from":"{OTHER}"}}')
    lost = await body(ground, "{}")
    items = [Quarantined(ground.ids.uuid(), lost, "0.0", "odd", text.encode()) for text in (PHONE, f'"{USER}"', OTHER)]
    notice = Notice(
        id=ground.ids.uuid(),
        workspace_id=ground.app.workspace_id,
        account_id=ground.account,
        sender_id=ground.sender,
        field="user_preferences",
        code=None,
        title=None,
        detail=None,
        value={"wa_id": PHONE},
        received_at=NOON,
    )

    async def work(connection: Any) -> None:
        await quarantine.add(connection, items)
        await notices.add(connection, [notice])

    await in_transaction(ground.pool, work)
    workspace = ground.app.workspace_id
    for key, answer in (("a", {"id": "x", "recipient": PHONE}), ("b", {"id": "y", "recipient": OTHER})):
        claim = await replays.claim(ground.pool, workspace, "test", Once(key, b"f" * 32))
        assert claim is not None
        await replays.keep(ground.pool, claim, status=200, answer=answer)
    return sent, file


async def nothing() -> None:
    """The bytes lie there."""


async def test_no_table_tells_who_it_was_or_what_was_said_and_the_books_still_count(
    ground: Ground, tmp_path: Path
) -> None:
    sent, file = await shared_past(ground, tmp_path)
    before, story = await ground.see(sent), await ground.story(sent)
    told = await everything(ground)
    assert all(word in told for word in TELLING)

    with capture_logs() as logs:
        went = await erase(ground, tmp_path)

    left = await everything(ground)
    assert [word for word in TELLING if word in left.replace("wamid.IN2", "")] == ["Sheena", "Taj Mahal"]
    assert left.count("Sheena") == 1, "the other's name"
    assert left.count("Taj Mahal") == 1, "the other's words"
    assert OTHER in left
    assert "wamid.IN2" in left
    assert went == {
        "cancelled": 0, "messages": 2, "pictures": 1, "recipients": 0, "webhooks": 1, "quarantined": 2, "notices": 1,
        "answers": 1,
    }  # fmt: skip
    with pytest.raises(BlobMissing):
        await blobs_at(tmp_path).get(file.digest)
    assert await ground.pool.fetchval("SELECT count(*) FROM uploaded_media") == 0
    after = await ground.see(sent)
    for field in ("status", "phase", "created_at", "sent_at", "delivered_at", "read_at", "message_type", "attempts"):
        assert getattr(after, field) == getattr(before, field), field
    assert await ground.story(sent) == story
    assert PHONE not in str(logs)
    [noted] = await audit.listed(ground.pool, ground.app.workspace_id, most=1)
    assert (noted.deed, noted.about["messages"], noted.about["conversations"]) == ("person.erased", 2, 1)
    assert (await audit.verify(ground.pool)).trouble is None


async def test_every_table_is_gone_through_or_known_to_have_no_person_in_it(ground: Ground) -> None:
    rows = await ground.pool.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^_?yoyo'"
    )

    assert {row[0] for row in rows} == GONE_THROUGH | IMPERSONAL


async def test_their_places_in_batches_are_emptied_and_refused_where_their_turn_had_not_come(
    ground: Ground, tmp_path: Path
) -> None:
    sent, _ = await shared_past(ground, tmp_path)
    batch = ground.ids.uuid()
    await ground.pool.execute(
        "INSERT INTO batch (id, workspace_id, app_id, environment, image_policy, is_high, on_unknown, total, upto,"
        " accepted, created_at) VALUES ($1, $2, $3, 'test', 'auto', false, 'hold', 4, 1, 1, now())",
        *(batch, ground.app.workspace_id, ground.app.app_id),
    )
    thread = await ground.pool.fetchval("SELECT conversation_id FROM message WHERE id = $1", sent)
    await ground.pool.execute(
        "INSERT INTO batch_recipient (batch_id, place, recipient, conversation_id, caption, message_id) VALUES"
        " ($1, 0, $2, NULL, NULL, $4), ($1, 1, $2, NULL, 'Dear Sheena', NULL),"
        " ($1, 2, NULL, $5, 'Dear Sheena', NULL), ($1, 3, $3, NULL, 'Dear all', NULL)",
        *(batch, PHONE, OTHER, sent, thread),
    )

    went = await erase(ground, tmp_path)

    rows = await ground.pool.fetch("SELECT recipient, caption, message_id, code FROM batch_recipient ORDER BY place")
    assert [tuple(row) for row in rows] == [
        (None, None, sent, None),
        (None, None, None, "CANCELLED"),
        (None, None, None, "CANCELLED"),
        (OTHER, "Dear all", None, None),
    ]
    assert went["recipients"] == 3
    assert await ground.pool.fetchval("SELECT refused FROM batch") == 2
    assert set((await erase(ground, tmp_path)).values()) == {0}


async def test_by_the_user_id_as_much_goes_as_by_the_phone(ground: Ground, tmp_path: Path) -> None:
    await shared_past(ground, tmp_path)

    await erase(ground, tmp_path, user_id=USER)

    left = await everything(ground)
    assert (PHONE in left, USER in left, WAMID in left) == (False, False, False)


async def test_erased_twice_is_erased_once(ground: Ground, tmp_path: Path) -> None:
    await shared_past(ground, tmp_path)
    await erase(ground, tmp_path)
    before = await everything(ground)

    found = await erasing.look(ground.pool, ground.app.workspace_id, phone=PHONE)
    went = await erase(ground, tmp_path)

    assert found.is_nobody
    assert set(went.values()) == {0}
    assert await everything(ground) == before


async def test_a_run_that_was_stopped_is_gone_on_with(ground: Ground, tmp_path: Path) -> None:
    sent, _ = await shared_past(ground, tmp_path)

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    found = await erasing.look(ground.pool, ground.app.workspace_id, phone=PHONE)
    with pytest.raises(KeyboardInterrupt):
        await erasing.erase(ground.pool, blobs_at(tmp_path), SystemClock(), found, who="cli", told=stop)
    assert (await ground.see(sent)).caption is None

    await erase(ground, tmp_path)

    assert PHONE not in await everything(ground)


async def test_what_waits_is_cancelled_and_never_goes_out(ground: Ground, tmp_path: Path) -> None:
    await ground.customer_writes(PHONE, image_state="stored")
    waiting = [await ground.send() for _ in range(3)]

    went = await erase(ground, tmp_path)

    assert went["cancelled"] == 3
    assert {(await ground.see(one)).phase for one in waiting} == {"cancelled"}
    assert await ground.may_go() == []


async def test_what_is_on_its_way_is_waited_for(ground: Ground, tmp_path: Path) -> None:
    await ground.customer_writes(PHONE, image_state="stored")
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)

    erased = asyncio.create_task(erase(ground, tmp_path))

    async def heard_is_empty() -> bool:
        return await ground.pool.fetchval("SELECT caption FROM message WHERE NOT is_outbound") is None

    await until(heard_is_empty)
    assert (await ground.see(message)).caption == "Your receipt"
    await ground.settle(message, attempt, Accepted(WAMID))
    await erased

    assert (await ground.see(message)).phase == "submitted"
    left = await everything(ground)
    assert [word for word in (PHONE, WAMID, "Your receipt") if word in left] == []


async def test_what_does_not_arrive_refuses_and_keeps_the_address(ground: Ground, tmp_path: Path) -> None:
    await ground.customer_writes(PHONE, image_state="stored")
    message = await ground.send()
    await ground.begin(await ground.lease(), message)

    with pytest.raises(EraseRefusedError, match="on its way"):
        await erase(ground, tmp_path, patience_s=0.5)

    assert not (await erasing.look(ground.pool, ground.app.workspace_id, phone=PHONE)).is_nobody


async def test_an_uncertain_send_is_not_sent_again(ground: Ground, tmp_path: Path) -> None:
    await ground.customer_writes(PHONE, image_state="stored")
    message = await ground.send(on_unknown="resend")
    attempt = await ground.begin(await ground.lease(), message)
    await ground.settle(message, attempt, Ambiguous("timeout"))

    await erase(ground, tmp_path)

    assert await ground.pool.fetchval("SELECT on_unknown FROM message WHERE id = $1", message) == "hold"


async def test_a_late_status_brings_no_wamid_back_to_what_was_erased(ground: Ground, tmp_path: Path) -> None:
    sent, _ = await shared_past(ground, tmp_path)
    attempt = await ground.pool.fetchval("SELECT id FROM attempt WHERE message_id = $1", sent)
    await erase(ground, tmp_path)

    await ground.meta_says(WAMID, "read", attempt=attempt, seconds=60)

    assert await ground.pool.fetchval("SELECT wamid FROM attempt WHERE id = $1", attempt) != WAMID
    assert (await ground.see(sent)).provider_message_id != WAMID


async def test_a_picture_that_others_got_too_stays(ground: Ground, tmp_path: Path) -> None:
    _, file = await shared_past(ground, tmp_path)
    await ground.send(file=file.id, phone=OTHER)

    went = await erase(ground, tmp_path)

    assert went["pictures"] == 0
    assert await blobs_at(tmp_path).get(file.digest)
    assert await ground.pool.fetchval("SELECT count(*) FROM uploaded_media") == 1


async def test_what_they_wrote_in_a_group_goes_and_what_others_wrote_there_stays(
    ground: Ground, tmp_path: Path
) -> None:
    await ground.customer_writes(PHONE, image_state="stored")
    said = [("wamid.G1", PHONE, "Taj Mahal", None), ("wamid.G2", OTHER, "Where?", "wamid.G1")]
    received = [
        MessageReceived(
            workspace_id=ground.app.workspace_id,
            account_id=ground.account,
            sender_id=ground.sender,
            wamid=wamid,
            person=Person({"wa_id": phone, "phone": phone}),
            message_type="text",
            provider_at=NOON,
            received_at=NOON,
            window_until=None,
            facts={"text": text, "group_id": "120363"},
            group_id="120363",
            reply_to=quoted,
        )
        for wamid, phone, text, quoted in said
    ]
    await in_transaction(ground.pool, lambda connection: receive.messages(connection, received, ground.ids))

    await erase(ground, tmp_path)

    left = await everything(ground)
    assert [word for word in ("Taj Mahal", PHONE, "wamid.G1") if word in left] == []
    assert "Where?" in left


async def test_who_writes_again_is_somebody_new(ground: Ground, tmp_path: Path) -> None:
    await shared_past(ground, tmp_path)
    former = await ground.pool.fetchval("SELECT contact_id FROM message WHERE provider_message_id = 'wamid.IN1'")
    await erase(ground, tmp_path)

    await ground.customer_writes(PHONE, "wamid.IN3", image_state="stored")

    found = await people.known(ground.pool, ground.app.workspace_id, phone=PHONE)
    assert len(found.contacts) == 1
    assert former not in found.contacts
    assert (await people.kept(ground.pool, found)).messages == 1


async def test_the_same_person_in_another_workspace_is_kept(ground: Ground, tmp_path: Path) -> None:
    await shared_past(ground, tmp_path)
    other = await tenants.add_workspace(ground.pool, ground.ids, "Other")

    found = await erasing.look(ground.pool, other.workspace_id, phone=PHONE)

    assert found.is_nobody
    assert set(found.counts.values()) == {0}
    assert set(TRACES) < set(found.counts)
