"""Asks Meta for an account's message templates."""

import msgspec

from picha.cloudapi.templates import FIELDS, PAGE, TemplateTold, decode_page
from picha.gateway.meta.graph import Graph, GraphCallError
from picha.gateway.store.templates import Template
from picha.gateway.store.tenants import Account

# Meta lets an account have 6,000.
_PAGES_MAX = 100


async def templates(graph: Graph, account: Account) -> list[Template]:
    """Return every template of an account, in each of its languages; raises `GraphCallError`."""
    found: list[Template] = []
    after: str | None = None
    for _ in range(_PAGES_MAX):
        asked = {"fields": ",".join(FIELDS), "limit": str(PAGE)} | ({"after": after} if after else {})
        body = await graph.read(account, f"{account.waba_id}/message_templates", asked)
        try:
            page = decode_page(body)
        except msgspec.DecodeError as error:
            raise GraphCallError("WhatsApp's list of templates cannot be read.", again=True) from error
        found += [_template(one) for one in page.data]
        if (after := page.after) is None:
            return found
    raise GraphCallError("WhatsApp's list of templates has no end.", again=True)


def _template(told: TemplateTold) -> Template:
    return Template(
        provider_id=told.id,
        name=told.name,
        language=told.language,
        status=told.status,
        category=told.category,
        is_named=told.is_named,
        body=told.body,
        header=told.header,
        others=told.others,
        components=told.components,
        quality=told.quality_score.score if told.quality_score else None,
        rejected_for=told.rejected_reason,
    )
