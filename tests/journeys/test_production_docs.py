"""The page about production, followed to the letter: what is an operator's there is a program of the test's here."""

import asyncio
import functools
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from tests.buckets import new_bucket, s3_server
from tests.journeys.pages import DOCS, blocks, terminal
from tests.journeys.running import picture, until
from tests.journeys.sandbox_program import SandboxProgram, running

from picha.gateway.store.embedded import EmbeddedPostgres

pytestmark = pytest.mark.timeout(180)
PAGE = "how-to-production.md"
# What the page leaves to the reader.
UNTRIED = {"ini", "nginx", "text"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """The operator's PostgreSQL, on which nothing of ours ever was."""
    server = EmbeddedPostgres(tmp_path / "postgres")
    with server.running():
        executed(server.dsn_of("postgres"), "DROP DATABASE picha")
        yield server


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """The operator's bucket `pictures`; its server's address."""
    with s3_server(tmp_path / "s3.log") as address:
        new_bucket(address, "pictures")
        yield address


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def executed(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in filter(str.strip, statements.split(";")):
            connection.execute(statement.encode())


@asynccontextmanager
async def program(code: str, folder: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run what the page starts until the test is over, and then stop it as systemd would."""
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *("bash", "-ec", code),
            cwd=folder,
            env={"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin"},
            stdout=said,
            stderr=said,
        )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0, f"see {log}"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Followed:
    """The page's blocks, with an operator's places in them."""

    def __init__(self, folder: Path, places: dict[str, str]) -> None:
        self.folder, self.places = folder, places

    def block(self, title: str, **instead: str) -> str:
        code = blocks(PAGE)[title]
        for place, ours in (self.places | instead).items():
            code = code.replace(place, ours)
        return code


async def ready(session: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_whoever_follows_the_page_serves_a_number_with_two_of_each(
    server: EmbeddedPostgres, bucket: str, tmp_path: Path
) -> None:
    ports = [free_port(), free_port()]
    operator = tmp_path / "operator"
    operator.mkdir()
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        callback = f"http://127.0.0.1:{ports[0]}/webhooks/whatsapp"
        meta = await stack.enter_async_context(running("--callback", callback))
        page = Followed(operator, places_of(server, bucket, meta, operator))
        executed(server.dsn_of("postgres"), page.block("roles.sql"))
        async with terminal(operator) as shell:
            assert "0001.foundation" in await shell.types(page.block("migrate"))
            executed(server.dsn_of("picha"), f"SET ROLE picha_owner; {page.block('grant.sql')}")
            await shell.types(page.block("ring"))
            assert (operator / "keys").stat().st_mode & 0o777 == 0o600

            for port in ports:
                folder = operator / str(port)
                folder.mkdir()
                (folder / "picha.env").write_text(settings(page, port, ports[0]))
                for role in ("api", "worker"):
                    code = page.block(role, **{str(operator / "picha.env"): str(folder / "picha.env")})
                    await stack.enter_async_context(program(code, folder, tmp_path / f"{role}-{port}.log"))
            for port in ports:
                await until(functools.partial(ready, session, port))

            (operator / "picha.env").write_text(settings(page, ports[0], ports[0]))
            secrets = meta.ready.access_token, meta.ready.app_secret, meta.ready.verify_token
            for name, secret in zip(("token", "secret", "verify"), secrets, strict=True):
                (operator / name).write_text(secret)
            assert "is set up as" in await shell.types(page.block("set-up"))
            await a_photo_comes_in_and_a_picture_goes_out(
                session, meta, ports, (operator / "till.key").read_text().strip()
            )
            looked = await shell.types(f"set +e\n{page.block('look')}\nset -e")
            # There is no proxy with a certificate here, and each of the two looks notices that.
            assert re.findall("[✗!] +([a-z]+)", looked) == ["reachability"] * 2, looked
            assert "0 warnings" in looked


def places_of(server: EmbeddedPostgres, bucket: str, meta: SandboxProgram, folder: Path) -> dict[str, str]:
    def at(role: str) -> str:
        return server.dsn_of("picha").replace("://picha@", f"://{role}@")

    return {
        "postgresql://picha_owner:choose%20one@db.internal/picha": at("picha_owner"),
        "postgresql://picha_app:choose%20another@db.internal/picha": at("picha_app"),
        "https://s3.internal:9000": bucket,
        "/etc/picha": str(folder),
        "/var/lib/picha": str(folder),
        "senders add --live": f"senders add --live --graph-url {meta.ready.base_url}/v25.0",
        "102290129340398": meta.ready.waba_id,
        "106540352242922": meta.ready.phone_number_id,
        "634974688087057": meta.ready.app_id,
    }


def settings(page: Followed, port: int, first: int) -> str:
    """Return the page's settings for one machine; for want of a proxy, callers reach the first one."""
    return page.block(
        "picha.env",
        **{
            "PICHA_PORT=8080": f"PICHA_PORT={port}",
            "PICHA_METRICS_PORT=9101": f"PICHA_METRICS_PORT={free_port()}",
            "PICHA_WORKER_METRICS_PORT=9102": f"PICHA_WORKER_METRICS_PORT={free_port()}",
            "https://wa.shop.example": f"http://127.0.0.1:{first}",
        },
    )


async def a_photo_comes_in_and_a_picture_goes_out(
    session: aiohttp.ClientSession, meta: SandboxProgram, ports: list[int], key: str
) -> None:
    """Through the one API a picture is brought in, through the other it is sent."""
    one, other = (f"http://127.0.0.1:{port}" for port in ports)
    headers = {"X-API-Key": key}

    async def told(method: str, url: str, **request: Any) -> dict[str, Any]:
        async with session.request(method, url, headers=headers, **request) as answer:
            assert answer.status < 300, await answer.text()
            return dict((await answer.json())["data"])

    await meta.control("POST", "/inbound", json={"from": "255712345678"})

    async def stored() -> bool:
        page = await told("GET", f"{other}/v1/whatsapp/messages?direction=inbound")
        return any(one["recipient"] == "255712345678" and one["content"]["state"] == "stored" for one in page["items"])

    await until(stored)
    form = aiohttp.FormData()
    form.add_field("file", picture(shade=241), filename="a.jpg", content_type="image/jpeg")
    file = await told("POST", f"{one}/v1/whatsapp/media", data=form)
    sent = await told(
        "POST", f"{other}/v1/whatsapp/messages/image", json={"to": "255712345678", "file_id": file["file_id"]}
    )

    async def read() -> bool:
        return bool((await told("GET", f"{one}/v1/whatsapp/messages/{sent['message_id']}"))["status"] == "read")

    await until(read)
    async with session.get(f"{other}/") as answer:
        assert (await answer.json())["docs"] == f"{one}/docs"


def test_what_is_not_tried_here_is_said_to_be_for_the_reader() -> None:
    text = (DOCS / PAGE).read_text()
    assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) == UNTRIED
