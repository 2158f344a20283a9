"""Let go of the pictures that nobody refers to any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from picha.gateway.blobs import Blobs
from picha.gateway.metrics import SWEPT
from picha.gateway.store import retention
from picha.gateway.store.pool import Pool
from picha.gateway.store.retention import Doomed
from picha.kit.clock import Clock
from picha.kit.logs import logger

_MOST = 100
# Nothing is deleted later than this after it was doomed; with the store's own patience it stays under retention.DOOM.
_DELETE_FOR_S = 60.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What one pass let go of; `is_full` tells that there may be more at once."""

    files: int
    blobs: int
    is_full: bool


@dataclass(frozen=True, slots=True)
class Sweep:
    """The periodic look for pictures to let go of. Any number of workers may sweep side by side."""

    pool: Pool
    blobs: Blobs
    clock: Clock
    most: int = _MOST

    async def once(self) -> Swept:
        """Look at up to `most` files and `most` blobs, those due longest first."""
        looked, files = await retention.drop_files(self.pool, most=self.most)
        asked_at = self.clock.monotonic()
        doomed = await retention.doom(self.pool, most=self.most)
        gone = await self._delete(doomed, until=asked_at + _DELETE_FOR_S)
        await retention.forget(self.pool, gone, doomed)
        SWEPT.labels("file").inc(files)
        SWEPT.labels("blob").inc(len(gone))
        if files or gone:
            logger("pictures").info("storage swept", files=files, blobs=len(gone))
        return Swept(files, len(gone), is_full=self.most in {looked, doomed.looked})

    async def _delete(self, doomed: Doomed, *, until: float) -> Sequence[bytes]:
        gone: list[bytes] = []
        for digest in doomed.digests:
            if self.clock.monotonic() >= until:
                break
            try:
                await self.blobs.delete(digest)
            except OSError as error:
                SWEPT.labels("failed").inc()
                logger("pictures").warning("bytes not deleted, trying again later", error=type(error).__name__)
                break
            gone.append(digest)
        return gone
