"""`picha doctor` against a running product: all is well as it comes, and each thing that is broken is found."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.journeys.running import House, Talk, talking
from tests.nursery import PLAIN, ran

from picha.gateway.store import tenants
from picha.gateway.store.pool import Pool, open_pool
from picha.gateway.store.tenants import Account
from picha.gateway.store.vault import Vault, read_ring
from picha.kit.secrets import Secret

Findings = dict[str, list[dict[str, str]]]


async def picha_command(*words: str, settings: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command of picha's and return its exit code and what it said."""
    code, out, err = await ran(*words, environment=PLAIN | dict(settings or {}))
    return code, out.decode(), err.decode()


async def examined(home: Path, **settings: str) -> tuple[int, Findings]:
    """Return the doctor's exit code and, by check, what it finds that is not well."""
    code, out, err = await picha_command("doctor", "--home", str(home), "--json", settings=settings)
    assert out, err
    told = json.loads(out)
    assert told["ok"] is (code == 0)
    found: Findings = {}
    for one in told["findings"]:
        # How much room this machine has is not ours to say.
        if one["level"] != "ok" and one["check"] != "disk":
            assert one["remedy"], one
            found.setdefault(one["check"], []).append(one)
    return code, found


async def graph(picha: Talk, method: str, path: str, token: str, **request: Any) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    told = await picha.call(method, f"{picha.ready.sandbox_url}/v25.0/{path}", headers=headers, **request)
    assert told.status == 200, told.body


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[tuple[Pool, Vault]]:
    """Open a house's database and vault from beside it."""
    told = json.loads((house.home / "running.json").read_text())
    async with open_pool(told["PICHA_DATABASE_URL"], size=2) as pool:
        yield pool, Vault(read_ring((house.home / "keys").read_text()))


async def account_of(house: House) -> Account:
    async with opened(house) as (pool, vault):
        (account,) = await tenants.accounts(pool, vault)
        return account


async def spoil_token(house: House) -> None:
    """Put another token in the place of the account's."""
    async with opened(house) as (pool, vault):
        (account,) = await tenants.accounts(pool, vault)
        sealed = vault.seal(Secret("EAAanother"), account.workspace_id, "account", account.id, "access_token")
        await pool.execute("UPDATE account SET access_token = $1", sealed)


async def test_all_is_well_with_a_running_product_and_it_is_told_in_lines(picha: Talk) -> None:
    home = picha.house.home

    # Other tests of the same house leave behind what is worth a warning.
    code, out, _ = await picha_command("doctor", "--home", str(home), settings={"COLUMNS": "200"})
    assert code == 0
    assert "✓ token" in out
    assert "0 problems" in out
    assert picha.ready.app_secret not in out
    assert picha.ready.sender not in out


async def test_what_is_broken_at_metas_side_is_found_and_gone_when_it_is_mended(
    raise_house: Callable[..., AbstractContextManager[House]],
) -> None:
    with raise_house() as house:
        async with talking(house) as picha:
            assert await examined(house.home) == (0, {})
            await picha.control("POST", "/switches", json={"number_status": "DISCONNECTED"})
            code, found = await examined(house.home)
            assert (code, set(found)) == (1, {"number"})
            assert {"DISCONNECTED", "BLOCKED"} <= set(
                " ".join(one["text"] for one in found["number"]).replace(".", "").split()
            )
            await picha.control("POST", "/switches", json={"number_status": "FLAGGED"})
            code, found = await examined(house.home)
            assert (code, set(found)) == (0, {"number"})
            await picha.control("POST", "/switches", json={"number_status": "CONNECTED"})
            assert await examined(house.home) == (0, {})

            account = await account_of(house)
            await graph(picha, "DELETE", f"{account.waba_id}/subscribed_apps", account.access_token.reveal())
            assert set((await examined(house.home))[1]) == {"subscription"}
            await graph(picha, "POST", f"{account.waba_id}/subscribed_apps", account.access_token.reveal())
            assert await examined(house.home) == (0, {})

            app = f"{account.meta_app_id}|{account.app_secret.reveal()}"
            await graph(picha, "DELETE", f"{account.meta_app_id}/subscriptions", app)
            code, found = await examined(house.home)
            assert (code, set(found)) == (1, {"callback"})
            assert "go nowhere" in found["callback"][0]["text"]
            callback = f"{picha.ready.api_url}/webhooks/whatsapp"
            wanted = {"object": "whatsapp_business_account", "callback_url": callback}
            told = wanted | {"verify_token": account.verify_token.reveal()}
            await graph(picha, "POST", f"{account.meta_app_id}/subscriptions", app, json=told)
            assert await examined(house.home) == (0, {})

            code, found = await examined(house.home, PICHA_PUBLIC_URL="http://127.0.0.1:9")
            assert (code, set(found)) == (1, {"callback", "reachability"})
            code, found = await examined(house.home, PICHA_PUBLIC_URL=picha.ready.sandbox_url)
            assert (code, set(found)) == (1, {"callback", "reachability"})

            await spoil_token(house)
            code, found = await examined(house.home)
            assert (code, set(found)) == (1, {"token", "subscription", "number"})
            assert "not valid" in found["token"][0]["text"]


async def test_a_migration_of_a_database_that_is_away_ends_with_a_sentence() -> None:
    settings = {"PICHA_DATABASE_URL": "postgresql://picha@127.0.0.1:9/picha"}

    code, out, err = await picha_command("migrate", settings=settings)

    assert (code, out) == (1, "")
    assert err.startswith("picha: The database cannot be reached")


async def test_a_gateway_that_nobody_runs_is_told_so(tmp_path: Path) -> None:
    code, out, err = await picha_command("doctor", "--home", str(tmp_path / "nowhere"))

    assert (code, out) == (1, "")
    assert "PICHA_DATABASE_URL" in err
    assert "start it" in err
