"""Take a picture in: look at the bytes, keep them under their digest, give them a file_id."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from picha.gateway.blobs import Blobs
from picha.gateway.store import files
from picha.gateway.store.files import File
from picha.gateway.store.pool import Pool
from picha.images.probe import inspect, probe
from picha.images.rules import verdict
from picha.kit.clock import Clock
from picha.kit.ids import Ids

# How long an uploaded picture may be named by its file_id.
FILE_LIFE = timedelta(days=30)


class UnusableError(Exception):
    """The bytes may not go out as a WhatsApp image; `code` is the first flaw's, the text says what and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Album:
    """Where pictures are kept: bytes in `blobs`, names and facts in the store. `max_bytes` is WhatsApp's limit."""

    pool: Pool
    blobs: Blobs
    clock: Clock
    ids: Ids
    max_bytes: int

    async def take_in(self, workspace: UUID, data: bytes) -> File:
        """Keep a picture that is to go out.

        Raises:
            UnusableError: the bytes break WhatsApp's rule for images.
        """
        inspection = inspect(data)
        flaws = verdict(inspection, len(data), max_bytes=self.max_bytes)
        if flaws:
            raise UnusableError(flaws[0].code, " ".join(f"{flaw.message} {flaw.remedy}" for flaw in flaws))
        facts, now = inspection.facts, self.clock.now()
        # Nothing after the picture's end travels with it.
        return await self._keep(
            workspace,
            data[: inspection.end],
            facts.mime_type or "",
            facts.width,
            facts.height,
            expires_at=now + FILE_LIFE,
        )

    async def keep_received(self, workspace: UUID, data: bytes, announced_type: str) -> File:
        """Keep a customer's picture whatever it is; its type is what the bytes say, else what was announced."""
        facts = probe(data[: 64 * 1024])
        return await self._keep(workspace, data, facts.mime_type or announced_type, facts.width, facts.height)

    async def _keep(
        self,
        workspace: UUID,
        data: bytes,
        mime_type: str,
        width: int | None,
        height: int | None,
        *,
        expires_at: datetime | None = None,
    ) -> File:
        digest = await self.blobs.put(data)
        file = File(
            id=self.ids.uuid(),
            workspace_id=workspace,
            digest=digest,
            mime_type=mime_type,
            size_bytes=len(data),
            width=width,
            height=height,
            created_at=self.clock.now(),
            expires_at=expires_at,
        )
        await files.add(self.pool, file)
        return file
