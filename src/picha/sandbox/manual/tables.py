"""What is true of every sandbox, in rows of Markdown: its limits, and the recipients that fail by magic."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from picha.cloudapi import limits
from picha.cloudapi.errors import RANGES, TABLE, lookup
from picha.sandbox import control_words, magic, pace, refusals
from picha.sandbox.chronicle import HAPPENINGS_MAX
from picha.sandbox.deliveries import SETTLED_MAX
from picha.sandbox.front import HEAD_MAX_BYTES
from picha.sandbox.graph.calls import BODY_MAX_BYTES

MAGIC = f"""Write to one of these numbers and its error comes, with nothing to set up: `+999 0` and the code in six
digits for an error in the answer, `+999 1` and the code for a failed status after an accepted send. Meta's page says
that errors may come either way, so every code has both. A `recipient` does the same: `US.` and these digits, such as
`US.{magic.number(131062, magic.Moment.ANSWER)}`. A send that is refused is not in the ledger; one that is accepted
counts for the rates. A registration is refused with one of {", ".join(map(str, magic.REGISTRATION_CODES))}
when that is its PIN."""
LIMITS = """Rates follow real time, whatever the sandbox's clock shows, but for registrations, which follow the clock; a
restart forgets them. What is refused does not count. The messages of a number are those in and out together: people who
write are never throttled, but leave less for what the number sends. Read marks and the control API do not count. What
is sent at once is borrowed and paid back at the rate. How long things live follows the sandbox's clock."""


class Table(NamedTuple):
    """A head and its rows."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def rates() -> Table:
    """Return the rates that count."""
    pair = limits.PAIR_INTERVAL.total_seconds()
    burst, uploads, messages = limits.PAIR_BURST, limits.UPLOADS_PER_SECOND, limits.MESSAGES_PER_SECOND
    return Table(
        ("what", "rate", "at once", "past it"),
        [
            ("Messages of a number", f"{messages} a second", str(messages), _refusal(pace.THROUGHPUT)),
            ("Messages to one person", f"1 in {pair:g} seconds", str(burst), _refusal(pace.PAIR)),
            ("Uploads of a number", f"{uploads} a second", str(uploads), _refusal(pace.APP_CALLS)),
            (
                "Registrations of a number",
                f"{limits.REGISTRATIONS_MAX} in {span(limits.REGISTRATIONS_WITHIN)}",
                str(limits.REGISTRATIONS_MAX),
                _refusal(pace.REGISTRATION),
            ),
        ],
    )


def sizes() -> Table:
    """Return how much may be given at once."""
    too_long = _refusal(100)
    return Table(
        ("what", "at most", "past it"),
        [
            ("Caption", f"{limits.CAPTION_MAX_CHARS:,} characters", too_long),
            ("Text", f"{limits.TEXT_MAX_CHARS:,} characters", too_long),
            ("Callback data", f"{limits.CALLBACK_DATA_MAX_CHARS} characters", too_long),
            ("Image", f"{limits.IMAGE_MAX_BYTES:,} bytes", "status failed, code 131053"),
            ("Any upload", f"{limits.MEDIA_MAX_BYTES:,} bytes", too_long),
            ("Body of any other call of Graph's", f"{BODY_MAX_BYTES:,} bytes", too_long),
            ("Body of a control call", f"{control_words.BODY_MAX_BYTES:,} bytes", "HTTP 413"),
            ("Path and headers", f"{HEAD_MAX_BYTES:,} bytes", too_long),
            ("Form", "100 fields; a multipart one 32 parts, and for an upload 4 files beside", too_long),
            ("`override_callback_uri`", f"{limits.CALLBACK_OVERRIDE_MAX_CHARS} characters", too_long),
            ("Updates in one webhook", f"{limits.WEBHOOK_MAX_UPDATES:,}", "more webhooks"),
            ("Settled webhooks in the log", f"{SETTLED_MAX:,}", "the oldest are forgotten"),
            ("Happenings that a wait finds", f"{HAPPENINGS_MAX:,}", "the oldest are forgotten, and it says so"),
        ],
    )


def lives() -> Table:
    """Return how long things live, by the sandbox's clock."""
    return Table(
        ("what", "for", "then"),
        [
            ("Window after a person's message", span(limits.SERVICE_WINDOW), "status failed, code 131047"),
            ("Download address", span(limits.MEDIA_URL_LIFE), "HTTP 404, code 100"),
            ("Uploaded media", span(limits.UPLOADED_MEDIA_LIFE), _refusal(100)),
            ("Media that a person sent", span(limits.INBOUND_MEDIA_LIFE), _refusal(100)),
            ("What was fetched from a link", span(limits.LINK_CACHE), "it is fetched again"),
            ("Undelivered message", span(limits.UNDELIVERED_LIFE), "it is never delivered"),
            ("Read mark on a message", span(limits.READ_MARK_LIFE), _refusal(131009)),
            ("Typing indicator, if no reply ends it", span(limits.TYPING_LIFE), "it is not shown"),
            ("Tries of a webhook", span(limits.WEBHOOK_RETRY_FOR), "it is given up"),
        ],
    )


def recipients() -> Table:
    """Return the magic recipients: those of each code, and those of each family of codes."""
    rows = [_magic(range(code, code + 1)) for code in sorted(TABLE)]
    return Table(
        ("code", "title", "error in the answer", "HTTP", "failed status"),
        [*rows, *(_magic(family) for family in RANGES)],
    )


def span(length: timedelta) -> str:
    """Return a duration in the largest unit that fits."""
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds % size == 0 and seconds > size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _magic(codes: range) -> tuple[str, ...]:
    def spanned(text: Callable[[int], str]) -> str:
        return " to ".join(dict.fromkeys(text(code) for code in (codes[0], codes[-1])))

    return (
        spanned(str),
        lookup(codes[0]).title,
        spanned(lambda code: f"`+{magic.number(code, magic.Moment.ANSWER)}`"),
        str(refusals.of_code(codes[0]).http),
        spanned(lambda code: f"`+{magic.number(code, magic.Moment.STATUS)}`"),
    )


def _refusal(code: int) -> str:
    return f"HTTP {refusals.of_code(code).http}, code {code}"
