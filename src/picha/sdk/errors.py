"""What can go wrong for a program that talks to a gateway.

PichaError
├── NoAnswerError             it cannot be reached, or its answer did not come whole
├── StrangeAnswerError        what answers does not speak this API
├── BatchNotDoneError         a batch that was waited for is not done in time
├── NotYetError               what was waited for has not happened in time
├── MessageFailedError        the message that was waited for failed
├── NotVerifiedError          a webhook is not signed with your secret
└── RefusedError              the gateway refused, with a code
    └── WindowClosedError …   one for each code
"""

from datetime import timedelta
from typing import ClassVar

from picha.karibu.batches import Batch
from picha.karibu.errors import RETRYABLE, Code
from picha.karibu.reads import Message


class PichaError(Exception):
    """Something did not work; `retryable` tells whether the same, asked again later, may."""

    retryable: bool = False


class NoAnswerError(PichaError):
    """The gateway cannot be reached, or its answer did not come whole and in time; what was asked may be done."""

    retryable = True


class StrangeAnswerError(PichaError):
    """What answered does not speak this API: the address is another program's, or something stands between."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        # What stands before a gateway says so of a gateway that is away.
        self.retryable = status in {502, 503, 504}


class NotYetError(PichaError, TimeoutError):
    """What was waited for has not happened in time; `message` is how it stood at last."""

    retryable = True

    def __init__(self, message: Message, until: str, timeout: float) -> None:
        super().__init__(f"The message {message.id} is {message.status} after {timeout:g} s, not yet {until}.")
        self.message, self._asked = message, (until, timeout)

    def __reduce__(self) -> tuple[type["NotYetError"], tuple[Message, str, float]]:
        return NotYetError, (self.message, *self._asked)


class BatchNotDoneError(PichaError, TimeoutError):
    """The batch that was waited for is not done in time; `batch` is how it stood at last."""

    retryable = True

    def __init__(self, batch: Batch, timeout: float) -> None:
        waits = f": {batch.detail}" if batch.detail else "."
        super().__init__(f"The batch {batch.batch_id} is {batch.status} after {timeout:g} s, and not done{waits}")
        self.batch, self._timeout = batch, timeout

    def __reduce__(self) -> tuple[type["BatchNotDoneError"], tuple[Batch, float]]:
        return BatchNotDoneError, (self.batch, self._timeout)


class MessageFailedError(PichaError):
    """The message that was waited for failed; `message` has its error_code, error_message and error_detail."""

    def __init__(self, message: Message) -> None:
        why = message.error_detail or message.error_message or "no reason is known"
        super().__init__(f"The message {message.id} failed ({message.error_code or 'no code'}): {why}")
        self.message = message

    def __reduce__(self) -> tuple[type["MessageFailedError"], tuple[Message]]:
        return MessageFailedError, (self.message,)


class NotVerifiedError(PichaError):
    """A webhook is not signed with your secret, or is too old; the text does not tell what was expected."""


class RefusedError(PichaError):
    """The gateway refused, with a stable code and a sentence that says what to do.

    `field` is the field it is about, if any; `request_id` is what to search for in the gateway's log, and null where
    nothing was asked, because it was certain to be refused. `status` is the HTTP status. `retry_after` is how long to
    wait before asking again, where that is known. A code that this version does not know has this class itself.
    """

    CODE: ClassVar[Code | None] = None

    def __init_subclass__(cls) -> None:
        cls.retryable = cls.CODE in RETRYABLE

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        request_id: str | None = None,
        status: int | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or str(self.CODE)
        self.message, self.field, self.request_id = message, field, request_id
        self.status, self.retry_after = status, retry_after
        if self.CODE is None:
            self.retryable = status in {429, 503}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class MalformedJsonError(RefusedError):
    """The body was no JSON."""

    CODE = Code.MALFORMED_JSON


class WebhookExistsError(RefusedError):
    """The app has a webhook for that service already."""

    CODE = Code.WEBHOOK_EXISTS


class UnauthorizedError(RefusedError):
    """The key is not valid here."""

    CODE = Code.UNAUTHORIZED


class WorkspaceRequiredError(RefusedError):
    """The key belongs to no workspace."""

    CODE = Code.WORKSPACE_REQUIRED


class ScopeRequiredError(RefusedError):
    """The key may not do that; the sentence names the scope that it lacks."""

    CODE = Code.SCOPE_REQUIRED


class NotFoundError(RefusedError):
    """There is nothing at that path."""

    CODE = Code.NOT_FOUND


class MessageNotFoundError(RefusedError):
    """The workspace has no such message."""

    CODE = Code.MESSAGE_NOT_FOUND


class ConversationNotFoundError(RefusedError):
    """The workspace has no such conversation."""

    CODE = Code.CONVERSATION_NOT_FOUND


class SenderNotFoundError(RefusedError):
    """The workspace has no such number."""

    CODE = Code.SENDER_NOT_FOUND


class MediaNotFoundError(RefusedError):
    """There is no picture with that file_id, or its bytes are gone."""

    CODE = Code.MEDIA_NOT_FOUND


class BatchNotFoundError(RefusedError):
    """The workspace has no such batch."""

    CODE = Code.BATCH_NOT_FOUND


class AppNotFoundError(RefusedError):
    """The workspace has no such app."""

    CODE = Code.APP_NOT_FOUND


class WebhookNotFoundError(RefusedError):
    """The workspace has no such webhook."""

    CODE = Code.WEBHOOK_NOT_FOUND


class DeliveryNotFoundError(RefusedError):
    """The webhook has no such delivery."""

    CODE = Code.DELIVERY_NOT_FOUND


class MethodNotAllowedError(RefusedError):
    """The path does not take that method."""

    CODE = Code.METHOD_NOT_ALLOWED


class IdempotencyInProgressError(RefusedError):
    """The first request with that idempotency key is not over yet."""

    CODE = Code.IDEMPOTENCY_IN_PROGRESS


class NotCancellableError(RefusedError):
    """The message was handed over already."""

    CODE = Code.NOT_CANCELLABLE


class NotResendableError(RefusedError):
    """The message is not one that nobody knows about."""

    CODE = Code.NOT_RESENDABLE


class BodyTooLargeError(RefusedError):
    """The picture, or the body, is larger than what is taken."""

    CODE = Code.BODY_TOO_LARGE


class UnsupportedMediaTypeError(RefusedError):
    """The body is of a type that the route does not take."""

    CODE = Code.UNSUPPORTED_MEDIA_TYPE


class ValidationFailedError(RefusedError):
    """A field is missing or wrong; `field` names it."""

    CODE = Code.VALIDATION_ERROR


class WindowClosedError(RefusedError):
    """The customer has not written in the last 24 hours."""

    CODE = Code.WINDOW_CLOSED


class SenderAmbiguousError(RefusedError):
    """There are several numbers to send from: name one."""

    CODE = Code.SENDER_AMBIGUOUS


class SenderInactiveError(RefusedError):
    """The number to send from is not active."""

    CODE = Code.SENDER_INACTIVE


class NotInboundError(RefusedError):
    """Only messages that were received can be marked as read."""

    CODE = Code.NOT_INBOUND


class IdempotencyKeyReusedError(RefusedError):
    """The idempotency key stands for another request."""

    CODE = Code.IDEMPOTENCY_KEY_REUSED


class ImageNotSupportedError(RefusedError):
    """The picture is of a kind that cannot be sent."""

    CODE = Code.IMAGE_NOT_SUPPORTED


class ImageTooLargeError(RefusedError):
    """The picture has too many bytes or pixels."""

    CODE = Code.IMAGE_TOO_LARGE


class ImageUnreadableError(RefusedError):
    """The picture's bytes are broken."""

    CODE = Code.IMAGE_UNREADABLE


class MediaUnreachableError(RefusedError):
    """The gateway could not fetch the picture from its address."""

    CODE = Code.MEDIA_UNREACHABLE


class TemplateNotFoundError(RefusedError):
    """The sender's account has no such template, or not in that language."""

    CODE = Code.TEMPLATE_NOT_FOUND_OR_UNAPPROVED


class TemplateNotApprovedError(RefusedError):
    """The template is there, and may not be sent."""

    CODE = Code.TEMPLATE_NOT_APPROVED


class RateLimitedError(RefusedError):
    """Too much was asked at once; `retry_after` tells when there is room."""

    CODE = Code.RATE_LIMITED


class BacklogFullError(RefusedError):
    """The number has more waiting than it can send in hours."""

    CODE = Code.BACKLOG_FULL


class NotBuiltError(RefusedError):
    """The gateway has no such kind of message."""

    CODE = Code.NOT_IMPLEMENTED


class UnavailableError(RefusedError):
    """The gateway can store nothing right now; what was asked may be done all the same."""

    CODE = Code.UNAVAILABLE


BY_CODE: dict[str, type[RefusedError]] = {str(kind.CODE): kind for kind in RefusedError.__subclasses__()}
"""The exception of each code."""
