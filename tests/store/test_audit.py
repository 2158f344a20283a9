"""The audit: what is noted in the deed's own transaction, and what a check of the chain finds."""

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from tests.store.ground import ACCOUNT, PNID, VAULT, Ground
from tests.store.test_growth import execute

from picha.gateway.blobs.local import LocalBlobs
from picha.gateway.setup import fresh_key
from picha.gateway.store import audit, endpoints, epochs, keys, numbers, tenants
from picha.gateway.store.endpoints import NewEndpoint, Whose
from picha.gateway.store.keys import KeyRefusedError
from picha.gateway.store.ledger import withdraw
from picha.gateway.store.pool import Connection, in_transaction
from picha.gateway.upkeep import restored
from picha.kit.clock import SystemClock
from picha.kit.secrets import Secret

YEAR = timedelta(days=365)
PUT_IN = """
ALTER TABLE audit DISABLE TRIGGER USER;
INSERT INTO audit SELECT 7, at, workspace_id, who, deed, about, hash FROM audit WHERE seq = 6
"""
CLOSED_UP = """
DELETE FROM audit WHERE seq = 4;
UPDATE audit SET seq = 4 WHERE seq = 5;
UPDATE audit SET seq = 5 WHERE seq = 6
"""


async def note(ground: Ground, deed: str = "key.revoked") -> None:
    async def work(connection: Connection) -> None:
        await audit.note(connection, audit.CLI, deed, workspace=ground.app.workspace_id, about={"b": 1, "a": "ü\n"})

    await in_transaction(ground.pool, work)


async def deeds(ground: Ground) -> list[str]:
    return [one.deed for one in reversed(await audit.listed(ground.pool, None, most=1000))]


async def test_what_is_done_with_keys_and_numbers_is_noted_with_who_did_it(ground: Ground) -> None:
    before = await deeds(ground)
    text, key = fresh_key("test")
    await keys.add(ground.pool, ground.ids, ground.app, key)
    await keys.rotate(ground.pool, ground.ids, key.public_id, fresh_key("test")[1], timedelta(hours=1))
    await keys.revoke(ground.pool, key.public_id)
    await numbers.pause(ground.pool, ground.sender, "operator", who="Ab12Cd34")
    await withdraw.flush(ground.pool, ground.sender, who="Ab12Cd34")
    await numbers.resume(ground.pool, ground.sender)
    await numbers.set_per_second(ground.pool, ground.sender, 5)
    await tenants.set_image_policy(ground.pool, ground.sender, "strict")

    assert before == ["sender.added", "secrets.stored"]
    assert (await deeds(ground))[2:] == [
        *("key.created", "key.rotated", "key.revoked", "sender.paused", "sender.flushed", "sender.resumed"),
        *("sender.changed", "sender.changed"),
    ]
    rows = await audit.listed(ground.pool, ground.app.workspace_id, most=1000)
    assert {one.who for one in rows if one.deed in {"sender.paused", "sender.flushed"}} == {"Ab12Cd34"}
    assert [one.about for one in rows][:2] == [
        {"sender": str(ground.sender), "image_policy": "strict"},
        {"sender": str(ground.sender), "messages_per_second": 5},
    ]
    said = str(rows)
    assert text[19:] not in said
    assert ACCOUNT.access_token.reveal() not in said
    assert (await audit.verify(ground.pool)).trouble is None


async def test_a_confirmation_after_a_restore_is_noted_with_what_it_let_go_on(ground: Ground, tmp_path: Path) -> None:
    await restored.hold(ground.pool, SystemClock())
    await restored.confirm(ground.pool, LocalBlobs(tmp_path), sends_waiting=True)

    [row] = await audit.listed(ground.pool, None, most=1)
    assert (row.deed, row.workspace_id, row.about["sends_waiting"]) == ("restore.confirmed", None, True)


async def test_what_is_done_with_webhooks_is_noted_without_a_secret_or_an_address(ground: Ground) -> None:
    whose = Whose(ground.app.workspace_id, "test", "Ab12Cd34")
    new = NewEndpoint(
        app_id=ground.app.app_id,
        service_type="whatsapp",
        url="https://shop.example/hook?token=hush",
        include_inbox=False,
        secret=Secret("hush hush"),
        signing_key=Secret("quiet"),
    )
    view = await endpoints.add(ground.pool, VAULT, ground.ids, whose, new)
    assert view is not None
    await endpoints.change(ground.pool, VAULT, whose, view.id, url="https://shop.example/other?token=hush")
    await endpoints.rotate(ground.pool, VAULT, whose, view.id, Secret("hush"), overlap=timedelta(hours=1))
    await endpoints.remove(ground.pool, whose, view.id)
    await endpoints.remove(ground.pool, whose, view.id)

    rows = list(reversed(await audit.listed(ground.pool, None, most=4)))
    assert [(one.deed, one.who) for one in rows] == [
        ("webhook.added", "Ab12Cd34"),
        ("webhook.changed", "Ab12Cd34"),
        ("webhook.secret_rotated", "Ab12Cd34"),
        ("webhook.deleted", "Ab12Cd34"),
    ]
    assert {one.about["webhook"] for one in rows} == {str(view.id)}
    assert rows[1].about["fields"] == ["url"]
    assert "hush" not in str(rows)


