"""What a page's handler is given, and the ways to answer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from picha.gateway.domain.staff import Role
from picha.gateway.inbox.means import Means
from picha.gateway.store.sessions import SignedIn

FORM_MAX_BYTES = 64 * 1024
# What stands in an address as it is.
_KEPT = "/?&=#%:;,@+!$'()*~-._[]"


class RefusedError(Exception):
    """A visit is refused: a title, and a sentence that says why and what to do."""

    def __init__(self, status: int, title: str, message: str) -> None:
        super().__init__(message)
        self.status, self.title, self.message = status, title, message


NOT_THERE = RefusedError(
    404, "There is nothing here", "It may have been removed, or belong to another workspace or environment."
)

_ENVIRONMENTS = frozenset(("live", "test"))
_NO_TEXT = RefusedError(400, "That cannot be read", "The form is not text; go back and try again.")
_NUL = RefusedError(
    422, "That cannot be read", "There is a character in it (NUL) that no text here may have. Remove it."
)
_TOO_MUCH = RefusedError(413, "That is too much", "The form is larger than this page takes.")


@dataclass(frozen=True, slots=True)
class Nav:
    """A page's place in the rail: its words, and the drawing in static/icons.

    It is marked on its own page and on those whose paths begin with `covers`, by default with its own and a slash.
    """

    label: str
    icon: str
    covers: str = ""


@dataclass(frozen=True, slots=True)
class NavItem:
    """A place in the rail as one person sees it on one page."""

    label: str
    icon: str
    path: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A page that has a place in the rail, and who sees it."""

    nav: Nav
    path: str
    role: Role

    def is_at(self, path: str) -> bool:
        """Tell whether a path is of this page or of one below it."""
        return path == self.path or path.startswith(self.nav.covers or f"{self.path}/")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to one page.

    `environment` is the one whose numbers and messages are shown; `id` names the request in answers and in the log.
    """

    request: Request
    means: Means
    id: UUID
    places: Sequence[Place]
    person: SignedIn | None
    environment: str

    @property
    def who(self) -> SignedIn:
        """Who is signed in, on a page that lets nobody else in."""
        assert self.person is not None  # noqa: S101 - the entrance saw to it
        return self.person

    @property
    def workspace(self) -> UUID:
        """Whose rows are shown: everything is looked up by it."""
        return self.who.workspace_id

    def path_id(self, name: str) -> UUID:
        """Return the id in the path; what cannot be one names nothing that exists."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NOT_THERE from None

    async def chunks(self, most: int, otherwise: RefusedError = _TOO_MUCH) -> AsyncGenerator[bytes, None]:
        """Yield what the browser sends, up to `most` bytes; raises `otherwise` past them."""
        size = 0
        async for chunk in self.request.stream():
            size += len(chunk)
            if size > most:
                raise otherwise
            yield chunk

    async def form(self) -> Mapping[str, str]:
        """Return the fields of a small form (application/x-www-form-urlencoded).

        Raises:
            RefusedError: it is larger than such a form can be, or no text, or of a page of another environment.
        """
        body = b"".join([chunk async for chunk in self.chunks(FORM_MAX_BYTES)])
        try:
            fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        except (UnicodeDecodeError, ValueError):
            raise _NO_TEXT from None
        if any("\0" in text for field in fields.items() for text in field):
            raise _NUL
        self.demand_environment(fields.get("environment"))
        return fields

    def demand_environment(self, drawn: object) -> None:
        """Refuse what is of a page of another environment than is looked at now; None where it tells of none.

        All tabs of a browser look at one environment: what is made in one is to be made where its page says. Where the
        last number of that one is gone, there is nothing more to be had for the page.
        """
        if drawn is None or drawn == self.environment:
            return
        if self.person and drawn in _ENVIRONMENTS - self.person.environments:
            message = f"There is no {drawn} number here any more: load the page again. Nothing was done."
            raise RefusedError(410, "Those numbers are gone", message)
        message = f"You switched to {self.environment} in another tab: load the page again. Nothing was done."
        raise RefusedError(409, "That page is of another environment", message)

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:
        """Draw a whole page; `title` must be among its words."""
        return HTMLResponse(self.means.looks.draw(template, visit=self, **context), status)

    def fragment(self, template: str, **context: Any) -> Response:
        """Draw a part of a page, for a script of ours to put in place."""
        return HTMLResponse(self.means.looks.draw(template, visit=self, **context))

    def document(self, answer: object, status: int = 200) -> Response:
        """Answer with JSON, for a script of ours."""
        return Response(msgspec.json.encode(answer), status, media_type="application/json")

    def elsewhere(self, path: str) -> Response:
        """Send the browser to another page, after an action or instead of this page."""
        return Response(status_code=303, headers={"Location": quote(path, safe=_KEPT)})

    def at(self, *parts: object, **query: object) -> str:
        """Return the address of what lies under /inbox by these parts, as of this page's environment.

        Another tab may have switched to the other meanwhile. Of the query, what is None is left out.
        """
        told = {name: value for name, value in query.items() if value is not None}
        if self.switch:
            told["environment"] = self.environment
        return "/".join(("/inbox", *map(str, parts))) + (f"?{urlencode(told)}" if told else "")

    @property
    def nav(self) -> list[NavItem]:
        """The rail as this person sees it here."""
        if self.person is None:
            return []
        path, role = self.request.url.path, self.person.role
        seen = [place for place in self.places if role.may(place.role)]
        return [NavItem(one.nav.label, one.nav.icon, one.path, one.is_at(path)) for one in seen]

    @property
    def switch(self) -> list[str]:
        """The environments to choose from, if there is a choice."""
        environments = self.person.environments if self.person else frozenset[str]()
        return sorted(_ENVIRONMENTS) if len(environments) > 1 else []
