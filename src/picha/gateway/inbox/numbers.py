"""The numbers: how each is, how much waits for it, what WhatsApp tells of it, and to pause, resume and empty it."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from picha.gateway.domain.pace import PER_SECOND_MAX
from picha.gateway.inbox import wording
from picha.gateway.inbox.numerals import spaced
from picha.gateway.inbox.visit import NOT_THERE, Visit
from picha.gateway.store import notices, numbers, tenants
from picha.gateway.store.ledger import withdraw
from picha.gateway.store.notices import NoticeView
from picha.gateway.store.numbers import NumberState
from picha.gateway.upkeep.doctor.findings import Finding

_NOTICES_SHOWN = 20
_QUALITY = "phone_number_quality_update"
_DONE = {
    "paused": "Nothing is sent from this number any more. What is accepted for it waits.",
    "resumed": "This number sends again.",
    "changed": "Changed. It holds from the next message on.",
}


async def show(visit: Visit) -> Response:
    """Show every number of the environment."""
    return visit.page("numbers.html", title="Numbers", **await _listed(visit))


async def fresh(visit: Visit) -> Response:
    """Show them as they are now, for the page to put in place."""
    return visit.fragment("numbers_list.html", **await _listed(visit))


async def show_one(visit: Visit) -> Response:
    """Show one number with what WhatsApp told of it."""
    return await _page(visit, await _found(visit))


async def pause(visit: Visit) -> Response:
    """Send nothing more from a number."""
    number = await _found(visit)
    await numbers.pause(visit.means.pool, number.id, "operator", who=visit.who.id.hex)
    return _back(visit, number, "paused")


async def resume(visit: Visit) -> Response:
    """Send from a number again."""
    number = await _found(visit)
    await numbers.resume(visit.means.pool, number.id, who=visit.who.id.hex)
    return _back(visit, number, "resumed")


async def change(visit: Visit) -> Response:
    """Change a number's pace and image policy."""
    number, form, pool, who = await _found(visit), await visit.form(), visit.means.pool, visit.who.id.hex
    pace, policy = _pace(form.get("pace", "")), form.get("policy", number.image_policy)
    if pace is None or policy not in {"auto", "strict"}:
        problem = f"The pace is a number of messages a second from 1 to {PER_SECOND_MAX:,}: as many as WhatsApp grants."
        return await _page(visit, number, problem=problem, status=400)
    if pace != number.per_second:
        await numbers.set_per_second(pool, number.id, pace, who=who)
    if policy != number.image_policy:
        await tenants.set_image_policy(pool, number.id, policy, who=who)
    return _back(visit, number, "changed")


async def ask_flush(visit: Visit) -> Response:
    """Ask whether all that waits for a number is to be taken back, and say how much that is."""
    number = await _found(visit)
    waiting = (await visit.means.backlog.look(number.id, visit.means.pool)).waiting
    return visit.page(
        "confirm.html",
        title="Take back what waits?",
        message=f"{wording.count(waiting, 'message')} of {spaced(number.display_number)} "
        f"{'waits' if waiting == 1 else 'wait'} to be sent. Those that were not handed to WhatsApp yet are cancelled "
        "and told as failed. There is no way back.",
        action=visit.at("numbers", number.id, "flush"),
        verb=f"Cancel {wording.count(waiting, 'message')}",
        back=visit.at("numbers", number.id),
    )


async def flush(visit: Visit) -> Response:
    """Take back all that waits for a number and was not begun."""
    number = await _found(visit)
    count = await withdraw.flush(visit.means.pool, number.id, who=visit.who.id.hex)
    done = "Nothing waited, so nothing was cancelled." if not count else f"{wording.count(count, 'message')} cancelled."
    return await _page(visit, number, done=done)


async def check(visit: Visit) -> Response:
    """Look at one number as the doctor does, and show what was found."""
    number = await _found(visit)
    return await _page(visit, number, findings=await visit.means.examine(number.id))


async def _listed(visit: Visit) -> Mapping[str, Any]:
    found = await numbers.states(visit.means.pool, visit.workspace, visit.environment)
    backlogs = await visit.means.backlog.told([one.id for one in found])
    return {"numbers": found, "backlogs": backlogs, "say": wording, "now": visit.means.clock.now()}


async def _found(visit: Visit) -> NumberState:
    asked = visit.path_id("id")
    found = await numbers.states(visit.means.pool, visit.workspace, visit.environment, only=asked)
    if not found:
        raise NOT_THERE
    return found[0]


async def _page(
    visit: Visit,
    number: NumberState,
    *,
    findings: Sequence[Finding] | None = None,
    problem: str = "",
    done: str = "",
    status: int = 200,
) -> Response:
    told, _ = await notices.listed(
        visit.means.pool, visit.workspace, visit.environment, sender=number.id, limit=_NOTICES_SHOWN, offset=0
    )
    return visit.page(
        "number.html",
        status=status,
        title=number.label or spaced(number.display_number),
        number=number,
        backlog=(await visit.means.backlog.told([number.id])).get(number.id),
        notices=told,
        limit=_limit(told),
        findings=findings,
        problem=problem,
        done=done or _DONE.get(visit.request.query_params.get("done", ""), ""),
        most=PER_SECOND_MAX,
        say=wording,
    )


def _back(visit: Visit, number: NumberState, done: str) -> Response:
    return visit.elsewhere(f"/inbox/numbers/{number.id}?done={done}")


def _limit(told: Sequence[NoticeView]) -> str:
    """Return the newest limit that WhatsApp told of a number, as it is written there, empty if none is known."""
    values = (one.value for one in told if one.field == _QUALITY and isinstance(one.value, dict))
    return next((str(value["current_limit"]) for value in values if value.get("current_limit")), "")


def _pace(text: str) -> float | None:
    try:
        pace = float(text)
    except ValueError:
        return None
    return pace if 1 <= pace <= PER_SECOND_MAX else None
