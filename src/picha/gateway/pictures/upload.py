"""Upload once: one picture to ten thousand recipients costs one upload per number."""

import asyncio
from collections import defaultdict
from uuid import UUID

from picha.gateway.blobs import Blobs
from picha.gateway.domain.admission import Sender
from picha.gateway.meta.graph import Graph
from picha.gateway.meta.limits import UPLOADED_MEDIA_LIFE
from picha.gateway.meta.times import Times
from picha.gateway.store import files
from picha.gateway.store.pool import Pool
from picha.gateway.store.tenants import Account


class Uploads:
    """Finds or makes Meta's media id for bytes on a number; those who want the same wait for one upload."""

    def __init__(self, pool: Pool, blobs: Blobs, graph: Graph, times: Times) -> None:
        self._pool, self._blobs, self._graph, self._times = pool, blobs, graph, times
        self._busy: defaultdict[tuple[UUID, bytes], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: defaultdict[tuple[UUID, bytes], int] = defaultdict(int)

    async def media_id(self, account: Account, sender: Sender, digest: bytes, mime_type: str) -> str:
        """Return a media id that lives now.

        Raises:
            GraphCallError: the upload failed.
            BlobMissing: the bytes are no longer kept.
        """
        now, key = self._times.now(account.id), (sender.id, digest)
        known = await files.media_id(self._pool, sender.id, digest, alive_at=now)
        if known is not None:
            return known
        self._waiting[key] += 1
        try:
            async with self._busy[key]:
                known = await files.media_id(self._pool, sender.id, digest, alive_at=now)
                return known or await self._upload(account, sender, digest, mime_type)
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._busy[key]

    async def _upload(self, account: Account, sender: Sender, digest: bytes, mime_type: str) -> str:
        now = self._times.now(account.id)
        data = await self._blobs.get(digest)
        media_id = await self._graph.upload(account, sender.phone_number_id, data, mime_type)
        await files.remember_media_id(
            self._pool,
            workspace=account.workspace_id,
            sender=sender.id,
            digest=digest,
            media_id=media_id,
            expires_at=now + UPLOADED_MEDIA_LIFE,
        )
        return media_id
