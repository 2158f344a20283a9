"""`picha keys`, `workspaces` and `apps` on a running product: what they make opens the API as far as it may."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from tests.journeys.running import House, Talk, picture, talking, until
from tests.journeys.terminal import typed
from tests.journeys.test_bad_input import NOWHERE, path_of
from tests.journeys.test_doctor_command import picha_command

from picha.gateway.api.routes import ROUTES, Route
from picha.gateway.domain.keys import Scope, parse

MESSAGES = "/v1/whatsapp/messages"
SENDERS = "/v1/whatsapp/senders"
KEYED = [route for route in ROUTES if route.scope is not None]


async def done(talk: Talk, *words: str) -> Any:
    """Run a command on the talk's house with --json, which must succeed, and return the objects that it tells."""
    code, out, err = await picha_command(*words, "--home", str(talk.house.home), "--json")
    assert (code, err) == (0, ""), (words, err)
    return [json.loads(line) for line in out.splitlines()]


async def refused(talk: Talk, *words: str) -> str:
    """Run a command that must refuse with a sentence, and return that."""
    code, out, err = await picha_command(*words, "--home", str(talk.house.home))
    assert (code, out) == (1, ""), (words, out, err)
    assert err.startswith("picha: ")
    assert "Traceback" not in err
    return err


async def made(talk: Talk, *words: str) -> Any:
    """Make a key for the app that the house came with."""
    [key] = await done(talk, "keys", "create", "--app", talk.ready.app_id, *words)
    return key


async def status(talk: Talk, key: str) -> int:
    return (await talk.api("GET", MESSAGES, key=key)).status


async def is_shut(talk: Talk, key: str) -> bool:
    return await status(talk, key) == 401


async def test_a_key_is_printed_once_opens_the_api_and_only_its_public_id_is_told_again(picha: Talk) -> None:
    home, name = str(picha.house.home), secrets.token_hex(4)

    code, out, err = await picha_command(
        *("keys", "create", "--app", picha.ready.app_id, "--name", name, "--home", home)
    )

    key = parse(out.strip())
    assert code == 0
    assert key is not None
    assert key.public_id in err
    assert out.strip() not in err
    assert await status(picha, out.strip()) == 200
    _, table, _ = await picha_command("keys", "list", "--home", home)
    [line] = [line for line in table.splitlines() if name in line]
    assert line.startswith(key.public_id)
    assert "manage,read,send" in line
    assert out.strip()[19:] not in table
    assert f"called '{name}' already" in await refused(
        picha, "keys", "create", "--app", picha.ready.app_id, "--name", name
    )


async def test_a_revoked_key_opens_nothing_a_moment_later_and_cannot_be_revoked_again(picha: Talk) -> None:
    key = await made(picha)
    assert await status(picha, key["key"]) == 200

    [told] = await done(picha, "keys", "revoke", key["id"])
    began = time.monotonic()
    await until(lambda: is_shut(picha, key["key"]))

    assert told == {"id": key["id"], "revoked": True}
    # Its bound is a second, which is asserted of the constant; a machine may be busy.
    assert time.monotonic() - began < 10
    nobody = await picha.api("GET", MESSAGES, key=None)
    assert (await picha.api("GET", MESSAGES, key=key["key"])).document["errors"] == nobody.document["errors"]
    assert "is active" in await refused(picha, "keys", "revoke", key["id"], "--yes")
    shown = {one["id"]: one for one in await done(picha, "keys", "list", "--all")}
    assert (shown[key["id"]]["is_active"], shown[key["id"]]["revoked_at"] is None) == (False, False)
    assert key["id"] not in [one["id"] for one in await done(picha, "keys", "list")]


async def test_at_a_terminal_a_key_is_revoked_only_by_somebody_who_means_it(picha: Talk) -> None:
    key, home = await made(picha), str(picha.house.home)
    question = f"Revoke the key {key['id']} for ever?"

    code, shown = await typed("keys", "revoke", key["id"], "--home", home, answers=[(question, "n")])
    assert (code, "Aborted" in shown) == (1, True)
    assert key["id"] in [one["id"] for one in await done(picha, "keys", "list")]

    code, _ = await typed("keys", "revoke", key["id"], "--home", home, answers=[(question, "y")])
    assert code == 0
    other = await made(picha)
    code, shown = await typed("keys", "revoke", other["id"], "--yes", "--home", home, answers=[])
    assert (code, "for ever" in shown) == (0, False)
    active = [one["id"] for one in await done(picha, "keys", "list")]
    assert not {key["id"], other["id"]} & set(active)


