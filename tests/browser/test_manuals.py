"""The pages that describe the API and the sandbox: readable for everybody, on a telephone too."""

from collections.abc import Callable

import pytest
from tests.browser.conftest import Window
from tests.journeys.running import House


@pytest.mark.parametrize("is_dark", [False, True])
def test_a_manual_can_be_read_by_everybody(house: House, open_window: Callable[..., Window], *, is_dark: bool) -> None:
    window = open_window(width=360, is_dark=is_dark)
    for page in (f"{house.ready.api_url}/docs", f"{house.ready.sandbox_url}/_sandbox/docs"):
        window.page.goto(page)

        assert window.audit() == []
        assert window.page.evaluate("document.documentElement.scrollWidth") == 360


def test_a_link_to_a_call_leads_to_it(house: House, window: Window) -> None:
    window.page.goto(f"{house.ready.api_url}/docs")

    window.page.get_by_role("link", name="POST /messages/image", exact=True).click()

    call = window.page.get_by_text("Accept one image send", exact=False).first
    call.scroll_into_view_if_needed()
    assert call.is_visible()
    assert "#" in window.page.url
