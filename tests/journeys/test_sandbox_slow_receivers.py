"""Two addresses of one host, of which one hangs or fails: the other number's webhooks come as if it were alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.journeys.sandbox_program import PATIENCE_S, SandboxProgram, running

STUCK, QUICK = "111111111111111", "222222222222222"
CONFIG = f"""
limits = "off"
[[accounts]]
[[accounts.numbers]]
phone_number_id = "{STUCK}"
[[accounts.numbers]]
phone_number_id = "{QUICK}"
"""
MANY = 120
# A try is given up after ten seconds: whoever must wait for one comes later than this.
SOON_S = 5.0


class House:
    """A web server with a receiver for each number; that of one fails at first, and hangs from when it shall."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.url = ""
        self.hangs = asyncio.Event()
        self._end = asyncio.Event()
        self._came = asyncio.Condition()

    async def until(self, number: str, count: int) -> None:
        """Return once so many webhooks have come for a number."""
        async with self._came:
            await self._came.wait_for(lambda: self.calls[number] >= count)

    async def _take(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        await request.read()
        async with self._came:
            self.calls[number] += 1
            self._came.notify_all()
        if number == QUICK:
            return web.Response()
        if self.hangs.is_set():
            await self._end.wait()
        return web.Response(status=500)

    async def _shake(self, request: web.Request) -> web.Response:
        return web.Response(text=request.query["hub.challenge"])

    async def open(self) -> web.AppRunner:
        """Begin to listen."""
        app = web.Application()
        app.add_routes([web.post("/{number}", self._take), web.get("/{number}", self._shake)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def let_go(self) -> None:
        """Answer everybody who hangs."""
        self._end.set()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    runner = await house.open()
    yield house
    house.let_go()
    await runner.cleanup()


@pytest.fixture
async def sandbox(house: House, tmp_path: Path) -> AsyncIterator[SandboxProgram]:
    (tmp_path / "sandbox.toml").write_text(CONFIG)
    async with running("--config", str(tmp_path / "sandbox.toml")) as program:
        for number in (STUCK, QUICK):
            override = {"override_callback_uri": f"{house.url}/{number}", "verify_token": "any"}
            told = await program.graph("POST", f"/{number}", json={"webhook_configuration": override})
            assert told == (200, {"success": True})
        yield program


async def write(sandbox: SandboxProgram, number: str, text: str = "Hello") -> None:
    body = {"from": "255712345678", "type": "text", "text": text, "phone_number_id": number}
    status, answer = await sandbox.control("POST", "/inbound", json=body)
    assert status == 200, answer


async def test_a_receiver_whose_every_try_hangs_delays_no_other_address_of_its_host(
    sandbox: SandboxProgram, house: House
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for count in range(MANY):
            await write(sandbox, STUCK, f"{count}")
        await house.until(STUCK, MANY)
        house.hangs.set()
        # All that failed is tried again at once, and hangs.
        await sandbox.control("POST", "/clock", json={"advance_s": 3600})
        await house.until(STUCK, MANY + 10)
        before = house.calls[QUICK]

        async with asyncio.timeout(SOON_S):
            for _ in range(10):
                await write(sandbox, QUICK)
            await house.until(QUICK, before + 10)


async def test_what_a_receiver_did_not_take_while_it_hung_comes_once_it_is_well(
    sandbox: SandboxProgram, house: House
) -> None:
    house.hangs.set()
    async with asyncio.timeout(PATIENCE_S):
        await write(sandbox, STUCK)
        await house.until(STUCK, 1)

        house.let_go()

        await house.until(STUCK, 2)
