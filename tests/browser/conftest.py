"""Fixtures of the browser's tests: Debian's Chromium, driven as a person would, and what went wrong on a page.

These tests are synchronous: the driver keeps a loop of its own running, beside which no other can run.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.browser.speaking import heard, stranger, writes
from tests.journeys.running import House, raised

from picha.testing import Sandbox, SandboxOptions, running

_CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
_SERIOUS = {"serious", "critical"}
PASSWORD = "a fine password"
# On a crowded machine what is expected takes its time, and it is not the machine that is asked about.
_PATIENCE_MS = 15_000
expect.set_options(timeout=_PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a browser where there is none, and say so."""
    if _CHROMIUM:
        return
    why = pytest.mark.skip(reason="no Chromium here; on Debian: apt-get install chromium")
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(why)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One running browser for the session."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass(eq=False)
class Window:
    """One person's browser window on a page, with everything that the page complained of.

    `complaints` has console errors, uncaught exceptions and breaches of the content security policy; at the end of its
    test a window must have none but those that the test took out of the list.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)

    def audit(self) -> list[str]:
        """Return what would hinder somebody who uses a screen reader or no mouse, if it is serious or worse."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {one['help']} at {[node['target'] for node in one['nodes']]}"
            for one in found
            if one["impact"] in _SERIOUS
        ]


def remarked(window: Window, *whys: str) -> None:
    """Take out of the complaints what the browser could not load, just so much, and each for its reason."""
    for why in whys:
        window.complaints.remove(next((said for said in window.complaints if _is_for(why, said)), why))
    assert window.complaints == []


def remarked_only(window: Window, why: str) -> None:
    """Take out of the complaints what the browser could not load for one reason: once at least, and nothing else."""
    assert window.complaints
    assert [said for said in window.complaints if not _is_for(why, said)] == []
    window.complaints.clear()


def _is_for(why: str, said: str) -> bool:
    return said.startswith("Failed to load resource: ") and why in said


@pytest.fixture
def open_window(chromium: Browser) -> Iterator[Callable[..., Window]]:
    """Open a window of somebody's own: `open_window(width=1280, height=800, is_dark=False)`, or as the driver can."""
    windows: list[Window] = []
    with ExitStack() as stack:

        def opened(*, width: int = 1280, height: int = 800, is_dark: bool = False, **more: Any) -> Window:
            context = chromium.new_context(
                viewport={"width": width, "height": height}, color_scheme="dark" if is_dark else "light", **more
            )
            stack.callback(context.close)
            context.set_default_timeout(_PATIENCE_MS)
            window = Window(context.new_page())
            window.page.on(
                "console", lambda said: window.complaints.append(said.text) if said.type == "error" else None
            )
            window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
            windows.append(window)
            return window

        yield opened
    complaints = [said for window in windows for said in window.complaints]
    assert complaints == []


@pytest.fixture
def window(open_window: Callable[..., Window]) -> Window:
    """One window of the usual size."""
    return open_window()


@pytest.fixture(scope="session")
def house(new_home: Callable[[str], Path]) -> Iterator[House]:
    """One `picha up` for all of these tests; what one test leaves, the others see."""
    with raised(new_home("browser")) as house:
        yield house


@pytest.fixture
def customer(house: House) -> str:
    """A customer who has just written."""
    customer = stranger()
    heard(house, writes(house, customer, name="Asha", type="text", text="Do you have this one?"))
    return customer


@pytest.fixture(scope="session")
def shop() -> Iterator[Sandbox]:
    """One sandbox with two numbers for all of these tests, which reads a second after it delivers."""
    accounts = "[[accounts]]\nname = 'Lucky Shrub'\nnumbers = [{}, {verified_name = 'Lucky Shrub Support'}]"
    with TemporaryDirectory() as folder:
        config = Path(folder) / "sandbox.toml"
        config.write_text(f"limits = 'off'\n{accounts}\n")
        with running(SandboxOptions(config=config, ladder=(0, 0, 1000))) as sandbox:
            yield sandbox


@pytest.fixture(scope="session")
def cookies(chromium: Browser, house: House) -> list[Any]:
    """The cookies of the first admin, who came by the link that `picha up` printed and has the password `PASSWORD`."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(house.ready.sign_in_url)
    page.get_by_label("password").fill(PASSWORD)
    page.get_by_role("button", name="Set password and open").click()
    page.wait_for_url(house.ready.inbox_url)
    found = list(context.cookies())
    context.close()
    return found


@pytest.fixture
def inside(open_window: Callable[..., Window], cookies: list[Any]) -> Callable[..., Window]:
    """Open a window whose person is signed in as the first admin; beside that it is as `open_window`'s."""

    def opened(**shape: Any) -> Window:
        window = open_window(**shape)
        window.page.context.add_cookies(cookies)
        return window

    return opened
