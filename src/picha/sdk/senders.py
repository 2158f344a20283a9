"""What is done with numbers: list them, look at one, change it, hold it and let go; and whose key this is."""

from typing import Literal
from uuid import UUID

import msgspec

from picha.karibu.errors import Code
from picha.karibu.notices import Notice
from picha.karibu.reads import Page
from picha.karibu.senders import Sender, SenderState
from picha.karibu.sends import ImagePolicy
from picha.sdk.calls import Call, identifier, query, reader
from picha.sdk.errands import Errand, Tools, ask
from picha.sdk.pages import Parts, Question, newest_first
from picha.sdk.posting import post, written

_PATH = "/v1/whatsapp/senders"


class Whoami(msgspec.Struct, frozen=True, kw_only=True):
    """Who a key speaks for, in which environment, and what it may do."""

    workspace_id: UUID
    app_id: UUID
    environment: str
    scopes: list[str]


def senders(tools: Tools, *, is_active: bool | None = None, is_default: bool | None = None) -> Errand[list[Sender]]:
    """Return the numbers of the key's environment, the default one first."""
    call = Call(
        method="GET",
        path=_PATH,
        reads=reader(list[Sender]),
        query=query(is_active=is_active, is_default=is_default),
        is_enveloped=False,
    )
    return (yield from ask(tools, call))


def sender(tools: Tools, sender_id: UUID | str) -> Errand[Sender]:
    """Return one number, by its id."""
    return (yield from ask(tools, _about(sender_id, "GET")))


def change_sender(
    tools: Tools,
    sender_id: UUID | str,
    *,
    image_policy: ImagePolicy | None = None,
    messages_per_second: float | None = None,
) -> Errand[Sender]:
    """Change what sends of a number follow that name no policy, or its pace; what is None stays."""
    body = written(image_policy=image_policy, messages_per_second=messages_per_second)
    return (yield from ask(tools, _about(sender_id, "PATCH", body)))


def pause(tools: Tools, sender_id: UUID | str, *, idempotency_key: str | None = None) -> Errand[SenderState]:
    """Send nothing more from a number; what is accepted for it waits."""
    return (yield from _told(tools, sender_id, "pause", idempotency_key))


def resume(tools: Tools, sender_id: UUID | str, *, idempotency_key: str | None = None) -> Errand[SenderState]:
    """Send from a number again."""
    return (yield from _told(tools, sender_id, "resume", idempotency_key))


def flush(tools: Tools, sender_id: UUID | str, *, idempotency_key: str | None = None) -> Errand[SenderState]:
    """Cancel all that waits for a number and was not begun; `cancelled` tells how many that were."""
    return (yield from _told(tools, sender_id, "flush", idempotency_key))


def notices(tools: Tools, *, sender_id: UUID | str | None = None, page_size: int = 100) -> Parts[Notice]:
    """Go through what WhatsApp told of numbers and accounts outside any message, the newest first, each once.

    The first 10,000 are gone through; `page_size` is 1 to 200.
    """

    def asked(question: Question) -> Errand[Page[Notice]]:
        parameters = query(sender_id=sender_id, limit=page_size, offset=question.offset)
        call = Call(method="GET", path="/v1/whatsapp/notices", reads=reader(Page[Notice]), query=parameters)
        return (yield from ask(tools, call))

    return newest_first(asked, key=lambda one: one.id)


def whoami(tools: Tools) -> Errand[Whoami]:
    """Return who the key speaks for and what it may do."""
    call = Call(method="GET", path="/karibu/x-api-key", reads=reader(Whoami), is_enveloped=False)
    return (yield from ask(tools, call))


def _about(sender_id: UUID | str, method: Literal["GET", "PATCH"], body: bytes = b"") -> Call[Sender]:
    return Call(
        method=method,
        path=f"{_PATH}/{identifier(sender_id, 'sender_id')}",
        reads=reader(Sender),
        headers={"Content-Type": "application/json"} if body else {},
        body=(body,) if body else (),
        is_enveloped=False,
        means=(Code.SENDER_NOT_FOUND,),
    )


def _told(tools: Tools, sender_id: UUID | str, verb: str, idempotency_key: str | None) -> Errand[SenderState]:
    call = post(
        tools,
        f"{_PATH}/{identifier(sender_id, 'sender_id')}/{verb}",
        SenderState,
        idempotency_key=idempotency_key,
        is_enveloped=False,
        means=(Code.SENDER_NOT_FOUND,),
    )
    return (yield from ask(tools, call))
