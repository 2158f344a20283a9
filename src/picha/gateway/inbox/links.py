"""Addresses in what people wrote, as links: those of web pages alone, and never of any other kind."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from markupsafe import Markup, escape

# Neither space nor quotes nor what changes how a line is read; what ends a sentence ends no address.
_ADDRESS = re.compile(
    r"(?<![\w@/])https?://[^\s<>\"'`\\\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+", re.IGNORECASE
)
_ENDS = ".,;:!?*_~\N{HORIZONTAL ELLIPSIS}"
_PAIRS = {")": "(", "]": "[", "}": "{"}
_LINK = Markup('<a href="{0}" target="_blank" rel="noopener noreferrer nofollow">{0}</a>')


def linked(text: str) -> Markup:
    """Return a text as markup that reads the same: all of it is escaped, and addresses of web pages are links."""
    return Markup("").join(_pieces(text))


def _pieces(text: str) -> Iterator[Markup]:
    end = 0
    for found in _ADDRESS.finditer(text):
        address = _trimmed(found[0])
        if _leads_somewhere(address):
            yield escape(text[end : found.start()])
            yield _LINK.format(address)
            end = found.start() + len(address)
    yield escape(text[end:])


def _trimmed(address: str) -> str:
    """Leave out what belongs to the sentence: its point, and a bracket that was opened before."""
    unopened = {close: address.count(close) - address.count(opens) for close, opens in _PAIRS.items()}
    end = len(address)
    while (last := address[end - 1]) in _ENDS or unopened.get(last, 0) > 0:
        unopened[last] = unopened.get(last, 0) - 1
        end -= 1
    return address[:end]


def _leads_somewhere(address: str) -> bool:
    """Tell whether an address names a host, and nobody before it: `https://bank.example@evil.example` is no bank's."""
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
