"""`picha demo`: the main job in one visible run, every step checked, nothing left running."""

import asyncio
import shutil
from pathlib import Path
from typing import Annotated

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

    from picha.cli.performance import DemoFailedError, perform  # noqa: PLC0415 - see above
    from picha.kit.filelock import HeldByOtherError  # noqa: PLC0415 - see above

    console = Console(highlight=False, width=max(_WIDTH, shutil.get_terminal_size().columns))
    folder = (home or _OWN).resolve()
    try:
        if home is None:
            _clear(folder)
        asyncio.run(perform(console, folder, image))
    except (DemoFailedError, HeldByOtherError) as problem:
        console.print(f"[bold red]The demo stopped:[/bold red] {problem}", markup=True)
        console.print(f"Logs are in {folder / 'logs'}.", markup=False)
        raise typer.Exit(1) from problem
    except KeyboardInterrupt:
        console.print("Stopped.")
        raise typer.Exit(130) from None


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left in its own folder, unless that demo still runs."""
    from picha.kit.filelock import held  # noqa: PLC0415 - see above

    if (folder / "lock").exists():
        with held(folder / "lock", patience_s=0):
            shutil.rmtree(folder)
