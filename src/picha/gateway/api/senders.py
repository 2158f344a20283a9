"""GET /v1/whatsapp/senders, all or one; bare, as Karibu has them."""

from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.store import threads
from picha.karibu.errors import Code
from picha.karibu.senders import Sender

_NOT_FOUND = "This workspace has no sender with that id; list yours with GET /v1/whatsapp/senders."
_WORDS = {"true": True, "1": True, "false": False, "0": False}


async def list_senders(call: Call) -> Answer:
    """List the numbers of the key's environment, the default one first."""
    return Answer(await _senders(call, is_active=_flag(call, "is_active"), is_default=_flag(call, "is_default")))


async def get_sender(call: Call) -> Answer:
    """Tell one number."""
    wanted = call.path_id("sender_id", Code.SENDER_NOT_FOUND, _NOT_FOUND)
    for sender in await _senders(call):
        if sender.id == wanted:
            return Answer(sender)
    raise RefusedError(Code.SENDER_NOT_FOUND, _NOT_FOUND)


async def _senders(call: Call, *, is_active: bool | None = None, is_default: bool | None = None) -> list[Sender]:
    found = await threads.senders(call.services.pool, call.caller.workspace_id, call.caller.environment)
    return [
        Sender(
            id=one.id,
            whatsapp_account_id=one.account_id,
            phone_number_id=one.phone_number_id,
            display_number=one.display_number,
            label=one.label,
            is_default=one.is_default,
            is_active=one.is_active,
            environment=call.caller.environment,
        )
        for one in found
        if is_active in {None, one.is_active} and is_default in {None, one.is_default}
    ]


def _flag(call: Call, name: str) -> bool | None:
    """Read a boolean however a client writes it: True, true, 1."""
    text = call.request.query_params.get(name)
    if text is not None and text.lower() not in _WORDS:
        raise RefusedError(Code.VALIDATION_ERROR, f"{name} is true or false.", name)
    return None if text is None else _WORDS[text.lower()]
