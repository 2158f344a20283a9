"""Runs a program of ours with mistakes in it: `python -m tests.proofs.seeded MISTAKE[,MISTAKE...] MODULE ARGUMENTS...`.

Each mistake breaks one invariant in a way that a person could break it, so that a test can show that its check sees it.
The last four are no mistakes of ours: two spare a proof time, two are a machine's.
"""

import dataclasses
import functools
import itertools
import runpy
import sys
import time
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from picha.gateway import run
from picha.gateway.domain import rest
from picha.gateway.domain.outcomes import NotSent
from picha.gateway.meta import graph
from picha.gateway.store import batches, deliveries, events, pool, raw, replays, views
from picha.gateway.store.ledger import decide, enlist, standing, witness
from picha.gateway.store.ledger.admit import NewSend, admit
from picha.kit import addresses, clock, ids, logs


def put(owner: Any, name: str, wrong: object) -> Any:
    """Put something wrong in the place of what is right, and return that."""
    right = getattr(owner, name)
    setattr(owner, name, wrong)
    return right


def forgets_sends() -> None:
    """Answer every third send without storing it."""
    count = itertools.count(1)

    async def forgetful(connections: pool.Pool, sends: Sequence[NewSend]) -> Collection[UUID]:
        return await admit(connections, [one for one in sends if next(count) % 3])

    put(run, "open_services", functools.partial(run.open_services, write=forgetful))


def sends_again_when_in_doubt() -> None:
    """Take every broken connection for one on which nothing was sent."""
    put(graph, "Ambiguous", lambda detail, _code=None: NotSent(detail))


def leaves_orphans() -> None:
    """Do nothing about attempts that a dead worker left open."""

    async def leaves(*_: object) -> int:
        return 0

    put(decide, "orphan", leaves)


def believes_the_first_word() -> None:
    """Let no status go beyond `sent`."""

    def sceptical(attempts: Any) -> Any:
        return dataclasses.replace(view(attempts), status="sent")

    view = put(standing, "view", sceptical)


def forgets_webhooks() -> None:
    """Answer webhooks that tell of a delivery without keeping them."""

    async def forgetful(connections: pool.Pool, bodies: Sequence[Any]) -> None:
        kept = [one for one in bodies if b'"delivered"' not in one.body]
        if kept:
            await keep(connections, kept)

    keep = put(raw, "keep", forgetful)


def keeps_reads_to_itself() -> None:
    """Tell nobody that a message was read."""

    async def shy(connection: Any, seen: Sequence[Any]) -> int:
        doubled: int = await statuses(connection, seen)
        await connection.execute("DELETE FROM event WHERE kind = 'read'")
        return doubled

    statuses = put(witness, "statuses", shy)


def takes_deliveries_for_granted() -> None:
    """Write down that an event was delivered when it is looked at, before it is posted."""

    async def hasty(connections: pool.Pool, endpoint: Any, **more: Any) -> Any:
        found = await due(connections, endpoint, **more)
        granted = (
            "UPDATE delivery SET status = 'delivered', due_at = NULL WHERE webhook_id = $1 AND event_seq = ANY($2)"
        )
        await connections.execute(granted, endpoint.id, [one.event_seq for one in found])
        return found

    due = put(deliveries, "due", hasty)


def moves_on_before_it_accepts() -> None:
    """Write down that a batch has come to the end of a chunk before the chunk's messages are written."""

    async def hasty(connections: pool.Pool, batch: Any, decided: Any, *, upto: int, **more: Any) -> bool:
        await connections.execute("UPDATE batch SET upto = $2 WHERE id = $1", batch.id, upto)
        taken: bool = await right(connections, dataclasses.replace(batch, upto=upto), decided, upto=upto, **more)
        return taken

    right = put(enlist, "enlist", hasty)


