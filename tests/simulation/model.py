"""A model of the ledger: the same deeds over plain objects, in virtual time, without a database.

What it says is held against PostgreSQL by `tests/store/test_model_agrees.py`. Moments are seconds.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from tests.simulation.virtual import EPOCH

from picha.gateway.domain.admission import Sender
from picha.gateway.domain.decisions import ANOTHER, Kind
from picha.gateway.domain.ground import is_healable
from picha.gateway.domain.outcomes import (
    GIVE_UP_AFTER,
    HOLD,
    HOLD_UNKNOWN,
    NAMES,
    SOFT_WAIT,
    Accepted,
    Ambiguous,
    Barred,
    NotSent,
    Outcome,
    Rejected,
    Scope,
    Throttled,
)
from picha.gateway.domain.pace import PairPace
from picha.gateway.domain.rest import Resting
from picha.gateway.domain.status import Evidence, Told, standing, view
from picha.gateway.store.lanes import LEASE_SECONDS, MARGIN_SECONDS, SEND, Lease
from picha.gateway.store.ledger.begin import Beginning
from picha.gateway.store.ledger.settle import Settlement
from picha.gateway.store.numbers import PausedFor

WAITING = frozenset({"image_wait", "queued", "sending", "unknown"})
NEVER = float("inf")


@dataclass
class Message:
    """One outbound message; `held_until` None means that it was never begun."""

    id: UUID
    thread: UUID
    sender: UUID
    phase: str
    due_at: float | None
    held_until: float | None = None
    priority: int = 0
    tries: int = 0
    attempts: int = 0
    status: str = "pending"
    error_code: str | None = None
    resends: bool = False
    spoilt: str | None = None
    decisions: list[tuple[str, int]] = field(default_factory=list)
    unknown_since: float | None = None
    begun_at: float | None = None
    admitted_at: float = 0.0
    had_no_picture: bool = False
    duplicates: int = 0


@dataclass
class Attempt:
    """One try; `outcome` None means open."""

    id: UUID
    message: UUID
    number: int
    fence: int
    media_id: str | None
    started_at: float
    outcome: str | None = None
    wamid: str | None = None
    code: str | None = None
    evidence: set[tuple[str, float, int]] = field(default_factory=set)


@dataclass
class Pair:
    """A thread's turn."""

    sender: UUID
    next_due: float | None = None
    rank: int = 0
    opens_at: float = -NEVER


@dataclass
class Lane:
    """A number's lane."""

    fence: int = 0
    until: float = -NEVER
    left_at: float = -NEVER
    rests_until: float = -NEVER
    rests: int = 0

    def rest(self, resting: Resting, now: float) -> None:
        self.rests_until, self.rests = now + resting.seconds if resting.seconds else -NEVER, resting.rests


@dataclass(frozen=True)
class Ready:
    """What may be sent: the part of `outbox.Outgoing` that is not the picture."""

    id: UUID
    thread: UUID
    tries: int
    rank: int
    spoilt: str | None


