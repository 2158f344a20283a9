"""A real browser on the inbox of a ground, signed in."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from bench.ground import Ground


@contextmanager
def page_of(ground: Ground, cookie: str, path: str) -> Iterator[Page]:
    """Open a page of the inbox at a usual desktop size, live.

    Raises:
        RuntimeError: no Chromium is here.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        raise RuntimeError(
            "what a browser shows cannot be measured without Chromium; on Debian: apt-get install chromium"
        )
    address = f"http://127.0.0.1:{ground.ports.api}"
    name, _, value = cookie.partition("=")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_cookies([{"name": name, "value": value, "url": address}])
        page = context.new_page()
        page.goto(address + path)
        page.locator("html[data-live=yes]").wait_for()
        yield page
        browser.close()
