"""The hear lane: fetch the pictures that customers sent, check them, keep them. The caption is never lost."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec

from picha.cloudapi.media import digest_of
from picha.gateway.domain.lane import Due
from picha.gateway.domain.rest import Landing
from picha.gateway.domain.retry import backoff
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import Graph, GraphCallError
from picha.gateway.metrics import PICTURES
from picha.gateway.pictures.intake import Album
from picha.gateway.store import outbox, tenants
from picha.gateway.store.files import File
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import equip
from picha.gateway.store.outbox import Picture
from picha.kit.crashpoints import crashpoint
from picha.kit.ids import chance
from picha.kit.logs import logger

_MOST = 64
# With pauses that double up to five minutes, ten tries take about twenty minutes.
TRIES = 10
_LONGEST_WAIT = timedelta(minutes=5)
# How long a picture waits for somebody to store another token. Meta keeps it for seven days.
TOKEN_WAIT = timedelta(days=3)


class _Media(msgspec.Struct):
    id: str
    url: str | None = None
    mime_type: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Fetching:
    """The work of one number's hear lane."""

    lease: Lease
    album: Album
    graph: Graph
    book: AccountBook

    async def opened(self) -> None:
        """Nothing to clean up: a fetch that was cut off is simply made again."""

    async def due(self, busy: Iterable[UUID]) -> Sequence[Due]:
        """Return the oldest messages whose picture is not here yet; each is its own thread."""
        waiting = await outbox.to_fetch(self.album.pool, self.lease.key, busy=busy, most=_MOST)
        return [Due(one.id, one.id, one) for one in waiting]

    async def perform(self, piece: Due) -> Landing:
        """Fetch one picture and say what became of it; a failure is tried again, then told as unavailable."""
        picture: Picture = piece.load
        media = msgspec.convert(picture.facts["media"], _Media)
        try:
            file = await self._kept(picture, media)
        except GraphCallError as error:
            await self._failed(picture, error)
        except OSError:
            # The store of the bytes does not serve: no fault of Meta's, which is not asked once a second meanwhile.
            await equip.wait(self.album.pool, picture.id, longest=_LONGEST_WAIT, chance=chance())
        else:
            state, detail = _compare(media.sha256, file.digest)
            PICTURES.labels("meta", state).inc()
            crashpoint("fetch_before_commit")
            await equip.received(self.album.pool, picture.id, state=state, file=file.id, detail=detail)
            crashpoint("fetch_after_commit")
        return Landing.MUTE

    async def _failed(self, picture: Picture, error: GraphCallError) -> None:
        pool = self.album.pool
        if error.bars and self.album.clock.now() - picture.created_at < TOKEN_WAIT:
            # No fault of the picture's: all of the number's are refused until its token is put right.
            logger("hearing").warning(
                "WhatsApp refuses the number's token, so a customer's picture waits: store a new token, then it comes",
                sender=str(picture.sender_id),
                code=error.code,
            )
            await equip.wait(pool, picture.id, longest=_LONGEST_WAIT, chance=chance())
        elif error.again and picture.tries + 1 < TRIES:
            await equip.later(pool, picture.id, backoff(picture.tries + 1, chance=chance()))
        else:
            PICTURES.labels("meta", "unavailable").inc()
            await equip.received(pool, picture.id, state="unavailable", file=None, detail=error.detail)

    async def _kept(self, picture: Picture, media: _Media) -> File:
        """Try the webhook's own URL on the first try (it lives five minutes), a fresh one by id otherwise."""
        sender = await tenants.sender(self.album.pool, picture.sender_id)
        if sender is None:
            raise GraphCallError("The number that received the picture is no longer set up.", again=False)
        account = await self.book.get(sender.account_id)
        if media.url and not picture.tries:
            with suppress(GraphCallError):
                return await self._keep(picture, media, self.graph.download(account, media.url))
        described = await self.graph.describe(account, sender.phone_number_id, media.id)
        return await self._keep(picture, media, self.graph.download(account, described.url))

    async def _keep(self, picture: Picture, media: _Media, pieces: AsyncGenerator[bytes, None]) -> File:
        announced_type = media.mime_type or "application/octet-stream"
        return await self.album.keep_received(picture.workspace_id, picture.environment, pieces, announced_type)


def _compare(announced: str | None, digest: bytes) -> tuple[str, str | None]:
    """Return `stored`, or `mismatch` with its reason when the bytes are not those whose digest Meta announced."""
    if announced is None:
        return "stored", None
    try:
        expected = digest_of(announced)
    except ValueError:
        return "mismatch", "The webhook's sha256 is no digest, so the picture could not be checked against it."
    if expected == digest:
        return "stored", None
    return "mismatch", "The bytes that WhatsApp served are not those whose sha256 its webhook announced."
