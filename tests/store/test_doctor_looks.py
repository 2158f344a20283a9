"""The doctor finds each trouble that a gateway's ground can have, and says what to do about it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.store.ground import NOON, PNID, VAULT, Ground
from tests.store.test_growth import execute

from picha.cloudapi import onboarding
from picha.gateway.domain.outcomes import Ambiguous
from picha.gateway.settings import Settings
from picha.gateway.store import endpoints, numbers, quarantine, raw, tenants
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.endpoints import NewEndpoint, Whose
from picha.gateway.store.migrate import migrate
from picha.gateway.store.pool import open_unchecked
from picha.gateway.store.quarantine import Quarantined
from picha.gateway.store.raw import Verified
from picha.gateway.store.tenants import Account, NewAccount
from picha.gateway.store.vault import Vault, ensure_ring
from picha.gateway.upkeep.doctor import database as database_looks
from picha.gateway.upkeep.doctor import machine, whatsapp
from picha.gateway.upkeep.doctor.examine import examine
from picha.gateway.upkeep.doctor.findings import Finding
from picha.kit.clock import Clock, ManualClock, SystemClock
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

ACCOUNT = Account(
    id=Ids().uuid(),
    workspace_id=Ids().uuid(),
    environment="live",
    waba_id="102290129340398",
    meta_app_id="670843887433847",
    graph_url="http://127.0.0.1:9/v25.0",
    access_token=Secret("EAAtoken"),
    app_secret=Secret("secret"),
    verify_token=Secret("verify"),
)


class Doctor:
    """The doctor in a home of the test's own, whose key ring opens nothing yet."""

    def __init__(self, home: Path, dsn: str) -> None:
        self.home, self.dsn = home, dsn
        ensure_ring(home / "keys")

    async def finds(self, clock: Clock | None = None, **settings: object) -> Sequence[Finding]:
        given = Settings(**({"database_url": self.dsn, "home": self.home} | settings))  # type: ignore[arg-type]
        return await examine(given, clock or SystemClock())

    async def says(self, check: str, *, level: str = "problem", clock: Clock | None = None, **settings: object) -> str:
        """Return what one check says at a level; each of its findings has a remedy."""
        found = [one for one in await self.finds(clock, **settings) if (one.check, one.level) == (check, level)]
        assert found, await self.finds(clock, **settings)
        assert all(one.remedy for one in found if one.level != "ok")
        return " ".join(f"{one.text} {one.remedy}" for one in found)


@pytest.fixture
def doctor(tmp_path: Path, database: str) -> Doctor:
    return Doctor(tmp_path, database)


async def test_a_new_gateway_lacks_nothing_but_an_account_and_a_worker(doctor: Doctor) -> None:
    found = await doctor.finds()

    assert {one.check for one in found if one.level == "problem"} - {"disk"} == {"accounts", "worker"}
    assert {one.check for one in found} >= {"disk", "keys", "blobs", "database", "durability", "clock", "lanes"}


async def test_a_database_that_is_away_is_found_and_the_rest_is_looked_at(doctor: Doctor) -> None:
    found = await doctor.finds(database_url="postgresql://picha@127.0.0.1:9/picha")

    assert [one.check for one in found if one.level == "problem"][-1] == "database"
    assert {"disk", "blobs"} <= {one.check for one in found}


async def test_a_database_without_tables_is_found(tmp_path: Path, empty_database: str) -> None:
    assert "picha migrate" in await Doctor(tmp_path, empty_database).says("durability")


async def test_a_database_that_acknowledges_before_it_keeps_is_found(doctor: Doctor, database: str) -> None:
    name = urlsplit(database).path.lstrip("/")
    await execute(database, f"ALTER DATABASE {name} SET synchronous_commit = off")

    assert "synchronous_commit is off" in await doctor.says("durability")


class Reckless(EmbeddedPostgres):
    """A server that does not wait for its disk."""

    def command(self) -> list[str]:
        return [*super().command(), "-c", "fsync=off", "-c", "full_page_writes=off"]


async def test_a_server_that_does_not_wait_for_its_disk_is_found(tmp_path: Path) -> None:
    server = Reckless(tmp_path / "server")
    with server.running():
        await asyncio.to_thread(migrate, server.dsn)
        async with open_unchecked(server.dsn, size=2) as pool:
            found = [one async for one in database_looks.durability(pool)]

    assert [(one.level, one.text.split()[0]) for one in found] == [
        ("problem", "fsync"),
        ("warning", "full_page_writes"),
    ]


@pytest.mark.parametrize(
    ("ahead", "level", "word"), [(60, "problem", "ahead"), (-60, "problem", "behind"), (5, "warning", "ahead")]
)
async def test_a_clock_that_is_off_is_found(doctor: Doctor, ahead: int, level: str, word: str) -> None:
    clock = ManualClock(SystemClock().now() + timedelta(seconds=ahead))

    assert word in await doctor.says("clock", level=level, clock=clock)


