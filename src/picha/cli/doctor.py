"""`picha doctor`: what is wrong with a gateway, and what to do about it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from picha.gateway.upkeep.doctor.findings import Finding

_SIGNS = {"ok": ("green", "✓"), "warning": ("yellow", "!"), "problem": ("red", "✗")}


def doctor(
    *,
    home: Annotated[Path, typer.Option(help="Folder of a running `picha up`, unless PICHA_ variables say.")] = Path(
        ".picha"
    ),
    json: Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")] = False,
) -> None:
    """Look at everything a gateway stands on, and say of each trouble what to do about it.

    Ends with 0 unless something is a problem, and with 1 then. A warning will become one, or may be meant.
    """
    # Its rooms are imported here so that `picha --help` is quick.
    import msgspec  # noqa: PLC0415 - see above

    from picha.cli.whereabouts import settings_of  # noqa: PLC0415 - see above
    from picha.gateway.upkeep.doctor.examine import examine  # noqa: PLC0415 - see above
    from picha.kit.clock import SystemClock  # noqa: PLC0415 - see above

    found = asyncio.run(examine(settings_of(home), SystemClock()))
    is_well = all(one.level != "problem" for one in found)
    if json:
        typer.echo(msgspec.json.encode({"ok": is_well, "findings": found}).decode())
    else:
        tell(found)
    raise typer.Exit(0 if is_well else 1)


def tell(found: "list[Finding]") -> None:
    """Print findings in lines, each with its remedy, and how many there are of each kind."""
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    console = Console(highlight=False)
    lines = Table.grid(padding=(0, 1))
    for one in found:
        colour, sign = _SIGNS[one.level]
        about = f" ({one.about})" if one.about and one.level != "ok" else ""
        lines.add_row(Text(sign, style=colour), Text(one.check, style="bold"), Text(one.text + about))
        if one.remedy:
            lines.add_row("", "", Text(f"→ {one.remedy}"))
    console.print(lines)
    counts = {level: sum(one.level == level for one in found) for level in _SIGNS}
    console.print(f"\n{counts['problem']} problems, {counts['warning']} warnings, {counts['ok']} in order.")
