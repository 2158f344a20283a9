"""A command of picha's at a terminal, where somebody reads and types."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence


async def typed(*words: str, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a terminal of its own; return its exit code and all that the terminal showed.

    Each of `answers` is what the terminal asks, and what is then typed.
    """
    ours, theirs = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "picha.cli", *words),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "TERM": "dumb"},
            # Without a terminal of the test's own that it could ask instead.
            start_new_session=True,
        )
    finally:
        os.close(theirs)
    shown, seen = "", 0
    try:
        for question, answer in answers:
            while question not in shown[seen:]:
                more = await _read(ours)
                assert more, f"it never asked {question!r}: {shown}"
                shown += more
            seen = len(shown)
            os.write(ours, f"{answer}\n".encode())
        while more := await _read(ours):
            shown += more
    finally:
        os.close(ours)
    return await process.wait(), shown


async def _read(terminal: int) -> str:
    """Return what is shown next; nothing once nobody shows anything any more."""
    loop, is_ready = asyncio.get_running_loop(), asyncio.Event()
    # Not in a thread, which would go on waiting after a test that was given up.
    loop.add_reader(terminal, is_ready.set)
    try:
        await is_ready.wait()
        return os.read(terminal, 4096).decode()
    except OSError:
        return ""
    finally:
        loop.remove_reader(terminal)
