"""Secrets at rest: sealed with AES-256-GCM, bound to the exact cell they belong to."""

import base64
import hmac
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from picha.kit.disk import sync_folder
from picha.kit.ids import base62
from picha.kit.logs import logger
from picha.kit.secrets import Secret

ID = 8
"""How many characters name a master key; every sealed value begins with those of its own."""

FRESH_S = 1.0
"""For how long a process believes what it read of a ring that lies in a file."""

_NONCE = 12
_KEY = 32


class VaultError(Exception):
    """The key ring cannot be read, or a sealed value does not open under it."""


class Vault:
    """Seals and opens secrets with a ring of master keys; the first key seals, every key opens.

    A sealed value is key id (8 ASCII characters), nonce (12 bytes), ciphertext with tag. What it belongs to is
    associated data, so that a row copied to another workspace does not open. Where the ring lies in a `file`, a key
    that is added to it or taken from it shows here within `FRESH_S`.
    """

    def __init__(self, ring: Mapping[str, bytes], *, file: Path | None = None) -> None:
        self._file, self._seen, self._look_at = file, (0, 0, 0), 0.0
        self._use(ring)

    def _use(self, ring: Mapping[str, bytes]) -> None:
        if not ring:
            raise VaultError("The key ring is empty; it needs one line `<8 characters>:<base64 of 32 bytes>`.")
        self._ring = {name: AESGCM(key) for name, key in ring.items()}
        self._keys = dict(ring)
        self._newest = next(iter(ring))
        self._derived: dict[str, Sequence[bytes]] = {}

    @property
    def newest(self) -> str:
        """The id of the master key that seals."""
        self._look()
        return self._newest

    def _look(self, *, at_once: bool = False) -> None:
        """Read the ring's file again if it changed; one that cannot be read changes nothing."""
        if self._file is None or (time.monotonic() < self._look_at and not at_once):
            return
        self._look_at = time.monotonic() + FRESH_S
        try:
            told = self._file.stat()
            seen = (told.st_ino, told.st_mtime_ns, told.st_size)
            if seen != self._seen:
                self._use(read_ring(self._file.read_text()))
                self._seen = seen
        except (OSError, ValueError, VaultError) as error:
            logger("store").warning("the key ring cannot be read again", error=type(error).__name__)

    def seal(self, secret: Secret, *belongs: object) -> bytes:
        """Return `secret` encrypted for the place that `belongs` names: workspace, table, row, column."""
        self._look()
        nonce = os.urandom(_NONCE)
        sealed = self._ring[self._newest].encrypt(nonce, secret.reveal().encode(), self._place(self._newest, belongs))
        return self._newest.encode() + nonce + sealed

    def open(self, sealed: bytes, *belongs: object) -> Secret:
        """Return the secret sealed for this very place; raises `VaultError` for any other place or key."""
        self._look()
        name = sealed[:ID].decode("ascii", "replace")
        if name not in self._ring:
            # Another process may have sealed it under a key that was added just now.
            self._look(at_once=True)
        key = self._ring.get(name)
        if key is None:
            raise VaultError(f"A stored secret needs the master key {name!r}, which is not on the ring.")
        try:
            plain = key.decrypt(sealed[ID : ID + _NONCE], sealed[ID + _NONCE :], self._place(name, belongs))
        except InvalidTag as error:
            raise VaultError("A stored secret does not open: it was changed, or moved from another row.") from error
        return Secret(plain.decode())

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for `purpose` (such as signing), the same as long as the newest master key is."""
        return self.deriving(purpose)()[0]

    def deriving(self, purpose: str) -> Callable[[], Sequence[bytes]]:
        """Return what tells the 32 bytes for `purpose` of each master key that is on the ring by then, newest first.

        Who signs takes the first, and who verifies takes any: a signature outlives the next master key.
        """

        def derived() -> Sequence[bytes]:
            self._look()
            if purpose not in self._derived:
                keys = self._keys.values()
                self._derived[purpose] = [hmac.digest(key, purpose.encode(), "sha256") for key in keys]
            return self._derived[purpose]

        return derived

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
        if len(name) != ID or len(ring[name]) != _KEY:
            raise VaultError(f"Line {number} of the key ring is not `<8 characters>:<base64 of 32 bytes>`.")
    return ring


def ensure_ring(path: Path) -> dict[str, bytes]:
    """Read the key ring at `path`; if there is none, make one with a fresh key, readable by its owner only."""
    if not path.exists():
        keep_private(path, fresh_line())
    return read_ring(path.read_text())


def fresh_line() -> str:
    """Return a line for a key ring, with a key that nobody has yet."""
    return f"{base62(ID)}:{base64.b64encode(AESGCM.generate_key(256)).decode()}\n"


def written(ring: Mapping[str, bytes]) -> str:
    """Return a ring as its text: what `read_ring` reads."""
    return "".join(f"{name}:{base64.b64encode(key).decode()}\n" for name, key in ring.items())


def keep_private(path: Path, text: str) -> None:
    """Write `text` to `path` durably and whole, with mode 0600, and for the same owner as what it replaces."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        if path.exists() and (owner := path.stat()).st_uid != os.geteuid():
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)
