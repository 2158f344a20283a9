"""Webhooks to customers' programs, and what was delivered to them; these routes answer bare, without the envelope.

The first seven fields of `Webhook` are Karibu's, and so is all of `WebhookStats`; the rest is ours.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from picha.karibu.events import Event
from picha.karibu.shape import in_utc, read

ServiceType = Literal["sms", "voice", "otp", "whatsapp", "email"]
DeliveryStatus = Literal["pending", "delivered", "failed"]
DisabledFor = Literal["operator", "gone", "failing"]
URL_MAX_CHARS = 2083
SECRET_MIN_CHARS, SECRET_MAX_CHARS = 16, 255
OVERLAP_MAX_HOURS = 168
MASK = "********"

_Url = Annotated[str, Meta(min_length=1, max_length=URL_MAX_CHARS)]
_Secret = Annotated[str, Meta(min_length=SECRET_MIN_CHARS, max_length=SECRET_MAX_CHARS, pattern=r"^[^\x00-\x1f\x7f]+$")]


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is asked for. Only `whatsapp` ever fires here; the other services are Karibu's.

    Without a `secret_token` one is made. With `include_inbox` what people send by hand is told, too.
    """

    app_id: UUID
    service_type: ServiceType
    url: _Url
    secret_token: _Secret | None = None
    include_inbox: bool = False


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed about a webhook; what is absent stays as it is.

    Another `secret_token` holds at once: to have an overlap, rotate it. `is_enabled` false stops all tries, true takes
    them up again where they were; another `url` does so, too, for a webhook that was disabled by its failures.
    """

    service_type: ServiceType | None = None
    url: _Url | None = None
    secret_token: _Secret | None = None
    include_inbox: bool | None = None
    is_enabled: bool | None = None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook. `secret_token` is masked; GET …/secret tells it.

    `is_enabled` is false from `disabled_at` on, because of an `operator`, of an answer 410 (`gone`), or after days of
    nothing but failures (`failing`). `failing_since` is null while deliveries arrive.
    """

    webhook_id: UUID
    app_id: UUID
    service_type: ServiceType
    url: str
    created_at: datetime
    updated_at: datetime
    secret_token: str = MASK
    include_inbox: bool
    is_enabled: bool
    disabled_at: datetime | None = None
    disabled_for: DisabledFor | None = None
    failing_since: datetime | None = None
    previous_secret_until: datetime | None = None


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What verifies the signatures: the secret, its predecessor until its time, and the public key of `v1a`."""

    webhook_id: UUID
    secret_token: str
    previous_secret_token: str | None = None
    previous_secret_until: datetime | None = None
    public_key: str


class WebhookRotation(msgspec.Struct, frozen=True, kw_only=True):
    """A new secret, made here unless given, beside which the former one signs for so many hours."""

    secret_token: _Secret | None = None
    overlap_hours: Annotated[int, Meta(ge=0, le=OVERLAP_MAX_HOURS)] = 24


class WebhookStats(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries there were since a moment, by status and by event; the newest 100,000 are counted."""

    webhook_id: UUID
    since: datetime
    total: int
    by_status: Mapping[str, int]
    by_event: Mapping[str, int]
    total_is_exact: bool = True


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one webhook: pending until it was answered 2xx, or every try was used up.

    `event_id` is in every try the same. What was answered, or went wrong, is that of the last try.
    """

    delivery_id: UUID
    webhook_id: UUID
    event: str
    event_id: str
    status: DeliveryStatus
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None = None
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    duration_ms: int | None = None
    response_status: int | None = None
    error: str | None = None


class DeliveryDetail(Delivery, frozen=True, kw_only=True):
    """One delivery with what is sent in it, as it would be now, and the body of the last answer, up to 128 KiB."""

    payload: Event | None = None
    response_body: str | None = None


class RetryRange(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to try again: those created from `since` on and before `until`, of a status; by default failed.

    Of `pending` ones those are tried now that would be later.
    """

    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    status: DeliveryStatus = "failed"


class RetriedRange(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are tried again; `is_whole` is false where there are more, for the same call again."""

    webhook_id: UUID
    retried: int
    is_whole: bool = True


_SERVICE = "service_type is sms, voice, otp, whatsapp or email."
_HINTS = {
    "app_id": "app_id is the UUID of an app of yours; GET /karibu/x-api-key tells that of the key.",
    "service_type": _SERVICE,
    "url": f"url is the address of your program, 1 to {URL_MAX_CHARS} characters, such as https://shop.example/hook.",
    "secret_token": f"secret_token is {SECRET_MIN_CHARS} to {SECRET_MAX_CHARS} characters on one line; leave it "
    "out, and one is made.",
    "include_inbox": "include_inbox is true or false.",
    "is_enabled": "is_enabled is true or false.",
    "overlap_hours": f"overlap_hours is a whole number from 0 to {OVERLAP_MAX_HOURS}.",
    "since": "since is a time with its zone, such as 2026-01-31T12:00:00Z.",
    "until": "until is a time with its zone, such as 2026-01-31T12:00:00Z.",
    "status": "status is pending, delivered or failed.",
}


def decode_new(body: bytes) -> NewWebhook:
    """Return the webhook that `body` asks for; raises `Malformed`."""
    return read(body, NewWebhook, _HINTS)


def decode_change(body: bytes) -> WebhookChange:
    """Return the change that `body` asks for; raises `Malformed`."""
    return read(body, WebhookChange, _HINTS)


def decode_rotation(body: bytes) -> WebhookRotation:
    """Return the rotation that `body` asks for, by default to a made secret; raises `Malformed`."""
    return read(body, WebhookRotation, _HINTS) if body.strip() else WebhookRotation()


def decode_range(body: bytes) -> RetryRange:
    """Return the range that `body` asks for, its times in UTC, by default all that failed; raises `Malformed`."""
    asked = read(body, RetryRange, _HINTS) if body.strip() else RetryRange()
    since, until = in_utc(asked.since, "since", _HINTS), in_utc(asked.until, "until", _HINTS)
    return msgspec.structs.replace(asked, since=since, until=until)
