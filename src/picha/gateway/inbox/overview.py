"""The overview: what went out and came in, what became of it, and how long it took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from picha.gateway.inbox import wording
from picha.gateway.inbox.charts import Chart, Series, beside, lines, stacked
from picha.gateway.inbox.visit import Visit
from picha.gateway.store import numbers, turnouts
from picha.gateway.store.turnouts import STEPS_OF_TEN, Turnout, Which

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """How far back to look, in spans of which length, and how a span is called."""

    name: str
    label: str
    back: timedelta
    every: timedelta
    written: str


RANGES = (
    Range("24h", "24 hours", _DAY, _HOUR, "%H:00"),
    Range("7d", "7 days", 7 * _DAY, 6 * _HOUR, "%a %d %H:00"),
    Range("30d", "30 days", 30 * _DAY, _DAY, "%d %b"),
)
# In the order in which they lie upon each other.
_BECAME: tuple[tuple[str, str, Callable[[Turnout], int]], ...] = (
    ("Read", "read", lambda one: one.read),
    ("Delivered", "delivered", lambda one: one.delivered),
    ("Sent", "sent", lambda one: one.sent),
    ("Waiting", "waiting", lambda one: one.waiting),
    ("Unknown", "unknown", lambda one: one.unknown),
    ("Failed", "failed", lambda one: one.failed),
    ("Cancelled", "cancelled", lambda one: one.cancelled),
)


async def show(visit: Visit) -> Response:
    """Show tiles of today and charts of a range."""
    means, query = visit.means, visit.request.query_params
    chosen = next((one for one in RANGES if one.name == query.get("range")), RANGES[0])
    known = await numbers.states(means.pool, visit.workspace, visit.environment)
    number = next((one for one in known if str(one.id) == query.get("number")), None)
    now = means.clock.now()
    first = _floor(now - chosen.back, chosen.every) + chosen.every
    asked = (means.pool, visit.workspace, visit.environment)
    sender = number.id if number else None
    told = await turnouts.told(*asked, since=first, every=chosen.every, sender=sender)
    today = await turnouts.told(*asked, since=_floor(now, _DAY), every=_DAY, sender=sender)
    return visit.page(
        "overview.html",
        title="Overview",
        ranges=RANGES,
        chosen=chosen,
        numbers=known,
        number=number,
        say=wording,
        today=today[-1] if today else Turnout(now),
        queues=await turnouts.queues(*asked),
        as_of=await turnouts.as_of(means.pool),
        now=now,
        charts=_charts(told, first, chosen, now),
    )


def _charts(told: Sequence[Turnout], first: datetime, chosen: Range, now: datetime) -> list[Chart]:
    known = {one.at: one for one in told}
    every = [first + place * chosen.every for place in range(1 + (now - first) // chosen.every)]
    spans = [known.get(at) or Turnout(at) for at in every]
    slots = [at.strftime(chosen.written) for at in every]
    accepted, received = [one.accepted for one in spans], [one.received for one in spans]
    flow = [Series("Accepted to send", "read", accepted), Series("Received", "received", received)]
    fates = [Series(label, look, [count(one) for one in spans]) for label, look, count in _BECAME]
    gone = sum(one.gone for one in spans)
    failed = sum(one.failed for one in spans)
    return [
        beside(
            "Messages",
            f"{sum(accepted):,} were accepted to be sent and {sum(received):,} came in.",
            slots,
            flow,
        ),
        stacked(
            "What became of them",
            f"Of {sum(accepted):,} that were accepted, WhatsApp has {gone:,}, and {failed:,} failed.",
            slots,
            fates,
        ),
        _took("Accepted until sent", "to_sent", spans, slots),
        _took("Sent until delivered", "to_delivered", spans, slots),
    ]


def _took(title: str, which: Which, spans: Sequence[Turnout], slots: Sequence[str]) -> Chart:
    whole: dict[int, int] = {}
    for one in spans:
        for step, number in one.steps[which].items():
            whole[step] = whole.get(step, 0) + number
    middle, late = quantile(whole, 0.5), quantile(whole, 0.95)
    said = "Nothing was measured yet."
    if middle is not None and late is not None:
        said = f"Half took {_up_to(middle)}, and 95 of 100 {_up_to(late)}."
        said = said if late >= 1 else "95 of 100 took less than a second."
    series = [
        Series("Median", "median", [quantile(one.steps[which], 0.5) for one in spans]),
        Series("95th percentile", "late", [quantile(one.steps[which], 0.95) for one in spans]),
    ]
    return lines(title, said, slots, series, "s")


def _up_to(seconds: float) -> str:
    return f"up to {wording.span(seconds)}" if seconds >= 1 else "less than a second"


def quantile(steps: dict[int, int], share: float) -> float | None:
    """Return how many seconds a share of messages took at most, as near as the scale's steps are; None of none."""
    rest = sum(steps.values()) * share
    for step in sorted(steps):
        rest -= steps[step]
        if rest <= 0:
            return float(10 ** ((step + 1) / STEPS_OF_TEN) / 1000) if step else 0.0
    return None


def _floor(moment: datetime, every: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % every
