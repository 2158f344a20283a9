r"""Writing a webhook body as it stands on Meta's wire: ASCII JSON with a few more escapes than JSON asks for.

Meta escapes non-ASCII characters (`\u00e4`, lower-case), `/`, `<`, `%` and `@` and signs exactly those bytes. A
receiver that parses and writes anew before it checks the signature fails on them, here as there.
"""

import re

import msgspec

from picha.cloudapi.updates import Envelope

_encoder = msgspec.json.Encoder()

# None of these characters stands outside a JSON string; a pair that is an escape already is passed over.
_TO_ESCAPE = re.compile(r"\\.|[/<%@]|[^\x00-\x7f]")
_ESCAPES = {"/": r"\/", "<": r"\u003C", "%": r"\u0025", "@": r"\u0040"}


def write(envelope: Envelope) -> bytes:
    """Return the bytes of a webhook body, escaped as Meta escapes them; sign these and send these."""
    return escape(_encoder.encode(envelope))


def escape(document: bytes) -> bytes:
    """Return a JSON document with Meta's escapes; its meaning stays the same."""
    return _TO_ESCAPE.sub(_escaped, document.decode()).encode("ascii")


def _escaped(match: re.Match[str]) -> str:
    text = match[0]
    if text[0] == "\\":
        return text
    known = _ESCAPES.get(text)
    if known is not None:
        return known
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
