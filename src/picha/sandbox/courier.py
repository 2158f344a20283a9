"""What becomes of an accepted send: its link is fetched, then statuses climb the ladder, or it fails."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from picha.cloudapi.limits import UNDELIVERED_LIFE
from picha.cloudapi.messages import make_wamid
from picha.sandbox.background import Background
from picha.sandbox.callbacks import statuses
from picha.sandbox.callbacks.mailbag import Mailbag
from picha.sandbox.callbacks.trouble import Troubles
from picha.sandbox.clock import from_stamp
from picha.sandbox.dialect import Dialect
from picha.sandbox.ground import Ground
from picha.sandbox.ladder import STEPS, Ladder, Step, strides
from picha.sandbox.links import Links
from picha.sandbox.on_the_way import RANKS, Send
from picha.sandbox.person import Person
from picha.sandbox.records import AnyRecord, LinkFetched, Status, StatusMade, WebhookQueued
from picha.sandbox.screens import Screens
from picha.sandbox.searching import Collector, Search
from picha.sandbox.subscriptions import Callback
from picha.sandbox.switches import Switchboard

_UNDELIVERABLE = (131026, "Message undeliverable.")
_EARLY_MAX_S = 2.0


class Courier:
    """Carries every send from its acceptance to its last status.

    A failure comes after the first pause of the `ladder`.
    """

    def __init__(
        self,
        ground: Ground,
        mailbag: Mailbag,
        troubles: Troubles,
        links: Links,
        switchboard: Switchboard,
        *,
        screens: Screens,
        ladder: Ladder,
        dialect: Dialect,
    ) -> None:
        self._world, self._journal, self._chance, self._clock = ground
        self._mailbag = mailbag
        self._troubles = troubles
        self._links = links
        self._switchboard = switchboard
        self._screens = screens
        # What waits to be seen, by whoever's phone is shown.
        self._unseen: defaultdict[str, set[str]] = defaultdict(set)
        screens.on_dark.add(self._let_go)
        self._ladder = ladder
        self._dialect = dialect
        self._ready: list[Send] = []
        self._making: set[tuple[str, str, str]] = set()
        self._work = Background("a send was lost on its way")

    def begin(self, wamid: str) -> None:
        """Set a send on its way, or further on it after a restart; called once its answer has left."""
        send = self._world.sends.get(wamid)
        if send is None:
            return
        if not self._ready:
            asyncio.get_running_loop().call_soon(self._set_out)
        self._ready.append(send)

    async def run_ahead(self, wamid: str) -> bool:
        """Set a send on its way before its answer if trouble wants it so, and tell whether it did.

        To be called once for each accepted send, whatever trouble there is.

        It returns when the first webhook is there, or after two seconds.
        """
        self._troubles.meet(wamid)
        send = self._world.sends.get(wamid)
        if send is None or self._world.callback(send.accepted.phone_number_id) is None:
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
            if send.accepted.phone_number_id not in numbers or stage not in ("sent", "delivered"):
                continue
            if self._is_held_back(send):
                continue
            steps = STEPS[STEPS.index(stage) + 1 : STEPS.index(upto) + 1]
            whom = (key,) if send.is_for_group else ()
            await self._make([(send, [made for status in steps for made in self._new(send, status, whom)])])
            if steps:
                wamids.append(wamid)
                self.begin(wamid)
        return wamids

    async def see(self, key: str, message_ids: Sequence[str]) -> list[str]:
        """Let a person read those of these messages that have arrived, and return the wamids of what was new."""
        seen = [(wamid, self._world.sends[wamid]) for wamid in message_ids if wamid in self._world.sends]
        new = [(wamid, send) for wamid, send in seen if send.stage(key) == "delivered"]
        await self._make([(send, self._new(send, "read")) for _, send in new])
        return [wamid for wamid, _ in new]

    async def close(self) -> None:
        """Stop; whoever is under way goes on after the next start."""
        self._ready.clear()
        self._unseen.clear()
        await self._work.close()

    def _set_out(self) -> None:
        """Start what has been made ready: sends that are equally far go together, at the cost of one."""
        ready, self._ready = self._ready, []
        companies: defaultdict[str | None, list[Send]] = defaultdict(list)
        for send in ready:
            if send.is_link_due or send.doom is not None:
                self._work.start(self._carry(send, self._ladder))
            else:
                companies[send.status].append(send)
        for company in companies.values():
            self._work.start(self._climb(company, self._ladder))

    async def _carry(self, send: Send, ladder: Ladder) -> None:
        link = send.accepted.link
        if send.is_link_due and link is not None:
            seen = await self._links.look(link)
            code = int(self._switchboard.current.link_failure_code)
            doom = None if seen.flaw is None else (code, seen.flaw)
            await self._journal.append(LinkFetched(wamid=send.accepted.wamid, sha256=seen.sha256, doom=doom))
        if send.doom is None:
            await self._climb([send], ladder)
            return
        await asyncio.sleep(ladder[0] / 1000)
        await self._make([(send, self._new(send, "failed", (), *send.doom))])

    async def _climb(self, company: Sequence[Send], ladder: Ladder) -> None:
        for pause, steps in strides(company[0].status, ladder):
            await asyncio.sleep(pause / 1000)
            await self._make([(send, [made for step in steps for made in self._next(send, step)]) for send in company])

    def _next(self, send: Send, step: Step) -> list[StatusMade]:
        """Return what comes of a step of the ladder, as trouble and its person have it."""
        if step == "sent":
            return self._new(send, step)
        if self._is_held_back(send):
            return []
        if step == "read" and self._troubles.strikes("failed_after_delivered", send.accepted.wamid, step):
            return self._new(send, "failed", (), *_UNDELIVERABLE)
        if step == "delivered" and self._troubles.strikes("skip_delivered", send.accepted.wamid, step):
            return []
        if step == "read" and (waiting := self._waiting(send)):
            others = tuple(key for key in send.left(step) if key not in waiting)
            return self._new(send, step, others) if others else []
        return self._new(send, step, send.left(step))

    def _waiting(self, send: Send) -> set[str]:
        """Return who reads a send only when they see it, because their phones are shown, and note that it waits."""
        people = send.left("read") if send.is_for_group else (send.key,)
        waiting = {key for key in people if self._screens.shows(key)}
        for key in waiting:
            self._unseen[key].add(send.accepted.wamid)
        return waiting

    def _let_go(self, key: str) -> None:
        """Let what waited to be seen be read by itself again, once nobody looks at that phone any more."""
        for wamid in self._unseen.pop(key, ()):
            send = self._world.sends.get(wamid)
            if send is not None and send.status not in ("read", "failed"):
                self.begin(wamid)

    def _is_held_back(self, send: Send) -> bool:
        """Tell whether a send goes no further than `sent`: the person blocks the business, or 30 days have passed."""
        if send.is_withheld:
            return True
        return send.status in (None, "sent") and self._clock.now() - from_stamp(send.accepted.at) >= UNDELIVERED_LIFE

    def _new(
        self,
        send: Send,
        status: Status,
        participants: tuple[str, ...] = (),
        code: int | None = None,
        details: str | None = None,
    ) -> list[StatusMade]:
        """Return a status for a send, or those of its group's participants, who have not reached it; [] for nobody."""
        is_for_some = send.is_for_group and status in ("delivered", "read")
        whom = tuple(key for key in participants if self._is_ahead(send, status, key)) if is_for_some else ()
        if not (whom if is_for_some else self._is_ahead(send, status)):
            return []
        at = self._clock.now().timestamp()
        wamid = send.accepted.wamid
        return [StatusMade(wamid=wamid, status=status, at=at, participants=whom, code=code, details=details)]

    def _is_ahead(self, send: Send, status: Status, participant: str = "") -> bool:
        """Tell whether a send, or one participant of its group, has yet to reach a status, and is not about to."""
        stage = send.participants.get(participant) if participant else send.status
        is_behind = stage is None or RANKS[stage] < RANKS[status]
        return is_behind and (send.accepted.wamid, status, participant) not in self._making

    async def _make(self, news: Sequence[tuple[Send, Sequence[StatusMade]]]) -> None:
        """Let sends reach statuses, all in one stroke, and owe the webhooks that tell of them."""
        happened: list[AnyRecord] = []
        for send, made in news:
            callback = self._world.callback(send.accepted.phone_number_id)
            for one in made:
                happened.append(one)
                if callback is not None:
                    happened += self._letters(send, one, callback)
        if not happened:
            return
        making = {(one.wamid, one.status, key) for _, made in news for one in made for key in one.participants or ("",)}
        self._making |= making
        try:
            await self._journal.append(*happened)
        finally:
            self._making -= making
        for record in happened:
            if isinstance(record, WebhookQueued):
                self._mailbag.post(record)

    def _letters(self, send: Send, made: StatusMade, callback: Callback) -> list[WebhookQueued]:
        """Return the webhooks that tell of a status, with one of a message that nobody sent if trouble wants it so."""
        owed = [self._queued(send, made, callback)]
        if self._troubles.strikes("unknown_wamid", made.wamid, made.status):
            owed.append(self._queued(*self._foreign(send, made), callback))
        return owed

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
        return Send.of(accepted), msgspec.structs.replace(made, wamid=wamid)

    def _people(self, send: Send, made: StatusMade) -> list[Person]:
        keys = made.participants if send.is_for_group else (send.key,)
        if not keys and self._dialect is Dialect.Y2026:
            keys = tuple(send.participants)
        return [self._world.person(key) for key in keys]
