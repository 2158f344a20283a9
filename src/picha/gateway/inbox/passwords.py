"""Passwords, as argon2id hashes (RFC 9106's second recommendation); each is checked in a thread of its own."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from picha.kit.ids import base62

# Each takes 64 MiB and some tens of milliseconds.
_AT_ONCE = 2


class Passwords:
    """Makes and checks hashes, a few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._room = asyncio.Semaphore(_AT_ONCE)
        # Nobody's password, so that a name that nobody has takes as long as one that somebody has.
        self._nobody = self._hasher.hash(base62(32))

    async def hashed(self, password: str) -> str:
        """Return the hash to store of a password."""
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Tell whether this is the password; without a hash it never is, after just as long."""
        async with self._room:
            fits = await asyncio.to_thread(self._fits, password, password_hash or self._nobody)
        return fits and password_hash is not None

    def _fits(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
