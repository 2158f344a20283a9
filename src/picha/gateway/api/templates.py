"""/v1/whatsapp/templates: all and one; bare, as Karibu has them."""

from typing import Any

from picha.gateway.api import queries
from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.domain.filling import places
from picha.gateway.store import templates
from picha.gateway.store.templates import ORDERS, Filter, TemplateView
from picha.karibu.errors import Code
from picha.karibu.templates import CATEGORIES, HOLDS_MAX_CHARS, STATUSES, Template, TemplatePage

_NOT_FOUND = "This workspace has no template with that id; list yours with GET /v1/whatsapp/templates."
_LIMIT = 50
_META_CATEGORIES = {ours: theirs for theirs, ours in CATEGORIES.items()}
_META_STATUSES = {ours: theirs for theirs, ours in STATUSES.items()}
# What Meta has in a template's components that only its kind of template has.
_TYPES = {"LIMITED_TIME_OFFER": "limited_time_offer", "FLOW": "flow"}


async def list_templates(call: Call) -> Answer:
    """List the templates of the key's environment, those that changed last first."""
    query = call.request.query_params
    wanted = Filter(
        sender_id=queries.uuid(query, "sender_id"),
        statuses=_any(call, "status", _META_STATUSES),
        categories=_any(call, "category", _META_CATEGORIES),
        languages=query.getlist("language") or None,
        holds=_holds(call),
        order=queries.one_of(query, "sort", set(ORDERS)) or "updated_desc",
    )
    limit = queries.limit(query, _LIMIT)
    offset = queries.parsed(query, "cursor", _cursor, "the cursor_next of an earlier answer") or 0
    found = await templates.find(
        call.services.pool, call.caller.workspace_id, call.caller.environment, wanted, limit=limit, offset=offset
    )
    end = offset + len(found.items)
    return Answer(
        TemplatePage(
            items=[_shown(one) for one in found.items],
            cursor_next=str(end) if end < min(found.total, queries.OFFSET_MAX) else None,
            total_count=found.total,
        )
    )


async def get_template(call: Call) -> Answer:
    """Tell one template."""
    wanted = call.path_id("template_id", Code.NOT_FOUND, _NOT_FOUND)
    found = await templates.get(call.services.pool, call.caller.workspace_id, call.caller.environment, wanted)
    if found is None:
        raise RefusedError(Code.NOT_FOUND, _NOT_FOUND)
    return Answer(_shown(found))


def _shown(view: TemplateView) -> Template:
    rejected = view.rejected_for if view.rejected_for not in {None, "NONE"} else None
    return Template(
        id=view.id,
        name=view.name,
        status="DELETED" if view.is_deleted else STATUSES.get(view.status, view.status),
        is_deleted=view.is_deleted,
        language=view.language,
        category=CATEGORIES.get(view.category, view.category),
        params=places(view.body, is_named=view.is_named),
        details={"components": view.components},
        template_type=_type(view),
        parameter_format="NAMED" if view.is_named else "POSITIONAL",
        quality_score=view.quality,
        whatsapp_sender_number_id=view.sender_id,
        created_at=view.created_at,
        updated_at=view.updated_at,
        approved_at=view.approved_at,
        last_sent_at=view.last_sent_at,
        rejection_reason_code=rejected,
        rejection_reason_text=rejected.replace("_", " ").capitalize() if rejected else None,
    )


def _type(view: TemplateView) -> Any:
    if view.category == "AUTHENTICATION":
        return "authentication"
    parts = {str(one.get("type")).upper() for one in (*view.components, *_buttons(view))}
    return next((name for part, name in _TYPES.items() if part in parts), "standard")


def _buttons(view: TemplateView) -> list[dict[str, Any]]:
    found = [button for one in view.components for button in one.get("buttons") or ()]
    return [button for button in found if isinstance(button, dict)]


def _any(call: Call, name: str, words: dict[str, str]) -> list[str] | None:
    """Read a parameter that may stand several times, any of which will do; Meta's words serve as well as Karibu's."""
    given = [one.upper() for one in call.request.query_params.getlist(name)]
    return [words.get(one, one) for one in given] or None


def _holds(call: Call) -> str | None:
    text = call.request.query_params.get("name_or_content")
    if text is not None and (len(text) > HOLDS_MAX_CHARS or "\0" in text):
        raise queries.invalid("name_or_content", f"text of at most {HOLDS_MAX_CHARS} characters")
    return text or None


def _cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(queries.OFFSET_MAX))):
        raise ValueError("no cursor")
    return int(text)
