"""/v1/whatsapp/conversations: the list of threads, one of them, how many there are; reading and deleting one."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from starlette.datastructures import QueryParams

from picha.gateway.api import queries
from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, demand_type
from picha.gateway.api.once import only_once
from picha.gateway.domain import window
from picha.gateway.store import threads
from picha.gateway.store.ledger import attend
from picha.gateway.store.threads import ConversationView, SenderView, Wanted, Which
from picha.karibu.conversations import (
    Conversation,
    ConversationContact,
    ConversationDeleted,
    ConversationRead,
    ConversationSummary,
    Window,
    decode_mark_read,
)
from picha.karibu.errors import Code
from picha.karibu.queries import CONVERSATIONS, CONVERSATIONS_MAX, SEARCH_MAX_CHARS, SENDER_MAX_CHARS
from picha.karibu.reads import Page
from picha.karibu.shape import Malformed

_NOT_FOUND = "This workspace has no conversation with that id; ids stand in GET /v1/whatsapp/conversations."
_RECIPIENT = re.compile(r"[+ ]?([0-9]{4,20})")
_WHICH: dict[str, Which] = {"all": "all", "open": "open", "unread": "unread"}


async def list_conversations(call: Call) -> Answer:
    """List threads, the most recently active first."""
    query = call.request.query_params
    wanted = Wanted(
        await _numbers(call),
        which=_WHICH[queries.one_of(query, "status", set(_WHICH)) or "all"],
        recipient=queries.parsed(query, "recipient", _recipient, "a number of 4 to 20 digits, with or without a +"),
        search=queries.parsed(query, "search", _search, f"text of at most {SEARCH_MAX_CHARS} characters"),
        since=queries.moment(query, "since"),
        limit=queries.limit(query, CONVERSATIONS, CONVERSATIONS_MAX),
        offset=queries.offset(query),
        before=await _place(call),
    )
    found = await threads.conversations(call.services.pool, wanted)
    count = await threads.count(call.services.pool, wanted)
    page = Page[Conversation](
        items=[_show(call, one) for one in found],
        total=count.total,
        limit=wanted.limit,
        offset=wanted.offset,
        total_is_exact=count.is_exact,
    )
    return Answer(page)


async def get_summary(call: Call) -> Answer:
    """Count the threads, those with an open window and those with something unread."""
    numbers, pool = await _numbers(call), call.services.pool
    total = await threads.count(pool, Wanted(numbers))
    still_open = await threads.count(pool, Wanted(numbers, "open"))
    unread = await threads.count(pool, Wanted(numbers, "unread"))
    summary = ConversationSummary(
        total=total.total, open=still_open.total, unread=unread.total, total_is_exact=total.is_exact
    )
    return Answer(summary)


async def get_conversation(call: Call) -> Answer:
    """Tell one thread, with its window at this moment of its account's time."""
    wanted = _named(call)
    one = await threads.conversation(call.services.pool, call.caller.workspace_id, call.caller.environment, wanted)
    if one is None:
        raise RefusedError(Code.CONVERSATION_NOT_FOUND, _NOT_FOUND)
    return Answer(_show(call, one))


async def read_conversation(call: Call) -> Answer:
    """Count a thread's messages as read, in the inbox only: the customer is told nothing."""
    told = await body(call.request, JSON_MAX_BYTES)
    if told.strip():
        demand_type(call.request, "application/json")
    try:
        up_to = decode_mark_read(told).up_to
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    return await only_once(call, up_to.isoformat().encode() if up_to else b"", partial(_read, up_to=up_to))


async def _read(call: Call, up_to: datetime | None) -> Answer:
    caller = call.caller
    done = await attend.read(call.services.pool, caller.workspace_id, caller.environment, _named(call), up_to=up_to)
    if done is None:
        raise RefusedError(Code.CONVERSATION_NOT_FOUND, _NOT_FOUND)
    conversation, marked = done
    return Answer(ConversationRead(conversation_id=conversation, messages_marked_read=marked))


async def delete_conversation(call: Call) -> Answer:
    """Take a thread out of lists, with all that was said in it; it is there again when somebody writes, or to them."""
    caller = call.caller
    done = await attend.delete(call.services.pool, caller.workspace_id, caller.environment, _named(call))
    if done is None:
        raise RefusedError(Code.CONVERSATION_NOT_FOUND, _NOT_FOUND)
    return Answer(ConversationDeleted(conversation_id=done))


def _named(call: Call) -> UUID:
    return call.path_id("conversation_id", Code.CONVERSATION_NOT_FOUND, _NOT_FOUND)


def _show(call: Call, one: ConversationView) -> Conversation:
    is_open = window.is_open(one.window_until, call.services.times.now(one.account_id))
    return Conversation(
        id=one.id,
        sender_id=one.sender_id,
        recipient_phone=one.phone,
        unread_count=one.unread_count,
        contact_profile_name=one.contact_name,
        last_message_at=one.last_message_at,
        window=Window(open=is_open, expires_at=one.window_until),
        contact=ConversationContact(
            identity_key_hash=one.identity_key_hash, user_id=one.user_id, group_id=one.group_id
        ),
        created_at=one.created_at,
        updated_at=one.updated_at,
    )


async def _place(call: Call) -> tuple[datetime, UUID] | None:
    """Return the place in the list that the thread `before` has now."""
    before, caller = queries.before(call.request.query_params), call.caller
    if before is None:
        return None
    one = await threads.conversation(call.services.pool, caller.workspace_id, caller.environment, before)
    if one is None or one.last_message_at is None:
        raise queries.invalid("before", "the `id` of the last item of an earlier page")
    return one.last_message_at, one.id


async def _numbers(call: Call) -> dict[UUID, datetime]:
    """Return the numbers that the query is about, each with the moment of its account."""
    found = await threads.senders(call.services.pool, call.caller.workspace_id, call.caller.environment)
    asked = _asked(call.request.query_params, found)
    return {one.id: call.services.times.now(one.account_id) for one in asked}


def _asked(query: QueryParams, senders: Sequence[SenderView]) -> Sequence[SenderView]:
    """Return the senders that `sender` names, as sends take it, or else `sender_id`; all where neither does."""
    what = f"one of your numbers or its phone_number_id, 1 to {SENDER_MAX_CHARS} characters"
    named = queries.parsed(query, "sender", _sender, what)
    by_id = queries.parsed(query, "sender_id", UUID, "the UUID of a sender")
    if named is None:
        return [one for one in senders if by_id in {None, one.id}]
    digits = "".join(character for character in named if character.isdigit())
    by_number = [one for one in senders if one.display_number == digits]
    return by_number or [one for one in senders if one.phone_number_id == named]


def _sender(text: str) -> str:
    if not 0 < len(text) <= SENDER_MAX_CHARS:
        raise ValueError("no sender")
    return text.strip()


def _recipient(text: str) -> str:
    # A plus sign that was not escaped arrives as a space.
    found = _RECIPIENT.fullmatch(text)
    if found is None:
        raise ValueError("no number")
    return found[1]


def _search(text: str) -> str | None:
    if len(text) > SEARCH_MAX_CHARS or "\0" in text:
        raise ValueError("no text to search for")
    return text.strip() or None
