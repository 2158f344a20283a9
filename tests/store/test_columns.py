"""What goes into a statement as columns is what its rows were."""

import pytest
from tests.store.ground import Ground

from picha.gateway.store.columns import columns


@pytest.mark.parametrize(
    "rows",
    [
        [(1, "a", True), (2, "b", False)],
        [(1, None, None), (2, None, None)],
        [(1, None, None), (2, "b", None), (3, None, False)],
        [(0, "", False)],
    ],
)
async def test_rows_come_back_as_they_were_also_where_a_column_is_empty(
    ground: Ground, rows: list[tuple[object, ...]]
) -> None:
    told = await ground.pool.fetch("SELECT * FROM unnest($1::int[], $2::text[], $3::boolean[])", *columns(rows))

    assert [tuple(row) for row in told] == rows


def test_only_a_column_of_nothing_but_none_is_left_out() -> None:
    assert columns([(1, None, None, 0), (2, "b", None, 0)]) == [(1, 2), (None, "b"), None, (0, 0)]
