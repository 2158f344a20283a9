"""Whether the time of a 404 tells somebody that what they guessed is another workspace's."""

import asyncio
import http.client
import time
from statistics import median
from uuid import UUID

from bench.figures import running
from bench.ground import Ground
from picha.gateway.setup import fresh_key
from picha.gateway.store import keys, tenants
from picha.gateway.store.pool import open_pool
from picha.kit.ids import Ids

_PATHS = {
    "message": "/v1/whatsapp/messages/{}",
    "conversation": "/v1/whatsapp/conversations/{}",
    "media": "/v1/whatsapp/media/{}",
    "sender": "/v1/whatsapp/senders/{}",
}
_THEIRS = {
    "message": "SELECT id FROM message ORDER BY random() LIMIT %(count)s",
    "conversation": "SELECT id FROM conversation ORDER BY random() LIMIT %(count)s",
    "media": "SELECT id FROM file LIMIT %(count)s",
    "sender": "SELECT id FROM sender LIMIT %(count)s",
}
_MESSAGES = """
INSERT INTO message (id, workspace_id, conversation_id, sender_id, contact_id, is_outbound, message_type, phase, status,
    caption, file_id, image_state, created_at)
SELECT uuidv7(), workspace_id, id, sender_id, contact_id, true, 'image', 'submitted', 'read', 'Theirs', %(file)s,
    'stored', now()
FROM conversation
"""


async def _stranger(dsn: str) -> str:
    """Return a key to a workspace that has nothing."""
    ids = Ids()
    async with open_pool(dsn) as pool:
        app = await tenants.add_workspace(pool, ids, "Strangers")
        text, presented = fresh_key("test")
        await keys.add(pool, ids, app, presented)
        return text


def report(ground: Ground, *, count: int) -> None:
    """Ask in turns for what is another workspace's and for what nobody has, and print how long both take."""
    ground.sql(_MESSAGES, file=ground.file)
    key, ids = asyncio.run(_stranger(ground.dsn)), Ids()
    with running(ground, "api"):
        line = http.client.HTTPConnection("127.0.0.1", ground.ports.api)
        for what, path in _PATHS.items():
            theirs = [row[0] for row in ground.sql(_THEIRS[what], count=count)]
            took: dict[bool, list[float]] = {True: [], False: []}
            for n in range(count):
                for is_theirs in (True, False) if n % 2 else (False, True):
                    wanted: UUID = theirs[n % len(theirs)] if is_theirs else ids.uuid()
                    took[is_theirs].append(_asked(line, path.format(wanted), key))
            theirs_s, nobodys_s = median(took[True]), median(took[False])
            print(
                f"404 of another's {what} against one that nobody has: {theirs_s / nobodys_s:.2f} "
                f"({theirs_s * 1e6:,.0f} and {nobodys_s * 1e6:,.0f} us)",
                flush=True,
            )
    ground.clear()


def _asked(line: http.client.HTTPConnection, path: str, key: str) -> float:
    began = time.perf_counter()
    line.request("GET", path, headers={"X-API-Key": key})
    answer = line.getresponse()
    answer.read()
    if answer.status != 404:
        raise AssertionError(f"{path} answered {answer.status}")
    return time.perf_counter() - began
