"""The prepare lane: fetch a send's media_url, look at the bytes, keep them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from picha.egress import LIVE, TEST, EgressError, Fetched, Fetcher, Refused, TooLarge
from picha.gateway.domain.lane import Due
from picha.gateway.domain.retry import backoff
from picha.gateway.metrics import PICTURES
from picha.gateway.pictures.intake import Album, UnusableError
from picha.gateway.store import outbox
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import equip
from picha.gateway.store.outbox import Picture
from picha.kit.ids import chance

_MOST = 64
# A host that hiccups gets two more chances, seconds apart; the sender of a link expects an early answer.
_TRIES = 3

NOT_FETCHED = "131052"
NOT_USABLE = "131053"
_TITLES = {NOT_FETCHED: "Media download error", NOT_USABLE: "Media upload error"}


@dataclass(frozen=True, slots=True)
class Preparing:
    """The work of one workspace's prepare lane."""

    lease: Lease
    album: Album
    fetcher: Fetcher

    async def opened(self) -> None:
        """Nothing to clean up: a fetch that was cut off is simply made again."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the oldest sends that wait for their picture; each is its own thread."""
        waiting = await outbox.to_prepare(self.album.pool, self.lease.key, busy=busy, most=_MOST)
        return [Due(one.id, one.id, one) for one in waiting]

    async def perform(self, piece: Due) -> None:
        """Fetch one picture, and queue its message or fail it."""
        picture: Picture = piece.load
        try:
            fetched = await self._fetch(picture)
            file = await self.album.take_in(picture.workspace_id, fetched.body)
        except TooLarge as error:
            await self._fail(picture, NOT_USABLE, error.detail)
        except Refused as error:
            await self._fail(picture, NOT_FETCHED, error.detail)
        except EgressError as error:
            if picture.tries + 1 < _TRIES:
                await equip.later(self.album.pool, picture.id, backoff(picture.tries + 1, chance=chance()))
            else:
                await self._fail(picture, NOT_FETCHED, error.detail)
        except UnusableError as error:
            is_picture = (fetched.content_type or "").strip().lower().startswith("image/")
            code = NOT_USABLE if is_picture or error.code != "not_an_image" else NOT_FETCHED
            await self._fail(picture, code, error.message)
        else:
            PICTURES.labels("url", "stored").inc()
            await equip.ready(self.album.pool, picture.id, file.id)

    async def _fetch(self, picture: Picture) -> Fetched:
        policy = TEST if picture.environment == "test" else LIVE
        return await self.fetcher.fetch(picture.media_url or "", policy)

    async def _fail(self, picture: Picture, code: str, detail: str) -> None:
        PICTURES.labels("url", "refused").inc()
        await equip.refused(
            self.album.pool,
            picture.id,
            code=code,
            title=_TITLES[code],
            detail=f"The picture at media_url could not be used. {detail}",
        )
