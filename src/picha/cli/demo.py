"""`picha demo`: the main job in one visible run, every step checked, nothing left running."""

import asyncio
import shutil
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

_OWN = Path(".picha") / "demo"
_WIDTH = 100


def demo(
    *,
    image: Annotated[
        Path | None, typer.Option(help="The picture the shop answers with; without one, a receipt is drawn.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="Folder for the run's data; by default .picha/demo, made anew each time.")
    ] = None,
) -> None:
    """Show the main job: a customer's photo comes in, a receipt goes out, and every step is told."""
    # Its rooms are imported here so that `picha --help` is quick.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    from picha.cli.performance import perform  # noqa: PLC0415 - see above
    from picha.cli.stage import DemoFailedError  # noqa: PLC0415 - see above
    from picha.kit.filelock import HeldByOtherError  # noqa: PLC0415 - see above

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    folder = (home or _OWN).resolve()
    try:
        if home is None:
            _clear(folder)
        asyncio.run(_until_told(perform(console, folder, image)))
    except (DemoFailedError, HeldByOtherError, OSError) as problem:
        console.print(Text.assemble(("The demo stopped: ", "bold red"), str(problem)))
        if (folder / "logs").is_dir():
            console.print(f"Logs are in {folder / 'logs'}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from problem
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; nothing is left running.")
        raise typer.Exit(130) from None


async def _until_told(work: Coroutine[Any, Any, object]) -> None:
    """Do the work; SIGTERM and SIGHUP end it as Ctrl-C does, so that it can stop what it started."""
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("a coroutine that runs has its task")
    for sign in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
    await work


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left in its own folder, unless that demo still runs."""
    from picha.kit.filelock import held  # noqa: PLC0415 - see above

    if (folder / "lock").exists():
        with held(folder / "lock", patience_s=0):
            shutil.rmtree(folder)
