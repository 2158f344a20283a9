"""The Graph client: one call is one request. Nothing here retries or follows a redirect; the state machine decides."""

import hmac
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from types import AsyncGeneratorType, SimpleNamespace
from typing import Any, Self, cast
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
from aiohttp.payload import AsyncIterablePayload, BytesPayload

from picha.cloudapi.error_kinds import OutcomeClass
from picha.cloudapi.errors import decode_error, lookup
from picha.cloudapi.limits import (
    COEXISTING_MESSAGES_PER_SECOND,
    MEDIA_MAX_BYTES,
    MESSAGES_PER_SECOND,
    READ_MARK_LIFE,
)
from picha.cloudapi.media import MediaDescription, decode_description, decode_upload_answer
from picha.cloudapi.messages import MessageSend, ReadMark, encode_read_mark, encode_send
from picha.gateway.domain.decisions import Reason
from picha.gateway.domain.outcomes import Ambiguous, NotSent, Outcome
from picha.gateway.meta.classify import classify, explain
from picha.gateway.store.tenants import Account, NewAccount
from picha.kit.crashpoints import crashpoint
from picha.kit.secrets import Secret

# A connection the server has just closed makes a send ambiguous, so idle ones are dropped early.
_IDLE_SECONDS = 10
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5, sock_connect=5)
# Somebody waits for it at our API, whose own patience is longer.
_MARK_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5, sock_connect=5)
# What Meta says of a message that is not there, or too old to be marked.
_NO_SUCH_MESSAGE = frozenset({100, 131009})
_ANSWER_MAX = 1024 * 1024
_PIECE_BYTES = 256 * 1024
_CONNECTIONS = 512
# Hosts of Meta's that media URLs point to; the token goes nowhere else.
_META_HOSTS = re.compile(r"([a-z0-9-]+\.)+(facebook\.com|fbsbx\.com|whatsapp\.net|fbcdn\.net)")
_OK, _SERVERS_FAULT = 200, 500


Credentials = Account | NewAccount


