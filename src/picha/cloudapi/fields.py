"""How documents are read and defaulted, where msgspec's own way is not Meta's."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def always(value: str) -> str:
    """Return a field default of `value` that `omit_defaults` does not omit.

    Meta's documents carry constant members (`messaging_product`) that a reader may miss and a writer may not leave
    out. msgspec omits a default that it can compare, and never compares what a factory makes.
    """
    return msgspec.field(default_factory=lambda: value)


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """Return what `decoder` reads in `body`.

    Raises:
        msgspec.ValidationError: the document has another shape.
        msgspec.DecodeError: the body is no JSON, no UTF-8, or nested beyond measure.
    """
    try:
        return decoder.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
