"""The composer at the bottom of a thread: what it is drawn from."""

from collections.abc import Mapping
from typing import Any

from picha.gateway.inbox.visit import Visit
from picha.gateway.store.threads import ConversationView


async def composed(visit: Visit, thread: ConversationView) -> Mapping[str, Any]:  # noqa: ARG001 - to come
    """Return the words that composer.html is drawn from, for the handler of a thread's page to pass on."""
    return {"composer": {"thread": thread.id}}
