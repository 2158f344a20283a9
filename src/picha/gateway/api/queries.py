"""How the query of a list is read: what makes no sense is refused with the name of its parameter."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.datastructures import QueryParams

from picha.gateway.api.calls import RefusedError
from picha.karibu.errors import Code
from picha.karibu.queries import LIMIT, LIMIT_MAX, OFFSET_MAX


def limit(query: QueryParams, default: int = LIMIT, most: int = LIMIT_MAX) -> int:
    """Return how many items are asked for, `default` where nothing is said."""
    return _number(query, "limit", default, 1, most)


def offset(query: QueryParams) -> int:
    """Return how many items are to be passed over."""
    return _number(query, "offset", 0, 0, OFFSET_MAX)


def before(query: QueryParams) -> UUID | None:
    """Return the id of the item behind which the list is to begin, or None."""
    found: UUID | None = parsed(query, "before", UUID, "the `id` of the last item of an earlier page")
    return found


def one_of(query: QueryParams, name: str, choices: set[str]) -> str | None:
    """Return the choice that `name` makes, in lower case, or None."""
    value = query.get(name)
    if value is not None and value.lower() not in choices:
        raise invalid(name, " or ".join(sorted(choices)))
    return value.lower() if value is not None else None


def parsed(query: QueryParams, name: str, parse: Any, what: str) -> Any:
    """Return what `parse` makes of `name`, or None where it is not given; `what` tells what it should be."""
    value = query.get(name)
    try:
        return parse(value) if value is not None else None
    except (ValueError, OverflowError):
        raise invalid(name, what) from None


def uuid(query: QueryParams, name: str) -> UUID | None:
    """Return the id that `name` names, or None."""
    found: UUID | None = parsed(query, name, UUID, "a UUID")
    return found


def moment(query: QueryParams, name: str) -> datetime | None:
    """Return the moment that `name` names, in UTC, or None."""
    found: datetime | None = parsed(query, name, _moment, "a time with its zone, such as 2026-01-31T12:00:00Z")
    return found


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no zone")
    # At the calendar's two ends there are times that do not exist in UTC.
    return found.astimezone(UTC)


def _number(query: QueryParams, name: str, default: int, least: int, most: int) -> int:
    value = query.get(name, str(default))
    number = int(value) if value.isascii() and value.isdigit() and len(value) < len(str(most)) + 2 else -1
    if not least <= number <= most:
        raise invalid(name, f"a number from {least} to {most}")
    return number


def invalid(name: str, what: str) -> RefusedError:
    """Return the refusal of a parameter; `what` tells what it should be."""
    return RefusedError(Code.VALIDATION_ERROR, f"{name} is {what}.", name)
