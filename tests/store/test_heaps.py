"""More to conclude at once than one transaction takes: it is worked off in one turn, a round after the other."""

from collections.abc import Callable, Iterator
from itertools import repeat

from tests.store.ground import VAULT, Ground

from picha.gateway.domain.outcomes import Ambiguous
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.times import Times
from picha.gateway.sending.confirming import Confirming
from picha.gateway.store.ledger.withdraw import MOST
from picha.kit.clock import SystemClock

HEAP = 2 * MOST + 1

# As many more like the only message there is, each with as many attempts as that has.
_MULTIPLY = """
WITH more AS (
    INSERT INTO message SELECT (jsonb_populate_record(message, jsonb_build_object('id', gen_random_uuid()))).*
    FROM message, generate_series(2, $1) WHERE is_outbound RETURNING id
)
INSERT INTO attempt SELECT (jsonb_populate_record(attempt, jsonb_build_object('id', gen_random_uuid(),
    'message_id', more.id, 'wamid', 'wamid.' || more.id))).* FROM attempt, more
"""


async def heap(ground: Ground) -> None:
    """Let so many messages be unknown that one transaction does not take them all."""
    await ground.customer_writes()
    message = await ground.send(on_unknown="resend")
    await ground.settle(message, await ground.begin(await ground.lease(), message), Ambiguous("Cut off."))
    await ground.pool.execute(_MULTIPLY, HEAP)


def confirming(ground: Ground, *, may_go: Callable[[], bool] = lambda: True, rounds: int = 40) -> Confirming:
    clock = SystemClock()
    book = AccountBook(ground.pool, VAULT, clock)
    return Confirming(ground.pool, book, Times(clock, book), may_go=may_go, rounds=rounds)


async def count(ground: Ground, where: str) -> int:
    found: int = await ground.pool.fetchval(f"SELECT count(*) FROM message WHERE is_outbound AND {where}")
    return found


async def test_a_heap_of_unknown_sends_is_given_up_in_one_turn(ground: Ground) -> None:
    await heap(ground)
    await ground.pool.execute("UPDATE message SET due_at = now() WHERE phase = 'unknown'")

    await confirming(ground).turn()

    assert await count(ground, "error_code = 'SEND_OUTCOME_UNKNOWN'") == HEAP


async def test_a_heap_that_shows_to_be_absent_is_queued_anew_in_one_turn(ground: Ground) -> None:
    await heap(ground)
    await ground.pool.execute("UPDATE message SET due_at = now() + interval '1 minute' WHERE phase = 'unknown'")
    await ground.meta_is_heard()

    await confirming(ground).turn()

    assert await count(ground, "phase = 'queued'") == HEAP


async def test_a_heap_past_its_own_time_expires_in_one_turn(ground: Ground) -> None:
    await heap(ground)
    await ground.pool.execute("UPDATE message SET phase = 'queued', expires_at = now() WHERE is_outbound")
    await ground.pool.execute("UPDATE attempt SET outcome = 'not_sent'")

    await confirming(ground).turn()

    assert await count(ground, "error_code = 'EXPIRED'") == HEAP


async def test_a_heap_of_parked_evidence_is_bound_before_anything_is_given_up(ground: Ground) -> None:
    await heap(ground)
    await ground.pool.execute("UPDATE message SET due_at = now() WHERE phase = 'unknown'")
    await ground.pool.execute(
        "INSERT INTO evidence (wamid, status, provider_at, sender_id, workspace_id, received_at)"
        " SELECT coalesce(wamid, 'wamid.first'), 'delivered', now(), sender_id, workspace_id, now() FROM attempt"
    )
    await ground.pool.execute("UPDATE attempt SET wamid = 'wamid.first' WHERE wamid IS NULL")

    await confirming(ground).turn()

    assert await count(ground, "status = 'delivered'") == HEAP


async def test_a_turn_ends_after_its_rounds_and_as_soon_as_nothing_may_be_done(ground: Ground) -> None:
    await heap(ground)
    await ground.pool.execute("UPDATE message SET due_at = now() WHERE phase = 'unknown'")

    await confirming(ground, rounds=1).turn()
    assert await count(ground, "phase = 'unknown'") == HEAP - MOST

    # Bind, resend and one round of giving up, and then no more.
    answers: Iterator[bool] = iter([True, True, True, *repeat(False, 10)])
    await confirming(ground, may_go=lambda: next(answers)).turn()
    assert await count(ground, "phase = 'unknown'") == HEAP - 2 * MOST
