"""/v1/webhooks: webhooks to customers' programs, and what was delivered to them; bare, as Karibu has them.

No answer that an idempotency key could bring again has a secret in it: those are told by GET …/secret alone.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, get_args
from uuid import UUID

import msgspec
from starlette.responses import Response

from picha.gateway.api import queries
from picha.gateway.api.calls import JSON_MAX_BYTES, Answer, Call, RefusedError, body, demand_type
from picha.gateway.api.once import once_claimed, only_once
from picha.gateway.store import deliveries, endpoints
from picha.gateway.store.deliveries import DeliveryView
from picha.gateway.store.endpoints import EndpointView, TakenError, Whose
from picha.gateway.store.views import COUNT_TO
from picha.gateway.telling.composing import compose, kind_of, name_event, name_of
from picha.gateway.telling.enrolling import UncallableError, demand_callable, enrol
from picha.gateway.telling.signing import fresh_secret, public_key
from picha.karibu.errors import Code
from picha.karibu.reads import Page
from picha.karibu.shape import Malformed
from picha.karibu.webhooks import (
    Delivery,
    DeliveryDetail,
    DeliveryStatus,
    NewWebhook,
    RetriedRange,
    RetryRange,
    Webhook,
    WebhookChange,
    WebhookRotation,
    WebhookSecret,
    WebhookStats,
    decode_change,
    decode_new,
    decode_range,
    decode_rotation,
)
from picha.kit.secrets import Secret

T = TypeVar("T")
_STATS_SINCE = timedelta(days=7)
_NOT_FOUND = "This workspace has no webhook with that id; list yours with GET /v1/webhooks/all."
_NO_APP = "This workspace has no app with that id; GET /karibu/x-api-key tells the app of a key."
_NO_DELIVERY = "This webhook has no delivery with that id; list them with GET /v1/webhooks/{webhook_id}/deliveries."
_EXISTS = "The app has a webhook for that service already: change that one with PATCH, or delete it."
_STATUSES = set(get_args(DeliveryStatus))


async def create_webhook(call: Call) -> Answer:
    """Set up a webhook of an app for one service; without a secret of yours one is made."""
    new, asked = await _read(call, decode_new)
    return await only_once(call, asked, partial(_create, new=new))


async def _create(call: Call, new: NewWebhook) -> Answer:
    services = call.services
    _demand_url(call, new.url)
    try:
        added = await enrol(
            services.pool,
            services.vault,
            services.ids,
            _whose(call),
            app=new.app_id,
            service=new.service_type,
            url=new.url,
            include_inbox=new.include_inbox,
            secret=Secret(new.secret_token) if new.secret_token else None,
        )
    except TakenError:
        raise RefusedError(Code.WEBHOOK_EXISTS, _EXISTS, "service_type") from None
    if added is None:
        raise RefusedError(Code.APP_NOT_FOUND, _NO_APP, "app_id")
    return Answer(_show(added), status=201)


async def list_webhooks(call: Call) -> Answer:
    """List the webhooks of every app of the workspace."""
    return Answer([_show(one) for one in await endpoints.listed(call.services.pool, _whose(call))])


async def list_app_webhooks(call: Call) -> Answer:
    """List the webhooks of one app."""
    app = call.path_id("app_id", Code.APP_NOT_FOUND, _NO_APP)
    if not await endpoints.has_app(call.services.pool, call.caller.workspace_id, app):
        raise RefusedError(Code.APP_NOT_FOUND, _NO_APP)
    return Answer([_show(one) for one in await endpoints.listed(call.services.pool, _whose(call), app=app)])


async def get_webhook(call: Call) -> Answer:
    """Tell one webhook; its secret is masked."""
    return Answer(_show(await _found(call)))


async def change_webhook(call: Call) -> Answer:
    """Change a webhook's service, address, secret or whether it is called."""
    change, _ = await _read(call, decode_change)
    return Answer(_show(await _changed(call, change)))


