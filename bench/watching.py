"""How late an event loop comes round: a task that wants to run each millisecond, and what it noted at /pauses."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_EVERY_S = 0.001


@contextmanager
def watch(app: Starlette) -> Iterator[None]:
    """Watch the running loop, and let `app` tell its pauses since it was last asked, in milliseconds.

    Told are `all` of them, and how much of each can be the program's `own`: no more than the processor's time that its
    threads had meanwhile. The rest it spent waiting for a processor.
    """
    pauses: list[float] = []
    own: list[float] = []
    asked = 0

    async def look() -> None:
        while True:
            begun, worked, number = time.perf_counter(), time.process_time(), asked
            await asyncio.sleep(_EVERY_S)
            late = (time.perf_counter() - begun - _EVERY_S) * 1e3
            if number == asked:  # else it was the telling that took so long
                pauses.append(late)
                own.append(min(late, (time.process_time() - worked) * 1e3))

    async def tell(_request: Request) -> Response:
        nonlocal asked
        asked += 1
        told = json.dumps({"all": sorted(pauses), "own": sorted(own)})
        pauses.clear()
        own.clear()
        return Response(told, media_type="application/json")

    app.router.routes.append(Route("/pauses", tell))
    looking = asyncio.create_task(look())
    yield
    looking.cancel()
