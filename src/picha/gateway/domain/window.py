"""The customer service window: 24 hours from what the customer last sent."""

from datetime import datetime, timedelta

CLOSED = (
    "The 24-hour window with this customer is closed: a message may go out only within 24 hours of what the customer "
    "last wrote. Wait for the customer to write, or open the conversation with a template."
)


def closes_at(provider_at: datetime, received_at: datetime, length: timedelta) -> datetime:
    """Return when the window opened by one inbound message ends.

    The earlier of the provider's time and our own counts, so that a webhook that was retried for hours opens no
    longer window than Meta grants, and a provider's clock that runs ahead opens none either.
    """
    return min(provider_at, received_at) + length


def is_open(window_until: datetime | None, now: datetime, *, margin: timedelta = timedelta(0)) -> bool:
    """Tell whether free-form messages may go out at `now`; with `margin`, whether that long a time is still left."""
    return window_until is not None and now + margin < window_until
