"""Templates are asked for again soon where that failed, and no sooner than in ten minutes where it did not."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.journeys.running import until
from tests.store.ground import VAULT, Ground

from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import open_graph
from picha.gateway.upkeep import catalogue
from picha.kit.clock import SystemClock

PAGE = {"data": [{"id": "1", "name": "order", "language": "en_US", "status": "APPROVED", "category": "UTILITY"}]}


async def test_an_account_whose_templates_were_not_told_is_asked_again_soon_and_then_rests(ground: Ground) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response(PAGE) if len(asked) > 2 else web.Response(status=500)

    app = web.Application()
    app.router.add_get("/v25.0/{account}/message_templates", answer)
    async with TestServer(app) as server, open_graph() as graph:
        await ground.pool.execute("UPDATE account SET graph_url = $1", str(server.make_url("/v25.0")))
        book = AccountBook(ground.pool, VAULT, SystemClock())
        following = asyncio.create_task(catalogue.follow(ground.pool, graph, book, ground.ids, soon_s=0.01))

        async def known() -> bool:
            return bool(await ground.pool.fetchval("SELECT count(*) FROM template") == 1)

        await until(known)
        for _ in range(20):
            await asyncio.sleep(0.01)
        following.cancel()

    assert len(asked) == 3
