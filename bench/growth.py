"""Whether a message costs more when many are stored and many wait: CPU of our programs and PostgreSQL a message."""

from collections.abc import Iterator

from bench.figures import QUEUE, RELEASE, WAITING, asks, running, wait
from bench.ground import CUSTOMERS, Ground
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


def report(ground: Ground, *, scale: int) -> Iterator[str]:
    """Measure with a thousand messages stored and a thousand waiting, and with a thousand times and a hundred times."""
    stored, deep = store(ground, FEW), QUEUED // scale
    few = _accepting(ground, FEW), _sending(ground, FEW, laps=20)[0]
    yield f"{stored:,} stored, {FEW:,} waiting: {few[0]:.0f} µs an accept, {few[1]:.0f} µs a send"
    stored = store(ground, STORED // scale)
    accepting, (sending, megabytes) = _accepting(ground, deep), _sending(ground, deep, laps=1)
    yield f"{stored:,} stored, {deep:,} waiting: {accepting:.0f} µs an accept, {sending:.0f} µs a send"
    ratio = (accepting + sending) / sum(few)
    yield f"an accept and its send cost {ratio:.2f} times as much ({PROMISED} at most are promised)"
    yield f"most memory of the worker: {megabytes} MB ({PROMISED_MB} MB at most are promised)"
    if ratio > PROMISED or megabytes > PROMISED_MB:
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
