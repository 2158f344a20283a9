"""The keys that open the API, and the apps they speak for: made, rotated and revoked here, and shown once."""

import re
from contextlib import suppress
from datetime import timedelta

from starlette.responses import Response

from picha.gateway.domain.keys import PresentedKey, Scope, compose, parse
from picha.gateway.inbox import once, wording
from picha.gateway.inbox.visit import NOT_THERE, Visit
from picha.gateway.store import directory, tenants
from picha.gateway.store import keys as store
from picha.gateway.store.keys import KeyRefusedError, KeyView
from picha.gateway.store.tenants import App

HOME = "/inbox/keys"
NAME_MAX = 100
_PUBLIC = re.compile(r"[0-9A-Za-z]{8}")
_OVERLAPS = (("0", "At once"), ("1", "After an hour"), ("24", "After a day"), ("168", "After a week"))
_DONE = {"revoked": "The key is revoked: within a second nobody takes it any more.", "app": "The app is there."}
SCOPES = (
    (Scope.SEND, "Send", "send messages and upload pictures"),
    (Scope.READ, "Read", "read messages, conversations and events"),
    (Scope.MANAGE, "Manage", "manage webhooks, numbers and people"),
)


async def show(visit: Visit) -> Response:
    """List the keys of the environment."""
    return await _page(visit)


async def add(visit: Visit) -> Response:
    """Make a key, and show it this once."""
    form, means = await visit.form(), visit.means
    name, app = _name(form.get("name", "")), form.get("app", "")
    scopes = frozenset(scope for scope, _, _ in SCOPES if form.get(f"may_{scope}"))
    of = next((one for one in await directory.apps(means.pool, visit.workspace) if str(one.id) == app), None)
    if not name or of is None or not scopes:
        problem = "Give the key a name, an app, and at least one thing that it may do."
        return await _page(visit, problem=problem, status=400)
    # A form that is changed and sent again is to make another key than it made before.
    purpose = f"a key called {name} of {of.id} that may {' '.join(sorted(scopes))}"
    text, key = _fresh(visit, form.get("once", ""), purpose)
    owner, who = App(of.workspace_id, of.id), visit.who.id.hex
    try:
        if not await _is_there(visit, key):
            await store.add(means.pool, means.ids, owner, key, name=name, scopes=scopes, who=who)
    except KeyRefusedError:
        if not await _is_there(visit, key):
            problem = f"A key of this app is called {name} already. Take another name, or rotate that key."
            return await _page(visit, problem=problem, status=409)
    return _handed_over(visit, text, f"The key {name} is made", f"It speaks for the app {of.name}.")


async def ask_rotate(visit: Visit) -> Response:
    """Ask when a key that is replaced is to end."""
    key = await _found(visit)
    return visit.page(
        "key_rotate.html", title=f"Rotate {_called(key)}", key=key, overlaps=_OVERLAPS, once=visit.means.ids.uuid()
    )


async def rotate(visit: Visit) -> Response:
    """Make a key that takes another's place, and show it this once."""
    former, form, means = await _found(visit), await visit.form(), visit.means
    hours = form.get("overlap", "24")
    overlap = timedelta(hours=int(hours)) if hours in dict(_OVERLAPS) else timedelta(days=1)
    text, heir = _fresh(visit, form.get("once", ""), f"the heir of {former.public_id}")
    try:
        if not await _is_there(visit, heir):
            await store.rotate(means.pool, means.ids, former.public_id, heir, overlap, who=visit.who.id.hex)
    except KeyRefusedError:
        if not await _is_there(visit, heir):
            problem = f"The key {former.public_id} was revoked, or rotated already: it ends by itself."
            return await _page(visit, problem=problem, status=409)
    label = dict(_OVERLAPS).get(hours, "After a day").lower()
    said = f"It takes the place of {former.public_id}, which ends {label}."
    return _handed_over(visit, text, f"A new key for {_called(former)}", said)


async def ask_revoke(visit: Visit) -> Response:
    """Ask whether a key is to be taken no more."""
    key = await _found(visit)
    return visit.page(
        "confirm.html",
        title=f"Revoke {_called(key)}?",
        message=f"Within a second no program gets in with the key {key.public_id} any more. There is no way back.",
        action=visit.at("keys", key.public_id, "revoke"),
        verb="Revoke the key",
        back=HOME,
    )


async def revoke(visit: Visit) -> Response:
    """Revoke a key; one that is revoked already stays so."""
    key = await _found(visit)
    if key.is_active:
        with suppress(KeyRefusedError):  # somebody else was first
            await store.revoke(visit.means.pool, key.public_id, who=visit.who.id.hex)
    return visit.elsewhere(f"{HOME}?done=revoked")


async def add_app(visit: Visit) -> Response:
    """Make one more app; one of that name that is there is it."""
    name, means = _name((await visit.form()).get("name", "")), visit.means
    if not name:
        return await _page(visit, problem="Give the app a name.", status=400)
    if name not in {one.name for one in await directory.apps(means.pool, visit.workspace)}:
        await tenants.add_app(means.pool, means.ids, visit.workspace, name)
    return visit.elsewhere(f"{HOME}?done=app")


async def _page(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    pool, query = visit.means.pool, visit.request.query_params
    found = await store.listed(pool, workspace=visit.workspace)
    here = [one for one in found if one.environment == visit.environment]
    shows_all = query.get("all") == "yes"
    return visit.page(
        "keys.html",
        title="Keys",
        status=status,
        keys=[one for one in here if one.is_active or shows_all],
        ended=sum(not one.is_active for one in here),
        shows_all=shows_all,
        apps=await directory.apps(pool, visit.workspace),
        scopes=SCOPES,
        once=visit.means.ids.uuid(),
        name_max=NAME_MAX,
        problem=problem,
        done=_DONE.get(query.get("done", ""), ""),
        say=wording,
    )


def _handed_over(visit: Visit, text: str, title: str, said: str) -> Response:
    return visit.page("key_shown.html", title=title, text=text, said=said)


def _fresh(visit: Visit, name: str, purpose: str) -> tuple[str, PresentedKey]:
    text = compose(
        visit.environment, once.word(visit, name, f"{purpose}'s name", 8), once.word(visit, name, purpose, 32)
    )
    key = parse(text)
    assert key is not None  # noqa: S101 - what is composed can be parsed
    return text, key


async def _is_there(visit: Visit, key: PresentedKey) -> bool:
    """Tell whether this very form made this key before."""
    row = await store.find(visit.means.pool, key.public_id)
    return row is not None and key.matches(row.digest)


async def _found(visit: Visit) -> KeyView:
    public = visit.request.path_params["id"]
    found = []
    if _PUBLIC.fullmatch(public):
        found = await store.listed(visit.means.pool, only=public, workspace=visit.workspace)
    if not found or found[0].environment != visit.environment:
        raise NOT_THERE
    return found[0]


def _name(text: str) -> str:
    name = " ".join(text.split())
    return name if name.isprintable() and len(name) <= NAME_MAX else ""


def _called(key: KeyView) -> str:
    return key.name or f"the key {key.public_id}"