async def test_a_rotated_key_and_its_heir_open_both_until_the_former_ends_by_itself(picha: Talk) -> None:
    name = secrets.token_hex(4)
    former = await made(picha, "--name", name, "--scope", "read")

    [heir] = await done(picha, "keys", "rotate", former["id"], "--overlap", "3s")

    same = ("name", "environment", "scopes", "app_id", "workspace_id")
    assert [heir[field] for field in same] == [former[field] for field in same]
    assert heir["replaces"] == former["id"]
    assert await status(picha, heir["key"]) == 200
    await until(lambda: is_shut(picha, former["key"]))
    assert await status(picha, heir["key"]) == 200


async def test_a_key_has_a_day_beside_its_heir_is_rotated_once_and_may_end_at_once(picha: Talk) -> None:
    first = await made(picha)

    [second] = await done(picha, "keys", "rotate", first["id"])
    assert [await status(picha, one["key"]) for one in (first, second)] == [200, 200]
    assert "rotated already" in await refused(picha, "keys", "rotate", first["id"])
    shown = {one["id"]: one for one in await done(picha, "keys", "list")}
    assert shown[first["id"]]["expires_at"] == second["former_ends_at"]
    assert shown[second["id"]]["expires_at"] is None

    [third] = await done(picha, "keys", "rotate", second["id"], "--overlap", "0")
    await until(lambda: is_shut(picha, second["key"]))
    assert await status(picha, third["key"]) == 200
    assert "There is no key nobody00" in await refused(picha, "keys", "rotate", "nobody00")


@pytest.mark.parametrize(
    "words",
    [
        ("rotate", "Ab12Cd34", "--overlap", "31d"), ("rotate", "Ab12Cd34", "--overlap", "soon"), ("revoke", "Ab12"),
        ("create", "--name", "x" * 101), ("create", "--scope", "fly"), ("create", "--name", ""),
    ],
)  # fmt: skip
async def test_what_is_asked_wrongly_ends_with_two_before_anything_is_looked_for(words: tuple[str, ...]) -> None:
    code, out, err = await picha_command("keys", *words)

    assert (code, out) == (2, "")
    assert "Invalid value" in err


async def answer(talk: Talk, route: Route, key: str) -> Any:
    """Call a route for something that is not there."""
    body: dict[str, Any] = {"json": {}} if route.method in {"POST", "PATCH"} else {}
    return await talk.api(route.method, path_of(route), key=key, **body)


async def test_each_route_is_open_to_a_key_with_its_scope_and_shut_to_one_with_all_others(picha: Talk) -> None:
    only = {scope: (await made(picha, "--scope", scope))["key"] for scope in Scope}
    others = {
        scope: (await made(picha, *(word for other in Scope if other is not scope for word in ("--scope", other))))
        for scope in Scope
    }

    for route in KEYED:
        assert route.scope is not None
        lets, shut = await asyncio.gather(
            answer(picha, route, only[route.scope]), answer(picha, route, others[route.scope]["key"])
        )
        assert lets.status not in {401, 403}, (route.path, lets.body)
        assert lets.status < 500, (route.path, lets.body)
        assert shut.status == 403, (route.path, shut.body)
        said = shut.error["message"] if route.is_enveloped else shut.document["detail"]
        assert f"`{route.scope}`" in said
        if route.is_enveloped:
            assert shut.error["code"] == "SCOPE_REQUIRED"
    for scope in Scope:
        whoami = (await picha.api("GET", "/karibu/x-api-key", key=only[scope])).document
        assert whoami["scopes"] == [scope]


async def test_a_picture_is_shown_by_its_link_also_to_a_key_that_may_not_read(picha: Talk) -> None:
    message = await picha.hear(picha.stranger())
    key = (await made(picha, "--scope", "send"))["key"]
    path = f"/v1/whatsapp/media/{message['content']['file_id']}/content"

    assert (await picha.api("GET", path, key=key)).status == 403
    assert (await picha.api("GET", message["content"]["url"], key=key)).status == 200


