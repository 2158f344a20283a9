"""Take a picture in: look at the bytes, make them fit to go out, keep them under their digest, give them a file_id."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from picha.gateway.blobs import BlobMissing, Blobs, BlobsUnreachable, Kept
from picha.gateway.domain.decisions import Reason
from picha.gateway.meta.limits import MEDIA_MAX_BYTES
from picha.gateway.pictures.hands import Hands
from picha.gateway.store import files, retention
from picha.gateway.store.files import Came, File
from picha.gateway.store.pool import Pool
from picha.images.child import Job, Outcome
from picha.images.claims import belied
from picha.images.facts import Facts, Note, Unusable
from picha.images.normalise import begin, finish
from picha.images.plan import AUTO_MAX_BYTES, Policy, beyond_cap
from picha.images.probe import HEAD_BYTES, inspect, probe
from picha.images.rules import verdict
from picha.images.workers import TOO_HARD, Workshop
from picha.kit.clock import Clock
from picha.kit.ids import Ids

BYTES_AWAY = Reason("The store that keeps pictures could not be reached.")
"""Why a picture waits whose bytes can be neither kept nor read for now."""

# How long an uploaded picture may be named by its file_id.
FILE_LIFE = timedelta(days=30)
# Pictures on their way in from customers, of which the beginning is in memory: 5 MB each.
_ARRIVING = 16
# Thumbnails at hand, of some ten kilobytes each.
_THUMBNAILS_MAX = 1000
# Pictures of which it is known whether their pixels are whole.
_CHECKED_MAX = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CameAs:
    """What somebody said of a picture's bytes: the file's name, and a Content-Type."""

    name: str = ""
    content_type: str = ""

    def belied_by(self, facts: Facts) -> tuple[Note, ...]:
        """Return a note for whatever says another kind of picture than the bytes are."""
        return belied(facts.kind, name=self.name, content_type=self.content_type)


_UNNAMED = CameAs()


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
    hands: Hands = field(default_factory=Hands)
    _arrivals: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ARRIVING))
    _checked: dict[bytes, Outcome] = field(default_factory=dict)
    _thumbnails: dict[bytes, Outcome] = field(default_factory=dict)

    def most_bytes(self, policy: Policy) -> int:
        """Return the size of the largest file that is looked at under a policy."""
        return AUTO_MAX_BYTES if policy == "auto" else self.max_bytes

    async def take_in(
        self, workspace: UUID, environment: str, data: bytes, policy: Policy, came_as: CameAs = _UNNAMED
    ) -> File:
        """Keep a picture that is to go out: under `strict` as it is, under `auto` made fit where it is not.

        What it `came_as` is believed in nothing; where the bytes belie it, that is noted.

        Raises:
            Unusable: the bytes break WhatsApp's rule for images, and cannot or may not be repaired.
            CrowdedError: too many pictures wait to be opened.
        """
        begun = await asyncio.to_thread(begin, data, policy, max_bytes=self.max_bytes)
        made = await asyncio.to_thread(finish, begun, await self._opened(begun.job))
        expires_at = self.clock.now() + FILE_LIFE
        file = await self._named(workspace, environment, made.data, made.facts)
        facts = begun.inspection.facts
        notes = (*made.notes, *came_as.belied_by(facts))
        file = replace(file, expires_at=expires_at, changes=made.changes, notes=notes)
        if made.changes:
            came = Came(facts.mime_type or "", len(data), facts.width, facts.height)
            file = replace(file, came=came)
        if made.changes and self.keeps_originals:
            original = await self._named(workspace, environment, data, facts)
            original = replace(original, expires_at=expires_at, is_fit=False)
            file = replace(file, original_id=(await self._put(original, data)).id)
        return await self._put(file, made.data)

    async def keep_received(
        self, workspace: UUID, environment: str, pieces: AsyncGenerator[bytes, None], announced_type: str
    ) -> File:
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
            inspection = await asyncio.to_thread(inspect, memoryview(head))
        is_fit = not verdict(inspection, kept.size, max_bytes=self.max_bytes)
        notes = CameAs(content_type=announced_type).belied_by(inspection.facts)
        file = self._file(workspace, environment, kept, inspection.facts, announced_type)
        file = replace(file, is_fit=is_fit, notes=notes)
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
            drawn = await self._drawn(file)
            if TOO_HARD not in drawn.flaws:
                _remember(self._thumbnails, file.digest, drawn, most=_THUMBNAILS_MAX)
        if drawn.flaws:
            raise Unusable(drawn.flaws)
        return drawn.data

    async def _drawn(self, file: File) -> Outcome:
        if file.size_bytes > AUTO_MAX_BYTES:
            return Outcome(flaws=(beyond_cap(file.size_bytes),))
        async with self.hands.hold(file.workspace_id):
            data = await self.blobs.get(file.digest)
            return await self.workshop.do(Job("thumbnail", data, pixels=probe(data[:HEAD_BYTES]).pixels))

    async def _opened(self, job: Job) -> Outcome:
        """Open a picture in a child; bytes whose pixels were checked before are not checked again."""
        if job.task != "check":
            return await self.workshop.do(job)
        digest = await asyncio.to_thread(_digest, job.data)
        outcome = self._checked.get(digest)
        if outcome is None:
            outcome = await self.workshop.do(job)
            if TOO_HARD not in outcome.flaws:  # which may be the machine's fault, and not the picture's
                _remember(self._checked, digest, outcome, most=_CHECKED_MAX)
        return outcome

    async def _named(self, workspace: UUID, environment: str, data: bytes, facts: Facts) -> File:
        return self._file(workspace, environment, Kept(await asyncio.to_thread(_digest, data), len(data)), facts)

    def _file(self, workspace: UUID, environment: str, kept: Kept, facts: Facts, otherwise: str = "") -> File:
        return File(
            id=self.ids.uuid(),
            workspace_id=workspace,
            environment=environment,
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


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _remember(known: dict[bytes, T], digest: bytes, value: T, *, most: int) -> None:
    """Add to what is known of bytes, and forget the oldest of it past `most`."""
    while len(known) >= most:
        del known[next(iter(known))]
    known[digest] = value
