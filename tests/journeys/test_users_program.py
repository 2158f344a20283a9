"""`picha users` on a running product: people are added, let in, given another role, kept out and let in again."""

import asyncio
import secrets
import time
from collections import Counter
from typing import Any

from tests.journeys.running import Talk, Told, until
from tests.journeys.terminal import typed
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_keys_program import done, refused

FROM_OURS = {"Sec-Fetch-Site": "same-origin"}
# Other tests of the same house make workspaces of their own.
HERE = ("--workspace", "Default")


def somebody() -> str:
    """Return a name that nobody in this run has yet."""
    return f"Asha {secrets.token_hex(4)}"


async def let_in(picha: Talk, link: str) -> str:
    """Follow a sign-in link as its person would; return the cookie that it gave."""
    told = await picha.call("POST", link, data={"how": "link"}, headers=FROM_OURS, allow_redirects=False)
    assert told.status == 303, told.body
    return told.headers["Set-Cookie"].partition(";")[0]


async def seen(picha: Talk, cookie: str, path: str = "/me") -> Told:
    return await picha.call("GET", picha.ready.inbox_url + path, headers={"Cookie": cookie}, allow_redirects=False)


async def is_out(picha: Talk, cookie: str) -> bool:
    return (await seen(picha, cookie)).status == 401


async def test_somebody_is_added_comes_in_by_the_link_and_is_listed(picha: Talk) -> None:
    name = somebody()

    [added] = await done(picha, "users", "add", name, *HERE)

    assert (added["name"], added["role"], added["has_password"], added["disabled_at"]) == (name, "agent", False, None)
    cookie = await let_in(picha, added["sign_in_url"])
    assert (await seen(picha, cookie)).document == {
        "id": added["id"],
        "name": name,
        "role": "agent",
        "environment": "test",
    }
    listed = {one["name"]: one for one in await done(picha, "users", "list")}
    assert listed[name]["seen_at"]
    assert listed["admin"]["role"] == "admin"
    assert "already" in await refused(picha, "users", "add", name.upper(), *HERE)


async def test_a_link_alone_is_printed_so_that_it_can_be_handed_on(picha: Talk) -> None:
    name = somebody()
    home = ("--home", str(picha.house.home))
    await done(picha, "users", "add", name, *HERE)

    code, out, err = await picha_command("users", "link", name.lower(), *home)

    assert (code, out.count("\n")) == (0, 1)
    assert out.startswith(f"{picha.ready.inbox_url}/link/")
    assert name in err
    await let_in(picha, out.strip())
    code, out, err = await picha_command("users", "list", *home)
    assert name in out
    assert "/link/" not in out


async def test_another_role_holds_at_once_for_who_is_in(picha: Talk) -> None:
    name = somebody()
    [added] = await done(picha, "users", "add", name, *HERE)
    cookie = await let_in(picha, added["sign_in_url"])

    [changed] = await done(picha, "users", "role", name, "admin")

    assert changed["role"] == "admin"

    async def is_admin() -> bool:
        return bool((await seen(picha, cookie)).document["role"] == "admin")

    await until(is_admin, within_s=3)
    code, _, err = await picha_command("users", "role", name, "owner", "--home", str(picha.house.home))
    assert code == 2
    assert "owner" in err


async def test_who_is_disabled_is_out_with_their_open_page_and_comes_in_again_when_enabled(picha: Talk) -> None:
    name = somebody()
    [added] = await done(picha, "users", "add", name, *HERE)
    cookie = await let_in(picha, added["sign_in_url"])
    [other] = await done(picha, "users", "link", name)
    url = f"{picha.ready.inbox_url}/live"
    async with picha.session.get(url, headers={"Cookie": cookie}) as stream:
        assert await stream.content.readuntil(b"\n\n")

        [disabled] = await done(picha, "users", "disable", name, "--yes")

        begun = time.monotonic()
        while await stream.content.readany():
            pass
        assert time.monotonic() - begun < 5
    assert disabled["disabled_at"]
    assert await is_out(picha, cookie)
    assert (await picha.call("GET", other["sign_in_url"])).status == 410
    assert "disabled" in await refused(picha, "users", "link", name)
    [enabled] = await done(picha, "users", "enable", name)
    assert enabled["disabled_at"] is None
    assert await is_out(picha, cookie)
    [again] = await done(picha, "users", "link", name)
    assert not await is_out(picha, await let_in(picha, again["sign_in_url"]))


async def sign_out(picha: Talk, cookie: str, **form: str) -> Told:
    """Sign out as the button of the page does; `everywhere="yes"` as the other one does."""
    headers = FROM_OURS | {"Cookie": cookie}
    url = f"{picha.ready.inbox_url}/sign-out"
    return await picha.call("POST", url, data=form, headers=headers, allow_redirects=False)


