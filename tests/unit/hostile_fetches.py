"""Fetches everything hostile in a process of its own, whose sockets are watched, and tells what was connected to.

Run as a program: it prints one JSON object. The watch is an audit hook, which no library can go around.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network
from typing import Any

from aiohttp import web
from tests.unit import hostile_addresses

from picha.egress import LIVE, EgressError, Fetcher, Policy, Refused

OUTSIDE = "127.0.0.5"
# As strict as in live about addresses, so lax about the rest that only the address can save it.
GUARDED = Policy(schemes=frozenset({"http", "https"}), ports=None, allowed_networks=(IPv4Network(f"{OUTSIDE}/32"),))
CONNECTED: list[str] = []
ASKED_SYSTEM: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and arguments[0].type == socket.SOCK_STREAM:
        CONNECTED.append(str(arguments[1][0]))
        if CONNECTED[-1] != OUTSIDE:
            raise ConnectionRefusedError("told, and not let out")
    elif event == "socket.getaddrinfo" and arguments[0] not in {OUTSIDE, None}:
        ASKED_SYSTEM.append(str(arguments[0]))


async def nobody(host: str, _port: int) -> Sequence[str]:
    raise OSError(f"{host} is not known")


Tell = Callable[[str, Fetcher, str], Awaitable[None]]


async def main() -> None:
    urls, told = hostile_addresses.urls(), []

    async def tell(way: str, fetcher: Fetcher, url: str) -> None:
        before = len(CONNECTED)
        try:
            await fetcher.fetch(url)
        except EgressError as error:
            outcome = error.reason if isinstance(error, Refused) else getattr(error, "kind", "large")
        else:
            outcome = "fetched"
        told.append({"way": way, "url": url, "outcome": outcome, "connected": CONNECTED[before:]})

    async with Fetcher(LIVE, resolve=nobody) as live:
        for url in urls:
            await tell("at once", live, url)
    await by_redirect(urls, tell)
    await by_name(tell)
    json.dump({"told": told, "system": ASKED_SYSTEM}, sys.stdout)


async def by_redirect(urls: Sequence[str], tell: Tell) -> None:
    """Lead to every hostile URL by one, two or three redirects of an honest host."""

    async def lead(request: web.BaseRequest) -> web.Response:
        number, left = map(int, request.path.strip("/").split("/"))
        onward = f"/{number}/{left - 1}" if left > 1 else urls[number]
        # Latin-1 cannot hold it all, and a line break would end the header: what a real server could not send.
        location = onward.encode("utf-8", "surrogatepass").decode("latin-1").translate({10: "%0a", 13: "%0d", 0: "%00"})
        return web.Response(status=302, headers={"Location": location})

    async with Fetcher(GUARDED, resolve=nobody) as fetcher:
        port = await serve(lead)
        for number in range(len(urls)):
            await tell("by redirect", fetcher, f"http://{OUTSIDE}:{port}/{number}/{number % 3 + 1}")


async def by_name(tell: Tell) -> None:
    """Answer names with addresses inside: alone, before and after an honest one, and at the second question."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        kind, _, number = host.partition(".")[0].partition("-")
        bad = inside[int(number)] if number else ""
        return {
            "alone": [bad],
            "before": [bad, OUTSIDE],
            "after": [OUTSIDE, bad],
            "rebind": [OUTSIDE] if asked.count(host) == 1 else [bad],
            "honest": [OUTSIDE],
        }[kind]

    async def again(request: web.BaseRequest) -> web.Response:
        if request.path == "/picture":
            return web.Response(body=b"picture")
        return web.Response(status=302, headers={"Location": f"http://{request.headers['Host']}/picture"})

    inside = hostile_addresses.answers()
    port = await serve(again)
    async with Fetcher(GUARDED, resolve=resolve) as fetcher:
        for kind in ("alone", "before", "after", "rebind"):
            for number in range(len(inside)):
                await tell(kind, fetcher, f"http://{kind}-{number}.example:{port}/")
        await tell("honest", fetcher, f"http://honest.example:{port}/")


async def serve(handler: Callable[[web.BaseRequest], Awaitable[web.Response]]) -> int:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, OUTSIDE, 0).start()
    return int(runner.addresses[0][1])


if __name__ == "__main__":
    sys.addaudithook(watch)
    asyncio.run(main())
