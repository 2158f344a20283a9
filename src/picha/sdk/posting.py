"""POSTs, each with a key of its own, so that asking again after a lost answer does nothing twice."""

import hashlib
from typing import TypeVar
from uuid import UUID

import msgspec

from picha.karibu.errors import Code
from picha.sdk.calls import Call, reader
from picha.sdk.errands import Tools

T = TypeVar("T")
_JSON = {"Content-Type": "application/json"}


def post(
    tools: Tools,
    path: str,
    answer: type[T],
    *,
    body: bytes = b"",
    idempotency_key: str | None = None,
    is_enveloped: bool = True,
    means: tuple[Code, ...] = (),
) -> Call[T]:
    """Return a POST of JSON; without an idempotency key it is given one."""
    return Call(
        method="POST",
        path=path,
        reads=reader(answer),
        headers=keyed(tools, idempotency_key) | (_JSON if body else {}),
        body=(body,) if body else (),
        is_enveloped=is_enveloped,
        means=means,
    )


def keyed(tools: Tools, idempotency_key: str | None) -> dict[str, str]:
    """Return the header that makes a request one and the same, however often it is made.

    Raises:
        ValueError: the key is no word of 1 to 255 visible ASCII characters.
    """
    key = str(tools.ids.uuid()) if idempotency_key is None else idempotency_key
    if not 1 <= len(key) <= 255 or not all("!" <= character <= "~" for character in key):  # noqa: PLR2004 - of the API
        raise ValueError("An idempotency key is one word of 1 to 255 visible ASCII characters.")
    return {"Idempotency-Key": key}


def derived(idempotency_key: str | None, purpose: str) -> str | None:
    """Return the key of a request that another one needs: the same whenever that one is made with the same key."""
    if idempotency_key is None:
        return None
    return hashlib.sha256(f"{purpose}\n{idempotency_key}".encode("utf-8", "surrogatepass")).hexdigest()


def written(**fields: object) -> bytes:
    """Return a JSON object of the fields that are not None."""
    return msgspec.json.encode({name: _plain(value) for name, value in fields.items() if value is not None})


def _plain(value: object) -> object:
    return str(value) if isinstance(value, UUID) else value
