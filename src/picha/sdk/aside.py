"""A line in an event loop in a thread of its own, for programs that have no loop."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TypeVar

from picha.sdk.errands import Errand
from picha.sdk.line import Line

T = TypeVar("T")
_CLOSED = "This client is closed."


@dataclass(frozen=True, slots=True)
class _Running:
    pid: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    line: Line


class Aside:
    """Runs errands for any thread that waits for them; `made` makes its line."""

    def __init__(self, made: Callable[[], Line]) -> None:
        self._made, self._line = made, made()
        self._lock, self._is_closed = threading.Lock(), False
        self._running: _Running | None = None
        self._left: list[_Running] = []

    def run(self, errand: Errand[T]) -> T:
        """Run an errand and return what it comes to; who stops waiting, as by Ctrl-C, ends it."""
        with self._lock:
            running = self._started()
            future = asyncio.run_coroutine_threadsafe(running.line.drive(errand), running.loop)
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError(_CLOSED) from None
        finally:
            future.cancel()

    def close(self) -> None:
        """End all connections and the thread; who waits for something is told."""
        with self._lock:
            self._is_closed = True
            running, self._running = self._running, None
        if running is None or running.pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(_ended(running.line), running.loop).result()
        running.loop.call_soon_threadsafe(running.loop.stop)
        running.thread.join()
        running.loop.close()

    def _started(self) -> _Running:
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        running = self._running
        if running is not None and running.pid != os.getpid():
            # In a forked child the thread is not there. What was its parent's is kept, and not touched.
            self._left.append(running)
            running, self._line = None, self._made()
        if running is None:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="picha-sdk", daemon=True)
            thread.start()
            running = self._running = _Running(os.getpid(), loop, thread, self._line)
        return running


async def _ended(line: Line) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await line.close()
