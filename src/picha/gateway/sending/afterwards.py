"""What may be done about a send after it was accepted: take it back, or have it sent once more, whoever asks."""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from picha.gateway.domain import window
from picha.gateway.domain.outcomes import SOFT_WAIT, UNKNOWN
from picha.gateway.meta.times import Times
from picha.gateway.metrics import AGAIN
from picha.gateway.store import audit, threads, views
from picha.gateway.store.ledger import decide, withdraw
from picha.gateway.store.pool import Pool
from picha.gateway.store.views import MessageView

_MINUTES = SOFT_WAIT // timedelta(minutes=1)

Why = Literal["NOT_CANCELLABLE", "NOT_RESENDABLE", "WINDOW_CLOSED"]


class CannotError(Exception):
    """It cannot be done to this message: why as a code, and as a sentence."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why, self.message = why, message


async def cancel(
    pool: Pool, workspace: UUID, environment: str, view: MessageView, *, who: str | None = None
) -> MessageView:
    """Take a send back that was not handed to WhatsApp yet, and return it as it is then; again changes nothing.

    A person `who` asked for it is noted in the audit.

    Raises:
        CannotError: it may have been handed over.
    """
    noting = audit.noting(who, "message.cancelled", workspace=workspace, message=view.id)
    done = await withdraw.cancel(pool, view.id, noting=noting)
    view = await views.message(pool, workspace, environment, view.id) or view
    if not done and view.phase != "cancelled":
        raise CannotError("NOT_CANCELLABLE", _why_not_cancellable(view))
    return view


async def send_again(
    pool: Pool, times: Times, workspace: UUID, environment: str, view: MessageView, *, who: str | None = None
) -> MessageView:
    """Have a send go out once more of which nobody knows whether WhatsApp took it, and return it as it is then.

    A person `who` asked for it is noted in the audit.

    Raises:
        CannotError: that is known, or may still become known, or it would fail for its window anyway.
    """
    # WhatsApp takes a template at any time.
    if is_doubtful(view) and view.message_type != "template":
        thread = await threads.conversation(pool, workspace, environment, view.conversation_id)
        if thread is not None and not window.is_open(thread.window_until, times.now(thread.account_id)):
            raise CannotError("WINDOW_CLOSED", window.CLOSED)
    noting = audit.noting(who, "message.sent_again", workspace=workspace, message=view.id)
    if not await decide.send_again(pool, view.id, noting=noting):
        raise CannotError("NOT_RESENDABLE", _why_not_resendable(view))
    AGAIN.labels("person").inc()
    return await views.message(pool, workspace, environment, view.id) or view


def is_doubtful(view: MessageView) -> bool:
    """Tell whether nobody knows if WhatsApp took a message."""
    return view.phase == "unknown" or (view.phase == "failed" and view.error_code == UNKNOWN)


def _why_not_cancellable(view: MessageView) -> str:
    if not view.is_outbound:
        return "A customer sent this message; only a send of yours can be cancelled."
    if view.phase in {"image_wait", "queued"}:
        return "An earlier attempt at this message may have reached WhatsApp, so it cannot be taken back any more."
    return f"Only what was not handed to WhatsApp yet can be cancelled; this message is {view.phase}."


def _why_not_resendable(view: MessageView) -> str:
    if view.phase == "unknown":
        return (
            "WhatsApp may still tell what became of this message: ask again "
            f"{_MINUTES} minutes after it was handed over."
        )
    shown = f"{view.phase} with {view.error_code}" if view.error_code else view.phase
    return f"Only a message of which nobody knows whether WhatsApp took it can be sent again; this one is {shown}."
