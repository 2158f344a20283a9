"""Whether a message costs more when many are stored and many wait: CPU of our programs and PostgreSQL a message."""

from collections.abc import Iterator
from operator import itemgetter
from statistics import median

from bench.figures import QUEUE, RELEASE, WAITING, asks, running, wait
from bench.ground import CUSTOMERS, Ground, open_ground
from bench.load import load
from bench.measuring import cpu, peak

FEW, STORED, QUEUED = 1_000, 1_000_000, 100_000
PROMISED, PROMISED_MB = 1.2, 150
_ACCEPTS = 4_000

# What a month leaves behind: read messages, each with its attempt and its evidence.
_OLD = (
    """
    INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase,
        status, caption, file_id, image_state, created_at, attempts)
    SELECT uuidv7(interval '-30 days'), workspace_id, conversation.id, sender_id, contact_id, true, 'image',
        'submitted', 'read', 'Your receipt', %(file)s, 'stored', now() - interval '30 days', 1
    FROM conversation, generate_series(1, %(times)s) LIMIT %(count)s
    """,
    # The check of the attempts' foreign key would otherwise be planned for an empty table.
    "VACUUM ANALYZE message",
    """
    INSERT INTO attempt (id, workspace_id, message_id, sender_id, number, fence, started_at, outcome, wamid)
    SELECT uuidv7(interval '-30 days'), workspace_id, id, sender_id, 1, 0, created_at, 'accepted', 'wamid.OLD.' || id
    FROM message WHERE attempts = 1 AND NOT EXISTS (SELECT FROM attempt WHERE message_id = message.id)
    """,
    """
    INSERT INTO evidence (workspace_id, sender_id, wamid, status, provider_at, received_at, attempt_id)
    SELECT workspace_id, sender_id, wamid, status, started_at, started_at, id
    FROM attempt, unnest(ARRAY['sent', 'delivered', 'read']) AS status ON CONFLICT DO NOTHING
    """,
    "VACUUM ANALYZE",
)


def store(ground: Ground, count: int) -> int:
    """Add so many old messages, and return how many are stored by then."""
    for statement in _OLD:
        ground.sql(statement, file=ground.file, times=count // CUSTOMERS + 1, count=count)
    ground.settle()
    stored: int = ground.sql("SELECT count(*) FROM message")[0][0]
    return stored


def report(many: Ground, *, rounds: int, scale: int) -> Iterator[str]:
    """Compare a ground with few messages stored and waiting to `many`, with a thousand and a hundred times as many.

    The two stand beside each other and take turns, so that the machine's moods hit both.
    """
    waiting, most = QUEUED // scale, 0
    with open_ground() as few:
        stored = store(few, FEW), store(many, STORED // scale)
        yield f"{stored[0]:,} stored and {FEW:,} waiting, against {stored[1]:,} stored and {waiting:,} waiting"
        accepts, sends = [], []
        for _ in range(rounds):
            accepts.append((_accepting(few, FEW), _accepting(many, waiting)))
            less, _ = _sending(few, FEW, laps=20)
            more, megabytes = _sending(many, waiting, laps=1)
            sends.append((less, more))
            most = max(most, megabytes)
    for name, found in ("an accept", accepts), ("a send", sends):
        yield f"{name}: {median(few for few, _ in found):.0f} µs, against {median(many for _, many in found):.0f} µs"
    ratios = [
        sum(map(itemgetter(1), pair)) / sum(map(itemgetter(0), pair)) for pair in zip(accepts, sends, strict=True)
    ]
    ratio = median(ratios)
    yield (
        f"an accept and its send cost {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) times as much "
        f"({PROMISED} at most are promised)"
    )
    yield f"most memory of the worker: {most} MB ({PROMISED_MB} MB at most are promised)"
    if ratio > PROMISED or most > PROMISED_MB:
        raise AssertionError("this is not what is promised")


def _accepting(ground: Ground, waiting: int) -> float:
    """Return the CPU of an accept, in µs, while so many wait that nobody sends."""
    ground.sql(QUEUE, file=ground.file, count=waiting)
    requests = asks(ground)
    with running(ground, "api") as programs:
        load(ground.ports.api, requests, connections=64, count=_ACCEPTS)
        before = cpu(ground.postgres, programs["api"])
        load(ground.ports.api, requests, connections=64, count=_ACCEPTS)
        spent = cpu(ground.postgres, programs["api"]) - before
    ground.done("phase = 'queued'", waiting + 2 * _ACCEPTS)
    return spent / _ACCEPTS * 1e6


def _sending(ground: Ground, waiting: int, *, laps: int) -> tuple[float, int]:
    """Return the CPU of a send, in µs, when so many wait at once, and the worker's most memory, in MB."""
    spent = 0.0
    with running(ground, "stub", "worker") as programs:
        busy = [ground.postgres, programs["worker"]]
        for _ in range(laps):
            ground.sql(QUEUE, file=ground.file, count=waiting)
            before = cpu(*busy)
            ground.sql(RELEASE)
            wait(lambda: not ground.sql(WAITING), every=0.05, within_s=900)
            spent += cpu(*busy) - before
            ground.done("phase = 'submitted'", waiting)
        return spent / (laps * waiting) * 1e6, peak(programs["worker"])
