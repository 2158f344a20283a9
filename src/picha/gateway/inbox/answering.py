"""POST /inbox/conversations/{id}/send: a person answers, with a picture, a text or a template, each accepted once."""

import hashlib
import re
from collections.abc import Mapping
from uuid import UUID

import msgspec
from starlette.responses import Response

from picha.gateway.domain.admission import Refusal, Send
from picha.gateway.domain.filling import Filling
from picha.gateway.domain.once import Once
from picha.gateway.inbox.visit import NOT_THERE, RefusedError, Visit
from picha.gateway.meta.limits import CAPTION_MAX_CHARS, TEXT_MAX_CHARS
from picha.gateway.metrics import ACCEPTED

# The longest that a filled place of a template may be.
_VALUE_MAX_CHARS = 1024
_KEY = re.compile(r"[0-9A-Za-z-]{8,64}")
_PLACE = "value."
_NOT_SENT = "Not sent"
# What the refusals of the API say in words for programs.
_WORDS = {
    "WINDOW_CLOSED": "The 24 hours in which you may answer freely are over. Send a template instead.",
    "SENDER_INACTIVE": "The number of this conversation is switched off. Ask an admin to switch it on.",
    "MEDIA_NOT_FOUND": "This picture is no longer kept here. Remove it, and add it again.",
    "IMAGE_NOT_SUPPORTED": "WhatsApp does not take this picture as it is. Remove it, and add it again: it is made fit.",
    "MESSAGE_NOT_FOUND": "WhatsApp does not know the message that you reply to. Send it without the quote.",
    "BACKLOG_FULL": "More waits for this number than it can send in time. Try again in a few minutes.",
    "TEMPLATE_NOT_APPROVED": "This template is not approved any more. Choose another one.",
    "TEMPLATE_NOT_FOUND_OR_UNAPPROVED": "This template is not there any more. Choose another one.",
    "NOT_IMPLEMENTED": "This template has parts that cannot be filled in here. Choose another one.",
    "IDEMPOTENCY_KEY_REUSED": "This was sent before in other words. Load the page again before you go on.",
}


async def send(visit: Visit) -> Response:
    """Accept one answer; when this says 202 it is durable. A refusal says with `code` and in words why it is none."""
    command = _command(visit, await visit.form())
    result = await visit.means.accept.send(command)
    if isinstance(result, Refusal):
        if result.code == "CONVERSATION_NOT_FOUND":
            raise NOT_THERE
        message = _WORDS.get(result.code, result.message)
        return visit.document({"code": result.code, "title": _NOT_SENT, "message": message}, 422)
    if not result.is_replay:
        ACCEPTED.inc()
    return visit.document({"message_id": result.message_id}, 202)


def _command(visit: Visit, form: Mapping[str, str]) -> Send:
    file, text, template = _id(form, "file_id"), _said(form, "text", TEXT_MAX_CHARS), form.get("template")
    if file is None and text is None and not template:
        raise RefusedError(422, _NOT_SENT, "There is nothing to send yet: write something, or add a picture.")
    filling = None
    if template:
        values = {name.removeprefix(_PLACE): _value(form, name) for name in form if name.startswith(_PLACE)}
        filling = Filling(template, values, form.get("language") or None)
    return Send(
        workspace_id=visit.workspace,
        app_id=None,
        person_id=visit.who.id,
        environment=visit.environment,
        conversation_id=visit.path_id("id"),
        file_id=file,
        caption=_said(form, "caption", CAPTION_MAX_CHARS) if file and filling is None else None,
        text=text if file is None and filling is None else None,
        filling=filling,
        reply_to=_id(form, "reply_to"),
        # Somebody waits for it on both sides: it does not queue behind a batch.
        is_high=True,
        once=_once(visit, form),
        caps=visit.who.caps,
    )


def _once(visit: Visit, form: Mapping[str, str]) -> Once:
    """Return the key that the browser made for this answer, as one of this person's."""
    key = form.get("key", "")
    if not _KEY.fullmatch(key):
        raise RefusedError(400, _NOT_SENT, "The page is not whole. Load it again, and try once more.")
    asked = msgspec.json.encode([visit.request.url.path, sorted(form.items())])
    return Once(f"inbox:{visit.who.id}:{key}", hashlib.sha256(asked).digest())


def _said(form: Mapping[str, str], field: str, most: int) -> str | None:
    """Return what was written in a field, without what is blank around it; None where that is nothing."""
    said = form.get(field, "").replace("\r\n", "\n").strip()
    if "\0" in said:
        raise RefusedError(422, _NOT_SENT, "There is a character in it (NUL) that no message may have. Remove it.")
    if len(said) > most:
        message = f"It has {len(said):,} characters; WhatsApp takes {most:,} at most. Shorten it."
        raise RefusedError(422, _NOT_SENT, message)
    return said or None


def _value(form: Mapping[str, str], field: str) -> str:
    value = _said(form, field, _VALUE_MAX_CHARS)
    if value is None:
        raise RefusedError(422, _NOT_SENT, "Fill in every field of the template first.")
    return value


def _id(form: Mapping[str, str], field: str) -> UUID | None:
    try:
        return UUID(form[field]) if form.get(field) else None
    except ValueError:
        raise NOT_THERE from None
