"""The figures of sending: durable accepts, sends through the dispatcher, and what the two carry together."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from statistics import median

from bench import client
from bench.ground import CUSTOMERS, FIRST_CUSTOMER, Ground
from bench.load import load, request
from bench.measuring import Figure, answers, compare, cpu, peak, program

_CONNECTIONS = 64
# What a worker lets fly for each number.
_ROOM = 64


@contextmanager
def running(ground: Ground, *names: str) -> "Iterator[Mapping[str, subprocess.Popen[bytes]]]":
    """Run programs, each ready to answer when the next one starts."""
    stub, api, bare = map(str, ground.ports)
    ours, other = ground.environment, {**ground.environment, "PICHA_PORT": bare}
    known = {
        "api": (("picha.cli", "api"), ours, api),
        "worker": (("picha.cli", "worker"), ours, None),
        "stub": (("bench.servers", "stub", stub), ours, stub),
        "telling": (("bench.servers", "telling", stub, api), ours, stub),
        "counting": (("bench.servers", "counting", stub), ours, stub),
        "watched": (("bench.servers", "watched"), ours, api),
        "idle": (("bench.servers", "idle"), other, bare),
        "hollow": (("bench.servers", "hollow"), other, bare),
        "bare": (("bench.servers", "bare"), other, bare),
    }
    with ExitStack() as stack:
        programs = {}
        for name in names:
            words, environment, port = known[name]
            programs[name] = stack.enter_context(program("-m", *words, environment=environment))
            if port:
                answers(f"http://127.0.0.1:{port}/")
        yield programs


def accepts(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Durable accepts, against the same server with only the ledger's write replaced."""
    requests = _asks(ground)

    def ours() -> float:
        begun, ended = load(ground.ports.api, requests, connections=_CONNECTIONS, count=count)
        ground.done("phase = 'queued'", count)
        return count / (ended - begun)

    with running(ground, "api", "hollow"):
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


QUEUE = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    due_at, caption, file_id, image_state, created_at)
SELECT uuidv7(), workspace_id, id, sender_id, contact_id, true, 'image', 'queued', 'pending',
    now() + interval '1 day', 'Your receipt', %(file)s, 'stored', now()
FROM conversation, generate_series(1, %(count)s / (SELECT count(*) FROM conversation) + 1) AS lap
ORDER BY lap, contact_id, sender_id LIMIT %(count)s
"""
RELEASE = """
WITH due AS (
    UPDATE message SET due_at = clock_timestamp() WHERE phase = 'queued' RETURNING conversation_id, sender_id
), turns AS (
    INSERT INTO pair (conversation_id, sender_id, next_due)
    SELECT DISTINCT ON (conversation_id) *, clock_timestamp() FROM due
    ON CONFLICT (conversation_id) DO UPDATE SET next_due = excluded.next_due, opens_at = NULL
)
SELECT pg_notify('picha_send', '')
"""
WAITING = "SELECT 1 FROM message WHERE phase = 'queued' UNION ALL SELECT 1 FROM attempt WHERE outcome IS NULL LIMIT 1"


def sends(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Sends through the dispatcher to a trivial stub, against a bare client with as many in flight on the same stub."""
    url = f"http://127.0.0.1:{ground.ports.stub}/v25.0/{ground.senders[0][1]}/messages"
    flying = _ROOM * len(ground.senders)

    def dispatched() -> float:
        ground.sql(QUEUE, file=ground.file, count=count)
        ground.sql(RELEASE)
        begun = time.perf_counter()
        wait(lambda: not ground.sql(WAITING))
        seconds = time.perf_counter() - begun
        ground.done("phase = 'submitted'", count)
        return count / seconds

    with running(ground, "stub", "worker"):
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

    with running(ground, "telling" if told else "stub", "api", "worker", "hollow") as programs:
        ours = [ground.postgres, programs["api"], programs["worker"]]

        def through() -> float:
            before = cpu(*ours)
            begun, _ = load(ground.ports.api, requests, connections=_CONNECTIONS, count=count)
            wait(lambda: ground.count(reached) >= count, every=0.05)
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
        most = max(peak(programs[name]) for name in ("api", "worker"))
    note = f"   {median(spent) * 1e6:.0f} µs CPU each with PostgreSQL, at most {most} MB a process"
    return replace(figure, note=note)


def wait(condition: Callable[[], bool], *, every: float = 0.01) -> None:
    """Wait until `condition` holds, but no longer than two minutes."""
    deadline = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the work was not done in two minutes")
        time.sleep(every)
