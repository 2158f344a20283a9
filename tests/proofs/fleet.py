"""Runs the gateway as several machines would: any number of API and worker processes on one PostgreSQL, with a sandbox.

async with Fleet.sailing(home, dsn) as fleet:
    await fleet.start("api")
    worker = await fleet.start("worker", crashpoint="begin_after_commit")
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import aiohttp
import asyncpg
from tests import nursery
from tests.journeys.running import PATIENCE_S, until
from tests.journeys.sandbox_program import SandboxProgram, running
from tests.nursery import PLAIN

from picha.cli.household import LOOPBACK, usable_port
from picha.cli.welcome import Pids, Ready
from picha.gateway.domain.facts import MessageReceived, Person
from picha.gateway.setup import fresh_key
from picha.gateway.store import keys, tenants
from picha.gateway.store.ledger import receive
from picha.gateway.store.pool import in_transaction, open_pool
from picha.gateway.store.tenants import App, NewAccount
from picha.gateway.store.vault import Vault, ensure_ring
from picha.kit.clock import SystemClock
from picha.kit.ids import Ids
from picha.kit.launch import tied
from picha.kit.secrets import Secret
from picha.sandbox.ready import ReadyNumber

ROOT = Path(__file__).parents[2]
Role = Literal["api", "worker"]
ROLES: tuple[Role, ...] = ("api", "worker")
_NOBODY = Pids(up=0, postgres=None, sandbox=0, api=0, worker=0)


@dataclass(frozen=True)
class Tenant:
    """A workspace with one number, as a caller is told of it."""

    ready: Ready
    app: App


class Program:
    """One process of the fleet, and the log it writes."""

    def __init__(self, role: Role, process: asyncio.subprocess.Process | nursery.Program, log: Path) -> None:
        self.role, self.process, self.log = role, process, log

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.returncode is None

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its end and return its exit code, which for a signal is negative."""
        return await asyncio.wait_for(self.process.wait(), within_s)

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.ended()

    async def stop(self) -> int:
        """End it as an operator would, who has patience but not for ever."""
        if self.is_alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            return await self.ended()
        except TimeoutError:
            self.process.kill()
            return await self.ended()


