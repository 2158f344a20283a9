"""Work that goes on beside the requests, kept hold of, and heard of when it breaks."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from picha.kit.logs import logger

_log = logger("sandbox")
_Arguments = ParamSpec("_Arguments")
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


async def in_thread(deed: Callable[_Arguments, _Made], *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Made:
    """Do a deed in a thread; a cancelled caller goes only when the deed is over, so that nothing writes unwatched."""
    thread = asyncio.ensure_future(asyncio.to_thread(deed, *args, **kwargs))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait((thread,))
        raise