def shows_everybody_everything() -> None:
    """Look a message or a batch up by its id alone, whoever asks, and tell what became of it to every app."""
    put(batches, "_VIEW", batches._VIEW.replace("workspace_id = $1", "$1::uuid IS NOT NULL"))
    put(views, "_ONE", views._ONE.replace("m.workspace_id = $1", "$1::uuid IS NOT NULL"))
    for narrow, wide in (("workspace_id = $1", "$1::uuid IS NOT NULL"), ("app_id = $3", "$3::uuid IS NOT NULL")):
        put(events, "_NEXT", events._NEXT.replace(narrow, wide))


def lets_keys_be_taken_twice() -> None:
    """Believe every idempotency key to be free that was free a moment ago."""

    async def careless(connection: Any, wanted: Sequence[Any]) -> list[bool]:
        await take(connection, wanted)
        return [True] * len(wanted)

    take = put(replays, "take", careless)


def trusts_the_clock_with_the_order() -> None:
    """Name messages after the clock alone, whatever their threads hold already."""

    def anew(self: ids.Ids, *, after: UUID | None = None) -> UUID:  # noqa: ARG001 - it is the mistake
        new: UUID = make(self)
        return new

    make = put(ids.Ids, "uuid", anew)


def talks_in_its_logs() -> None:
    """Log whom a send goes to, and redact nothing."""
    put(logs, "redact_event", lambda _logger, _method, event: event)

    async def talkative(self: graph.Graph, account: Any, number: str, message: Any, **more: Any) -> Any:
        logs.logger("sending").info("sending", to=message.to)
        return await send(self, account, number, message, **more)

    send = put(graph.Graph, "send", talkative)


def reaches_anything() -> None:
    """Hold no address for a private one."""
    put(addresses, "refusal", lambda _ip: None)


def uploads_other_bytes() -> None:
    """Add something to a picture on its way out."""

    async def longer(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in pieces:
            yield piece
        yield b"\0"

    async def spoils(
        self: graph.Graph, account: Any, number: str, pieces: AsyncGenerator[bytes, None], **more: Any
    ) -> str:
        more["size_bytes"] += 1
        media_id: str = await upload(self, account, number, longer(pieces), **more)
        return media_id

    upload = put(graph.Graph, "upload", spoils)


def never_rests() -> None:
    """No mistake: go on at once after trouble, where a number would rest."""
    put(rest, "_TROUBLES", sys.maxsize)


def has_no_patience() -> None:
    """No mistake: give a statement that is not answered up after three seconds."""
    put(pool, "_COMMAND_SECONDS", 3)


def _clock_off_by(seconds: Callable[[], int]) -> None:
    """Let the machine's date be wrong by so much; steady time stays."""

    def wrong_now(self: clock.SystemClock) -> datetime:
        moment: datetime = now(self)
        return moment + timedelta(seconds=seconds())

    def wrong_ns() -> int:
        return int(nanoseconds()) + seconds() * 1_000_000_000

    now, nanoseconds = put(clock.SystemClock, "now", wrong_now), put(time, "time_ns", wrong_ns)


def clock_jumps() -> None:
    """No mistake of ours: let the machine's date jump an hour ahead or back every half second."""
    jumps = (0, 3600, -3600, 3600)
    _clock_off_by(lambda: jumps[int(time.monotonic() * 2) % len(jumps)])


def clock_is_ahead() -> None:
    """No mistake of ours: the machine's date is an hour ahead of that of all others."""
    _clock_off_by(lambda: 3600)


MISTAKES: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        forgets_sends, sends_again_when_in_doubt, leaves_orphans, believes_the_first_word, forgets_webhooks,
        keeps_reads_to_itself, takes_deliveries_for_granted, moves_on_before_it_accepts,
        shows_everybody_everything, lets_keys_be_taken_twice, talks_in_its_logs, reaches_anything, uploads_other_bytes,
        trusts_the_clock_with_the_order, never_rests, has_no_patience, clock_jumps, clock_is_ahead,
    )
}  # fmt: skip


if __name__ == "__main__":
    _, mistakes, module, *arguments = sys.argv
    for mistake in mistakes.split(","):
        MISTAKES[mistake]()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
