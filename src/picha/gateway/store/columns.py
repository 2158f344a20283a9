"""Rows as columns: the form in which a statement takes a whole batch."""

from collections.abc import Iterable, Sequence


def columns(rows: Iterable[Sequence[object]]) -> list[Sequence[object] | None]:
    """Return rows, all as long as each other, as the columns that `unnest` puts together again.

    A column of nothing but None is None: unnest fills it up with nulls, and the driver looks at each value of an array.
    So that the rows are not lost, one of their columns must have something in it.
    """
    return [None if _is_empty(column) else column for column in zip(*rows, strict=True)]


def _is_empty(column: Sequence[object]) -> bool:
    return column[0] is None and all(value is None for value in column)