class Model:
    """The ledger of one workspace; `now` tells the moment. Each deed is one transaction."""

    def __init__(self, now: Callable[[], float], pace: PairPace) -> None:
        self.now, self.interval, self.credit = now, pace.interval.total_seconds(), pace.credit.total_seconds()
        self.messages: dict[UUID, Message] = {}
        self.attempts: dict[UUID, Attempt] = {}
        self.pairs: dict[UUID, Pair] = {}
        self.lanes: dict[UUID, Lane] = {}
        self.senders: dict[UUID, Sender] = {}
        self.paused: dict[UUID, PausedFor] = {}
        self.per_second: dict[UUID, float] = {}
        self.heard_at: dict[UUID, float] = {}
        self.parked: dict[str, set[tuple[str, float, int]]] = {}
        # The same once more by what they are looked up by, as the database's indexes have them.
        self.threads: dict[UUID, list[Message]] = {}
        self.tries: dict[UUID, list[Attempt]] = {}
        self.open: dict[UUID, Attempt] = {}
        self.turns: dict[UUID, dict[UUID, Pair]] = {}

    # Numbers and their lanes.

    def add_number(self, sender: Sender, per_second: float) -> None:
        self.senders[sender.id], self.lanes[sender.id], self.per_second[sender.id] = sender, Lane(), per_second
        self.turns[sender.id] = {}

    def speed(self, sender: UUID) -> float | None:
        return None if sender in self.paused else self.per_second[sender]

    def pause(self, sender: UUID, why: PausedFor) -> bool:
        return self.paused.setdefault(sender, why) is why

    def resume(self, sender: UUID) -> None:
        self.paused.pop(sender, None)

    def take(self, most: int) -> list[Lease]:
        taken: list[Lease] = []
        for key, lane in sorted(self.lanes.items(), key=lambda one: one[1].left_at):
            if len(taken) < most and lane.until < self.now() and self._has_work(key):
                lane.fence += 1
                lane.until = self.now() + LEASE_SECONDS
                resting = Resting(max(0.0, lane.rests_until - self.now()), lane.rests)
                taken.append(Lease(SEND, key, lane.fence, resting=resting))
        return taken

    def is_wanted(self) -> bool:
        return any(lane.until < self.now() and self._has_work(key) for key, lane in self.lanes.items())

    def _has_work(self, sender: UUID) -> bool:
        now = self.now()
        if sender not in self.paused:
            for pair in self.turns[sender].values():
                if pair.next_due is not None and pair.next_due <= now:
                    return True
        return any(self.messages[one.message].sender == sender for one in self.open.values())

    def renew(self, leases: Iterable[Lease]) -> set[Lease]:
        kept = {one for one in leases if self._holds(one, 0)}
        for one in kept:
            self.lanes[one.key].until = self.now() + LEASE_SECONDS
            self.lanes[one.key].rest(one.resting, self.now())
        return kept

    def release(self, lease: Lease) -> None:
        if self.lanes[lease.key].fence == lease.fence:
            self.lanes[lease.key].until, self.lanes[lease.key].left_at = -NEVER, self.now()
            self.lanes[lease.key].rest(lease.resting, self.now())

    def _holds(self, lease: Lease, margin: float) -> bool:
        lane = self.lanes[lease.key]
        return lane.fence == lease.fence and lane.until > self.now() + margin

    # Whose turn it is.

    def admit(
        self,
        id_: UUID,
        thread: UUID,
        sender: UUID,
        *,
        has_picture: bool = True,
        priority: int = 0,
        resends: bool = False,
    ) -> None:
        now = self.now()
        message = self.messages[id_] = Message(
            id_,
            thread,
            sender,
            "queued" if has_picture else "image_wait",
            now,
            None if has_picture else now + HOLD.total_seconds(),
            priority,
            resends=resends,
            admitted_at=now,
            had_no_picture=not has_picture,
        )
        self.threads.setdefault(thread, []).append(message)
        pair = self.turns[sender][thread] = self.pairs.setdefault(thread, Pair(sender))
        if has_picture:
            pair.rank = priority if pair.next_due is None else max(pair.rank, priority)
            pair.next_due = min(NEVER if pair.next_due is None else pair.next_due, max(now, pair.opens_at))

    def waiting(self, thread: UUID) -> list[Message]:
        """Return what is not over yet in a thread, oldest first."""
        found = [one for one in self.threads.get(thread, ()) if one.phase in WAITING]
        return sorted(found, key=lambda one: one.id.int)

    def waits_for(self, message: Message) -> UUID | None:
        """Return the message that `waiting_for` names."""
        if message.phase not in {"image_wait", "queued"}:
            return None
        before = [one for one in self.waiting(message.thread) if one.id < message.id and not self._let_go(one)]
        return before[-1].id if before else None

    def _let_go(self, one: Message) -> bool:
        return one.held_until is not None and one.held_until <= self.now()

    def _may_start(self, one: Message) -> bool:
        return one.phase == "queued" and one.due_at is not None and one.due_at <= self.now()

    def _decides(self, thread: UUID) -> Message | None:
        return next((one for one in self.waiting(thread) if self._may_start(one) or not self._let_go(one)), None)

    def _pass_on(self, thread: UUID, rest: float | None) -> None:
        pair, now = self.pairs[thread], self.now()
        first = self._decides(thread)
        moments = [
            one.due_at
            for one in self.waiting(thread)
            if one.phase == "queued" and one.due_at is not None and (first is None or one.id < first.id)
        ]
        if first is not None:
            held = first.held_until if first.held_until is not None else NEVER
            moments.append(min(first.due_at, held) if first.phase == "queued" and first.due_at is not None else held)
        if rest is not None:
            pair.opens_at = max(pair.opens_at, now - self.credit) + self.interval
            if rest:
                pair.opens_at = max(pair.opens_at, now + rest)
        at = min(moments, default=NEVER)
        pair.next_due = max(at, pair.opens_at) if at < NEVER else None

    def _wake(self, thread: UUID, priority: int) -> None:
        pair = self.pairs[thread]
        pair.next_due, pair.rank = max(self.now(), pair.opens_at), max(pair.rank, priority)

    def due(self, sender: UUID, busy: Iterable[UUID], most: int) -> list[Ready]:
        skipped, found, idle, now = set(busy), [], [], self.now()
        for rank in (1, 0):
            due = [
                (pair.next_due, thread)
                for thread, pair in self.turns[sender].items()
                if pair.next_due is not None and pair.next_due <= now and pair.rank == rank and thread not in skipped
            ]
            for _, thread in sorted(due)[:most]:
                first = self._decides(thread)
                if first is not None and self._may_start(first):
                    found.append(Ready(first.id, thread, first.tries, rank, first.spoilt))
                else:
                    idle.append(thread)
        for thread in idle:
            self._pass_on(thread, None)
        return found

    # Deeds.

    def equip(self, message: UUID) -> None:
        """Its picture is there."""
        one = self.messages[message]
        if one.phase == "image_wait":
            one.phase, one.due_at, one.tries = "queued", self.now(), 0
            self._wake(one.thread, one.priority)

    def refuse(self, message: UUID, code: str) -> None:
        one = self.messages[message]
        if one.phase in {"queued", "image_wait"}:
            one.phase, one.status, one.due_at, one.error_code = "failed", "failed", None, code
            one.decisions.append((Kind.REFUSED, one.attempts))

    def later(self, message: UUID, after: float) -> None:
        one = self.messages[message]
        if one.phase in {"queued", "image_wait"} and one.due_at is not None:
            one.tries += 1
            one.due_at = self.now() + after
            one.held_until = one.held_until or self.now() + HOLD.total_seconds()

    def begin(self, beginnings: Sequence[Beginning]) -> list[bool]:
        return [self._begin(one) for one in beginnings]

    def _begin(self, one: Beginning) -> bool:
        message = self.messages[one.message]
        if not self._holds(one.lease, MARGIN_SECONDS) or one.lease.key in self.paused or message.phase != "queued":
            return False
        if one.attempt in self.attempts:
            raise OSError("the attempt is there already")
        message.phase, message.due_at = "sending", None
        message.attempts += 1
        message.held_until = message.held_until or self.now() + HOLD.total_seconds()
        message.begun_at = message.begun_at or self.now()
        self._keep(Attempt(one.attempt, one.message, message.attempts, one.lease.fence, one.media_id, self.now()))
        return True

    def _keep(self, attempt: Attempt) -> None:
        self.attempts[attempt.id] = attempt
        self.tries.setdefault(attempt.message, []).append(attempt)
        if attempt.outcome is None:
            self.open[attempt.id] = attempt

    def orphan(self, lease: Lease) -> int:
        count = 0
        for attempt in list(self.open.values()):
            message = self.messages[attempt.message]
            if attempt.fence < lease.fence and message.sender == lease.key:
                attempt.outcome = NAMES[Ambiguous]
                del self.open[attempt.id]
                if message.phase == "sending" and message.attempts == attempt.number:
                    self._lose(message, self.now() + HOLD_UNKNOWN.total_seconds())
                    count += 1
                self._pass_on(message.thread, 0.0)
        return count

    def _lose(self, message: Message, held_until: float) -> None:
        message.phase, message.due_at = "unknown", self.now() + GIVE_UP_AFTER.total_seconds()
        message.held_until, message.unknown_since = held_until, self.now()

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return [self._settle(one) for one in settlements]

    def _settle(self, one: Settlement) -> bool:
        message, attempt = self.messages[one.message], self.attempts.get(one.attempt)
        before, name = message.duplicates, NAMES[type(one.outcome)]
        if attempt is None:
            if isinstance(one.outcome, NotSent) and message.phase == "queued":
                message.attempts += 1
                message.tries += 1
                message.due_at = self.now() + one.again_after.total_seconds()
                self._keep(Attempt(one.attempt, one.message, message.attempts, 0, None, self.now(), name))
        elif attempt.outcome is None or (attempt.outcome == "ambiguous" and name != "ambiguous"):
            attempt.outcome = name
            self.open.pop(attempt.id, None)
            attempt.code = getattr(one.outcome, "code", None)
            if isinstance(one.outcome, Accepted):
                self._bind(attempt, one.outcome.wamid)
            if attempt.wamid is not None:
                self._fold(message)
            elif message.phase in {"sending", "unknown"} and message.attempts == attempt.number:
                self._move(message, one)
        self._pass_on(message.thread, _rest(one))
        return message.duplicates > before

    def _move(self, message: Message, one: Settlement) -> None:
        match one.outcome:
            case Rejected(code):
                message.phase, message.status, message.due_at, message.error_code = "failed", "failed", None, code
            case Ambiguous():
                hold = self.now() + HOLD_UNKNOWN.total_seconds()
                self._lose(message, min(message.held_until or NEVER, hold))
            case Throttled(scope=Scope.NUMBER) | Barred():
                message.phase, message.due_at = "queued", self.now()
            case Throttled(scope=Scope.PAIR):
                message.phase, message.due_at = "queued", self.now()
                message.tries += 1
            case _:
                message.phase, message.due_at = "queued", self.now() + one.again_after.total_seconds()
                message.tries += 1

    # What Meta says.

    def tell(
        self, sender: UUID, wamid: str, status: str, at: float, *, code: int = 0, token: UUID | None = None
    ) -> None:
        attempt = next((one for one in self.attempts.values() if one.wamid == wamid), None)
        proven = self.attempts.get(token) if token else None
        if proven is not None and proven.wamid is None:
            self._bind(proven, wamid)
            attempt = attempt or proven
        self.heard_at[sender] = self.now()
        if attempt is None:
            self.parked.setdefault(wamid, set()).add((status, at, code))
            return
        attempt.evidence.add((status, at, code))
        self._fold(self.messages[attempt.message])

    def _bind(self, attempt: Attempt, wamid: str) -> None:
        attempt.wamid = attempt.wamid or wamid
        attempt.evidence |= self.parked.pop(attempt.wamid, set())

    def told(self, message: UUID) -> list[Told]:
        """Return a message's attempts as Meta told of them, oldest first."""
        mine = sorted(self.tries.get(message, ()), key=lambda one: one.number)
        return [
            Told(
                one.wamid,
                standing(Evidence(word, EPOCH + timedelta(seconds=at), code) for word, at, code in one.evidence),
            )
            for one in mine
        ]

    def _fold(self, message: Message) -> None:
        told = self.told(message.id)
        newest = next(one for one in self.tries[message.id] if one.number == message.attempts)
        superseded = self._superseded(message)
        shown = view(told, is_superseded=superseded)
        if shown and shown.failure:
            was_healed = any(kind == Kind.HEALING for kind, _ in message.decisions)
            if is_healable(shown.failure.code, newest.media_id, was_healed=was_healed):
                message.spoilt = newest.media_id
                message.decisions.append((Kind.HEALING, message.attempts))
                shown = view(told, is_superseded=True)
        if shown is None:
            if self._superseded(message):
                self._again(message)
            return
        if message.phase in {"unknown", "queued"}:
            self._wake(message.thread, 0)
        message.phase = "failed" if shown.status == "failed" else "submitted"
        message.status, message.due_at, message.duplicates = shown.status, None, shown.duplicates
        message.error_code = str(shown.failure.code) if shown.failure else None

    @staticmethod
    def _superseded(message: Message) -> bool:
        last = [kind for kind, attempt in message.decisions if attempt == message.attempts]
        return bool(last) and last[-1] in ANOTHER

    def _again(self, message: Message) -> None:
        message.phase, message.status, message.due_at, message.tries = "queued", "pending", self.now(), 0
        message.error_code = None
        self._wake(message.thread, message.priority)

    # What is done every few seconds.

    def confirm(self) -> None:
        """Send again what shows to be absent, and give up what stayed unknown for too long."""
        now, soft = self.now(), (GIVE_UP_AFTER - SOFT_WAIT).total_seconds()
        for one in self.messages.values():
            if one.phase != "unknown" or one.due_at is None:
                continue
            if one.due_at <= now:
                one.phase, one.status, one.due_at, one.error_code = "failed", "failed", None, "SEND_OUTCOME_UNKNOWN"
                one.decisions.append((Kind.GIVEN_UP, one.attempts))
            elif one.resends and one.due_at <= now + soft and not any(k == Kind.RESENT for k, _ in one.decisions):
                started = next(a for a in self.tries[one.id] if a.number == one.attempts)
                if self.heard_at.get(one.sender, -NEVER) > started.started_at:
                    one.decisions.append((Kind.RESENT, one.attempts))
                    self._again(one)


def _rest(one: Settlement) -> float | None:
    """Return what the pair's pace counts for an outcome."""
    outcome: Outcome = one.outcome
    match outcome:
        case Throttled(scope=Scope.PAIR):
            return one.again_after.total_seconds()
        case NotSent() | Throttled() | Barred():
            return None
        case Accepted() | Rejected() | Ambiguous():
            return 0.0