async def test_who_signs_out_is_out_with_their_open_page_and_stays_in_elsewhere(picha: Talk) -> None:
    name = somebody()
    [added] = await done(picha, "users", "add", name, *HERE)
    [other] = await done(picha, "users", "link", name)
    cookie, elsewhere = [await let_in(picha, one["sign_in_url"]) for one in (added, other)]
    async with picha.session.get(f"{picha.ready.inbox_url}/live", headers={"Cookie": cookie}) as stream:
        assert await stream.content.readuntil(b"\n\n")

        told = await sign_out(picha, cookie)

        begun = time.monotonic()
        while await stream.content.readany():
            pass
        assert time.monotonic() - begun < 5
    assert (told.status, told.headers["Location"]) == (303, "/inbox/sign-in")
    forgotten, _, attributes = told.headers["Set-Cookie"].partition(";")
    assert (forgotten, "Max-Age=0" in attributes) == (f'{cookie.partition("=")[0]}=""', True)
    assert await is_out(picha, cookie)
    assert not await is_out(picha, elsewhere)


async def test_who_signs_out_everywhere_is_out_with_every_open_page(picha: Talk) -> None:
    name = somebody()
    [added] = await done(picha, "users", "add", name, *HERE)
    [other] = await done(picha, "users", "link", name)
    here, elsewhere = [await let_in(picha, one["sign_in_url"]) for one in (added, other)]
    url = f"{picha.ready.inbox_url}/live"
    async with (
        picha.session.get(url, headers={"Cookie": here}) as mine,
        picha.session.get(url, headers={"Cookie": elsewhere}) as theirs,
    ):
        for stream in (mine, theirs):
            assert await stream.content.readuntil(b"\n\n")

        assert (await sign_out(picha, here, everywhere="yes")).status == 303

        begun = time.monotonic()
        for stream in (mine, theirs):
            while await stream.content.readany():
                pass
        assert time.monotonic() - begun < 5
    assert await is_out(picha, here)
    assert await is_out(picha, elsewhere)


async def test_disabling_asks_first_at_a_terminal(picha: Talk) -> None:
    name = somebody()
    [added] = await done(picha, "users", "add", name, *HERE)
    cookie = await let_in(picha, added["sign_in_url"])
    words = ("users", "disable", name, "--home", str(picha.house.home))

    code, shown = await typed(*words, answers=[("no more?", "n")])

    assert code == 1, shown
    assert not await is_out(picha, cookie)


async def test_who_is_nobody_is_told_so_and_how_to_look(picha: Talk) -> None:
    for words in (("link",), ("disable", "--yes"), ("enable",), ("role", "admin")):
        command, *more = words
        said = await refused(picha, "users", command, "Nobody Here", *more)

        assert "picha users list" in said, words


async def test_many_guesses_at_once_from_everywhere_are_refused_and_whoever_is_guessed_at_comes_in(picha: Talk) -> None:
    name, password = somebody(), secrets.token_hex(12)
    [added] = await done(picha, "users", "add", name, *HERE)
    form = {"how": "password", "password": password}
    url = added["sign_in_url"]
    async with picha.session.post(url, data=form, headers=FROM_OURS, allow_redirects=False) as came:
        known = [one.partition(";")[0] for one in came.headers.getall("Set-Cookie") if one.startswith("picha_known_")]

    async def tries(password: str, place: str, *cookies: str) -> Told:
        form = {"name": name, "password": password}
        headers = {**FROM_OURS, "X-Forwarded-For": f"{place}, {place}", "Cookie": "; ".join(cookies)}
        url = f"{picha.ready.inbox_url}/sign-in"
        return await picha.call("POST", url, data=form, headers=headers, allow_redirects=False)

    told = await asyncio.gather(*(tries("a wrong password", f"198.18.0.{place}") for place in range(60)))

    assert Counter(one.status for one in told) == {403: 5, 429: 55}
    refused = await tries(password, "198.18.1.1")
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60 + 1
    assert b"picha users link NAME" in refused.body
    assert b"another browser in which you signed in before" in refused.body
    assert (await tries(password, "198.18.1.1", *known)).status == 303
    # In a new browser a link lets in at once.
    [again] = await done(picha, "users", "link", name)
    await let_in(picha, again["sign_in_url"])


async def test_no_password_and_no_link_reaches_a_log(picha: Talk) -> None:
    [added] = await done(picha, "users", "add", somebody(), *HERE)
    secret = added["sign_in_url"].rpartition("/")[2]
    password: Any = secrets.token_hex(12)
    form = {"how": "password", "password": password}
    await picha.call("POST", added["sign_in_url"], data=form, headers=FROM_OURS, allow_redirects=False)

    logged = "".join(path.read_text() for path in picha.house.logs)

    assert secret not in logged
    assert password not in logged
