"""/v1/whatsapp/senders: all, one, what may be changed of one, pause and resume; bare, as Karibu has them."""

from uuid import UUID

import msgspec

from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, demand_type
from picha.gateway.store import numbers, tenants, threads
from picha.gateway.store.ledger import withdraw
from picha.karibu.errors import Code
from picha.karibu.senders import STATES, Sender, SenderState, decode_change
from picha.karibu.sends import ImagePolicy
from picha.karibu.shape import Malformed

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


async def change_sender(call: Call) -> Answer:
    """Change a number's image policy, which sends follow that are accepted from then on, or its pace."""
    demand_type(call.request, "application/json")
    try:
        change = decode_change(await body(call.request, JSON_MAX_BYTES))
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    sender: Sender = (await get_sender(call)).data
    if change.image_policy is not None:
        await tenants.set_image_policy(call.services.pool, sender.id, change.image_policy, who=call.caller.key)
    if change.messages_per_second is not None:
        await numbers.set_per_second(call.services.pool, sender.id, change.messages_per_second, who=call.caller.key)
    return await get_sender(call)


async def pause_sender(call: Call) -> Answer:
    """Send nothing more from a number; what is accepted for it waits."""
    sender: Sender = (await get_sender(call)).data
    await numbers.pause(call.services.pool, sender.id, "operator", who=call.caller.key)
    return Answer(await _state(call, sender.id))


async def resume_sender(call: Call) -> Answer:
    """Send from a number again."""
    sender: Sender = (await get_sender(call)).data
    await numbers.resume(call.services.pool, sender.id, who=call.caller.key)
    return Answer(await _state(call, sender.id))


async def flush_sender(call: Call) -> Answer:
    """Cancel all that waits for a number and was not begun."""
    sender: Sender = (await get_sender(call)).data
    count = await withdraw.flush(call.services.pool, sender.id, who=call.caller.key)
    return Answer(msgspec.structs.replace(await _state(call, sender.id), cancelled=count))


async def _state(call: Call, sender: UUID) -> SenderState:
    number = await call.services.backlog.look(sender, call.services.pool)
    return SenderState(id=sender, state=STATES[number.paused_for], backlog_s=round(number.backlog_s, 3))


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
            image_policy=msgspec.convert(one.image_policy, ImagePolicy),
            messages_per_second=one.per_second,
            state=STATES[one.paused_for],
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
