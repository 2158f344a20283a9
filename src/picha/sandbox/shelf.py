"""Where the sandbox itself puts pictures: those that people send and the one of Meta's documents."""

import asyncio
from datetime import timedelta

from picha.sandbox import pictures
from picha.sandbox.blobs import Blobs
from picha.sandbox.clock import SandboxClock
from picha.sandbox.records import MediaStored


class Shelf:
    """Keeps bytes as media of a number of the business."""

    def __init__(self, blobs: Blobs, clock: SandboxClock) -> None:
        self._blobs = blobs
        self._clock = clock

    async def keep(
        self, media_id: str, phone_number_id: str, data: bytes, mime_type: str, life: timedelta
    ) -> MediaStored:
        """Return media of a number with these bytes, which are on disk; the journal is still to be told."""
        digest = await asyncio.to_thread(self._blobs.keep, iter((data,)))
        flaw = await asyncio.to_thread(pictures.flaw_of, data, mime_type)
        now = self._clock.now()
        return MediaStored(
            id=media_id,
            phone_number_id=phone_number_id,
            digest=digest,
            mime_type=mime_type,
            size=len(data),
            at=now.timestamp(),
            expires_at=(now + life).timestamp(),
            flaw=flaw,
        )
