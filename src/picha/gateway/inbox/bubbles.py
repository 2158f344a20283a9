"""From a stored message to the bubble that shows it: who, what, how it stands, and what may be done about it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.outcomes import UNKNOWN
from picha.gateway.inbox import prints
from picha.gateway.inbox.kinds import told_of, words_of
from picha.gateway.inbox.names import named
from picha.gateway.inbox.prints import Print
from picha.gateway.store.inbox_thread import SAID_ABOUT, Entry, Said

_YOU = "You"
_STATES = {
    "pending": "Waiting to be sent",
    "sent": "Sent",
    "delivered": "Delivered",
    "read": "Read",
    "failed": "Not sent",
    "unknown": "Confirming with WhatsApp",
    "cancelled": "Cancelled",
}
_WAITS = {"image_wait": "Getting its picture ready", "sending": "Handing it to WhatsApp"}
_GONE = "The picture is not here: it could not be fetched, or is no longer kept."
_QUOTE_MAX_CHARS = 140


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message answers, as it is seen above the answer."""

    id: UUID
    who: str
    text: str
    file_id: UUID | None


@dataclass(frozen=True, slots=True)
class Advertisement:
    """The ad or post that a message was started from; of its `medium`, which lies elsewhere, only the kind is told."""

    medium: str
    headline: str
    body: str
    source: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a send stands: the `state` of its tick, and what is the `trouble` with it.

    `again` is how it may be sent once more: `anew` as a new message, or `doubtful` because nobody knows whether it was
    sent. While that is still to be known, `due_at` is when it is given up, or before which it is sent again if it
    `resends`.
    """

    state: str
    words: str
    trouble: str
    caution: str
    again: str
    due_at: datetime | None
    resends: bool


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message as it is drawn.

    With `sentence` it is a quiet line and nothing else. `coming` tells that its picture is on the way, `gone` why there
    is none. What customers say has no `standing`.
    """

    id: UUID
    at: datetime
    is_mine: bool
    who: str
    sentence: str = ""
    author: str = ""
    origin: str = ""
    colleague: str = ""
    forwarded: str = ""
    advertisement: Advertisement | None = None
    quote: Quote | None = None
    picture: Print | None = None
    coming: str = ""
    gone: str = ""
    text: str = ""
    other: str = ""
    is_edited: bool = False
    revoked: str = ""
    reactions: Sequence[tuple[str, int]] = ()
    standing: Standing | None = None
    template: str = ""

    @property
    def snippet(self) -> str:
        """What stands for it in a line: its words, or what it is."""
        return (self.text or self.other or ("Picture" if self.picture or self.coming or self.gone else ""))[
            :_QUOTE_MAX_CHARS
        ]


def drawn(entries: Iterable[Entry], *, is_group: bool = False) -> list[Bubble]:
    """Return the bubbles of some messages; what only says something about another one has none of its own."""
    return [_bubble(one, is_group=is_group) for one in entries if one.message_type not in SAID_ABOUT or not one.quoted]


def _bubble(one: Entry, *, is_group: bool) -> Bubble:
    who = _YOU if one.is_outbound else named(one.author, one.author_phone)
    if sentence := _sentence(one, who):
        return Bubble(one.id, one.created_at, one.is_outbound, who, sentence)
    edit = _edited(one)
    text = edit if edit is not None else one.caption or words_of(one.message_type, one.facts)
    picture = prints.of(one, text)
    coming, gone = _awaited(one) if picture is None else ("", "")
    has_content = bool(text or picture or coming or gone)
    return Bubble(
        one.id,
        one.created_at,
        one.is_outbound,
        who,
        author=who if is_group and not one.is_outbound else "",
        origin="Sent from the phone" if one.is_echo else "",
        colleague=named(one.colleague) if one.colleague else "",
        forwarded=_forwarded(one),
        advertisement=_advertisement(one),
        quote=_quote(one),
        picture=picture,
        coming=coming,
        gone=gone,
        text=text,
        other="" if has_content else _other(one),
        is_edited=edit is not None,
        revoked=f"{who} took this message back" if _is_revoked(one) else "",
        reactions=_reactions(one.said),
        template=_template(one),
        standing=_standing(one) if one.is_outbound else None,
    )


