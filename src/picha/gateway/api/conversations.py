"""GET /v1/whatsapp/conversations/{conversation_id}: a thread, and whether its window is open."""

from picha.gateway.api.calls import Answer, Call, RefusedError
from picha.gateway.domain import window
from picha.gateway.store import threads
from picha.karibu.conversations import Conversation, ConversationContact, Window
from picha.karibu.errors import Code

_NOT_FOUND = "This workspace has no conversation with that id; ids stand in GET /v1/whatsapp/messages."


async def get_conversation(call: Call) -> Answer:
    """Tell one thread, with its window at this moment of its account's time."""
    wanted = call.path_id("conversation_id", Code.CONVERSATION_NOT_FOUND, _NOT_FOUND)
    one = await threads.conversation(call.services.pool, call.caller.workspace_id, call.caller.environment, wanted)
    if one is None:
        raise RefusedError(Code.CONVERSATION_NOT_FOUND, _NOT_FOUND)
    is_open = window.is_open(one.window_until, call.services.times.now(one.account_id))
    return Answer(
        Conversation(
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
    )
