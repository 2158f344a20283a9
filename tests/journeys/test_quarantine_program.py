"""`picha quarantine`: what nobody understood is listed, shown and tried again, with nothing but the command line."""

import json
import secrets
from pathlib import Path

import psycopg
from tests.journeys.running import Talk, until
from tests.journeys.test_doctor_command import picha_command
from tests.journeys.test_webhook_intake import change, deliver, envelope, said, texts

from picha.gateway.store.embedded import EmbeddedPostgres

FOREIGN = "999999999991"


async def run(*words: str, **settings: str) -> tuple[int, str, str]:
    """Run `picha quarantine` and return its exit code and what it said on both channels."""
    return await picha_command("quarantine", *words, settings={"COLUMNS": "200", **settings})


async def listed(talk: Talk) -> list[dict[str, object]]:
    code, out, _ = await run("list", "--home", str(talk.house.home), "--json")
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


async def test_what_was_put_aside_is_listed_shown_and_understood_once_its_number_is_set_up(picha: Talk) -> None:
    home, mark = str(picha.house.home), secrets.token_hex(8)
    await deliver(picha, envelope(change(picha, number=FOREIGN, messages=[said(picha.stranger(), mark)])))

    async def come() -> str:
        for one in await listed(picha):
            if mark in (await run("show", str(one["id"]), "--home", home))[1]:
                return str(one["id"])
        return ""

    item = await until(come)
    _, line, _ = await run("list", "--home", home)
    assert item in line
    assert mark not in line
    assert "No sender of this Meta app has the item's phone_number_id." in line
    facts, _, shown = (await run("show", item, "--home", home))[1].partition("\n")
    assert json.loads(facts)["can_be_retried"] is True
    assert json.loads(shown)["text"]["body"] == mark

    await own(picha, FOREIGN)
    try:
        code, out, _ = await run("retry", item, "--home", home)
        await texts(picha, mark)
    finally:
        await own(picha, picha.ready.phone_number_id)

    assert (code, out) == (0, "1 is tried again.\n")
    assert item not in [one["id"] for one in await listed(picha)]


async def own(talk: Talk, number: str) -> None:
    """Let the house's number be this one at Meta."""
    dsn = EmbeddedPostgres(talk.house.home).dsn
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await connection.execute("UPDATE sender SET phone_number_id = %s", [number])


async def test_an_item_that_is_not_there_and_a_database_that_is_not_there_are_told_in_a_sentence(
    picha: Talk, tmp_path: Path
) -> None:
    nobody = "01890000-0000-7000-8000-000000000000"

    unknown = [await run(deed, nobody, "--home", str(picha.house.home)) for deed in ("show", "retry")]
    nowhere = await run("list", "--home", str(tmp_path))
    elsewhere = await run("list", PICHA_DATABASE_URL="postgresql://127.0.0.1:9/none")

    assert [(code, out) for code, out, _ in (*unknown, nowhere, elsewhere)] == [(1, "")] * 4
    assert all(error.startswith("picha: nothing lies in quarantine under that id") for _, _, error in unknown)
    assert f"No `picha up` runs in {tmp_path}" in nowhere[2]
    assert elsewhere[2].startswith("picha: ")
    assert "Traceback" not in elsewhere[2]
