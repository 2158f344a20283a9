"""`picha export`: what is kept of a person in a workspace, as an archive that people and programs can read."""

import dataclasses
import html
import mimetypes
import os
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, RefusedError, asked
from picha.cli.erase import Phone, UserId, Workspace, one_of, workspace_of

if TYPE_CHECKING:
    from picha.gateway.blobs import Blobs
    from picha.gateway.settings import Settings
    from picha.gateway.store.people import Known
    from picha.gateway.store.pool import Pool
    from picha.gateway.store.views import MessageView

_README = """\
What this gateway keeps of one person.

index.html      everything, to look at: open it in a browser
contact.json    their numbers, user ids and names
messages.jsonl  one message a line, as GET /v1/whatsapp/messages/{{id}} shows it; content.url is a file of this archive
pictures/       the pictures, by their file_id

{messages} messages, {pictures} pictures, {missing} pictures whose bytes are no longer kept.
Bodies of webhooks as they came, which are kept for some days, are not among it: what they tell is in the messages.
"""
_HEAD = """<!doctype html><meta charset="utf-8"><title>What is kept of one person</title>
<style>body{font:16px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}td,th{text-align:left;vertical-align:top;
padding:.4em 1em .4em 0;border-top:1px solid #ccc}img{max-width:16em;max-height:16em}</style>
<h1>What is kept of one person</h1>
"""


@dataclasses.dataclass(slots=True)
class _Counts:
    messages: int = 0
    pictures: int = 0
    missing: int = 0


def export(
    *,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE.zip", help="Where the archive goes; a new file.")],
    phone: Phone = None,
    user_id: UserId = None,
    workspace: Workspace = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Write what is kept of a person into an archive, readable by its owner only: messages, pictures, addresses.

    It has an index.html for people, and JSON Lines in the API's own shape for programs.
    """
    from picha.gateway.blobs.opening import open_blobs  # noqa: PLC0415 - slow to import, and help is quick
    from picha.gateway.store import audit, people  # noqa: PLC0415 - as above
    from picha.gateway.store.pool import in_transaction  # noqa: PLC0415 - as above

    by = one_of(phone, user_id)

    async def work(pool: "Pool", settings: "Settings") -> _Counts:
        of = await workspace_of(pool, workspace)
        person = await people.known(pool, of, **by)
        if not person.contacts:
            raise RefusedError("Nothing is kept of that person; nothing was written.")
        with _new(out) as file:
            counts = await _write(file, pool, open_blobs(settings), person)
            about = {"contacts": person.contacts, **dataclasses.asdict(counts)}
            # Before anybody has it.
            await in_transaction(
                pool,
                lambda connection: audit.note(connection, audit.CLI, "person.exported", workspace=of, about=about),
            )
        return counts

    counts = asked(home, work)
    if json:
        typer.echo(msgspec.json.encode({"file": str(out), **dataclasses.asdict(counts)}))
    else:
        typer.echo(f"{counts.messages:,} messages and {counts.pictures:,} pictures are in {out}.")
        if counts.missing:
            typer.echo(f"{counts.missing:,} pictures are named whose bytes are no longer kept.")


async def _write(file: IO[bytes], pool: "Pool", blobs: "Blobs", person: "Known") -> _Counts:
    from picha.gateway.blobs import BlobMissing  # noqa: PLC0415 - as above

    counts, named = _Counts(), dict[str, bytes]()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, TemporaryFile() as page:
        archive.writestr("contact.json", msgspec.json.format(msgspec.json.encode(person.facts)))
        page.write((_HEAD + _people(person.facts) + "<table>\n").encode())
        with archive.open("messages.jsonl", "w", force_zip64=True) as lines:
            async for view in _views(pool, person):
                document = _document(view, person)
                if view.digest is not None:
                    named[document["content"]["url"]] = view.digest
                lines.write(msgspec.json.encode(document) + b"\n")
                page.write(_row(document).encode())
                counts.messages += 1
        with archive.open("index.html", "w", force_zip64=True) as whole:
            page.write(b"</table>\n")
            page.seek(0)
            while part := page.read(1 << 16):
                whole.write(part)
        for name, digest in named.items():
            try:
                data = await blobs.get(digest)
            except BlobMissing:
                counts.missing += 1
                continue
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
            counts.pictures += 1
        archive.writestr("README.txt", _README.format(**dataclasses.asdict(counts)))
    return counts


async def _views(pool: "Pool", person: "Known") -> "AsyncIterator[MessageView]":
    from picha.gateway.store import people, views  # noqa: PLC0415 - as above

    async for page in people.messages(pool, person):
        found: dict[Any, MessageView] = {}
        for environment in {one for _, one in page}:
            ids = [id_ for id_, of in page if of == environment]
            found |= await views.some(pool, person.workspace_id, environment, ids)
        for id_, _ in page:
            if id_ in found:
                yield found[id_]


def _document(view: "MessageView", person: "Known") -> dict[str, Any]:
    """Return a message as the API shows it, with the picture's place in the archive for its link."""
    from picha.gateway.telling.links import Links  # noqa: PLC0415 - as above
    from picha.gateway.telling.showing import show  # noqa: PLC0415 - as above
    from picha.kit.clock import SystemClock  # noqa: PLC0415 - as above

    nowhere = Links(lambda: [b""], SystemClock(), "")
    document: dict[str, Any] = msgspec.to_builtins(show(view, nowhere, person.workspace_id))
    if view.file_id is not None:
        ending = mimetypes.guess_extension(view.mime_type or "") or ""
        document["content"]["url"] = f"pictures/{view.file_id}{ending}"
    return document


def _people(facts: Iterable[Any]) -> str:
    return "".join(
        f"<p>{html.escape(one['profile_name'] or 'No name is known')}: "
        + html.escape(", ".join(f"{address['kind']} {address['value']}" for address in one["addresses"]))
        + "</p>\n"
        for one in facts
    )


def _row(document: dict[str, Any]) -> str:
    content = document["content"]
    said = html.escape(content.get("caption") or content.get("body") or "")
    shown = f'<br><img src="{html.escape(content["url"])}" alt="">' if document["content"].get("file_id") else ""
    way = "to them" if document["is_outbound"] else "from them"
    return (
        f"<tr><td>{html.escape(str(document['created_at']))}<td>{way}<td>{html.escape(document['message_type'])}"
        f"<td>{html.escape(document['status'])}<td>{said}{shown}</tr>\n"
    )


@contextmanager
def _new(out: Path) -> Iterator[IO[bytes]]:
    """Open a file that is there under its name once it is whole, and not at all if it does not become so."""
    part = out.with_name(out.name + ".part")
    if out.exists():
        raise RefusedError(f"{out} is there already: name a new file.")
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RefusedError(f"{part} is left of an export that was stopped, or one is at work: delete it.") from None
    except OSError as problem:
        raise RefusedError(f"{out} cannot be written ({problem.strerror}).") from problem
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)
