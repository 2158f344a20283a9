"""A database that was put back to an earlier state is seen, whoever runs, and nothing is sent until it is confirmed."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from tests.store.ground import Ground
from tests.store.test_doctor_looks import Doctor

from picha.gateway.blobs import Blobs, BlobsUnreachable
from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.domain.outcomes import Accepted, Ambiguous
from picha.gateway.store import epochs, outbox
from picha.gateway.store.ledger import decide, equip
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.upkeep import restored
from picha.gateway.upkeep.restored import Watch, watching
from picha.kit.clock import SystemClock
from picha.kit.ids import earliest

BACKUP = "UPDATE epoch SET value = {}"


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def worker(ground: Ground, blobs: Blobs, *, is_told: bool = False) -> Watch:
    return Watch(ground.pool, blobs, SystemClock(), is_beating=True, is_told_restored=is_told)


def api(ground: Ground, blobs: Blobs) -> Watch:
    return Watch(ground.pool, blobs, SystemClock(), is_beating=False)


async def put_back(ground: Ground, value: int) -> None:
    """Let the epoch be what it was in a backup."""
    await ground.pool.execute(BACKUP.format(value))


async def beats(watch: Watch, times: int) -> None:
    for _ in range(times):
        await watch.once()


async def test_a_new_gateway_sends_and_its_epoch_grows_in_both_places(ground: Ground, blobs: LocalBlobs) -> None:
    watch = worker(ground, blobs)
    assert not watch.may_send()

    await beats(watch, 3)

    epoch = await epochs.read(ground.pool)
    assert watch.may_send()
    assert (epoch.value, await blobs.noted(epoch.name)) == (3, b"3")


async def test_any_number_of_workers_and_apis_beat_and_start_again_and_all_send(
    ground: Ground, blobs: LocalBlobs
) -> None:
    watches = [worker(ground, blobs), worker(ground, blobs), api(ground, blobs)]
    for _ in range(3):
        for watch in watches:
            await watch.once()
        watches.append(worker(ground, blobs))

    assert all(watch.may_send() for watch in watches[:-1])


@pytest.mark.parametrize("who", [worker, api])
async def test_who_starts_on_a_database_that_is_behind_its_note_sends_nothing(
    ground: Ground, blobs: LocalBlobs, who: Callable[[Ground, Blobs], Watch]
) -> None:
    await beats(worker(ground, blobs), 5)
    await put_back(ground, 4)
    watch = who(ground, blobs)

    with capture_logs() as logs:
        await beats(watch, 3)

    assert not watch.may_send()
    assert [line["log_level"] for line in logs] == ["warning"]
    assert "picha restore confirm" in logs[0]["event"]
    assert REGISTRY.get_sample_value("picha_restored") == 1
    epoch = await epochs.read(ground.pool)
    assert epoch.restored_at is not None
    # The note stays what it was, so that whoever starts next sees the same.
    assert await blobs.noted(epoch.name) == b"5"


class Crossed(LocalBlobs):
    """Somebody else beats whenever a note is about to be read, and once more when it has been."""

    beat: Callable[[], Awaitable[None]]

    async def noted(self, name: str) -> bytes | None:
        await self.beat()
        found = await super().noted(name)
        await self.beat()
        return found


@pytest.mark.parametrize("who", [worker, api])
async def test_who_starts_at_the_moment_in_which_another_beats_sees_no_backup_in_that(
    ground: Ground, tmp_path: Path, who: Callable[[Ground, Blobs], Watch]
) -> None:
    blobs = Crossed(tmp_path / "blobs")
    other = worker(ground, LocalBlobs(tmp_path / "blobs"))
    await other.once()
    blobs.beat = other.once
    watch = who(ground, blobs)

    await beats(watch, 2)
    standing = await restored.stand(ground.pool, blobs)

    assert watch.may_send()
    assert standing.noted <= standing.epoch.value


async def test_who_runs_while_the_database_is_put_back_sends_nothing_more(ground: Ground, blobs: LocalBlobs) -> None:
    one, other, listening = worker(ground, blobs), worker(ground, blobs), api(ground, blobs)
    for watch in (one, other, listening) * 3:
        await watch.once()
    await put_back(ground, 2)
    await listening.once()
    await one.once()
    await other.once()

    assert not any([one.may_send(), other.may_send(), listening.may_send()])


async def test_no_attempt_begins_on_a_database_that_is_behind_what_the_worker_knows(
    ground: Ground, blobs: LocalBlobs
) -> None:
    await ground.customer_writes()
    message, lease = await ground.send(), await ground.lease()
    watch = worker(ground, blobs)
    await beats(watch, 3)
    await put_back(ground, 1)
    beginning = Beginning(lease, message, ground.ids.uuid())

    # The worker has not looked yet.
    assert watch.may_send()
    assert await begin(ground.pool, [beginning], epoch=watch.known) == [False]

    await watch.once()
    assert await begin(ground.pool, [beginning]) == [False]
    await restored.confirm(ground.pool, blobs, sends_waiting=True)
    await watch.once()
    assert await begin(ground.pool, [beginning], epoch=watch.known) == [True]


async def test_nothing_is_sent_until_the_note_could_be_read(ground: Ground, blobs: LocalBlobs) -> None:
    class Away(LocalBlobs):
        is_away = True

        async def noted(self, name: str) -> bytes | None:
            if self.is_away:
                raise BlobsUnreachable("away")
            return await super().noted(name)

    away = Away(blobs._root)
    async with watching(ground.pool, away, SystemClock(), is_beating=True) as watch:
        assert not watch.may_send()
        away.is_away = False
        await watch.once()
        assert watch.may_send()


async def test_who_is_told_so_sends_nothing_although_pictures_were_put_back_too(
    ground: Ground, blobs: LocalBlobs
) -> None:
    await beats(worker(ground, blobs), 2)
    watch = worker(ground, blobs, is_told=True)

    await beats(watch, 2)

    assert not watch.may_send()
    await restored.confirm(ground.pool, blobs, sends_waiting=False)
    await watch.once()
    assert watch.may_send()


async def test_another_database_on_the_same_blob_store_is_none_of_ours(ground: Ground, blobs: LocalBlobs) -> None:
    await beats(worker(ground, blobs), 9)
    await ground.pool.execute("UPDATE epoch SET lineage = gen_random_uuid(), value = 0")
    watch = worker(ground, blobs)

    await watch.once()

    assert watch.may_send()


async def test_a_confirmation_calls_unknown_what_waited_and_sends_what_came_after(
    ground: Ground, blobs: LocalBlobs
) -> None:
    for phone in ("1", "2", "3", "4"):
        await ground.customer_writes(f"1650555123{phone}", f"wamid.IN{phone}")
    first = worker(ground, blobs)
    await beats(first, 5)
    sending = await ground.send(phone="16505551231")
    lease = await ground.lease()
    await ground.begin(lease, sending)
    queued, fetching = (
        await ground.send(phone="16505551232"),
        await ground.send(phone="16505551233", media_url="https://shop.example/a.jpg"),
    )
    await put_back(ground, 2)
    watch = worker(ground, blobs)
    await watch.once()
    later = await ground.send(phone="16505551234")
    standing = await restored.stand(ground.pool, blobs)
    assert (standing.waited, standing.noted) == (3, 5)

    assert await restored.confirm(ground.pool, blobs, sends_waiting=False) == 3
    assert await restored.confirm(ground.pool, blobs, sends_waiting=False) is None
    await watch.once()

    assert watch.may_send()
    for message in (sending, queued, fetching):
        seen = await ground.see(message)
        assert (seen.phase, seen.status) == ("unknown", "pending")
    assert (await ground.see(later)).phase == "queued"
    assert await ground.pool.fetchval("SELECT outcome FROM attempt") == "ambiguous"
    kinds = await ground.pool.fetch("SELECT DISTINCT kind, count(*) FROM decision GROUP BY kind")
    assert [tuple(row) for row in kinds] == [("doubted", 3)]
    assert (await restored.stand(ground.pool, blobs)).epoch.value > 1005


async def test_what_an_api_accepted_whose_clock_is_ahead_waited_all_the_same(ground: Ground, blobs: LocalBlobs) -> None:
    await ground.customer_writes()
    tomorrow = ground.ids.uuid(after=earliest(SystemClock().now() + timedelta(days=1)))
    await admit(ground.pool, [replace(await ground.new_send(), id=tomorrow)])
    await ground.customer_writes("16505551239", "wamid.IN2")
    await restored.hold(ground.pool, SystemClock())
    later = await ground.send(phone="16505551239")

    assert await restored.confirm(ground.pool, blobs, sends_waiting=False) == 1

    assert (await ground.see(tomorrow)).phase == "unknown"
    assert (await ground.see(later)).phase == "queued"


async def test_evidence_of_what_was_on_its_way_in_the_backup_still_settles_it(
    ground: Ground, blobs: LocalBlobs
) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await beats(worker(ground, blobs), 2)
    await restored.hold(ground.pool, SystemClock())
    await restored.confirm(ground.pool, blobs, sends_waiting=False)

    await ground.meta_says("wamid.OUT1", "sent", "delivered", attempt=attempt)

    assert (await ground.see(message)).status == "delivered"


async def test_a_late_answer_counts_more_than_the_doubt(ground: Ground, blobs: LocalBlobs) -> None:
    await ground.customer_writes()
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    await restored.hold(ground.pool, SystemClock())
    await restored.confirm(ground.pool, blobs, sends_waiting=False)

    await ground.settle(message, attempt, Ambiguous("lost"))
    assert (await ground.see(message)).phase == "unknown"
    await ground.settle(message, attempt, Accepted("wamid.OUT1"))
    assert (await ground.see(message)).phase == "submitted"


async def doubted(ground: Ground, blobs: LocalBlobs, **wish: Any) -> UUID:
    """Let a send wait in a database that is put back then, and the soft wait of its doubt pass."""
    await ground.customer_writes()
    await ground.meta_is_heard()
    message = await ground.send(**wish)
    await restored.hold(ground.pool, SystemClock())
    await restored.confirm(ground.pool, blobs, sends_waiting=False)
    await ground.time_passes(timedelta(seconds=121))
    return message


async def test_what_waited_unsent_is_sent_under_resend_once_meta_is_heard_again(
    ground: Ground, blobs: LocalBlobs
) -> None:
    message = await doubted(ground, blobs, on_unknown="resend")
    # What was heard before the doubt says nothing.
    await ground.pool.execute("UPDATE sender SET heard_at = (SELECT at FROM decision)")
    assert await decide.resend(ground.pool) == 0
    await ground.meta_is_heard()

    assert await decide.resend(ground.pool) == 1

    assert (await ground.see(message)).phase == "queued"
    assert await ground.may_go() == [message]
    assert await ground.story(message) == ["doubted", "resent"]


async def test_what_waited_for_its_picture_waits_for_it_again_before_it_is_resent(
    ground: Ground, blobs: LocalBlobs
) -> None:
    url = "https://shop.example/a.jpg"
    message = await doubted(ground, blobs, on_unknown="resend", media_url=url)
    await ground.meta_is_heard()

    assert await decide.resend(ground.pool) == 1

    [picture] = await outbox.to_prepare(ground.pool, ground.app.workspace_id, busy=[], most=10)
    assert (picture.id, picture.media_url) == (message, url)
    assert await ground.may_go() == []
    await equip.ready(ground.pool, message, await ground.picture())
    assert await ground.may_go() == [message]


async def test_under_hold_it_is_given_up_until_a_person_sends_it(ground: Ground, blobs: LocalBlobs) -> None:
    message = await doubted(ground, blobs)
    await ground.meta_is_heard()
    assert await decide.resend(ground.pool) == 0
    await ground.time_passes(timedelta(minutes=15))
    assert await decide.give_up(ground.pool) == 1

    assert await decide.send_again(ground.pool, message)

    view = await ground.see(message)
    assert (view.phase, view.status, view.error_code) == ("queued", "pending", None)
    assert await ground.may_go() == [message]


@pytest.fixture
def doctor(ground: Ground, tmp_path: Path, database: str) -> Doctor:
    assert ground.pool
    return Doctor(tmp_path, database)


async def test_the_doctor_tells_of_it_and_of_workers_that_nobody_hears_of(
    doctor: Doctor, ground: Ground, blobs: LocalBlobs
) -> None:
    assert "ever" in await doctor.says("worker")
    await worker(ground, blobs).once()
    assert await doctor.says("worker", level="ok")
    assert await doctor.says("restored", level="ok")

    await ground.pool.execute("UPDATE epoch SET beaten_at = beaten_at - interval '1 minute'")
    assert re.search(r"for [67]\d s", await doctor.says("worker"))
    await restored.hold(ground.pool, SystemClock())
    assert "picha restore confirm" in await doctor.says("restored")
