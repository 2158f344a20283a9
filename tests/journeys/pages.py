"""The programs and commands of documentation pages, run as they stand there.

A page has the addresses of `picha up` as it comes; here they are those of the product that runs.
"""

import asyncio
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.journeys.running import Talk

DOCS = Path(__file__).parents[2] / "docs"
ADDRESSES = {"http://127.0.0.1:8080": "api_url", "http://127.0.0.1:8090": "sandbox_url"}
PATIENCE_S = 60.0


def blocks(page: str) -> dict[str, str]:
    """Return the code of a page that has titles, by title, in the page's order."""
    found = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == len(dict(found)), f"{page} has one title twice"
    return dict(found)


def untitled(page: str, language: str) -> list[str]:
    """Return the code of a page that has no title, which nothing but a reader runs."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)


def settle_in(picha: Talk, folder: Path) -> None:
    """Make a folder what a clone is to a reader: with the home of what runs, and a virtual environment."""
    (folder / ".picha").symlink_to(picha.house.home)
    (folder / ".venv").symlink_to(Path(sys.prefix))


def moved(code: str, picha: Talk) -> str:
    """Return code with the addresses of the product that runs."""
    for address, name in ADDRESSES.items():
        code = code.replace(address, getattr(picha.ready, name))
    return code


class Terminal:
    """A shell in which a reader types, one block after the other; each must succeed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self._mark = process, secrets.token_hex(8)

    async def types(self, code: str) -> str:
        """Run a block to its end and return what it printed; any command of it that fails is a failure."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{code}\necho {self._mark}\n".encode())
        said = b""
        async with asyncio.timeout(PATIENCE_S):
            while not said.endswith(f"{self._mark}\n".encode()):
                more = await self.process.stdout.readline()
                assert more, (code, said.decode())
                said += more
        return said.decode().removesuffix(f"{self._mark}\n")


@asynccontextmanager
async def terminal(folder: Path, **settings: str) -> AsyncIterator[Terminal]:
    """Open a shell in a folder; it ends at the first command that fails, and so does the test."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-e"),
        cwd=folder,
        env={"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin", "HOME": str(folder), **settings},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        # A list is one line of JSON.
        limit=16 * 1024 * 1024,
    )
    try:
        yield Terminal(process)
    finally:
        # What it still runs, after a failure, ends with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()
