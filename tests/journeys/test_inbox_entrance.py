"""The entrance to the inbox: every action of the table refuses what does not come from a page of ours."""

import uuid

import pytest
from tests.journeys.running import Talk, Told

from picha.gateway.inbox.origin import SAFE
from picha.gateway.inbox.pages import PAGES
from picha.gateway.inbox.route import Page

ACTIONS = [page for page in PAGES if page.method not in SAFE]
READS = [page for page in PAGES if page.method in SAFE]
FOREIGN = [
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "OURS"},
]
OURS = [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "OURS"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}]


async def ask(picha: Talk, page: Page, headers: dict[str, str]) -> Told:
    path = page.path
    for name in ("{id}", "{token}"):
        path = path.replace(name, str(uuid.UUID(int=1)))
    ours = picha.ready.api_url
    told = {name: value.replace("OURS", ours) for name, value in headers.items()}
    return await picha.call(page.method, ours + path, headers=told, allow_redirects=False)


def name_of(page: Page) -> str:
    return f"{page.method} {page.path}"


@pytest.mark.parametrize("page", ACTIONS, ids=name_of)
async def test_an_action_that_comes_from_elsewhere_is_refused(picha: Talk, page: Page) -> None:
    for headers in FOREIGN:
        told = await ask(picha, page, headers)

        assert told.status == 403, headers
        assert b"That came from elsewhere" in told.body


@pytest.mark.parametrize("page", ACTIONS, ids=name_of)
async def test_an_action_that_comes_from_a_page_of_ours_is_looked_at(picha: Talk, page: Page) -> None:
    for headers in OURS:
        told = await ask(picha, page, headers)

        assert b"That came from elsewhere" not in told.body, headers


@pytest.mark.parametrize("page", PAGES, ids=name_of)
async def test_whoever_is_not_signed_in_is_sent_to_the_door_and_a_script_is_told_so(picha: Talk, page: Page) -> None:
    told = await ask(picha, page, {"Sec-Fetch-Site": "same-origin"})

    if page.role is None:
        assert told.status != 401
    elif page.is_fetched:
        assert (told.status, told.document["title"]) == (401, "You are signed out")
    else:
        assert told.status == 303
        assert told.headers["Location"].startswith("/inbox/sign-in")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
async def test_every_answer_forbids_what_is_not_ours_and_is_kept_nowhere(picha: Talk, page: Page) -> None:
    told = await ask(picha, page, {"Sec-Fetch-Site": "same-origin"})

    assert "default-src 'none'; script-src 'self';" in told.headers["Content-Security-Policy"]
    assert "unsafe" not in told.headers["Content-Security-Policy"]
    assert told.headers["X-Content-Type-Options"] == "nosniff"
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["X-Request-Id"]


async def test_files_are_kept_for_good_under_their_contents_hash_and_no_other(picha: Talk) -> None:
    page = await picha.call("GET", f"{picha.ready.inbox_url}/sign-in")
    start = page.body.index(b"/inbox/static/")
    path = page.body[start : page.body.index(b'"', start)].decode()

    there = await picha.call("GET", picha.ready.api_url + path)
    former = await picha.call("GET", picha.ready.api_url + path.replace(path.split("/")[3], "0" * 16))
    outside = await picha.call("GET", f"{picha.ready.inbox_url}/static/{path.split('/')[3]}/..%2f..%2fapp.py")

    assert (there.status, there.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (former.status, former.headers["Cache-Control"]) == (200, "no-store")
    assert outside.status == 404


async def test_nobody_is_led_to_another_site_after_signing_in(picha: Talk) -> None:
    for onward in ("https://evil.example", "//evil.example", "/inbox\\@evil.example", "/inboxer", "/v1"):
        told = await picha.call("GET", f"{picha.ready.inbox_url}/sign-in", params={"next": onward})

        assert b'name="next" value="/inbox"' in told.body, onward