async def test_a_queue_that_does_not_move_is_found_and_a_lane_that_nobody_holds(ground: Ground, doctor: Doctor) -> None:
    await ground.customer_writes(image_state="stored")
    await ground.send()
    assert await doctor.says("backlog", level="ok")
    assert await doctor.says("lanes", level="ok")

    await ground.pool.execute("UPDATE pair SET next_due = now() - interval '6 minutes'")
    assert "6 minutes" in await doctor.says("backlog", level="warning")
    assert "1 send" in await doctor.says("lanes")

    await ground.pool.execute("UPDATE pair SET next_due = now() - interval '5 hours'")
    assert "300 minutes" in await doctor.says("backlog")
    await ground.pool.execute("UPDATE sender SET is_active = false")
    assert "switched off" in await doctor.says("backlog", level="warning")


async def test_a_number_that_is_paused_is_found_and_why(ground: Ground, doctor: Doctor) -> None:
    assert await doctor.says("pause", level="ok")

    await numbers.pause(ground.pool, ground.sender, "operator")
    assert "picha senders resume" in await doctor.says("pause", level="warning")

    await numbers.resume(ground.pool, ground.sender)
    await numbers.pause(ground.pool, ground.sender, "token")
    assert "token" in await doctor.says("pause")


async def test_sends_of_unknown_outcome_are_found(ground: Ground, doctor: Doctor) -> None:
    await ground.customer_writes(image_state="stored")
    message = await ground.send()
    attempt = await ground.begin(await ground.lease(), message)
    assert await doctor.says("unknown", level="ok")

    await ground.settle(message, attempt, Ambiguous("lost"))

    assert "1 message of" in await doctor.says("unknown", level="warning")


async def test_webhooks_that_nobody_understands_are_found_waiting_and_put_aside(ground: Ground, doctor: Doctor) -> None:
    await raw.keep(ground.pool, [Verified(ground.ids.uuid(), "1", b"d" * 32, b"{}")])
    assert await doctor.says("webhooks", level="ok")
    await ground.pool.execute("UPDATE raw_webhook SET received_at = now() - interval '2 minutes'")
    assert "1 webhooks wait" in await doctor.says("webhooks")

    assert await doctor.says("quarantine", level="ok")
    async with ground.pool.acquire() as connection:
        await quarantine.add(connection, [Quarantined(ground.ids.uuid(), ground.ids.uuid(), "$", "odd", b"{}")])
    assert "1 items" in await doctor.says("quarantine", level="warning")


async def test_webhooks_of_customers_that_fail_or_wait_are_found(ground: Ground, doctor: Doctor) -> None:
    whose = Whose(ground.app.workspace_id, "test")
    for service in ("whatsapp", "sms"):
        new = NewEndpoint(
            ground.app.app_id,
            service,
            "http://127.0.0.1:9/",
            include_inbox=False,
            secret=Secret("s" * 16),
            signing_key=Secret("k"),
        )
        assert await endpoints.add(ground.pool, VAULT, ground.ids, whose, new)
    assert "what there is to tell" in await doctor.says("deliveries", level="ok")

    await ground.pool.execute("UPDATE webhook SET failing_since = now() WHERE service_type = 'whatsapp'")
    await ground.pool.execute(
        "UPDATE webhook SET disabled_at = now(), disabled_for = 'gone' WHERE service_type = 'sms'"
    )
    assert "1 failing, 1 disabled" in await doctor.says("deliveries", level="warning")

    await ground.customer_writes(image_state=None)
    await ground.pool.execute("UPDATE delivery SET due_at = now() - interval '6 minutes'")
    assert "due for 6 minutes" in await doctor.says("deliveries", level="warning")


async def test_a_key_ring_that_others_may_read_is_found(doctor: Doctor) -> None:
    (doctor.home / "keys").chmod(0o644)

    assert "chmod 600" in await doctor.says("keys")


async def test_a_key_ring_that_is_missing_or_another_is_found(ground: Ground, doctor: Doctor) -> None:
    assert await ground.pool.fetchval("SELECT count(*) FROM account") == 1
    assert "master key" in await doctor.says("keys")
    assert "`picha rekey`" in await doctor.says("sealed", level="warning")

    (doctor.home / "keys").unlink()
    assert "cannot be read" in await doctor.says("keys")


async def test_a_blob_store_that_takes_nothing_is_found(doctor: Doctor) -> None:
    (doctor.home / "blobs").write_text("a file where a folder should be")

    assert await doctor.says("blobs")


async def test_a_home_that_is_not_there_is_found(doctor: Doctor) -> None:
    assert "PICHA_HOME" in await doctor.says("disk", home=doctor.home / "missing")


