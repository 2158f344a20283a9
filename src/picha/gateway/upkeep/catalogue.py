"""Keeps what Meta tells of message templates: asked every ten minutes, so that sends need not ask."""

import asyncio

from picha.gateway.meta.accounts import AccountBook
from picha.gateway.meta.graph import Graph, GraphCallError
from picha.gateway.meta.templates import templates
from picha.gateway.store import templates as store
from picha.gateway.store.pool import Pool
from picha.gateway.store.tenants import Account
from picha.kit.ids import Ids
from picha.kit.logs import logger

EVERY_S = 600.0
# When one could not be asked, or was set up since.
_SOON_S = 15.0


async def refresh(pool: Pool, graph: Graph, account: Account, ids: Ids) -> int:
    """Ask for an account's templates and keep them; return how many there are. Raises `GraphCallError`."""
    told = await templates(graph, account)
    await store.put(pool, account, told, ids)
    return len(told)


async def follow(pool: Pool, graph: Graph, book: AccountBook, ids: Ids, *, soon_s: float = _SOON_S) -> None:
    """Refresh every account's templates at once and every ten minutes; one that fails is asked again soon."""
    loop = asyncio.get_running_loop()
    due: dict[object, float] = {}
    while True:
        try:
            for account in await book.all():
                if due.get(account.id, 0.0) <= loop.time():
                    is_told = await _try(pool, graph, account, ids)
                    due[account.id] = loop.time() + (EVERY_S if is_told else 0.0)
        except Exception as error:  # noqa: BLE001 - templates are as they were, and asked for again
            logger("upkeep").warning("templates not refreshed", error=type(error).__name__)
        await asyncio.sleep(soon_s)


async def _try(pool: Pool, graph: Graph, account: Account, ids: Ids) -> bool:
    """Tell whether Meta told of an account's templates."""
    try:
        await refresh(pool, graph, account, ids)
    except GraphCallError as error:
        logger("upkeep").warning("templates not told", account=str(account.id), why=error.detail)
        return False
    return True
