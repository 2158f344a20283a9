"""What becomes of an accepted send: its link is fetched, then statuses climb the ladder, or it fails."""

import asyncio
from typing import Literal

from picha.sandbox.background import Background
from picha.sandbox.callbacks import documents
from picha.sandbox.callbacks.postman import Postman
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.links import Links
from picha.sandbox.records import LinkFetched, StatusMade, WebhookQueued
from picha.sandbox.world import Person, Send

_Step = Literal["sent", "delivered", "read"]
_STEPS: tuple[_Step, ...] = ("sent", "delivered", "read")


class Courier:
    """Carries every send from its acceptance to its last status.

    `ladder` holds three pauses in milliseconds of real time: from the answer to `sent`, from there to `delivered`, from
    there to `read`. A failure comes after the first of them.
    """

    def __init__(
        self,
        ground: Ground,
        postman: Postman,
        links: Links,
        *,
        ladder: tuple[int, int, int],
        dialect: Dialect,
    ) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._postman = postman
        self._links = links
        self._ladder = ladder
        self._dialect = dialect
        self._work = Background("a send was lost on its way")

    def begin(self, wamid: str) -> None:
        """Set a send on its way, or further on it after a restart; called once its answer has left."""
        self._work.start(self._carry(self._world.sends[wamid]))

    async def close(self) -> None:
        """Stop; whoever is under way goes on after the next start."""
        await self._work.close()

    async def _carry(self, send: Send) -> None:
        link = send.accepted.link
        if send.is_link_due and link is not None:
            seen = await self._links.look(link)
            await self._journal.append(LinkFetched(wamid=send.accepted.wamid, sha256=seen.sha256, doom=seen.doom))
        if send.doom is not None:
            await self._fail(send, *send.doom)
            return
        done = 0 if send.status not in _STEPS else _STEPS.index(send.status) + 1
        for status, pause in list(zip(_STEPS, self._ladder, strict=True))[done:]:
            await asyncio.sleep(pause / 1000)
            await self._make(
                send, StatusMade(wamid=send.accepted.wamid, status=status, at=self._clock.now().timestamp())
            )

    async def _fail(self, send: Send, code: int, details: str) -> None:
        if send.status == "failed":
            return
        await asyncio.sleep(self._ladder[0] / 1000)
        at = self._clock.now().timestamp()
        made = StatusMade(wamid=send.accepted.wamid, status="failed", at=at, code=code, details=details)
        await self._make(send, made)

    async def _make(self, send: Send, made: StatusMade) -> None:
        callback = self._world.callback()
        if callback is None:
            await self._journal.append(made)
            return
        body = documents.status(send, made, self._recipient(send), self._dialect)
        queued = WebhookQueued(
            id=self._chance.digits(16),
            url=callback.url,
            body=body.decode("ascii"),
            at=made.at,
            about=made.wamid,
            kind="status",
            status=made.status,
        )
        await self._journal.append(made, queued)
        self._postman.post(queued)

    def _recipient(self, send: Send) -> Person | None:
        to = send.accepted.to
        return None if to is None else self._world.person(to)
