from tests.browser.conftest import Window
from tests.journeys.running import House


def test_the_handset_opens(window: Window, house: House) -> None:
    window.page.goto(house.ready.handset_url)

    assert "Handset" in window.page.locator("h1").inner_text()
