"""What the table of routes tells of one operation."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from picha.gateway.api.calls import Answer, Call
from picha.gateway.domain.keys import Scope
from picha.karibu.errors import Code

Handler = Callable[[Call], Awaitable[Answer | Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation, as it is served and as it is described.

    `codes` are what it may refuse with beside those of `refusals`. `scope` is what a key must have to be served; where
    there is none, any key will do. Whoever is not served after `patience_s` seconds is told so.

    `body` is the struct that a JSON body spells, and `form` the one of a multipart body; `query` and `headers` hold a
    parameter in each field. `answer` is what lies in the envelope, or is all there is of a bare answer: a struct, a
    list of them, a MIME type, or None for no body; `also` is a MIME type that it may have instead. `statuses` are
    those of its successes. `examples` are bodies by title, or queries where there is no body.
    """

    method: str
    path: str
    handler: Handler
    body: Any = None
    answer: Any = None
    codes: tuple[Code, ...] = ()
    scope: Scope | None = None
    needs_key: bool = True
    is_enveloped: bool = True
    patience_s: float = 30.0
    form: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    headers: type[msgspec.Struct] | None = None
    also: str | None = None
    statuses: tuple[int, ...] = (200,)
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def takes_key(self) -> bool:
        """Whether it looks at keys at all: some may be called with one, or with a signed link."""
        return self.needs_key or self.scope is not None

    @property
    def refusals(self) -> tuple[Code, ...]:
        """Everything it may refuse with: its own codes, and those that any route of its kind has."""
        codes = (
            *self.codes,
            *((Code.UNAUTHORIZED,) if self.needs_key else ()),
            *((Code.SCOPE_REQUIRED,) if self.scope is not None else ()),
            *((Code.RATE_LIMITED,) if self.takes_key else ()),
            # An id with a slash in it makes another path.
            *((Code.NOT_FOUND,) if "{" in self.path else ()),
            Code.UNAVAILABLE,
        )
        return tuple(dict.fromkeys(codes))
