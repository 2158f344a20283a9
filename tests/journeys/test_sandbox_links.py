"""Pictures behind links: really fetched, once in ten minutes, and failed by status as Meta fails them."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web
from tests.journeys.sandbox_program import SandboxProgram, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

PERSON = "255712345678"
# The smallest PNG of one black pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def program() -> AsyncIterator[SandboxProgram]:
    async with running("--ladder", "0,0,0") as running_program:
        yield running_program


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(program: SandboxProgram) -> AsyncIterator[SandboxProgram]:
    """The one sandbox, with a person who has just written, and left as it was found."""
    await program.control("POST", "/inbound", json={"from": PERSON, "name": "Asha"})
    yield program
    await program.control("POST", "/clock", json={"resume": True})


async def outcome(sandbox: SandboxProgram, **image: str) -> tuple[str, int | None, str | None]:
    """Send an image to the person and return its last status with the code and details of a failure."""
    status, answer = await sandbox.send_image(to=PERSON, **image)
    assert status == 200, answer
    wamid = answer["messages"][0]["id"]
    (item,) = await sandbox.wait("status", wamid=wamid)
    if item["status"] != "failed":
        (item,) = await sandbox.wait("status", wamid=wamid, status="read")
    return item["status"], item["code"], item["details"]


class PictureHost:
    """A web server with one picture, which counts how often it is fetched."""

    def __init__(self) -> None:
        self.fetched = 0
        self.url = ""
        self.go = asyncio.Event()

    async def _give(self, request: web.Request) -> web.Response:
        self.fetched += 1
        match request.match_info["name"]:
            case "good.png":
                return web.Response(body=base64.b64decode(PIXEL), content_type="image/png")
            case "page.html":
                return web.Response(text="<html>", content_type="text/html")
            case "lie.png":
                return web.Response(text="<html>", content_type="image/png")
            case "big.png":
                return web.Response(body=bytes(5_242_881), content_type="image/png")
            case "slow.png":
                await self.go.wait()
                return web.Response(status=404)
            case _:
                return web.Response(status=404)

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes([web.get("/{name}", self._give)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[PictureHost]:
    pictures = PictureHost()
    runner = await pictures.start()
    yield pictures
    pictures.go.set()
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[PictureHost]:
    async with serving() as pictures:
        yield pictures


async def test_a_link_is_fetched_once_in_ten_minutes_and_its_digest_is_in_the_ledger(
    sandbox: SandboxProgram, host: PictureHost
) -> None:
    link = f"{host.url}/good.png"

    first = await outcome(sandbox, link=link)
    second = await outcome(sandbox, link=link)
    fetched_before = host.fetched
    await sandbox.control("POST", "/clock", json={"advance_s": 601})
    third = await outcome(sandbox, link=link)

    assert (first[0], second[0], third[0]) == ("read", "read", "read")
    assert (fetched_before, host.fetched) == (1, 2)
    assert all(len(line["sha256"]) == 64 for line in (await sandbox.ledger())[-3:])


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("gone.png", "Downloading media from weblink failed with http code 404, status message Not Found"),
        ("page.html", "Unsupported Image mime type text/html. Please use one of image/png, image/jpeg."),
        ("lie.png", "Media upload error: These bytes are an HTML page, not a picture."),
        ("big.png", "Image file size too big. Maximum file size is 5,242,880 bytes."),
    ],
)
async def test_a_link_that_leads_to_no_picture_fails_by_status(
    sandbox: SandboxProgram, host: PictureHost, name: str, details: str
) -> None:
    assert await outcome(sandbox, link=f"{host.url}/{name}") == ("failed", 131053, details)


async def test_links_to_a_server_that_hangs_hold_up_no_picture_of_another(
    sandbox: SandboxProgram, host: PictureHost
) -> None:
    async with serving() as hanging:
        for number in range(20):
            await sandbox.send_image(to=PERSON, link=f"{hanging.url}/slow.png?{number}")

        # A fetch that hangs is given up after ten seconds.
        async with asyncio.timeout(5):
            seen = await outcome(sandbox, link=f"{host.url}/good.png")

    assert seen == ("read", None, None)


@pytest.mark.parametrize("link", ["http://10.0.0.1/a.png", "http://169.254.169.254/latest", "http://127.0.0.1:1/a.png"])
async def test_a_link_to_a_private_network_or_to_nobody_fails_by_status(sandbox: SandboxProgram, link: str) -> None:
    status, code, details = await outcome(sandbox, link=link)

    assert (status, code) == ("failed", 131053)
    assert details is not None
    assert details.startswith("Downloading media from weblink failed")
