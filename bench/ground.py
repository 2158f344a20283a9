"""The ground of the benchmarks: an embedded PostgreSQL with numbers, and customers whose windows are open."""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psycopg

from picha.cli.household import usable_port
from picha.gateway.domain import keys
from picha.gateway.store import tenants
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.migrate import migrate
from picha.gateway.store.pool import open_pool
from picha.gateway.store.tenants import App, NewAccount
from picha.gateway.store.vault import Vault, ensure_ring
from picha.kit.ids import Ids, base62
from picha.kit.secrets import Secret

APP_ID, APP_SECRET = "670843887433847", "bench-app-secret"
NUMBERS, CUSTOMERS = 4, 500


def _ports() -> list[int]:
    """Choose free ports once; the programs that this one starts inherit them."""
    chosen = os.environ.setdefault(  # noqa: TID251 - handed on to children
        "PICHA_BENCH_PORTS", ",".join(str(usable_port("127.0.0.1", 0, "")) for _ in range(3))
    )
    return [int(port) for port in chosen.split(",")]


STUB_PORT, API_PORT, BARE_PORT = _ports()


@dataclass
class Ground:
    """A filled database and what a caller needs to know of it."""

    dsn: str
    home: Path
    app: App
    key: str
    file: UUID
    senders: list[tuple[UUID, str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of gateway processes on this ground."""
        return {
            "PICHA_DATABASE_URL": self.dsn,
            "PICHA_HOME": str(self.home),
            "PICHA_PORT": str(API_PORT),
            "PICHA_LOG_LEVEL": "warning",
        }

    def sql(self, statement: str, **values: object) -> "list[tuple[object, ...]]":
        """Run one statement and return its rows."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def open_ground() -> Iterator[Ground]:
    """Start a database in a temporary folder, fill it, and remove it all at the end."""
    with TemporaryDirectory(prefix="picha-bench-") as folder:
        home = Path(folder)
        server = EmbeddedPostgres(home)
        with server.running():
            migrate(server.dsn)
            ground = asyncio.run(_fill(server.dsn, home))
            _customers(ground)
            yield ground


async def _fill(dsn: str, home: Path) -> Ground:
    ids, vault = Ids(), Vault(ensure_ring(home / "keys"))
    async with open_pool(dsn) as pool:
        app = await tenants.add_workspace(pool, ids, "Bench")
        text = keys.compose("test", base62(8), base62(32))
        presented = keys.parse(text)
        assert presented
        await tenants.add_key(pool, ids, app, presented)
        ground = Ground(dsn, home, app, text, ids.uuid())
        for number in range(NUMBERS):
            account = NewAccount(
                environment="test",
                waba_id=f"10229012934039{number}",
                meta_app_id=APP_ID,
                graph_url=f"http://127.0.0.1:{STUB_PORT}/v25.0",
                access_token=Secret("EAABench"),
                app_secret=Secret(APP_SECRET),
                verify_token=Secret("verify"),
            )
            pnid, display = f"10654035224292{number}", f"1555078388{number}"
            await tenants.put_account(pool, vault, ids, app, account, phone_number_id=pnid, display_number=display)
            sender = await pool.fetchval("SELECT id FROM sender WHERE phone_number_id = $1", pnid)
            ground.senders.append((sender, pnid, display))
    return ground


def _customers(ground: Ground) -> None:
    """Make people, a conversation of each with each number, and one picture that Meta has already."""
    until = datetime.now(UTC) + timedelta(hours=23)  # noqa: TID251 - the benchmark's own clock
    ground.sql(
        "INSERT INTO contact (id, workspace_id) SELECT gen_random_uuid(), %(w)s FROM generate_series(1, %(n)s)",
        w=ground.app.workspace_id,
        n=CUSTOMERS,
    )
    ground.sql(
        "INSERT INTO contact_address (workspace_id, kind, value, contact_id) SELECT workspace_id, 'wa_id',"
        " (255700000000 + row_number() OVER (ORDER BY id))::text, id FROM contact"
    )
    ground.sql(
        "INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until)"
        " SELECT gen_random_uuid(), contact.workspace_id, sender.id, contact.id, %(until)s FROM contact, sender",
        until=until,
    )
    digest = hashlib.sha256(b"bench").digest()
    ground.sql(
        "INSERT INTO file (id, workspace_id, digest, mime_type, size_bytes, width, height)"
        " VALUES (%(id)s, %(w)s, %(digest)s, 'image/jpeg', 1000, 10, 10)",
        id=ground.file,
        w=ground.app.workspace_id,
        digest=digest,
    )
    ground.sql(
        "INSERT INTO uploaded_media SELECT id, %(digest)s, workspace_id, '1479537139650973', %(until)s FROM sender",
        digest=digest,
        until=until,
    )
