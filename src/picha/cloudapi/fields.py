"""A default that is written all the same."""

import msgspec


def always(value: str) -> str:
    """Return a field default of `value` that `omit_defaults` does not omit.

    Meta's documents carry constant members (`messaging_product`) that a reader may miss and a writer may not leave
    out. msgspec omits a default that it can compare, and never compares what a factory makes.
    """
    return msgspec.field(default_factory=lambda: value)
