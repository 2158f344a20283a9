"""GET /inbox/conversations/{id}/templates: what may be sent in a thread whose window is shut, to be filled in."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from picha.gateway.domain.filling import APPROVED, places
from picha.gateway.inbox.composer import found
from picha.gateway.inbox.visit import Visit
from picha.gateway.store import templates
from picha.gateway.store.templates import Filter, TemplateView

# More than anybody chooses from; an account has a dozen as a rule.
_MOST = 500


async def choices(visit: Visit) -> Response:
    """Tell the approved templates of the thread's number by name, each with its text and the places to fill."""
    thread = await found(visit)
    wanted = Filter(sender_id=thread.sender_id, statuses=[APPROVED], order="name_asc")
    told = await templates.find(visit.means.pool, visit.workspace, visit.environment, wanted, limit=_MOST, offset=0)
    return visit.document({"templates": [_choice(one) for one in told.items if not one.is_deleted]})


def _choice(one: TemplateView) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "language": one.language,
        "category": one.category.capitalize(),
        "body": one.body,
        "places": places(one.body, is_named=one.is_named),
        "has_picture": one.header == "IMAGE",
        "heading": _text(one, "HEADER"),
        "footer": _text(one, "FOOTER"),
        "buttons": _buttons(one),
        "is_fillable": not one.others and one.header in {None, "TEXT", "IMAGE"},
    }


def _part(one: TemplateView, kind: str) -> Mapping[str, Any]:
    return next((part for part in one.components if str(part.get("type")).upper() == kind), {})


def _text(one: TemplateView, kind: str) -> str:
    return str(_part(one, kind).get("text") or "")


def _buttons(one: TemplateView) -> list[str]:
    buttons = _part(one, "BUTTONS").get("buttons")
    found = buttons if isinstance(buttons, list) else []
    return [str(button.get("text") or "") for button in found if isinstance(button, dict)]
