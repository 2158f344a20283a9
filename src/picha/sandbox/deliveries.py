"""The log of webhooks: each with its body and every try, those still owed and the last of those that are settled."""

from collections import deque
from datetime import datetime
from typing import Literal

import msgspec

from picha.sandbox.clock import from_stamp
from picha.sandbox.records import Kind, WebhookQueued, WebhookSettled

# Settled webhooks that are remembered; those still owed always are.
SETTLED_MAX = 5_000


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try: when, by the sandbox's clock, and the HTTP status of the answer, null when there was none."""

    at: datetime
    http: int | None


class Delivery(msgspec.Struct, kw_only=True):
    """A webhook as the log shows it. `tries` are those since the sandbox was started, `attempts` counts them all."""

    id: str
    kind: Kind
    about: str
    status: str | None
    url: str
    state: Literal["owed", "taken", "given up"]
    queued_at: datetime
    attempts: int
    tries: list[Try]
    body: msgspec.Raw


class Deliveries:
    """Every webhook by its id, the oldest first; `forgotten` counts those that were settled too long ago."""

    def __init__(self) -> None:
        self.forgotten = 0
        self._queued: dict[str, WebhookQueued] = {}
        self._tries: dict[str, list[Try]] = {}
        self._settled: dict[str, WebhookSettled] = {}
        self._order: deque[str] = deque()

    def queued(self, record: WebhookQueued) -> None:
        """Begin the entry of a webhook that is owed from now on."""
        self._queued[record.id] = record

    def tried(self, delivery_id: str, at: datetime, http: int | None) -> None:
        """Write down a try."""
        self._tries.setdefault(delivery_id, []).append(Try(at=at, http=http))

    def settled(self, record: WebhookSettled) -> None:
        """Close an entry, and forget the oldest closed one when there are too many."""
        self._settled[record.id] = record
        self._order.append(record.id)
        if len(self._order) > SETTLED_MAX:
            oldest = self._order.popleft()
            self.forgotten += 1
            for kept in (self._queued, self._tries, self._settled):
                kept.pop(oldest, None)

    def find(self, delivery_id: str) -> WebhookQueued | None:
        """Return the webhook with this id, if it is remembered."""
        return self._queued.get(delivery_id)

    def newest(self, limit: int, about: str | None = None) -> list[Delivery]:
        """Return the last `limit` entries, or those that tell of one message, the newest first."""
        entries: list[Delivery] = []
        for record in reversed(self._queued.values()):
            if len(entries) == limit:
                break
            if about in (None, record.about):
                entries.append(self._entry(record))
        return entries

    def _entry(self, record: WebhookQueued) -> Delivery:
        tries, settled = self._tries.get(record.id, []), self._settled.get(record.id)
        state: Literal["owed", "taken", "given up"] = "owed"
        if settled is not None:
            state = "taken" if settled.taken else "given up"
        return Delivery(
            id=record.id,
            kind=record.kind,
            about=record.about,
            status=record.status,
            url=record.url,
            state=state,
            queued_at=from_stamp(record.at),
            attempts=len(tries) if settled is None else settled.attempts,
            tries=tries,
            body=msgspec.Raw(record.body.encode("ascii")),
        )
