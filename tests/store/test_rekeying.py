"""A new master key: what is sealed comes under it while others read and write, and nothing is lost on the way."""

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.store.ground import ACCOUNT, Ground

from picha.gateway.settings import Settings
from picha.gateway.store import audit, sealed, tenants
from picha.gateway.store.vault import Vault, VaultError, ensure_ring, read_ring
from picha.gateway.upkeep import rekeying
from picha.gateway.upkeep.rekeying import RekeyRefusedError
from picha.kit.secrets import Secret

# Everything that is bytes and no secret.
PLAIN = {
    ("api_key", "digest"), ("audit", "hash"), ("audit_chain", "gone_hash"), ("audit_chain", "hash"),
    ("blob", "digest"), ("delivery", "answer_body"), ("file", "digest"), ("quarantine", "item"),
    ("raw_webhook", "body"), ("raw_webhook", "digest"), ("replay", "fingerprint"), ("session", "digest"),
    ("sign_in_link", "digest"), ("sign_in_try", "subject"), ("uploaded_media", "digest"),
}  # fmt: skip


# Nobody else has this ring open; the journeys wait for those that have.
rekey = partial(rekeying.rekey, known_after_s=0.0)


def silent(_done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.fixture
async def settings(ground: Ground, tmp_path: Path, database: str) -> Settings:
    """Settings whose ring sealed five accounts, one of which keeps a previous secret too."""
    ensure_ring(tmp_path / "keys")
    told = Settings(database_url=database, home=tmp_path)
    await ground.pool.execute("DELETE FROM sender; DELETE FROM account")
    vault = Vault(read_ring(told.ring()))
    for number in range(5):
        await put(ground, vault, number, "secret")
    await put(ground, vault, 3, "other")
    return told


async def put(ground: Ground, vault: Vault, number: int, secret: str) -> None:
    account = replace(ACCOUNT, waba_id=str(number), app_secret=Secret(f"{secret} {number}"))
    await tenants.put_account(
        ground.pool, vault, ground.ids, ground.app, account, phone_number_id=f"1{number}", display_number="1"
    )


async def secrets(ground: Ground, vault: Vault) -> list[str]:
    found = await tenants.accounts(ground.pool, vault)
    return [
        secret.reveal()
        for one in sorted(found, key=lambda one: one.waba_id)
        for secret in (one.access_token, one.app_secret, one.previous_app_secret, one.verify_token)
        if secret is not None
    ]


async def test_everything_comes_under_a_new_key_and_says_the_same(ground: Ground, settings: Settings) -> None:
    before = await secrets(ground, Vault(read_ring(settings.ring())))
    former = Vault(read_ring(settings.ring())).newest
    heard: list[tuple[int, int]] = []

    done = await rekey(ground.pool, settings, told=lambda *two: heard.append(two), most=2)

    ring = read_ring(settings.ring())
    assert list(ring) == [done.key, former]
    assert (done.is_new, done.sealed, done.stuck) == (True, 16, 0)
    assert [total for _, total in heard] == [16] * len(heard)
    assert heard[-1] == (16, 16)
    assert len(heard) > 2
    assert await secrets(ground, Vault({done.key: ring[done.key]})) == before
    assert settings.keys_path.stat().st_mode & 0o777 == 0o600
    [noted, *_] = await audit.listed(ground.pool, None, most=1)
    assert (noted.deed, noted.about) == ("master_key.rekeyed", {"key": done.key, "sealed": 16})


async def test_a_run_that_was_stopped_is_gone_on_with_and_makes_no_other_key(
    ground: Ground, settings: Settings
) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rekey(ground.pool, settings, told=stop, most=2)
    newest = Vault(read_ring(settings.ring())).newest
    assert await sealed.left(ground.pool, newest) > 0

    done = await rekey(ground.pool, settings, told=silent)

    assert (done.key, done.is_new) == (newest, False)
    assert 0 < done.sealed < 16
    assert await sealed.left(ground.pool, newest) == 0


async def test_a_key_that_was_put_first_by_hand_is_taken(ground: Ground, settings: Settings) -> None:
    text = settings.ring()
    settings.keys_path.write_text("freshkey:" + "A" * 43 + "=\n" + text)

    done = await rekey(ground.pool, settings, told=silent)

    assert (done.key, done.is_new, done.sealed) == ("freshkey", False, 16)


async def test_a_process_that_runs_opens_and_seals_under_the_new_key_within_a_second(
    ground: Ground, settings: Settings
) -> None:
    running = Vault(read_ring(settings.ring()), file=settings.ring_file)
    tokens = running.deriving("callback tokens")
    former = tokens()[0]
    before = await secrets(ground, running)

    done = await rekey(ground.pool, settings, told=silent)

    assert await secrets(ground, running) == before
    assert running.newest == done.key
    assert (len(tokens()), tokens()[1]) == (2, former)
    await put(ground, running, 9, "new")
    assert await sealed.left(ground.pool, done.key) == 0


async def test_secrets_that_are_stored_meanwhile_are_neither_lost_nor_overwritten(
    ground: Ground, settings: Settings
) -> None:
    vault = Vault(read_ring(settings.ring()))  # a command that began before the key was there

    await asyncio.gather(
        rekey(ground.pool, settings, told=silent, most=1),
        *(put(ground, vault, number, "newer") for number in range(5)),
    )
    await rekey(ground.pool, settings, told=silent)

    said = await secrets(ground, Vault(read_ring(settings.ring())))
    assert [f"newer {number}" in said for number in range(5)] == [True] * 5


async def test_a_value_of_another_row_does_not_open_and_is_left_as_it_is(ground: Ground, settings: Settings) -> None:
    await ground.pool.execute(
        "UPDATE account SET access_token = (SELECT access_token FROM account WHERE waba_id = '1') WHERE waba_id = '2'"
    )
    query = "SELECT access_token FROM account WHERE waba_id = '2'"
    moved = await ground.pool.fetchval(query)

    done = await rekey(ground.pool, settings, told=silent)

    assert (done.sealed, done.stuck) == (15, 1)
    assert await ground.pool.fetchval(query) == moved
    with pytest.raises(RekeyRefusedError, match="1 values"):
        await rekeying.retire(ground.pool, settings)


async def test_a_sealed_value_does_not_open_in_another_workspace_row_or_column(
    ground: Ground, settings: Settings
) -> None:
    vault = Vault(read_ring(settings.ring()))
    other = await tenants.add_workspace(ground.pool, ground.ids, "Other")
    for change in (
        f"workspace_id = '{other.workspace_id}'",
        "access_token = verify_token",
        "id = '00000000-0000-7000-8000-000000000009', meta_app_id = 'x'",
    ):
        connection = await ground.pool.acquire()
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("DELETE FROM sender")
        await connection.execute(f"UPDATE account SET {change} WHERE waba_id = '1'")
        row = await connection.fetchrow("SELECT * FROM account WHERE waba_id = '1'")
        await transaction.rollback()
        await ground.pool.release(connection)
        assert row is not None
        with pytest.raises(VaultError, match="moved"):
            vault.open(row["access_token"], row["workspace_id"], "account", row["id"], "access_token")


async def test_former_keys_go_once_nothing_is_sealed_under_them(ground: Ground, settings: Settings) -> None:
    former = Vault(read_ring(settings.ring())).newest
    done = await rekey(ground.pool, settings, told=silent)

    assert await rekeying.retire(ground.pool, settings) == [former]

    assert list(read_ring(settings.ring())) == [done.key]
    assert await rekeying.retire(ground.pool, settings) == []
    assert len(await secrets(ground, Vault(read_ring(settings.ring())))) == 16


async def test_a_ring_in_the_environment_is_left_to_whoever_put_it_there(ground: Ground, settings: Settings) -> None:
    fixed = Settings(database_url="postgresql://", keys=settings.ring())

    with pytest.raises(RekeyRefusedError, match="--fresh-line"):
        await rekey(ground.pool, fixed, told=silent)

    first = Settings(database_url="postgresql://", keys="freshkey:" + "A" * 43 + "=\n" + settings.ring())
    assert (await rekey(ground.pool, first, told=silent)).sealed == 16


async def test_two_at_once_do_not_change_the_ring_together(ground: Ground, settings: Settings) -> None:
    both = (rekeying.rekey(ground.pool, settings, told=silent, known_after_s=0.3) for _ in range(2))

    told = await asyncio.gather(*both, return_exceptions=True)

    assert sorted(type(one).__name__ for one in told) == ["RekeyRefusedError", "Rekeyed"]


async def test_a_ring_that_cannot_be_read_for_a_moment_is_believed_as_it_was(
    ground: Ground, settings: Settings
) -> None:
    running = Vault(read_ring(settings.ring()), file=settings.ring_file)
    text = settings.keys_path.read_text()
    before = await secrets(ground, running)

    settings.keys_path.write_text("half a li")
    running._look(at_once=True)
    assert await secrets(ground, running) == before

    settings.keys_path.unlink()
    running._look(at_once=True)
    assert await secrets(ground, running) == before
    settings.keys_path.write_text(text)


async def test_every_column_of_bytes_is_known_to_be_sealed_or_plain(ground: Ground) -> None:
    rows = await ground.pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'bytea'"
    )

    named = {(table, column) for table, columns in sealed.SEALED.items() for column in columns}
    assert {tuple(row) for row in rows} == PLAIN | named
