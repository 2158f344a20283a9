"""The figures of hearing: webhook updates from arrival to what is made of them, and how long Meta waits for answers."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median, quantiles

from bench import steady
from bench.figures import QUEUE, RELEASE, WAITING, running, wait
from bench.ground import CUSTOMERS, FIRST_CUSTOMER, Ground
from bench.load import load, webhook
from bench.measuring import Figure, compare, cpu
from picha.gateway.meta import tokens
from picha.gateway.store.vault import Vault, ensure_ring

_ROUND = itertools.count(1)
# 80 messages a second each way, three statuses each: what Meta asks to be ready for at a number's default pace.
_STEADY, _BURST, _BURST_EVERY_S = 264, 330, 5
PROMISED_MEDIAN_S, PROMISED_P99_S = 0.05, 0.25
_ATTEMPTS = """
WITH sent AS (
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase,
        status, caption, file_id, image_state, created_at, attempts)
    SELECT uuidv7(), workspace_id, id, sender_id, contact_id, true, 'image', 'submitted', 'pending',
        'Your receipt', %(file)s, 'stored', now(), 1
    FROM conversation, generate_series(1, 100) WHERE sender_id = %(sender)s LIMIT %(count)s
    RETURNING id, workspace_id, sender_id
)
INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
SELECT uuidv7(), workspace_id, id, sender_id, 1, 0, now(), 'accepted',
    'wamid.HBgMMjU1NzAwMDAwMDAxFQIAERgS' || %(round)s || encode(sha256(id::text::bytea), 'hex')
FROM sent RETURNING wamid, id
"""
_UNDIGESTED = "SELECT 1 FROM raw_webhook WHERE digested_at IS NULL LIMIT 1"


def updates(ground: Ground, *, rounds: int, count: int, batch: int) -> Figure:
    """Statuses from arrival to fold, against signature check, decode and the same rows written as they come."""
    pnid = ground.senders[0][1]

    def bodies() -> list[bytes]:
        items = list(_statuses(ground, count // 3))
        return [webhook(pnid, {"statuses": items[n : n + batch]}) for n in range(0, len(items), batch)]

    return _heard(ground, f"statuses, {batch} a post", bodies, "status = 'read'", count // 3 * 3, rounds=rounds, each=3)


def _statuses(ground: Ground, count: int) -> Iterator[dict[str, object]]:
    """Store as many messages as sent, and yield all that they were sent, delivered and read, as Meta tells it."""
    key = Vault(ensure_ring(ground.home / "keys")).derive("callback tokens")
    rows = ground.sql(_ATTEMPTS, file=ground.file, sender=ground.senders[0][0], count=count, round=str(next(_ROUND)))
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
    for status in ("sent", "delivered", "read"):
        for wamid, attempt in rows:
            yield {
                "id": wamid,
                "status": status,
                "timestamp": "1769860000",
                "recipient_id": str(FIRST_CUSTOMER),
                "biz_opaque_callback_data": tokens.make(key, attempt),
                **({} if status == "read" else {"pricing": pricing}),
            }


def received(ground: Ground, *, rounds: int, count: int, batch: int) -> Figure:
    """Customers' messages from arrival to their threads, against the same as `updates`."""
    pnid = ground.senders[0][1]

    def bodies() -> list[bytes]:
        items = list(_messages(count))
        return [webhook(pnid, {"messages": items[n : n + batch]}) for n in range(0, count, batch)]

    return _heard(ground, f"customers' messages, {batch} a post", bodies, "phase = 'received'", count, rounds=rounds)


def _messages(count: int) -> Iterator[dict[str, object]]:
    prefix = f"wamid.HBgMMjU1NzAwMDAwMDAxFQIAEhgU{next(_ROUND)}."
    for n in range(count):
        yield {
            "from": str(FIRST_CUSTOMER + n % CUSTOMERS),
            "id": f"{prefix}{n}",
            "timestamp": "1769860000",
            "type": "text",
            "text": {"body": "Asante, nimepokea."},
        }


def _heard(
    ground: Ground,
    name: str,
    bodies: Callable[[], list[bytes]],
    reached: str,
    count: int,
    *,
    rounds: int,
    each: int = 1,
) -> Figure:
    spent: dict[str, list[float]] = {"api": [], "bare": []}

    with running(ground, "api", "worker", "bare") as programs:

        def through(port: int, *names: str) -> float:
            prepared, busy = bodies(), [ground.postgres, *(programs[one] for one in names)]
            before = cpu(*busy)
            begun = load(port, prepared, connections=8, count=len(prepared)).begun
            wait(lambda: not ground.sql(_UNDIGESTED))
            seconds = time.perf_counter() - begun
            spent[names[0]].append((cpu(*busy) - before) / count)
            ground.done(reached, count // each)
            return count / seconds

        figure = compare(
            f"{name}, against the same rows",
            lambda: through(ground.ports.api, "api", "worker"),
            lambda: through(ground.ports.bare, "bare"),
            rounds=rounds,
        )
    ours, bare = (median(seconds) * 1e6 for seconds in spent.values())
    return replace(figure, note=f"   {ours:.0f} against {bare:.0f} µs CPU each with PostgreSQL")


@dataclass(frozen=True)
class Waits:
    """How long posts waited for their answers, and how many sends went out beside them."""

    seconds: list[float]
    sends_per_second: float

    @property
    def is_kept(self) -> bool:
        """Whether they are as short as is promised."""
        parts = quantiles(self.seconds, n=100)
        return parts[49] <= PROMISED_MEDIAN_S and parts[98] <= PROMISED_P99_S

    def line(self) -> str:
        """Return the figure in one line."""
        parts = quantiles(self.seconds, n=100)
        times = (
            f"median {parts[49] * 1000:.0f} ms, p99 {parts[98] * 1000:.0f} ms, most {max(self.seconds) * 1000:.0f} ms"
        )
        return f"{'answers to posts of one update':<50} {times}, beside {self.sends_per_second:,.0f} sends/s"


def answered(ground: Ground, *, seconds: int) -> Waits:
    """Posts of one update each, 264 a second with bursts of 330 at once, while the dispatcher sends all it can."""
    pnid = ground.senders[0][1]
    count = _STEADY * seconds + _BURST * (seconds // _BURST_EVERY_S)
    with running(ground, "stub", "api", "worker"):
        items = [{"statuses": [one]} for one in _statuses(ground, count // 4)]
        items += [{"messages": [one]} for one in _messages(count - len(items))]
        posts = [webhook(pnid, one) for one in items]
        queued = 1500 * seconds
        ground.sql(QUEUE, file=ground.file, count=queued)
        ground.sql(RELEASE)
        begun = time.perf_counter()
        waits = steady.waits(
            ground.ports.api, posts, per_second=_STEADY, burst=_BURST, every_s=_BURST_EVERY_S, seconds=seconds
        )
        lasted = time.perf_counter() - begun
        left = ground.count("phase = 'queued'")
        wait(lambda: not ground.sql(_UNDIGESTED) and not ground.sql(WAITING))
    ground.clear()
    return Waits(waits, (queued - left) / lasted)
