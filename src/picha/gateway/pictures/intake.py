"""Take a picture in: look at the bytes, make them fit to go out, keep them under their digest, give them a file_id."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from picha.gateway.blobs import BlobMissing, Blobs, BlobsUnreachable, Kept
from picha.gateway.meta.limits import MEDIA_MAX_BYTES
from picha.gateway.store import files, retention
from picha.gateway.store.files import File
from picha.gateway.store.pool import Pool
from picha.images.child import Outcome
from picha.images.facts import Facts, Flaw, Inspection, Unusable
from picha.images.lossless import strip
from picha.images.plan import AUTO_MAX_BYTES, Plan, Policy, plan
from picha.images.probe import HEAD_BYTES, inspect, probe
from picha.images.redraw import confirmed
from picha.images.rules import verdict
from picha.images.workers import TOO_HARD, Workshop
from picha.kit.clock import Clock
from picha.kit.ids import Ids

# How long an uploaded picture may be named by its file_id.
FILE_LIFE = timedelta(days=30)
# Pictures that are in memory at a time on their way in, of up to 32 MB each; more than one slow host may take up.
_AT_HAND = 12
# Pictures on their way in from customers, of which the beginning is in memory: 5 MB each.
_ARRIVING = 16
# Thumbnails at hand, of some ten kilobytes each.
_THUMBNAILS_MAX = 1000
# Pictures of which it is known whether their pixels are whole.
_OPENED_MAX = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Album:
    """Where pictures are kept: bytes in `blobs`, names and facts in the store.

    `max_bytes` is WhatsApp's limit. With `keeps_originals` what was changed is kept as it came, too.
    """

    pool: Pool
    blobs: Blobs
    workshop: Workshop
    clock: Clock
    ids: Ids
    max_bytes: int
    keeps_originals: bool = False
    # Whoever holds a whole picture in memory on its way in holds one of these: there may be many, of many megabytes.
    hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_HAND))
    _arrivals: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ARRIVING))
    _opened: dict[bytes, tuple[Flaw, ...]] = field(default_factory=dict)
    _thumbnails: dict[bytes, Outcome] = field(default_factory=dict)

    def most_bytes(self, policy: Policy) -> int:
        """Return the size of the largest file that is looked at under a policy."""
        return AUTO_MAX_BYTES if policy == "auto" else self.max_bytes

    async def take_in(self, workspace: UUID, data: bytes, policy: Policy) -> File:
        """Keep a picture that is to go out: under `strict` as it is, under `auto` made fit where it is not.

        Raises:
            Unusable: the bytes break WhatsApp's rule for images, and cannot or may not be repaired.
            CrowdedError: too many pictures wait to be opened.
        """
        inspection = await asyncio.to_thread(inspect, data)
        decided = plan(inspection, len(data), policy, max_bytes=self.max_bytes)
        if decided.step == "refuse":
            raise Unusable(decided.flaws)
        made, changes = await self._fit(data, inspection, decided)
        expires_at = self.clock.now() + FILE_LIFE
        if not changes:
            named = replace(await self._named(workspace, made, inspection.facts), expires_at=expires_at)
            return await self._put(named, made)
        facts = await asyncio.to_thread(confirmed, made, max_bytes=self.max_bytes)
        named = replace(await self._named(workspace, made, facts), expires_at=expires_at, changes=changes)
        if self.keeps_originals:
            original = replace(
                await self._named(workspace, data, inspection.facts), expires_at=expires_at, is_fit=False
            )
            named = replace(named, original_id=(await self._put(original, data)).id)
        return await self._put(named, made)

    async def keep_received(self, workspace: UUID, pieces: AsyncGenerator[bytes, None], announced_type: str) -> File:
        """Keep what a customer sent, as it comes; its type is what the bytes say, else what was announced.

        Whatever `pieces` raise is raised, and nothing is kept then.

        Raises:
            OSError: the blob store does not serve.
            BlobTooLarge: no medium has so many bytes.
        """
        head = bytearray()
        async with self._arrivals, aclosing(pieces):
            kept = await self.blobs.put_stream(
                _noted(pieces, head, most=self.max_bytes + 1), most=MEDIA_MAX_BYTES, before=self._hold
            )
            # Of a file too large to be sent on, its beginning tells all that is asked.
            inspection = await asyncio.to_thread(inspect, bytes(head))
        is_fit = not verdict(inspection, kept.size, max_bytes=self.max_bytes)
        file = replace(self._file(workspace, kept, inspection.facts, announced_type), is_fit=is_fit)
        await files.add(self.pool, file, lambda: self._still_has(kept.digest))
        return file

    async def thumbnail(self, file: File) -> bytes:
        """Return a small JPEG of a picture, made when it is first asked for.

        Raises:
            Unusable: the bytes cannot be opened as a picture.
            BlobMissing: the bytes are no longer kept.
            CrowdedError: too many pictures wait to be opened.
        """
        drawn = self._thumbnails.get(file.digest)
        if drawn is None:
            data = await self.blobs.get(file.digest)
            drawn = await self.workshop.thumbnail(data, probe(data[:HEAD_BYTES]))
            if TOO_HARD not in drawn.flaws:
                _remember(self._thumbnails, file.digest, drawn, most=_THUMBNAILS_MAX)
        if drawn.flaws:
            raise Unusable(drawn.flaws)
        return drawn.data

    async def _fit(self, data: bytes, inspection: Inspection, decided: Plan) -> tuple[bytes, Sequence[str]]:
        """Return the bytes that may go out and what was changed; every picture is opened once on the way."""
        if decided.step == "redraw":
            drawn = await self.workshop.redraw(data, inspection.facts, max_bytes=self.max_bytes)
            if drawn.flaws:
                raise Unusable(drawn.flaws)
            return drawn.data, drawn.changes
        if flaws := await self._broken(data, inspection.facts):
            raise Unusable(flaws)
        if decided.step == "strip":
            return await asyncio.to_thread(strip, data, inspection)
        # Nothing after the picture's end travels with it.
        return data[: inspection.end], decided.would_change

    async def _broken(self, data: bytes, facts: Facts) -> tuple[Flaw, ...]:
        """Return what is wrong with the pixels; bytes that were opened before are not opened again."""
        digest = (await asyncio.to_thread(hashlib.sha256, data)).digest()
        flaws = self._opened.get(digest)
        if flaws is None:
            flaws = (await self.workshop.check(data, facts)).flaws
            if TOO_HARD not in flaws:  # which may be the machine's fault, and not the picture's
                _remember(self._opened, digest, flaws, most=_OPENED_MAX)
        return flaws

    async def _named(self, workspace: UUID, data: bytes, facts: Facts) -> File:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).digest())
        return self._file(workspace, Kept(digest, len(data)), facts)

    def _file(self, workspace: UUID, kept: Kept, facts: Facts, otherwise: str = "") -> File:
        return File(
            id=self.ids.uuid(),
            workspace_id=workspace,
            digest=kept.digest,
            mime_type=facts.mime_type or otherwise,
            size_bytes=kept.size,
            width=facts.width,
            height=facts.height,
            created_at=self.clock.now(),
        )

    async def _put(self, file: File, data: bytes) -> File:
        await files.add(self.pool, file, lambda: self.blobs.put(data))
        return file

    async def _hold(self, digest: bytes) -> None:
        """Keep the sweep from bytes that are about to be seen under their digest, and have no name yet."""
        await retention.hold(self.pool, digest)

    async def _still_has(self, digest: bytes) -> None:
        """See that bytes that were streamed in are there: they cannot be put again, as they are not in memory."""
        try:
            await self.blobs.size(digest)
        except BlobMissing as error:
            raise BlobsUnreachable("the bytes went before they had a name") from error


async def _noted(pieces: AsyncGenerator[bytes, None], head: bytearray, *, most: int) -> AsyncGenerator[bytes, None]:
    """Pass `pieces` on, and note the first `most` bytes of them in `head`."""
    async for piece in pieces:
        head += piece[: most - len(head)]
        yield piece


def _remember(known: dict[bytes, T], digest: bytes, value: T, *, most: int) -> None:
    """Add to what is known of bytes, and forget the oldest of it past `most`."""
    while len(known) >= most:
        del known[next(iter(known))]
    known[digest] = value
