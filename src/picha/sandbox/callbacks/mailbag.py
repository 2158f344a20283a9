"""The way of a webhook to the postman, straight or through trouble: dropped, delayed, out of order, twice, in batches.

What goes through here is owed and on disk already. Trouble changes when and how often it comes; the ledger never.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from picha.cloudapi.limits import WEBHOOK_MAX_BYTES
from picha.sandbox.accounts import Number
from picha.sandbox.background import Background
from picha.sandbox.callbacks.postman import Postman
from picha.sandbox.callbacks.trouble import Trouble, Troubles
from picha.sandbox.ground import Ground
from picha.sandbox.records import AnyRecord, Kind, WebhookQueued

_HOLD_MAX_S = 2.0
_GATHER_S = 0.2


class Letter(NamedTuple):
    """What a number of the business shall hear of."""

    number: Number
    body: bytes
    about: str
    kind: Kind
    at: float


class Mailbag:
    """Hands webhooks to the postman as the trouble in force has it."""

    def __init__(self, ground: Ground, postman: Postman, troubles: Troubles) -> None:
        self._world, self._journal, self._chance, _ = ground
        self._postman = postman
        self._troubles = troubles
        self._held: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._sacks: dict[str, list[WebhookQueued]] = {}
        self._work = Background("a webhook was lost in trouble")

    async def tell(self, happened: Sequence[AnyRecord], *letters: Letter) -> list[str]:
        """Let records happen and, in the same stroke, owe the webhooks that tell of them; return the webhooks' ids.

        A letter of a number that no address is claimed for is dropped, as nobody would hear of it.
        """
        owed = [queued for letter in letters if (queued := self._queued(letter)) is not None]
        if happened or owed:
            await self._journal.append(*happened, *owed)
        for queued in owed:
            self.post(queued)
        return [queued.id for queued in owed]

    def _queued(self, letter: Letter) -> WebhookQueued | None:
        callback = self._world.callback(letter.number.phone_number_id)
        if callback is None:
            return None
        return WebhookQueued(
            id=self._chance.digits(16),
            url=callback.url,
            body=letter.body.decode("ascii"),
            at=letter.at,
            about=letter.about,
            kind=letter.kind,
            phone_number_id=letter.number.phone_number_id,
        )

    def post(self, queued: WebhookQueued) -> None:
        """Send a webhook on its way; it goes on in the background."""
        trouble = self._troubles.current
        if trouble is None:
            self._postman.post(queued)
        else:
            self._troubles.meet(queued.about)
            self._work.start(self._through(queued, trouble))

    async def close(self) -> None:
        """Stop; what is still here is owed, and goes out after the next start."""
        await self._work.close()
        self._held.clear()
        self._sacks.clear()

    async def _through(self, queued: WebhookQueued, trouble: Trouble) -> None:
        about, step = queued.about, queued.status
        is_twice = self._troubles.strikes("duplicate", about, step)
        is_held = self._troubles.strikes("reorder", about, step)
        delay_s = self._troubles.delay_s(about, step)
        if self._troubles.strikes("drop", about, step):
            await self._postman.abandon(queued)
            return
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        # One that is held already lets the next pass, however many are to be held.
        is_held = is_held and about not in self._held
        if is_held:
            await self._hold(about)
        self._gather(queued, trouble.batch)
        if not is_held:
            self._release(about)
        if is_twice:
            copy = msgspec.structs.replace(queued, id=self._chance.digits(16))
            await self._journal.append(copy)
            self._gather(copy, trouble.batch)

    async def _hold(self, about: str) -> None:
        went_by = asyncio.Event()
        self._held[about].append(went_by)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(went_by.wait(), _HOLD_MAX_S)
        if not went_by.is_set():
            self._held.pop(about, None)

    def _release(self, about: str) -> None:
        for went_by in self._held.pop(about, ()):
            went_by.set()

    def _gather(self, queued: WebhookQueued, batch: int) -> None:
        if batch == 1:
            self._postman.post(queued)
            return
        size = sum(len(other.body) for other in self._sacks.get(queued.url, ()))
        if size + len(queued.body) > WEBHOOK_MAX_BYTES:
            self._empty(queued.url)
        sack = self._sacks.setdefault(queued.url, [])
        sack.append(queued)
        if len(sack) >= batch:
            self._empty(queued.url)
        elif len(sack) == 1:
            self._work.start(self._linger(queued.url, sack))

    async def _linger(self, url: str, sack: list[WebhookQueued]) -> None:
        await asyncio.sleep(_GATHER_S)
        if self._sacks.get(url) is sack:
            self._empty(url)

    def _empty(self, url: str) -> None:
        sack = self._sacks.pop(url, None)
        if sack:
            self._postman.post(*sack)
