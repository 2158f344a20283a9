"""Who is there: the root, the version, the key check, and health."""

import asyncio

from picha import __version__
from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.karibu.about import Health, KeyCheck, Root, Version
from picha.karibu.errors import Code

_READY_SECONDS = 2


async def root(call: Call) -> Answer:
    """Name the service."""
    root = Root(
        name="picha",
        version=__version__,
        messages=f"{call.here}/v1/whatsapp/messages",
        docs=f"{call.here}/docs",
        openapi=f"{call.here}/openapi.json",
    )
    return Answer(root)


async def version(_call: Call) -> Answer:
    """Tell the version."""
    return Answer(Version(version=__version__))


async def whoami(call: Call) -> Answer:
    """Check a key: who it speaks for, in which environment, and what it may do."""
    caller = call.caller
    check = KeyCheck(
        valid=True,
        workspace_id=caller.workspace_id,
        app_id=caller.app_id,
        environment=caller.environment,
        scopes=sorted(caller.scopes),
    )
    return Answer(check)


async def live(_call: Call) -> Answer:
    """Answer as long as the process runs."""
    return Answer(Health(status="live"))


async def ready(call: Call) -> Answer:
    """Answer 200 when a request could be served now: the database answers."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await call.services.pool.fetchval("SELECT 1")
    except TimeoutError:
        raise RefusedError(Code.UNAVAILABLE, "The database does not answer; requests are not accepted now.") from None
    return Answer(Health(status="ready"))