@pytest.mark.parametrize(
    ("total", "free", "level"), [(100, 50, "ok"), (100, 8, "warning"), (100, 4, "problem"), (2, 0.9, "problem")]
)
def test_a_disk_is_judged_by_what_is_left(total: float, free: float, level: str) -> None:
    assert machine.judge_disk(int(total * 2**30), int(free * 2**30), Path("/")).level == level


async def test_meta_being_out_of_reach_is_found_with_all_that_was_to_be_asked(ground: Ground, doctor: Doctor) -> None:
    ring = ensure_ring(doctor.home / "keys")
    secret = Secret("anything")
    account = NewAccount(
        environment="test",
        waba_id=ACCOUNT.waba_id,
        meta_app_id=ACCOUNT.meta_app_id,
        graph_url=ACCOUNT.graph_url,
        access_token=secret,
        app_secret=secret,
        verify_token=secret,
    )
    await tenants.put_account(
        ground.pool, Vault(ring), Ids(), ground.app, account, phone_number_id=PNID, display_number="1"
    )

    found = {one.check for one in await doctor.finds(port=9) if one.level == "problem"}

    assert found >= {"clock", "token", "subscription", "number", "reachability"}


def debugged(**data: object) -> bytes:
    scopes = ["whatsapp_business_management", "whatsapp_business_messaging"]
    sound = {"app_id": ACCOUNT.meta_app_id, "is_valid": True, "expires_at": 0, "scopes": scopes}
    return msgspec.json.encode({"data": sound | data})


GRANTED_ELSEWHERE = [{"scope": "whatsapp_business_messaging", "target_ids": ["1"]}]


@pytest.mark.parametrize(
    ("data", "level", "word"),
    [
        ({}, "ok", "valid"),
        ({"is_valid": False, "error": {"code": 190, "message": "It expired."}}, "problem", "It expired."),
        ({"is_valid": False}, "problem", "does not say"),
        ({"app_id": "1"}, "problem", "another app"),
        ({"scopes": ["whatsapp_business_management"]}, "problem", "lacks whatsapp_business_messaging"),
        ({"granular_scopes": GRANTED_ELSEWHERE}, "problem", "lacks whatsapp_business_messaging"),
        ({"granular_scopes": [{"scope": "whatsapp_business_messaging"}]}, "ok", "valid"),
        ({"expires_at": int(NOON.timestamp()) + 86_400}, "warning", "1.0 days"),
        ({"expires_at": int(NOON.timestamp()) + 86_400 * 60}, "ok", "valid"),
    ],
)  # fmt: skip
def test_a_token_is_judged_by_what_meta_tells_of_it(data: dict[str, object], level: str, word: str) -> None:
    (found,) = whatsapp.judge_token(onboarding.decode_token(debugged(**data)), ACCOUNT, NOON)

    assert (found.level, word in found.text, bool(found.remedy)) == (level, True, level != "ok")


@pytest.mark.parametrize(
    ("told", "level", "word"),
    [
        ({"status": "CONNECTED", "quality_rating": "GREEN", "platform_type": "CLOUD_API"}, "ok", "GREEN"),
        ({"status": "CONNECTED"}, "ok", "not told"),
        ({"status": "DISCONNECTED"}, "problem", "DISCONNECTED"),
        ({"status": "FLAGGED"}, "warning", "FLAGGED"),
        ({}, "problem", "unknown status"),
        ({"status": "CONNECTED", "quality_rating": "RED"}, "warning", "RED"),
        ({"status": "CONNECTED", "platform_type": "ON_PREMISE"}, "problem", "ON_PREMISE"),
        ({"status": "CONNECTED", "health_status": {"can_send_message": "BLOCKED"}}, "problem", "BLOCKED"),
        ({"status": "CONNECTED", "health_status": {"can_send_message": "LIMITED"}}, "warning", "LIMITED"),
    ],
)
def test_a_number_is_judged_by_what_meta_tells_of_it(told: dict[str, object], level: str, word: str) -> None:
    (found,) = whatsapp.judge_number(onboarding.decode_number(msgspec.json.encode(told)), "a number")

    assert (found.level, word in found.text, bool(found.remedy)) == (level, True, level != "ok")


OURS = "https://shop.example/webhooks/whatsapp"


@pytest.mark.parametrize(
    ("told", "level"), [(OURS, "ok"), (OURS + "/", "ok"), ("https://old.example/hook", "problem"), (None, "problem")]
)
def test_a_callback_is_judged_by_where_it_leads(told: str | None, level: str) -> None:
    assert whatsapp.judge_callback(told, OURS, "a number").level == level


async def test_a_live_account_whose_callback_meta_cannot_reach_is_found() -> None:
    found = [one async for one in machine.reachability("http://127.0.0.1:9/", Secret("verify"), is_live=True)]

    assert ["PICHA_PUBLIC_URL" in one.remedy for one in found] == [True, True]
