"""`picha check` and `picha fix`: what WhatsApp would say of a picture, before it is sent, and a copy that it takes."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from picha.cli.usage import USAGE

if TYPE_CHECKING:
    from picha.cli.look import Report

_EXITS = {"ok": 0, "repairable": 1, "hopeless": 2}
_SIGNS = {"ok": ("green", "ok"), "repairable": ("yellow", "fix"), "hopeless": ("red", "no")}
_PIPE = "-"


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Pictures; - reads one from standard input.")],
    *,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else.")] = False,
) -> None:
    """Say whether WhatsApp takes pictures as they are, and if not, why.

    Ends with 0 if all may go as they are, 1 if picha fix can repair those that may not, 2 if nothing can be done about
    one of them, 64 when used wrongly.
    """
    from picha.cli.look import look  # noqa: PLC0415 - slow to import, and help is quick
    from picha.cli.shelter import Shelter  # noqa: PLC0415 - as above

    for name in files:
        _check_readable(name)
    reports = []
    with Shelter() as shelter:
        for name in _shown(files, quiet=json):
            reports.append(look(name, *_read(name), shelter.do))
            _tell(reports[-1], as_json=json)
    if len(reports) > 1 and not json:
        _sum_up(reports)
    raise typer.Exit(max(_EXITS[report.verdict] for report in reports))


def fix(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A picture; - reads it from standard input.")],
    *,
    out: Annotated[str, typer.Option("-o", "--out", metavar="OUT", help="Where it goes; - is standard output.")],
    strict: Annotated[bool, typer.Option("--strict", help="Change nothing but cut what follows its end.")] = False,
) -> None:
    """Write a copy of a picture that WhatsApp takes, and say what was changed.

    Ends with 0 when it is written, 1 when --strict forbids the repair, 2 when nothing can be done, 64 when used
    wrongly.
    """
    from picha.cli.look import look, make, readable  # noqa: PLC0415 - as above
    from picha.cli.shelter import Shelter  # noqa: PLC0415 - as above
    from picha.images.claims import belied  # noqa: PLC0415 - as above
    from picha.images.facts import Unusable  # noqa: PLC0415 - as above

    _check_readable(file)
    data, size_bytes = _read(file)
    with Shelter() as shelter:
        try:
            made = make(data, shelter.do, strict=strict)
        except Unusable as why:
            typer.echo(f"picha: {readable(file)}: {why}", err=True)
            report = look(file, data, size_bytes, shelter.do)
            if not strict or report.verdict == "hopeless":
                raise typer.Exit(_EXITS["hopeless"]) from None
            typer.echo(f"Without --strict it would be repaired: {', '.join(report.would_change)}", err=True)
            raise typer.Exit(_EXITS["repairable"]) from None
    _write(out, made.data)
    changes = ", ".join(made.changes) or "nothing to change"
    typer.echo(f"{readable(file)} → {readable(out)} ({made.facts.mime_type}): {changes}", err=True)
    for note in belied(made.facts.kind, name=out):
        typer.echo(f"Note: {note.message}", err=True)


def _check_readable(name: str) -> None:
    if name == _PIPE:
        return
    try:
        with Path(name).open("rb"):
            pass
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else str(problem)
        _refuse(f"{name}: {why}")


def _read(name: str) -> tuple[bytes, int]:
    """Return the bytes that are looked at, which are the first 32 MiB, and how many there are."""
    from picha.images.plan import AUTO_MAX_BYTES  # noqa: PLC0415 - as above

    try:
        with contextlib.nullcontext(sys.stdin.buffer) if name == _PIPE else Path(name).open("rb") as stream:
            data = stream.read(AUTO_MAX_BYTES + 1)
        return data, len(data) if name == _PIPE else max(len(data), Path(name).stat().st_size)
    except OSError as problem:
        _refuse(f"{name}: {problem.strerror}")


def _write(name: str, data: bytes) -> None:
    try:
        if name == _PIPE:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            put(Path(name).resolve(), data)
    except OSError as problem:
        _refuse(f"{name}: {problem.strerror}")


def put(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, behind the links that lead to it; a device or a pipe takes it as it is."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_bytes(data)
        if path.exists():
            half.chmod(path.stat().st_mode & 0o777)
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise


def _refuse(problem: str) -> NoReturn:
    from picha.cli.look import readable  # noqa: PLC0415 - as above

    typer.echo(f"picha: {readable(problem)}", err=True)
    raise typer.Exit(USAGE)


def _shown(files: list[str], *, quiet: bool) -> Iterable[str]:
    """Yield the files, under a progress bar if there are many and somebody watches."""
    if quiet or len(files) == 1 or not sys.stderr.isatty():
        return files
    return _under_a_bar(files)


def _under_a_bar(files: list[str]) -> Iterator[str]:
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.progress import Progress  # noqa: PLC0415 - as above

    # Lines for the terminal must go around the bar; lines for a file must not go to the bar's stream.
    around = sys.stdout.isatty()
    with Progress(console=Console(stderr=True), transient=True, redirect_stdout=around, redirect_stderr=False) as bar:
        yield from bar.track(files, description="Looking")


def _tell(report: "Report", *, as_json: bool) -> None:
    if as_json:
        import msgspec  # noqa: PLC0415 - as above

        typer.echo(msgspec.json.encode(report).decode())
        return
    colour, sign = _SIGNS[report.verdict]
    size = f", {report.width} x {report.height} pixels" if report.width else ""
    typer.echo(f"{typer.style(f'{sign:4}', fg=colour)}{report.file}: {report.kind}{size}")
    for line in _lines(report):
        typer.echo(f"    {line}")


def _lines(report: "Report") -> Iterator[str]:
    for flaw in report.flaws:
        yield f"{flaw.message} {flaw.remedy}"
    for note in report.notes:
        yield f"Note: {note.message}"
    if report.would_change:
        yield f"picha fix would change: {', '.join(report.would_change)}"


def _sum_up(reports: "list[Report]") -> None:
    counts = dict.fromkeys(_EXITS, 0)
    for report in reports:
        counts[report.verdict] += 1
    typer.echo(
        f"{len(reports)} files: {counts['ok']} may go as they are, {counts['repairable']} can be repaired, "
        f"{counts['hopeless']} cannot."
    )
