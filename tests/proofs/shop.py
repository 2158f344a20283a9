"""A shop that sends pictures through a gateway that may die at any moment, and notes what it was told."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, cast

import aiohttp
from tests.journeys.running import House, Talk, picture, talking, until
from tests.proofs.books import HOOK_SECRET, Told

from picha.cli.welcome import Ready

_SHADES, _NUMBERS = itertools.count(), itertools.count(1)


class Shop:
    """A caller with customers whose windows are open. Every send has a caption of its own: `<label> <number>`."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.told: list[Told] = []
        self.customers: list[str] = []
        self._turn = 0

    async def greeted(self, count: int) -> list[str]:
        """Let so many new people write to this shop, and return them once each of their windows is open."""
        new = [self.talk.stranger() for _ in range(count)]
        await asyncio.gather(*(self.hears(one, type="text", text="Habari") for one in new))

        async def all_known() -> bool:
            heard = (await self.talk.list(direction="inbound", limit="200")).data["items"]
            return set(new) <= {item["recipient"] for item in heard}

        await until(all_known)
        self.customers += new
        return new

    async def meets(self, count: int) -> None:
        """Let new people write, and know those who have got through; nobody may answer meanwhile."""
        with suppress(aiohttp.ClientError, TimeoutError):
            for _ in range(count):
                said = {"from": self.talk.stranger(), "type": "text", "text": "Habari"}
                await self.talk.call("POST", f"{self.talk.ready.sandbox_url}/_sandbox/inbound", json=said)
            heard = await self.talk.list(direction="inbound", limit="50")
            if heard.status == 200:
                self.customers = [item["recipient"] for item in heard.data["items"]]

    def next_customers(self, count: int) -> list[str]:
        """Return the next so many customers, each in turn: Meta counts how much one person is sent."""
        turn, self._turn = self._turn, self._turn + count
        return [self.customers[n % len(self.customers)] for n in range(turn, turn + count)]

    async def hears(self, customer: str, **spoken: Any) -> None:
        """Let a person write to this shop's number: a photo, unless they say otherwise."""
        said = {"from": customer, "phone_number_id": self.talk.ready.phone_number_id, **spoken}
        await self.talk.control("POST", "/inbound", json=said)

    async def uploads(self) -> tuple[str, str] | None:
        """Upload a picture that nobody has seen yet; return its file_id and digest, or None if nobody answered."""
        shade = next(_SHADES)
        data = picture("PNG", shade=shade % 256) if shade < 256 else picture("JPEG", shade=shade % 256)
        try:
            answer = await self.talk.upload(data)
        except aiohttp.ClientError:
            return None
        if answer.status != 201:
            assert answer.status == 503, answer.body
            return None
        return answer.data["file_id"], hashlib.sha256(data).hexdigest()

    async def sends(self, label: str, to: str, *, sha256: str | None = None, **what: str) -> Told | None:
        """Ask for one send; note it if the answer is 202, and return None if there was none or it was 503."""
        number = next(_NUMBERS)
        body = {"to": to, "caption": f"{label} {number}", "client_reference": f"order {number}", **what}
        try:
            answer = await self.talk.send(**body)
        except (aiohttp.ClientError, TimeoutError):
            return None
        if answer.status != 202:
            assert answer.status == 503, answer.body
            return None
        self.told.append(Told(answer.data["message_id"], self.talk, body, sha256))
        return self.told[-1]

    async def listens(self, url: str) -> str:
        """Have everything told to a program at `url`, and return the webhook's id."""
        hook = {"service_type": "whatsapp", "url": url, "secret_token": HOOK_SECRET}
        answer = await self.talk.api("POST", "/v1/webhooks/", json={"app_id": self.talk.ready.app_id, **hook})
        assert answer.status == 201, answer.body
        webhook: str = answer.document["webhook_id"]
        return webhook

    async def sells(self, label: str, to: str) -> None:
        """Send a customer one picture by address, at least once, and one by upload, at most once, in turn."""
        photo = f"{self.talk.ready.sandbox_url}/_sandbox/photo.jpg?{label}"
        await self.sends(label, to, media_url=photo, on_unknown="resend")
        if uploaded := await self.uploads():
            file_id, sha256 = uploaded
            await self.sends(label, to, file_id=file_id, sha256=sha256)


class Place(Protocol):
    """Where a gateway is: all that a caller has to know of it."""

    @property
    def ready(self) -> Ready: ...


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Shop]:
    """Open a shop at a gateway."""
    # A caller looks at no more of a house than this.
    async with talking(cast("House", place)) as talk:
        yield Shop(talk)
