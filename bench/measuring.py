"""Interleaved rounds of two contenders, and what is told of them: the median ratio, its spread, the rates."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

Contender = Callable[[], float]


@dataclass(frozen=True)
class Figure:
    """One comparison: rates (per second) of ours and of the baseline, round by round."""

    name: str
    unit: str
    ours: Sequence[float]
    baseline: Sequence[float]

    def line(self) -> str:
        """Return the figure in one line."""
        ratios = [a / b for a, b in zip(self.ours, self.baseline, strict=True)]
        return (
            f"{self.name:<46} {median(ratios):5.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
            f"   {median(self.ours):>8,.0f} {self.unit} against {median(self.baseline):,.0f}"
        )


def compare(name: str, unit: str, ours: Contender, baseline: Contender, *, rounds: int) -> Figure:
    """Warm both up once, then let them run in turn, so that the machine's moods hit both."""
    baseline()
    ours()
    pairs = [(ours(), baseline()) for _ in range(rounds)]
    return Figure(name, unit, [a for a, _ in pairs], [b for _, b in pairs])


@contextmanager
def program(*words: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a Python program in a process of its own, and stop it."""
    process = subprocess.Popen([sys.executable, *words], env={**os.environ, **environment})  # noqa: TID251 - handed on
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str, *, within_s: float = 20) -> None:
    """Wait until `url` answers anything."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(url)
