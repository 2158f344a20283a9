"""How people come in and go: by password, by a link that was made for them, and out again."""

from starlette.responses import Response

from picha.gateway.domain.staff import PASSWORD_MAX, PASSWORD_MIN, link_path
from picha.gateway.inbox import cookies
from picha.gateway.inbox.doorkeeper import TriedTooOftenError, WrongError
from picha.gateway.inbox.origin import address_of
from picha.gateway.inbox.visit import Visit
from picha.gateway.store import sessions

HOME = "/inbox"


async def show(visit: Visit) -> Response:
    """Ask for a name and a password; whoever is signed in goes on."""
    onward = _onward(visit.request.query_params.get("next", ""))
    if visit.person is not None:
        return visit.elsewhere(onward)
    return _asked(visit, onward)


async def sign_in(visit: Visit) -> Response:
    """Let somebody in by their password."""
    form = await visit.form()
    name, password, onward = form.get("name", ""), form.get("password", ""), _onward(form.get("next", ""))
    if not name.strip() or not password:
        return _asked(visit, onward, name=name, problem="Enter your name and your password.", status=400)
    try:
        token = await visit.means.door.sign_in(name, password[: PASSWORD_MAX + 1], *_whence(visit))
    except WrongError:
        problem = "That name and password do not belong together. Without a password you need a sign-in link."
        return _asked(visit, onward, name=name, problem=problem, status=403)
    except TriedTooOftenError as refusal:
        answer = visit.page("tried_too_often.html", title="Too many tries", status=429, until=refusal.until)
        wait = refusal.until - visit.means.clock.now()
        answer.headers["Retry-After"] = str(max(1, int(wait.total_seconds()) + 1))
        return answer
    return await _let_in(visit, name, token, onward)


async def me(visit: Visit) -> Response:
    """Tell a script who is signed in, and which environment they look at."""
    who = visit.who
    return visit.document({"id": who.id, "name": who.name, "role": who.role, "environment": visit.environment})


async def show_link(visit: Visit) -> Response:
    """Show whom a link lets in; it is used up by going on only, since programs look at links too."""
    token = visit.request.path_params["token"]
    invited = await sessions.invited(visit.means.pool, token)
    if invited is None or not invited.is_good:
        return _bad_link(visit, is_used=invited is not None and invited.is_used)
    return _welcome(visit, invited.name, token, has_password=invited.has_password)


async def follow_link(visit: Visit) -> Response:
    """Sign in by a link, with a new password if one is given."""
    means, token, form = visit.means, visit.request.path_params["token"], await visit.form()
    invited = await sessions.invited(means.pool, token)
    if invited is None or not invited.is_good:
        return _bad_link(visit, is_used=invited is not None and invited.is_used)
    password = form.get("password", "") if form.get("how") == "password" else ""
    if form.get("how") == "password" and (problem := _flaw(password)):
        return _welcome(visit, invited.name, token, has_password=invited.has_password, problem=problem)
    password_hash = await means.door.passwords.hashed(password) if password else None
    session = await sessions.accept(means.pool, token, password_hash)
    return _bad_link(visit, is_used=True) if session is None else await _let_in(visit, invited.name, session, HOME)


async def show_password(visit: Visit) -> Response:
    """Ask for a new password."""
    return visit.page("password.html", title="Your password", problem="", least=PASSWORD_MIN)


async def set_password(visit: Visit) -> Response:
    """Change the password of who is signed in; every other session of theirs ends."""
    form, means = await visit.form(), visit.means
    password = form.get("password", "")
    problem = _flaw(password) or await _wrong(visit, form.get("current", ""))
    if problem:
        return visit.page("password.html", title="Your password", problem=problem, least=PASSWORD_MIN, status=400)
    session = await sessions.change_password(means.pool, visit.who.id, await means.door.passwords.hashed(password))
    return await _let_in(visit, visit.who.name, session, HOME)


async def sign_out(visit: Visit) -> Response:
    """End the session of this browser, or with `everywhere` every one that this person has."""
    means = visit.means
    if (await visit.form()).get("everywhere") and visit.person is not None:
        await means.door.sign_out_everywhere(visit.person.id)
    await means.door.sign_out(cookies.token_of(visit.request, means))
    answer = visit.elsewhere(f"{HOME}/sign-in")
    cookies.drop_token(visit.request, answer, means)
    return answer


async def _wrong(visit: Visit, current: str) -> str:
    """Return what is wrong with the password that somebody says is theirs now, empty if nothing is."""
    if not visit.who.has_password:
        return ""
    try:
        await visit.means.door.check(visit.who.name, current[: PASSWORD_MAX + 1], *_whence(visit))
    except WrongError:
        return "That is not your present password."
    except TriedTooOftenError as refusal:
        return f"Your present password was wrong too often; try again at {refusal.until:%H:%M} UTC."
    return ""


def _flaw(password: str) -> str:
    """Return what keeps a text from being a password, empty if nothing does."""
    if len(password) < PASSWORD_MIN:
        return f"A password has at least {PASSWORD_MIN} characters; a few words in a row make a good one."
    if len(password) > PASSWORD_MAX:
        return f"A password has at most {PASSWORD_MAX} characters."
    return ""


def _onward(path: str) -> str:
    """Return where to go after signing in: a page of the inbox, and nothing that leads elsewhere."""
    is_ours = path.startswith("/inbox") and path.isprintable() and "\\" not in path
    return path if is_ours and path[len("/inbox") : len("/inbox") + 1] in {"", "/", "?"} else HOME


def _asked(visit: Visit, onward: str, *, name: str = "", problem: str = "", status: int = 200) -> Response:
    return visit.page("sign_in.html", title="Sign in", onward=onward, name=name, problem=problem, status=status)


def _welcome(visit: Visit, name: str, token: str, *, has_password: bool, problem: str = "") -> Response:
    return visit.page(
        "welcome.html",
        title=f"Hello, {name}",
        name=name,
        action=link_path(token),
        has_password=has_password,
        problem=problem,
        least=PASSWORD_MIN,
        status=400 if problem else 200,
    )


def _bad_link(visit: Visit, *, is_used: bool) -> Response:
    title = "This link was used" if is_used else "This link does not open anything"
    return visit.page("bad_link.html", title=title, is_used=is_used, status=410)


def _whence(visit: Visit) -> tuple[str, list[str]]:
    """Return what tells whether somebody was here before: their address, and the marks in their browser."""
    return address_of(visit.request, visit.means.proxies), cookies.marks_of(visit.request, visit.means)


async def _let_in(visit: Visit, name: str, token: str, onward: str) -> Response:
    answer = visit.elsewhere(onward)
    cookies.put_token(visit.request, answer, visit.means, token)
    if marked := await visit.means.door.mark(name):
        cookies.put_mark(visit.request, answer, visit.means, *marked)
    return answer
