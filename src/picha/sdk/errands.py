"""How an errand of several requests is written without I/O: it yields what it needs, and is sent that.

    def get(tools, message_id) -> Errand[Message]:
        return (yield from ask(tools, Call(...)))

An errand yields `Ask` and is sent an `Answered`, or `NoAnswerError` is thrown into it; `Rest`, and is sent nothing;
`Do`, and is sent what the work returns. One that listens yields `Open`, is sent an `Answered` without a body and a
handle, then `More` for each piece (empty at the end), and `Close`.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from picha.kit.clock import Clock
from picha.kit.ids import Ids, chance
from picha.sdk.calls import Answered, Call
from picha.sdk.errors import (
    IdempotencyInProgressError,
    NoAnswerError,
    PichaError,
    RateLimitedError,
    RefusedError,
    StrangeAnswerError,
    UnavailableError,
)

T = TypeVar("T")

_FIRST_S = 0.25
# What was not done, or does no harm when it is done again under its idempotency key.
_AGAIN = (IdempotencyInProgressError, RateLimitedError, UnavailableError)


@dataclass(frozen=True, slots=True)
class Ask:
    """Make a request and read its answer whole."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Rest:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """Do something that may take a moment, such as reading a file."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Open:
    """Make a request whose answer goes on; one that is refused is read whole."""

    call: Call[Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is sent for `Open`: the answer, without its body where it goes on, and then the handle to go on with."""

    answered: Answered
    handle: object | None


@dataclass(frozen=True, slots=True)
class More:
    """Wait for the next piece of an answer, so many seconds at most."""

    handle: object
    within_s: float


@dataclass(frozen=True, slots=True)
class Close:
    """Listen no more."""

    handle: object


Step = Ask | Rest | Do | Open | More | Close
Errand = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What errands work with; what fails is asked again `retries` times, with pauses of at most `patience_s` s."""

    clock: Clock
    ids: Ids
    retries: int = 3
    patience_s: float = 60.0


def ask(tools: Tools, call: Call[T]) -> Errand[T]:
    """Make a request, again where that does no harm and may help; see `Tools`."""
    for attempt in range(tools.retries + 1):
        try:
            answered: Answered = yield Ask(call)
            return call.read(answered)
        except PichaError as error:
            rest_s = pause_s(error, attempt)
            if attempt == tools.retries or not is_worth_another(call, error) or rest_s > tools.patience_s:
                raise
        yield Rest(rest_s)
    raise AssertionError("the last attempt returns or raises")


def is_worth_another(call: Call[Any], error: PichaError) -> bool:
    """Tell whether a call is to be made again by itself."""
    if isinstance(error, RateLimitedError):
        return True
    if isinstance(error, NoAnswerError | StrangeAnswerError):
        return error.retryable and call.is_repeatable
    return isinstance(error, _AGAIN) and call.is_repeatable


def pause_s(error: PichaError, attempt: int) -> float:
    """Return how long to wait before attempt number `attempt` + 1: as the gateway says, or twice as long each time.

    Half of what is not said is chance, so that those who failed together do not come again together.
    """
    if isinstance(error, RefusedError) and error.retry_after is not None:
        return error.retry_after.total_seconds()
    return float(_FIRST_S * 2**attempt * (0.5 + chance() / 2))
