"""The ledger's model, which the simulation believes, against PostgreSQL: the same deeds lead to the same."""

import time
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from tests.simulation.model import Message, Model
from tests.store.ground import Ground

from picha.gateway.domain.admission import Sender
from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.outcomes import Accepted, Ambiguous, Barred, NotSent, Outcome, Rejected, Scope, Throttled
from picha.gateway.meta.limits import PAIR_PACE
from picha.gateway.store import lanes
from picha.gateway.store.lanes import Lease
from picha.gateway.store.ledger import decide, equip
from picha.gateway.store.ledger.admit import admit
from picha.gateway.store.ledger.begin import Beginning, begin
from picha.gateway.store.ledger.settle import Settlement

PHONES = ("16505551234", "255712345678")
MEDIA = "1003383421387256"
STEPS = 70
ACCOUNT_ID = UUID(int=1)


class Twins:
    """A ledger in PostgreSQL and its model, to which the same is done."""

    def __init__(self, ground: Ground, chance: Random, model: type[Model] = Model) -> None:
        self.ground, self.chance = ground, chance
        self.passed, self.wamids = 0.0, 0
        self.model = model(lambda: time.monotonic() + self.passed, PAIR_PACE)
        self.deeds = {
            self.admit: 2,
            self.go: 3,
            self.settle: 3,
            self.told: 2,
            self.picture: 1,
            self.no_picture: 1,
            self.later: 1,
            self.confirm: 1,
            self.wait: 2,
            self.lease_anew: 1,
        }
        sender = Sender(ground.sender, ACCOUNT_ID, "test", "1", "1", is_active=True, image_policy="auto")
        self.model.add_number(sender, 80)

    async def open(self) -> None:
        for number, phone in enumerate(PHONES):
            await self.ground.customer_writes(phone, f"wamid.IN{number}", image_state=None)
        self.file = await self.ground.picture()
        await self.lease_anew()

    async def lease_anew(self) -> None:
        """Let another owner have the lane, for as long as the test needs it."""
        lane = self.model.lanes[self.ground.sender]
        lane.fence += 1
        lane.until = float("inf")
        await self.ground.pool.execute(
            "UPDATE lane SET fence = $2, leased_until = now() + interval '1 day' WHERE kind = 'send' AND key = $1",
            self.ground.sender,
            lane.fence,
        )
        self.lease = Lease(lanes.SEND, self.ground.sender, lane.fence)
        assert await decide.orphan(self.ground.pool, self.lease, PAIR_PACE) == self.model.orphan(self.lease)

    async def step(self) -> str:
        """Do one thing to both."""
        deed = self.chance.choice([deed for deed, weight in self.deeds.items() for _ in range(weight)])
        await deed()
        return deed.__name__

    async def admit(self) -> None:
        has_picture, resends = self.chance.random() < 0.7, self.chance.random() < 0.4
        send = await self.ground.new_send(
            file=self.file if has_picture else None,
            media_url=None if has_picture else "https://shop.example/a.jpg",
            phone=self.chance.choice(PHONES),
            priority=self.chance.randrange(2),
            on_unknown="resend" if resends else "hold",
        )
        await admit(self.ground.pool, [send])
        self.model.admit(
            send.id,
            send.conversation_id,
            send.sender_id,
            has_picture=has_picture,
            priority=send.priority,
            resends=resends,
        )

    async def go(self) -> None:
        """Ask what may go, and begin some of it."""
        theirs = await self.ground.may_go()
        ours = [one.id for one in self.model.due(self.ground.sender, (), 50)]
        assert sorted(theirs) == sorted(ours)
        for message in theirs:
            if self.chance.random() < 0.7:
                one = Beginning(self.lease, message, self.ground.ids.uuid(), MEDIA)
                assert await begin(self.ground.pool, [one]) == self.model.begin([one])

    async def settle(self) -> None:
        open_now = [one for one in self.model.attempts.values() if one.outcome in {None, "ambiguous"}]
        if open_now:
            attempt, outcome = self.chance.choice(open_now), self._outcome()
            again = timedelta(seconds=self.chance.choice([1, 20, 100]))
            doubled = await self.ground.settle(attempt.message, attempt.id, outcome, again)
            assert [doubled] == self.model.settle([Settlement(attempt.message, attempt.id, outcome, again)])

    def _outcome(self) -> Outcome:
        self.wamids += 1
        choices: list[Outcome] = [
            *[Accepted(f"wamid.OUT{self.wamids}")] * 4,
            *[Ambiguous("Lost.")] * 2,
            Rejected("131009", "Parameter", "Wrong."),
            Throttled("130429", "Slow.", Scope.NUMBER),
            Throttled("131056", "Slow.", Scope.PAIR),
            Throttled("131016", "Away."),
            Barred("190", "Token."),
            NotSent("Refused."),
        ]
        return self.chance.choice(choices)

    async def told(self) -> None:
        """Let a status come in: by the wamid, or by the token of an attempt whose answer may be lost."""
        if not self.model.attempts:
            return
        attempt = self.chance.choice(list(self.model.attempts.values()))
        if attempt.outcome not in {None, "ambiguous", "accepted"}:
            return
        self.wamids += 1
        wamid = attempt.wamid or f"wamid.OUT{self.wamids}"
        token = attempt.id if self.chance.random() < 0.7 else None
        status, code = self.chance.choice(
            [("sent", 0), ("delivered", 0), ("read", 0), ("failed", 131053), ("failed", 131026)]
        )
        at = float(self.chance.randrange(100))
        await self.ground.meta_says(wamid, status, code=code, attempt=token, seconds=at)
        await self.ground.meta_is_heard()
        self.model.tell(self.ground.sender, wamid, status, at, code=code, token=token)

    async def picture(self) -> None:
        if (message := self._in_phase("image_wait")) is not None:
            await equip.ready(self.ground.pool, message, self.file)
            self.model.equip(message)

    async def no_picture(self) -> None:
        if (message := self._in_phase("image_wait")) is not None:
            await equip.refused(self.ground.pool, message, code="131052", title="Media download error", detail="Gone.")
            self.model.refuse(message, "131052")
            self.model._wake(self.model.messages[message].thread, self.model.messages[message].priority)

    async def later(self) -> None:
        if (message := self._in_phase("queued")) is not None:
            await equip.later(self.ground.pool, message, timedelta(seconds=20), Reason("Later."))
            self.model.later(message, 20)

    def _in_phase(self, phase: str) -> UUID | None:
        found = [one.id for one in self.model.messages.values() if one.phase == phase]
        return self.chance.choice(found) if found else None

    async def confirm(self) -> None:
        await decide.resend(self.ground.pool)
        await decide.give_up(self.ground.pool)
        self.model.confirm()

    async def wait(self) -> None:
        seconds = self.chance.choice([1.5, 4, 13, 37, 150, 500])
        length = timedelta(seconds=seconds)
        await self.ground.time_passes(length)
        await self.ground.pool.execute("UPDATE sender SET heard_at = heard_at - $1::interval", length)
        self.passed += seconds

    async def compare(self) -> None:
        """Every message shows the same, here and there."""
        for one in self.model.messages.values():
            seen = await self.ground.see(one.id)
            theirs = (seen.phase, seen.status, seen.error_code, seen.attempts, seen.duplicates, seen.waiting_for)
            ours = (one.phase, one.status, one.error_code, one.attempts, one.duplicates, self.model.waits_for(one))
            assert theirs == ours, one


async def live(twins: Twins) -> None:
    """Do some seventy things to both, and compare them after each."""
    await twins.open()
    deeds = []
    for _ in range(STEPS):
        try:
            deeds.append(await twins.step())
            await twins.compare()
        except AssertionError as error:
            raise AssertionError(f"after {deeds[-12:]}") from error


@pytest.mark.parametrize("seed", range(12))
async def test_the_same_deeds_lead_to_the_same_in_the_model_and_in_postgresql(ground: Ground, seed: int) -> None:
    await live(Twins(ground, Random(seed)))


class HoldsNobodyUp(Model):
    """A model that knows no order."""

    def _let_go(self, one: Message) -> bool:  # noqa: ARG002
        return True


async def test_a_model_that_is_wrong_is_found_out(ground: Ground) -> None:
    with pytest.raises(AssertionError):
        await live(Twins(ground, Random(0), HoldsNobodyUp))
