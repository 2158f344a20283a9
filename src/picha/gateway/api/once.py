"""Idempotency-Key: the same request again gets the same answer, and nothing happens twice."""

import functools
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import msgspec

from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.domain.once import Once
from picha.gateway.sending.accept import REUSED
from picha.gateway.store import replays
from picha.gateway.store.pool import Connection, in_transaction, within
from picha.gateway.store.replays import Replay, Taken
from picha.karibu.errors import Code
from picha.kit.crashpoints import crashpoint

_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[!-~]{1,255}")
REPLAYED = {"Idempotency-Replayed": "true"}


def once(call: Call, asked: Callable[[], bytes]) -> Once | None:
    """Return the request's idempotency key, if it has one; `asked` returns what its body comes to.

    Raises:
        RefusedError: it is no key.
    """
    keys = call.request.headers.getlist(_HEADER)
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        message = "An Idempotency-Key is one word of 1 to 255 visible ASCII characters, such as a UUID of your own."
        raise RefusedError(Code.VALIDATION_ERROR, message, _HEADER)
    head = f"{call.request.method} {call.request.url.path.rstrip('/')}\n"
    return Once(keys[0], hashlib.sha256(head.encode() + asked()).digest())


Work: TypeAlias = Callable[[Call], Awaitable[Answer]]


async def only_once(call: Call, asked: bytes, work: Work) -> Answer:
    """Do `work` unless its answer is known under the request's key; what it refuses is not kept.

    The key, the work and its answer are one transaction, in which a second request with the key waits for the first.
    `work` gets the call to do it with: it may call nobody outside, and has the database through that call alone.

    Raises:
        RefusedError: the key was used for something else.
    """
    known = once(call, lambda: asked)
    if known is None:
        return await work(call)
    caller = call.caller
    place = caller.workspace_id, caller.environment

    async def together(connection: Connection) -> Answer | None:
        [is_first] = await replays.take(connection, [Taken(*place, known)])
        if not is_first:
            return None
        answer = await work(msgspec.structs.replace(call, services=replace(call.services, pool=within(connection))))
        await replays.answer(connection, *place, known.key, (answer.status, msgspec.to_builtins(answer.data)))
        crashpoint("deed_before_commit")
        return answer

    answer = await in_transaction(call.services.pool, together)
    crashpoint("deed_after_commit")
    return answer or await _known(call, known)


async def once_claimed(call: Call, asked: bytes, work: Work) -> Answer:
    """Do `work`, which calls out or takes many transactions, unless its answer is known under the request's key.

    A key is claimed before the work begins; what is refused is not kept. When a process dies in between, or takes
    longer than a minute, asking again does the work again: it must be such that this does no harm.

    Raises:
        RefusedError: the key was used for something else, or its first request is not over yet.
    """
    known = once(call, lambda: asked)
    if known is None:
        return await work(call)
    pool, caller = call.services.pool, call.caller
    claim = await replays.claim(pool, caller.workspace_id, caller.environment, known)
    if claim is None:
        return await _known(call, known)
    try:
        answer = await work(call)
    except BaseException:
        await replays.give_back(pool, claim)
        raise
    await replays.keep(pool, claim, status=answer.status, answer=msgspec.to_builtins(answer.data))
    return answer


async def _known(call: Call, known: Once) -> Answer:
    name = (call.caller.workspace_id, call.caller.environment, known.key)
    return replayed((await replays.find(call.services.pool, [name])).get(name), known)


def replayed(replay: Replay | None, known: Once) -> Answer:
    """Return the answer that is kept under a request's key, marked as a replay.

    Raises:
        RefusedError: the key was used for something else, or its first request is not over yet.
    """
    if replay is not None and replay.fingerprint != known.fingerprint:
        raise RefusedError(Code.IDEMPOTENCY_KEY_REUSED, REUSED.message, _HEADER)
    if replay is None or replay.status is None:
        busy_s = replay.busy_s if replay and replay.busy_s else 1
        message = "The first request with this Idempotency-Key is not over yet; ask again in a moment."
        raise RefusedError(Code.IDEMPOTENCY_IN_PROGRESS, message, headers={"Retry-After": str(busy_s)})
    return Answer({**replay.answer, "idempotent_replay": True}, replay.status, REPLAYED)


def without_body(handler: Work, *, keeping: Callable[[Call, bytes, Work], Awaitable[Answer]] = only_once) -> Work:
    """Return a handler of a POST without a body that keeps to idempotency keys."""

    @functools.wraps(handler)
    async def keep_to_it(call: Call) -> Answer:
        return await keeping(call, b"", handler)

    return keep_to_it
