from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.journeys.sandbox_program import SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = (
    "/trouble", "/people/16505551234/read", "/people/16505551234/change-number", "/people/%00/block",
    "/people/%F0%9F%98%80/deliver", "/people/16505551234/%2e%2e", "/deliveries/%00/redeliver",
    "/inbound", "/echo", "/errors", "/groups", "/clock", "/faults",
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
