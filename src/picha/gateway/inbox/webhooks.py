"""The webhooks: which programs are told of events, how that goes, and to set them up, mend them and try again."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import get_args
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from starlette.responses import Response

from picha.gateway.inbox import once, wording
from picha.gateway.inbox.visit import NOT_THERE, Visit
from picha.gateway.store import deliveries, directory, endpoints
from picha.gateway.store.deliveries import Status
from picha.gateway.store.endpoints import EndpointView, Secrets, TakenError, Whose
from picha.gateway.telling.composing import compose, name_event, name_of
from picha.gateway.telling.enrolling import (
    OVERLAP_MAX,
    SERVICES,
    URL_MAX,
    UncallableError,
    demand_callable,
    enrol,
)
from picha.gateway.telling.signing import public_key

HOME = "/inbox/webhooks"
_PAGE = 50
_STATS_SINCE = timedelta(days=7)
# To count more of them takes longer than a page may.
_COUNTED = 5000
_STATUSES: tuple[Status, ...] = get_args(Status)
_TAKEN = "That app has a webhook for this service already. Change that one, or choose another service."
_DONE = {
    "changed": "Changed. It holds from the next delivery on.",
    "disabled": "Nothing is delivered to it any more. What happens meanwhile waits.",
    "enabled": "It is called again, with what waited.",
    "again": "It is delivered again, now.",
}
_OVERLAPS = (("0", "At once"), ("1", "After an hour"), ("24", "After a day"), ("168", "After a week"))


@dataclass(frozen=True, slots=True)
class Asked:
    """A form of a webhook, and what is wrong with it, empty if nothing is."""

    url: str = ""
    app: str = ""
    service: str = "whatsapp"
    include_inbox: bool = False
    problem: str = ""


async def show(visit: Visit) -> Response:
    """List the webhooks of every app."""
    pool = visit.means.pool
    found = await endpoints.listed(pool, _whose(visit))
    apps = {one.id: one.name for one in await directory.apps(pool, visit.workspace)}
    removed = "It is deleted." if visit.request.query_params.get("done") == "deleted" else ""
    return visit.page("webhooks.html", title="Webhooks", webhooks=found, apps=apps, say=wording, done=removed)


async def ask_new(visit: Visit) -> Response:
    """Ask where a new webhook is to go."""
    return await _form(visit, Asked())


async def add(visit: Visit) -> Response:
    """Set a webhook up, and show what verifies its signatures."""
    means, form = visit.means, await visit.form()
    asked = _asked(visit, form.get("url", ""), form.get("app", ""), form.get("service", ""), form.get("include_inbox"))
    if asked.problem:
        return await _form(visit, asked)
    try:
        added = await enrol(
            means.pool,
            means.vault,
            means.ids,
            _whose(visit),
            app=UUID(asked.app),
            service=asked.service,
            url=asked.url,
            include_inbox=asked.include_inbox,
        )
    except TakenError:
        return await _form(visit, Asked(asked.url, asked.app, asked.service, asked.include_inbox, _TAKEN))
    if added is None:
        raise NOT_THERE
    return await _secret_page(visit, added, "The webhook is set up")


async def show_one(visit: Visit) -> Response:
    """Show one webhook with its newest deliveries."""
    return await _page(visit, await _found(visit))


async def change(visit: Visit) -> Response:
    """Change where a webhook goes and what it is told."""
    found, form, means = await _found(visit), await visit.form(), visit.means
    service, box = form.get("service", ""), form.get("include_inbox")
    asked = _asked(visit, form.get("url", ""), str(found.app_id), service, box)
    if not asked.problem:
        try:
            await endpoints.change(
                means.pool,
                means.vault,
                _whose(visit),
                found.id,
                service_type=asked.service,
                url=asked.url,
                include_inbox=asked.include_inbox,
            )
        except TakenError:
            return await _page(visit, found, problem=_TAKEN, status=409)
        return _back(found, "changed")
    return await _page(visit, found, problem=asked.problem, status=400)


async def enable(visit: Visit) -> Response:
    """Call a webhook again."""
    return await _switch(visit, is_enabled=True)


async def disable(visit: Visit) -> Response:
    """Call a webhook no more, until it is enabled."""
    return await _switch(visit, is_enabled=False)


async def ask_delete(visit: Visit) -> Response:
    """Ask whether a webhook is to go."""
    found = await _found(visit)
    return visit.page(
        "confirm.html",
        title="Delete this webhook?",
        message=f"{found.url} is told nothing any more, and what waits for it is dropped. There is no way back.",
        action=visit.at("webhooks", found.id, "delete"),
        verb="Delete the webhook",
        back=visit.at("webhooks", found.id),
    )


async def delete(visit: Visit) -> Response:
    """Delete a webhook with what waits for it."""
    if not await endpoints.remove(visit.means.pool, _whose(visit), visit.path_id("id")):
        raise NOT_THERE
    return visit.elsewhere(f"{HOME}?done=deleted")


async def reveal(visit: Visit) -> Response:
    """Show what verifies a webhook's signatures, this once."""
    return await _secret_page(visit, await _found(visit), "What verifies the signatures")