async def _changed(call: Call, change: WebhookChange) -> EndpointView:
    if change.url is not None:
        _demand_url(call, change.url)
    try:
        changed = await endpoints.change(
            call.services.pool,
            call.services.vault,
            _whose(call),
            _named(call),
            service_type=change.service_type,
            url=change.url,
            secret=Secret(change.secret_token) if change.secret_token else None,
            include_inbox=change.include_inbox,
            is_enabled=change.is_enabled,
        )
    except TakenError:
        raise RefusedError(Code.WEBHOOK_EXISTS, _EXISTS, "service_type") from None
    return _there(changed)


async def delete_webhook(call: Call) -> Response:
    """Delete a webhook with what was not delivered to it yet."""
    if not await endpoints.remove(call.services.pool, _whose(call), _named(call)):
        raise _unknown()
    return Response(status_code=204)


async def get_webhook_secret(call: Call) -> Answer:
    """Tell the secret that signs what a webhook is told, and the public key."""
    found = await _found(call)
    secrets = _there(await endpoints.secrets(call.services.pool, call.services.vault, _whose(call), found.id))
    told = WebhookSecret(
        webhook_id=found.id,
        secret_token=secrets.secret.reveal(),
        previous_secret_token=secrets.previous.reveal() if secrets.previous else None,
        previous_secret_until=found.previous_until,
        public_key=public_key(secrets.signing_key),
    )
    return Answer(told, headers={"Cache-Control": "no-store"})


async def rotate_webhook_secret(call: Call) -> Answer:
    """Put a new secret in the place of a webhook's; the former one signs, too, for a while."""
    rotation, asked = await _read(call, decode_rotation, may_be_empty=True)
    return await only_once(call, asked, partial(_rotate, rotation=rotation))


async def _rotate(call: Call, rotation: WebhookRotation) -> Answer:
    services = call.services
    secret = Secret(rotation.secret_token) if rotation.secret_token else fresh_secret()
    overlap = timedelta(hours=rotation.overlap_hours)
    rotated = await endpoints.rotate(services.pool, services.vault, _whose(call), _named(call), secret, overlap=overlap)
    return Answer(_show(_there(rotated)))


async def get_webhook_stats(call: Call) -> Answer:
    """Count a webhook's deliveries since a moment, by default of seven days."""
    since = queries.moment(call.request.query_params, "since") or call.services.clock.now() - _STATS_SINCE
    found = await _found(call)
    counted = await deliveries.stats(call.services.pool, _whose(call), found.id, since=since)
    stats = WebhookStats(
        webhook_id=found.id,
        since=since,
        total=sum(counted.by_status.values()),
        by_status=counted.by_status,
        by_event={name_of(kind): count for kind, count in counted.by_kind.items()},
        total_is_exact=counted.is_exact,
    )
    return Answer(stats)


async def test_webhook(call: Call) -> Answer:
    """Deliver a test event to a webhook, as any other is delivered."""
    delivery = _there(await deliveries.test(call.services.pool, _whose(call), _named(call)))
    return Answer(_detail(call, await _delivery(call, delivery)), status=202)


async def list_deliveries(call: Call) -> Answer:
    """List what was or is to be delivered to a webhook, newest first."""
    query = call.request.query_params
    limit, offset = queries.limit(query), queries.offset(query)
    status = queries.one_of(query, "status", _STATUSES)
    kind = queries.parsed(query, "event", kind_of, "the name of an event, such as whatsapp.delivered")
    found = await _found(call)
    views, total = await deliveries.listed(
        call.services.pool,
        _whose(call),
        found.id,
        status=status,  # type: ignore[arg-type] # it is one of these
        kind=kind,
        limit=limit,
        offset=offset,
    )
    items = [Delivery(**_fields(one)) for one in views]
    total, is_exact = min(total, COUNT_TO), total <= COUNT_TO
    return Answer(Page[Delivery](items=items, total=total, limit=limit, offset=offset, total_is_exact=is_exact))


async def get_delivery(call: Call) -> Answer:
    """Tell one delivery with its payload and what was last answered."""
    return Answer(_detail(call, await _delivery(call)))


async def retry_delivery(call: Call) -> Answer:
    """Deliver an event again, now; a try that it waits for is not made beside it."""
    await _found(call)
    delivery = call.path_id("delivery_id", Code.DELIVERY_NOT_FOUND, _NO_DELIVERY)
    if not await deliveries.retry(call.services.pool, _whose(call), _named(call), delivery):
        raise RefusedError(Code.DELIVERY_NOT_FOUND, _NO_DELIVERY)
    return Answer(_detail(call, await _delivery(call)), status=202)


