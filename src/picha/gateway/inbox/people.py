"""The people who work in the inbox: added with a link, with what they may do, and let in or not."""

from starlette.responses import Response

from picha.gateway.domain.staff import Role, link_path
from picha.gateway.inbox import wording
from picha.gateway.inbox.visit import NOT_THERE, RefusedError, Visit
from picha.gateway.store import sessions, staff
from picha.gateway.store.staff import PersonRefusedError, PersonView

HOME = "/inbox/people"
NAME_MAX = 100
_DONE = {
    "role": "Changed. It holds from their next click on.",
    "disabled": "They are signed out everywhere, and let in no more.",
    "enabled": "They may sign in again.",
}
_YOURSELF = RefusedError(409, "That is you", "Ask another admin to do that: nobody can shut themselves out.")


async def show(visit: Visit) -> Response:
    """List everybody who works in the workspace."""
    return await _page(visit)


async def add(visit: Visit) -> Response:
    """Add somebody, and show the link that lets them in, once."""
    form, means = await visit.form(), visit.means
    name, role = " ".join(form.get("name", "").split()), form.get("role", "")
    if not name or not name.isprintable() or len(name) > NAME_MAX or role not in set(Role):
        problem = f"A name has 1 to {NAME_MAX} characters on one line."
        return await _page(visit, problem=problem, status=400)
    try:
        person = await staff.add(means.pool, means.ids, visit.workspace, name, Role(role), who=visit.who.id.hex)
    except PersonRefusedError as refused:
        return await _page(visit, problem=str(refused), status=409)
    return await _invited(visit, name, await sessions.invite(means.pool, person, who=visit.who.id.hex))


async def invite(visit: Visit) -> Response:
    """Show a new link for somebody."""
    person = await _found(visit)
    if person.disabled_at:
        raise RefusedError(409, f"{person.name} is disabled", "Enable them first: a link would not let them in.")
    return await _invited(visit, person.name, await sessions.invite(visit.means.pool, person.id, who=visit.who.id.hex))


async def set_role(visit: Visit) -> Response:
    """Make somebody an admin or an agent."""
    person, role = await _found(visit), (await visit.form()).get("role", "")
    if role not in set(Role):
        raise RefusedError(400, "That is no role", "Somebody is an admin or an agent.")
    if person.id == visit.who.id and role != person.role:
        raise _YOURSELF
    try:
        await staff.set_role(visit.means.pool, person.id, Role(role), who=visit.who.id.hex, leaves_admin=True)
    except PersonRefusedError as refused:
        return await _page(visit, problem=str(refused), status=409)
    return visit.elsewhere(f"{HOME}?done=role")


async def ask_disable(visit: Visit) -> Response:
    """Ask whether somebody is to be let in no more."""
    person = await _found(visit)
    return visit.page(
        "confirm.html",
        title=f"Disable {person.name}?",
        message="Within seconds every page that they have open ends, and neither a password nor a link lets them in. "
        "You can enable them again.",
        action=f"{HOME}/{person.id}/disable",
        verb=f"Disable {person.name}",
        back=HOME,
    )


async def disable(visit: Visit) -> Response:
    """Let somebody in no more."""
    person = await _found(visit)
    if person.id == visit.who.id:
        raise _YOURSELF
    try:
        await staff.disable(visit.means.pool, person.id, who=visit.who.id.hex, leaves_admin=True)
    except PersonRefusedError as refused:
        return await _page(visit, problem=str(refused), status=409)
    return visit.elsewhere(f"{HOME}?done=disabled")


async def enable(visit: Visit) -> Response:
    """Let somebody in again."""
    person = await _found(visit)
    await staff.enable(visit.means.pool, person.id, who=visit.who.id.hex)
    return visit.elsewhere(f"{HOME}?done=enabled")


async def _page(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    return visit.page(
        "people.html",
        title="People",
        status=status,
        people=await staff.listed(visit.means.pool, workspace=visit.workspace),
        problem=problem,
        done=_DONE.get(visit.request.query_params.get("done", ""), ""),
        name_max=NAME_MAX,
        say=wording,
    )


async def _invited(visit: Visit, name: str, token: str) -> Response:
    link = visit.means.base_url.rstrip("/") + link_path(token)
    return visit.page("person_link.html", title=f"A link for {name}", name=name, link=link)


async def _found(visit: Visit) -> PersonView:
    asked = visit.path_id("id")
    for one in await staff.listed(visit.means.pool, workspace=visit.workspace):
        if one.id == asked:
            return one
    raise NOT_THERE
