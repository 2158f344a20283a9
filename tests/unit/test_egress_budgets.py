"""Budgets: a slow host, or a busy party, keeps only itself waiting."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from aiohttp import web

from picha.egress import POLICIES, Fetcher, Policy, Refused, Unreachable, check_url
from picha.egress.places import Crowd

OUTSIDE = "127.0.0.5"
GUARDED = Policy(schemes=frozenset({"http"}), ports=None, allowed_networks=(IPv4Network("127.0.0.5/32"),))


async def outside(_host: str, _port: int) -> Sequence[str]:
    return [OUTSIDE]


class Host:
    """A server that holds every request to /slow until it is let go, and counts who is in it."""

    def __init__(self) -> None:
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.came = asyncio.Condition()
        self.go = asyncio.Event()
        self.port = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        name = request.host.split(":")[0]
        if request.path == "/away":
            return web.Response(status=302, headers={"Location": f"http://slow.example:{self.port}/slow"})
        async with self.came:
            self.inside[name] += 1
            self.most[name] = max(self.most[name], self.inside[name])
            self.came.notify_all()
        if request.path == "/slow":
            await self.go.wait()
        self.inside[name] -= 1
        return web.Response(body=b"x")

    async def holds(self, name: str, many: int) -> None:
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(lambda: self.inside[name] >= many)


@asynccontextmanager
async def hosting() -> AsyncIterator[Host]:
    host = Host()
    runner = web.ServerRunner(web.Server(host.answer), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, OUTSIDE, 0).start()
    host.port = runner.addresses[0][1]
    try:
        yield host
    finally:
        host.go.set()
        await runner.cleanup()


async def test_a_slow_host_gets_no_more_than_its_share_and_others_are_served_meanwhile() -> None:
    async with hosting() as host, Fetcher(GUARDED, resolve=outside, at_once=6, per_host=3) as fetcher:
        slow = [asyncio.ensure_future(fetcher.fetch(f"http://slow.example:{host.port}/slow")) for _ in range(20)]
        await host.holds("slow.example", 3)

        quick = await asyncio.gather(*(fetcher.fetch(f"http://quick.example:{host.port}/") for _ in range(20)))

        assert {one.body for one in quick} == {b"x"}
        assert (host.most["slow.example"], sum(task.done() for task in slow)) == (3, 0)
        host.go.set()
        assert {one.body for one in await asyncio.gather(*slow)} == {b"x"}
        assert host.most["slow.example"] == 3


async def test_where_every_port_is_admitted_each_is_a_server_with_a_share_of_its_own() -> None:
    async with hosting() as slow_one, hosting() as quick_one, Fetcher(GUARDED, resolve=outside, per_host=3) as fetcher:
        slow = [asyncio.ensure_future(fetcher.fetch(f"http://one.example:{slow_one.port}/slow")) for _ in range(20)]
        await slow_one.holds("one.example", 3)

        async with asyncio.timeout(5):
            quick = await fetcher.fetch(f"http://one.example:{quick_one.port}/")

        assert quick.body == b"x"
        slow_one.go.set()
        await asyncio.gather(*slow)
        assert slow_one.most["one.example"] == 3


async def test_a_redirect_to_a_busy_host_waits_without_holding_a_place_of_others() -> None:
    async with hosting() as host, Fetcher(GUARDED, resolve=outside, at_once=3, per_host=2) as fetcher:
        busy = [asyncio.ensure_future(fetcher.fetch(f"http://slow.example:{host.port}/slow")) for _ in range(2)]
        await host.holds("slow.example", 2)
        led = [asyncio.ensure_future(fetcher.fetch(f"http://a{n}.example:{host.port}/away")) for n in range(8)]

        for number in range(8):
            await fetcher.fetch(f"http://quick{number}.example:{host.port}/")

        assert host.most["slow.example"] == 2
        host.go.set()
        assert len(await asyncio.gather(*busy, *led)) == 10


async def test_a_party_s_fetches_keep_no_other_party_waiting() -> None:
    async with hosting() as host, Fetcher(GUARDED, resolve=outside, at_once=4, per_host=4, per_party=2) as fetcher:
        urls = [f"http://slow{number}.example:{host.port}/slow" for number in range(10)]
        greedy = [asyncio.ensure_future(fetcher.fetch(url, party="greedy")) for url in urls]
        await host.holds("slow0.example", 1)
        await host.holds("slow1.example", 1)

        for _ in range(5):
            await fetcher.fetch(f"http://quick.example:{host.port}/", party="modest")

        assert sum(host.inside.values()) == 2
        host.go.set()
        await asyncio.gather(*greedy)


async def test_waiting_for_a_place_is_not_counted_against_the_host() -> None:
    hasty = replace(GUARDED, total_s=0.5)
    async with hosting() as host, Fetcher(GUARDED, resolve=outside, per_host=1) as fetcher:
        first = asyncio.ensure_future(fetcher.fetch(f"http://slow.example:{host.port}/slow"))
        await host.holds("slow.example", 1)
        second = asyncio.ensure_future(fetcher.fetch(f"http://slow.example:{host.port}/", hasty))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(second), 1)

        host.go.set()

        assert ((await first).body, (await second).body) == (b"x", b"x")


async def test_the_whole_is_counted_over_all_hops() -> None:
    async with hosting() as host, Fetcher(replace(GUARDED, total_s=0.5), resolve=outside) as fetcher:
        with pytest.raises(Unreachable, match=r"more than 0\.5 s"):
            await fetcher.fetch(f"http://a.example:{host.port}/away")


async def test_a_host_that_nobody_asks_for_costs_nothing() -> None:
    crowd = Crowd(1)

    async def visit(key: int) -> None:
        async with crowd.place(key):
            await asyncio.sleep(0)

    visits = [asyncio.ensure_future(visit(number % 5)) for number in range(50)]
    await asyncio.sleep(0)
    visits[20].cancel()
    assert len(crowd) == 5
    await asyncio.gather(*visits, return_exceptions=True)

    assert len(crowd) == 0


def test_networks_that_the_operator_names_are_for_test_senders_only() -> None:
    policies = POLICIES.admitting(" 10.1.0.0/16, 192.168.1.7,fd12::/64 ,")

    for url in ("http://10.1.2.3/", "http://192.168.1.7/", "http://[fd12::9]/"):
        assert check_url(url, policies.of("test")).literal
        with pytest.raises(Refused):
            check_url(url.replace("http:", "https:"), policies.of("live"))
    for url in ("http://10.2.0.1/", "http://192.168.1.8/", "http://[fd13::9]/"):
        with pytest.raises(Refused):
            check_url(url, policies.of("test"))


@pytest.mark.parametrize(
    ("named", "reached"), [("169.254.0.0/16", False), ("0.0.0.0/0", False), ("169.254.169.254", True)]
)
def test_a_machine_s_metadata_is_reached_only_when_it_is_named_itself(*, named: str, reached: bool) -> None:
    policy = POLICIES.admitting(named).of("test")

    if reached:
        assert check_url("http://169.254.169.254/", policy).literal
    else:
        with pytest.raises(Refused):
            check_url("http://169.254.169.254/", policy)


@pytest.mark.parametrize("named", ["10.1.0.1/16", "10.1", "example.com", "10.0.0.0/33"])
def test_what_is_no_network_is_told(named: str) -> None:
    with pytest.raises(ValueError, match=named.split("/", maxsplit=1)[0]):
        POLICIES.admitting(named)
