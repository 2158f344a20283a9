"""The command line: `picha up` and the programs that it keeps running, each of which can also be run alone."""

import sys


def main() -> None:
    """Run the `picha` command; without the `[server]` extra, name the command that installs it and exit with 1."""
    try:
        from picha.cli.program import program  # noqa: PLC0415 - the base package has no typer to import
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "picha":
            raise
        sys.stderr.write(
            f"picha: the command line needs the server's packages ({missing.name} is missing). "
            "Install them with: pip install 'picha[server]'\n"
        )
        sys.exit(1)
    program()
