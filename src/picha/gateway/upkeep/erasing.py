"""Erase a person from a workspace: look what there is, take back what waits for them, let go of all the rest.

Every step can be repeated, and the addresses go last: killed anywhere, it is gone on with by saying it again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from picha.gateway.blobs import Blobs
from picha.gateway.pictures.sweep import Sweep
from picha.gateway.store import people
from picha.gateway.store.ledger import erase as ledger
from picha.gateway.store.ledger.erase import StillSendingError
from picha.gateway.store.people import TRACES, Known
from picha.gateway.store.pool import Pool
from picha.kit.clock import Clock

PATIENCE_S = 60.0
"""How long what is on its way to somebody is waited for: by then it is answered, or given up."""

_LOOK_S = 0.25


class EraseRefusedError(Exception):
    """Somebody cannot be erased now; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A person, and how much is kept of them: messages, pictures, waiting sends, places in batches, and `TRACES`."""

    person: Known
    counts: Mapping[str, int]

    @property
    def is_nobody(self) -> bool:
        """Whether nothing is kept of them."""
        return not self.person.contacts and not any(self.counts.values())


async def look(pool: Pool, workspace: UUID, *, phone: str | None = None, user_id: str | None = None) -> Found:
    """Return what is kept of whoever answers to a phone (digits) or a user id."""
    person = await people.known(pool, workspace, phone=phone, user_id=user_id)
    kept = await people.kept(pool, person)
    counts = {"messages": kept.messages, "pictures": kept.pictures, "waiting": kept.waiting}
    counts["recipients"] = await _recipients(pool, person, await people.threads(pool, person), lets_go=False)
    counts |= {what: await people.traces(pool, person, what, lets_go=False) for what in TRACES}
    return Found(person, counts)


async def erase(
    pool: Pool,
    blobs: Blobs,
    clock: Clock,
    found: Found,
    *,
    who: str,
    told: Callable[[int, int], None],
    patience_s: float = PATIENCE_S,
) -> Mapping[str, int]:
    """Erase a person, and return how much went; `told` hears how many messages are done, of how many.

    What is on its way to them is waited for, as long as `patience_s`.

    Raises:
        EraseRefusedError: something is on its way to them, and does not arrive.
    """
    person = found.person
    threads = await people.threads(pool, person)
    of = person.contacts, threads
    # First, so that no batch goes on to them meanwhile.
    recipients = await _recipients(pool, person, threads, lets_go=True)
    went = Counter({"cancelled": await ledger.cancel(pool, *of), "messages": 0, "pictures": 0})
    for is_last in (*[False] * int(patience_s / _LOOK_S), True):
        went.update(await _messages(pool, found, threads, told))
        if not person.contacts:
            break
        try:
            await ledger.people(pool, person.workspace_id, *of, who=who, counts=found.counts)
            break
        except StillSendingError as problem:
            if is_last:
                message = "A message is on its way to them, and does not arrive: say it again in a minute."
                raise EraseRefusedError(message) from problem
            await asyncio.sleep(_LOOK_S)
    # What was on its way into their threads while they were closed.
    went["cancelled"] += await ledger.cancel(pool, *of)
    went.update(await _messages(pool, found, threads, told))
    went["recipients"] = recipients + await _recipients(pool, person, threads, lets_go=True)
    for what in TRACES:
        went[what] = await people.traces(pool, person, what, lets_go=True)
    await _sweep(pool, blobs, clock)
    return went


async def _recipients(pool: Pool, person: Known, threads: list[UUID], *, lets_go: bool) -> int:
    of = person.workspace_id, person.contacts, threads
    return await ledger.recipients(pool, *of, words=person.words, lets_go=lets_go)


async def _messages(
    pool: Pool, found: Found, threads: list[UUID], told: Callable[[int, int], None]
) -> Mapping[str, int]:
    person, count, pictures = found.person, 0, 0
    while True:
        step = await ledger.messages(pool, person.workspace_id, person.contacts, threads)
        count, pictures = count + step.messages, pictures + step.pictures
        told(count, found.counts["messages"])
        if step.is_last:
            return {"messages": count, "pictures": pictures}


async def _sweep(pool: Pool, blobs: Blobs, clock: Clock) -> None:
    """Delete the bytes that nobody refers to any more, now and not with a worker's next look."""
    sweep = Sweep(pool, blobs, clock)
    while (await sweep.once()).is_full:
        pass