async def rotate(visit: Visit) -> Response:
    """Put a new secret in the place of the former, which signs beside it for a while; show it."""
    found, form, means = await _found(visit), await visit.form(), visit.means
    hours = form.get("overlap", "24")
    overlap = timedelta(hours=int(hours)) if hours in dict(_OVERLAPS) else timedelta(days=1)
    whose, secret = _whose(visit), once.secret(visit, form.get("once", ""), f"webhook {found.id}")
    changed = await endpoints.rotate(
        means.pool, means.vault, whose, found.id, secret, overlap=min(overlap, OVERLAP_MAX)
    )
    if changed is None:
        raise NOT_THERE
    return await _secret_page(visit, changed, "A new secret signs from now on")


async def test(visit: Visit) -> Response:
    """Deliver a test event, and show what becomes of it."""
    found = await _found(visit)
    delivery = await deliveries.test(visit.means.pool, _whose(visit), found.id)
    if delivery is None:
        raise NOT_THERE
    return visit.elsewhere(f"{HOME}/{found.id}/deliveries/{delivery}")


async def retry_many(visit: Visit) -> Response:
    """Deliver again all that failed, or what failed within a time."""
    found, form = await _found(visit), await visit.form()
    try:
        since, until = _moment(form.get("since", "")), _moment(form.get("until", ""))
    except ValueError:
        return await _page(
            visit, found, problem="Give times as 2026-01-31T12:00, by UTC, or leave them out.", status=400
        )
    count, is_whole = await deliveries.retry_range(
        visit.means.pool, _whose(visit), found.id, status="failed", since=since, until=until
    )
    more = "" if is_whole else " There are more: do it again for those."
    done = f"{wording.count(count, 'delivery', 'deliveries')} begun anew.{more}" if count else "None of those failed."
    return await _page(visit, found, done=done)


async def show_delivery(visit: Visit) -> Response:
    """Show one delivery, and if that is asked for what is told in it and what was answered: people are in both."""
    found, is_open = await _found(visit), visit.request.query_params.get("told") == "yes"
    delivery = await deliveries.find(visit.means.pool, _whose(visit), found.id, visit.path_id("delivery"))
    if delivery is None:
        raise NOT_THERE
    event = delivery.event if is_open else None
    told = compose(event, visit.means.links, workspace=visit.workspace, app=delivery.app_id) if event else None
    answer = delivery.answer_body if is_open else None
    return visit.page(
        "delivery.html",
        title=name_of(delivery.kind),
        webhook=found,
        one=delivery,
        event_id=name_event(delivery.about, delivery.sequence, delivery.kind, delivery.event_seq),
        is_open=is_open,
        payload=msgspec.json.format(msgspec.json.encode(told), indent=2).decode() if told else "",
        answer=answer.decode(errors="replace") if answer is not None else None,
        done=_DONE.get(visit.request.query_params.get("done", ""), ""),
        say=wording,
    )


