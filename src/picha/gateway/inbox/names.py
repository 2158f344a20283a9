"""What people are called here: names as one visible line, whatever characters their owners put into them."""

import unicodedata

from picha.gateway.inbox.numerals import is_same, masked

# Of the invisible characters these two belong to words and to emoji.
_JOINERS = frozenset("\u200c\u200d")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
# A name with none of these would look like nothing.
_SEEN = frozenset("LNPS")
_MAX_CHARS = 120


def named(name: str | None, phone: str | None = None) -> str:
    """Return a name as one line without what is not seen; where nothing is left of it, the masked number."""
    return own(name, phone) or (masked(phone) if phone else "Somebody")


def own(name: str | None, phone: str | None) -> str:
    """Return a name as one line; empty where nothing of it is seen, or it is nothing but the number."""
    words = "".join(
        one if one in _JOINERS or unicodedata.category(one) not in _UNSEEN else " " for one in (name or "")[:_MAX_CHARS]
    )
    line = " ".join(words.split())
    is_seen = any(unicodedata.category(one)[0] in _SEEN for one in line)
    return line if is_seen and not is_same(line, phone or "") else ""


def initial(name: str) -> str:
    """Return what stands for a name in a circle: its first letter, digit or picture, empty if it has none."""
    return next((one.upper()[:1] for one in name if one.isalnum() or unicodedata.category(one) == "So"), "")
