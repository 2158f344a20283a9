"""One request and how its answer is read, without I/O."""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from picha.karibu.errors import STATUS, Code, Detail, ErrorItem
from picha.sdk.errors import BY_CODE, RefusedError, StrangeAnswerError

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Is told how many bytes of how many are on their way."""

_OK = range(200, 300)
_SECONDS = re.compile(r"[0-9]{1,9}")
_SHOWN = 80
# The first code of each status, for answers that have no envelope to name one in.
_FIRST = {status: code for code, status in reversed(list(STATUS.items()))} | {403: Code.SCOPE_REQUIRED}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that came whole; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[ErrorItem] | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request: `reads` makes an answer's value of its data, or of its whole body where it is bare.

    Where it `is_raw`, that is the body as it comes, and only refusals have an envelope. `means` are the
    codes that bare refusals of their statuses stand for. The body is in pieces, which are sent one after the other.
    """

    method: str
    path: str
    reads: Callable[[bytes], T]
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: tuple[bytes, ...] = ()
    is_enveloped: bool = True
    is_raw: bool = False
    means: tuple[Code, ...] = ()
    timeout_s: float | None = None
    on_progress: Progress | None = None

    @property
    def is_repeatable(self) -> bool:
        """Whether asking twice does no more than asking once: all do, but a second DELETE finds nothing."""
        return self.method != "DELETE"

    def read(self, answered: Answered) -> T:
        """Return the value of an answer.

        Raises:
            RefusedError: it is a refusal.
            StrangeAnswerError: it is none of this API.
        """
        if answered.status not in _OK:
            raise self._refusal(answered)
        try:
            if self.is_raw or not self.is_enveloped:
                return self.reads(answered.body)
            envelope = _envelope(answered.body)
            if not envelope.success:
                raise self._refusal(answered)
            return self.reads(envelope.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{self._named} was answered {answered.status} with what is not of this API: {error}"
            raise StrangeAnswerError(message, status=answered.status) from error

    def _refusal(self, answered: Answered) -> Exception:
        try:
            if self.is_enveloped:
                errors = _envelope(answered.body).errors or []
                request_id = _envelope(answered.body).request_id
            else:
                meant = {STATUS[code]: code for code in self.means}
                code = meant.get(answered.status) or _FIRST.get(answered.status)
                detail = _decoder(Detail).decode(answered.body).detail
                errors, request_id = [ErrorItem(code or "", detail)], answered.headers.get("x-request-id")
        except (msgspec.DecodeError, UnicodeDecodeError):
            errors, request_id = [], None
        if not errors or not errors[0].code:
            return StrangeAnswerError(self._strange(answered), status=answered.status)
        first = errors[0]
        return BY_CODE.get(first.code, RefusedError)(
            first.message,
            code=first.code,
            field=first.field,
            request_id=request_id,
            status=answered.status,
            retry_after=_retry_after(answered),
        )

    def _strange(self, answered: Answered) -> str:
        kind = answered.headers.get("content-type", "no Content-Type")[:_SHOWN]
        message = f"{self._named} was answered {answered.status} ({kind}) by something that is not this API."
        if 300 <= answered.status < 400:  # noqa: PLR2004 - the redirects
            return f"{message} It points elsewhere, and your key is not taken there: name the right address."
        return f"{message} Check the address, and what stands before the gateway."

    @property
    def _named(self) -> str:
        return f"{self.method} {self.path}"


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """Return what reads JSON as a `kind`."""
    decoder: Callable[[bytes], T] = _decoder(kind).decode  # type: ignore[arg-type] # types are hashable
    return decoder


def query(**given: object) -> tuple[tuple[str, str], ...]:
    """Return parameters without those that are None; of several values each is one."""
    return tuple(
        (name, _spelled(one))
        for name, value in given.items()
        if value is not None
        for one in (value if isinstance(value, list | tuple) else [value])
    )


def identifier(value: UUID | str, name: str) -> str:
    """Return an id as it stands in a path; raises `ValueError` for what cannot be one."""
    try:
        return str(value if isinstance(value, UUID) else UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"{name} is a UUID, not {str(value)[:_SHOWN]!r}.") from None


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _envelope(body: bytes) -> _Envelope:
    envelope: _Envelope = _decoder(_Envelope).decode(body)
    return envelope


def _retry_after(answered: Answered) -> timedelta | None:
    told = answered.headers.get("retry-after", "").strip()
    return timedelta(seconds=int(told)) if told.isascii() and _SECONDS.fullmatch(told) else None


@cache
def _decoder(kind: Hashable) -> Any:
    return msgspec.json.Decoder(kind)