class GraphCallError(Exception):
    """An upload, a description or a download failed; `again` tells whether another try may help.

    With `bars` Meta refuses all of the number's calls until somebody puts something right: its token. `is_answer`
    tells that Meta answered at all, `is_away` that it or its service was not there: nothing is said of what was asked.
    """

    def __init__(
        self,
        detail: str,
        *,
        again: bool,
        code: int | None = None,
        bars: bool = False,
        is_answer: bool = False,
        is_away: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail, self.again, self.code, self.bars = detail, again, code, bars
        self.is_answer, self.is_away = is_answer, is_away

    @property
    def reason(self) -> Reason:
        """Why it failed, as a message's story tells it."""
        return Reason(self.detail, None if self.code is None else str(self.code))

    @property
    def is_throttled(self) -> bool:
        """Whether Meta wants less of the number for now."""
        return self.code is not None and lookup(self.code).outcome is OutcomeClass.THROTTLED


class Number(msgspec.Struct, frozen=True):
    """Which phone number a phone_number_id is, and whether its phone app uses it, too (coexistence)."""

    display_phone_number: str
    is_on_biz_app: bool = False

    @property
    def messages_per_second(self) -> float:
        """How many messages a second Meta lets it send."""
        return COEXISTING_MESSAGES_PER_SECOND if self.is_on_biz_app else MESSAGES_PER_SECOND


def _nothing() -> None:
    """Do not mind."""


class Graph:
    """Speaks Meta's language for every account; make it with `open_graph`."""

    def __init__(self, session: aiohttp.ClientSession, doubted: frozenset[int]) -> None:
        self._session, self._doubted = session, doubted

    async def send(
        self,
        account: Credentials,
        phone_number_id: str,
        message: MessageSend,
        *,
        on_left: Callable[[], None] = _nothing,
    ) -> Outcome:
        """Hand one message to Meta and return what is known of it afterwards; raises nothing but cancellation.

        `on_left` is called when the first byte is about to be on its way.
        """
        trace = SimpleNamespace(left=False, on_left=on_left)
        try:
            async with self._session.post(
                _messages(account.graph_url, phone_number_id, account.app_secret, account.access_token),
                data=BytesPayload(encode_send(message), content_type="application/json"),
                headers=_bearer(account.access_token),
                allow_redirects=False,
                trace_request_ctx=trace,
            ) as response:
                body = await _read(response, _ANSWER_MAX)
                crashpoint("send_after_answer")
                return classify(response.status, body, doubted=self._doubted)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = type(error).__name__
            if trace.left:
                return Ambiguous(f"The connection to WhatsApp broke after the request had begun ({what}).")
            return NotSent(f"WhatsApp could not be reached ({what}).")

    async def upload(
        self,
        account: Credentials,
        phone_number_id: str,
        pieces: AsyncGenerator[bytes, None],
        *,
        size_bytes: int,
        mime_type: str,
    ) -> str:
        """Upload what `pieces` bring, `size_bytes` in all, for one number and return the media id Meta gives it.

        An upload that nobody uses reaches nobody. Whatever `pieces` raise is raised.

        Raises:
            GraphCallError: Meta refused the bytes, or could not be reached.
        """
        async with _Part(pieces, size_bytes, mime_type) as part:
            form = aiohttp.FormData()
            form.add_field("messaging_product", "whatsapp")
            form.add_field("type", mime_type)
            form.add_field("file", part, filename="picture." + mime_type.rpartition("/")[2])
            body = await self._ask("POST", f"{account.graph_url}/{phone_number_id}/media", account, data=form)
        try:
            return decode_upload_answer(body).id
        except msgspec.DecodeError as error:
            raise GraphCallError("WhatsApp's answer to the upload names no media id.", again=True) from error

    async def mark_read(self, account: Credentials, phone_number_id: str, wamid: str) -> None:
        """Let a person see that their message was read; to do so again changes nothing.

        Raises:
            GraphCallError: Meta refused it, or could not be reached.
        """
        mark = BytesPayload(encode_read_mark(ReadMark(message_id=wamid)), content_type="application/json")
        url = f"{account.graph_url}/{phone_number_id}/messages"
        try:
            await self._ask("POST", url, account, data=mark, timeout=_MARK_TIMEOUT)
        except GraphCallError as error:
            if error.code not in _NO_SUCH_MESSAGE:
                raise
            detail = f"It knows no such message of the last {READ_MARK_LIFE.days} days."
            raise GraphCallError(detail, again=False, code=error.code) from error

    async def number(self, account: Credentials, phone_number_id: str) -> Number:
        """Ask which phone number a phone_number_id is; raises `GraphCallError`."""
        params = {"fields": ",".join(Number.__struct_fields__)}
        body = await self._ask("GET", f"{account.graph_url}/{phone_number_id}", account, params=params)
        try:
            return msgspec.json.decode(body, type=Number)
        except msgspec.DecodeError as error:
            raise GraphCallError("WhatsApp does not tell the number's digits.", again=True) from error

    async def read(
        self, account: Credentials, path: str, params: dict[str, str], *, bearer: Secret | None = None
    ) -> bytes:
        """Return what is told at a path of Graph's, asked with `bearer` or the account's token.

        Raises:
            GraphCallError: it was refused, or Meta could not be reached.
        """
        url = f"{account.graph_url}/{path}"
        return await self._ask("GET", url, account, bearer=bearer, params=params)

    async def date(self, account: Credentials) -> str:
        """Return the Date header of an answer of Graph's, whatever it answers; raises `GraphCallError`."""
        try:
            async with self._session.get(
                account.graph_url, allow_redirects=False, trace_request_ctx=SimpleNamespace(on_left=_nothing)
            ) as answer:
                return answer.headers.get("Date", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = type(error).__name__
            raise GraphCallError(f"WhatsApp could not be reached ({what}).", again=True, is_away=True) from error

    async def describe(self, account: Credentials, phone_number_id: str, media_id: str) -> MediaDescription:
        """Ask for a fresh URL of a media id; raises `GraphCallError`."""
        params = {"phone_number_id": phone_number_id}
        body = await self._ask("GET", f"{account.graph_url}/{media_id}", account, params=params)
        try:
            return decode_description(body)
        except msgspec.DecodeError as error:
            raise GraphCallError("WhatsApp's description of the picture cannot be read.", again=True) from error

    async def download(self, account: Credentials, url: str) -> AsyncGenerator[bytes, None]:
        """Give media bytes from a URL of Meta's as they come, 100 MB of them at most.

        Raises:
            GraphCallError: Meta refused or broke off, or the token may not be shown to that host.
        """
        if not _may_see_token(account, url):
            raise GraphCallError(
                "The picture's URL does not point to a host of WhatsApp's, so it was not opened.", again=False
            )
        size = 0
        async with self._opened("GET", url, account) as response:
            async for piece in response.content.iter_chunked(_PIECE_BYTES):
                size += len(piece)
                if size > MEDIA_MAX_BYTES:
                    raise GraphCallError(f"The picture has more than {MEDIA_MAX_BYTES:,} bytes.", again=False)
                yield piece

    async def _ask(
        self, method: str, url: str, account: Credentials, *, bearer: Secret | None = None, **request: Any
    ) -> bytes:
        if bearer is None:
            request["params"] = {**request.get("params", {}), **_proof(account.app_secret, account.access_token)}
        async with self._opened(method, url, account, bearer=bearer, **request) as response:
            return await _read(response, _ANSWER_MAX)

    @asynccontextmanager
    async def _opened(
        self, method: str, url: str, account: Credentials, *, bearer: Secret | None = None, **request: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a call that Meta answers with 200; every way in which it goes wrong is told as a `GraphCallError`."""
        try:
            async with self._session.request(
                method,
                url,
                headers=_bearer(bearer or account.access_token),
                allow_redirects=False,
                trace_request_ctx=SimpleNamespace(on_left=_nothing),
                **request,
            ) as response:
                if response.status != _OK:
                    raise _refusal(response.status, await _read(response, _ANSWER_MAX))
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            what = type(error).__name__
            raise GraphCallError(f"WhatsApp could not be reached ({what}).", again=True, is_away=True) from error


class _Part(AsyncIterablePayload):
    """The file of a form, read as it leaves; enter it as a context.

    Its length is told beforehand, so that the request has a Content-Length. An HTTP client reports a body that cannot
    be read as a connection that failed: what its reading raised is raised at the end instead.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], size_bytes: int, mime_type: str) -> None:
        self._reading, self._pieces = cast("AsyncGeneratorType[bytes, None]", self._watched()), pieces
        self._trouble: Exception | None = None
        super().__init__(self._reading, content_type=mime_type)
        self._size = size_bytes

    async def _watched(self) -> AsyncGenerator[bytes, None]:
        try:
            async for piece in self._pieces:
                yield piece
        except Exception as error:
            self._trouble = error
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # The client reads in a task of its own. Where that is in the middle of it, it has been cancelled, and ends it.
        if not self._reading.ag_running:
            await self._reading.aclose()
            await self._pieces.aclose()
        if self._trouble is not None and isinstance(error, GraphCallError):
            raise self._trouble


def _bearer(token: Secret) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.reveal()}", "Accept-Encoding": "identity"}


