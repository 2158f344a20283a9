"""Fingers on a page, as a touch screen tells of them; its window has `has_touch`."""

from playwright.sync_api import Page

Point = tuple[float, float]
_STEPS = 8


def drag(page: Page, *tracks: tuple[Point, Point]) -> None:
    """Put a finger down at the beginning of each track, lead all of them to its end together, and lift them."""
    screen = page.context.new_cdp_session(page)

    def told(kind: str, done: float) -> None:
        points = [
            {"id": n, "x": x + (to_x - x) * done, "y": y + (to_y - y) * done}
            for n, ((x, y), (to_x, to_y)) in enumerate(tracks)
        ]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [] if kind == "touchEnd" else points})

    told("touchStart", 0)
    for step in range(1, _STEPS + 1):
        told("touchMove", step / _STEPS)
    told("touchEnd", 1)
    screen.detach()
