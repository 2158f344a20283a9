"""Raises the household of `picha up` in order, says when it is ready, and keeps it until told to stop."""

import asyncio
import contextlib
import http.client
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from picha.cli import household, welcome
from picha.cli.household import Plan
from picha.cli.supervise import Supervisor
from picha.gateway import setup
from picha.gateway.setup import TestWorkspace
from picha.gateway.store.embedded import EmbeddedPostgres
from picha.gateway.store.migrate import migrate
from picha.gateway.store.vault import keep_private
from picha.kit.clock import SystemClock

_READY_WITHIN_S = 60.0
_POLL_S = 0.05
_FIRST_WORDS_S = 5


class NotReadyError(RuntimeError):
    """A program that was started is not ready in time; the text names it and its log."""


def say(text: str) -> None:
    """Print a line for a person on standard error, which --json leaves to people."""
    sys.stderr.write(f"picha: {text}\n")
    sys.stderr.flush()


async def keep_up(plan: Plan, server: EmbeddedPostgres | None, *, json: bool) -> int:
    """Start everything, announce it, keep it running until SIGINT or SIGTERM, stop it, and return the exit code.

    The code is 0 when told to stop, and 1 when the start failed or a child died five times within a minute. `server` is
    None where the database is not ours. The caller holds the locks of the home and of the server.
    """
    told = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sign, told.set)
    supervisor = Supervisor(plan.home / "logs", SystemClock(), say)
    raising = asyncio.create_task(_raise_and_announce(plan, server, supervisor, json=json))
    stopping = asyncio.create_task(told.wait())
    hopeless = asyncio.create_task(supervisor.given_up())
    try:
        await asyncio.wait({raising, stopping, hopeless}, return_when=asyncio.FIRST_COMPLETED)
        if raising.done():
            raising.result()
        await asyncio.wait({stopping, hopeless}, return_when=asyncio.FIRST_COMPLETED)
        if hopeless.done() and not told.is_set():
            name = hopeless.result()
            say(f"{name} died five times within a minute, giving up. Its log is {plan.home / 'logs' / name}.log")
            return 1
    except Exception as problem:  # noqa: BLE001 - whatever stops the start: a person is told, and the children stopped
        say(f"cannot go on ({type(problem).__name__}): {problem}")
        return 1
    finally:
        await supervisor.stop()
        await _cancel(raising, stopping, hopeless)
        (plan.home / household.SETTINGS).unlink(missing_ok=True)
    return 0


async def _cancel(*tasks: "asyncio.Task[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _raise_and_announce(
    plan: Plan, server: EmbeddedPostgres | None, supervisor: Supervisor, *, json: bool
) -> None:
    told = await _ground(plan, server, supervisor)
    workspace = await asyncio.to_thread(_set_up, plan, told)
    await asyncio.gather(
        supervisor.start(household.worker(plan)), supervisor.start(household.api(plan, told["handset_url"]))
    )
    await _api_ready(plan, supervisor)
    await asyncio.to_thread(_hear_first_words, plan, told)
    keep_private(plan.home / household.SETTINGS, msgspec.json.encode(plan.settings).decode())
    ready = _ready(plan, workspace, told, supervisor.pids())
    if json:
        sys.stdout.write(welcome.ready_line(ready) + "\n")
        sys.stdout.flush()
    else:
        welcome.greet(ready, home=plan.home, logs=plan.home / "logs")


async def _ground(plan: Plan, server: EmbeddedPostgres | None, supervisor: Supervisor) -> dict[str, str]:
    """Start what the gateway stands on, database and sandbox, and return what the sandbox tells of itself."""
    starts: list[Coroutine[Any, Any, None]] = [supervisor.start(household.sandbox(plan))]
    if server is not None:
        starts.insert(0, supervisor.start(household.postgres(server)))
    await asyncio.gather(*starts)
    if server is not None:
        await asyncio.to_thread(server.wait_ready, _READY_WITHIN_S, is_alive=lambda: not supervisor.is_stopping)
    try:
        line = await asyncio.wait_for(supervisor.ready_line("sandbox"), _READY_WITHIN_S)
    except TimeoutError:
        raise NotReadyError(f"the sandbox was not ready; see {plan.home / 'logs' / 'sandbox.log'}") from None
    members: dict[str, object] = msgspec.json.decode(line, type=dict[str, object])
    return {name: str(value) for name, value in members.items() if value is not None}


def _set_up(plan: Plan, told: dict[str, str]) -> TestWorkspace:
    migrate(plan.database_url)
    return setup.ensure_test_workspace(plan.database_url, home=plan.home, sandbox=told, ring=plan.keys)


async def _api_ready(plan: Plan, supervisor: Supervisor) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + _READY_WITHIN_S
    while not await asyncio.to_thread(_is_ready, plan):
        if clock.monotonic() >= deadline:
            raise NotReadyError(f"the API was not ready; see {plan.home / 'logs' / 'api.log'}")
        await supervisor.pause(_POLL_S)


def _is_ready(plan: Plan) -> bool:
    connection = http.client.HTTPConnection(plan.api_address, plan.port, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _hear_first_words(plan: Plan, told: dict[str, str]) -> None:
    """Wait for the first webhook to be taken: a new sandbox tries one, which opens a window, before the API listens."""
    connection = http.client.HTTPConnection(household.LOOPBACK, plan.sandbox_port, timeout=_FIRST_WORDS_S + 1)
    proof = {"Authorization": f"Bearer {told['control_token']}"} if "control_token" in told else {}
    try:
        connection.request("GET", f"/_sandbox/wait?event=delivery&timeout_s={_FIRST_WORDS_S}", headers=proof)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        say("the sandbox has not delivered its first webhook yet")
    finally:
        connection.close()


def _ready(plan: Plan, workspace: TestWorkspace, told: dict[str, str], pids: dict[str, int]) -> welcome.Ready:
    return welcome.Ready(
        api_url=plan.api_url,
        inbox_url=plan.inbox_url,
        sign_in_url=f"{plan.api_url}{workspace.sign_in_path}",
        sandbox_url=plan.sandbox_url,
        handset_url=told["handset_url"],
        metrics_url=plan.metrics_url,
        worker_metrics_url=plan.worker_metrics_url,
        api_key=workspace.api_key,
        app_id=str(workspace.app_id),
        sender=workspace.sender,
        phone_number_id=workspace.phone_number_id,
        meta_app_id=told["app_id"],
        app_secret=told["app_secret"],
        pids=welcome.Pids(
            up=os.getpid(),
            postgres=pids.get("postgres"),
            sandbox=pids["sandbox"],
            api=pids["api"],
            worker=pids["worker"],
        ),
    )


def prepare_home(home: Path) -> None:
    """Make the folder, closed to others and ignored by git, because it holds keys and people's pictures."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
    (home / "logs").mkdir(mode=0o700, exist_ok=True)
    if not (home / ".gitignore").exists():
        (home / ".gitignore").write_text("*\n", encoding="ascii")
