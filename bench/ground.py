"""The ground of the benchmarks: an embedded PostgreSQL with numbers, and customers whose windows are open."""

import asyncio
import hashlib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from picha.gateway.setup import fresh_key
from picha.gateway.store import keys, tenants
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.migrate import migrate
from picha.gateway.store.pool import open_pool
from picha.gateway.store.tenants import App, NewAccount
from picha.gateway.store.vault import Vault, ensure_ring
from picha.kit.ids import Ids
from picha.kit.secrets import Secret

APP_ID, APP_SECRET = "670843887433847", "bench-app-secret"
NUMBERS, CUSTOMERS = 4, 500
FIRST_CUSTOMER = 255700000001


_CLEAR = (
    "DELETE FROM evidence USING attempt WHERE attempt.id = attempt_id AND message_id >= %(mark)s",
    "DELETE FROM attempt WHERE message_id >= %(mark)s",
    "DELETE FROM message WHERE id >= %(mark)s",
    "UPDATE pair SET next_due = NULL, opens_at = NULL",
    "DELETE FROM raw_webhook",
)


class Ports(NamedTuple):
    """Where the programs listen: free ports, so that two benchmarks on one machine do not meet."""

    stub: int
    api: int
    bare: int

    @classmethod
    def free(cls) -> "Ports":
        """Take three that nobody has."""
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in cls._fields]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            return cls(*(one.getsockname()[1] for one in sockets))


@dataclass
class Ground:
    """A filled database and what a caller needs to know of it."""

    dsn: str
    home: Path
    app: App
    key: str
    file: UUID
    postgres: "subprocess.Popen[bytes]"
    connection: "psycopg.Connection[tuple[Any, ...]]"
    ports: "Ports"
    mark: UUID | None = None
    senders: list[tuple[UUID, str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of gateway processes on this ground."""
        return {
            "PICHA_DATABASE_URL": self.dsn,
            "PICHA_HOME": str(self.home),
            "PICHA_PORT": str(self.ports.api),
            "PICHA_LOG_LEVEL": "warning",
            # One key makes all the requests.
            "PICHA_REQUESTS_PER_SECOND": "0",
        }

    def sql(self, statement: str, **values: object) -> "list[tuple[Any, ...]]":
        """Run one statement and return its rows."""
        cursor = self.connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def count(self, condition: str) -> int:
        """Count the messages of this round that fulfil `condition`."""
        found: int = self.sql(f"SELECT count(*) FROM message WHERE id >= %(mark)s AND {condition}", mark=self.mark)[0][
            0
        ]
        return found

    def done(self, condition: str, count: int) -> None:
        """Make sure that exactly `count` messages fulfil `condition`, for a figure counts only if its work was done."""
        if (done := self.count(condition)) != count:
            raise AssertionError(f"{done} of {count} messages were done ({condition})")
        self.clear()

    def settle(self) -> None:
        """Keep what is stored by now: it is what later rounds find already there."""
        self.mark = self.sql("SELECT uuidv7()")[0][0]

    def clear(self) -> None:
        """Remove the rows of a round, and only them, so that every round begins alike."""
        for statement in _CLEAR:
            self.sql(statement, mark=self.mark)
        self.sql("VACUUM message, attempt, evidence, raw_webhook, conversation, pair")


@contextmanager
def open_ground() -> Iterator[Ground]:
    """Start a database in a temporary folder, fill it, and remove it all at the end."""
    with TemporaryDirectory(prefix="picha-bench-") as folder:
        home = Path(folder)
        server = EmbeddedPostgres(home)
        with server.running() as postgres:
            migrate(server.dsn)
            with psycopg.connect(server.dsn, autocommit=True) as connection:
                ground = asyncio.run(_fill(server.dsn, home, postgres, connection))
                _customers(ground)
                ground.settle()
                yield ground


async def _fill(
    dsn: str, home: Path, postgres: "subprocess.Popen[bytes]", connection: "psycopg.Connection[tuple[Any, ...]]"
) -> Ground:
    ids, vault = Ids(), Vault(ensure_ring(home / "keys"))
    async with open_pool(dsn) as pool:
        app = await tenants.add_workspace(pool, ids, "Bench")
        text, presented = fresh_key("test")
        await keys.add(pool, ids, app, presented)
        ground = Ground(dsn, home, app, text, ids.uuid(), postgres, connection, Ports.free())
        for number in range(NUMBERS):
            account = NewAccount(
                environment="test",
                waba_id=f"10229012934039{number}",
                meta_app_id=APP_ID,
                graph_url=f"http://127.0.0.1:{ground.ports.stub}/v25.0",
                access_token=Secret("EAABench"),
                app_secret=Secret(APP_SECRET),
                verify_token=Secret("verify"),
            )
            pnid, display = f"10654035224292{number}", f"1555078388{number}"
            await tenants.put_account(pool, vault, ids, app, account, phone_number_id=pnid, display_number=display)
            sender = await pool.fetchval("SELECT id FROM sender WHERE phone_number_id = $1", pnid)
            ground.senders.append((sender, pnid, display))
        # What Meta grants a number is no measure of ours.
        await pool.execute("UPDATE sender SET per_second = 1000000")
    return ground


def _customers(ground: Ground) -> None:
    """Make people, a conversation of each with each number, and one picture that Meta has already."""
    until = datetime.now(UTC) + timedelta(hours=23)  # noqa: TID251 - the benchmark's own clock
    ground.sql(
        "INSERT INTO contact (id, workspace_id, phone, addressed_at)"
        " SELECT gen_random_uuid(), %(w)s, (%(first)s + n)::text, now() FROM generate_series(0, %(n)s - 1) AS n",
        w=ground.app.workspace_id,
        first=FIRST_CUSTOMER,
        n=CUSTOMERS,
    )
    ground.sql(
        "INSERT INTO contact_address (workspace_id, kind, value, contact_id)"
        " SELECT workspace_id, 'wa_id', phone, id FROM contact"
    )
    ground.sql(
        "INSERT INTO conversation (id, workspace_id, sender_id, contact_id, window_until)"
        " SELECT gen_random_uuid(), contact.workspace_id, sender.id, contact.id, %(until)s FROM contact, sender",
        until=until,
    )
    digest = hashlib.sha256(b"bench").digest()
    ground.sql(
        "INSERT INTO file (id, workspace_id, environment, digest, mime_type, size_bytes, width, height, is_fit,"
        " sweep_at) VALUES (%(id)s, %(w)s, 'test', %(digest)s, 'image/jpeg', 1000, 10, 10, true,"
        " now() + interval '1 day')",
        id=ground.file,
        w=ground.app.workspace_id,
        digest=digest,
    )
    ground.sql(
        "INSERT INTO uploaded_media SELECT id, %(digest)s, workspace_id, '1479537139650973', %(until)s FROM sender",
        digest=digest,
        until=until + timedelta(days=29),
    )
