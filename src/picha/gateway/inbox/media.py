"""The pictures: to look through, to bring in, and to take away."""

from collections.abc import AsyncGenerator, Mapping
from typing import get_args
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from picha.gateway.inbox import wording
from picha.gateway.inbox.names import named
from picha.gateway.inbox.visit import NOT_THERE, RefusedError, Visit
from picha.gateway.pictures.intake import CameAs
from picha.gateway.store import audit, files, gallery
from picha.gateway.store.gallery import Picture, Which
from picha.images.facts import Unusable

HOME = "/inbox/media"
_PAGE = 48
_USES_SHOWN = 20
_FILES_AT_ONCE = 10
# What multipart's own lines may add to the pictures.
_FRAME_BYTES = 64 * 1024
_WHICH: tuple[Which, ...] = get_args(Which)
_UNREADABLE = RefusedError(400, "That cannot be read", "The upload broke off, or is no form; go back and try again.")


async def show(visit: Visit) -> Response:
    """Show pictures, the newest first."""
    return await _page(visit)


async def upload(visit: Visit) -> Response:
    """Take pictures in, each made fit to be sent."""
    album, form, problems, count = visit.means.album, await _form(visit), [], 0
    try:
        visit.demand_environment(form.get("environment"))
        for part in form.getlist("file"):
            if isinstance(part, str) or not part.filename:
                continue
            problem = await _taken_in(visit, part)
            problems += [problem] if problem else []
            count += not problem
    finally:
        await form.close()
    if problems or not count:
        most = wording.size(album.most_bytes("auto"))
        missing = f"Choose up to {_FILES_AT_ONCE} pictures, of up to {most} each."
        return await _page(visit, problems=problems or [missing], taken=count, status=400)
    return visit.elsewhere(f"{HOME}?done={'one' if count == 1 else 'some'}")


async def show_one(visit: Visit) -> Response:
    """Show one picture, its facts, and the messages that have it."""
    found = await _found(visit)
    return visit.page(
        "picture.html",
        title="Picture",
        one=found,
        named=named,
        uses=await gallery.uses(visit.means.pool, visit.workspace, found.id, limit=_USES_SHOWN),
        say=wording,
    )


async def ask_delete(visit: Visit) -> Response:
    """Ask whether a picture is to be named no more."""
    found = await _found(visit)
    return visit.page(
        "confirm.html",
        title="Delete this picture?",
        message="Nobody can send it any more. Messages that have it keep it, and what was accepted with it goes out.",
        action=visit.at("media", found.id, "delete"),
        verb="Delete the picture",
        back=visit.at("media", found.id),
    )


async def delete(visit: Visit) -> Response:
    """Take a picture's name away; one that has none any more has none."""
    found = await _found(visit)
    if found.is_received:
        raise RefusedError(409, "A customer sent this", "It goes with its message; delete that conversation instead.")
    if found.is_nameable:
        noting = audit.noting(visit.who.id.hex, "picture.deleted", workspace=visit.workspace, file=found.id)
        await files.retire(visit.means.pool, found.id, noting=noting)
    return visit.elsewhere(f"{HOME}?done=deleted")


async def _taken_in(visit: Visit, part: UploadFile) -> str:
    """Take one picture in; return what is wrong with it, empty if nothing is."""
    album, name = visit.means.album, part.filename or "The picture"
    if (part.size or 0) > (most := album.most_bytes("auto")):
        return f"{name} has {wording.size(part.size or 0)}; {wording.size(most)} at most are taken. Save it smaller."
    came_as = CameAs(part.filename or "", part.content_type or "")
    async with album.hands.hold(visit.workspace):
        try:
            await album.take_in(visit.workspace, visit.environment, await part.read(), "auto", came_as)
        except Unusable as error:
            return f"{name}: {error}"
    return ""


async def _form(visit: Visit) -> FormData:
    most = _FILES_AT_ONCE * visit.means.album.most_bytes("auto") + _FRAME_BYTES

    async def limited() -> AsyncGenerator[bytes, None]:
        size = 0
        async for chunk in visit.request.stream():
            size += len(chunk)
            if size > most:
                raise RefusedError(413, "That is too much", f"Bring up to {_FILES_AT_ONCE} pictures at a time.")
            yield chunk

    if not visit.request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise _UNREADABLE
    try:
        return await MultiPartParser(visit.request.headers, limited(), max_files=_FILES_AT_ONCE, max_fields=8).parse()
    except (MultiPartException, UnicodeError):
        raise _UNREADABLE from None


async def _page(visit: Visit, *, problems: list[str] | None = None, taken: int = 0, status: int = 200) -> Response:
    query = visit.request.query_params
    which: Which = next((one for one in _WHICH if one == query.get("which")), "all")
    found, end = await gallery.page(
        visit.means.pool, visit.workspace, visit.environment, which=which, before=_place(query), limit=_PAGE
    )
    done = {
        "one": "The picture is here, fit to be sent.",
        "some": "The pictures are here, fit to be sent.",
        "deleted": "Nobody can send it any more.",
    }
    return visit.page(
        "media.html",
        title="Media",
        status=status,
        pictures=found,
        which=which,
        all_which=_WHICH,
        end=end,
        is_first="before" not in query,
        problems=problems or [],
        done=done.get(query.get("done", ""), "") or (wording.count(taken, "other") + " taken in." if taken else ""),
        say=wording,
    )


def _place(query: Mapping[str, str]) -> UUID | None:
    try:
        return UUID(query.get("before", ""))
    except ValueError:
        return None


async def _found(visit: Visit) -> Picture:
    found = await gallery.find(visit.means.pool, visit.workspace, visit.environment, visit.path_id("id"))
    if found is None:
        raise NOT_THERE
    return found
