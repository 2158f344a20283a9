"""Pictures behind links: really fetched, at send time, at most once in ten minutes for each address, as Meta does."""

import asyncio
import contextlib
import hashlib
import re
from datetime import datetime

import msgspec

from picha.cloudapi.limits import IMAGE_MIME_TYPES, LINK_CACHE
from picha.egress import EgressError, Fetcher, TooLarge, Unreachable
from picha.sandbox import pictures
from picha.sandbox.blobs import Blobs
from picha.sandbox.clock import SandboxClock

_STATUS = re.compile(r"answered (\d{3}) ?(.*)")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was behind a link: the picture's SHA-256 in hexadecimal, or why it leads to no picture."""

    sha256: str | None = None
    flaw: str | None = None


class Links:
    """Looks at what links lead to, through the guarded fetcher, and remembers for ten minutes of the sandbox's time.

    The pictures themselves are kept, for who wants to see what was sent.
    """

    def __init__(self, fetcher: Fetcher, blobs: Blobs, clock: SandboxClock) -> None:
        self._fetcher = fetcher
        self._blobs = blobs
        self._clock = clock
        self._looks: dict[str, tuple[datetime, asyncio.Task[Seen]]] = {}

    async def look(self, url: str) -> Seen:
        """Return what the address leads to, fetched now or up to ten minutes ago."""
        now = self._clock.now()
        for old in [url for url, (at, _) in self._looks.items() if not at <= now < at + LINK_CACHE]:
            del self._looks[old]
        if url not in self._looks:
            self._looks[url] = (now, asyncio.create_task(self._fetch(url)))
        return await asyncio.shield(self._looks[url][1])

    async def close(self) -> None:
        """Give up what is being fetched, and forget what was."""
        looks = [look for _, look in self._looks.values()]
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)
        self._looks.clear()

    async def _fetch(self, url: str) -> Seen:
        try:
            fetched = await self._fetcher.fetch(url)
        except EgressError as why:
            return Seen(flaw=_told(why))
        mime_type = (fetched.content_type or "").partition(";")[0].strip().lower()
        if mime_type not in IMAGE_MIME_TYPES:
            return Seen(flaw=pictures.wrong_mime_type(mime_type))
        flaw = await asyncio.to_thread(pictures.flaw_of, fetched.body, mime_type)
        if flaw is not None:
            return Seen(flaw=flaw)
        # A picture that the disk has no room for is sent all the same.
        with contextlib.suppress(OSError):
            await asyncio.to_thread(self._blobs.keep, iter((fetched.body,)))
        return Seen(sha256=hashlib.sha256(fetched.body).hexdigest())


def _told(why: EgressError) -> str:
    if isinstance(why, TooLarge):
        return pictures.too_large(None)
    status = _STATUS.search(why.detail) if isinstance(why, Unreachable) else None
    if status is not None:
        return f"Downloading media from weblink failed with http code {status[1]}, status message {status[2]}"
    return f"Downloading media from weblink failed: {why.detail}"
