"""Thousands of seeded stories in virtual time, told by the gateway's own lanes; and seeded bugs that they find."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import structlog
from tests.simulation.flood import Flood, flooded, unfair
from tests.simulation.meta import TOKEN_KEY, Fate, Meta
from tests.simulation.model import Message, Model, Ready
from tests.simulation.virtual import VirtualLoop, run
from tests.simulation.world import Story, Worker, World, faults, told

from picha.cloudapi.messages import ImageSend
from picha.gateway.domain.outcomes import GIVE_UP_AFTER, NAMES, Ambiguous, Barred, NotSent, Outcome
from picha.gateway.meta import tokens
from picha.gateway.store.lanes import Lease
from picha.gateway.store.numbers import PausedFor

SEEDS = int(os.environ.get("SIMULATED_SEEDS", "2000"))  # noqa: TID251 - how long to look is the caller's choice
CHUNKS = 20
# A seeded bug must show within so many stories.
WITHIN = 500


@pytest.fixture(autouse=True, scope="module")
def silence() -> Iterator[None]:
    """Keep the workers from telling of troubles that are made on purpose."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.configure(**before)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_story_loses_doubles_overtakes_or_rushes_a_message(chunk: int) -> None:
    """A seed that fails is told again alike by `tests.simulation.world.told(seed)`."""
    for seed in range(chunk, SEEDS, CHUNKS):
        assert not (found := faults(told(seed))), (seed, found)


def shape(story: Story) -> list[Any]:
    return [
        [(effect.at, effect.wamid) for effect in story.meta.effects],
        [(one.id, one.phase, one.status, one.attempts) for one in story.model.messages.values()],
    ]


def test_the_same_seed_tells_the_same_story() -> None:
    assert [shape(told(seed)) for seed in range(10)] == [shape(told(seed)) for seed in range(10)]


def test_the_stories_are_eventful() -> None:
    stories = [told(seed) for seed in range(130)]
    outcomes = {one.outcome for story in stories for one in story.model.attempts.values()}
    phases = {one.phase for story in stories for one in story.model.messages.values()}

    assert outcomes == {"accepted", "rejected", "throttled", "barred", "not_sent", "ambiguous"}
    assert {"submitted", "failed"} <= phases
    assert any(one.error_code == "SEND_OUTCOME_UNKNOWN" for s in stories for one in s.model.messages.values())
    assert any(one.duplicates for story in stories for one in story.model.messages.values())
    assert any(lane.fence > 3 for story in stories for lane in story.model.lanes.values())


class LostAnswersAreNotSent(Meta):
    """Bug: what was lost on the way is taken for never sent."""

    def _fate(self) -> Fate:
        fate = super()._fate()
        return replace(fate, answer=NotSent("lost")) if isinstance(fate.answer, Ambiguous) else fate


class NoFence(Model):
    """Bug: an owner that lost its lane may go on."""

    def _holds(self, lease: Lease, margin: float) -> bool:  # noqa: ARG002
        return True


class OrphansAreQueued(Model):
    """Bug: what an earlier owner left in flight is sent once more."""

    def _lose(self, message: Message, held_until: float) -> None:
        message.phase, message.due_at, message.held_until = "queued", self.now(), held_until


class NoOrphans(Model):
    """Bug: nobody looks after what an earlier owner left in flight."""

    def orphan(self, lease: Lease) -> int:  # noqa: ARG002
        return 0


class NoOrder(Model):
    """Bug: whatever may go in a conversation goes."""

    def _let_go(self, one: Message) -> bool:  # noqa: ARG002
        return True


class NoPace(Model):
    """Bug: a pair's pace is not counted."""

    def _pass_on(self, thread: UUID, rest: float | None) -> None:  # noqa: ARG002
        super()._pass_on(thread, None)


class LostWakeUp(Model):
    """Bug: a conversation in which nothing may go yet is never looked at again."""

    def due(self, sender: UUID, busy: Iterable[UUID], most: int) -> list[Ready]:
        found = super().due(sender, busy, most)
        for thread, pair in self.pairs.items():
            if pair.next_due is not None and pair.next_due > self.now() and self.waiting(thread):
                pair.next_due = None
        return found


class NeverGivenUp(Model):
    """Bug: what is unknown stays so."""

    def confirm(self) -> None:
        return


class GivenUpLate(Model):
    """Bug: what is unknown is given up minutes after its time."""

    def _lose(self, message: Message, held_until: float) -> None:
        super()._lose(message, held_until)
        message.due_at = self.now() + GIVE_UP_AFTER.total_seconds() + 120