async def retry(visit: Visit) -> Response:
    """Deliver one event again, now."""
    found, delivery = await _found(visit), visit.path_id("delivery")
    if not await deliveries.retry(visit.means.pool, _whose(visit), found.id, delivery):
        raise NOT_THERE
    return visit.elsewhere(f"{HOME}/{found.id}/deliveries/{delivery}?done=again")


async def _switch(visit: Visit, *, is_enabled: bool) -> Response:
    found, means = await _found(visit), visit.means
    await endpoints.change(means.pool, means.vault, _whose(visit), found.id, is_enabled=is_enabled)
    return _back(found, "enabled" if is_enabled else "disabled")


async def _page(
    visit: Visit, webhook: EndpointView, *, problem: str = "", done: str = "", status: int = 200
) -> Response:
    means, query, whose = visit.means, visit.request.query_params, _whose(visit)
    which = next((one for one in _STATUSES if one == query.get("status")), None)
    page = int(query["page"]) if query.get("page", "").isdecimal() and len(query["page"]) < 5 else 0  # noqa: PLR2004
    found, total = await deliveries.listed(
        means.pool, whose, webhook.id, status=which, kind=None, limit=_PAGE, offset=page * _PAGE
    )
    stats = await deliveries.stats(means.pool, whose, webhook.id, since=means.clock.now() - _STATS_SINCE, most=_COUNTED)
    apps = {one.id: one.name for one in await directory.apps(means.pool, visit.workspace)}
    return visit.page(
        "webhook.html",
        status=status,
        title=urlsplit(webhook.url).netloc or "Webhook",
        app=apps.get(webhook.app_id, ""),
        webhook=webhook,
        deliveries=[(one, name_of(one.kind)) for one in found],
        which=which,
        statuses=_STATUSES,
        stats=stats,
        page=page,
        has_more=total > (page + 1) * _PAGE,
        services=SERVICES,
        overlaps=_OVERLAPS,
        once=means.ids.uuid(),
        url_max=URL_MAX,
        problem=problem,
        done=done or _DONE.get(query.get("done", ""), ""),
        say=wording,
    )


async def _form(visit: Visit, asked: Asked) -> Response:
    apps = await directory.apps(visit.means.pool, visit.workspace)
    return visit.page(
        "webhook_new.html",
        title="Add a webhook",
        asked=asked,
        apps=apps,
        services=SERVICES,
        url_max=URL_MAX,
        status=400 if asked.problem else 200,
    )


async def _secret_page(visit: Visit, webhook: EndpointView, title: str) -> Response:
    means = visit.means
    secrets: Secrets | None = await endpoints.secrets(means.pool, means.vault, _whose(visit), webhook.id)
    if secrets is None:
        raise NOT_THERE
    return visit.page(
        "webhook_secret.html",
        title=title,
        webhook=webhook,
        secret=secrets.secret.reveal(),
        previous=secrets.previous.reveal() if secrets.previous else "",
        public_key=public_key(secrets.signing_key),
    )


def _asked(visit: Visit, url: str, app: str, service: str, box: str | None) -> Asked:
    url, problem = url.strip(), ""
    try:
        UUID(app)
        if len(url) > URL_MAX:
            problem = f"The address has more than {URL_MAX:,} characters."
        demand_callable(url, visit.environment, visit.means.policies)
    except UncallableError as refused:
        problem = f"This address cannot be called: {str(refused).removeprefix('url cannot be called. ')}"
    except ValueError:
        problem = "Choose an app."
    if service not in SERVICES:
        problem = "Choose a service."
    return Asked(url, app, service, bool(box), problem)


def _moment(text: str) -> datetime | None:
    """Return a moment that a form tells by UTC, None of nothing; raises ValueError."""
    if not text.strip():
        return None
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _whose(visit: Visit) -> Whose:
    return Whose(visit.workspace, visit.environment, visit.who.id.hex)


async def _found(visit: Visit) -> EndpointView:
    found = await endpoints.find(visit.means.pool, _whose(visit), visit.path_id("id"))
    if found is None:
        raise NOT_THERE
    return found


def _back(webhook: EndpointView, done: str) -> Response:
    return Response(status_code=303, headers={"Location": f"{HOME}/{webhook.id}?done={done}"})