def _sentence(one: Entry, who: str) -> str:
    """Return what is told in a line of its own: news of a person, and of messages that are not here."""
    if one.message_type == "system":
        return str((one.facts.get("system") or {}).get("body") or f"{who} has a new number or user id")
    if one.message_type == "reaction":
        emoji = (one.facts.get("reaction") or {}).get("emoji")
        return f"{who} reacted {emoji} to a message that is not here" if emoji else f"{who} took a reaction back"
    if one.message_type == "edit":
        return f"{who} changed a message that is not here"
    return f"{who} took back a message that is not here" if one.message_type == "revoke" else ""


def _edited(one: Entry) -> str | None:
    """Return how a message reads since its author changed it, None where they did not."""
    texts = [said.text or "" for said in one.said if said.message_type == "edit" and _is_by_author(said, one)]
    return texts[-1] if texts else None


def _is_revoked(one: Entry) -> bool:
    return any(said.message_type == "revoke" and _is_by_author(said, one) for said in one.said)


def _is_by_author(said: Said, one: Entry) -> bool:
    return said.is_outbound == one.is_outbound


def _reactions(said: Iterable[Said]) -> list[tuple[str, int]]:
    """Count the emoji on a message: of each person the last one."""
    last = {(one.is_outbound, one.contact_id): one.emoji for one in said if one.message_type == "reaction"}
    return Counter(emoji for emoji in last.values() if emoji).most_common()


def _awaited(one: Entry) -> tuple[str, str]:
    """Return what is on the way to a picture's place, or why there is nothing."""
    if one.image_state == "pending":
        kind = prints.kind_of((one.facts.get("media") or {}).get("mime_type"))
        return f"{kind} on its way" if kind else "Picture on its way", ""
    if one.is_outbound and one.media_url and one.image_state is None:
        return "", "WhatsApp fetches this picture from its own address."
    return "", _GONE if one.message_type == "image" else ""


def _other(one: Entry) -> str:
    if one.facts.get("let_go") or one.message_type == "text":
        return "What it said is no longer kept."
    return told_of(one.message_type, one.facts)


def _forwarded(one: Entry) -> str:
    context = one.facts.get("context") or {}
    if context.get("frequently_forwarded"):
        return "Forwarded many times"
    return "Forwarded" if context.get("forwarded") else ""


def _advertisement(one: Entry) -> Advertisement | None:
    told = one.facts.get("referral")
    if not told:
        return None
    medium = {"image": "picture", "video": "video"}.get(told.get("media_type") or "", "")
    return Advertisement(medium, *(told.get(name) or "" for name in ("headline", "body", "source_url")))


def _quote(one: Entry) -> Quote | None:
    if one.quoted is None or one.reply_to is None:
        return None
    quoted = one.quoted
    text = quoted.text or ("Picture" if quoted.message_type == "image" else f"({quoted.message_type})")
    who = _YOU if quoted.is_outbound else named(quoted.author)
    return Quote(quoted.id, who, text[:_QUOTE_MAX_CHARS], quoted.file_id)


def _template(one: Entry) -> str:
    template = one.facts.get("template")
    return str(template.get("name", "")) if isinstance(template, dict) else ""


def _standing(one: Entry) -> Standing:
    state = one.phase if one.phase in {"unknown", "cancelled"} else one.status
    caution = "WhatsApp took it more than once: the customer may have it twice." if one.duplicates else ""
    if one.warning_detail:
        caution = f"WhatsApp also reported a failure, although it arrived: {one.warning_detail}"
    return Standing(
        state,
        _WAITS.get(one.phase, _STATES[state]) if state == "pending" else _STATES[state],
        trouble=one.error_detail or one.error_message or "" if one.status == "failed" else "",
        caution=caution,
        again=_again(one),
        due_at=one.due_at if one.phase == "unknown" else None,
        resends=one.on_unknown == "resend",
    )


def _again(one: Entry) -> str:
    if one.is_echo or one.status != "failed":
        return ""
    if one.phase == "failed" and one.error_code == UNKNOWN:
        return "doubtful"
    is_whole = one.file_id is not None if one.message_type == "image" else "text" in one.facts
    return "anew" if is_whole and one.message_type in {"image", "text"} else ""