class WokenLate(Model):
    """Bug: a conversation that became ready is looked at minutes later."""

    def _wake(self, thread: UUID, priority: int) -> None:
        super()._wake(thread, priority)
        self.pairs[thread].next_due = self.now() + 120


BUGS: list[Callable[..., Any]] = [
    LostAnswersAreNotSent,
    NoFence,
    OrphansAreQueued,
    NoOrphans,
    NoOrder,
    NoPace,
    LostWakeUp,
    NeverGivenUp,
]
# Where to look first for what hardly any story shows.
SHOWN_AT: dict[Callable[..., Any], int] = {NoFence: 431}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_seeded_bug_is_found(bug: type) -> None:
    part = "meta" if issubclass(bug, Meta) else "model"
    seeds = [SHOWN_AT.get(bug, 0), *range(WITHIN)]

    assert any(faults(told(seed, **{part: bug})) for seed in seeds)


@pytest.mark.parametrize("bug", [GivenUpLate, WokenLate], ids=lambda bug: bug.__name__)
def test_what_ends_well_but_too_late_is_found(bug: type[Model]) -> None:
    found = [faults(told(seed, model=bug)) for seed in range(20)]

    assert any(found)
    assert all("was late" in fault for story in found for fault in story)


class PausesAtTheSecondWord(Model):
    """A database that fails whenever a number is to be paused, and takes it when it is told again."""

    is_deaf = False

    def pause(self, sender: UUID, why: PausedFor) -> bool:
        self.is_deaf = not self.is_deaf
        if self.is_deaf:
            raise ConnectionResetError
        return super().pause(sender, why)


class Remembering(Meta):
    """Meta that refuses the token often, and knows what it answered about each attempt."""

    def __init__(self, *told: Any) -> None:
        super().__init__(*told)
        self.answers: dict[UUID, Outcome] = {}

    def _fate(self) -> Fate:
        return Fate(is_taken=False, answer=Barred("190", "")) if self.chance.random() < 0.2 else super()._fate()

    async def send(self, number: str, message: ImageSend, **line: Any) -> Outcome:
        answer = await super().send(number, message, **line)
        attempt = tokens.read([TOKEN_KEY], message.biz_opaque_callback_data or "")
        assert attempt is not None
        self.answers[attempt] = answer
        return answer


class Lasting(World):
    """A story in which no worker dies, and the database serves but for what its model does."""

    async def _strike(self, workers: list[Worker]) -> None:
        del workers
        self._resume()


def test_what_meta_answered_is_kept_although_what_follows_from_it_cannot_be_done_at_once() -> None:
    barred = 0
    for seed in range(20):
        loop = VirtualLoop()
        world = Lasting(loop, seed, model=PausesAtTheSecondWord, meta=Remembering)
        story = run(loop, world.tell())
        assert isinstance(story.meta, Remembering)
        kept = {one.id: one.outcome for one in story.model.attempts.values()}
        told = {attempt: NAMES[type(answer)] for attempt, answer in story.meta.answers.items()}
        assert {attempt: kept[attempt] for attempt in told} == told, seed
        barred += list(told.values()).count("barred")
    assert barred > 5


@pytest.mark.timeout(3600)
def test_no_number_in_trouble_keeps_quiet_ones_or_what_is_urgent_waiting() -> None:
    """A seed that fails is told again alike by `tests.simulation.flood.flooded(seed)`."""
    for seed in range(SEEDS // 20):
        assert not (found := unfair(flooded(seed))), (seed, found)


def test_the_floods_are_floods() -> None:
    stories = [flooded(seed) for seed in range(10)]

    for story in stories:
        flooding, *quiet = story.model.lanes
        waiting = [one for one in story.model.messages.values() if one.phase == "queued"]
        assert {one.sender for one in waiting} <= {flooding}
        assert quiet
    assert sum(any(one.phase == "queued" for one in story.model.messages.values()) for story in stories) > 5


class OneLaneAtATime(Flood):
    """A worker that may hold one lane only."""

    most = 1


class NoTurns(Model):
    """Bug: nobody sees that another lane waits for its turn."""

    def is_wanted(self) -> bool:
        return False


def test_a_worker_that_drains_one_number_before_it_takes_the_next_is_found_out() -> None:
    assert any("quiet" in one for seed in range(20) for one in unfair(flooded(seed, OneLaneAtATime, model=NoTurns)))
    assert not any(unfair(flooded(seed, OneLaneAtATime)) for seed in range(20))


def test_a_lane_that_looks_only_when_it_is_hungry_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picha.gateway.lanes.keeper._FRESH_SECONDS", float("inf"))

    assert any("urgent" in one for seed in range(20) for one in unfair(flooded(seed)))
