"""What becomes of an accepted send: its link is fetched, then statuses climb the ladder, or it fails."""

import asyncio
from collections.abc import Collection
from typing import Literal

import msgspec

from picha.cloudapi.limits import UNDELIVERED_LIFE
from picha.cloudapi.messages import make_wamid
from picha.sandbox.background import Background
from picha.sandbox.callbacks import statuses
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.callbacks.trouble import Troubles
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.happenings import Collector, Search
from picha.sandbox.links import Links
from picha.sandbox.on_the_way import RANKS, Send
from picha.sandbox.person import Person
from picha.sandbox.records import LinkFetched, StatusMade, WebhookQueued
from picha.sandbox.subscriptions import Callback
from picha.sandbox.switches import Switchboard

_Step = Literal["sent", "delivered", "read"]
_UNDELIVERABLE = (131026, "Message undeliverable.")
_EARLY_MAX_S = 2.0
Ladder = tuple[int, int | None, int | None]
_STEPS: tuple[_Step, ...] = ("sent", "delivered", "read")


class Courier:
    """Carries every send from its acceptance to its last status.

    `ladder` holds three pauses in milliseconds of real time: from the answer to `sent`, from there to `delivered`, from
    there to `read`; None waits for the person. A failure comes after the first of them.
    """

    def __init__(
        self,
        ground: Ground,
        mailbag: Mailbag,
        troubles: Troubles,
        links: Links,
        switchboard: Switchboard,
        *,
        ladder: Ladder,
        dialect: Dialect,
    ) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._mailbag = mailbag
        self._troubles = troubles
        self._links = links
        self._switchboard = switchboard
        self._ladder = ladder
        self._dialect = dialect
        self._making: set[tuple[str, str, str]] = set()
        self._work = Background("a send was lost on its way")

    def begin(self, wamid: str) -> None:
        """Set a send on its way, or further on it after a restart; called once its answer has left."""
        send = self._world.sends.get(wamid)
        if send is not None:
            self._work.start(self._carry(send, self._ladder))

    async def run_ahead(self, wamid: str) -> bool:
        """Set a send on its way before its answer if trouble wants it so, and tell whether it did.

        To be called once for each accepted send, whatever trouble there is.

        It returns when the first webhook is there, or after two seconds.
        """
        self._troubles.meet(wamid)
        send = self._world.sends.get(wamid)
        if send is None or self._world.callback(send.item.phone_number_id) is None:
            return False
        if not self._troubles.strikes("early_status", wamid, None):
            return False
        collector = Collector(Search(event="delivery", wamid=wamid), 1)
        self._world.chronicle.listeners.add(collector.take)
        self._work.start(self._carry(send, (0, *self._ladder[1:])))
        try:
            await collector.filled(_EARLY_MAX_S)
        finally:
            self._world.chronicle.listeners.discard(collector.take)
        return True

    async def lift(self, key: str, numbers: Collection[str], upto: Literal["delivered", "read"]) -> list[str]:
        """Bring what these numbers have sent to this person as far as `upto`, and return the wamids of those moved."""
        wamids = []
        for wamid, send in list(self._world.sends.items()):
            stage = send.stage(key)
            if send.item.phone_number_id not in numbers or stage not in ("sent", "delivered"):
                continue
            if self._is_held_back(send):
                continue
            steps = _STEPS[_STEPS.index(stage) + 1 : _STEPS.index(upto) + 1]
            for status in steps:
                await self._make(send, status, (key,) if send.is_for_group else ())
            if steps:
                wamids.append(wamid)
                self._work.start(self._carry(send, self._ladder))
        return wamids

    async def close(self) -> None:
        """Stop; whoever is under way goes on after the next start."""
        await self._work.close()

    async def _carry(self, send: Send, ladder: Ladder) -> None:
        link = send.accepted.link
        if send.is_link_due and link is not None:
            seen = await self._links.look(link)
            code = int(self._switchboard.current.link_failure_code)
            doom = None if seen.flaw is None else (code, seen.flaw)
            await self._journal.append(LinkFetched(wamid=send.accepted.wamid, sha256=seen.sha256, doom=doom))
        if send.doom is not None:
            await self._fail(send, *send.doom, pause=ladder[0])
            return
        wamid = send.accepted.wamid
        done = 0 if send.status not in _STEPS else _STEPS.index(send.status) + 1
        for status, pause in list(zip(_STEPS, ladder, strict=True))[done:]:
            if pause is None or (status != "sent" and self._is_held_back(send)):
                return
            if status == "read" and self._troubles.strikes("failed_after_delivered", wamid, status):
                await self._fail(send, *_UNDELIVERABLE, pause=pause)
                return
            await asyncio.sleep(pause / 1000)
            if status == "delivered" and self._troubles.strikes("skip_delivered", wamid, status):
                continue
            if status != "sent" and self._is_held_back(send):
                return
            await self._make(send, status, () if status == "sent" else send.left(status))

    def _is_held_back(self, send: Send) -> bool:
        """Tell whether a send goes no further than `sent`: the person blocks the business, or 30 days have passed."""
        is_lost = self._clock.now() - send.item.accepted_at >= UNDELIVERED_LIFE
        return send.is_withheld or (is_lost and send.status in (None, "sent"))

    async def _fail(self, send: Send, code: int, details: str, *, pause: int) -> None:
        if send.status == "failed":
            return
        await asyncio.sleep(pause / 1000)
        await self._make(send, "failed", (), code, details)

    async def _make(
        self,
        send: Send,
        status: Literal["sent", "delivered", "read", "failed"],
        participants: tuple[str, ...],
        code: int | None = None,
        details: str | None = None,
    ) -> None:
        """Let a send reach a status, for those of its group's participants who have not reached it yet."""
        if send.is_for_group and status in ("delivered", "read") and not participants:
            return
        wamid, rank = send.accepted.wamid, RANKS[status]
        stages = send.participants if participants else {"": send.status or ""}
        whom = [
            key
            for key in participants or ("",)
            if (wamid, status, key) not in self._making and RANKS.get(stages.get(key, ""), 0) < rank
        ]
        if not whom:
            return
        making = {(wamid, status, key) for key in whom}
        self._making |= making
        reached = tuple(whom) if participants else ()
        at = self._clock.now().timestamp()
        try:
            await self._tell(
                send,
                StatusMade(wamid=wamid, status=status, at=at, participants=reached, code=code, details=details),
            )
        finally:
            self._making -= making

    async def _tell(self, send: Send, made: StatusMade) -> None:
        callback = self._world.callback(send.item.phone_number_id)
        if callback is None:
            await self._journal.append(made)
            return
        owed = [self._queued(send, made, callback)]
        if self._troubles.strikes("unknown_wamid", made.wamid, made.status):
            owed.append(self._queued(*self._foreign(send, made), callback))
        await self._journal.append(made, *owed)
        for queued in owed:
            self._mailbag.post(queued)

    def _queued(self, send: Send, made: StatusMade, callback: Callback) -> WebhookQueued:
        people, switches = self._people(send, made), self._switchboard.current
        body = statuses.status(send, made, people, callback.number, dialect=self._dialect, switches=switches)
        return WebhookQueued(
            id=self._chance.digits(16),
            url=callback.url,
            body=body.decode("ascii"),
            at=made.at,
            about=made.wamid,
            kind="status",
            status=made.status,
            phone_number_id=callback.number.phone_number_id,
        )

    def _foreign(self, send: Send, made: StatusMade) -> tuple[Send, StatusMade]:
        """Return the same status of a message that nobody sent."""
        peer = send.key or send.accepted.group_id or ""
        wamid = make_wamid(peer, outbound=True, token_hex=self._chance.token_hex(9))
        self._troubles.shadow(wamid, made.wamid)
        accepted = msgspec.structs.replace(send.accepted, wamid=wamid, biz_opaque_callback_data=None)
        return Send(accepted), msgspec.structs.replace(made, wamid=wamid)

    def _people(self, send: Send, made: StatusMade) -> list[Person]:
        keys = made.participants if send.is_for_group else (send.key,)
        if not keys and self._dialect is Dialect.Y2026:
            keys = tuple(send.participants)
        return [self._world.person(key) for key in keys]
