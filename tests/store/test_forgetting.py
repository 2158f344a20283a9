"""What was kept long enough goes, class by class, and what is still needed stays, whoever else is at work."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.store.ground import Ground, at
from tests.store.test_growth import execute

from picha.gateway.blobs import BlobMissing
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.domain.facts import StatusSeen
from picha.gateway.domain.outcomes import Accepted, Ambiguous
from picha.gateway.pictures.sweep import Sweep
from picha.gateway.store import files, lanes, quarantine, raw
from picha.gateway.store.files import File, MediaId
from picha.gateway.store.ledger import witness
from picha.gateway.store.pool import Connection
from picha.gateway.store.quarantine import Quarantined
from picha.gateway.store.raw import Raw, Verified
from picha.gateway.upkeep.forgetting import Forgetting, Keep
from picha.kit.clock import ManualClock, SystemClock

# Ids are made by the machine's clock; the clock of what forgets is that many days ahead.
AT_ONCE = timedelta(0)
LONG = timedelta(days=36_525)
NEVER = Keep(
    captions=LONG, pictures=LONG, messages=LONG, bodies=LONG, hashes=LONG, quarantine=LONG, parked=LONG
)  # fmt: skip


def after(ground: Ground, days: float, keep: Keep | None = None, *, most: int = 500) -> Forgetting:
    """Return what forgets, so many days from now."""
    return Forgetting(ground.pool, ManualClock(SystemClock().now() + timedelta(days=days)), keep or Keep(), most=most)


async def count(ground: Ground, table: str) -> int:
    number = await ground.pool.fetchval(f"SELECT count(*) FROM {table}")
    assert isinstance(number, int)
    return number


async def delivered(ground: Ground, wamid: str = "wamid.OUT1", **send: Any) -> UUID:
    """Send a picture to the customer, who reads it."""
    message = await ground.send(**send)
    lease = await ground.lease()
    attempt = await ground.begin(lease, message)
    await ground.settle(message, attempt, Accepted(wamid))
    await lanes.release(ground.pool, lease)
    await ground.meta_says(wamid, "sent", "delivered", "read")
    return message


async def test_captions_and_what_customers_wrote_go_after_ninety_days_and_not_before(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    await ground.pool.execute(
        "UPDATE message SET facts = $1 WHERE NOT is_outbound",
        {"text": "My address is", "location": {}, "media": {"mime_type": "image/png"}, "context": {"forwarded": True}},
    )
    message = await delivered(ground)

    await after(ground, 89.9).all()
    assert (await ground.see(message)).caption == "Your receipt"

    gone = await after(ground, 90.1).all()
    assert ((await ground.see(message)).caption, (await ground.see(message)).facts) == (None, {"let_go": True})
    captions = await ground.pool.fetch("SELECT caption, facts FROM message WHERE NOT is_outbound")
    # The picture's half, that is Meta's id and link, went after thirty days.
    assert [tuple(row) for row in captions] == [
        (None, {"media": {"mime_type": "image/png"}, "context": {"forwarded": True}})
    ]
    assert gone["caption"] == 2


async def test_a_picture_goes_after_thirty_days_with_its_bytes_and_its_address_and_the_message_stays(
    ground: Ground, tmp_path: Path
) -> None:
    await ground.customer_writes(image_state="stored")
    blobs = LocalBlobs(tmp_path)
    digest = await blobs.put(b"a photo")
    # A customer's photo has no life of its own: it lives as long as its message has it.
    photo = File(ground.ids.uuid(), ground.app.workspace_id, "test", digest, "image/jpeg", 7, 1, 1, SystemClock().now())
    await files.add(ground.pool, photo, lambda: blobs.put(b"a photo"))
    await ground.pool.execute("UPDATE message SET file_id = $1", photo.id)
    message = await delivered(ground, media_url=None)
    await ground.pool.execute("UPDATE message SET media_url = 'https://shop.example/?token=x' WHERE is_outbound")
    sweep = Sweep(ground.pool, blobs, SystemClock())

    await after(ground, 29.9).all()
    assert (await ground.see(message)).media_url is not None

    await after(ground, 30.1).all()
    seen = await ground.see(message)
    assert (seen.file_id, seen.media_url, seen.image_state, seen.status) == (None, None, "unavailable", "read")
    assert seen.caption == "Your receipt"
    # Who has just looked the photo up, to send it on, has an hour to say so.
    await sweep.once()
    assert await blobs.size(digest)
    for table in ("file", "blob"):
        await ground.pool.execute(f"UPDATE {table} SET sweep_at = sweep_at - interval '61 minutes'")
    await sweep.once()
    with pytest.raises(BlobMissing):
        await blobs.size(digest)
    assert await files.find(ground.pool, ground.app.workspace_id, "test", photo.id) is None


async def test_a_picture_that_another_message_still_has_stays(ground: Ground, tmp_path: Path) -> None:
    await ground.customer_writes(image_state="stored")
    file = await ground.picture()
    await delivered(ground, file=file)
    await after(ground, 31, Keep(pictures=AT_ONCE)).all()
    later = await ground.send(file=file)
    await ground.pool.execute("UPDATE file SET expires_at = now(), sweep_at = now()")

    await Sweep(ground.pool, LocalBlobs(tmp_path), SystemClock()).once()

    assert (await ground.see(later)).digest == b"d" * 32


async def test_a_message_goes_with_its_attempts_and_evidence_and_leaves_its_neighbours(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    await delivered(ground, "wamid.OLD")
    boundary = SystemClock().now()
    await asyncio.sleep(0.002)
    young = await delivered(ground, "wamid.YOUNG")
    keep = Keep(captions=LONG, pictures=LONG, messages=timedelta(days=40))

    gone = await Forgetting(ground.pool, ManualClock(boundary + timedelta(days=40)), keep).all()
    assert gone == {"message": 2}
    assert [row[0] for row in await ground.pool.fetch("SELECT id FROM message")] == [young]
    assert (await count(ground, "attempt"), await count(ground, "evidence")) == (1, 3)
    assert await after(ground, 41, keep).all() == {"message": 1}
    assert [await count(ground, table) for table in ("message", "attempt", "evidence", "walk_late")] == [0, 0, 0, 0]


async def in_phase(ground: Ground, phase: str) -> UUID:
    """Bring a new send into a phase in which it is still needed."""
    message = await ground.send(media_url="https://shop.example/a.jpg" if phase == "image_wait" else None)
    if phase in {"sending", "unknown", "submitted"}:
        lease = await ground.lease()
        attempt = await ground.begin(lease, message)
        if phase != "sending":
            outcome = Ambiguous("lost") if phase == "unknown" else Accepted("wamid.OUT1")
            await ground.settle(message, attempt, outcome)
        await lanes.release(ground.pool, lease)
    await ground.pool.execute("UPDATE message SET created_at = now() WHERE id = $1", message)
    seen = await ground.see(message)
    assert seen.phase == phase
    return message


@pytest.mark.parametrize("phase", ["image_wait", "queued", "sending", "unknown", "submitted"])
async def test_what_is_not_settled_keeps_everything_however_old_and_goes_once_it_is(ground: Ground, phase: str) -> None:
    await ground.customer_writes(image_state="stored")
    keep = Keep(captions=AT_ONCE, pictures=AT_ONCE)
    message = await in_phase(ground, phase)

    await after(ground, 400, keep).all()
    seen = await ground.see(message)
    assert (seen.caption, seen.phase) == ("Your receipt", phase)
    assert seen.file_id or seen.media_url

    await ground.pool.execute("UPDATE message SET phase = 'failed', status = 'failed' WHERE id = $1", message)
    await after(ground, 400, keep).all()
    assert (await ground.see(message)).caption == "Your receipt"  # it is looked at again, but not at once

    await ground.pool.execute("UPDATE walk_late SET look_at = look_at - interval '10 minutes'")
    await after(ground, 400, keep).all()
    assert [await count(ground, table) for table in ("message", "walk_late")] == [0, 0]


async def test_a_send_of_which_meta_never_told_more_is_settled_after_thirty_days(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    message = await in_phase(ground, "submitted")
    await ground.pool.execute("UPDATE message SET created_at = now() - interval '31 days'")

    await after(ground, 91).all()

    assert (await ground.see(message)).caption is None


async def test_a_photo_that_is_still_to_be_fetched_keeps_what_names_it(ground: Ground) -> None:
    await ground.customer_writes(image_state="pending")

    await after(ground, 31).all()

    assert await ground.pool.fetchval("SELECT facts FROM message") == {"media": {"id": "1003383421387256"}}


async def test_a_picture_from_the_phone_that_is_still_to_be_fetched_is_worked_on_and_keeps_what_names_it(
    ground: Ground,
) -> None:
    await ground.customer_writes(image_state="pending")
    await ground.pool.execute(
        "UPDATE message SET is_outbound = true, is_echo = true, phase = 'submitted', status = 'read'"
    )

    await after(ground, 31).all()

    assert await ground.pool.fetchval("SELECT facts FROM message") == {"media": {"id": "1003383421387256"}}
    assert await ground.lease(lanes.HEAR)


async def test_what_is_never_ready_is_looked_at_ever_more_rarely(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    await in_phase(ground, "queued")
    waits = []

    for _ in range(12):
        await after(ground, 91, Keep(pictures=LONG)).all()
        waits.append(await ground.pool.fetchval("SELECT waits FROM walk_late"))
        await ground.pool.execute("UPDATE walk_late SET look_at = now()")

    assert waits[:3] == [timedelta(minutes=10), timedelta(minutes=20), timedelta(minutes=40)]
    assert waits[-1] == timedelta(days=1)


async def keep_body(ground: Ground, body: bytes, *, is_digested: bool = True) -> None:
    await raw.keep(ground.pool, [Verified(ground.ids.uuid(), "670843887433847", body, body)])
    if is_digested:
        await ground.pool.execute("UPDATE raw_webhook SET digested_at = now() WHERE digest = $1", body)


async def test_a_webhook_loses_its_body_after_seven_days_and_is_known_again_for_nine(ground: Ground) -> None:
    await keep_body(ground, b"{}")

    await after(ground, 6.9).all()
    assert await ground.pool.fetchval("SELECT body FROM raw_webhook") == b"{}"

    await after(ground, 7.1).all()
    assert await ground.pool.fetchval("SELECT body FROM raw_webhook") is None
    await keep_body(ground, b"{}", is_digested=False)
    assert await raw.digest(ground.pool, no_work, most=10) == 0

    await after(ground, 8.9).all()
    assert await count(ground, "raw_webhook") == 1
    await after(ground, 9.1).all()
    assert await count(ground, "raw_webhook") == 0


async def no_work(_connection: Connection, _raws: list[Raw]) -> None:
    raise AssertionError("there is nothing to digest")


async def test_a_webhook_that_nobody_understood_yet_keeps_its_body(ground: Ground) -> None:
    await keep_body(ground, b"{}", is_digested=False)

    await after(ground, 100).all()

    assert await ground.pool.fetchval("SELECT body FROM raw_webhook") == b"{}"


async def test_what_was_put_aside_goes_after_its_webhook(ground: Ground) -> None:
    await keep_body(ground, b"{}")
    item = Quarantined(ground.ids.uuid(), await ground.pool.fetchval("SELECT id FROM raw_webhook"), "$", "odd", b"{}")
    async with ground.pool.acquire() as connection:
        await quarantine.add(connection, [item])

    assert await after(ground, 29.9).all() == {"webhook_body": 1, "webhook": 1}
    assert await after(ground, 30.1).all() == {"quarantine": 1}


async def test_what_meta_told_of_a_number_goes_after_ninety_days(ground: Ground) -> None:
    account = await ground.pool.fetchval("SELECT id FROM account")
    await ground.pool.execute(
        "INSERT INTO notice (id, workspace_id, account_id, field, value, received_at)"
        " VALUES ($1, $2, $3, 'x', '{}', now())",
        ground.ids.uuid(),
        ground.app.workspace_id,
        account,
    )

    assert await after(ground, 89.9).all() == {}
    assert await after(ground, 90.1).all() == {"notice": 1}


async def test_statuses_that_nobody_knows_go_after_seven_days_and_those_that_are_bound_stay(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    await delivered(ground)
    await ground.meta_says("wamid.STRANGER", "sent", "delivered")
    await ground.pool.execute("UPDATE evidence SET received_at = now() - interval '6 days 23 hours'")

    assert await after(ground, 0).all() == {}
    await ground.pool.execute("UPDATE evidence SET received_at = now() - interval '7 days 1 hour'")
    assert await after(ground, 0).all() == {"parked_status": 2}
    assert await count(ground, "evidence") == 3


async def test_a_media_id_goes_when_it_is_dead(ground: Ground) -> None:
    async def remember(digest: bytes, expires_at: datetime) -> None:
        workspace, found = ground.app.workspace_id, MediaId("1", expires_at)
        await files.remember_media_id(
            ground.pool, workspace=workspace, sender=ground.sender, digest=digest, found=found
        )

    now = datetime.now(UTC)  # noqa: TID251 - the database's clock decides here
    await remember(b"dead", now - timedelta(minutes=1))
    await remember(b"alive", now + timedelta(minutes=1))

    assert await after(ground, 0).all() == {"media_id": 1}
    assert [row[0] for row in await ground.pool.fetch("SELECT digest FROM uploaded_media")] == [b"alive"]


async def test_at_once_means_ten_minutes_after_it_was_taken_in(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    message = await delivered(ground)
    keep = Keep(captions=AT_ONCE)

    await after(ground, 0, keep).all()
    assert (await ground.see(message)).caption is not None

    await after(ground, 11 / 24 / 60, keep).all()
    assert (await ground.see(message)).caption is None


async def test_a_step_takes_no_more_than_it_may_and_a_pass_takes_all(ground: Ground) -> None:
    for number in range(7):
        await ground.customer_writes(f"1650555{number:04}", f"wamid.IN{number}", image_state="stored")

    gone = await after(ground, 91, most=3).all()

    assert gone == {"caption": 7, "picture": 7}


async def test_workers_that_forget_side_by_side_let_go_of_each_row_once(ground: Ground) -> None:
    for number in range(20):
        await ground.customer_writes(f"1650555{number:04}", f"wamid.IN{number}", image_state="stored")

    gone = await asyncio.gather(*(after(ground, 400, most=3).all() for _ in range(4)))

    assert sum(one.get("message", 0) for one in gone) == 20
    assert await count(ground, "message") == 0


async def test_a_class_that_fails_holds_up_no_other(ground: Ground, database: str) -> None:
    await keep_body(ground, b"{}")
    await ground.customer_writes(image_state="stored")
    await execute(database, "REVOKE UPDATE ON message FROM picha_runtime")
    with capture_logs() as logs:
        gone = await after(ground, 400).all()

    assert gone == {"webhook_body": 1, "webhook": 1}
    assert [line["what"] for line in logs if line["log_level"] == "warning"] == ["caption", "picture", "message"]


def seen(ground: Ground, wamid: str) -> StatusSeen:
    return StatusSeen(
        workspace_id=ground.app.workspace_id,
        sender_id=ground.sender,
        wamid=wamid,
        status="failed",
        provider_at=at(9),
        received_at=at(9),
        code=131053,
    )


async def test_a_status_that_comes_while_its_message_goes_goes_too_or_waits_for_nobody(ground: Ground) -> None:
    await ground.customer_writes(image_state="stored")
    await delivered(ground)
    forgetting = after(ground, 400)

    async with ground.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await witness.statuses(connection, [seen(ground, "wamid.OUT1")])
        going = asyncio.ensure_future(forgetting.all())
        await waits_for_a_lock(ground)
        await transaction.commit()
    await going
    assert [await count(ground, table) for table in ("message", "attempt", "evidence")] == [0, 0, 0]

    async with ground.pool.acquire() as connection:
        await witness.statuses(connection, [seen(ground, "wamid.OUT1")])
    assert [row[0] for row in await ground.pool.fetch("SELECT attempt_id FROM evidence")] == [None]


async def waits_for_a_lock(ground: Ground) -> None:
    """Return once somebody waits for a lock."""
    look = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(30):
        while not await ground.pool.fetchval(look):  # noqa: ASYNC110 - the database's state has no event
            await asyncio.sleep(0.01)
