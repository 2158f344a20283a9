"""Meta's errors: the object of an error answer, and what every published code means and asks for.

Source: the error codes page of the WhatsApp Business Platform. The decision rests on the code alone: HTTP statuses
differ between documents and captures, and titles are announced to go away.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from picha.cloudapi import error_rows_account, error_rows_messages, error_rows_rest
from picha.cloudapi.error_kinds import ErrorCode, OutcomeClass, Verdict

__all__ = [
    "RANGES",
    "TABLE",
    "ErrorCode",
    "GraphError",
    "OutcomeClass",
    "Verdict",
    "decode_error",
    "encode_error",
    "lookup",
]


class GraphError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The error object of the Graph API; `details` reads the explanation from either form of `error_data`."""

    message: str
    type: str | None = None
    code: int
    error_data: dict[str, Any] | str | None = None
    error_subcode: int | None = None
    is_transient: bool | None = None
    error_user_title: str | None = None
    error_user_msg: str | None = None
    fbtrace_id: str | None = None

    @property
    def details(self) -> str | None:
        """Meta's explanation of this one error, if it gave one."""
        if not isinstance(self.error_data, dict):
            return self.error_data
        details = self.error_data.get("details")
        return details if isinstance(details, str) else None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    error: GraphError


class _Essence(msgspec.Struct):
    message: str
    code: int


class _EssentialAnswer(msgspec.Struct):
    error: _Essence


_encoder = msgspec.json.Encoder()
_answer = msgspec.json.Decoder(_Answer)
_essential = msgspec.json.Decoder(_EssentialAnswer)


def decode_error(body: bytes) -> GraphError | None:
    """Return the error that an answer spells, or None unless it is a complete Graph error object; never raises.

    Complete means: readable to its end, with a whole number as `code` and a text as `message`. Any other member that
    has an unexpected type is dropped.
    """
    try:
        return _answer.decode(body).error
    except msgspec.ValidationError:
        return _decode_essence(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode_essence(body: bytes) -> GraphError | None:
    try:
        essence = _essential.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return GraphError(message=essence.message, code=essence.code)


def encode_error(error: GraphError) -> bytes:
    """Return the JSON body of an error answer."""
    return _encoder.encode(_Answer(error=error))


TABLE: Mapping[int, ErrorCode] = MappingProxyType(
    {row.code: row for row in (*error_rows_account.ROWS, *error_rows_messages.ROWS, *error_rows_rest.ROWS)}
)
"""Every code that is published by itself."""

RANGES: Mapping[range, ErrorCode] = MappingProxyType(error_rows_rest.RANGES)
"""Codes that are published as a family; each row carries the family's first code."""


def lookup(code: int) -> ErrorCode:
    """Return what is known of a code: its own row, its family's, or an honest row for a code not published."""
    row = TABLE.get(code)
    if row is not None:
        return row
    for family, row in RANGES.items():
        if code in family:
            return msgspec.structs.replace(row, code=code)
    return ErrorCode(
        code=code,
        http=None,
        title=f"Unknown error {code}",
        meaning="Meta refused the request with a code that is not in its published table.",
        verdict=Verdict.STOP,
        outcome=OutcomeClass.REJECTED,
        remedy=f"Read Meta's explanation beside the code, and look {code} up on Meta's error codes page.",
    )
