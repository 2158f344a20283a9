"""GET /v1/whatsapp/notices: what WhatsApp told of numbers and accounts outside any message."""

from uuid import UUID

from picha.gateway.api import queries
from picha.gateway.api.calls import Answer, Call
from picha.gateway.store import notices
from picha.gateway.store.views import COUNT_TO
from picha.karibu.notices import Notice
from picha.karibu.reads import Page


async def list_notices(call: Call) -> Answer:
    """List what WhatsApp told of numbers and accounts: errors, changes of quality and the like; newest first."""
    query = call.request.query_params
    limit, offset = queries.limit(query), queries.offset(query)
    found, total = await notices.listed(
        call.services.pool,
        call.caller.workspace_id,
        call.caller.environment,
        sender=queries.parsed(query, "sender_id", UUID, "the UUID of a sender"),
        limit=limit,
        offset=offset,
    )
    items = [
        Notice(
            id=one.id,
            whatsapp_account_id=one.account_id,
            sender_id=one.sender_id,
            field=one.field,
            code=one.code,
            title=one.title,
            detail=one.detail,
            value=one.value,
            received_at=one.received_at,
        )
        for one in found
    ]
    page = Page[Notice](
        items=items, total=min(total, COUNT_TO), limit=limit, offset=offset, total_is_exact=total <= COUNT_TO
    )
    return Answer(page)