class Fleet:
    """A database with tenants, a sandbox that knows their numbers, and the programs that were started on both."""

    def __init__(self, home: Path, dsn: str, sandbox: SandboxProgram, port: int, tenants: Sequence[Tenant]) -> None:
        self.home, self.dsn, self.sandbox, self.port, self.tenants = home, dsn, sandbox, port, tenants
        self.settings: Mapping[str, str] = {}
        self.programs: list[Program] = []

    @property
    def tenant(self) -> Tenant:
        """The first of the tenants."""
        return self.tenants[0]

    @property
    def logs(self) -> list[Path]:
        """The logs of every program there was."""
        return [program.log for program in self.programs]

    @property
    def photo_url(self) -> str:
        """The address of a picture."""
        return f"{self.sandbox.ready.control_url}/photo.jpg"

    @classmethod
    @asynccontextmanager
    async def sailing(
        cls,
        home: Path,
        dsn: str,
        *flags: str,
        numbers: int = 1,
        graph_url: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> AsyncIterator["Fleet"]:
        """Set up a migrated database at `dsn` and a sandbox with so many numbers, each a tenant's; end all at the end.

        `flags` are the sandbox's; `graph_url` is where the gateway finds it, if not at its own address; `settings` are
        more variables of every program's environment.
        """
        port = usable_port(LOOPBACK, 0, "")
        told = ["--callback", f"http://{LOOPBACK}:{port}/webhooks/whatsapp", "--config", _config(home, numbers)]
        async with running("--ladder", "20,20,20", *told, *flags) as sandbox:
            housed = await _move_in(home, dsn, sandbox, port, graph_url or sandbox.ready.base_url)
            fleet = cls(home, dsn, sandbox, port, housed)
            fleet.settings = settings or {}
            try:
                yield fleet
            finally:
                await asyncio.gather(*(one.stop() for one in fleet.programs))

    async def start(
        self, role: Role, *, dsn: str = "", port: int = 0, crashpoint: str = "", mistakes: str = ""
    ) -> Program:
        """Start one more process; an API is ready when this returns, on the port that webhooks go to unless told.

        With `mistakes` it runs as `tests.proofs.seeded` has it.
        """
        port = port or self.port
        environment = {
            **PLAIN,
            "PYTHONPATH": str(ROOT),
            "PICHA_DATABASE_URL": dsn or self.dsn,
            "PICHA_HOME": str(self.home),
            "PICHA_PORT": str(port),
            "PICHA_LOG_JSON": "true",
            "PICHA_PARENT_PID": str(os.getpid()),
            **self.settings,
        }
        if crashpoint:
            environment["PICHA_CRASHPOINT"] = crashpoint
        program = await self._started(role, environment, mistakes)
        self.programs.append(program)
        if role == "api":
            await self._answers(program, port)
        return program

    async def _started(self, role: Role, environment: Mapping[str, str], mistakes: str) -> Program:
        log = self.home / f"{role}-{len(self.programs)}.log"
        with log.open("wb") as said:
            if not mistakes:
                return Program(role, nursery.started([role], out=said, err=said, environment=environment), log)
            argv = tied([sys.executable, "-m", "tests.proofs.seeded", mistakes, "picha.cli", role])
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.DEVNULL, stdout=said, stderr=said, env=environment
            )
        return Program(role, process, log)

    async def _answers(self, program: Program, port: int) -> None:
        async def ready() -> bool:
            assert program.is_alive, program.log.read_text()
            try:
                async with session.get(f"http://{LOOPBACK}:{port}/health/ready") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            await until(ready)

    async def sql(self, statement: str, *values: object) -> list[Any]:
        """Run one statement as the database's owner."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def befriend(self, tenant: Tenant, phones: Sequence[str]) -> None:
        """Let these people have written to a tenant just now, for all the gateway knows."""
        [row] = await self.sql("SELECT id, account_id FROM sender WHERE workspace_id = $1", tenant.app.workspace_id)
        now = SystemClock().now()
        heard = [
            MessageReceived(
                workspace_id=tenant.app.workspace_id,
                account_id=row["account_id"],
                sender_id=row["id"],
                wamid=f"wamid.HELLO{phone}",
                person=Person({"wa_id": phone, "phone": phone}),
                message_type="text",
                provider_at=now,
                received_at=now,
                window_until=now + timedelta(hours=23),
            )
            for phone in phones
        ]
        async with open_pool(self.dsn) as pool:
            await in_transaction(pool, lambda connection: receive.messages(connection, heard, Ids()))

    async def end_leases(self) -> None:
        """Let every lease run out now: what fifteen seconds of waiting would do. For when its owner is dead."""
        await self.sql("UPDATE lane SET leased_until = clock_timestamp() WHERE leased_until IS NOT NULL")


def _config(home: Path, numbers: int) -> str:
    """Write a sandbox's file with so many accounts of one number each, every one with ids that are the same always."""
    accounts = [
        f'[[accounts]]\nwaba_id = "{10229012934039000 + n}"\nname = "Shop {n}"\n'
        f'[[accounts.numbers]]\nphone_number_id = "{10654035224292000 + n}"\n'
        f'display_phone_number = "{15550783000 + n}"\n'
        for n in range(numbers)
    ]
    path = home / "sandbox.toml"
    path.write_text("\n".join(accounts), encoding="utf-8")
    return str(path)


async def _move_in(home: Path, dsn: str, sandbox: SandboxProgram, port: int, graph_url: str) -> list[Tenant]:
    """Make a workspace with a key for each of the sandbox's numbers."""
    vault, ids = Vault(ensure_ring(home / "keys")), Ids()
    housed = []
    async with open_pool(dsn) as pool:
        for number in sandbox.ready.numbers:
            app = await tenants.add_workspace(pool, ids, number.waba_id)
            text, presented = fresh_key("test")
            await keys.add(pool, ids, app, presented)
            account = NewAccount(
                environment="test",
                waba_id=number.waba_id,
                meta_app_id=sandbox.ready.app_id,
                graph_url=f"{graph_url}/v25.0",
                access_token=Secret(number.access_token),
                app_secret=Secret(sandbox.ready.app_secret),
                verify_token=Secret(sandbox.ready.verify_token),
            )
            shown = number.display_phone_number
            await tenants.put_account(
                pool, vault, ids, app, account, phone_number_id=number.phone_number_id, display_number=shown
            )
            housed.append(Tenant(_ready(sandbox, number, text, app, port), app))
    return housed


def _ready(sandbox: SandboxProgram, number: ReadyNumber, key: str, app: App, port: int) -> Ready:
    api_url = f"http://{LOOPBACK}:{port}"
    return Ready(
        api_url=api_url,
        inbox_url=f"{api_url}/inbox",
        sign_in_url="",
        sandbox_url=sandbox.ready.base_url,
        handset_url=sandbox.ready.handset_url,
        metrics_url="",
        worker_metrics_url="",
        api_key=key,
        app_id=str(app.app_id),
        sender=number.display_phone_number,
        phone_number_id=number.phone_number_id,
        meta_app_id=sandbox.ready.app_id,
        app_secret=sandbox.ready.app_secret,
        pids=_NOBODY,
    )
