"""What an answer to a send means. Ambiguous is the default: only what is certain is called so."""

import re

import msgspec

from picha.cloudapi.error_kinds import OutcomeClass
from picha.cloudapi.errors import TABLE, GraphError, decode_error, lookup
from picha.cloudapi.messages import SendAnswer, decode_send_answer
from picha.gateway.domain.outcomes import Accepted, Ambiguous, Barred, Outcome, Rejected, Scope, Throttled

_OK = range(200, 300)
# Of what is throttled, the one code that speaks of one person only.
_PAIR_LIMIT = 131056
# Meta's words about an image id that is unknown, expired or another number's; the code alone, 100, says far less.
_UNKNOWN_MEDIA = "media attachment ID"
# A wamid has about 60 characters; one that is far longer could not be looked up again.
_WAMID_MAX_CHARS = 512
_WA_ID = re.compile(r"[1-9][0-9]{6,17}")


def read_doubted(codes: str) -> frozenset[int]:
    """Read the codes, between commas, that are not to be taken for "not processed".

    Raises:
        ValueError: one of them is no code that is taken so.
    """
    unprocessed = {str(code) for code, row in TABLE.items() if row.outcome is OutcomeClass.NOT_PROCESSED}
    named = {code for text in codes.split(",") if (code := text.strip())}
    if unknown := sorted(named - unprocessed):
        raise ValueError(f"{unknown[0][:20]!r} is none of {', '.join(sorted(unprocessed, key=int))}")
    return frozenset(map(int, named))


def classify(status: int, body: bytes, *, doubted: frozenset[int] = frozenset()) -> Outcome:
    """Return the outcome that a completely read answer tells.

    A Graph error object decides by its code, whatever the HTTP status; a 2xx answer must name the message. That a code
    of a service that is not there means "not processed" is an assumption of ours, except for the `doubted` ones.
    """
    error = decode_error(body)
    if error is not None:
        return _by_code(error, doubted)
    if status not in _OK:
        return Ambiguous(f"WhatsApp answered HTTP {status} without saying what became of the message.")
    try:
        answer = decode_send_answer(body)
    except msgspec.DecodeError:
        return Ambiguous(f"WhatsApp answered HTTP {status}, but its answer names no message.")
    wamid = answer.messages[0].id
    if len(wamid) > _WAMID_MAX_CHARS or not wamid.isprintable():
        return Ambiguous(f"WhatsApp answered HTTP {status}, but gave the message a name that cannot be one.")
    return Accepted(wamid, _wa_id(answer))


def _wa_id(answer: SendAnswer) -> str | None:
    """Return what the one recipient is known by, if it is digits."""
    known = answer.contacts[0].wa_id if len(answer.contacts) == 1 else None
    return known if known and _WA_ID.fullmatch(known) else None


def is_unknown_media(outcome: Outcome) -> bool:
    """Tell whether Meta refused a send for its media id alone: nothing was processed, and another id may do."""
    return isinstance(outcome, Rejected) and outcome.code == "100" and _UNKNOWN_MEDIA in outcome.detail


def _by_code(error: GraphError, doubted: frozenset[int]) -> Outcome:
    code = str(error.code)
    detail = explain(error.code, error.details or error.message)
    if error.code in doubted:
        return Ambiguous(detail, code)
    match lookup(error.code).outcome:
        case OutcomeClass.THROTTLED:
            return Throttled(code, detail, Scope.PAIR if error.code == _PAIR_LIMIT else Scope.NUMBER)
        case OutcomeClass.NOT_PROCESSED:
            return Throttled(code, detail)
        case OutcomeClass.BARRED:
            return Barred(code, detail)
        case OutcomeClass.AMBIGUOUS:
            return Ambiguous(detail, code)
        case OutcomeClass.REJECTED:
            return Rejected(code, lookup(error.code).title, detail)


def explain(code: int, said: str) -> str:
    """Return what Meta said about an error together with what to do about it, without NUL, which no text may hold."""
    remedy, said = lookup(code).remedy, said.replace("\0", "\ufffd")
    return f"{said.rstrip('. ')}. {remedy}" if said else remedy
