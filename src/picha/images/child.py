"""One child of the workshop: opens pictures where a bomb hurts nobody else, and says what came of each.

It reads jobs from its standard input until that closes, and writes an outcome for each to its standard output. Its
limits are its own, so that it ends by itself even when its parent is gone.
"""

import os
import resource
import struct
from typing import IO, Literal, TypeVar

import msgspec

from picha.images.facts import Flaw

# A picture of 50 megapixels, with the copies that turning it and converting its colours take.
MEMORY_MAX_BYTES = 2 * 1024**3
# Seconds of computing that one picture may take.
CPU_MAX_S = 15
# Who answers requests goes first.
_NICE = 5

# The lengths of a message's head and of its bytes, which follow as they are: packing megabytes would hold the loop up.
_FRAME = struct.Struct(">QQ")


class Job(msgspec.Struct, frozen=True, array_like=True):
    """A picture to `redraw` into at most `max_bytes`, to `check` for broken pixels, or to make a `thumbnail` of.

    `pixels` is how many its header promises: a large picture is given more room. `cpu_s` is how many seconds of
    computing it may take; a child that needs more is ended by SIGXCPU.
    """

    task: Literal["redraw", "check", "thumbnail"]
    data: bytes
    max_bytes: int = 0
    pixels: int = 0
    cpu_s: int = CPU_MAX_S


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """What came of a job: flaws when nothing could be made, else new bytes (none for a check) and what was changed."""

    flaws: tuple[Flaw, ...] = ()
    data: bytes = b""
    changes: tuple[str, ...] = ()


T = TypeVar("T", Job, Outcome)


def write(pipe: IO[bytes], message: Job | Outcome) -> None:
    """Write one message, its lengths before it.

    Raises:
        OSError: nobody reads the pipe any more.
    """
    head = msgspec.msgpack.encode(msgspec.structs.replace(message, data=b""))
    pipe.write(_FRAME.pack(len(head), len(message.data)) + head)
    pipe.write(message.data)
    pipe.flush()


def read(pipe: IO[bytes], kind: type[T]) -> T | None:
    """Return the next message, or None when the pipe ends first."""
    frame = pipe.read(_FRAME.size)
    if len(frame) < _FRAME.size:
        return None
    head_size, data_size = _FRAME.unpack(frame)
    head, data = pipe.read(head_size), pipe.read(data_size)
    if (len(head), len(data)) != (head_size, data_size):
        return None
    return msgspec.structs.replace(msgspec.msgpack.decode(head, type=kind), data=data)


def work(job: Job) -> Outcome:
    """Do one job, in the process that calls."""
    # The parent imports this module too, and is to load no imaging library.
    from picha.images import redraw, thumbnail  # noqa: PLC0415 - as said above

    try:
        match job.task:
            case "check":
                redraw.check_pixels(job.data)
                return Outcome()
            case "thumbnail":
                return Outcome(data=thumbnail.draw(job.data))
            case "redraw":
                made, changes = redraw.redraw(job.data, max_bytes=job.max_bytes)
                return Outcome(data=made, changes=changes)
    except redraw.Unusable as why:
        return Outcome(flaws=why.flaws)


def main() -> None:
    """Do jobs until the parent closes the pipe."""
    jobs, outcomes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not come between two outcomes.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.nice(_NICE)
    _limit(resource.RLIMIT_AS, MEMORY_MAX_BYTES)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    while (job := read(jobs, Job)) is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + job.cpu_s)
        write(outcomes, work(job))


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
