"""The connection to Meta is cut at every byte: each outcome is called what it is, and no message reaches Meta twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tests.journeys.running import until
from tests.proofs.books import Books, complaints, settled
from tests.proofs.fleet import Fleet
from tests.proofs.shop import Shop, opened
from tests.proofs.wires import Cut, Exchange

pytestmark = pytest.mark.timeout(400)

Sail = Callable[..., AbstractAsyncContextManager[Fleet]]
# Meta's rates and its window are told of elsewhere.
LAX = ("--limits", "off", "--window", "off")
AT_ONCE = 32


@asynccontextmanager
async def selling(fleet: Fleet) -> AsyncIterator[Shop]:
    """Run one API and one worker, whose numbers go on whatever trouble there is, and open a shop."""
    await asyncio.gather(fleet.start("api"), fleet.start("worker", mistakes="never_rests"))
    async with opened(fleet.tenant) as shop:
        yield shop


async def sold(fleet: Fleet, shop: Shop, customers: list[str], picture: tuple[str, str]) -> None:
    """Send everybody the same picture; the caption begins with the recipient."""
    await fleet.befriend(fleet.tenant, customers)
    gate, (file_id, sha256) = asyncio.Semaphore(AT_ONCE), picture

    async def send(to: str) -> None:
        async with gate:
            assert await shop.sends(to, to, file_id=file_id, sha256=sha256)

    await asyncio.gather(*map(send, customers))


async def first_sold(fleet: Fleet, shop: Shop) -> tuple[str, str]:
    """Send one stranger a new picture and return it: Meta has it then."""
    uploaded = await shop.uploads()
    assert uploaded is not None
    await sold(fleet, shop, [shop.talk.stranger()], uploaded)
    assert complaints(await settled(fleet, shop.talk, shop.told)) == {}
    return uploaded


def planned(exchange: Exchange) -> list[Cut]:
    """Plan cuts at every byte: of answers, and of what Meta does not process."""
    request, answer = exchange.request_size, exchange.answer_size
    assert min(request, answer) > 200
    cuts = [Cut("answer", left, is_reset=left % 2 == 1) for left in range(answer + 1)]
    cuts += [Cut("lie", left, is_reset=left % 2 == 1) for left in range(1, answer + 1)]
    return cuts + [Cut("request", count, is_reset=count % 2 == 1) for count in range(request)]


def outcomes(books: Books) -> dict[str, list[Any]]:
    """Return for each recipient the phase of the one message and its attempts' outcomes."""
    told = {row["id"]: row for row in books.messages if row["is_outbound"]}
    found = {row["caption"].partition(" ")[0]: [row["phase"]] for row in told.values()}
    for row in sorted(books.attempts, key=lambda row: int(row["number"])):
        found[told[row["message_id"]]["caption"].partition(" ")[0]].append(row["outcome"])
    return found


def expected(cut: Cut) -> list[str]:
    """Say what must become of a message whose first send is cut so."""
    match cut:
        case Cut("answer", 0):
            return ["submitted", "accepted"]
        case Cut("answer"):
            return ["submitted", "ambiguous"]
        case _:
            return ["unknown", "ambiguous"]


async def test_a_connection_that_is_cut_at_any_byte_is_told_of_truthfully(sail: Sail) -> None:
    async with Exchange().open() as exchange, sail(*LAX, graph_url=exchange.url) as fleet:
        exchange.leads_to = fleet.sandbox.ready.base_url
        async with selling(fleet) as shop:
            picture = await first_sold(fleet, shop)
            cuts = {shop.talk.stranger(): cut for cut in planned(exchange)}
            exchange.cuts = dict(cuts)
            await sold(fleet, shop, list(cuts), picture)

            books = await settled(fleet, shop.talk, shop.told, within_s=120)

    assert complaints(books) == {}
    assert exchange.cuts == {}
    became = outcomes(books)
    assert {cut: became[to] for to, cut in cuts.items()} == {cut: expected(cut) for cut in cuts.values()}


async def test_what_found_nobody_at_the_other_end_was_not_sent_and_is_sent_when_somebody_is(sail: Sail) -> None:
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(Exchange().open())
        fleet = await stack.enter_async_context(sail(*LAX, graph_url=exchange.url))
        exchange.leads_to = fleet.sandbox.ready.base_url
        shop = await stack.enter_async_context(selling(fleet))
        picture = await first_sold(fleet, shop)
        customers = [shop.talk.stranger() for _ in range(5)]
        exchange.closes()
        await sold(fleet, shop, customers, picture)

        async def tried() -> bool:
            rows = await fleet.sql("SELECT count(DISTINCT message_id) FROM attempt WHERE outcome = 'not_sent'")
            return bool(rows[0][0] == len(customers))

        await until(tried)
        await exchange.opens()
        books = await settled(fleet, shop.talk, shop.told)

    assert complaints(books) == {}
    became = outcomes(books)
    for phase, *rest in (became[one] for one in customers):
        assert (phase, rest[-1], set(rest[:-1])) == ("submitted", "accepted", {"not_sent"})
