"""Who comes in: by the cookie they bring, or by a name and a password."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from picha.gateway.domain.staff import called, digest_of
from picha.gateway.inbox.known_browsers import KnownBrowsers
from picha.gateway.inbox.passwords import Passwords
from picha.gateway.store import sessions, staff
from picha.gateway.store.pool import Pool
from picha.gateway.store.sessions import SignedIn
from picha.kit.clock import Clock

# Who was looked up is not looked up again for so long: a sign-out holds everywhere after it at the latest.
_KNOWN_S = 1.0
_KNOWN_MAX = 10_000


class WrongError(Exception):
    """Nobody has this name and password."""


class TriedTooOftenError(Exception):
    """A password was wrong too often; the next may be given at `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__("tried too often")
        self.until = until


class Doorkeeper:
    """Knows who is signed in, and lets people in."""

    def __init__(self, pool: Pool, clock: Clock, browsers: KnownBrowsers) -> None:
        self._pool, self._clock, self._browsers = pool, clock, browsers
        self._known: dict[bytes, tuple[float, SignedIn | None]] = {}
        self.passwords = Passwords()

    async def who(self, token: str) -> SignedIn | None:
        """Return whose cookie has this token, as of a second ago at most."""
        digest, now = digest_of(token), self._clock.monotonic()
        looked_at, found = self._known.get(digest, (-_KNOWN_S, None))
        if now - looked_at < _KNOWN_S:
            return found
        found = await sessions.find(self._pool, digest)
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[digest] = (now, found)
        return found

    async def sign_in(self, name: str, password: str, address: str, marks: Sequence[str] = ()) -> str:
        """Let somebody in by their password; return the token of their new session. Refuses as `check` does."""
        return await sessions.begin(self._pool, await self.check(name, password, address, marks))

    async def check(self, name: str, password: str, address: str, marks: Sequence[str] = ()) -> UUID:
        """Return who has this name and password.

        A name that nobody has is answered as one with another password, and as late. Strangers are counted by the name
        and by their address; a browser that shows one of the person's `marks` by that alone, so that nobody else shuts
        it out, and who stole it can guess no more often than a stranger.

        Raises:
            WrongError: the name or the password is another.
            TriedTooOftenError: it is not looked at, because others were wrong just before.
        """
        person, password_hash = await staff.password_of(self._pool, name) or (None, None)
        mark = self._browsers.known(marks, person, password_hash)
        subjects = (
            [_subject("browser", mark)] if mark else [_subject("name", called(name)), _subject("address", address)]
        )
        if until := await sessions.attempt(self._pool, subjects):
            raise TriedTooOftenError(until)
        fits = await self.passwords.fits(password, password_hash)
        if not fits or person is None:
            raise WrongError
        await sessions.forgive(self._pool, subjects)
        return person

    async def mark(self, name: str) -> tuple[UUID, str] | None:
        """Return whom a name means, and a mark of theirs for their browser; None for who has no password to guess."""
        person, password_hash = await staff.password_of(self._pool, name) or (None, None)
        return (person, self._browsers.mark(person, password_hash)) if person and password_hash else None

    async def sign_out(self, token: str) -> None:
        """End the session of a cookie."""
        digest = digest_of(token)
        await sessions.end(self._pool, digest)
        self._known.pop(digest, None)

    async def sign_out_everywhere(self, person: UUID) -> None:
        """End every session that somebody has."""
        await sessions.end_all(self._pool, person)
        self._known.clear()


def _subject(kind: str, what: str) -> bytes:
    """Return what tries are counted by: never the text itself, which may be a password in the wrong field."""
    return hashlib.sha256(f"{kind}\0{what}".encode("utf-8", "surrogatepass")).digest()
