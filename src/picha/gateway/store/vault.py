"""Secrets at rest: sealed with AES-256-GCM, bound to the exact cell they belong to."""

import base64
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from picha.kit.disk import sync_folder
from picha.kit.ids import base62
from picha.kit.secrets import Secret

_NONCE = 12
_ID = 8
_KEY = 32


class VaultError(Exception):
    """The key ring cannot be read, or a sealed value does not open under it."""


class Vault:
    """Seals and opens secrets with a ring of master keys; the first key seals, every key opens.

    A sealed value is key id (8 ASCII characters), nonce (12 bytes), ciphertext with tag. What it belongs to is
    associated data, so that a row copied to another workspace does not open.
    """

    def __init__(self, ring: Mapping[str, bytes]) -> None:
        if not ring:
            raise VaultError("The key ring is empty; it needs one line `<8 characters>:<base64 of 32 bytes>`.")
        self._ring = {name: AESGCM(key) for name, key in ring.items()}
        self._keys = dict(ring)
        self._newest = next(iter(ring))

    def seal(self, secret: Secret, *belongs: object) -> bytes:
        """Return `secret` encrypted for the place that `belongs` names: workspace, table, row, column."""
        nonce = os.urandom(_NONCE)
        sealed = self._ring[self._newest].encrypt(nonce, secret.reveal().encode(), self._place(self._newest, belongs))
        return self._newest.encode() + nonce + sealed

    def open(self, sealed: bytes, *belongs: object) -> Secret:
        """Return the secret sealed for this very place; raises `VaultError` for any other place or key."""
        name = sealed[:_ID].decode("ascii", "replace")
        key = self._ring.get(name)
        if key is None:
            raise VaultError(f"A stored secret needs the master key {name!r}, which is not on the ring.")
        try:
            plain = key.decrypt(sealed[_ID : _ID + _NONCE], sealed[_ID + _NONCE :], self._place(name, belongs))
        except InvalidTag as error:
            raise VaultError("A stored secret does not open: it was changed, or moved from another row.") from error
        return Secret(plain.decode())

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for `purpose` (such as signing), the same as long as the newest master key is."""
        return hmac.digest(self._keys[self._newest], purpose.encode(), "sha256")

    @staticmethod
    def _place(name: str, belongs: tuple[object, ...]) -> bytes:
        return "|".join([*map(str, belongs), name]).encode()


def read_ring(text: str) -> dict[str, bytes]:
    """Parse a key ring: one `<id>:<base64 key>` a line, newest first. Raises `VaultError` naming the bad line."""
    ring: dict[str, bytes] = {}
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        name, _, key = line.partition(":")
        try:
            ring[name] = base64.b64decode(key, validate=True)
        except ValueError:
            ring[name] = b""
        if len(name) != _ID or len(ring[name]) != _KEY:
            raise VaultError(f"Line {number} of the key ring is not `<8 characters>:<base64 of 32 bytes>`.")
    return ring


def ensure_ring(path: Path) -> dict[str, bytes]:
    """Read the key ring at `path`; if there is none, make one with a fresh key, readable by its owner only."""
    if not path.exists():
        keep_private(path, f"{base62(_ID)}:{base64.b64encode(AESGCM.generate_key(256)).decode()}\n")
    return read_ring(path.read_text())


def keep_private(path: Path, text: str) -> None:
    """Write `text` to `path` durably and whole, with mode 0600."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)
