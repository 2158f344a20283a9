"""The prepare lane: bring in the picture that a send's media_url names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.lane import Due
from picha.gateway.domain.outcomes import HOLD
from picha.gateway.domain.rest import Landing
from picha.gateway.domain.retry import backoff
from picha.gateway.metrics import PICTURES
from picha.gateway.pictures.bring import NOT_FETCHED, NOT_USABLE, Bringer, BringError
from picha.gateway.pictures.intake import BYTES_AWAY
from picha.gateway.store import outbox
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import equip
from picha.gateway.store.outbox import Picture
from picha.images.workers import CrowdedError
from picha.kit.crashpoints import crashpoint
from picha.kit.ids import chance
from picha.kit.logs import logger

_MOST = 64
# A host that hiccups gets two more chances, seconds apart; the sender of a link expects an early answer.
TRIES = 3
# How long is waited for what is ours to mend, a crowded workshop or a blob store that is away. Neither is a try.
_CROWD_LASTS, _LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=5)
_CROWDED = Reason("More pictures came than can be looked at at once.")
_TITLES = {NOT_FETCHED: "Media download error", NOT_USABLE: "Media upload error"}


@dataclass(frozen=True, slots=True)
class Preparing:
    """The work of one workspace's prepare lane; `hold` is how long a send holds up what follows it."""

    lease: Lease
    bringer: Bringer
    hold: timedelta = HOLD

    async def opened(self) -> None:
        """Nothing to clean up: a fetch that was cut off is simply made again."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the oldest sends that wait for their picture; each is its own thread."""
        waiting = await outbox.to_prepare(self.bringer.album.pool, self.lease.key, busy=busy, most=_MOST)
        return [Due(one.id, one.id, one) for one in waiting]

    async def perform(self, piece: Due) -> Landing:
        """Bring one picture in, and queue its message or fail it."""
        picture: Picture = piece.load
        pool = self.bringer.album.pool
        try:
            file = await self.bringer.bring(
                picture.workspace_id,
                picture.media_url or "",
                environment=picture.environment,
                policy=picture.image_policy or "auto",
            )
        except CrowdedError:
            await equip.wait(pool, picture.id, _CROWDED, longest=_CROWD_LASTS, chance=chance(), hold=self.hold)
        except OSError:
            # The store of the bytes does not serve. The picture's host is not to pay for that with a visit a second.
            await equip.wait(pool, picture.id, BYTES_AWAY, longest=_LONGEST_WAIT, chance=chance(), hold=self.hold)
        except BringError as error:
            logger("pictures").info("a picture was not brought in", id=str(picture.id), code=error.code)
            if error.again and picture.tries + 1 < TRIES:
                after = backoff(picture.tries + 1, chance=chance())
                await equip.later(pool, picture.id, after, Reason(error.detail), hold=self.hold)
            else:
                await self._fail(picture, error)
        else:
            PICTURES.labels("url", "stored").inc()
            crashpoint("prepare_before_commit")
            await equip.ready(pool, picture.id, file.id)
            crashpoint("prepare_after_commit")
        return Landing.MUTE

    async def _fail(self, picture: Picture, error: BringError) -> None:
        PICTURES.labels("url", "refused").inc()
        await equip.refused(
            self.bringer.album.pool,
            picture.id,
            code=error.code,
            title=_TITLES[error.code],
            detail=f"The picture at media_url could not be used. {error.detail}",
        )
