"""What `picha up` says when everything runs: a JSON line for programs, or addresses and curl lines for people."""

from pathlib import Path

import msgspec

CUSTOMER = "16505551234"


class Pids(msgspec.Struct, frozen=True, kw_only=True):
    """The process ids of `picha up` and of its children; `postgres` is null where the database is not ours."""

    up: int
    postgres: int | None
    sandbox: int
    api: int
    worker: int


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The ready line of `picha up --json`; addresses carry no trailing slash."""

    api_url: str
    inbox_url: str
    # Lets the first admin into the inbox, once, within a day.
    sign_in_url: str
    sandbox_url: str
    handset_url: str
    metrics_url: str
    worker_metrics_url: str
    api_key: str
    app_id: str
    sender: str
    phone_number_id: str
    meta_app_id: str
    app_secret: str
    pids: Pids


def ready_line(ready: Ready) -> str:
    """Return the one JSON line that tells a program all it needs."""
    return msgspec.json.encode(ready).decode()


def try_lines(ready: Ready) -> list[str]:
    """Return three shell lines to paste: a customer writes, a picture is sent to them, the messages are listed."""
    key, json = f"-H 'X-API-Key: {ready.api_key}'", "-H 'Content-Type: application/json'"
    control, messages = f"{ready.sandbox_url}/_sandbox", f"{ready.api_url}/v1/whatsapp/messages"
    written = f'{{"from":"{CUSTOMER}","caption":"Do you still have this one?"}}'
    sent = f'{{"to":"{CUSTOMER}","media_url":"{control}/photo.jpg","caption":"We do. Karibu!"}}'
    return [
        f"curl -s {json} -d '{written}' {control}/inbound",
        f"curl -s {key} {json} -d '{sent}' {messages}/image",
        f"curl -s {key} '{messages}?limit=2'",
    ]


def greet(ready: Ready, *, home: Path, logs: Path) -> None:
    """Print for a person where everything is and what to try; the curl lines are printed whole, to be pasted."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, and --json needs none of it
    from rich.panel import Panel  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    facts = Table.grid(padding=(0, 2))
    for name, value in (
        ("API", ready.api_url),
        ("calls", f"{ready.api_url}/docs (each with commands to paste)"),
        ("key", ready.api_key),
        ("sender", f"{ready.sender} (a test number of the sandbox)"),
        ("sandbox", f"{ready.sandbox_url} (stands in for Meta)"),
        ("inbox", ready.inbox_url),
        ("sign in", f"{ready.sign_in_url} (once, within a day)"),
        ("handset", f"{ready.handset_url} (be the customer)"),
        ("metrics", ready.metrics_url),
        ("", f"{ready.worker_metrics_url} (the worker's)"),
        ("data", str(home)),
        ("logs", str(logs)),
    ):
        facts.add_row(f"[bold]{name}[/bold]", value)
    console = Console(highlight=False)
    console.print(Panel(facts, title="Picha is up", border_style="green", expand=False))
    what = ("A customer sends a photo:", "Answer with a picture:", "See both:")
    for title, line in zip(what, try_lines(ready), strict=True):
        console.print(f"\n[bold]{title}[/bold]")
        console.print(line, soft_wrap=True, markup=False)
    console.print("\nCtrl-C stops everything.")
