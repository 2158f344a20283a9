"""A message's state is a function of what is known of it: order, duplication and batching cannot matter."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest
from tests.store.ground import Ground

from picha.gateway.domain.outcomes import Accepted, Ambiguous, NotSent, Outcome, Rejected, Throttled
from picha.gateway.store.ledger import decide

REFUSED = Rejected("131031", "Account has been locked", "Have it released.")
LOST, NOT_SENT = Ambiguous("The answer was cut off."), NotSent("No connection.")


@dataclass(frozen=True)
class Answer:
    """The newest attempt is answered; `is_taken` means accepted."""

    outcome: Outcome | None = None


@dataclass(frozen=True)
class Says:
    """Meta tells a status of one attempt, with our token unless told otherwise."""

    attempt: int
    status: str
    code: int = 0
    has_token: bool = True


ANSWERED = Answer()
ONE_ATTEMPT: list[Sequence[Answer | Says]] = [
    (ANSWERED, Says(1, "sent"), Says(1, "delivered"), Says(1, "read")),
    (ANSWERED, Says(1, "sent"), Says(1, "failed", 131026), Says(1, "delivered")),
    (ANSWERED, Says(1, "sent"), Says(1, "failed", 131026), Says(1, "failed", 131026)),
    (ANSWERED, Says(1, "sent", has_token=False), Says(1, "failed", 131053, has_token=False)),
    (ANSWERED, Says(1, "failed", 131053), Says(1, "delivered")),
    (Answer(LOST), Says(1, "sent"), Says(1, "failed", 131026, has_token=False)),
    (Answer(Throttled("131016", "Later.")), Says(1, "delivered"), Says(1, "sent")),
    (Answer(REFUSED), Says(1, "sent")),
]
TWO_ATTEMPTS: list[Sequence[Answer | Says]] = [
    (ANSWERED, Says(1, "sent"), Says(1, "failed", 131026), Says(2, "sent")),
    (ANSWERED, Says(1, "delivered"), Says(2, "failed", 131026), Says(2, "sent")),
    (ANSWERED, Says(1, "delivered"), Says(1, "failed", 131026), Says(2, "delivered")),
    (ANSWERED, Says(1, "sent"), Says(2, "failed", 131026)),
    (ANSWERED, Says(1, "sent"), Says(2, "failed", 131053), Says(1, "failed", 131026)),
    (ANSWERED, Says(1, "sent"), Says(2, "failed", 131053)),
    (Answer(REFUSED), Says(1, "sent"), Says(1, "failed", 131026, has_token=False)),
    (Answer(REFUSED), Says(1, "sent"), Says(1, "delivered")),
    (Answer(LOST), Says(2, "sent"), Says(1, "failed", 131026)),
    (Answer(LOST), Says(1, "sent"), Says(1, "failed", 131026)),
    (Answer(NOT_SENT), Says(1, "sent"), Says(1, "failed", 131026)),
    (Answer(NOT_SENT), Says(1, "sent")),
]


async def prepare(ground: Ground, count: int, attempts: int) -> list[tuple[UUID, list[UUID]]]:
    """Begin as many attempts at each of `count` messages; all but the newest are lost and to be sent once more."""
    file = await ground.picture()
    messages = [await ground.send(file=file, on_unknown="resend") for _ in range(count)]
    lease = await ground.lease()
    begun = [[await ground.begin(lease, message)] for message in messages]
    for _ in range(attempts - 1):
        for message, tries in zip(messages, begun, strict=True):
            await ground.settle(message, tries[-1], LOST)
        await ground.time_passes(timedelta(seconds=121))
        await ground.meta_is_heard()
        assert await decide.resend(ground.pool) == count
        await ground.pool.execute("UPDATE lane SET leased_until = NULL")
        lease = await ground.lease()
        for message, tries in zip(messages, begun, strict=True):
            tries.append(await ground.begin(lease, message))
    return list(zip(messages, begun, strict=True))


async def happens(ground: Ground, message: UUID, tries: Sequence[UUID], event: Answer | Says) -> None:
    def wamid(attempt: int) -> str:
        return f"wamid.{message}.{attempt}"

    match event:
        case Answer(outcome):
            await ground.settle(message, tries[-1], outcome or Accepted(wamid(len(tries))))
        case Says(attempt, status, code, has_token):
            token = tries[attempt - 1] if has_token else None
            await ground.meta_says(wamid(attempt), status, code=code, attempt=token)


async def state(ground: Ground, message: UUID) -> tuple[object, ...]:
    view = await ground.see(message)
    wamid = view.provider_message_id
    return (
        view.phase, view.status, view.attempts, wamid and wamid[-1], view.sent_at, view.delivered_at, view.read_at,
        view.error_code, view.error_message, view.error_detail, view.warning_code, view.duplicates,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attempts", "events"), [*((1, one) for one in ONE_ATTEMPT), *((2, one) for one in TWO_ATTEMPTS)]
)
async def test_every_order_with_duplicates_leads_to_one_state(
    ground: Ground, attempts: int, events: Sequence[Answer | Says]
) -> None:
    await ground.customer_writes()
    orders, chance = list(permutations(events)), random.Random(4)
    messages = await prepare(ground, len(orders), attempts)

    for (message, tries), order in zip(messages, orders, strict=True):
        for event in (*order, *chance.choices(order, k=2)):
            await happens(ground, message, tries, event)

    states = {await state(ground, message) for message, _ in messages}
    assert len(states) == 1, states
