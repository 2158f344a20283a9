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
from bench.load import Loaded, load, request
from bench.measuring import Figure, answers, compare, cpu, peak, program
from picha.gateway.store.ledger.turns import IS_WAITING

_CONNECTIONS = 64
_P99_MAX_S = 0.05
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
        "showing": (("bench.servers", "showing", stub), ours, stub),
        "watched": (("bench.servers", "watched"), ours, api),
        "idle": (("bench.servers", "idle"), other, bare),
        "hollow": (("bench.servers", "hollow"), other, bare),
        "lonely": (("bench.servers", "lonely"), other, bare),
        "forward": (("bench.servers", "forward", stub), other, bare),
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
    return _accepted(ground, "accepts, fsynced, against not stored", "hollow", 0, rounds=rounds, count=count)


def grouped(ground: Ground, *, rounds: int, count: int) -> Figure:
    """Durable accepts, against the same server with a transaction for each request."""
    return _accepted(ground, "accepts, against a commit each", "lonely", count, rounds=rounds, count=count)


def _accepted(ground: Ground, name: str, baseline: str, stored: int, *, rounds: int, count: int) -> Figure:
    """Accepts, against a baseline that stores so many of as many."""
    requests, late = asks(ground), []

    def through(port: int, stored: int) -> Loaded:
        loaded = load(port, requests, connections=_CONNECTIONS, count=count)
        ground.done("phase = 'queued'", stored)
        return loaded

    def ours() -> float:
        loaded = through(ground.ports.api, count)
        late.append(loaded.p99)
        return count / loaded.seconds

    with running(ground, "api", baseline):
        figure = compare(name, ours, lambda: count / through(ground.ports.bare, stored).seconds, rounds=rounds)
    p99 = median(late)
    note = f"   p99 {p99 * 1e3:.0f} ms, {_P99_MAX_S * 1e3:.0f} ms is promised ({_CONNECTIONS} connections)"
    return replace(figure, note=note, is_in_time=p99 < _P99_MAX_S)


def _forwarded(ground: Ground, requests: Sequence[bytes], count: int) -> float:
    """Accepts that are forwarded at once and kept nowhere, until the last is answered."""
    begun = load(ground.ports.bare, requests, connections=_CONNECTIONS, count=count).begun
    answers(f"http://127.0.0.1:{ground.ports.bare}/drained")
    return count / (time.perf_counter() - begun)


def asks(ground: Ground) -> list[bytes]:
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
    now(), 'Your receipt', %(file)s, 'stored', now()
FROM conversation, generate_series(1, %(count)s / (SELECT count(*) FROM conversation) + 1) AS lap
ORDER BY lap, contact_id, sender_id LIMIT %(count)s
"""
# A queued message is looked at when its thread is: until then nobody sees it.
RELEASE = """
WITH turns AS (
    INSERT INTO pair (conversation_id, sender_id, next_due)
    SELECT DISTINCT conversation_id, sender_id, now() FROM message WHERE phase = 'queued'
    ON CONFLICT (conversation_id) DO UPDATE SET next_due = excluded.next_due, opens_at = NULL
)
SELECT pg_notify('picha_send', '')
"""
# By the partial indexes, so that looking costs nothing beside what is measured.
WAITING = f"SELECT 1 FROM message WHERE {IS_WAITING} UNION ALL SELECT 1 FROM attempt WHERE outcome IS NULL LIMIT 1"


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
    """Sends from the request to Meta's answer, if `told` also to three statuses each, against a bare loop of both."""
    requests, spent = asks(ground), []
    reached = "status = 'read'" if told else "phase = 'submitted'"

    with running(ground, "telling" if told else "stub", "api", "worker", "forward") as programs:
        ours = [ground.postgres, programs["api"], programs["worker"]]

        def through() -> float:
            before = cpu(*ours)
            begun = load(ground.ports.api, requests, connections=_CONNECTIONS, count=count).begun
            wait(lambda: ground.count(reached) >= count, every=0.05)
            seconds = time.perf_counter() - begun
            spent.append((cpu(*ours) - before) / count)
            ground.done(reached, count)
            return count / seconds

        figure = compare(
            f"accepted, sent{', told 3 statuses' if told else ''}, against forwarding",
            through,
            lambda: _forwarded(ground, requests, count),
            rounds=rounds,
        )
        most = max(peak(programs[name]) for name in ("api", "worker"))
    note = f"   {median(spent) * 1e6:.0f} µs CPU each with PostgreSQL, at most {most} MB a process"
    return replace(figure, note=note)


def wait(condition: Callable[[], bool], *, every: float = 0.01, within_s: float = 120) -> None:
    """Wait until `condition` holds, but not for ever."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the work was not done in {within_s} seconds")
        time.sleep(every)
