"""How smoothly the list of conversations moves in a real browser, from its first line to its last, and with them all.

A page that hangs shows in the time between two frames; a browser that draws by itself, without a graphics card, shares
the cores with the programs.
"""

import shutil
import time
from collections.abc import Iterator
from statistics import median, quantiles

from playwright.sync_api import Page, sync_playwright

from bench.ground import Ground

_STEP_PX, _STEP_S = 1200, 0.03
_WITHIN_S = 180
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
_ROWS = "() => document.querySelectorAll('#threads .thread').length"


def report(ground: Ground, token: str, threads: int) -> Iterator[str]:
    """Scroll down to the last of so many conversations, then up and down among them all."""
    chromium = shutil.which("chromium")
    if chromium is None:
        yield "the list in a browser: not measured, no Chromium is here"
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": "picha", "value": token, "url": f"http://127.0.0.1:{ground.ports.api}"}])
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{ground.ports.api}/inbox")
        page.locator("#list-scroll").hover()
        page.evaluate(_WATCH)
        yield f"the list scrolled down to {_down(page, threads):,} lines: {_told(page)}"
        for step in (-1, 1) * 40:
            page.mouse.wheel(0, 20 * step * _STEP_PX)
            time.sleep(_STEP_S)
        yield f"the same list scrolled through once more: {_told(page)}"
        browser.close()


def _down(page: Page, threads: int) -> int:
    """Scroll until so many lines are there, and return how many are."""
    deadline = time.monotonic() + _WITHIN_S
    while (rows := int(page.evaluate(_ROWS))) < threads and time.monotonic() < deadline:
        page.mouse.wheel(0, _STEP_PX)
        time.sleep(_STEP_S)
    return rows


def _told(page: Page) -> str:
    gaps = page.evaluate(_FRAMES)
    slow = quantiles(gaps, n=100)[-1]
    return f"{len(gaps):,} frames, half of them within {median(gaps):.0f} ms, 99 in 100 within {slow:.0f} ms"
