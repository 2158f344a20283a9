"""The figures: durable accepts, sends through the dispatcher, what the two carry together, and webhook updates."""

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from statistics import median

from bench import client
from bench.ground import CUSTOMERS, FIRST_CUSTOMER, Ground
from bench.load import load, request, webhook
from bench.measuring import Figure, answers, compare, cpu, peak, program

_CONNECTIONS = 64
# What a worker lets fly for each number.
_ROOM = 64
_ROUND = itertools.count(1)


@contextmanager
def _running(ground: Ground, *names: str) -> "Iterator[Mapping[str, subprocess.Popen[bytes]]]":
    """Run programs, each ready to answer when the next one starts."""
    stub, api, bare = map(str, ground.ports)
    ours, other = ground.environment, {**ground.environment, "PICHA_PORT": bare}
    known = {
        "api": (("picha.cli", "api"), ours, api),
        "worker": (("picha.cli", "worker"), ours, None),
        "stub": (("bench.servers", "stub", stub), ours, stub),
        "telling": (("bench.servers", "telling", stub, api), ours, stub),
        "hollow": (("bench.servers", "hollow"), other, bare),
        "bare": (("bench.servers", "bare"), other, bare),
    }
    with ExitStack() as stack:
        running = {}
        for name in names:
            words, environment, port = known[name]
            running[name] = stack.enter_context(program("-m", *words, environment=environment))
            if port:
                answers(f"http://127.0.0.1:{port}/")
        yield running


def accepts(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Durable accepts, against the same server with only the ledger's write replaced."""
    requests = _asks(ground)

    def ours() -> float:
        begun, ended = load(ground.ports.api, requests, connections=_CONNECTIONS, count=count)
        ground.done("phase = 'queued'", count)
        return count / (ended - begun)

    with _running(ground, "api", "hollow"):
        return compare(
            "accepts, fsynced, against not stored",
            ours,
            lambda: _hollow_accepts(ground, requests, count),
            rounds=rounds,
        )


def _hollow_accepts(ground: Ground, requests: Sequence[bytes], count: int) -> float:
    begun, ended = load(ground.ports.bare, requests, connections=_CONNECTIONS, count=count)
    return count / (ended - begun)


def _asks(ground: Ground) -> list[bytes]:
    """Return one request to send a picture for each conversation."""
    headers = {"X-API-Key": ground.key, "Content-Type": "application/json"}
    asked = {"file_id": str(ground.file), "caption": "Your receipt"}
    return [
        request(
            "/v1/whatsapp/messages/image",
            json.dumps({"to": str(FIRST_CUSTOMER + n), "sender": display, **asked}).encode(),
            headers,
        )
        for n in range(CUSTOMERS)
        for _, _, display in ground.senders
    ]


_QUEUE = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    due_at, caption, file_id, image_state, created_at)
SELECT uuidv7(), workspace_id, id, sender_id, contact_id, true, 'image', 'queued', 'pending',
    now() + interval '1 day', 'Your receipt', %(file)s, 'stored', now()
FROM conversation, generate_series(1, %(count)s / (SELECT count(*) FROM conversation) + 1) AS lap
ORDER BY lap, contact_id, sender_id LIMIT %(count)s
"""
_RELEASE = """
WITH due AS (
    UPDATE message SET due_at = clock_timestamp() WHERE phase = 'queued' RETURNING conversation_id, sender_id
), turns AS (
    INSERT INTO pair (conversation_id, sender_id, next_due) SELECT DISTINCT *, clock_timestamp() FROM due
    ON CONFLICT (conversation_id) DO UPDATE SET next_due = excluded.next_due, opens_at = NULL
)
SELECT pg_notify('picha_send', '')
"""
_WAITING = "SELECT 1 FROM message WHERE phase = 'queued' UNION ALL SELECT 1 FROM attempt WHERE outcome IS NULL LIMIT 1"


def sends(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Sends through the dispatcher to a trivial stub, against a bare client with as many in flight on the same stub."""
    url = f"http://127.0.0.1:{ground.ports.stub}/v25.0/{ground.senders[0][1]}/messages"
    flying = _ROOM * len(ground.senders)

    def dispatched() -> float:
        ground.sql(_QUEUE, file=ground.file, count=count)
        ground.sql(_RELEASE)
        begun = time.perf_counter()
        _wait(lambda: not ground.sql(_WAITING))
        seconds = time.perf_counter() - begun
        ground.done("phase = 'submitted'", count)
        return count / seconds

    with _running(ground, "stub", "worker"):
        return compare(
            "sends, dispatched, against a bare client",
            dispatched,
            lambda: count / client.seconds(url, flying=flying, count=count),
            rounds=rounds,
        )