async def test_what_was_refused_or_asked_by_nobody_or_changed_nothing_is_not_noted(ground: Ground) -> None:
    before = await deeds(ground)

    with pytest.raises(KeyRefusedError):
        await keys.revoke(ground.pool, "nobody00")
    await numbers.pause(ground.pool, ground.sender, "token")
    assert await epochs.confirm(ground.pool, 0, about={}) is None
    await tenants.put_account(
        ground.pool, VAULT, ground.ids, ground.app, ACCOUNT, phone_number_id=PNID, display_number="+1 555 078 3881"
    )

    assert await deeds(ground) == before


async def test_many_who_note_at_once_make_one_chain(ground: Ground) -> None:
    await asyncio.gather(*(note(ground) for _ in range(20)))

    found = await audit.verify(ground.pool)
    assert (found.rows, found.trouble) == (22, None)
    rows = await audit.listed(ground.pool, None, most=1)
    assert found.head == rows[0].hash.hex()
    assert (await audit.verify(ground.pool, known=found.head)).trouble is None


@pytest.mark.parametrize(
    ("tampering", "trouble"),
    [
        ("UPDATE audit SET who = 'Ab12Cd34' WHERE seq = 4", "Row 4 is not"),
        ("UPDATE audit SET about = '{}' WHERE seq = 4", "Row 4 is not"),
        ("UPDATE audit SET at = at + interval '1 microsecond' WHERE seq = 4", "Row 4 is not"),
        ("UPDATE audit SET workspace_id = NULL WHERE seq = 4", "Row 4 is not"),
        ("UPDATE audit SET hash = sha256('x') WHERE seq = 4", "Row 4 is not"),
        ("DELETE FROM audit WHERE seq = 4", "Between 3 and 5"),
        ("DELETE FROM audit WHERE seq = 1", "Between 0 and 2"),
        ("DELETE FROM audit WHERE seq = 6", "end with 5"),
        ("DELETE FROM audit", "end with 0"),
        (PUT_IN, "Row 7 is not"),
        (CLOSED_UP, "Row 4 is not"),
    ],
)
async def test_a_row_that_was_changed_removed_or_put_in_is_found(
    ground: Ground, database: str, tampering: str, trouble: str
) -> None:
    for _ in range(4):
        await note(ground)
    assert (await audit.verify(ground.pool)).trouble is None

    await execute(database, tampering)

    assert trouble in ((await audit.verify(ground.pool)).trouble or "")


async def test_a_chain_that_was_made_anew_lacks_the_hash_that_was_told_earlier(ground: Ground, database: str) -> None:
    head = (await audit.verify(ground.pool)).head
    await note(ground)
    assert (await audit.verify(ground.pool, known=head)).trouble is None

    await execute(database, "DELETE FROM audit; UPDATE audit_chain SET seq = 0, hash = ''")
    await note(ground)

    assert (await audit.verify(ground.pool)).trouble is None
    assert "made anew" in ((await audit.verify(ground.pool, known=head)).trouble or "")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit", "UPDATE audit_chain SET seq = 0",
        "DELETE FROM audit_chain", "INSERT INTO audit_chain VALUES (0, '', 0, '')",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
    ],
)  # fmt: skip
async def test_the_role_that_runs_may_add_and_nothing_else(ground: Ground, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ground.pool.execute(statement)


async def test_who_adds_a_row_chooses_neither_its_place_nor_its_time_nor_its_hash(ground: Ground) -> None:
    await ground.pool.execute(
        "INSERT INTO audit (seq, at, who, deed, about, hash) VALUES (1, '2001-01-01', 'cli', 'key.created', '{}', 'x')"
    )

    [row] = await audit.listed(ground.pool, None, most=1)
    assert (row.seq, row.at.year > 2001) == (3, True)
    assert (await audit.verify(ground.pool)).trouble is None


async def test_rows_go_after_a_year_and_not_before_whatever_is_asked_and_the_rest_still_holds(
    ground: Ground, database: str
) -> None:
    assert await audit.let_go(ground.pool, after=timedelta(0), most=100) == 0
    await execute(
        database,
        # As it would be a year and a bit later; the hashes are then no more what was written, and so are made anew.
        "ALTER TABLE audit DISABLE TRIGGER USER; UPDATE audit SET at = at - interval '366 days' WHERE seq = 1;"
        "UPDATE audit SET at = at - interval '364 days' WHERE seq = 2; ALTER TABLE audit ENABLE TRIGGER USER;"
        "CREATE FUNCTION line(a audit) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(concat_ws(E'\\n', a.seq,"
        "(extract(epoch FROM a.at) * 1000000)::bigint, coalesce(a.workspace_id::text, ''), a.who, a.deed,"
        "a.about::text), 'UTF8') $$;"
        "UPDATE audit SET hash = sha256(line(audit)) WHERE seq = 1;"
        "UPDATE audit SET hash = sha256((SELECT hash FROM audit WHERE seq = 1) || line(audit)) WHERE seq = 2;"
        "UPDATE audit_chain SET hash = (SELECT hash FROM audit WHERE seq = 2)",
    )
    assert (await audit.verify(ground.pool)).trouble is None

    assert await audit.let_go(ground.pool, after=YEAR, most=100) == 1
    await note(ground)

    assert [one.seq for one in await audit.listed(ground.pool, None, most=10)] == [3, 2]
    found = await audit.verify(ground.pool)
    assert (found.rows, found.trouble) == (2, None)
    await execute(database, "DELETE FROM audit WHERE seq = 2")
    assert "Between 1 and 3" in ((await audit.verify(ground.pool)).trouble or "")
