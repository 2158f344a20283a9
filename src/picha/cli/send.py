"""`picha send`: pictures, sent by whoever has an API key."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from picha.cli.asking import Json
from picha.cli.batches import summary
from picha.cli.reaching import HOME, STDIN, Home, Key, Url, cell, counted, image, progress, reached, tell
from picha.cli.recipients import read
from picha.cli.usage import UsageCommand, UsageGroup

send = typer.Typer(help="Send a picture through a gateway.", no_args_is_help=True, cls=UsageGroup)


@send.callback()
def _family() -> None:
    """Send a picture through a gateway."""


@send.command("image", cls=UsageCommand)
def send_image(
    picture: Annotated[
        str, typer.Argument(metavar="IMAGE", help="A file, an https address, a file_id, or - for standard input.")
    ],
    *,
    to: Annotated[str | None, typer.Option(help="The recipient's number, in international form.")] = None,
    conversation: Annotated[str | None, typer.Option(help="A conversation's id, in place of --to.")] = None,
    sender: Annotated[str | None, typer.Option(help="Which of your numbers sends, where there are several.")] = None,
    caption: Annotated[str | None, typer.Option(help="The words below it, 1,024 characters at most.")] = None,
    reply_to: Annotated[str | None, typer.Option(help="The id of the message that it answers.")] = None,
    reference: Annotated[str | None, typer.Option(help="Your own name for it, which its events tell.")] = None,
    image_policy: Annotated[
        Literal["auto", "strict"] | None, typer.Option(help="Make it fit, or refuse what does not.")
    ] = None,
    media_mode: Annotated[
        Literal["upload", "link"], typer.Option(help="Who fetches an address: the gateway, or WhatsApp.")
    ] = "upload",
    on_unknown: Annotated[
        Literal["hold", "resend"], typer.Option(help="What to do when nobody knows whether it went out.")
    ] = "hold",
    priority: Annotated[
        Literal["high", "normal"], typer.Option(help="Before others of its number, or in turn.")
    ] = "normal",
    preflight: Annotated[bool, typer.Option("--preflight", help="Look at the address's picture first.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="A word of yours, such as an order's number: with it, it is sent once.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is delivered.")] = False,
    until: Annotated[Literal["sent", "delivered", "read"] | None, typer.Option(help="Wait until then.")] = None,
    timeout: Annotated[float, typer.Option(min=0, help="How many seconds to wait at most.")] = 60.0,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Send a picture to somebody who wrote in the last 24 hours.

    Ends with 0 when it is accepted, and with --wait when it has come so far; with 1 when it is refused, fails or takes
    too long, 64 when used wrongly.
    """
    if (to is None) == (conversation is None):
        raise typer.BadParameter("name who gets it with --to or --conversation, one of them")
    with reached(url, key, home) as gateway:
        with progress("Uploading" if picture == STDIN else picture, quiet=json) as on_progress:
            sent = gateway.send_image(
                image=image(picture),
                to=to,
                conversation_id=conversation,
                sender=sender,
                caption=caption,
                reply_to=reply_to,
                client_reference=reference,
                image_policy=image_policy,
                media_mode=media_mode,
                on_unknown=on_unknown,
                priority=priority,
                preflight=preflight,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
            )
        tell(sent, json=json, otherwise=lambda: f"Accepted as {sent.message_id}.")
        if wait or until:
            message = gateway.wait(sent.message_id, until=until or "delivered", timeout=timeout)
            at = message.read_at or message.delivered_at or message.sent_at
            tell(message, json=json, otherwise=lambda: f"{message.status.capitalize()} at {cell(at)}.")


@send.command("batch", cls=UsageCommand)
def send_batch(
    recipients: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Who gets it: a .csv whose first line names its columns (to or conversation_id, caption, "
            "client_reference), or JSON Lines with the same names.",
        ),
    ],
    *,
    picture: Annotated[
        str,
        typer.Option("--image", metavar="IMAGE", help="A file, an https address, a file_id, or - for what comes in."),
    ],
    caption: Annotated[str | None, typer.Option(help="The words below it, for whoever has none of their own.")] = None,
    sender: Annotated[str | None, typer.Option(help="Which of your numbers sends, where there are several.")] = None,
    image_policy: Annotated[
        Literal["auto", "strict"] | None, typer.Option(help="Make it fit, or refuse what does not.")
    ] = None,
    on_unknown: Annotated[
        Literal["hold", "resend"], typer.Option(help="What to do when nobody knows whether one went out.")
    ] = "hold",
    priority: Annotated[
        Literal["high", "normal"], typer.Option(help="Before others of its number, or in turn.")
    ] = "normal",
    idempotency_key: Annotated[
        str | None, typer.Option(help="A word of yours, such as a campaign's name: with it, it is sent once.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all is handed over.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="How many seconds to wait at most.")] = 3600.0,
    url: Url = None,
    key: Key = None,
    home: Home = HOME,
    json: Json = False,
) -> None:
    """Send one picture to up to 10,000 people, each of whom wrote in the last 24 hours.

    Ends with 0 when it is accepted, and with --wait when everybody was; with 1 when it is refused, takes too long, or
    with --wait somebody was refused or failed: `picha batches results` tells whom. 64 when used wrongly.
    """
    people = read(recipients)
    with reached(url, key, home) as gateway:
        with progress("Uploading" if picture == STDIN else picture, quiet=json) as on_progress:
            sent = gateway.send_batch(
                image=image(picture),
                recipients=people,
                caption=caption,
                sender=sender,
                image_policy=image_policy,
                on_unknown=on_unknown,
                priority=priority,
                idempotency_key=idempotency_key,
                on_progress=on_progress,
            )
        tell(sent, json=json, otherwise=lambda: f"Accepted as {sent.batch_id}, for {sent.total}.")
        if wait:
            with counted("Handed over", sent.total, quiet=json) as on_count:
                batch = gateway.wait_batch(
                    sent.batch_id,
                    timeout=timeout,
                    on_look=lambda one: on_count(one.total - one.waiting - one.pending),
                )
            tell(batch, json=json, otherwise=lambda: summary(batch))
            if batch.accepted < batch.total or batch.failed or batch.cancelled:
                raise typer.Exit(1)
