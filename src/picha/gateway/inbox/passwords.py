"""Passwords, as argon2id hashes (RFC 9106's second recommendation); each is checked in a thread of its own."""

import asyncio
import base64
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

# Each takes 64 MiB and some tens of milliseconds.
_AT_ONCE = 2


def _hash_of_nobody(hasher: PasswordHasher) -> str:
    """Return chance in the form of a hash: with it a name that nobody has takes as long as one that somebody has.

    To make a hash of a password would take its time and memory at every start.
    """
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


class Passwords:
    """Makes and checks hashes, a few at a time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._nobody = _hash_of_nobody(self._hasher)

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
