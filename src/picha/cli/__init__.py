"""The command line: `picha up` and the programs that it keeps running, each of which can also be run alone."""

import gc
import sys
from collections.abc import Callable


def main() -> None:
    """Run the `picha` command; without the `[server]` extra, name the command that installs it and exit with 1."""
    # What imports make is there to stay: looking for garbage in it takes an eighth of a start. Programs that stay set
    # it anew for what they do.
    gc.set_threshold(100_000, 50, 100)
    try:
        run = _asked_for(sys.argv[1:])
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "picha":
            raise
        sys.stderr.write(
            f"picha: the command line needs the server's packages ({missing.name} is missing). "
            "Install them with: pip install 'picha[server]'\n"
        )
        sys.exit(1)
    run()


def _asked_for(words: list[str]) -> Callable[[], object]:
    """Return what to run: a role that is named alone, which spares it a third of its start, or the command line."""
    from picha.cli.roles import ALONE  # noqa: PLC0415 - so is the next

    if len(words) == 1 and words[0] in ALONE:
        import picha.kit.logs  # noqa: F401, PLC0415 - the base package has no structlog to import

        return ALONE[words[0]]
    from picha.cli.program import program  # noqa: PLC0415 - nor typer

    return program
