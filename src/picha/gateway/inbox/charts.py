"""Small charts, drawn as SVG by templates/chart.html: where each bar and line lies, and what it is called.

A drawing is 100 high and stretched to its place; words stand beside it as text, and the same numbers in a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT, SLOT = 100.0, 20.0
_GAP = 3.0
# Where an axis may end, times a power of ten.
_ROUND = (1, 2, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers of one kind, one for each slot; None where there is none. `look` names its colour."""

    label: str
    look: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a drawing."""

    look: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, its words, and its numbers."""

    title: str
    said: str
    slots: Sequence[str]
    series: Sequence[Series]
    top: float
    unit: str
    bars: Sequence[Bar] = ()
    lines: Sequence[tuple[str, str]] = ()

    @property
    def width(self) -> float:
        """How wide the drawing is before it is stretched."""
        return max(1, len(self.slots)) * SLOT

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to draw."""
        return not self.shown

    @property
    def shown(self) -> Sequence[Series]:
        """The series that can be seen: a line at nothing is, and a bar is not."""
        return [one for one in self.series if any(value or (self.unit and value == 0) for value in one.values)]

    @property
    def marks(self) -> Sequence[float]:
        """What is written beside the drawing, from the top down."""
        return (self.top, self.top / 2, 0)

    @property
    def places(self) -> Sequence[str]:
        """What is written below it: the first slot, the middle one and the last."""
        return [self.slots[at] for at in dict.fromkeys((0, len(self.slots) // 2, len(self.slots) - 1))]


def stacked(title: str, said: str, slots: Sequence[str], series: Sequence[Series]) -> Chart:
    """Draw bars, one a slot, in which each series lies upon the one before."""
    sums = [sum(one.values[at] or 0 for one in series) for at in range(len(slots))]
    top, bars = _end(max(sums, default=0), least=2), []
    for at in range(len(slots)):
        y = HEIGHT
        for one in series:
            tall = (one.values[at] or 0) / top * HEIGHT
            y -= tall
            if tall:
                bars.append(Bar(one.look, at * SLOT + _GAP, round(y, 2), SLOT - 2 * _GAP, round(tall, 2)))
    return Chart(title, said, slots, series, top, "", bars=bars)


def beside(title: str, said: str, slots: Sequence[str], series: Sequence[Series]) -> Chart:
    """Draw bars side by side, one of each series a slot."""
    top = _end(max((value or 0 for one in series for value in one.values), default=0), least=2)
    wide = (SLOT - 2 * _GAP) / max(1, len(series))
    bars = [
        Bar(
            one.look, round(at * SLOT + _GAP + place * wide, 2), round(HEIGHT - tall, 2), round(wide, 2), round(tall, 2)
        )
        for place, one in enumerate(series)
        for at, value in enumerate(one.values)
        if (tall := (value or 0) / top * HEIGHT)
    ]
    return Chart(title, said, slots, series, top, "", bars=bars)


def lines(title: str, said: str, slots: Sequence[str], series: Sequence[Series], unit: str) -> Chart:
    """Draw a line for each series, interrupted where there is no number; a number alone is a short dash.

    Of seconds, an axis that is longer than a minute ends at whole minutes, as does its half.
    """
    most = max((value or 0 for one in series for value in one.values), default=0)
    top = 60 * _end(most / 60, least=2) if unit == "s" and most > 60 else _end(most)  # noqa: PLR2004 - seconds of a minute
    drawn = [(one.look, " ".join(_strokes(one.values, top))) for one in series]
    return Chart(title, said, slots, series, top, unit, lines=drawn)


def _strokes(values: Sequence[float | None], top: float) -> list[str]:
    strokes, is_on = [], False
    for at, value in enumerate(values):
        if value is None:
            is_on = False
            continue
        x, y = (at + 0.5) * SLOT, HEIGHT - value / top * HEIGHT
        is_alone = not is_on and (at + 1 == len(values) or values[at + 1] is None)
        strokes.append(f"M{x - 4:.1f} {y:.2f}h8" if is_alone else f"{'L' if is_on else 'M'}{x:.1f} {y:.2f}")
        is_on = True
    return strokes


def _end(most: float, *, least: float = 1) -> float:
    """Return a round number at which an axis that shows `most` can end; its half is one, too."""
    power, most = 1.0, max(most, least)
    while power * _ROUND[-1] < most:
        power *= 10
    return next(power * one for one in _ROUND if power * one >= most and (power > 1 or one % least == 0))
