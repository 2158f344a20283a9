"""Work that goes on beside the requests, kept hold of, and heard of when it breaks."""

import asyncio
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar, TypeVarTuple, Unpack

from picha.kit.logs import logger

_log = logger("sandbox")
_Arguments = TypeVarTuple("_Arguments")
_Made = TypeVar("_Made")


class Background:
    """A set of running tasks; `trouble` is what the log says when one of them ends with an exception."""

    def __init__(self, trouble: str) -> None:
        self._trouble = trouble
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let `work` run."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Stop everything and wait until it has stopped."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (why := task.exception()) is not None:
            _log.error(self._trouble, exc_info=why)


async def in_thread(deed: Callable[[Unpack[_Arguments]], _Made], *args: *_Arguments) -> _Made:
    """Do a deed in a thread; a cancelled caller goes only when the deed is over, so that nothing writes unwatched."""
    return await _over(asyncio.get_running_loop().run_in_executor(None, deed, *args))


class Hand:
    """A thread of its own that does one deed after the other; its hand-over costs half of what a pool's does."""

    def __init__(self) -> None:
        self._deeds: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    async def tried(self, deed: Callable[[Unpack[_Arguments]], None], *args: *_Arguments) -> Exception | None:
        """Do a deed and return what went wrong; a cancelled caller goes only when it is over."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Exception | None] = loop.create_future()

        def do() -> None:
            failure = None
            try:
                deed(*args)
            except Exception as why:  # noqa: BLE001 - the caller hears of it, whatever it is
                failure = why
            loop.call_soon_threadsafe(over.set_result, failure)

        self._deeds.put(do)
        return await _over(over)

    def close(self) -> None:
        """End the thread, once everything is done."""
        self._deeds.put(None)
        self._thread.join()

    def _work(self) -> None:
        for deed in iter(self._deeds.get, None):
            deed()


async def _over(done: asyncio.Future[_Made]) -> _Made:
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait((done,))
        raise
