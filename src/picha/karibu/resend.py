"""The request to send a message once more (`POST /v1/whatsapp/messages/{message_id}/resend`)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from picha.karibu.errors import Code
from picha.karibu.shape import Malformed, read

_CONFIRM = "confirm is true: the customer may have the message already, and gets it twice then."


class Resend(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word, `confirm: true`, that the message may be sent although the customer may have it already."""

    confirm: Annotated[bool, Meta(extra_json_schema={"const": True})]


def decode_resend(body: bytes) -> Resend:
    """Return the word that `body` gives; raises `Malformed`, with field `confirm` when it is not given."""
    word = read(body, Resend, {"confirm": _CONFIRM})
    if not word.confirm:
        raise Malformed(Code.VALIDATION_ERROR, _CONFIRM, "confirm")
    return word
