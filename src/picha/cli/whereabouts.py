"""Where the gateway is that a command is about: as the environment says, or as a running `picha up` left word."""

from pathlib import Path

import msgspec
import typer

from picha.cli.household import SETTINGS
from picha.gateway.settings import Settings, SettingsError, load


def settings_of(home: Path) -> Settings:
    """Return the settings that the environment names, or those of the `picha up` that runs in `home`.

    Ends the program with 1 and a sentence where neither says where the database is.
    """
    told = home / SETTINGS
    try:
        otherwise = msgspec.json.decode(told.read_bytes(), type=dict[str, str]) if told.exists() else None
        return load(otherwise=otherwise)
    except (SettingsError, OSError, msgspec.DecodeError) as problem:
        typer.echo(f"picha: {problem}", err=True)
        if not told.exists():
            typer.echo(f"No `picha up` runs in {home}: start it, or name its folder with --home.", err=True)
        raise typer.Exit(1) from problem
