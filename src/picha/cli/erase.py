"""`picha erase`: everything that is known of a person in a workspace goes."""

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import msgspec
import typer

from picha.cli.asking import HOME, Home, Json, Yes, asked, chosen, confirmed

if TYPE_CHECKING:
    from picha.gateway.settings import Settings
    from picha.gateway.store.pool import Pool
    from picha.gateway.upkeep.erasing import Found

_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,29}")
_USER_ID = re.compile(r"[!-~]{1,128}")
_WORDS = {
    "messages": "messages are emptied of all but the fact that they were sent or came",
    "pictures": "pictures of theirs; what others got, too, stays",
    "waiting": "sends to them are cancelled",
    "recipients": "recipients of batches; those whose turn has not come are refused",
    "webhooks": "webhook bodies that name them are emptied",
    "quarantined": "items in quarantine that name them",
    "notices": "notices that name them",
    "answers": "answers kept for idempotency keys that show them",
}


def phone_digits(text: str) -> str:
    """Return a phone number as WhatsApp writes it, or refuse the option that has it."""
    digits = "".join(filter(str.isdigit, text))
    if not _PHONE.fullmatch(text) or not 5 <= len(digits) <= 20:  # noqa: PLR2004 - said in the sentence
        raise typer.BadParameter("a phone number in international form: its 5 to 20 digits, with or without a +")
    return digits


def user_id(text: str) -> str:
    """Return a user id as it is, or refuse the option that has it."""
    if not _USER_ID.fullmatch(text):
        raise typer.BadParameter("a user id as WhatsApp tells it: 1 to 128 visible ASCII characters")
    return text


Phone = Annotated[str | None, typer.Option(parser=phone_digits, help="Their number, in international form.")]
UserId = Annotated[str | None, typer.Option("--user-id", parser=user_id, help="Their user id at WhatsApp.")]
Workspace = Annotated[
    str | None, typer.Option(help="In which workspace, by id or name; needed where there are several.")
]


def one_of(phone: str | None, user_id: str | None) -> dict[str, str | None]:
    """Return by what a person is looked up, or end the program with 2."""
    if (phone is None) == (user_id is None):
        raise typer.BadParameter("name the person by one of --phone and --user-id")
    return {"phone": phone, "user_id": user_id}


async def workspace_of(pool: "Pool", called: str | None) -> UUID:
    """Return the id of the workspace that is called so, or of the only one there is."""
    from picha.gateway.store import directory  # noqa: PLC0415 - slow to import, and help is quick

    return chosen(await directory.workspaces(pool), called, what="workspace", option="--workspace").id


def erase(
    *,
    phone: Phone = None,
    user_id: UserId = None,
    workspace: Workspace = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    yes: Yes = False,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Erase a person: words, pictures, addresses, and whatever else names them. There is no way back.

    What is left says that messages were sent and came, and when, of somebody. What waits for them is cancelled first.
    Backups keep what they have; say it again after one was put back.
    """
    from picha.gateway.upkeep import erasing  # noqa: PLC0415 - as above

    by = one_of(phone, user_id)

    async def look(pool: "Pool", _: "Settings") -> "Found":
        return await erasing.look(pool, await workspace_of(pool, workspace), **by)

    found = asked(home, look)
    if dry_run or found.is_nobody:
        _tell(found.counts, is_nobody=found.is_nobody, is_done=False, json=json)
        return
    if not json:
        _tell(found.counts, is_nobody=False, is_done=False, json=False, err=True)
    confirmed("Erase all of that for ever?", yes=yes)

    shows = sys.stderr.isatty() and not json

    def told(done: int, total: int) -> None:
        if shows:
            typer.echo(f"\r{done:,} of {total:,} messages", nl=False, err=True)

    async def work(pool: "Pool", settings: "Settings") -> Mapping[str, int]:
        from picha.gateway.blobs.opening import open_blobs  # noqa: PLC0415 - as above
        from picha.kit.clock import SystemClock  # noqa: PLC0415 - as above

        return await erasing.erase(pool, open_blobs(settings), SystemClock(), found, who="cli", told=told)

    went = asked(home, work)
    if shows:
        typer.echo(err=True)
    _tell(went, is_nobody=False, is_done=True, json=json)


def _tell(counts: Mapping[str, int], *, is_nobody: bool, is_done: bool, json: bool, err: bool = False) -> None:
    if json:
        typer.echo(msgspec.json.encode({"is_known": not is_nobody, "is_erased": is_done, **counts}))
    elif is_nobody:
        typer.echo("Nothing is kept of that person.")
    elif is_done:
        typer.echo(
            f"Erased. {counts['messages']:,} messages were emptied, {counts['cancelled']:,} sends cancelled, and "
            f"{counts['pictures']:,} pictures deleted; one uploaded within the hour goes when that is over."
        )
    else:
        for what, count in counts.items():
            if count:
                typer.echo(f"{count:>8,}  {_WORDS[what]}", err=err)
