"""A post reaches what may be reached, follows nobody, and ends in time with as much of the answer as is taken."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from tests.unit.test_egress_fetch import GUARDED, OUTSIDE, answers, ok, raw, site, trap

from picha.egress import EgressError, Fetcher, Refused, TooLarge, Unreachable

BODY = b'{"event": "whatsapp.sent"}'
HEADERS = {"Content-Type": "application/json", "User-Agent": "Briq-Webhook/1.0"}
BRIEF = replace(GUARDED, first_byte_s=0.5, total_s=0.5, max_bytes=1000)


async def test_the_body_and_the_headers_arrive_as_they_are_and_the_answer_comes_back_whatever_its_status() -> None:
    seen = []

    async def look(request: web.BaseRequest) -> web.Response:
        named = {name: request.headers.get(name) for name in (*HEADERS, "Accept-Encoding", "Cookie")}
        seen.append((request.method, request.raw_path, await request.read(), named))
        return web.Response(status=429, text="slower", headers={"Retry-After": "7"})

    async with site(look) as here, Fetcher(GUARDED) as fetcher:
        answer = await fetcher.post(f"{here}/hook?a=%2F", BODY, HEADERS)

    assert (answer.status, answer.retry_after, answer.body) == (429, "7", b"slower")
    assert seen == [("POST", "/hook?a=%2F", BODY, HEADERS | {"Accept-Encoding": "identity", "Cookie": None})]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_like_any_other(status: int) -> None:
    async with trap() as (port, heard):

        async def lead(_: web.BaseRequest) -> web.Response:
            return web.Response(status=status, headers={"Location": f"http://127.0.0.1:{port}/"})

        async with site(lead) as here, Fetcher(GUARDED) as fetcher:
            answer = await fetcher.post(here, BODY, HEADERS)

    assert (answer.status, heard) == (status, [])


@pytest.mark.parametrize("resolved", [["127.0.0.1"], [OUTSIDE, "10.0.0.1"], ["169.254.169.254"], ["::1"]])
async def test_a_name_that_leads_inside_is_refused_and_nobody_is_connected_to(resolved: list[str]) -> None:
    async with trap() as (port, heard), Fetcher(GUARDED, resolve=answers(*resolved)) as fetcher:
        with pytest.raises(Refused, match="not public"):
            await fetcher.post(f"http://hook.example:{port}/", BODY, HEADERS)

    assert heard == []


@pytest.mark.parametrize("size", [999, 1000, 1001, 5_000_000])
async def test_of_a_long_answer_as_much_is_kept_as_may_be(size: int) -> None:
    async def say(_: web.BaseRequest) -> web.Response:
        return web.Response(body=b"x" * size)

    async with site(say) as here, Fetcher(GUARDED) as fetcher:
        answer = await fetcher.post(here, BODY, HEADERS, BRIEF)

    assert (answer.status, answer.body) == (200, b"x" * min(size, 1000))


async def test_who_says_nothing_is_given_up_and_who_says_yes_and_goes_on_for_ever_has_said_yes() -> None:
    async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")

    async def drip_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await asyncio.sleep(0.05)

    async with raw(hang) as silent, raw(drip) as empty, raw(drip_body) as slow, Fetcher(GUARDED) as fetcher:
        with pytest.raises(Unreachable) as given_up:
            await fetcher.post(silent, BODY, HEADERS, BRIEF)
        assert (await fetcher.post(empty, BODY, HEADERS, BRIEF)).status == 204
        async with asyncio.timeout(5):
            said = await fetcher.post(slow, BODY, HEADERS, BRIEF)

    assert given_up.value.kind == "timeout"
    assert said.status == 200
    assert set(said.body) == set(b".")


async def test_headers_without_end_are_given_up() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for n in range(1_000_000):
            writer.write(b"X-%d: 1\r\n" % n)
            await writer.drain()

    async with raw(babble) as here, Fetcher(GUARDED) as fetcher, asyncio.timeout(5):
        with pytest.raises(EgressError) as given_up:
            await fetcher.post(here, BODY, HEADERS, BRIEF)

    assert isinstance(given_up.value, TooLarge | Unreachable)


async def test_a_refused_connection_is_told_as_that_and_every_place_is_given_back() -> None:
    async with Fetcher(GUARDED, at_once=1, per_party=1) as fetcher:
        for _ in range(3):
            with pytest.raises(Unreachable, match="No connection"):
                await fetcher.post(f"http://{OUTSIDE}:1/", BODY, HEADERS, party="shop")
        async with site(ok) as here:
            assert (await fetcher.post(here, BODY, HEADERS, party="shop")).status == 200
