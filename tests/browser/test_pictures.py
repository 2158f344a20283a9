"""Pictures as browsers get them: by people of the workspace, by a link that was signed, and by nobody else."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from tests.browser.conftest import Window
from tests.browser.speaking import heard, photo, stranger, writes
from tests.journeys.running import House

from picha.images.probe import inspect
from picha.images.thumbnail import BYTES_MAX

NOBODYS = UUID(int=1)


@pytest.fixture(scope="module")
def picture(house: House) -> Any:
    """What the gateway tells of a picture that a customer sent."""
    wamid = writes(house, stranger(), name="Photographer", image_base64=photo(61, size=(1500, 900)))
    return heard(house, wamid)["content"]


def asked(window: Window, house: House, path: str) -> Any:
    """Ask as the window's person would, without a page."""
    return window.page.request.get(house.ready.api_url + path)


def test_people_see_a_picture_small_as_it_is_and_can_save_it(
    inside: Callable[..., Window], house: House, picture: Any
) -> None:
    window, path = inside(), f"/inbox/pictures/{picture['file_id']}"

    thumb, shown, full = (asked(window, house, f"{path}/{shape}") for shape in ("thumb", "shown", "full"))

    facts = inspect(thumb.body()).facts
    assert (thumb.status, thumb.headers["content-type"]) == (200, "image/jpeg")
    assert len(thumb.body()) <= BYTES_MAX
    assert max(facts.width or 0, facts.height or 0) == 320
    assert shown.body() == full.body() == base64.b64decode(photo(61, size=(1500, 900)))
    assert shown.headers["content-disposition"].startswith("inline;")
    assert full.headers["content-disposition"].startswith("attachment;")
    for answer in (thumb, shown, full):
        assert answer.headers["cache-control"] == "private, max-age=86400, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_nobody_else_sees_it(
    open_window: Callable[..., Window], inside: Callable[..., Window], house: House, picture: Any
) -> None:
    stranger_s, path = open_window(), f"/inbox/pictures/{picture['file_id']}"

    assert asked(stranger_s, house, f"{path}/thumb").status == 401
    assert asked(stranger_s, house, f"{path}/shown").status == 401
    assert asked(stranger_s, house, f"{path}/full").url.endswith(f"/inbox/sign-in?next={path}/full")
    window = inside()
    for wrong in (f"/inbox/pictures/{NOBODYS}/thumb", "/inbox/pictures/1/shown", f"{path}/else"):
        assert asked(window, house, wrong).status == 404


def test_what_is_no_picture_is_drawn_as_missing_and_saved_as_it_came(
    inside: Callable[..., Window], house: House
) -> None:
    page = base64.b64encode(b"<!doctype html><script>alert(1)</script>").decode()
    content = heard(house, writes(house, stranger(), name="Trickster", image_base64=page, as_is=True))["content"]
    window, path = inside(), f"/inbox/pictures/{content['file_id']}"

    thumb, shown = asked(window, house, f"{path}/thumb"), asked(window, house, f"{path}/shown")

    assert (thumb.status, thumb.headers["content-type"]) == (200, "image/svg+xml")
    assert (shown.status, shown.body()) == (200, base64.b64decode(page))
    assert shown.headers["content-type"] in {"application/octet-stream", "image/jpeg"}
    assert shown.headers["x-content-type-options"] == "nosniff"


def test_a_signed_link_opens_one_picture_until_it_expires_and_none_when_it_is_forged(
    open_window: Callable[..., Window], picture: Any
) -> None:
    window, link = open_window(), picture["url"]
    path, _, query = link.partition("?")
    expires, _, signature = query.removeprefix("expires=").partition("&signature=")
    opened = window.page.goto(link)
    assert opened is not None
    assert opened.status == 200
    assert window.page.locator("img").evaluate("image => image.naturalWidth") == 1500

    for refused in (
        f"{path}?expires={expires}&signature={'0' * len(signature)}",
        f"{path}?expires={int(expires) + 3600}&signature={signature}",
        f"{path}?expires=1&signature={signature}",
        f"{path.replace(picture['file_id'], str(NOBODYS))}?{query}",
        path,
    ):
        answer = window.page.goto(refused)
        assert answer is not None
        assert answer.status in {401, 404}, refused
        assert b"\xff\xd8" not in answer.body()
    # Chromium's own page around a picture wants a style that the picture's policy forbids.
    assert all("status of 40" in said or "inline style" in said for said in window.complaints)
    window.complaints.clear()
