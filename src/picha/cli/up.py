"""`picha up`: the whole product on one machine, from one command, with nothing to install or configure beside it."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer


def up(
    *,
    home: Annotated[Path, typer.Option(help="Folder for data, keys and logs; made if missing.")] = Path(".picha"),
    host: Annotated[str, typer.Option(help="Address the API listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the API; 0 takes a free one.")] = 8080,
    sandbox_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the sandbox; 0 takes a free one.")
    ] = 8090,
    database_url: Annotated[
        str, typer.Option(envvar="PICHA_DATABASE_URL", help="A PostgreSQL (15 or newer) instead of the embedded one.")
    ] = "",
    keys: Annotated[
        str, typer.Option(envvar="PICHA_KEYS", show_default=False, help="The master key ring; otherwise HOME/keys.")
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line when everything runs.")] = False,
) -> None:
    """Run database, sandbox, API and worker until Ctrl-C, and start again what dies."""
    # Its rooms are imported here so that `picha --help` is quick.
    from picha.cli import household, raising  # noqa: PLC0415 - see above
    from picha.gateway.store.embedded import EmbeddedPostgres  # noqa: PLC0415 - see above
    from picha.kit.filelock import HeldByOtherError, held  # noqa: PLC0415 - see above

    # Until the household has handlers of its own, both signals end the wait for the lock without a trace.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    home = home.resolve()
    try:
        raising.prepare_home(home)
        with ExitStack() as stack:
            stack.enter_context(held(home / "lock", on_wait=lambda why: raising.say(f"{why}; waiting for it to end.")))
            server = None if database_url else EmbeddedPostgres(home)
            if server is not None:
                stack.enter_context(server.lock())
            plan = household.Plan(
                home=home,
                database_url=database_url if server is None else server.dsn,
                host=host,
                port=household.usable_port(host, port, "--port"),
                sandbox_port=household.usable_port(household.LOOPBACK, sandbox_port, "--sandbox-port"),
                metrics_port=household.usable_port(household.LOOPBACK, 0, ""),
                worker_metrics_port=household.usable_port(household.LOOPBACK, 0, ""),
                keys=keys,
            )
            code = asyncio.run(raising.keep_up(plan, server, json=json))
    except KeyboardInterrupt:
        code = 0
    except HeldByOtherError as problem:
        raising.say(f"{problem}. Stop that one first, or choose another folder with --home DIR.")
        code = 1
    except (OSError, RuntimeError) as problem:
        raising.say(str(problem))
        code = 1
    raise typer.Exit(code)
