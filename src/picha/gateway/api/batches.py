"""POST /v1/whatsapp/messages/image/batch, and what there is to ask of a batch."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

import msgspec
from starlette.responses import Response, StreamingResponse

from picha.gateway.api import queries
from picha.gateway.api.bringing import check_address
from picha.gateway.api.calls import Answer, Call, RefusedError, body, content_type, limited, unsupported
from picha.gateway.api.once import once, replayed
from picha.gateway.api.sends import file_named, refused, utc
from picha.gateway.domain.admission import Refusal, Send
from picha.gateway.domain.once import Once
from picha.gateway.sending.batching import end
from picha.gateway.store import batches, replays
from picha.gateway.store.batches import BatchView, NewBatch, Recipient, ResultView
from picha.gateway.store.replays import Taken
from picha.images.plan import Policy
from picha.karibu.batches import (
    BATCH_MAX_BYTES,
    JSON_LINES,
    LINE_MAX_BYTES,
    RECIPIENTS_MAX,
    RESULTS,
    RESULTS_MAX,
    Batch,
    BatchAccepted,
    BatchHead,
    BatchRecipient,
    BatchResult,
    BatchResults,
    BatchStatus,
    Named,
    Outcome,
    check_count,
    decode_batch,
    decode_head,
    decode_recipient,
    encode_part,
)
from picha.karibu.errors import Code
from picha.karibu.shape import Malformed
from picha.kit.crashpoints import crashpoint

_JSON = "application/json"
_STATUS = 202
_SMALL_BYTES = 256 * 1024
# What JSON Lines are called.
_LINES = frozenset({JSON_LINES, "application/jsonl", "application/jsonlines"})
_NOT_FOUND = "This workspace has no batch with that id; use the `batch_id` that the batch was accepted with."
# What a recipient's thread says of its number concerns no other recipient.
_OF_PICTURE = frozenset({"MEDIA_NOT_FOUND", "IMAGE_NOT_SUPPORTED"})
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class _Asked:
    head: BatchHead
    recipients: list[Named]

    def sum(self) -> bytes:
        """Return what it comes to, in whichever form it came."""
        found = hashlib.sha256(encode_part(self.head))
        for one in self.recipients:
            found.update(encode_part(one) + b"\n")
        return found.digest()


async def send_image_batch(call: Call) -> Answer:
    """Accept one picture for up to 10,000 recipients; when this answers 202 the batch is durable with all of them.

    As JSON, or as JSON Lines (`Content-Type: application/x-ndjson`): first what all have in common, then one recipient
    a line. Each recipient is decided on by itself soon after, as a single send is: see the results.
    """
    async with _seat(call):
        return await _kept(call, await _asked(call))


def _seat(call: Call) -> AbstractAsyncContextManager[object]:
    """Return a seat for a body: small ones need none."""
    announced = call.request.headers.get("content-length", "")
    is_small = announced.isdigit() and int(announced) <= _SMALL_BYTES
    return nullcontext() if is_small else call.services.crowd


async def _kept(call: Call, asked: _Asked) -> Answer:
    if asked.head.media_url is not None:
        check_address(call, asked.head.media_url, "media_url")
    asked_sum = await asyncio.to_thread(asked.sum)
    known = once(call, lambda: asked_sum)
    if known is not None and (answer := await _answered(call, known)) is not None:
        return answer
    new = _new(call, asked, known, await _policy(call, asked))
    if not await batches.keep(call.services.pool, new) and known is not None:
        return await _answered(call, known) or replayed(None, known)
    crashpoint("batch_before_answer")
    return Answer(BatchAccepted(batch_id=new.id, total=len(new.recipients)), status=_STATUS)


async def get_batch(call: Call) -> Answer:
    """Tell how far a batch has come: how many are accepted and refused, and what became of their messages."""
    return Answer(_shown(await _found(call)))


async def list_batch_results(call: Call) -> Answer | Response:
    """Tell what became of each recipient, in the order of the batch; as JSON Lines with `Accept: application/x-ndjson`.

    As JSON Lines it is all of them, from the cursor on, unless `limit` says otherwise.
    """
    query = call.request.query_params
    limit = queries.limit(query, RESULTS, RESULTS_MAX)
    start = queries.parsed(query, "cursor", _cursor, "the `cursor_next` of an earlier answer")
    view = await _found(call)
    if _wants_lines(call):
        most = limit if "limit" in query else RECIPIENTS_MAX
        return StreamingResponse(_lines(call, view, start or 0, most), media_type=JSON_LINES)
    items = await _results(call, view, start or 0, limit)
    following = (start or 0) + len(items)
    cursor = str(following) if items and following < view.total else None
    return Answer(BatchResults(items=items, cursor_next=cursor, total=view.total))


async def cancel_batch(call: Call) -> Answer:
    """Take back what of a batch has not left: whoever was not looked at is skipped, and waiting messages are cancelled.

    A batch that is done stays as it is.
    """
    view = await _found(call)
    await batches.cancel(call.services.pool, view.id)
    view = await _found(call)
    if view.cancelled_at is not None:
        await end(call.services.pool, view.id)
    return Answer(_shown(await _found(call)))


async def _asked(call: Call) -> _Asked:
    declared = content_type(call.request)
    try:
        if declared in _LINES:
            return await _asked_in_lines(call)
        if declared != _JSON:
            raise unsupported(call.request, f"{_JSON} or {JSON_LINES}")
        whole = await body(call.request, BATCH_MAX_BYTES)
        # Megabytes are read while others are served.
        return _Asked(*await asyncio.to_thread(decode_batch, whole))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error


async def _asked_in_lines(call: Call) -> _Asked:
    head: BatchHead | None = None
    recipients: list[Named] = []
    number = 0
    async for line in _lines_of(limited(call.request, BATCH_MAX_BYTES)):
        number += 1
        if not line.strip():
            continue
        try:
            if head is None:
                head = decode_head(line)
            else:
                recipients.append(decode_recipient(line))
        except Malformed as error:
            raise Malformed(error.code, f"Line {number}: {error.message}", error.field) from error
        if len(recipients) > RECIPIENTS_MAX:
            break
    if head is None:
        raise Malformed(Code.MALFORMED_JSON, "The body is empty: the first line says what all have in common.")
    check_count(len(recipients))
    return _Asked(head, recipients)


async def _lines_of(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > LINE_MAX_BYTES:
            message = f"A line is longer than {LINE_MAX_BYTES:,} bytes: put each recipient on a line of its own."
            raise Malformed(Code.MALFORMED_JSON, message)
    yield rest


async def _answered(call: Call, known: Once) -> Answer | None:
    name = (call.caller.workspace_id, call.caller.environment, known.key)
    found = (await replays.find(call.services.pool, [name])).get(name)
    return replayed(found, known) if found else None


async def _policy(call: Call, asked: _Asked) -> Policy:
    """Return what may be done to the picture; what speaks against all recipients at once is refused at once."""
    fit = [one for one in asked.recipients if isinstance(one, BatchRecipient)]
    by_number = next((one for one in fit if one.conversation_id is None), None)
    first = by_number or next(iter(fit), None)
    command = Send(
        call.caller.workspace_id,
        call.caller.app_id,
        call.caller.environment,
        to=first.digits if first else None,
        conversation_id=first.conversation_id if first else None,
        sender=asked.head.sender,
        sender_id=asked.head.sender_id,
        file_id=file_named(asked.head.file_id, "file_id"),
    )
    found = await call.services.accept.survey(command)
    if isinstance(found, Refusal):
        if by_number is not None or found.code in _OF_PICTURE:
            raise refused(found)
        return asked.head.image_policy or "auto"
    return asked.head.image_policy or found.image_policy


def _new(call: Call, asked: _Asked, known: Once | None, policy: Policy) -> NewBatch:
    caller, head = call.caller, asked.head
    batch = call.services.ids.uuid()
    answer = msgspec.to_builtins(BatchAccepted(batch_id=batch, total=len(asked.recipients)))
    return NewBatch(
        id=batch,
        workspace_id=caller.workspace_id,
        app_id=caller.app_id,
        environment=caller.environment,
        sender=head.sender,
        sender_id=head.sender_id,
        media_url=head.media_url,
        file_id=file_named(head.file_id, "file_id"),
        caption=head.caption,
        image_policy=policy,
        is_high=head.priority == "high",
        on_unknown=head.on_unknown,
        expires_at=utc(head.expires_at),
        created_at=call.services.clock.now(),
        recipients=[_recipient(one) for one in asked.recipients],
        taken=Taken(caller.workspace_id, caller.environment, known, _STATUS, answer) if known else None,
        key=caller.key,
    )


def _recipient(one: Named) -> Recipient:
    if isinstance(one, BatchRecipient):
        return Recipient(one.digits, one.conversation_id, one.caption, one.client_reference)
    return Recipient(
        one.to, one.conversation_id, None, one.client_reference, Code.VALIDATION_ERROR, one.message, one.field
    )


async def _found(call: Call) -> BatchView:
    """Return the batch that the path names; raises `RefusedError`."""
    batch = call.path_id("batch_id", Code.BATCH_NOT_FOUND, _NOT_FOUND)
    view = await batches.view(call.services.pool, call.caller.workspace_id, call.caller.environment, batch)
    if view is None:
        raise RefusedError(Code.BATCH_NOT_FOUND, _NOT_FOUND)
    return view


def _shown(view: BatchView) -> Batch:
    left = view.total - view.accepted - view.refused
    is_cancelled = view.cancelled_at is not None
    is_done = not view.on_its_way and (is_cancelled or not left)
    status: BatchStatus = "running" if view.upto else "pending"
    if is_cancelled or is_done:
        status = "cancelled" if is_cancelled else "done"
    return Batch(
        batch_id=view.id,
        status=status,
        done=is_done,
        total=view.total,
        waiting=0 if is_cancelled else left,
        accepted=view.accepted,
        refused=view.refused,
        skipped=left if is_cancelled else 0,
        pending=view.pending,
        sent=view.sent,
        delivered=view.delivered,
        read=view.read,
        failed=view.failed,
        cancelled=view.cancelled,
        media_url=view.media_url,
        file_id=str(view.file_id) if view.file_id else None,
        detail=view.detail,
        created_at=view.created_at,
        cancelled_at=view.cancelled_at,
    )


def _wants_lines(call: Call) -> bool:
    accept = call.request.headers.get("accept", "")
    return call.request.method == "GET" and any(name in accept for name in _LINES)


async def _lines(call: Call, view: BatchView, start: int, most: int) -> AsyncIterator[bytes]:
    while most > 0 and (items := await _results(call, view, start, min(most, RESULTS_MAX))):
        yield b"".join(_encoder.encode(item) + b"\n" for item in items)
        start, most = start + len(items), most - len(items)


async def _results(call: Call, view: BatchView, start: int, most: int) -> list[BatchResult]:
    found = await batches.results(call.services.pool, view.id, start=start, most=most)
    return [_result(one, is_cancelled=view.cancelled_at is not None) for one in found]


def _result(one: ResultView, *, is_cancelled: bool) -> BatchResult:
    outcome: Outcome = "skipped" if is_cancelled else "waiting"
    if one.is_refused or one.message_id:
        outcome = "refused" if one.is_refused else "accepted"
    return BatchResult(
        index=one.place,
        to=one.to,
        conversation_id=one.conversation_id,
        client_reference=one.client_reference,
        outcome=outcome,
        message_id=one.message_id,
        status=one.status,  # type: ignore[arg-type] # the table checks the status
        code=one.code,
        message=one.detail,
        field=one.field,
    )


def _cursor(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(RECIPIENTS_MAX)):
        raise ValueError("no cursor")
    return int(text)
