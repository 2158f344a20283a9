"""Interleaved rounds of two contenders, and what is told of them: the median ratio, its spread, the rates."""

import math
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Contender = Callable[[], float]


@dataclass(frozen=True)
class Figure:
    """One comparison: rates (per second) of ours and of the baseline, round by round.

    `promised` is what the median of their ratios is to be at least; `is_in_time` tells whether what the note says is as
    promised.
    """

    name: str
    ours: Sequence[float]
    baseline: Sequence[float]
    note: str = ""
    promised: float = 0.0
    is_in_time: bool = True

    @property
    def ratios(self) -> list[float]:
        """Ours to the baseline, round by round."""
        return [a / b for a, b in zip(self.ours, self.baseline, strict=True)]

    @property
    def is_kept(self) -> bool:
        """Whether it is what is promised."""
        return self.is_in_time and median(self.ratios) >= self.promised

    def line(self) -> str:
        """Return the figure in one line."""
        ratios, promised = self.ratios, f"   {self.promised} is promised" if self.promised else ""
        return (
            f"{self.name:<50} {median(ratios):5.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
            f"   {median(self.ours):>8,.0f}/s against {median(self.baseline):,.0f}/s{self.note}{promised}"
        )


@dataclass(frozen=True)
class Spans:
    """How long something took, each time, in milliseconds.

    `promised` is by a share of the times how long it takes at most in those that were not the longest.
    """

    name: str
    took: Sequence[float]
    promised: Mapping[float, float]
    note: str = ""

    def within(self, share: float) -> float:
        """Return within how long this share of them was done."""
        return sorted(self.took)[max(0, math.ceil(share * len(self.took)) - 1)]

    @property
    def is_kept(self) -> bool:
        """Whether it is what is promised."""
        return all(self.within(share) <= most for share, most in self.promised.items())

    def line(self) -> str:
        """Return it in one line."""
        half, most, all_ = (self.within(share) for share in (0.5, 0.95, 1))
        told = f"{half:6.1f} ms   95 in 100 within {most:.1f} ms, all within {all_:.1f} ms"
        promised = ", ".join(f"{most:,.0f} ms for {share:.0%}" for share, most in self.promised.items())
        return f"{self.name:<46} {told}{self.note}   {promised} is promised"


def compare(name: str, ours: Contender, baseline: Contender, *, rounds: int) -> Figure:
    """Warm both up once, then let them run in turn, so that the machine's moods hit both."""
    baseline()
    ours()
    pairs = [(ours(), baseline()) for _ in range(rounds)]
    return Figure(name, [a for a, _ in pairs], [b for _, b in pairs])


@contextmanager
def program(*words: str, environment: Mapping[str, str]) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a Python program in a process of its own, and stop it."""
    process = subprocess.Popen([sys.executable, *words], env={**os.environ, **environment})  # noqa: TID251 - handed on
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def cpu(*processes: "subprocess.Popen[bytes]") -> float:
    """Return the seconds of CPU that processes and their children have had, the ended ones included."""
    stats = [_stat(path) for path in Path("/proc").glob("[0-9]*/stat")]
    mine = {process.pid for process in processes}
    return sum(
        sum(map(int, words[11:15])) for pid, words in stats if pid in mine or (words and int(words[1]) in mine)
    ) / os.sysconf("SC_CLK_TCK")


def _stat(path: Path) -> tuple[int, Sequence[str]]:
    """Return a process's id and the words of its stat file from the third on: state, parent, and so forth."""
    try:
        return int(path.parent.name), path.read_text().rpartition(") ")[2].split()
    except OSError:
        return 0, ()


def peak(process: "subprocess.Popen[bytes]") -> int:
    """Return the most memory that a process ever had, in MB."""
    return _told(process, "VmHWM")


def memory(process: "subprocess.Popen[bytes]") -> int:
    """Return the memory that a process has, in MB."""
    return _told(process, "VmRSS")


def _told(process: "subprocess.Popen[bytes]", what: str) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) // 1024


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
