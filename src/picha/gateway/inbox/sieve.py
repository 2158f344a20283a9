"""Which conversations somebody looks at, as the address of the page says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from starlette.datastructures import QueryParams

from picha.gateway.inbox.visit import NOT_THERE
from picha.gateway.store.inbox_list import Row
from picha.gateway.store.threads import Which

PAGE, IDS_MAX = 50, 100
SEARCH_MAX = 100
_WHICH: Mapping[str, Which] = {"all": "all", "open": "open", "unread": "unread"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sieve:
    """Which conversations are listed: those of one kind, with a text in their name or number, of one of our numbers.

    `shows_numbers` tells whether people's numbers are shown in full. `before` is the place in the list behind which it
    goes on, and with `ids` it is those of these threads that fit.
    """

    which: Which = "all"
    search: str = ""
    sender: UUID | None = None
    shows_numbers: bool = False
    before: tuple[datetime, UUID] | None = None
    ids: tuple[UUID, ...] | None = None

    def told(self, **other: str) -> dict[str, str]:
        """Return what says the same in an address, or what `other` says instead; empty says it all."""
        here = {"show": self.which, "search": self.search, "sender": str(self.sender or "")} | other
        return {name: value for name, value in here.items() if value and (name, value) != ("show", "all")}

    def query(self, **other: str) -> str:
        """Return the part of an address that says so."""
        told = self.told(**other)
        return f"?{urlencode(told)}" if told else ""


def read(query: QueryParams) -> Sieve:
    """Read what an address asks for; what nothing means is as if it were not there, a place or an id is not found."""
    ids = query.getlist("id")
    return Sieve(
        which=_WHICH.get(query.get("show", ""), "all"),
        search=query.get("search", "").replace("\0", "").strip()[:SEARCH_MAX],
        sender=_id(query["sender"]) if query.get("sender") else None,
        shows_numbers=query.get("numbers") == "shown",
        before=_place(query["before"]) if query.get("before") else None,
        ids=tuple(map(_id, ids[:IDS_MAX])) if ids else None,
    )


def place(row: Row) -> str:
    """Return where a thread stands in the list, for `before`."""
    return f"{moment(row.last_message_at)}.{row.id}"


def moment(at: datetime) -> int:
    """Return a moment in microseconds since 1970, as exact as the store has it."""
    return (at - _EPOCH) // _MICROSECOND


def _place(text: str) -> tuple[datetime, UUID]:
    at, _, thread = text.partition(".")
    try:
        return _EPOCH + int(at) * _MICROSECOND, _id(thread)
    except (ValueError, OverflowError):
        raise NOT_THERE from None


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NOT_THERE from None
