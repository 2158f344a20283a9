"""How long a fetch is waited for: one timer that is set anew at each step and never past the end of the whole."""

import asyncio
from types import TracebackType
from typing import Self

from picha.egress.errors import Unreachable
from picha.egress.policy import Policy


class Patience:
    """An asynchronous context that ends its body when the step at hand, or the whole fetch, takes too long.

    One object serves all hops of a fetch: `total_s` counts over all of them, without what is waited for a place here.
    On expiry `Unreachable` is raised with a sentence for the step that ran out.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._loop = asyncio.get_running_loop()
        self._left = policy.total_s
        self._end = 0.0
        self._timer = asyncio.timeout_at(None)
        self._verdict = self._too_long = Unreachable("timeout", f"The whole took more than {policy.total_s:g} s")
        self._body_began = 0.0

    async def __aenter__(self) -> Self:
        await self._timer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timer.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._verdict from None

    @property
    def left_s(self) -> float:
        """How many seconds the whole may still take, while it rests."""
        return self._left

    def resting(self) -> None:
        """A hop is over, or none has begun: the wait for a place here is nobody's fault, and is not counted."""
        if self._end:
            self._left = self._end - self._loop.time()
        self._timer.reschedule(None)

    def connecting(self) -> None:
        """A hop begins: its name and its connection get `connect_s` together."""
        self._end = self._loop.time() + self._left
        # The same words as for a refused connection: the difference would tell which ports a firewall hides.
        self._wait(self._policy.connect_s, Unreachable("connect", "No connection could be made to the server"))

    def answering(self) -> None:
        """The connection stands: status and headers get `first_byte_s`."""
        patience = self._policy.first_byte_s
        self._wait(patience, Unreachable("timeout", f"The server did not answer within {patience:g} s"))

    def reading(self, received: int) -> None:
        """The body has `received` bytes: the next must come before the average falls under the minimum rate."""
        if not received:
            self._body_began = self._loop.time()
        earned = max(self._policy.rate_grace_s, received / self._policy.min_rate)
        slow = Unreachable("slow", f"The server sent fewer than {self._policy.min_rate:,} bytes a second")
        self._wait(self._body_began + earned - self._loop.time(), slow)

    def _wait(self, seconds: float, verdict: Unreachable) -> None:
        until = self._loop.time() + seconds
        self._verdict = verdict if until < self._end else self._too_long
        self._timer.reschedule(min(until, self._end))
