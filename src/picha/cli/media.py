"""`picha media`: pictures at a gateway; bring some there, look at one, fetch it, let go of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import Json, Yes, confirmed
from picha.cli.pictures import put
from picha.cli.reaching import HOME, STDIN, Home, Key, Url, facts, image, progress, reached, readable, tell
from picha.cli.usage import UsageCommand, UsageGroup

if TYPE_CHECKING:
    from picha.karibu.media import Media

media = typer.Typer(
    help="Upload pictures, look at one, fetch its bytes, delete it.", no_args_is_help=True, cls=UsageGroup
)

_FileId = Annotated[UUID, typer.Argument(metavar="FILE_ID", help="What an upload answered, or a message's file_id.")]


@media.command(cls=UsageCommand)
def upload(
    files: Annotated[
        list[str], typer.Argument(metavar="IMAGE", help="Files or https addresses; - reads one from standard input.")
    ],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse what WhatsApp would not take as it is.")] = False,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Upload pictures; each can be sent by its file_id for 30 days. The first that is refused ends it with 1."""
    with reached(url, key, home) as gateway:
        for name in files:
            with progress("Uploading" if name == STDIN else name, quiet=json) as on_progress:
                taken = gateway.upload(
                    image=image(name), image_policy="strict" if strict else None, on_progress=on_progress
                )
            tell(taken, json=json, otherwise=lambda name=name, taken=taken: _line(name, taken))  # type: ignore[misc] # as now


@media.command(cls=UsageCommand)
def show(file_id: _FileId, *, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False) -> None:
    """Show a picture's facts."""
    with reached(url, key, home) as gateway:
        one = gateway.media(file_id)
    tell(one, json=json, otherwise=lambda: facts(_described(one)))


@media.command(cls=UsageCommand)
def get(
    file_id: _FileId,
    *,
    out: Annotated[str, typer.Option("-o", "--out", metavar="OUT", help="Where it goes; - is standard output.")],
    thumbnail: Annotated[bool, typer.Option("--thumbnail", help="A small JPEG of it.")] = False,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Fetch a picture's bytes, of an upload or of a message that was received."""
    with reached(url, key, home) as gateway:
        data = gateway.thumbnail(file_id) if thumbnail else gateway.content(file_id)
        if out == STDIN:
            typer.get_binary_stream("stdout").write(data)
            return
        put(Path(out).resolve(), data)
    told = {"file_id": file_id, "out": out, "size_bytes": len(data)}
    tell(told, json=json, otherwise=lambda: f"{len(data):,} bytes are in {readable(out)}.")


@media.command(cls=UsageCommand)
def delete(
    file_id: _FileId, *, yes: Yes = False, url: Url = None, key: Key = None, home: Home = HOME, json: Json = False
) -> None:
    """Delete a picture; messages that were accepted with it go out all the same."""
    confirmed(f"Delete the picture {file_id}?", yes=yes)
    with reached(url, key, home) as gateway:
        done = gateway.delete_media(file_id)
    tell(done, json=json, otherwise=lambda: f"The picture {done.file_id} is deleted.")


def _line(name: str, taken: "Media") -> str:
    changed = f" ({', '.join(taken.changes)})" if taken.changes else ""
    return f"{taken.file_id}  {readable(name)}{changed}"


def _described(one: "Media") -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(one)
    return told | {"expires_at": one.expires_at, "notes": [note["message"] for note in told.get("notes", [])]}
