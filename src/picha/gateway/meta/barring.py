"""What is done when Meta refuses a number's token: all else would be refused too, until somebody puts it right."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from picha.gateway.metrics import PAUSES
from picha.gateway.store.numbers import PausedFor
from picha.kit.logs import logger

Pause = Callable[[UUID, PausedFor], Awaitable[bool]]


async def bar(pause: Pause, sender: UUID, code: int | str | None) -> None:
    """Pause a number whose token Meta refused with `code`, and raise the alarm if it was sending until now."""
    if await pause(sender, "token"):
        PAUSES.labels("token").inc()
        logger("meta").error(
            "WhatsApp refuses the number's token, so the number is paused: store a new token, then it goes on",
            sender=str(sender),
            code=str(code),
        )
