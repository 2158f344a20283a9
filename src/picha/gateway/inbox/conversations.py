"""The list of conversations."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from picha.gateway.inbox.visit import Visit
from picha.gateway.store import threads
from picha.gateway.store.threads import Wanted


async def show(visit: Visit) -> Response:
    """Show the conversations, and that one of them can be opened beside."""
    return visit.page("conversations.html", title="Conversations", **await listed(visit))


async def listed(visit: Visit) -> Mapping[str, Any]:
    """Return the words of the list that stands beside every thread."""
    means = visit.means
    numbers = await threads.senders(means.pool, visit.workspace, visit.environment)
    wanted = Wanted({one.id: means.times.now(one.account_id) for one in numbers})
    return {"has_numbers": bool(numbers), "conversations": await threads.conversations(means.pool, wanted)}