def _proof(app_secret: Secret, access_token: Secret) -> dict[str, str]:
    """Prove that the caller holds the app secret too (Graph API, "Securing requests")."""
    key, token = app_secret.reveal().encode(), access_token.reveal().encode()
    return {"appsecret_proof": hmac.digest(key, token, "sha256").hex()}


@lru_cache(maxsize=1024)
def _messages(graph_url: str, phone_number_id: str, app_secret: Secret, access_token: Secret) -> str:
    """Return where a number's sends go to; it is the same for all of them, and putting it together costs a tenth."""
    return f"{graph_url}/{phone_number_id}/messages?{urlencode(_proof(app_secret, access_token))}"


def _may_see_token(account: Credentials, url: str) -> bool:
    try:
        asked, graph = urlsplit(url), urlsplit(account.graph_url)
        if (asked.scheme, asked.hostname, asked.port) == (graph.scheme, graph.hostname, graph.port):
            return asked.username is None
        host, port = asked.hostname or "", asked.port
    except ValueError:
        return False
    return (
        account.environment == "live"
        and asked.scheme == "https"
        and port in {None, 443}
        and asked.username is None
        and _META_HOSTS.fullmatch(host) is not None
    )


def _refusal(status: int, body: bytes) -> GraphCallError:
    error = decode_error(body)
    if error is None:
        is_away = status >= _SERVERS_FAULT
        return GraphCallError(f"WhatsApp answered HTTP {status}.", again=True, is_answer=True, is_away=is_away)
    outcome = lookup(error.code).outcome
    # Which media failures pass by themselves is not documented; all but a refused token or permission are tried again.
    return GraphCallError(
        explain(error.code, error.details or error.message),
        again=status not in {401, 403},
        code=error.code,
        bars=outcome is OutcomeClass.BARRED,
        is_answer=True,
        is_away=outcome is OutcomeClass.NOT_PROCESSED,
    )


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read the whole body; one that is longer than `limit` is as unreadable as one that was cut off."""
    chunks, size = [], 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > limit:
            raise aiohttp.ClientPayloadError(f"more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


@asynccontextmanager
async def open_graph(
    *,
    patience: aiohttp.ClientTimeout = _TIMEOUT,
    doubted: frozenset[int] = frozenset(),
    idle_s: float = _IDLE_SECONDS,
) -> AsyncIterator[Graph]:
    """Open the process's client: no proxy from the environment, no redirects, no cookies, no retries.

    A connection must stand within 5 seconds and a call be over within 30, unless `patience` says otherwise; one that
    is idle for `idle_s` is closed. For `doubted` see `classify`.
    """

    async def left(_session: object, context: Any, _params: object) -> None:
        context.trace_request_ctx.left = True
        crashpoint("send_at_request")
        context.trace_request_ctx.on_left()

    trace = aiohttp.TraceConfig()
    # Headers are written first: before this signal not one byte of the request has left.
    trace.on_request_headers_sent.append(left)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=idle_s),
        timeout=patience,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        trace_configs=[trace],
    ) as session:
        yield Graph(session, doubted)
