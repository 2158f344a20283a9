"""Take a picture in: look at the bytes, make them fit to go out, keep them under their digest, give them a file_id."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from picha.gateway.blobs import Blobs
from picha.gateway.store import files
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
            return await self._keep(workspace, made, inspection.facts, expires_at=expires_at)
        facts = await asyncio.to_thread(confirmed, made, max_bytes=self.max_bytes)
        original = None
        if self.keeps_originals:
            kept = await self._keep(workspace, data, inspection.facts, is_fit=False, expires_at=expires_at)
            original = kept.id
        return await self._keep(workspace, made, facts, changes=changes, original_id=original, expires_at=expires_at)

    async def keep_received(self, workspace: UUID, data: bytes, announced_type: str) -> File:
        """Keep a customer's picture whatever it is; its type is what the bytes say, else what was announced."""
        inspection = await asyncio.to_thread(inspect, data)
        is_fit = not verdict(inspection, len(data), max_bytes=self.max_bytes)
        return await self._keep(workspace, data, inspection.facts, otherwise=announced_type, is_fit=is_fit)

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

    async def _keep(
        self,
        workspace: UUID,
        data: bytes,
        facts: Facts,
        *,
        otherwise: str = "",
        changes: Sequence[str] = (),
        expires_at: datetime | None = None,
        is_fit: bool = True,
        original_id: UUID | None = None,
    ) -> File:
        file = File(
            id=self.ids.uuid(),
            workspace_id=workspace,
            digest=await asyncio.to_thread(lambda: hashlib.sha256(data).digest()),
            mime_type=facts.mime_type or otherwise,
            size_bytes=len(data),
            width=facts.width,
            height=facts.height,
            created_at=self.clock.now(),
            expires_at=expires_at,
            changes=changes,
            is_fit=is_fit,
            original_id=original_id,
        )
        await files.add(self.pool, file, lambda: self.blobs.put(data))
        return file


def _remember(known: dict[bytes, T], digest: bytes, value: T, *, most: int) -> None:
    """Add to what is known of bytes, and forget the oldest of it past `most`."""
    while len(known) >= most:
        del known[next(iter(known))]
    known[digest] = value
