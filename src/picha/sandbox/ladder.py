"""The ladder that the statuses of a send climb, and how many steps of it come at once. Pure."""

from typing import Literal

Step = Literal["sent", "delivered", "read"]
STEPS: tuple[Step, ...] = ("sent", "delivered", "read")
Ladder = tuple[int, int | None, int | None]
"""Pauses in milliseconds of real time: from the answer to `sent`, from there to `delivered`, from there to `read`.

None waits for the person.
"""


def strides(status: str | None, ladder: Ladder) -> list[tuple[int, list[Step]]]:
    """Return the steps that follow a status, each stride a pause and what comes after it at once."""
    done = 0 if status not in STEPS else STEPS.index(status) + 1
    strides: list[tuple[int, list[Step]]] = []
    for step, pause in zip(STEPS[done:], ladder[done:], strict=True):
        if pause is None:
            break
        if pause == 0 and strides:
            strides[-1][1].append(step)
        else:
            strides.append((pause, [step]))
    return strides
