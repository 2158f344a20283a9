"""The demo's stage: a whole product started for one run, and the ways to ask it, each with a sentence for a failure."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from picha.cli.story import Event
from picha.cli.welcome import Ready
from picha.kit.clock import Clock
from picha.kit.launch import tied

T = TypeVar("T")
_PATIENCE_S = 20.0
_START_S = 60.0
_LOOK_S = 0.02
_OK = 200


class DemoFailedError(Exception):
    """Something was not as promised; the text says what."""


def promise(*, kept: bool, otherwise: str) -> None:
    """Stop the demo unless a promise was kept."""
    if not kept:
        raise DemoFailedError(otherwise)


class Stage:
    """A running product, as the demo's shop and its customer see it."""

    def __init__(self, ready: Ready, session: aiohttp.ClientSession, console: Console, clock: Clock) -> None:
        self.ready, self.session, self.console, self.clock = ready, session, console, clock
        self.events: list[Event] = []

    async def call(self, method: str, path: str, **request: Any) -> tuple[int, Any]:
        """Call the gateway with the key, or any whole URL without it; return the status and the JSON of the answer."""
        is_ours = path.startswith("/")
        headers = {"X-API-Key": self.ready.api_key} if is_ours else {}
        url = self.ready.api_url + path if is_ours else path
        try:
            async with self.session.request(method, url, headers=headers, **request) as answer:
                return answer.status, msgspec.json.decode(await answer.read())
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as problem:
            raise DemoFailedError(f"{method} {path} got no answer: {problem or type(problem).__name__}.") from problem

    async def read(self, path: str) -> Any:
        """Return the `data` of what the gateway answers to a GET."""
        status, answer = await self.call("GET", path)
        promise(kept=status == _OK, otherwise=f"GET {path} was answered {status}. {sentence(answer)}")
        return answer["data"]

    async def fetch(self, url: str) -> bytes:
        """Return the bytes behind a signed link, without the key."""
        try:
            async with self.session.get(url) as answer:
                promise(kept=answer.status == _OK, otherwise=f"the link to a picture was answered {answer.status}.")
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError) as problem:
            raise DemoFailedError(f"the link to a picture leads nowhere: {problem}.") from problem

    async def until(self, what: str, look: Callable[[], Awaitable[T | None]]) -> T:
        """Look until there is something to see."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while (seen := await look()) is None:  # noqa: ASYNC110 - the API is asked, nothing here is awaited
                    await asyncio.sleep(_LOOK_S)
                return seen
        except TimeoutError:
            raise DemoFailedError(f"{what} did not happen within {_PATIENCE_S:.0f} s.") from None

    def done(self, text: str) -> None:
        """Say that a step was as promised."""
        done(self.console, text)


def done(console: Console, text: str) -> None:
    """Print a tick, and the text beside it, as many lines as it needs."""
    line = Table.grid(padding=(0, 1))
    line.add_row(Text("✓", style="green"), Text(text))
    console.print(line)


def sentence(answer: Any) -> str:
    """Return what the API says to a person of why it refused."""
    return str((answer.get("errors") or [{"message": answer}])[0]["message"])


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Ready]:
    """Run `picha up` on free ports; it ends with this program, however that ends.

    Raises:
        DemoFailedError: it does not start, or something of it is left after the end.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment(), start_new_session=True
    )
    try:
        ready = await _ready(process)
        yield ready
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.communicate()
    left = _left(ready)
    promise(kept=not left, otherwise=f"these programs did not stop: {', '.join(left)}.")
    promise(kept=process.returncode == 0, otherwise=f"`picha up` ended with code {process.returncode}.")


def _left(ready: Ready) -> list[str]:
    pids = msgspec.structs.asdict(ready.pids)
    return [name for name, pid in pids.items() if pid is not None and Path(f"/proc/{pid}").exists()]


def _command(home: Path) -> list[str]:
    flags = ["--home", str(home), "--port", "0", "--sandbox-port", "0", "--json"]
    return tied([sys.executable, "-P", "-m", "picha.cli", "up", *flags], on_death=signal.SIGTERM)


def _environment() -> dict[str, str]:
    """Return the environment without settings of Picha's: a demo never touches the database of a real one."""
    inherited = os.environ.items()  # noqa: TID251 - handed on to a child, not read
    return {name: value for name, value in inherited if not name.startswith("PICHA_")}


async def _ready(process: asyncio.subprocess.Process) -> Ready:
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both were asked for")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_S)
    except TimeoutError:
        raise DemoFailedError(f"`picha up` was not ready within {_START_S:.0f} s.") from None
    if not line:
        why = (await process.stderr.read()).decode(errors="replace").strip().removeprefix("picha: ")
        raise DemoFailedError(why or "`picha up` did not start.")
    return msgspec.json.decode(line, type=Ready)
