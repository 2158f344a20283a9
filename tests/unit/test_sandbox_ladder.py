import pytest

from picha.sandbox.ladder import Ladder, Step, strides


@pytest.mark.parametrize(
    ("status", "ladder", "expected"),
    [
        (None, (150, 400, 1000), [(150, ["sent"]), (400, ["delivered"]), (1000, ["read"])]),
        (None, (0, 0, 0), [(0, ["sent", "delivered", "read"])]),
        (None, (0, 20, 0), [(0, ["sent"]), (20, ["delivered", "read"])]),
        (None, (5, 0, 20), [(5, ["sent", "delivered"]), (20, ["read"])]),
        (None, (0, 0, None), [(0, ["sent", "delivered"])]),
        (None, (0, None, 0), [(0, ["sent"])]),
        ("sent", (150, 0, 0), [(0, ["delivered", "read"])]),
        ("delivered", (150, 400, 1000), [(1000, ["read"])]),
        ("delivered", (0, 0, None), []),
        ("read", (0, 0, 0), []),
    ],
)
def test_steps_without_a_pause_between_them_come_at_once(
    status: str | None, ladder: Ladder, expected: list[tuple[int, list[Step]]]
) -> None:
    assert strides(status, ladder) == expected
