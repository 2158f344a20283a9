"""The control API's part about what the business hears: people, its phone app, errors; and the groups it is in.

A message comes as JSON, or as a multipart form whose part `file` is its picture and whose other parts are the members
of that JSON: texts as they are, booleans as true or false, what is an object there as JSON text.
"""

from collections.abc import Awaitable
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from picha.cloudapi.limits import MEDIA_MAX_BYTES
from picha.sandbox import forms
from picha.sandbox.asides import Asides, EchoWish, ErrorWish
from picha.sandbox.control_words import Written, read, refused, told
from picha.sandbox.first_day import PERSON
from picha.sandbox.groups import Groups, GroupWish
from picha.sandbox.manual.described import described
from picha.sandbox.people import People
from picha.sandbox.person import Nonsense
from picha.sandbox.spoken import Spoken

# What the other parts and the boundaries of a form may take besides the file.
_FORM_MAX_BYTES = MEDIA_MAX_BYTES + (1 << 20)
_OBJECTS = frozenset({"referral", "reaction", "unsupported"})
_NUMBERS = frozenset({"code"})
_BOOLEANS = frozenset({"forwarded", "frequently_forwarded", "as_is"})
_TRUTHS = {"true": True, "false": False}


class InboundForm(msgspec.Struct, frozen=True, kw_only=True):
    """The same as a form: texts as they are, booleans as true or false, what is an object there as JSON text."""

    file: Annotated[str, Meta(description="The picture.", extra_json_schema={"format": "binary"})] | None = None


class GroupTold(msgspec.Struct, frozen=True, kw_only=True):
    """The id of the new group."""

    group_id: str


class ErrorTold(msgspec.Struct, frozen=True, kw_only=True):
    """The id of the delivery that tells of the error."""

    id: str


class InboundControl:
    """Handlers of the control API about what the business hears."""

    def __init__(self, people: People, asides: Asides, groups: Groups) -> None:
        self._people = people
        self._asides = asides
        self._groups = groups

    def routes(self) -> list[Route]:
        """Return the routes about what the business hears."""
        return [
            Route("/_sandbox/inbound", self._inbound, methods=["POST"]),
            Route("/_sandbox/echo", self._echo, methods=["POST"]),
            Route("/_sandbox/errors", self._error, methods=["POST"]),
            Route("/_sandbox/groups", self._group, methods=["POST"]),
        ]

    @described(
        body=Spoken,
        form=InboundForm,
        answer=Written,
        examples={
            "A photo with a caption": {"from": "255712345678", "name": "Asha", "caption": "Do you have this one?"},
            "A text": {"from": "255712345678", "type": "text", "text": "Hello"},
            "A reaction": {
                "from": "255712345678",
                "type": "reaction",
                "reaction": {"message_id": "wamid.HBgM", "emoji": "👍"},
            },
            "Somebody who hides their number": {"user_id": "US.13491208655302741918", "username": "asha"},
        },
    )
    async def _inbound(self, request: Request) -> Response:
        """Write to the business as a person.

        Everything but news of another user id opens their 24-hour window, or the group's. It is never throttled.
        """
        if forms.is_form(request):
            return await self._form(request)
        spoken = await read(request, Spoken)
        return spoken if isinstance(spoken, Response) else await _said("message_id", self._people.write(spoken))

    async def _form(self, request: Request) -> Response:
        try:
            form = await forms.read(request, max_bytes=_FORM_MAX_BYTES, max_files=1)
        except forms.TooLargeError:
            return refused(f"a form has at most {_FORM_MAX_BYTES:,} bytes", 413)
        except forms.UnreadableError as why:
            return refused(f"the form cannot be read: {why}")
        try:
            spoken, file = spoken_of(form)
            data = None if file is None else await file.read()
        except Nonsense as why:
            return refused(str(why))
        finally:
            await form.close()
        return await _said("message_id", self._people.write(spoken, data))

    @described(
        body=EchoWish,
        answer=Written,
        examples={
            "A photo": {"to": PERSON, "caption": "From the shop's phone"},
            "A text": {"to": PERSON, "type": "text", "text": "We close at six"},
        },
    )
    async def _echo(self, request: Request) -> Response:
        """Write as the business from its phone app.

        Its webhook has the field `smb_message_echoes`. It is not in the ledger.
        """
        wish = await read(request, EchoWish)
        return wish if isinstance(wish, Response) else await _said("message_id", self._asides.echo(wish))

    @described(body=ErrorWish, answer=ErrorTold, examples={"The number's rate": {"code": 130429}})
    async def _error(self, request: Request) -> Response:
        """Tell of an error of a number.

        Its webhook has it in `value.errors`, and no message. An address for webhooks must be set.
        """
        wish = await read(request, ErrorWish)
        return wish if isinstance(wish, Response) else await _said("id", self._asides.error(wish))

    @described(
        body=GroupWish,
        answer=GroupTold,
        examples={"One other than the business": {"subject": "Customers", "participants": [PERSON]}},
    )
    async def _group(self, request: Request) -> Response:
        """Make a group of the business and up to 8 people.

        It can be written to once one of them has written, with `recipient_type` `group` and its id as `to`.
        """
        wish = await read(request, GroupWish)
        return wish if isinstance(wish, Response) else await _said("group_id", self._groups.make(wish))


async def _said(name: str, deed: Awaitable[str]) -> Response:
    """Answer with the id that a deed gives, under `name`, or say why it cannot be done."""
    try:
        return told({name: await deed})
    except Nonsense as why:
        return refused(str(why))


def spoken_of(form: FormData) -> tuple[Spoken, UploadFile | None]:
    """Return the message that a form spells, and its picture if it brings one.

    Raises:
        Nonsense: a part is there twice, is none of a message, or does not have the form that its member has.
    """
    parts: dict[str, Any] = {}
    for name, part in form.multi_items():
        if name in parts:
            raise Nonsense(f"the part {name[:100]} is there twice")
        if isinstance(part, UploadFile) != (name == "file"):
            raise Nonsense("the part file has a filename, and no other part has one")
        parts[name] = part if isinstance(part, UploadFile) else _value(name, part)
    file = parts.pop("file", None)
    try:
        return msgspec.convert(parts, Spoken), file
    except msgspec.ValidationError as why:
        raise Nonsense(str(why)) from None


def _value(name: str, text: str) -> Any:
    """Return the value that a part of text stands for; a text that is none stays, and is refused as such."""
    if name in _OBJECTS or name in _NUMBERS:
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            raise Nonsense(f"the part {name} is not JSON") from None
    return _TRUTHS.get(text, text) if name in _BOOLEANS else text
