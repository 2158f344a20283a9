"""JSON as our API takes it: one reading for all parties, or a refusal that says what to change.

A document with a duplicate key means different things to different readers, NaN is no JSON at all, half a surrogate
pair and deep nesting break what comes after. All are refused before anything is typed.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import msgspec

from picha.karibu.errors import Code

MAX_DEPTH = 8
T = TypeVar("T", bound=msgspec.Struct)

_PLACE = re.compile(r"at `\$\.(\w+)")
_MISSING = re.compile(r"missing required field `(\w+)`")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Malformed(ValueError):  # noqa: N818 - a word of the interface, which reads as one
    """A request whose shape is wrong: the code to answer with, a sentence that says what to do, and the field."""

    def __init__(self, code: Code, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that `body` spells.

    Raises:
        Malformed: `MALFORMED_JSON` for a body that is no JSON in UTF-8, has a duplicate key at any depth, NaN,
            Infinity, half a surrogate pair, or more than eight levels; `VALIDATION_ERROR` for JSON that is no object.
    """
    document = _parse(body)
    if not isinstance(document, dict):
        raise Malformed(Code.VALIDATION_ERROR, "The body is JSON but not an object: send one object, {...}.")
    return document


def read(body: bytes, kind: type[T], hints: Mapping[str, str]) -> T:
    """Return the `kind` that `body` spells; fields it does not know are ignored and null is the same as absent.

    Raises:
        Malformed: see `parse_object`; `VALIDATION_ERROR` with a field's name and hint when it is missing or wrong.
    """
    members = {name: value for name, value in parse_object(body).items() if value is not None}
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error)) or _MISSING.search(str(error))
        field = place[1] if place else None
        raise Malformed(Code.VALIDATION_ERROR, hints.get(field or "", str(error)), field) from None


def in_utc(moment: datetime | None, field: str, hints: Mapping[str, str]) -> datetime | None:
    """Return a moment in UTC; raises `Malformed` for one that does not exist there, at the calendar's two ends."""
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise Malformed(Code.VALIDATION_ERROR, hints[field], field) from None


def _parse(body: bytes) -> Any:
    try:
        text = body.decode()
        document = _decoder.decode(text)
        if _SURROGATE.search(text):
            json.dumps(document, ensure_ascii=False).encode()
    except Malformed:
        raise
    except UnicodeEncodeError:
        raise _refused("The body holds half of a surrogate pair: send whole characters.") from None
    except UnicodeDecodeError:
        raise _refused("The body is not UTF-8: encode it as UTF-8 JSON.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _refused(f"The body is not JSON ({place}): check quotes, commas and braces there.") from None
    except ValueError:
        raise _refused("The body holds a number of too many digits: shorten it.") from None
    except RecursionError:
        raise _too_deep() from None
    # No document is deeper than it has opening brackets, and most have one.
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deeper(document, MAX_DEPTH):
        raise _too_deep()
    return document


def _is_deeper(node: Any, levels: int) -> bool:
    if not isinstance(node, dict | list):
        return False
    children = node.values() if isinstance(node, dict) else node
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _refused(f"The key {_shown(twice)} stands twice in one object: send it once.")
    return document


def _no_constant(name: str) -> NoReturn:
    raise _refused(f"{name} is not JSON: send a number, or leave the member out.")


def _finite(text: str) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise _refused("The body holds a number too large to keep: send a smaller one.")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _shown(key: str) -> str:
    return json.dumps(key[:64])


def _refused(message: str) -> Malformed:
    return Malformed(Code.MALFORMED_JSON, message)


def _too_deep() -> Malformed:
    return _refused(f"The body is nested more than {MAX_DEPTH} levels deep: send a flatter object.")
