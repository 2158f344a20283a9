"""A few child processes that open pictures, so that a bomb, a hang or a crash never touches the program itself.

Children are started when they are first needed, kept warm, and replaced after so many pictures. Threads talk to them:
the event loop only waits.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Self, TypeVar

from picha.images.child import CPU_MAX_S, Job, Outcome, read, write
from picha.images.facts import Flaw
from picha.kit.logs import logger

# A picture of more pixels than this is given the room of two.
HEAVY_PIXELS = 25_000_000
# Seconds that one picture may take, whatever it waits for.
WALL_MAX_S = 30.0
P = ParamSpec("P")
R = TypeVar("R")

_REMEDY = "Open it in an image editor and save it anew, as a JPEG with fewer pixels."
# Which may be the machine's fault: another time it may be opened.
TOO_HARD = Flaw(
    "too_hard", "The picture could not be opened within the memory and time that one picture is given.", _REMEDY
)
# Which is the picture's own: computing is counted, and not what it waited for.
TOO_SLOW = Flaw(
    "too_hard", f"The picture takes more than the {CPU_MAX_S} seconds of computing that one picture is given.", _REMEDY
)


class CrowdedError(Exception):
    """So many pictures wait to be opened already that another would wait too long."""


class _Child:
    """One child process; its methods block, and are called in threads."""

    def __init__(self) -> None:
        # An empty environment: a picture that takes a decoder over finds no secrets there.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "picha.images.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
        )
        self.jobs = 0

    def ask(self, job: Job) -> Outcome | None:
        """Return what came of `job`, or None when the child died of it."""
        pipes = self._process.stdin, self._process.stdout
        assert pipes[0] is not None and pipes[1] is not None  # noqa: S101, PT018 - both were asked for above
        self.jobs += 1
        try:
            write(pipes[0], job)
            outcome = read(pipes[1], Outcome)
        except OSError:
            outcome = None
        if outcome is None:
            self.close()
        return outcome

    @property
    def has_run_out(self) -> bool:
        """Whether it was ended because a picture took more computing than it may."""
        return self._process.returncode == -signal.SIGXCPU

    def kill(self) -> None:
        """End it at once, whatever it does; the thread that waits for its answer gets none."""
        self._process.kill()

    def close(self) -> None:
        """End it and wait until it is gone."""
        self._process.kill()
        with contextlib.suppress(OSError):  # what it was still to read is of no use any more
            self._process.communicate()


class Workshop:
    """Opens pictures in at most `children` processes at a time; enter it as a context.

    One picture may take `patience_s` seconds, and `waiting_max` may wait their turn. After `jobs_max` pictures another
    child takes a child's place, which bounds what a leak in a decoder can cost.
    """

    def __init__(
        self, *, children: int = 2, waiting_max: int = 256, patience_s: float = WALL_MAX_S, jobs_max: int = 200
    ) -> None:
        self._children, self._waiting_max, self._patience_s, self._jobs_max = (
            children,
            waiting_max,
            patience_s,
            jobs_max,
        )
        self._slots = asyncio.Semaphore(children)
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._idle: list[_Child] = []
        self._threads = ThreadPoolExecutor(children, thread_name_prefix="picture")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        idle, self._idle = self._idle, []
        for child in idle:
            await self._run(child.close)
        self._threads.shutdown(wait=False)

    async def do(self, job: Job) -> Outcome:
        """Do a job in a child, and return what came of it; one that no child survives has the flaw `too_hard`.

        Raises:
            CrowdedError: too many wait already.
        """
        async with self._room(min(2 if job.pixels > HEAVY_PIXELS else 1, self._children)):
            # A child may have died of something else than this picture; one that dies of it twice has died of it.
            return await self._once(job) or await self._once(job) or Outcome(flaws=(TOO_HARD,))

    @contextlib.asynccontextmanager
    async def _room(self, share: int) -> AsyncIterator[None]:
        """Wait for `share` slots. Those who wait stand in line: two who need two must not hold one each."""
        if self._waiting >= self._waiting_max:
            raise CrowdedError
        held = 0
        self._waiting += 1
        try:
            try:
                async with self._turn:
                    while held < share:
                        await self._slots.acquire()
                        held += 1
            finally:
                self._waiting -= 1
            yield
        finally:
            for _ in range(held):
                self._slots.release()

    async def _once(self, job: Job) -> Outcome | None:
        """Return what came of `job` in one child, or None when the child died; one that hangs is ended."""
        child = self._idle.pop() if self._idle else await self._started()
        asking = asyncio.ensure_future(self._run(child.ask, job))
        try:
            outcome = await asyncio.wait_for(asyncio.shield(asking), self._patience_s)
        except TimeoutError:
            child.kill()
            if outcome := await asking:  # in the last moment
                await self._run(child.close)
            return outcome or Outcome(flaws=(TOO_HARD,))
        except asyncio.CancelledError:
            child.kill()
            raise
        if outcome is None:
            logger("images").warning("a child that opens pictures died", jobs=child.jobs, ran_out=child.has_run_out)
            return Outcome(flaws=(TOO_SLOW,)) if child.has_run_out else None
        if child.jobs < self._jobs_max:
            self._idle.append(child)
        else:
            await self._run(child.close)
        return outcome

    async def _started(self) -> _Child:
        """Return a new child; whoever goes away meanwhile leaves it to the next."""
        starting = asyncio.ensure_future(self._run(_Child))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._idle.append(await starting)
            raise

    async def _run(self, work: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments, **named))
