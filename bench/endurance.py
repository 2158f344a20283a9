"""Whether a process grows while it works: sends with their three statuses, one load after the other, for minutes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bench.figures import asks, running, wait
from bench.ground import Ground
from bench.load import load
from bench.measuring import memory

# A load, after which its rows are removed, so that it is only the processes that could grow.
_COUNT = 4_000
_GROWTH_MAX_MB = 8


def report(ground: Ground, *, minutes: float) -> Iterator[str]:
    """Send for so many minutes; the run fails if a process takes more memory at the end than in the second quarter."""
    requests, taken = asks(ground), dict[str, list[int]]()
    with running(ground, "telling", "api", "worker") as programs:
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            load(ground.ports.api, requests, connections=64, count=_COUNT)
            wait(lambda: ground.count("status = 'read'") >= _COUNT, every=0.05)
            ground.done("status = 'read'", _COUNT)
            for name in ("api", "worker"):
                taken.setdefault(name, []).append(memory(programs[name]))
    yield from _told(taken)


def _told(taken: Mapping[str, Sequence[int]]) -> Iterator[str]:
    for name, megabytes in taken.items():
        quarter = len(megabytes) // 4
        early, late = median(megabytes[quarter : 2 * quarter]), median(megabytes[-quarter:])
        sent = len(megabytes) * _COUNT
        yield f"memory of the {name} over {sent:,} messages: {early:.0f} MB early, {late:.0f} MB late"
        if late > early + _GROWTH_MAX_MB:
            raise AssertionError(f"the {name} grows: {megabytes} MB")
