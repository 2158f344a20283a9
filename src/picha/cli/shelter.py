"""Decoding in a child process with limits, for commands that do one thing after the other."""

import asyncio
from types import TracebackType
from typing import Self

from picha.images.child import Job, Outcome
from picha.images.workers import Workshop


class Shelter:
    """One child that opens pictures, so that one that takes it down takes nothing else; enter it as a context."""

    def __enter__(self) -> Self:
        self._loop = asyncio.Runner()
        self._shop = Workshop(children=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._shop.__aexit__(kind, error, trace))
        self._loop.close()

    def do(self, job: Job) -> Outcome:
        """Do a job, and return what came of it."""
        return self._loop.run(self._shop.do(job))
