"""The books of a run: what callers were told, what the gateway keeps, what Meta's stand-in saw; and whether they agree.

Each check is pure and returns a sentence for everything that breaks its invariant. None uses the gateway's own code, so
that a mistake there cannot hide itself.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from tests.journeys.running import Talk

AT_REST = frozenset({"submitted", "failed", "unknown", "cancelled"})
ENDS = frozenset({"read", "failed"})
_EVERYTHING = "1000000"
HOOK_SECRET = "canary of the webhook"
"""What signs for the webhooks of every shop."""


@dataclass(frozen=True)
class Told:
    """A send that was answered 202: by whom it was asked for, with what."""

    message_id: str
    talk: Talk
    body: Mapping[str, Any]
    sha256: str | None = None


@dataclass(frozen=True)
class Books:
    """Everything that is known after a run. Rows are the database's, items the sandbox's, documents the API's."""

    told: Sequence[Told]
    shown: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]]
    evidence: Sequence[Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    owed: Sequence[Mapping[str, Any]]
    undigested: int
    aside: Sequence[str]
    effects: Sequence[Any]
    deliveries: Sequence[Any]
    has_forgotten: bool
    secrets: Sequence[str]
    logs: str

    @property
    def webhooks(self) -> set[tuple[str, str | None]]:
        """What was told by webhooks that were answered 200: a message of a person, or a wamid and its status."""
        return {(one["about"], one["status"]) for one in self.deliveries if one["taken"]}

    @property
    def is_quiet(self) -> bool:
        """Whether nothing more is to come from Meta's side: of every effect its last status was taken or given up.

        The effects were read first: what the gateway knows of and they lack came while the books were read.
        """
        missing = {one["wamid"] for one in self.attempts if one["wamid"]} - {one["wamid"] for one in self.effects}
        if missing and not self.has_forgotten:
            return False
        ended = {one["about"] for one in self.deliveries if one["status"] in ENDS}
        going = {one["wamid"] for one in self.effects} - ended
        # Of what the sandbox has forgotten, the end came long ago.
        return not (going & {one["about"] for one in self.deliveries} if self.has_forgotten else going)


def lost(books: Books) -> list[str]:
    """I1: every 202's message exists, with the body that was acknowledged."""
    return [
        f"{one.body.get('caption')!r} was answered 202 and is {found or 'gone'}"
        for one in books.told
        if (found := _unlike(one, books.shown.get(one.message_id))) is not None
    ]


def _unlike(told: Told, shown: Any) -> str | None:
    """Return how what is shown differs from what was acknowledged, None if it does not."""
    if shown is None:
        return ""
    content = shown["content"]
    kept = {
        "to": shown["recipient"],
        "caption": content["caption"],
        "media_url": content["media_url"],
        "file_id": content["file_id"],
        "client_reference": shown["client_reference"],
    }
    unlike = {name: kept[name] for name, value in told.body.items() if name in kept and kept[name] != value}
    return f"kept as {unlike}" if unlike else None


def doubled(books: Books) -> list[str]:
    """I2: under hold, a message has one effect at Meta at most. Every send of a run has a caption of its own.

    Under resend it may have one more for each attempt of which nobody knew what became, and says so.
    """
    times = Counter(one["caption"] for one in books.effects)
    unsure = Counter(row["message_id"] for row in books.attempts if row["outcome"] == "ambiguous")
    known = Counter(row["message_id"] for row in books.attempts if row["wamid"] is not None)
    may_be = {row["caption"]: 1 + unsure[row["id"]] for row in books.messages if row["on_unknown"] == "resend"}
    unsaid = [
        f"{row['caption']!r} is known to be at Meta {known[row['id']]} times, and says {1 + row['duplicates']}"
        for row in books.messages
        if row["duplicates"] < known[row["id"]] - 1 and row["status"] != "failed"
    ]
    return unsaid + [
        f"{caption!r} reached Meta {count} times" for caption, count in times.items() if count > may_be.get(caption, 1)
    ]


def restless(books: Books) -> list[str]:
    """I3: every message has come to rest, and is unknown only where an outcome is, and nothing reached Meta."""
    open_ones = {row["message_id"] for row in books.attempts if row["outcome"] is None}
    unsure = {row["message_id"] for row in books.attempts if row["outcome"] == "ambiguous"}
    reached = {one["caption"] for one in books.effects}
    complaints = []
    for row in books.messages:
        name, phase = row["caption"], row["phase"]
        if row["is_outbound"] and (phase not in AT_REST or row["id"] in open_ones):
            complaints.append(f"{name!r} is {phase} and stays it")
        elif phase == "unknown" and row["id"] not in unsure:
            complaints.append(f"{name!r} is unknown although every outcome is known")
        elif phase == "unknown" and name in reached:
            complaints.append(f"{name!r} is unknown although Meta told of it")
        elif not row["is_outbound"] and row["image_state"] == "pending":
            complaints.append(f"the picture of {row['provider_message_id']} is not fetched")
    return complaints


def misfolded(books: Books) -> list[str]:
    """I4: a message's status is what all its evidence says together."""
    seen = defaultdict(set)
    for row in books.evidence:
        seen[row["wamid"]].add(row["status"])
    attempts = defaultdict(list)
    for row in sorted(books.attempts, key=lambda row: int(row["number"])):
        if row["wamid"] is not None:
            attempts[row["message_id"]].append(seen[row["wamid"]])
    return [
        f"{row['caption']!r} is {row['status']}, and {told} means {right}"
        for row in books.messages
        if (told := attempts.get(row["id"])) is not None and row["status"] != (right := _fold(told))
    ]


def _fold(attempts: Sequence[set[str]]) -> str:
    """Say what the evidence of a message's attempts means, the newest attempt's the last."""
    anywhere, newest = set().union(*attempts), attempts[-1]
    if "read" in anywhere:
        return "read"
    if "delivered" in anywhere:
        return "delivered"
    return next((status for status in ("failed", "sent") if status in newest), "pending")


def unheard(books: Books) -> list[str]:
    """I5: every webhook that was answered 200 is kept, and every item of it applied or put aside."""
    heard = {row["provider_message_id"] for row in books.messages if not row["is_outbound"]}
    stated = {(row["wamid"], row["status"]) for row in books.evidence}
    complaints = [f"{books.undigested} webhooks are not digested"] if books.undigested else []
    for about, status in sorted(books.webhooks, key=str):
        if not (about in heard if status is None else (about, status) in stated):
            if any(about in item for item in books.aside):
                continue
            complaints.append(f"{about} {status or 'written by a person'} was answered 200 and is nowhere")
    return complaints


def untold(books: Books) -> list[str]:
    """I6: the log of events tells each message's story once, in order, and up to what it shows."""
    stories = defaultdict(list)
    for row in sorted(books.events, key=lambda row: int(row["sequence"])):
        stories[row["message_id"]].append(row)
    complaints = []
    for row in books.messages:
        told, name = stories[row["id"]], row["caption"] if row["is_outbound"] else row["provider_message_id"]
        kinds = [one["kind"] for one in told]
        if row["is_outbound"]:
            # What the business sends from its own phone has no app that could be told.
            ends = [row["status"]] if row["status"] != "pending" and row["app_id"] else []
        else:
            ends = ["received"] if row["image_state"] != "pending" else []
        if kinds[-1:] != ends:
            complaints.append(f"{name!r} is {row['status']}, and {kinds} were told")
        elif len(set(kinds)) < len(kinds) or kinds != sorted(kinds, key=_TOLD_IN.index):
            complaints.append(f"{name!r} was told as {kinds}")
        elif [one["sequence"] for one in told] != list(range(1, len(told) + 1)):
            complaints.append(f"of {name!r} an event is missing between others")
    return complaints


def undelivered(books: Books) -> list[str]:
    """I6: every event for a webhook is delivered to it, or known to have failed for good, unless it is disabled."""
    return [
        f"{row['kind']} of {row['about']} is {row['status'] or 'not handed over'} for a webhook"
        for row in books.owed
        if row["status"] is None or (row["status"] == "pending" and not row["is_disabled"])
    ]


_TOLD_IN = ("received", "sent", "failed", "delivered", "read")


def blabbed(books: Books) -> list[str]:
    """I8: no log has a person's or a number's address, a wamid, a key, a token or a secret in it."""
    return [f"a log holds {secret}" for secret in books.secrets if secret in books.logs]


def altered(books: Books) -> list[str]:
    """I10: the bytes that reached Meta are those that were taken in, unless a change is told."""
    sent = {one["caption"]: one["sha256"] for one in books.effects}
    complaints = []
    for one in books.told:
        content = (books.shown.get(one.message_id) or {}).get("content")
        reached = sent.get(one.body.get("caption"))
        if content is None or reached is None:
            continue
        if reached != content["sha256"]:
            complaints.append(f"{one.body['caption']!r} is kept as {content['sha256']} and was uploaded as {reached}")
        elif one.sha256 not in {None, reached} and not content.get("changes"):
            complaints.append(f"{one.body['caption']!r} was changed without a word")
    return complaints


def misordered(books: Books) -> list[str]:
    """Order in a conversation: what was asked for first reached Meta first, where nothing was put off or given up.

    To be asked of runs only in which whoever sends to a person waits for each answer.
    """
    asked = defaultdict(list)
    for one in books.told:
        asked[one.talk.ready.phone_number_id, one.body["to"]].append(one.body["caption"])
    reached = [one["caption"] for one in books.effects]
    return [
        f"{number} was asked for {captions} and sent {sent}"
        for number, (_, captions) in enumerate(asked.items(), 1)
        if (sent := [caption for caption in reached if caption in captions]) != captions
    ]


INVARIANTS: Mapping[str, Callable[[Books], list[str]]] = {
    "I1": lost,
    "I2": doubled,
    "I3": restless,
    "I4": misfolded,
    "I5": unheard,
    "I6": lambda books: untold(books) + undelivered(books),
    "I8": blabbed,
    "I10": altered,
}


def complaints(books: Books) -> dict[str, list[str]]:
    """Return what each broken invariant complains of; nothing is left out but those that hold."""
    found = {name: check(books) for name, check in INVARIANTS.items()}
    return {name: said for name, said in found.items() if said}


class Watched(Protocol):
    """What books are read of: a database, and the logs of the programs on it."""

    @property
    def dsn(self) -> str: ...
    @property
    def logs(self) -> Sequence[Path]: ...


_MESSAGES = """
SELECT id, app_id, is_outbound, on_unknown, phase, status, duplicates, caption, image_state, provider_message_id
FROM message
"""
_ATTEMPTS = "SELECT message_id, number, outcome, wamid FROM attempt"
# Whom each event is for, in words of our own; what was told while a webhook was being registered may have missed it.
_OWED = """
SELECT event.kind, coalesce(event.message_id, event.webhook_id) AS about, delivery.status,
    webhook.disabled_at IS NOT NULL AS is_disabled
FROM webhook JOIN event ON event.environment = webhook.environment AND event.workspace_id = webhook.workspace_id
    AND event.kind IN ('sent', 'delivered', 'read', 'failed', 'received')
    AND (event.app_id = webhook.app_id OR event.kind = 'received')
    AND event.told_at > webhook.created_at + interval '2 seconds'
LEFT JOIN delivery ON delivery.event_seq = event.seq AND delivery.webhook_id = webhook.id
WHERE webhook.service_type = 'whatsapp'
"""
_NAMES = """
SELECT value FROM contact_address UNION SELECT wamid FROM evidence UNION SELECT wamid FROM attempt WHERE wamid <> ''
UNION SELECT provider_message_id FROM message WHERE provider_message_id <> '' UNION SELECT display_number FROM sender
"""


async def read(watched: Watched, talk: Talk, told: Sequence[Told] = ()) -> Books:
    """Read the books as they are now, the sandbox's first: of what it saw, the gateway may only know more."""
    wait = {"event": "delivery", "count": _EVERYTHING, "timeout_s": "0"}
    deliveries = await talk.call("GET", f"{talk.ready.sandbox_url}/_sandbox/wait", params=wait)
    effects = await talk.ledger()
    connection = await asyncpg.connect(watched.dsn)
    try:
        return Books(
            told=told,
            shown={one.message_id: await _shown(one) for one in told},
            messages=[dict(row) for row in await connection.fetch(_MESSAGES)],
            attempts=[dict(row) for row in await connection.fetch(_ATTEMPTS)],
            evidence=[dict(row) for row in await connection.fetch("SELECT wamid, status FROM evidence")],
            events=[dict(row) for row in await connection.fetch("SELECT message_id, sequence, kind FROM event")],
            owed=[dict(row) for row in await connection.fetch(_OWED)],
            undigested=await connection.fetchval("SELECT count(*) FROM raw_webhook WHERE digested_at IS NULL"),
            aside=[
                bytes(row[0]).decode(errors="replace") for row in await connection.fetch("SELECT item FROM quarantine")
            ],
            effects=effects,
            deliveries=deliveries.document["items"],
            has_forgotten=bool(deliveries.document.get("forgotten")),
            secrets=[
                *(row[0] for row in await connection.fetch(_NAMES)),
                *(talk.ready.api_key, talk.ready.app_secret, "EAATest", HOOK_SECRET),
            ],
            logs="".join(log.read_text(errors="replace") for log in watched.logs),
        )
    finally:
        await connection.close()


async def _shown(told: Told) -> Any:
    answer = await told.talk.api("GET", f"/v1/whatsapp/messages/{told.message_id}")
    return answer.document["data"] if answer.status == 200 else None


async def settled(watched: Watched, talk: Talk, told: Sequence[Told] = (), *, within_s: float = 45.0) -> Books:
    """Return the books once everything has come to rest and agrees, or as they are when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while True:
        books = await read(watched, talk, told)
        if (books.is_quiet and not complaints(books)) or loop.time() > deadline:
            return books
        await asyncio.sleep(0.2)
