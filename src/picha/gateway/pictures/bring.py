"""Bring a picture in from an address that a customer gave: fetch it, look at it, keep it."""

import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

from picha.egress import POLICIES, EgressError, Fetched, Fetcher, Policies, Refused, TooLarge
from picha.gateway.meta.limits import IMAGE_MIME_TYPES
from picha.gateway.pictures.intake import Album, CameAs
from picha.gateway.store.files import File
from picha.images.claims import plain
from picha.images.facts import Unusable
from picha.images.plan import Policy

NOT_FETCHED = "131052"
NOT_USABLE = "131053"


class BringError(Exception):
    """There is no usable picture at the address.

    `code` is Meta's number as text: 131052 when nothing usable came, 131053 when what came may not go out. `flaw` is
    the first thing wrong with the bytes, None when none came; `again` tells whether another try may help.
    """

    def __init__(self, code: str, detail: str, *, flaw: str | None = None, again: bool = False) -> None:
        super().__init__(detail)
        self.code, self.detail, self.flaw, self.again = code, detail, flaw, again


@dataclass(frozen=True, slots=True)
class Bringer:
    """Brings pictures into `album` through the guarded way out."""

    album: Album
    fetcher: Fetcher
    policies: Policies = POLICIES

    async def bring(
        self, workspace: UUID, url: str, *, environment: str, policy: Policy, patience_s: float | None = None
    ) -> File:
        """Return the picture at `url` as a file of the workspace's `environment`.

        All of it may take `patience_s` seconds.

        Raises:
            BringError: there is none that may go out.
            CrowdedError: too many pictures wait to be opened.
            OSError: the blob store does not serve.
            TimeoutError: it took longer.
        """
        async with asyncio.timeout(patience_s), self.album.hands.hold(workspace):
            fetched = await self._fetch(workspace, url, environment, policy)
            return await self._take_in(workspace, environment, fetched, policy)

    async def _take_in(self, workspace: UUID, environment: str, fetched: Fetched, policy: Policy) -> File:
        if policy == "strict" and _declared(fetched) not in IMAGE_MIME_TYPES:
            detail = f"The server says that this is {_declared(fetched) or 'nothing'}, not image/jpeg or image/png."
            raise BringError(NOT_FETCHED, detail, flaw="not_an_image")
        try:
            came_as = CameAs(content_type=_declared(fetched))
            return await self.album.take_in(workspace, environment, fetched.body, policy, came_as)
        except Unusable as error:
            flaw = error.flaws[0].code
            is_page = flaw == "not_an_image" and not _declared(fetched).startswith("image/")
            raise BringError(NOT_FETCHED if is_page else NOT_USABLE, str(error), flaw=flaw) from error

    async def _fetch(self, workspace: UUID, url: str, environment: str, policy: Policy) -> Fetched:
        rules = replace(self.policies.of(environment), max_bytes=self.album.most_bytes(policy))
        try:
            return await self.fetcher.fetch(url, rules, party=workspace)
        except TooLarge as error:
            raise BringError(NOT_USABLE, f"{error.detail}.", flaw="too_large") from error
        except Refused as error:
            raise BringError(NOT_FETCHED, f"{error.detail}.") from error
        except EgressError as error:
            raise BringError(NOT_FETCHED, f"{error.detail}.", again=True) from error


def _declared(fetched: Fetched) -> str:
    return plain(fetched.content_type or "")
