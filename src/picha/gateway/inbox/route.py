"""What the table of pages tells of one page, fragment or action."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from picha.gateway.domain.staff import Role
from picha.gateway.inbox.visit import Nav, Visit

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page, fragment or action.

    `role` is who may: agents and admins, or admins only; None for whoever comes, signed in or not. What a script of
    ours fetches is `is_fetched`: it is refused with JSON, where a person would be sent to sign in or see a page. With
    `nav` it has a place in the rail.
    """

    method: str
    path: str
    handler: Handler
    role: Role | None = Role.AGENT
    is_fetched: bool = False
    nav: Nav | None = None