async def test_a_live_key_sees_no_test_number_nor_what_belongs_to_it(picha: Talk) -> None:
    key = (await made(picha, "--live"))["key"]
    assert key.startswith("picha_live_")
    customer = picha.stranger()
    message = await picha.hear(customer)
    [sender] = (await picha.api("GET", SENDERS)).document
    file_id = (await picha.upload(picture())).data["file_id"]

    assert (await picha.api("GET", SENDERS, key=key)).document == []
    for verb in ("", "/pause", "/resume", "/flush"):
        method = "POST" if verb else "GET"
        assert (await picha.api(method, f"{SENDERS}/{sender['id']}{verb}", key=key)).status == 404
    patch = await picha.api("PATCH", f"{SENDERS}/{sender['id']}", key=key, json={"image_policy": "strict"})
    assert patch.status == 404
    for path in (
        f"{MESSAGES}/{message['id']}",
        f"{MESSAGES}/{message['id']}/timeline",
        f"/v1/whatsapp/conversations/{message['conversation_id']}",
    ):
        assert (await picha.api("GET", path, key=key)).status == 404, path
    for named in (file_id, message["content"]["file_id"]):
        path = f"/v1/whatsapp/media/{named}"
        for method, verb in (("GET", ""), ("GET", "/content"), ("GET", "/thumbnail"), ("DELETE", "")):
            told = await picha.api(method, path + verb, key=key)
            assert (told.status, told.error["code"]) == (404, "MEDIA_NOT_FOUND"), f"{method} {path}{verb}"
        assert (await picha.api("GET", path)).status == 200
    assert (await picha.api("GET", message["content"]["url"], key=key)).status == 200, "a link is shown to who holds it"
    assert (await picha.api("GET", MESSAGES, key=key)).data["total"] == 0
    assert (await picha.api("GET", "/v1/whatsapp/notices", key=key)).data["items"] == []
    for whom in ({}, {"sender_id": sender["id"]}, {"sender": sender["display_number"]}):
        sent = await picha.api("POST", f"{MESSAGES}/image", key=key, json={"to": customer, "file_id": file_id} | whom)
        assert (sent.status, sent.error["code"]) == (404, "SENDER_NOT_FOUND")


async def test_a_workspace_and_its_apps_are_made_listed_and_called_by_name(picha: Talk) -> None:
    name = f"Duka {secrets.token_hex(4)}"

    [shop] = await done(picha, "workspaces", "create", name)
    [orders] = await done(picha, "apps", "create", "Orders", "--workspace", name)
    [key] = await done(picha, "keys", "create", "--app", orders["app_id"])

    [weighed] = await done(picha, "workspaces", "weigh", name, "3")
    assert weighed == {"id": shop["workspace_id"], "weight": 3}
    shown = {one["name"]: one for one in await done(picha, "workspaces", "list")}
    assert shown[name]["weight"] == 3
    assert (shown[name]["id"], shown[name]["apps"], shown[name]["senders"]) == (shop["workspace_id"], 2, 0)
    apps = await done(picha, "apps", "list", "--workspace", shop["workspace_id"])
    assert [(one["name"], one["keys"]) for one in apps] == [(name, 0), ("Orders", 1)]
    whoami = (await picha.api("GET", "/karibu/x-api-key", key=key["key"])).document
    assert (whoami["workspace_id"], whoami["app_id"]) == (shop["workspace_id"], orders["app_id"])
    assert (await picha.api("GET", SENDERS, key=key["key"])).document == []
    table = (await picha_command("apps", "list", "--home", str(picha.house.home)))[1]
    assert re.search(rf"^{orders['app_id']}  Orders +{name} ", table, re.MULTILINE)

    assert "already" in await refused(picha, "workspaces", "create", name)
    assert "already" in await refused(picha, "apps", "create", "Orders", "--workspace", name)
    assert "name one with --workspace" in await refused(picha, "apps", "create", "Till")
    assert "name one with --app" in await refused(picha, "keys", "create")
    assert f"No app has the id or name '{NOWHERE}'" in await refused(picha, "keys", "list", "--app", NOWHERE)


async def test_a_house_whose_own_key_was_revoked_comes_up_with_a_new_one(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        former, ports = house.ready, house.ports
        async with talking(house) as talk:
            await done(talk, "keys", "revoke", former.api_key[11:19])

    with raise_house(**ports) as house:
        async with talking(house) as talk:
            assert house.ready.api_key != former.api_key
            assert house.ready.app_id == former.app_id
            assert (await talk.list()).status == 200
            assert await status(talk, former.api_key) == 401
