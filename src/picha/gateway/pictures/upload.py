"""Upload once: one picture to ten thousand recipients costs one upload per number."""

import asyncio
from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from picha.gateway.blobs import Blobs
from picha.gateway.domain.admission import Sender
from picha.gateway.domain.pace import Pace
from picha.gateway.meta.graph import Graph
from picha.gateway.meta.limits import UPLOADED_MEDIA_LIFE, UPLOADS_PER_SECOND
from picha.gateway.meta.times import Times
from picha.gateway.store import files
from picha.gateway.store.files import MediaId
from picha.gateway.store.pool import Pool
from picha.gateway.store.tenants import Account
from picha.kit.clock import Clock
from picha.kit.crashpoints import crashpoint

_MOST_KNOWN = 10_000
# An id that one worker forgets, because Meta cannot use it, is forgotten by all within this time.
_FRESH_SECONDS = 1.0
# An id is not used in its last day: a message that waits for its turn must not outlive it.
_RENEWED_BEFORE = timedelta(days=1)


class Uploads:
    """Finds or makes Meta's media id for bytes on a number; those who want the same wait for one upload.

    A number uploads no faster than Meta lets it. Its lane has one owner, so that each worker can count for itself.
    """

    def __init__(self, pool: Pool, blobs: Blobs, graph: Graph, times: Times, clock: Clock) -> None:
        self._pool, self._blobs, self._graph, self._times, self._clock = pool, blobs, graph, times, clock
        # With the steady moment up to which each is believed without a look into the database.
        self._known: dict[tuple[UUID, bytes], tuple[MediaId, float]] = {}
        self._busy: defaultdict[tuple[UUID, bytes], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: defaultdict[tuple[UUID, bytes], int] = defaultdict(int)
        self._paces: defaultdict[UUID, Pace] = defaultdict(lambda: Pace(UPLOADS_PER_SECOND))

    async def media_id(self, account: Account, sender: Sender, digest: bytes, mime_type: str) -> str:
        """Return a media id that lives for another day at least.

        Raises:
            GraphCallError: the upload failed.
            BlobMissing: the bytes are no longer kept, or (BlobDamaged) no longer those.
            OSError: the blob store does not serve.
        """
        alive_at, key = self._times.now(account.id) + _RENEWED_BEFORE, (sender.id, digest)
        if media_id := self._at_hand(key, alive_at):
            return media_id
        self._waiting[key] += 1
        try:
            async with self._busy[key]:
                if media_id := self._at_hand(key, alive_at):
                    return media_id
                found = await files.media_id(self._pool, sender.id, digest, alive_at=alive_at)
                found = found or await self._upload(account, sender, digest, mime_type)
                self._remember(key, found)
                return found.media_id
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._busy[key]

    async def forget(self, sender: Sender, digest: bytes, media_id: str) -> None:
        """Use `media_id` no more, because Meta does not know it; the next who wants these bytes there uploads them."""
        known, _ = self._known.get((sender.id, digest), (None, 0.0))
        if known and known.media_id == media_id:
            del self._known[sender.id, digest]
        await files.forget_media_id(self._pool, sender.id, digest, media_id)

    def _at_hand(self, key: tuple[UUID, bytes], alive_at: datetime) -> str | None:
        known, until = self._known.get(key, (None, 0.0))
        is_fresh = known and known.expires_at > alive_at and self._clock.monotonic() < until
        return known.media_id if known and is_fresh else None

    def _remember(self, key: tuple[UUID, bytes], found: MediaId) -> None:
        """Keep the newest ids at hand, so that a picture to many costs one look into the database."""
        if len(self._known) >= _MOST_KNOWN and key not in self._known:
            del self._known[next(iter(self._known))]
        self._known[key] = found, self._clock.monotonic() + _FRESH_SECONDS

    async def _turn(self, sender: UUID) -> None:
        """Wait until the number may begin one more upload."""
        pace, now = self._paces[sender], self._clock.monotonic()
        opens_at = pace.opens_at
        pace.take(now)
        await asyncio.sleep(max(0.0, opens_at - now))

    async def _upload(self, account: Account, sender: Sender, digest: bytes, mime_type: str) -> MediaId:
        await self._turn(sender.id)
        now = self._times.now(account.id)
        media_id = await self._graph.upload(
            account,
            sender.phone_number_id,
            self._blobs.stream(digest),
            size_bytes=await self._blobs.size(digest),
            mime_type=mime_type,
        )
        crashpoint("upload_after_answer")
        found = MediaId(media_id, now + UPLOADED_MEDIA_LIFE)
        await files.remember_media_id(
            self._pool,
            workspace=account.workspace_id,
            sender=sender.id,
            digest=digest,
            found=found,
        )
        crashpoint("upload_after_commit")
        return found
