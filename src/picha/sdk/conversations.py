"""What is done with conversations: go through them, look at one, mark it as read, delete it."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from picha.karibu.conversations import Conversation, ConversationDeleted, ConversationRead, ConversationSummary
from picha.karibu.reads import Page
from picha.sdk.calls import Call, identifier, query, reader
from picha.sdk.errands import Errand, Tools, ask
from picha.sdk.pages import Parts, Question, latest_first
from picha.sdk.posting import post, written

_PATH = "/v1/whatsapp/conversations"


def conversations(
    tools: Tools,
    *,
    sender: str | None = None,
    recipient: str | None = None,
    status: Literal["all", "open", "unread"] = "all",
    search: str | None = None,
    since: datetime | None = None,
    page_size: int = 50,
) -> Parts[Conversation]:
    """Go through the threads, the most recently active first, each once; `page_size` is 1 to 100."""

    def asked(question: Question) -> Errand[Page[Conversation]]:
        parameters = query(
            sender=sender,
            recipient=recipient,
            status=status,
            search=search,
            since=since,
            limit=page_size,
            offset=question.offset,
            before=question.before,
        )
        call = Call(method="GET", path=_PATH, reads=reader(Page[Conversation]), query=parameters)
        return (yield from ask(tools, call))

    return latest_first(asked, key=lambda one: one.id, moved_at=lambda one: one.last_message_at)


def conversation(tools: Tools, conversation_id: UUID | str) -> Errand[Conversation]:
    """Return one thread, with its window at this moment."""
    path = f"{_PATH}/{identifier(conversation_id, 'conversation_id')}"
    return (yield from ask(tools, Call(method="GET", path=path, reads=reader(Conversation))))


def summary(tools: Tools, *, sender: str | None = None) -> Errand[ConversationSummary]:
    """Count the threads, those with an open window and those with something unread."""
    call = Call(method="GET", path=f"{_PATH}/summary", reads=reader(ConversationSummary), query=query(sender=sender))
    return (yield from ask(tools, call))


def mark_conversation_read(
    tools: Tools, conversation_id: UUID | str, *, up_to: datetime | None = None, idempotency_key: str | None = None
) -> Errand[ConversationRead]:
    """Count a thread's messages as read, all or up to a moment; the customer is told nothing (see `mark_read`)."""
    path = f"{_PATH}/{identifier(conversation_id, 'conversation_id')}/read"
    body = written(up_to=up_to) if up_to else b""
    return (yield from ask(tools, post(tools, path, ConversationRead, body=body, idempotency_key=idempotency_key)))


def delete_conversation(tools: Tools, conversation_id: UUID | str) -> Errand[ConversationDeleted]:
    """Take a thread out of lists, with all that was said in it; it is there again when its customer writes."""
    path = f"{_PATH}/{identifier(conversation_id, 'conversation_id')}"
    return (yield from ask(tools, Call(method="DELETE", path=path, reads=reader(ConversationDeleted))))
