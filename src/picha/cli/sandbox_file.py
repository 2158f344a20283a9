"""The TOML file of `picha sandbox --config`: every flag by its name, `[switches]` and `[[accounts]]`.

What is in it stands in for the defaults of the flags, so that a flag wins over the environment, and the environment
over the file. Each value is read as the flag itself reads it, so that no flag needs a second description.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

if TYPE_CHECKING:
    from picha.sandbox.accounts import AccountWish

_ACCOUNTS = "accounts"
_SWITCHES = "switches"
_OURS = "config"


class ConfigError(Exception):
    """A configuration file cannot be used; the message is one line that names the file and the key."""


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file asks for: values of flags by the name of their parameter, and accounts, None without any."""

    flags: Mapping[str, Any]
    accounts: "tuple[AccountWish, ...] | None"


def apply(context: typer.Context, path: Path | None) -> Path | None:
    """Read the file and let its values stand in for the flags' defaults; the accounts become the context's object.

    It is the eager callback of `--config`. What is wrong with the file is said in one line, with exit code 2.
    """
    if path is None or context.resilient_parsing:
        return path
    try:
        file = load(path, context)
    except ConfigError as why:
        typer.echo(f"picha sandbox: {why}", err=True)
        raise typer.Exit(2) from None
    context.default_map = dict(file.flags)
    context.obj = file.accounts
    return path


def load(path: Path, context: typer.Context) -> ConfigFile:
    """Return what the file asks for of the command in `context`.

    Raises:
        ConfigError: the file cannot be read, or has a key or a value that means nothing.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise ConfigError(f"{path}: {why.strerror}") from None
    except RecursionError:
        raise ConfigError(f"{path}: it is nested too deep") from None
    except ValueError as why:
        raise ConfigError(f"{path}: {why}") from None
    wished = document.pop(_ACCOUNTS, None)
    _spread(path, document)
    options = {str(option.name): option for option in context.command.params if option.name != _OURS}
    names = {name: _spelt(option) for name, option in options.items()}
    flags = {}
    for key, value in document.items():
        name = next((name for name, spelt in names.items() if key in (spelt, spelt.replace("-", "_"))), None)
        if name is None:
            raise ConfigError(
                f"{path}: there is no {key}; there are {', '.join([*names.values(), _SWITCHES, _ACCOUNTS])}"
            )
        if name in flags:
            raise ConfigError(f"{path}: {key} is there twice")
        try:
            flags[name] = _checked(options[name], value, context)
        except ValueError as why:
            raise ConfigError(f"{path}: {key}: {why}") from None
    return ConfigFile(flags=flags, accounts=None if wished is None else _accounts(path, wished))


def _spread(path: Path, document: dict[str, Any]) -> None:
    """Write the table of switches, if there is one, as its flag is given."""
    switches = document.pop(_SWITCHES, None)
    if switches is None:
        return
    if not isinstance(switches, dict):
        raise ConfigError(f"{path}: {_SWITCHES} is a table")
    if "switch" in document:
        raise ConfigError(f"{path}: give switch or the table {_SWITCHES}, not both")
    document["switch"] = [f"{name}={value}" for name, value in switches.items()]


def _spelt(option: Any) -> str:
    return str(option.opts[0]).removeprefix("--")


def _checked(option: Any, value: object, context: typer.Context) -> Any:
    """Return a value that the flag takes.

    Raises:
        ValueError: it has the wrong type, or the flag refuses it.
    """
    if option.is_flag and not isinstance(value, bool):
        raise ValueError("this is true or false, without quotes")
    given: Any = value
    if option.multiple:
        given = [_text(part) for part in (value if isinstance(value, list) else [value])]
    elif not option.is_flag:
        given = _text(value)
    try:
        option.process_value(context, given)
    except typer.BadParameter as why:
        raise ValueError(str(why.message)) from None
    return given


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("this is a text in quotes, or a whole number")  # noqa: TRY004 - the file's fault, not a caller's
    return str(value)


def _accounts(path: Path, wished: object) -> "tuple[AccountWish, ...]":
    from picha.sandbox.accounts import AccountWish, check  # noqa: PLC0415 - as the program's commands: help is quick

    try:
        accounts = msgspec.convert(wished, tuple[AccountWish, ...])
        check(accounts)
    except msgspec.ValidationError as why:
        what, _, place = str(why).partition(" - at `$")
        raise ConfigError(f"{path}: {_ACCOUNTS}{place.rstrip('`')}: {what}") from None
    except ValueError as why:
        raise ConfigError(f"{path}: {_ACCOUNTS}: {why}") from None
    if not accounts:
        raise ConfigError(f"{path}: {_ACCOUNTS}: there is one account at least")
    return accounts
