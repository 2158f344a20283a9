"""What is done with batches: send one picture to many, see how far it has come and what became of each, cancel it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from picha.karibu.batches import (
    RESULTS_MAX,
    Batch,
    BatchAccepted,
    BatchHead,
    BatchRecipient,
    BatchResult,
    BatchResults,
    encode_batch,
)
from picha.karibu.sends import ImagePolicy, OnUnknown, Priority
from picha.sdk.calls import Call, Progress, identifier, query, reader
from picha.sdk.errands import Errand, Rest, Tools, ask
from picha.sdk.errors import BatchNotDoneError
from picha.sdk.media import PICTURE_S
from picha.sdk.messages import placed
from picha.sdk.pages import Parts
from picha.sdk.pictures import Image
from picha.sdk.posting import post

Recipient = BatchRecipient | Mapping[str, object] | str

_SEND = "/v1/whatsapp/messages/image/batch"
_PATH = "/v1/whatsapp/batches"
_FIELDS = frozenset(BatchRecipient.__struct_fields__)
_LOOK_FIRST_S, _LOOK_MOST_S = 0.1, 2.0


def send_batch(
    tools: Tools,
    *,
    image: Image,
    recipients: Iterable[Recipient],
    caption: str | None = None,
    sender: str | None = None,
    image_policy: ImagePolicy | None = None,
    priority: Priority = "normal",
    expires_at: datetime | None = None,
    on_unknown: OnUnknown = "hold",
    idempotency_key: str | None = None,
    on_progress: Progress | None = None,
) -> Errand[BatchAccepted]:
    """Send one picture to 1 to 10,000 people; when this returns, the gateway has it with all of them for good.

    `image` is what `send_image` takes. A recipient is a phone number, a `BatchRecipient`, or a mapping with its fields:
    `to` or `conversation_id`, and a `caption` and `client_reference` of its own. Each is accepted or refused by itself
    soon after: `batch_results` tells.

    Raises:
        RefusedError: by its code, where it concerns all of them.
        NoAnswerError: nobody knows whether it is kept: call again with the same `idempotency_key`.
        ValueError: a recipient has a field that there is none of.
        OSError: the file cannot be read.
    """
    named = [_recipient(one) for one in recipients]
    place = yield from placed(tools, image, image_policy, idempotency_key, on_progress)
    head = BatchHead(
        media_url=place.media_url,
        file_id=place.file_id,
        caption=caption or None,
        sender=sender,
        image_policy=image_policy,
        priority=priority,
        expires_at=expires_at,
        on_unknown=on_unknown,
    )
    call = post(tools, _SEND, BatchAccepted, body=encode_batch(head, named), idempotency_key=idempotency_key)
    return (yield from ask(tools, replace(call, timeout_s=PICTURE_S)))


def batch(tools: Tools, batch_id: UUID | str) -> Errand[Batch]:
    """Return how far a batch has come, in numbers."""
    return (yield from ask(tools, Call(method="GET", path=_place(batch_id), reads=reader(Batch))))


def wait_batch(
    tools: Tools, batch_id: UUID | str, *, timeout: float = 600.0, on_look: Callable[[Batch], None] | None = None
) -> Errand[Batch]:
    """Wait until each message of a batch is handed to WhatsApp or over, and return it; `timeout` is in seconds.

    `on_look` is told how it stands each time it is looked at; with `Client` that is in another thread.

    Raises:
        BatchNotDoneError: it is not done in time.
    """
    gives_up_at = tools.clock.monotonic() + timeout
    rest_s = _LOOK_FIRST_S
    while True:
        found = yield from batch(tools, batch_id)
        if on_look is not None:
            on_look(found)
        if found.done:
            return found
        left_s = gives_up_at - tools.clock.monotonic()
        if left_s <= 0:
            raise BatchNotDoneError(found, timeout)
        yield Rest(min(rest_s, left_s))
        rest_s = min(rest_s * 1.5, _LOOK_MOST_S)


class _Results:
    """The results in parts, each of which names the next."""

    def __init__(self, tools: Tools, path: str, page_size: int) -> None:
        self._tools, self._path, self._page_size = tools, path, page_size
        self._cursor: str | None = None
        self._is_over = False

    def following(self) -> Errand[Sequence[BatchResult] | None]:
        if self._is_over:
            return None
        asked = query(cursor=self._cursor, limit=self._page_size)
        page = yield from ask(self._tools, Call(method="GET", path=self._path, reads=reader(BatchResults), query=asked))
        self._cursor = page.cursor_next
        self._is_over = page.cursor_next is None
        return page.items


def batch_results(tools: Tools, batch_id: UUID | str, *, page_size: int = RESULTS_MAX) -> Parts[BatchResult]:
    """Go through what became of each recipient, in the order of the batch; `page_size` is 1 to 1,000."""
    return _Results(tools, f"{_place(batch_id)}/results", page_size)


def cancel_batch(tools: Tools, batch_id: UUID | str, *, idempotency_key: str | None = None) -> Errand[Batch]:
    """Take back what of a batch has not left; one that is done stays as it is."""
    call = post(tools, f"{_place(batch_id)}/cancel", Batch, idempotency_key=idempotency_key)
    return (yield from ask(tools, call))


def _place(batch_id: UUID | str) -> str:
    return f"{_PATH}/{identifier(batch_id, 'batch_id')}"


def _recipient(one: Recipient) -> BatchRecipient | Mapping[str, object]:
    if isinstance(one, str):
        return BatchRecipient(to=one)
    if isinstance(one, Mapping) and (unknown := set(one) - _FIELDS):
        raise ValueError(
            f"A recipient has no {', '.join(sorted(unknown))}: its fields are {', '.join(sorted(_FIELDS))}."
        )
    return one
