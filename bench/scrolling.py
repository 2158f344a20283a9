"""How smoothly the list of conversations moves in a real browser, from its first line to its last, and with them all.

A page that hangs shows in the time between two frames; a browser that draws by itself, without a graphics card, shares
the cores with the programs.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from playwright.sync_api import Page

from bench.browsing import page_of
from bench.ground import Ground

_STEP_PX, _STEP_S = 1200, 0.03
_WITHIN_S = 180
# A frame that takes longer is seen to be late; so many in a hundred may be, and none may be longer than the longest.
LATE_MS, LATE_SHARE, LONGEST_MS = 100.0, 0.02, 1000.0
# The time from each frame to the next, in milliseconds.
_WATCH = """
() => {
  window.gaps = [];
  let last = performance.now();
  const next = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(next); };
  requestAnimationFrame(next);
}
"""
_FRAMES = "() => window.gaps.splice(0)"
_ROWS = "() => new Set([...document.querySelectorAll('#threads .thread')].map((row) => row.dataset.id)).size"


@dataclass(frozen=True)
class Frames:
    """The milliseconds from each frame to the next, and how many lines were seen of those that there are."""

    name: str
    gaps: Sequence[float]
    rows: int
    threads: int

    @property
    def late(self) -> float:
        """The share of frames that took longer than `LATE_MS`."""
        return sum(gap > LATE_MS for gap in self.gaps) / len(self.gaps)

    @property
    def is_kept(self) -> bool:
        """Whether it is what is promised: all lines, few frames late, none very late."""
        return self.rows == self.threads and self.late <= LATE_SHARE and max(self.gaps) <= LONGEST_MS

    def line(self) -> str:
        """Return it in one line."""
        return (
            f"{self.name}, {self.rows:,} of {self.threads:,} lines: {len(self.gaps):,} frames, half of them within"
            f" {median(self.gaps):.0f} ms, {self.late:.1%} over {LATE_MS:.0f} ms ({LATE_SHARE:.0%} is promised),"
            f" the longest {max(self.gaps):.0f} ms ({LONGEST_MS:,.0f} ms is promised)"
        )


def threads(ground: Ground) -> int:
    """Return how many conversations there are in which something was said."""
    found: int = ground.sql("SELECT count(*) FROM conversation WHERE last_message_at IS NOT NULL")[0][0]
    return found


def measured(ground: Ground, cookie: str) -> Iterator[Frames]:
    """Scroll down to the last of the conversations, then up and down among them all."""
    there = threads(ground)
    with page_of(ground, cookie, "/inbox") as page:
        page.locator("#list-scroll").hover()
        page.evaluate(_WATCH)
        rows = _down(page, there)
        yield Frames("the list scrolled down", page.evaluate(_FRAMES), rows, there)
        for step in (-1, 1) * 40:
            page.mouse.wheel(0, 20 * step * _STEP_PX)
            time.sleep(_STEP_S)
        gaps = page.evaluate(_FRAMES)
        yield Frames("the same list scrolled through", gaps, int(page.evaluate(_ROWS)), there)


def _down(page: Page, threads: int) -> int:
    """Scroll until so many lines are there, and return how many are."""
    deadline = time.monotonic() + _WITHIN_S
    while (rows := int(page.evaluate(_ROWS))) < threads and time.monotonic() < deadline:
        page.mouse.wheel(0, _STEP_PX)
        time.sleep(_STEP_S)
    return rows
