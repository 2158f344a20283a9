"""How a call is described where it is handled: its docstring says what it does, `described` what it takes and answers.

    @described(body=ClockWish, answer=ClockTold, examples={"An hour later": {"advance_s": 3600}})
    async def _move_clock(self, request: Request) -> Response:
        "Move the clock."

A parameter of a path or query is a field of a struct, with its meaning and an example in `msgspec.Meta`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from picha.manual.schemas import Shapes

Handler = TypeVar("Handler", bound=Callable[..., Any])
_MARK = "described"


class Found(NamedTuple):
    """Where a value comes from: the operation id of a call, and a JSON pointer into its answer."""

    operation: str
    pointer: str


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What a call takes and answers.

    `examples` are bodies by title, or queries when there is no body; the first is the one to try. `also` holds answers
    with other statuses than `status`, besides refusals, which every call may answer. `found` tells where the parameters
    in the path come from that only another call can tell, and under the name "" where a whole address does.
    """

    path: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    body: Shapes = None
    form: type[msgspec.Struct] | None = None
    answer: Shapes = None
    status: int = 200
    also: Mapping[int, Shapes] = {}
    examples: Mapping[str, Mapping[str, Any]] = {}
    found: Mapping[str, Found] = {}


def described(
    *,
    path: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    body: Shapes = None,
    form: type[msgspec.Struct] | None = None,
    answer: Shapes = None,
    status: int = 200,
    also: Mapping[int, Shapes] | None = None,
    examples: Mapping[str, Mapping[str, Any]] | None = None,
    found: Mapping[str, Found] | None = None,
) -> Callable[[Handler], Handler]:
    """Return a decorator that leaves a description with a handler; the fields are those of `Described`."""
    description = Described(
        path=path,
        query=query,
        body=body,
        form=form,
        answer=answer,
        status=status,
        also=also or {},
        examples=examples or {},
        found=found or {},
    )

    def describe(handler: Handler) -> Handler:
        vars(handler)[_MARK] = description
        return handler

    return describe


def description_of(handler: Callable[..., Any]) -> Described | None:
    """Return what was left with a handler, if anything was."""
    description = getattr(handler, _MARK, None)
    return description if isinstance(description, Described) else None
