"""Bring everything that is sealed under another master key, while everything runs.

A key is first put at the end of the ring, where it opens and seals nothing. Every process reads the ring's file again
within a second. Then the key comes first, and seals: by then all know it, so that nobody meets what it cannot open.
What is sealed under former keys is sealed anew, a few rows at a time. Killed anywhere in between, it is gone on with by
saying it again.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from picha.gateway.settings import Settings
from picha.gateway.store import sealed
from picha.gateway.store.pool import Pool
from picha.gateway.store.vault import FRESH_S, Vault, fresh_line, keep_private, read_ring, written
from picha.kit.filelock import HeldByOtherError, held

# Every process has read the ring again by then, with time to spare for one that is busy.
KNOWN_AFTER_S = 3 * FRESH_S


class RekeyRefusedError(Exception):
    """The master key cannot be changed, or a former one not be retired; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What came of it: the key that seals, whether it was made now, and how many values were sealed anew or stuck."""

    key: str
    is_new: bool
    sealed: int
    stuck: int


async def rekey(
    pool: Pool,
    settings: Settings,
    *,
    told: Callable[[int, int], None],
    most: int = 100,
    known_after_s: float = KNOWN_AFTER_S,
) -> Rekeyed:
    """Seal everything under the first key of the ring, after putting a fresh one there if that is done already.

    `told` hears how many values are done, of how many; `known_after_s` is when every process has read the ring again.

    Raises:
        RekeyRefusedError: a fresh key is wanted and the ring does not lie in a file that can be written, or another
            rekey is at it.
        VaultError: the ring makes no sense.
    """
    newest = _newest(settings)
    is_new = not await sealed.left(pool, newest)
    if is_new:
        newest = await _put_first(_file(settings), known_after_s)
    vault = Vault(read_ring(settings.ring()), file=settings.ring_file)
    total = await sealed.left(pool, newest)
    done = stuck = 0
    for table in sealed.SEALED:
        step = await sealed.step(pool, vault, table, most=most)
        while True:
            done, stuck = done + step.sealed, stuck + step.stuck
            told(done, total)
            if step.upto is None:
                break
            step = await sealed.step(pool, vault, table, after=step.upto, most=most)
    await sealed.finish(pool, newest, sealed=done)
    return Rekeyed(newest, is_new, done, stuck)


async def retire(pool: Pool, settings: Settings) -> list[str]:
    """Take every key but the first off the ring and return their ids.

    Raises:
        RekeyRefusedError: something is sealed under one of them, or the ring lies in no file that can be written.
    """
    file, newest = _file(settings), _newest(settings)
    if count := await sealed.left(pool, newest):
        raise RekeyRefusedError(f"{count} values are sealed under former keys: say `picha rekey` first.")
    with _locked(file):
        ring = read_ring(file.read_text())
        former = [name for name in ring if name != newest]
        if former:
            await sealed.retire(pool, former)
            keep_private(file, written({newest: ring[newest]}))
    return former


async def _put_first(file: Path, known_after_s: float) -> str:
    with _locked(file):
        ring = read_ring(file.read_text())  # noqa: ASYNC240 - a command of its own, that serves nobody else
        fresh = read_ring(fresh_line())
        keep_private(file, written(ring | fresh))
        await asyncio.sleep(known_after_s)
        keep_private(file, written(fresh | ring))
    return next(iter(fresh))


def _newest(settings: Settings) -> str:
    return Vault(read_ring(settings.ring())).newest


def _file(settings: Settings) -> Path:
    if settings.ring_file is None:
        raise RekeyRefusedError(
            "The key ring is in PICHA_KEYS, which no program can change: put a line of `picha rekey --fresh-line` at "
            "its end, start every api and worker again, put that line first, start them again, and say `picha rekey`; "
            "or take a former line off by hand."
        )
    return settings.ring_file.resolve()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    try:
        with held(file.with_name(f"{file.name}.lock"), patience_s=0.0):
            yield
    except HeldByOtherError as problem:
        raise RekeyRefusedError(f"Another command changes the key ring {file}: wait for it.") from problem
    except OSError as error:
        raise RekeyRefusedError(
            f"The key ring {file} cannot be changed ({error.strerror or type(error).__name__})."
        ) from error
