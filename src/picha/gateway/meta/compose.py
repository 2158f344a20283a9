"""From a queued send to the message that Meta is handed."""

from typing import Any

from picha.cloudapi.messages import (
    Component,
    ImageObject,
    ImageSend,
    MessageContext,
    MessageSend,
    Parameter,
    TemplateLanguage,
    TemplateObject,
    TemplateSend,
    TextBody,
    TextSend,
)
from picha.gateway.store.outbox import Outgoing


def compose(send: Outgoing, *, media_id: str | None, link: str | None, token: str) -> MessageSend:
    """Compose a send whose picture, if it has one, Meta knows by a media id or finds at a link.

    A phone goes out as "+" and digits; a BSUID only ever in `recipient`.
    """
    common: dict[str, Any] = {
        "to": f"+{send.phone}" if send.phone else None,
        "recipient": None if send.phone else send.user_id,
        "context": MessageContext(message_id=send.reply_to) if send.reply_to else None,
        "biz_opaque_callback_data": token,
        "recipient_identity_key_hash": send.recipient_identity_key_hash,
    }
    facts = send.facts or {}
    match send.message_type:
        case "text":
            return TextSend(text=TextBody(body=facts["text"]), **common)
        case "template":
            picture = ImageObject(id=media_id, link=link) if media_id or link else None
            return TemplateSend(template=_template(facts["template"], picture), **common)
        case _:
            return ImageSend(image=ImageObject(id=media_id, link=link, caption=send.caption), **common)


def _template(filled: dict[str, Any], picture: ImageObject | None) -> TemplateObject:
    components = []
    if picture is not None:
        components.append(Component(type="header", parameters=[Parameter(type="image", image=picture)]))
    if filled["values"]:
        parameters = [
            Parameter(type="text", text=value, parameter_name=name if filled["is_named"] else None)
            for name, value in filled["values"]
        ]
        components.append(Component(type="body", parameters=parameters))
    return TemplateObject(
        name=filled["name"], language=TemplateLanguage(code=filled["language"]), components=components
    )
