"""Decoding in a child process with limits, for commands that do one thing after the other."""

import asyncio
from types import TracebackType
from typing import Self

from picha.images.facts import Unusable
from picha.images.probe import probe
from picha.images.redraw import Redrawn
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

    def check_pixels(self, data: bytes) -> None:
        """Decode a picture once.

        Raises:
            Unusable: its pixel data are broken, or took more memory or time than one picture is given.
        """
        if flaws := self._loop.run(self._shop.check(data, probe(data))).flaws:
            raise Unusable(flaws)

    def redraw(self, data: bytes, *, max_bytes: int) -> Redrawn:
        """Decode a picture and save it anew.

        Raises:
            Unusable: as `check_pixels`, and when it cannot be made small enough.
        """
        outcome = self._loop.run(self._shop.redraw(data, probe(data), max_bytes=max_bytes))
        if outcome.flaws:
            raise Unusable(outcome.flaws)
        return Redrawn(data=outcome.data, changes=tuple(outcome.changes))
