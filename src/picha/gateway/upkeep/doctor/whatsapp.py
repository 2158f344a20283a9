"""Looks at Meta's side: whether the token is good, the number well, and webhooks come to us."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from picha.gateway.domain.admission import Sender
from picha.gateway.meta import checkup
from picha.gateway.meta.checkup import NumberFacts, TokenFacts
from picha.gateway.meta.graph import Graph
from picha.gateway.store.tenants import Account
from picha.gateway.upkeep.doctor.database import judge_skew
from picha.gateway.upkeep.doctor.findings import Finding, ok, problem, warning
from picha.kit.clock import Clock

_EXPIRES_SOON = timedelta(days=14)
_SECOND = timedelta(seconds=1)
_SYSTEM_USER = "Make a token of a system user in the Business Manager, with both WhatsApp scopes; `picha senders add`."


async def token(graph: Graph, account: Account, now: datetime) -> AsyncIterator[Finding]:
    """Look at an account's access token."""
    for finding in judge_token(await checkup.token(graph, account), account, now):
        yield finding


def judge_token(facts: TokenFacts, account: Account, now: datetime) -> list[Finding]:
    """Judge what Meta tells of an account's token."""
    about = str(account.id)
    if not facts.is_valid:
        said = facts.error.message if facts.error else "Meta does not say why"
        return [problem("token", f"The access token is not valid: {said.rstrip('.')}.", _SYSTEM_USER, about=about)]
    found = []
    if facts.app_id != account.meta_app_id:
        what = "The access token is of another app than the app secret."
        found.append(problem("token", what, "Set up token, app id and app secret of one app.", about=about))
    if lacking := [scope for scope in checkup.SCOPES if not facts.grants(scope, account.waba_id)]:
        what = f"The access token lacks {' and '.join(lacking)} for this account."
        found.append(problem("token", what, _SYSTEM_USER, about=about))
    if facts.expires_at and (left := datetime.fromtimestamp(facts.expires_at, UTC) - now) < _EXPIRES_SOON:
        what = f"The access token expires in {left.total_seconds() / 86_400:.1f} days."
        found.append(warning("token", what, _SYSTEM_USER, about=about))
    return found or [ok("token", "The access token is valid and has both scopes.", about=about)]


async def number(graph: Graph, account: Account, sender: Sender, callback: str) -> AsyncIterator[Finding]:
    """Look at how a number is, and at where its webhooks go."""
    facts = await checkup.number(graph, account, sender.phone_number_id)
    for finding in judge_number(facts, str(sender.id)):
        yield finding
    yield judge_callback(facts.webhook_configuration.url, callback, str(sender.id))


def judge_number(facts: NumberFacts, about: str) -> list[Finding]:
    """Judge what Meta tells of a number."""
    found = []
    if facts.status == "FLAGGED":
        remedy = "Send less, and only to those who asked: a number whose quality stays low is restricted."
        found.append(warning("number", "The number is FLAGGED for its quality.", remedy, about=about))
    elif facts.status != "CONNECTED":
        remedy = "Look at the number in the WhatsApp Manager; register it again (POST /<number>/register) if it is not."
        found.append(problem("number", f"The number is {facts.status or 'of unknown status'}.", remedy, about=about))
    if facts.health_status.can_send_message in {"BLOCKED", "LIMITED"}:
        what = f"Sending is {facts.health_status.can_send_message} by Meta."
        say = problem if facts.health_status.can_send_message == "BLOCKED" else warning
        found.append(say("number", what, "The WhatsApp Manager says why, under the number's health.", about=about))
    if facts.platform_type not in {"", "CLOUD_API"}:
        what = f"The number is on {facts.platform_type}, not on the Cloud API."
        found.append(problem("number", what, "Move it to the Cloud API.", about=about))
    if facts.quality_rating in {"YELLOW", "RED"}:
        what = f"The number's quality is {facts.quality_rating}: people block or report it."
        remedy = "Send less, and only to those who asked; Meta lowers the limits of such numbers."
        found.append(warning("number", what, remedy, about=about))
    return found or [ok("number", f"Connected, quality {facts.quality_rating or 'not told'}.", about=about)]


def judge_callback(told: str | None, callback: str, about: str) -> Finding:
    """Judge whether a number's webhooks go where we listen."""
    if told is not None and told.rstrip("/") == callback:
        return ok("callback", "Webhooks of the number come to this gateway.", about=about)
    what = f"Webhooks of the number go to {told}" if told else "Webhooks of the number go nowhere"
    remedy = f"Set the callback to {callback} (POST /<app>/subscriptions), or set PICHA_PUBLIC_URL to where it points."
    return problem("callback", f"{what}, not to {callback}.", remedy, about=about)


async def subscription(graph: Graph, account: Account) -> AsyncIterator[Finding]:
    """Look whether the app hears of an account."""
    about = str(account.id)
    if account.meta_app_id in await checkup.subscribed(graph, account):
        yield ok("subscription", "The app hears of the account.", about=about)
    else:
        remedy = f"POST /{account.waba_id}/subscribed_apps with the account's token."
        yield problem("subscription", "The app does not hear of the account: no webhook comes.", remedy, about=about)


async def clock(graph: Graph, account: Account, ours: Clock) -> AsyncIterator[Finding]:
    """Compare our clock with Meta's, which tells whole seconds."""
    before = ours.now()
    theirs = await checkup.moment(graph, account)
    if theirs is not None:
        yield judge_skew(theirs - before, ours.now() - before, "WhatsApp's", slack=_SECOND)
