"""The two clients: what can be done is written once, in the modules of this room, and done here in two ways.

with Client("http://127.0.0.1:8080", key) as picha:
    sent = picha.send_image(to="255712345678", image="receipt.jpg", caption="Your receipt")
    picha.wait(sent.message_id, until="delivered")

async with AsyncClient("http://127.0.0.1:8080", key) as picha:
    sent = await picha.send_image(to="255712345678", image="receipt.jpg", caption="Your receipt")
    await picha.wait(sent.message_id, until="delivered")
"""

import functools
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from picha.kit.clock import SystemClock
from picha.kit.ids import Ids
from picha.sdk import batches as _batch
from picha.sdk import conversations as _thread
from picha.sdk import endpoints as _endpoint
from picha.sdk import feed
from picha.sdk import media as _picture
from picha.sdk import messages as _message
from picha.sdk import senders as _number
from picha.sdk import templates as _form
from picha.sdk.aside import Aside
from picha.sdk.errands import Errand, Tools
from picha.sdk.feed import Feed, Placed
from picha.sdk.line import Line
from picha.sdk.pages import Parts
from picha.sdk.told import Event

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_S = 30.0
"""How long one request may take, unless a client says otherwise; one that carries a picture may take ten minutes."""


def _now(errand: Callable[Concatenate[Tools, P], Errand[T]]) -> "Callable[Concatenate[Client, P], T]":
    @functools.wraps(errand)
    def done(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.run(errand(client.tools, *args, **kwargs))

    return done


def _each(errand: Callable[Concatenate[Tools, P], Parts[T]]) -> "Callable[Concatenate[Client, P], Iterator[T]]":
    @functools.wraps(errand)
    def done(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return _one_by_one(client, errand(client.tools, *args, **kwargs))

    return done


def _one_by_one(client: "Client", parts: Parts[T]) -> Iterator[T]:
    while (part := client.run(parts.following())) is not None:
        yield from part


def _followed(errand: Callable[Concatenate[Tools, P], Feed]) -> "Callable[Concatenate[Client, P], Events]":
    @functools.wraps(errand)
    def done(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Events:
        return Events(client, errand(client.tools, *args, **kwargs))

    return done


class Events(Iterator[Event]):
    """Events one by one; leave them with `close`, or in a `with` statement, where they would go on for ever."""

    def __init__(self, client: "Client", feed: Feed) -> None:
        self._client, self._feed, self._ready = client, feed, deque[Placed]()

    @property
    def cursor(self) -> str | None:
        """Where to go on from, once the last event that was given is handled."""
        return self._feed.cursor

    @property
    def has_gap(self) -> bool:
        """Whether the cursor was older than what is kept, so that events may be missed."""
        return self._feed.has_gap

    def __next__(self) -> Event:
        while not self._ready:
            part = self._client.run(self._feed.following())
            if part is None:
                raise StopIteration
            self._ready.extend(part)
        event, cursor = self._ready.popleft()
        self._feed.cursor = cursor or self._feed.cursor
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Listen no more."""
        self._client.run(self._feed.leave())


class Client:
    """A gateway, for programs without an event loop; any thread may use it.

    `url` is the gateway's address and `key` an API key. One request takes `timeout` seconds at most. What fails for a
    moment is asked again `retries` times, under one idempotency key, with pauses of at most `patience` seconds. Close
    it, or use it in a `with` statement. The work is done in a thread, which begins with the first call, and anew in a
    forked child.
    """

    def __init__(
        self, url: str, key: str, *, timeout: float = TIMEOUT_S, retries: int = 3, patience: float = 60.0
    ) -> None:
        self.tools = _tools(retries, patience)
        self._aside = Aside(lambda: Line(url, key, timeout))
        # Also for those who forget to close it.
        self._end = weakref.finalize(self, self._aside.close)

    def run(self, errand: Errand[T]) -> T:
        """Run an errand, such as one of your own that is made of those of this room."""
        return self._aside.run(errand)

    def close(self) -> None:
        """End all connections; what is asked afterwards raises `RuntimeError`."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    send_image = _now(_message.send_image)
    send_text = _now(_message.send_text)
    send_template = _now(_message.send_template)
    get = _now(_message.get)
    wait = _now(_message.wait)
    messages = _each(_message.messages)
    timeline = _now(_message.timeline)
    cancel = _now(_message.cancel)
    resend = _now(_message.resend)
    mark_read = _now(_message.mark_read)

    send_batch = _now(_batch.send_batch)
    batch = _now(_batch.batch)
    batch_results = _each(_batch.batch_results)
    wait_batch = _now(_batch.wait_batch)
    cancel_batch = _now(_batch.cancel_batch)

    upload = _now(_picture.upload)
    media = _now(_picture.media)
    content = _now(_picture.content)
    thumbnail = _now(_picture.thumbnail)
    delete_media = _now(_picture.delete_media)

    conversations = _each(_thread.conversations)
    conversation = _now(_thread.conversation)
    summary = _now(_thread.summary)
    mark_conversation_read = _now(_thread.mark_conversation_read)
    delete_conversation = _now(_thread.delete_conversation)

    senders = _now(_number.senders)
    sender = _now(_number.sender)
    change_sender = _now(_number.change_sender)
    pause = _now(_number.pause)
    resume = _now(_number.resume)
    flush = _now(_number.flush)
    notices = _each(_number.notices)
    templates = _each(_form.templates)
    template = _now(_form.template)

    webhooks = _now(_endpoint.webhooks)
    webhook = _now(_endpoint.webhook)
    create_webhook = _now(_endpoint.create_webhook)
    change_webhook = _now(_endpoint.change_webhook)
    delete_webhook = _now(_endpoint.delete_webhook)
    webhook_secret = _now(_endpoint.webhook_secret)
    rotate_webhook_secret = _now(_endpoint.rotate_webhook_secret)
    webhook_stats = _now(_endpoint.webhook_stats)
    try_webhook = _now(_endpoint.try_webhook)
    deliveries = _each(_endpoint.deliveries)
    delivery = _now(_endpoint.delivery)
    retry_delivery = _now(_endpoint.retry_delivery)
    retry_deliveries = _now(_endpoint.retry_deliveries)
    whoami = _now(_number.whoami)

    events = _followed(feed.events)


def _soon(
    errand: Callable[Concatenate[Tools, P], Errand[T]],
) -> "Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]":
    @functools.wraps(errand)
    async def done(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.run(errand(client.tools, *args, **kwargs))

    return done


def _each_soon(
    errand: Callable[Concatenate[Tools, P], Parts[T]],
) -> "Callable[Concatenate[AsyncClient, P], AsyncIterator[T]]":
    @functools.wraps(errand)
    def done(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return _one_by_one_soon(client, errand(client.tools, *args, **kwargs))

    return done


async def _one_by_one_soon(client: "AsyncClient", parts: Parts[T]) -> AsyncIterator[T]:
    while (part := await client.run(parts.following())) is not None:
        for one in part:
            yield one


def _followed_soon(
    errand: Callable[Concatenate[Tools, P], Feed],
) -> "Callable[Concatenate[AsyncClient, P], AsyncEvents]":
    @functools.wraps(errand)
    def done(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> AsyncEvents:
        return AsyncEvents(client, errand(client.tools, *args, **kwargs))

    return done


class AsyncEvents(AsyncIterator[Event]):
    """Events one by one; leave them with `close`, or `async with`, where they would go on for ever."""

    def __init__(self, client: "AsyncClient", feed: Feed) -> None:
        self._client, self._feed, self._ready = client, feed, deque[Placed]()

    @property
    def cursor(self) -> str | None:
        """Where to go on from, once the last event that was given is handled."""
        return self._feed.cursor

    @property
    def has_gap(self) -> bool:
        """Whether the cursor was older than what is kept, so that events may be missed."""
        return self._feed.has_gap

    async def __anext__(self) -> Event:
        while not self._ready:
            part = await self._client.run(self._feed.following())
            if part is None:
                raise StopAsyncIteration
            self._ready.extend(part)
        event, cursor = self._ready.popleft()
        self._feed.cursor = cursor or self._feed.cursor
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Listen no more."""
        await self._client.run(self._feed.leave())


class AsyncClient:
    """A gateway, for programs with an event loop; see `Client`. One loop uses it, and closes it."""

    def __init__(
        self, url: str, key: str, *, timeout: float = TIMEOUT_S, retries: int = 3, patience: float = 60.0
    ) -> None:
        self.tools = _tools(retries, patience)
        self._line = Line(url, key, timeout)

    async def run(self, errand: Errand[T]) -> T:
        """Run an errand, such as one of your own that is made of those of this room."""
        return await self._line.drive(errand)

    async def close(self) -> None:
        """End all connections; what is asked afterwards opens new ones."""
        await self._line.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    send_image = _soon(_message.send_image)
    send_text = _soon(_message.send_text)
    send_template = _soon(_message.send_template)
    get = _soon(_message.get)
    wait = _soon(_message.wait)
    messages = _each_soon(_message.messages)
    timeline = _soon(_message.timeline)
    cancel = _soon(_message.cancel)
    resend = _soon(_message.resend)
    mark_read = _soon(_message.mark_read)

    send_batch = _soon(_batch.send_batch)
    batch = _soon(_batch.batch)
    batch_results = _each_soon(_batch.batch_results)
    wait_batch = _soon(_batch.wait_batch)
    cancel_batch = _soon(_batch.cancel_batch)

    upload = _soon(_picture.upload)
    media = _soon(_picture.media)
    content = _soon(_picture.content)
    thumbnail = _soon(_picture.thumbnail)
    delete_media = _soon(_picture.delete_media)

    conversations = _each_soon(_thread.conversations)
    conversation = _soon(_thread.conversation)
    summary = _soon(_thread.summary)
    mark_conversation_read = _soon(_thread.mark_conversation_read)
    delete_conversation = _soon(_thread.delete_conversation)

    senders = _soon(_number.senders)
    sender = _soon(_number.sender)
    change_sender = _soon(_number.change_sender)
    pause = _soon(_number.pause)
    resume = _soon(_number.resume)
    flush = _soon(_number.flush)
    notices = _each_soon(_number.notices)
    templates = _each_soon(_form.templates)
    template = _soon(_form.template)

    webhooks = _soon(_endpoint.webhooks)
    webhook = _soon(_endpoint.webhook)
    create_webhook = _soon(_endpoint.create_webhook)
    change_webhook = _soon(_endpoint.change_webhook)
    delete_webhook = _soon(_endpoint.delete_webhook)
    webhook_secret = _soon(_endpoint.webhook_secret)
    rotate_webhook_secret = _soon(_endpoint.rotate_webhook_secret)
    webhook_stats = _soon(_endpoint.webhook_stats)
    try_webhook = _soon(_endpoint.try_webhook)
    deliveries = _each_soon(_endpoint.deliveries)
    delivery = _soon(_endpoint.delivery)
    retry_delivery = _soon(_endpoint.retry_delivery)
    retry_deliveries = _soon(_endpoint.retry_deliveries)
    whoami = _soon(_number.whoami)

    events = _followed_soon(feed.events)


def _tools(retries: int, patience_s: float) -> Tools:
    if retries < 0 or patience_s < 0:
        raise ValueError("retries and patience are not negative.")
    return Tools(clock=SystemClock(), ids=Ids(), retries=retries, patience_s=patience_s)
