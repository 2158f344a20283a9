"""What the inbox has a browser keep: behind https nothing that could leave it, or come from elsewhere."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from tests.store.ground import Ground

from picha.gateway.domain.staff import BROWSER_IS_KNOWN, SESSION_LIVES, Role, link_path
from picha.gateway.inbox.app import create_inbox
from picha.gateway.run import open_ground, open_means, open_services
from picha.gateway.settings import Settings, SettingsError
from picha.gateway.store import sessions, staff
from picha.gateway.store.vault import keep_private, written

FROM_OURS = {"Sec-Fetch-Site": "same-origin"}
LASTS_S = int(SESSION_LIVES.total_seconds())
Browsing = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def browsing(database: str, tmp_path: Path) -> Browsing:
    """Open a browser before an inbox that the operator says is found at this address."""
    keep_private(tmp_path / "keys", written({"masterky": b"m" * 32}))

    @asynccontextmanager
    async def browsing(public_url: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(database_url=database, home=tmp_path, public_url=public_url, **more)
        async with (
            open_ground(settings) as opened,
            open_services(opened, settings) as services,
            open_means(opened, settings, services) as means,
        ):
            door = httpx.ASGITransport(Starlette(routes=create_inbox(means)))
            async with httpx.AsyncClient(transport=door, base_url=public_url, headers=FROM_OURS) as browser:
                yield browser

    return browsing


async def let_in(ground: Ground, browser: httpx.AsyncClient) -> httpx.Response:
    """Let somebody new in by a link."""
    person = await staff.add(ground.pool, ground.ids, ground.app.workspace_id, "Asha", Role.AGENT)
    told = await browser.post(link_path(await sessions.invite(ground.pool, person)), data={"how": "link"})
    assert told.status_code == 303, told.text
    return told


def kept(told: httpx.Response) -> tuple[str, str, set[str]]:
    """Return the name, the value and the attributes of the one cookie that an answer sets."""
    [line] = told.headers.get_list("set-cookie")
    pair, *attributes = line.split("; ")
    name, _, value = pair.partition("=")
    return name, value, set(attributes)


async def test_behind_https_the_session_is_kept_for_this_host_alone_and_out_of_reach(
    ground: Ground, browsing: Browsing
) -> None:
    async with browsing("https://api.shop.example") as browser:
        name, token, attributes = kept(await let_in(ground, browser))

        # With another path, a domain or without Secure, browsers refuse a __Host- cookie (RFC 6265bis, 4.1.3.2).
        assert name == "__Host-picha"
        assert attributes == {"HttpOnly", f"Max-Age={LASTS_S}", "Path=/", "SameSite=lax", "Secure"}
        assert (await browser.get("/inbox/me")).json()["name"] == "Asha"
        browser.cookies.clear()
        # A page of another host of the same site can have this name kept, and the other not.
        assert (await browser.get("/inbox/me", headers={"Cookie": f"picha={token}"})).status_code == 401


async def test_behind_https_signing_out_has_that_very_cookie_forgotten(ground: Ground, browsing: Browsing) -> None:
    async with browsing("https://api.shop.example") as browser:
        _, token, _ = kept(await let_in(ground, browser))

        name, value, attributes = kept(await browser.post("/inbox/sign-out"))

        assert (name, value) == ("__Host-picha", '""')
        assert {"Max-Age=0", "Path=/", "Secure"} <= attributes
        assert not any(one.startswith("Domain") for one in attributes)
        assert not browser.cookies
        assert (await browser.get("/inbox/me", headers={"Cookie": f"{name}={token}"})).status_code == 401


async def test_without_https_a_cookie_is_kept_that_browsers_take_there(ground: Ground, browsing: Browsing) -> None:
    async with browsing("http://127.0.0.1:8080") as browser:
        name, _, attributes = kept(await let_in(ground, browser))

        assert name == "picha_8080"
        assert attributes == {"HttpOnly", f"Max-Age={LASTS_S}", "Path=/", "SameSite=lax"}
        assert (await browser.get("/inbox/me")).status_code == 200


async def test_proxies_that_are_no_networks_are_named_by_their_variable(browsing: Browsing) -> None:
    with pytest.raises(SettingsError, match=r"PICHA_TRUSTED_PROXIES: 'proxy\.internal'"):
        async with browsing("https://api.shop.example", trusted_proxies="10.0.0.1,proxy.internal"):
            pass


async def test_two_on_one_host_do_not_sign_each_other_out(ground: Ground, browsing: Browsing) -> None:
    async with browsing("http://127.0.0.1:8080") as here, browsing("http://127.0.0.1:8090") as beside:
        await let_in(ground, here)
        # As a browser has it: what one of the two had it keep, the other is shown.
        beside.cookies.update(here.cookies)

        name, *_ = kept(await beside.post("/inbox/sign-out"))

        assert name not in here.cookies
        assert (await here.get("/inbox/me")).status_code == 200


async def test_a_browser_is_known_by_a_cookie_of_its_person_for_a_year_and_after_signing_out(
    ground: Ground, browsing: Browsing
) -> None:
    async with browsing("https://api.shop.example") as browser:
        person = await staff.add(ground.pool, ground.ids, ground.app.workspace_id, "Asha", Role.AGENT)
        form = {"how": "password", "password": "a fine password"}

        told = await browser.post(link_path(await sessions.invite(ground.pool, person)), data=form)

        _, line = told.headers.get_list("set-cookie")
        pair, *attributes = line.split("; ")
        name, _, mark = pair.partition("=")
        assert name == f"__Host-picha_known_{person.hex}"
        age = f"Max-Age={int(BROWSER_IS_KNOWN.total_seconds())}"
        assert set(attributes) == {"HttpOnly", age, "Path=/", "SameSite=lax", "Secure"}
        await browser.post("/inbox/sign-out")
        assert dict(browser.cookies) == {name: mark}
        # It lets nobody in.
        assert (await browser.get("/inbox/me")).status_code == 401
