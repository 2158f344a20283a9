"""What a handler is given and what it answers."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from starlette.requests import Request

from picha.egress import Policies
from picha.gateway.api.feed import Feed
from picha.gateway.api.keys import Caller, KeyDesk
from picha.gateway.api.turnstile import Turnstile
from picha.gateway.domain.keys import Scope
from picha.gateway.hearing.intake import Intake
from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import Graph
from picha.gateway.meta.times import Times
from picha.gateway.pictures.bring import Bringer
from picha.gateway.pictures.intake import Album
from picha.gateway.sending.accept import Accept
from picha.gateway.sending.backlog import Backlog
from picha.gateway.store.pool import Pool
from picha.gateway.store.vault import Vault
from picha.gateway.telling.links import Links
from picha.karibu.errors import Code, ErrorItem
from picha.kit.clock import Clock
from picha.kit.ids import Ids

JSON_MAX_BYTES = 64 * 1024
_LARGE_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Services:
    """What the handlers work with."""

    pool: Pool
    vault: Vault
    clock: Clock
    ids: Ids
    policies: Policies
    times: Times
    book: AccountBook
    graph: Graph
    keys: KeyDesk
    turnstile: Turnstile
    accept: Accept
    backlog: Backlog
    intake: Intake
    album: Album
    bringer: Bringer
    links: Links
    public_url: str
    feed: Feed
    # Large bodies that are in memory at once.
    crowd: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_LARGE_AT_ONCE))


class RefusedError(Exception):
    """A request is refused with one of the stable codes."""

    def __init__(
        self, code: Code, message: str, field: str | None = None, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.item, self.headers = code, ErrorItem(code, message, field), headers or {}


class Answer(msgspec.Struct, frozen=True):
    """A handler's success: data for the envelope, or for a bare body where the route says so."""

    data: Any
    status: int = 200
    headers: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True):
    """One request to one route, which takes keys of the scope `needs`, or any key."""

    request: Request
    services: Services
    identified: Caller | None = None
    needs: Scope | None = None

    @property
    def caller(self) -> Caller:
        """Who calls, and may.

        Raises:
            RefusedError: nobody we know, or with a key that lacks the scope.
        """
        if self.identified is None:
            raise RefusedError(
                Code.UNAUTHORIZED, "Send your API key in the X-API-Key header; this one is not valid here."
            )
        if self.needs is not None and self.needs not in self.identified.scopes:
            message = (
                f"This key lacks the scope `{self.needs}`, which this call needs: call with a key that has it, or make "
                f"one with `picha keys create --scope {self.needs}`."
            )
            raise RefusedError(Code.SCOPE_REQUIRED, message)
        return self.identified

    @property
    def here(self) -> str:
        """The address that the caller reaches us by, without a trailing slash: behind a proxy the operator knows it."""
        return (self.services.public_url or str(self.request.base_url)).rstrip("/")

    def path_id(self, name: str, otherwise: Code, message: str) -> UUID:
        """Return the id in the path; what cannot be one names nothing that exists."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise RefusedError(otherwise, message) from None


async def limited(request: Request, most: int, *, otherwise: str = "") -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks; raises `RefusedError`, with the sentence `otherwise`, past `most` bytes."""
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdigit() else 0
    if size <= most:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                break
            yield chunk
    if size > most:
        otherwise = otherwise or f"The body is larger than the {most:,} bytes that this route takes; send less."
        raise RefusedError(Code.BODY_TOO_LARGE, otherwise)


async def body(request: Request, most: int) -> bytes:
    """Read the whole body, up to `most` bytes."""
    return b"".join([chunk async for chunk in limited(request, most)])


def content_type(request: Request) -> str:
    """Return the declared type of the body, without parameters and in lower case; empty when there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def unsupported(request: Request, wanted: str) -> RefusedError:
    """Return the refusal of a body that is not declared as `wanted`."""
    got = content_type(request)[:80] or "a body without Content-Type"
    message = f"This route takes {wanted}, not {got}; set the Content-Type header."
    return RefusedError(Code.UNSUPPORTED_MEDIA_TYPE, message)


def demand_type(request: Request, wanted: str) -> None:
    """Refuse a body that is not declared as `wanted`."""
    if content_type(request) != wanted:
        raise unsupported(request, wanted)
