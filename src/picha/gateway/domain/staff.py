"""The people who work in the inbox: what they may do, and the tokens that let them in."""

import hashlib
import unicodedata
from datetime import timedelta
from enum import StrEnum

from picha.kit.ids import base62

PASSWORD_MIN, PASSWORD_MAX = 10, 200
"""How many characters a password has."""

LINK_LIVES = timedelta(hours=24)
"""For how long a sign-in link lets its person in, if nobody has used it."""

SESSION_LIVES, SESSION_IDLES = timedelta(days=30), timedelta(days=7)
"""When somebody has to sign in again at the latest, and when after having done nothing here for so long."""

TRIES, TRIES_WITHIN = 5, timedelta(minutes=15)
"""How often a password may be wrong for a name, from an address, or in a browser that is known, within which time."""

BROWSER_IS_KNOWN = timedelta(days=365)
"""For how long a browser in which somebody signed in is known as one of theirs, unless their password changes."""

_TOKEN_CHARACTERS = 43


class Role(StrEnum):
    """What somebody may do: an agent talks to customers, an admin runs the gateway, too."""

    ADMIN = "admin"
    AGENT = "agent"

    def may(self, needed: "Role") -> bool:
        """Tell whether somebody of this role may do what `needed` may."""
        return self is Role.ADMIN or self is needed


def called(name: str) -> str:
    """Return a name as it is compared with others: nobody can take one that looks the same in another case or form."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def fresh_token() -> str:
    """Make a token of 256 random bits; only its digest is stored."""
    return base62(_TOKEN_CHARACTERS)


def digest_of(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def link_path(token: str) -> str:
    """Return the path of the sign-in link with this token."""
    return f"/inbox/link/{token}"
