import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = (
    "/trouble", "/people/16505551234/read", "/people/16505551234/change-number", "/people/%00/block",
    "/people/%F0%9F%98%80/deliver", "/people/16505551234/%2e%2e", "/deliveries/%00/redeliver",
    "/inbound", "/echo", "/errors", "/groups", "/clock", "/faults", "/switches",
)  # fmt: skip
BODIES = (
    b"", b"\x00", b"null", b"[]", b"{", b'{"to": 5}', b'{"to": "\\ud800"}', b'{"batch": 1e400}', b'{"drop": NaN}',
    b'{"delay_ms": [1]}', b'{"delay_ms": [0, 1e30]}', b'{"seed": {}}', b'{"seed": 1' + b"0" * 400 + b"}",
    b"[" * 100_000,
    b'{"to": "\xff"}', b'{"from": ""}', b'{"advance_s": 1e308}', b'{"to": "' + b"9" * 5000 + b'"}',
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0") as program:
        yield program


@pytest.mark.parametrize("route", ROUTES)
async def test_nonsense_never_breaks_the_control_api(sandbox: SandboxProgram, route: str) -> None:
    for body in BODIES:
        async with sandbox.session.post(sandbox.ready.control_url + route, data=body) as answer:
            text = await answer.text()

            assert answer.status < 500, (route, body[:40], text)


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=-1", "limit=%D9%A3", "limit=99999999999999999999"])
async def test_a_limit_that_is_none_is_refused(sandbox: SandboxProgram, query: str) -> None:
    for route in ("/deliveries", "/ledger"):
        async with sandbox.session.get(f"{sandbox.ready.control_url}{route}?{query}") as answer:
            assert answer.status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET //// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v24.0/106540352242922?fields=%00,%ff HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /whatsapp_business/attachments/?mid=%ff&ext=\xb2&hash=%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /_sandbox/ledger?limit=%C2%B2&after=%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /_sandbox/wait?event=send&timeout_s=nan HTTP/1.1\r\nHost: x\r\n\r\n",
        b'POST /v24.0/106540352242922/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"a":"\xff"}',
        b"POST /106540352242922/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Type: \xff\r\n\r\n{}",
        b"POST /106540352242922/media HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Type: \xff\r\n\r\n{}",
        b"POST /106540352242922/media HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=\xff\r\n\r\n",
        b"POST /106540352242922/media HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\n\r\n",
        b"POST /v24.0/106540352242922/messages?access_token=%ud800 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"POST /_sandbox/inbound HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnull",
        b"BREW /v24.0/106540352242922 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_no_bytes_on_the_wire_make_it_fail(sandbox: SandboxProgram, raw: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.ready.base_url.rsplit(":", 1)[1]))
    headers = f"Host: x\r\nConnection: close\r\nAuthorization: Bearer {sandbox.ready.access_token}"
    writer.write(raw.replace(b"Host: x", headers.encode()))

    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 ")
    assert 200 <= int(answer[9:12]) < 500, answer


@pytest.mark.parametrize("path", ["/_sandbox/docs", "/_sandbox/openapi.json"])
async def test_a_body_that_nobody_asked_for_costs_nothing_of_a_long_answer(sandbox: SandboxProgram, path: str) -> None:
    async with sandbox.session.get(sandbox.ready.base_url + path) as answer:
        expected = await answer.read()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.ready.base_url.rsplit(":", 1)[1]))
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n"

    writer.write(head.encode() + bytes(2_000_000))
    got = await asyncio.wait_for(reader.read(), 20)
    writer.close()

    assert got.partition(b"\r\n\r\n")[2] == expected
