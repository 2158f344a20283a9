"""`picha keys cap` and `picha workspaces cap` on a running product: what is past a cap is refused."""

import asyncio
import secrets

import pytest
from tests.journeys.running import Talk, picture, until
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_keys_program import done, made, refused

IMAGE = "/v1/whatsapp/messages/image"


async def test_a_key_sends_as_many_as_it_may_and_no_more_while_another_goes_on(picha: Talk) -> None:
    customer, key = picha.stranger(), await made(picha)
    await picha.hear(customer)
    body = {"to": customer, "file_id": (await picha.upload(picture())).data["file_id"]}
    [told] = await done(picha, "keys", "cap", key["id"], "--per-day", "3")
    assert told == {"id": key["id"], "per_day": 3, "per_month": None}

    async def send(**headers: str) -> int:
        return (await picha.api("POST", IMAGE, key=key["key"], json=body, headers=headers)).status

    # The key was seen by no process yet, so its cap holds from the first send on.
    once = {"Idempotency-Key": secrets.token_hex(8)}
    assert await send(**once) == 202
    assert await send(**once) == 202, "the same send again is not counted"
    wrong = await picha.api("POST", IMAGE, key=key["key"], json=body | {"to": picha.stranger()})
    assert wrong.status not in {202, 429}, "what is refused is not counted"
    answers = await asyncio.gather(*(send() for _ in range(5)))
    assert sorted(answers) == [202, 202, 429, 429, 429]
    assert await send(**once) == 202, "what was accepted is answered past the cap"

    last = await picha.api("POST", IMAGE, key=key["key"], json=body)
    assert (last.status, last.error["code"]) == (429, "RATE_LIMITED")
    assert "3 messages a day" in last.error["message"]
    assert 0 < int(last.headers["Retry-After"]) <= 86_400
    assert (await picha.api("GET", "/v1/whatsapp/messages", key=key["key"])).status == 200
    assert (await picha.send(**body)).status == 202
    [heir] = await done(picha, "keys", "rotate", key["id"])
    assert (await picha.api("POST", IMAGE, key=heir["key"], json=body)).status == 429

    await done(picha, "keys", "cap", heir["id"], "--per-day", "none")

    async def goes() -> bool:
        return await send() == 202

    await until(goes)
    listed = {one["id"]: one for one in await done(picha, "keys", "list")}
    assert (listed[key["id"]]["per_day"], listed[heir["id"]]["per_day"]) == (None, None)


async def test_a_workspace_that_may_send_nothing_refuses_with_every_key(picha: Talk) -> None:
    name = f"Duka {secrets.token_hex(4)}"
    await done(picha, "workspaces", "create", name)

    [told] = await done(picha, "workspaces", "cap", name, "--per-day", "0", "--per-month", "1000")

    assert (told["per_day"], told["per_month"]) == (0, 1000)
    shown = {one["name"]: one for one in await done(picha, "workspaces", "list")}
    assert (shown[name]["per_day"], shown[name]["per_month"]) == (0, 1000)
    code, out, _ = await picha_command("workspaces", "cap", name, "--per-day", "none", "--home", str(picha.house.home))
    assert (code, out) == (0, f"The workspace {name} may send 1,000 messages a month.\n")
    assert "No workspace has" in await refused(picha, "workspaces", "cap", "nobody's", "--per-day", "1")
    assert "is active" in await refused(picha, "keys", "cap", "nobody00", "--per-day", "1")


@pytest.mark.parametrize("words", [(), ("--per-day", "-1"), ("--per-month", "1000000001"), ("--per-day", "many")])
async def test_a_cap_that_is_none_ends_with_two(words: tuple[str, ...]) -> None:
    code, out, err = await picha_command("keys", "cap", "Ab12Cd34", *words)

    assert (code, out) == (2, "")
    assert "Invalid value" in err