def carried(ground: Ground, *, rounds: int, count: int, told: bool) -> Figure:
    """Sends from the request to Meta's answer, if `told` also to three statuses each, against bare accepts."""
    requests, spent = _asks(ground), []
    reached = "status = 'read'" if told else "phase = 'submitted'"

    with _running(ground, "telling" if told else "stub", "api", "worker", "hollow") as running:
        ours = [ground.postgres, running["api"], running["worker"]]

        def through() -> float:
            before = cpu(*ours)
            begun, _ = load(ground.ports.api, requests, connections=_CONNECTIONS, count=count)
            _wait(lambda: ground.count(reached) >= count, every=0.05)
            seconds = time.perf_counter() - begun
            spent.append((cpu(*ours) - before) / count)
            ground.done(reached, count)
            return count / seconds

        figure = compare(
            f"sent{' and told 3 statuses' if told else ''}, against bare accepts",
            through,
            lambda: _hollow_accepts(ground, requests, count),
            rounds=rounds,
        )
        most = max(peak(running[name]) for name in ("api", "worker"))
    note = f"   {median(spent) * 1e6:.0f} µs CPU each with PostgreSQL, at most {most} MB a process"
    return replace(figure, note=note)


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
SELECT uuidv7(), workspace_id, id, sender_id, 1, 0, now(), 'accepted', %(prefix)s || row_number() OVER ()
FROM sent RETURNING wamid
"""


def updates(ground: Ground, *, rounds: int, count: int, batch: int) -> Figure:
    """Statuses from arrival to fold, against signature check, decode and the same rows written as they come."""
    sender, pnid, _ = ground.senders[0]

    def bodies() -> list[bytes]:
        prefix = f"wamid.R{next(_ROUND)}."
        rows = ground.sql(_ATTEMPTS, file=ground.file, sender=sender, count=count // 3, prefix=prefix)
        items = [
            {"id": wamid, "status": status, "timestamp": "1769860000", "recipient_id": str(FIRST_CUSTOMER)}
            for status in ("sent", "delivered", "read")
            for (wamid,) in rows
        ]
        return [webhook(pnid, {"statuses": items[n : n + batch]}) for n in range(0, len(items), batch)]

    return _heard(ground, f"statuses, {batch} a post", bodies, "status = 'read'", count // 3 * 3, rounds=rounds, each=3)


def received(ground: Ground, *, rounds: int, count: int, batch: int) -> Figure:
    """Customers' messages from arrival to their threads, against the same as `updates`."""
    _, pnid, _ = ground.senders[0]

    def bodies() -> list[bytes]:
        prefix = f"wamid.I{next(_ROUND)}."
        items = [
            {
                "from": str(FIRST_CUSTOMER + n % CUSTOMERS),
                "id": f"{prefix}{n}",
                "timestamp": "1769860000",
                "type": "text",
                "text": {"body": "Asante, nimepokea."},
            }
            for n in range(count)
        ]
        return [webhook(pnid, {"messages": items[n : n + batch]}) for n in range(0, count, batch)]

    return _heard(ground, f"customers' messages, {batch} a post", bodies, "phase = 'received'", count, rounds=rounds)


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

    def through(port: int, *programs: str) -> float:
        prepared, busy = bodies(), [ground.postgres, *(running[name] for name in programs)]
        before = cpu(*busy)
        begun, _ = load(port, prepared, connections=8, count=len(prepared))
        _wait(lambda: not ground.sql("SELECT 1 FROM raw_webhook WHERE digested_at IS NULL LIMIT 1"))
        seconds = time.perf_counter() - begun
        spent[programs[0]].append((cpu(*busy) - before) / count)
        ground.done(reached, count // each)
        return count / seconds

    with _running(ground, "api", "worker", "bare") as running:
        figure = compare(
            f"{name}, against the same rows",
            lambda: through(ground.ports.api, "api", "worker"),
            lambda: through(ground.ports.bare, "bare"),
            rounds=rounds,
        )
    ours, bare = (median(seconds) * 1e6 for seconds in spent.values())
    return replace(figure, note=f"   {ours:.0f} against {bare:.0f} µs CPU each with PostgreSQL")


def _wait(condition: Callable[[], bool], *, every: float = 0.01) -> None:
    """Wait until `condition` holds, but no longer than two minutes."""
    deadline = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the work was not done in two minutes")
        time.sleep(every)