async def retry_deliveries(call: Call) -> Answer:
    """Deliver again all that failed, or all of a status and a time."""
    wanted, asked = await _read(call, decode_range, may_be_empty=True)
    return await once_claimed(call, asked, partial(_retry_range, wanted=wanted))


async def _retry_range(call: Call, wanted: RetryRange) -> Answer:
    found = await _found(call)
    count, is_whole = await deliveries.retry_range(
        call.services.pool, _whose(call), found.id, status=wanted.status, since=wanted.since, until=wanted.until
    )
    return Answer(RetriedRange(webhook_id=found.id, retried=count, is_whole=is_whole), status=202)


async def _read(call: Call, decode: Callable[[bytes], T], *, may_be_empty: bool = False) -> tuple[T, bytes]:
    """Return what the body asks for, and its bytes for the idempotency key."""
    told = await body(call.request, JSON_MAX_BYTES)
    if told.strip() or not may_be_empty:
        demand_type(call.request, "application/json")
    try:
        asked = decode(told)
    except Malformed as error:
        raise RefusedError(error.code, error.message, error.field) from error
    return asked, msgspec.json.encode(asked)


def _demand_url(call: Call, url: str) -> None:
    try:
        demand_callable(url, call.caller.environment, call.services.policies)
    except UncallableError as refused:
        raise RefusedError(Code.VALIDATION_ERROR, str(refused), "url") from refused


def _whose(call: Call) -> Whose:
    return Whose(call.caller.workspace_id, call.caller.environment, call.caller.key)


def _named(call: Call) -> UUID:
    return call.path_id("webhook_id", Code.WEBHOOK_NOT_FOUND, _NOT_FOUND)


def _unknown() -> RefusedError:
    return RefusedError(Code.WEBHOOK_NOT_FOUND, _NOT_FOUND)


def _there(found: T | None) -> T:
    if found is None:
        raise _unknown()
    return found


async def _found(call: Call) -> EndpointView:
    return _there(await endpoints.find(call.services.pool, _whose(call), _named(call)))


async def _delivery(call: Call, delivery: UUID | None = None) -> DeliveryView:
    endpoint = await _found(call)
    delivery = delivery or call.path_id("delivery_id", Code.DELIVERY_NOT_FOUND, _NO_DELIVERY)
    found = await deliveries.find(call.services.pool, _whose(call), endpoint.id, delivery)
    if found is None:
        raise RefusedError(Code.DELIVERY_NOT_FOUND, _NO_DELIVERY)
    return found


def _show(view: EndpointView) -> Webhook:
    return Webhook(
        webhook_id=view.id,
        app_id=view.app_id,
        service_type=view.service_type,  # type: ignore[arg-type] # the table checks it
        url=view.url,
        created_at=view.created_at,
        updated_at=view.updated_at,
        include_inbox=view.include_inbox,
        is_enabled=view.disabled_at is None,
        disabled_at=view.disabled_at,
        disabled_for=view.disabled_for,  # type: ignore[arg-type] # as above
        failing_since=view.failing_since,
        previous_secret_until=view.previous_until,
    )


def _fields(view: DeliveryView) -> Mapping[str, Any]:
    return {
        "delivery_id": view.id,
        "webhook_id": view.endpoint,
        "event": name_of(view.kind),
        "event_id": name_event(view.about, view.sequence, view.kind, view.event_seq),
        "status": view.status,
        "attempts": view.attempts,
        "created_at": view.created_at,
        "last_attempt_at": view.tried_at,
        "next_attempt_at": view.due_at,
        "delivered_at": view.delivered_at,
        "duration_ms": view.took_ms,
        "response_status": view.answer_status,
        "error": view.error,
    }


def _detail(call: Call, view: DeliveryView) -> DeliveryDetail:
    workspace, links, event = call.caller.workspace_id, call.services.links, view.event
    return DeliveryDetail(
        **_fields(view),
        payload=compose(event, links, workspace=workspace, app=view.app_id) if event else None,
        response_body=view.answer_body.decode(errors="replace") if view.answer_body is not None else None,
    )
