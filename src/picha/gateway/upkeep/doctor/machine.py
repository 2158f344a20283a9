"""Looks at this machine: its disk, the blob store, the key ring, and whether the API answers where it should."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from picha.gateway.blobs import Blobs
from picha.gateway.upkeep.doctor.findings import Finding, ok, problem, warning
from picha.kit.secrets import Secret

_GIB = 1024**3
_LITTLE, _FREE_MIN = 0.10, 0.05
_PROBE = b"picha doctor\n"
_PATIENCE = aiohttp.ClientTimeout(total=10)
_CHALLENGE = "1158201444"
_OK = 200


async def disk(home: Path) -> AsyncIterator[Finding]:
    """Look at the room that is left where the home lies."""
    try:
        usage = shutil.disk_usage(home)
    except OSError as error:
        remedy = "PICHA_HOME names the folder; make it, or start `picha up`, which does."
        yield problem("disk", f"{home} cannot be looked at ({error.strerror}).", remedy)
        return
    yield judge_disk(usage.total, usage.free, home)


def judge_disk(total: int, free: int, home: Path) -> Finding:
    """Judge the room that is left."""
    share, room = free / max(total, 1), f"{free / _GIB:,.1f} GiB"
    what = f"{room} ({share:.0%}) of the disk with {home} is free."
    remedy = "Make room, or keep less (PICHA_KEEP_MEDIA_DAYS). With a full disk nothing is accepted (503)."
    if free < _GIB or share < _FREE_MIN:
        return problem("disk", what, remedy)
    return warning("disk", what, remedy) if share < _LITTLE else ok("disk", what)


async def blobs(store: Blobs) -> AsyncIterator[Finding]:
    """Put some bytes into the blob store, get them, and delete them."""
    try:
        digest = await store.put(_PROBE)
        await store.get(digest)
        await store.delete(digest)
    except (OSError, LookupError) as error:
        what = f"The blob store does not take bytes: {type(error).__name__}, {error}."
        remedy = "See that the folder in PICHA_HOME can be written, or that the bucket is there and its key may write."
        yield problem("blobs", what, remedy)
    else:
        yield ok("blobs", "The blob store takes, gives and lets go of bytes.")


async def keys(path: Path | None) -> AsyncIterator[Finding]:
    """Look who may read the key ring, where it is a file."""
    if path is None:
        yield ok("keys", "The key ring comes from PICHA_KEYS.")
    else:
        yield judge_keys(path, (await asyncio.to_thread(path.stat)).st_mode)


def judge_keys(path: Path, mode: int) -> Finding:
    """Judge who may read the key ring."""
    if mode & 0o077:
        what = f"The key ring {path} may be read by others (mode {mode & 0o777:o})."
        return problem("keys", what, f"chmod 600 {path}")
    return ok("keys", "The key ring is there, and closed to others.")


async def reachability(callback: str, verify_token: Secret, *, is_live: bool) -> AsyncIterator[Finding]:
    """Shake hands with ourselves at the address that Meta is given."""
    if is_live and not callback.startswith("https://"):
        what = f"Meta cannot reach {callback}: it must be public, and https."
        yield problem("reachability", what, "Set PICHA_PUBLIC_URL to the API's public address.")
    asked = {"hub.mode": "subscribe", "hub.verify_token": verify_token.reveal(), "hub.challenge": _CHALLENGE}
    remedy = "Start the API, and see that PICHA_PUBLIC_URL and whatever stands before the API lead to it."
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE, trust_env=False) as session,
            session.get(callback, params=asked, allow_redirects=False) as answer,
        ):
            text = (await answer.content.read(100)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        yield problem("reachability", f"{callback} does not answer ({type(error).__name__}).", remedy)
        return
    if answer.status == _OK and text == _CHALLENGE:
        yield ok("reachability", f"{callback} answers Meta's handshake.")
    else:
        yield problem("reachability", f"{callback} answers the handshake with {answer.status}, not as we do.", remedy)
