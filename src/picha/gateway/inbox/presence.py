"""POST /inbox/conversations/{id}/writing: somebody writes a reply, which their colleagues see for some seconds."""

from starlette.responses import Response

from picha.gateway.inbox.composer import found
from picha.gateway.inbox.visit import Visit
from picha.gateway.store.changes import Presence


async def writing(visit: Visit) -> Response:
    """Tell who looks at this workspace that this person writes in this thread; nothing is kept of it."""
    thread = await found(visit)
    await visit.means.changes.writes(visit.workspace, Presence(thread.id, visit.who.id, visit.who.name))
    return Response(status_code=204)
