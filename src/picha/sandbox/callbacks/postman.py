"""Delivery of webhooks: signed, tried until taken or until seven days are over, or 36 hours by switch.

Every address has lanes of its own and room of its own for what is tried again, so that a slow receiver delays nobody
else, not even another address of its host. What tells of one message keeps its order on the first try; a failed
delivery leaves the lane and is tried again by itself, so order is not promised. What was posted together goes in one
POST the first time, and each by itself after a failure.
"""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import aiohttp

from picha.cloudapi import signature
from picha.kit.logs import logger
from picha.sandbox.background import Background
from picha.sandbox.callbacks.documents import merged
from picha.sandbox.clock import from_stamp
from picha.sandbox.ground import Ground
from picha.sandbox.records import WebhookQueued, WebhookSettled
from picha.sandbox.switches import Switchboard

_LANES = 16
# Tries anew of one address at once. Without a bound they would pile up while a receiver hangs.
_INSISTING = 16
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_BACK_OFF_S = (1, 2, 5, 10, 30, 60, 300, 900, 3600)
_TAKEN = 200
_log = logger("sandbox")


def _pauses() -> Iterator[timedelta]:
    """Yield the pause before each new try, without end."""
    for seconds in _BACK_OFF_S:
        yield timedelta(seconds=seconds)
    while True:
        yield timedelta(seconds=_BACK_OFF_S[-1])


class Postman:
    """Takes queued webhooks, which are on disk already, to their addresses."""

    def __init__(
        self, ground: Ground, session: aiohttp.ClientSession, app_secret: str, switchboard: Switchboard
    ) -> None:
        self._world, self._journal, _, self._clock = ground
        self._session = session
        self._app_secret = app_secret
        self._switchboard = switchboard
        self._lanes: dict[tuple[str, int], asyncio.Queue[Sequence[WebhookQueued]]] = {}
        self._insisting: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_INSISTING))
        self._work = Background("a webhook was lost on its way")

    def post(self, *parcel: WebhookQueued) -> None:
        """Start the delivery of webhooks to one address, in one POST; it goes on in the background."""
        place = (parcel[0].url, zlib.crc32(parcel[0].about.encode()) % _LANES)
        lane = self._lanes.get(place)
        if lane is None:
            lane = self._lanes[place] = asyncio.Queue()
            self._work.start(self._walk(lane))
        lane.put_nowait(parcel)

    async def close(self) -> None:
        """Stop; what is still owed is in the journal and goes out after the next start."""
        await self._work.close()
        self._lanes.clear()
        self._insisting.clear()

    async def abandon(self, queued: WebhookQueued) -> None:
        """Give a webhook up without a try."""
        await self._settle(queued, 0, None, taken=False)

    async def _walk(self, lane: asyncio.Queue[Sequence[WebhookQueued]]) -> None:
        while True:
            parcel = await lane.get()
            http = await self._try(*parcel)
            for queued in parcel:
                if http == _TAKEN:
                    self._work.start(self._settle(queued, 1, http, taken=True))
                else:
                    self._work.start(self._insist(queued, http))

    async def _insist(self, queued: WebhookQueued, http: int | None) -> None:
        for attempts, pause in enumerate(_pauses(), 2):
            last: datetime = self._clock.now()
            deadline = from_stamp(queued.at) + self._switchboard.current.retry_for
            if last >= deadline:
                _log.warning("webhook given up", attempts=attempts - 1, http=http)
                await self._settle(queued, attempts - 1, http, taken=False)
                return
            await self._clock.sleep_until(min(last + pause, deadline))
            async with self._insisting[queued.url]:
                http = await self._try(queued)
            if http == _TAKEN:
                await self._settle(queued, attempts, http, taken=True)
                return

    async def _settle(self, queued: WebhookQueued, attempts: int, http: int | None, *, taken: bool) -> None:
        at = self._clock.now().timestamp()
        await self._journal.append(WebhookSettled(id=queued.id, at=at, attempts=attempts, taken=taken, http=http))

    async def _try(self, *parcel: WebhookQueued) -> int | None:
        http = await self._give(parcel)
        for queued in parcel:
            self._world.deliveries.tried(queued.id, self._clock.now(), http)
        self._world.bell.ring("webhooks")
        return http

    async def _give(self, parcel: Sequence[WebhookQueued]) -> int | None:
        body = merged([queued.body.encode("ascii") for queued in parcel])
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            signature.HEADER: signature.sign(self._app_secret, body),
        }
        try:
            async with self._session.post(
                parcel[0].url, data=body, headers=headers, allow_redirects=False, timeout=_TIMEOUT
            ) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as why:
            _log.info("webhook not taken", why=type(why).__name__)
            return None
