"""The hear lane: fetch the pictures that customers sent, check them, keep them. The caption is never lost."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec

from picha.cloudapi.media import digest_of
from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.lane import Due
from picha.gateway.domain.rest import Landing
from picha.gateway.domain.retry import backoff
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.barring import bar
from picha.gateway.meta.graph import Graph, GraphCallError
from picha.gateway.meta.limits import INBOUND_MEDIA_LIFE, MEDIA_ERRORS
from picha.gateway.metrics import PICTURES
from picha.gateway.pictures.intake import BYTES_AWAY, Album
from picha.gateway.store import lanes, numbers, outbox, tenants
from picha.gateway.store.files import File
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import equip
from picha.gateway.store.outbox import Picture
from picha.gateway.store.tenants import Account
from picha.kit.crashpoints import crashpoint
from picha.kit.ids import chance

_MOST = 64
# With pauses that double up to five minutes, ten tries take about twenty minutes.
TRIES = 10
_LONGEST_WAIT = timedelta(minutes=5)
_SPENT = Reason("WhatsApp failed to hand over other pictures of this number, so it is asked less often for a while.")


class _Media(msgspec.Struct):
    id: str
    url: str | None = None
    mime_type: str | None = None
    sha256: str | None = None


class _SpentError(Exception):
    """One more error of Meta's, and it would answer nobody who asks for a picture of this number."""


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
            await self._put_off(picture, error)
        except (OSError, _SpentError) as error:
            # The store of the bytes does not serve, or Meta is not to be asked: no fault of the picture, and neither is
            # asked once a second meanwhile.
            await self._wait(picture, _SPENT if isinstance(error, _SpentError) else BYTES_AWAY)
        else:
            state, detail = _compare(media.sha256, file.digest)
            PICTURES.labels("meta", state).inc()
            crashpoint("fetch_before_commit")
            await equip.received(self.album.pool, picture.id, state=state, file=file.id, detail=detail)
            crashpoint("fetch_after_commit")
        return Landing.MUTE

    async def _put_off(self, picture: Picture, error: GraphCallError) -> None:
        """Look for a picture later, or say that it will not come."""
        if error.bars:
            await bar(partial(numbers.pause, self.album.pool), self.lease.key, error.code)
        if error.bars and picture.age < INBOUND_MEDIA_LIFE:
            # Whatever becomes of the token, Meta keeps the picture for so long.
            await self._wait(picture, error.reason)
        elif error.again and picture.tries + 1 < TRIES:
            after = backoff(picture.tries + 1, chance=chance())
            await equip.later(self.album.pool, picture.id, after, error.reason)
        else:
            PICTURES.labels("meta", "unavailable").inc()
            await equip.received(self.album.pool, picture.id, state="unavailable", file=None, detail=error.detail)

    async def _wait(self, picture: Picture, why: Reason) -> None:
        await equip.wait(self.album.pool, picture.id, why, longest=_LONGEST_WAIT, chance=chance())

    async def _kept(self, picture: Picture, media: _Media) -> File:
        """Try the webhook's own URL on the first try (it lives five minutes), a fresh one by id otherwise."""
        sender = await tenants.sender(self.album.pool, picture.sender_id)
        if sender is None:
            raise GraphCallError("The number that received the picture is no longer set up.", again=False)
        account = await self.book.get(sender.account_id)
        if media.url and not picture.tries:
            with suppress(GraphCallError):
                return await self._keep(picture, media, self.graph.download(account, media.url))
        url = await self._fresh_url(account, sender.phone_number_id, media.id)
        return await self._keep(picture, media, self.graph.download(account, url))

    async def _fresh_url(self, account: Account, phone_number_id: str, media_id: str) -> str:
        if not await lanes.spend(self.album.pool, self.lease, MEDIA_ERRORS):
            raise _SpentError
        has_failed = False
        try:
            return (await self.graph.describe(account, phone_number_id, media_id)).url
        except GraphCallError as error:
            has_failed = error.is_answer
            raise
        finally:
            if not has_failed:
                await lanes.refund(self.album.pool, self.lease, MEDIA_ERRORS)

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
