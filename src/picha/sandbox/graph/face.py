"""Graph itself: trouble on purpose, and an answer in Graph's words whatever happens."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from picha.kit.logs import logger
from picha.sandbox import forms, refusals
from picha.sandbox.courier import Courier
from picha.sandbox.faults import Effect, Faults
from picha.sandbox.graph import roads
from picha.sandbox.graph.account import Business
from picha.sandbox.graph.admission import Admission, header_token
from picha.sandbox.graph.block_list import BlockList
from picha.sandbox.graph.calls import Answer, read_body, read_document, refused
from picha.sandbox.graph.media import Media
from picha.sandbox.graph.messages import Messages
from picha.sandbox.graph.roads import Road
from picha.sandbox.graph.spoiling import spoil
from picha.sandbox.ground import Ground
from picha.sandbox.head import header
from picha.sandbox.person import bare
from picha.sandbox.refusals import Refusal
from picha.sandbox.rules import Document
from picha.sandbox.switches import Switchboard

_log = logger("sandbox")


class Call(NamedTuple):
    """A request that may be answered: its object, and the parameters of its query and body."""

    request: Request
    object_id: str
    document: Document


Handlers = Mapping[str, Callable[[Call], Awaitable[Answer]]]


def handlers(messages: Messages, media: Media, account: Business, blocks: BlockList) -> Handlers:
    """Return who answers on each road."""

    def owner(call: Call) -> str | None:
        return call.request.query_params.get("phone_number_id")

    def fields(call: Call) -> str | None:
        return call.request.query_params.get("fields")

    return {
        "messages": lambda call: messages.take(call.object_id, call.document),
        "media": lambda call: media.upload(call.object_id, call.request),
        "describe": lambda call: media.describe(call.object_id, owner(call), fields(call)),
        "delete": lambda call: media.delete(call.object_id, owner(call)),
        "download": lambda call: media.download(call.request),
        "number": _at_once(lambda call: account.number(call.object_id, fields(call))),
        "account": _at_once(lambda call: account.account(call.object_id, fields(call))),
        "phone_numbers": _at_once(
            lambda call: account.phone_numbers(call.object_id, call.document, _here(call.request))
        ),
        "templates": _at_once(
            lambda call: account.templates(
                call.object_id, call.document, _here(call.request), _sample_url(call.request)
            )
        ),
        "register": _at_once(lambda call: account.register(call.object_id, call.document)),
        "settings": lambda call: account.configure(call.object_id, call.document),
        "blocked_users": _at_once(lambda call: blocks.listed(call.object_id, call.document, _here(call.request))),
        "block_users": lambda call: blocks.change(call.object_id, call.document, is_barred=True),
        "unblock_users": lambda call: blocks.change(call.object_id, call.document, is_barred=False),
        "app_token": _at_once(lambda call: account.app_token(call.document)),
        "debug_token": _at_once(lambda call: account.debug_token(call.document)),
        "configure_number": lambda call: account.configure_number(call.object_id, call.document),
        "subscribed_apps": _at_once(lambda call: account.subscribed_apps(call.object_id)),
        "subscribe_account": lambda call: account.subscribe_account(call.object_id, call.document),
        "unsubscribe_account": lambda call: account.unsubscribe_account(call.object_id),
        "subscriptions": _at_once(lambda _call: account.subscriptions()),
        "subscribe_app": lambda call: account.subscribe_app(call.document),
        "unsubscribe_app": lambda _call: account.unsubscribe_app(),
    }


def _at_once(look: Callable[[Call], Answer]) -> Callable[[Call], Awaitable[Answer]]:
    """Return a handler for what needs no waiting."""

    async def handle(call: Call) -> Answer:
        return look(call)

    return handle


def _origin(request: Request) -> str:
    # The socket's own address: a Host header may hold anything.
    host, port = request.scope["server"]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _here(request: Request) -> str:
    return _origin(request) + request.url.path


def _sample_url(request: Request) -> str:
    return f"{_origin(request)}/_sandbox/photo.jpg"


class Face:
    """The ASGI application that programs take for graph.facebook.com."""

    def __init__(
        self,
        answering: Handlers,
        courier: Courier,
        faults: Faults,
        ground: Ground,
        admission: Admission,
        *,
        switchboard: Switchboard,
    ) -> None:
        self._handlers = answering
        self._courier = courier
        self._faults = faults
        self._chance = ground.chance
        self._admission = admission
        self._accounts = ground.world.accounts
        self._bell = ground.world.bell
        self._switchboard = switchboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        road = roads.find(request.method, scope["path"], self._accounts)
        answer: Answer | None
        try:
            body = await _body(request, road)
            number = self._admission.number_of(road, request)
            effect = self._faults.strike(road.name, number, lambda: _recipients(road, request, body))
            if effect is not None:
                self._bell.ring("rules")
            if effect is None or effect.is_processed:
                answer = await self._answer(request, road, number, body)
            else:
                answer = None if effect.error is None else self._say(refusals.of_code(effect.error))
        except ClientDisconnect:
            return
        except Refusal as refusal:
            answer, effect = self._say(refusal), None
        if answer is not None and answer.wamid is not None and await self._courier.run_ahead(answer.wamid):
            answer = Answer(answer.response)
        await self._give(answer, effect, scope, receive, send)

    async def _give(
        self, answer: Answer | None, effect: Effect | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Give the answer, spoilt or not; the statuses of a send start only when that is over."""
        wamid = answer.wamid if answer else None
        if effect is not None and effect.hang and wamid is not None:
            # This answer never comes: the send goes its way while the client waits.
            self._courier.begin(wamid)
            wamid = None
        try:
            if effect is not None:
                await spoil(effect, answer.response if answer else None, scope, receive, send)
            elif answer is not None:
                await answer.response(scope, receive, send)
        finally:
            if wamid is not None:
                self._courier.begin(wamid)

    async def _answer(self, request: Request, road: Road, number: str | None, body: bytes) -> Answer:
        try:
            document = self._admit(request, road, number, body)
            return await self._handlers[road.name](Call(request, road.object_id, document))
        except Refusal as refusal:
            return self._say(refusal)
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 - the last door: whatever breaks, the client hears Graph
            # A fault of the sandbox itself is still told in Graph's form, as Meta tells its own.
            _log.exception("a request failed", road=road.name)
            return self._say(refusals.of_code(131000))

    def _admit(self, request: Request, road: Road, number: str | None, body: bytes) -> Document:
        """Return the parameters of a request with a good token and a road; the token is judged first."""
        query = dict(request.query_params) if request.scope["query_string"] else {}
        token = header_token(header(request.scope, b"authorization")) or query.pop("access_token", None)
        if token is not None:
            self._admission.check(token, road, number)
            road.check()
        document = read_document(body, header(request.scope, b"content-type") or "")
        if token is None and road.name != "app_token":
            self._admission.check(document.pop("access_token", None), road, number)
            road.check()
        return document if road.name == "messages" else query | document

    def _say(self, refusal: Refusal) -> Answer:
        return Answer(refused(refusals.spelled(refusal, self._switchboard.current), self._chance))


async def _body(request: Request, road: Road) -> bytes:
    """Return the body of a request that has one, but for an upload's, which is read where it is taken."""
    if road.name != "unblock_users" and (request.method != "POST" or road.name == "media"):
        return b""
    if road.refusal is not None and forms.is_form(request):
        # An upload to nobody is refused for that, whatever its form is.
        await forms.read_on(request.stream())
        return b""
    return await read_body(request)


def _recipients(road: Road, request: Request, body: bytes) -> frozenset[str]:
    """Return the recipients a send names, for matching rules; a body that cannot be read names none."""
    if road.name != "messages":
        return frozenset()
    try:
        document = read_document(body, request.headers.get("content-type", ""))
    except Refusal:
        return frozenset()
    named = (document.get("to"), document.get("recipient"))
    return frozenset(bare(name) for name in named if isinstance(name, str))
