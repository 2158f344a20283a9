"""What the streams of events of one process share."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from picha.gateway.lanes.doorbell import Doorbell

STREAMS_MAX = 64


class Feed:
    """The streams of one process: how many there are, what wakes them, and what ends them all."""

    def __init__(self, bell: Doorbell) -> None:
        self.bell = bell
        self.stopping = asyncio.Event()
        self._streams = 0

    @property
    def is_full(self) -> bool:
        """Whether there are as many as one process serves."""
        return self._streams >= STREAMS_MAX

    @contextmanager
    def seat(self) -> Iterator[None]:
        """Count one stream as long as it lasts."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
