"""Bars that stand side by side, each of one part or of several on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from bot.chat.screens.charts.drawing import SMALL, WIDTH, box, label, line
from bot.chat.screens.words import Words

LEFT, RIGHT = 74, WIDTH - 16
_GAP = 0.18  # of a bar's place
_STEPS = (1, 2, 4, 6, 8)


@dataclass(frozen=True, slots=True)
class Bar:
    """`parts` are how much of each class, from below; `under` is written under some; `told` says it all."""

    parts: tuple[tuple[str, int], ...]
    under: str = ""
    told: str = ""

    @property
    def height(self) -> int:
        """All parts together."""
        return sum(n for _, n in self.parts)


def top_of(most: int) -> int:
    """The end of a scale that goes up to `most`: 1, 2, 4, 6, 8, 10, 20, 40 ..., never less."""
    factor = 1
    while True:
        for step in _STEPS:
            if step * factor >= most:
                return step * factor
        factor *= 10


def bars(all_of_them: Sequence[Bar], top: float, bottom: float, words: Words) -> Markup:
    """The bars between two heights, with a scale at their left."""
    scale = top_of(max((bar.height for bar in all_of_them), default=0))
    step = (RIGHT - LEFT) / max(len(all_of_them), 1)
    drawn = [_scale(scale, top, bottom, words)]
    for number, bar in enumerate(all_of_them):
        x, width = LEFT + number * step + step * _GAP / 2, step * (1 - _GAP)
        drawn += _bar(bar, x, width, bottom, (bottom - top) / scale)
        if bar.under:
            drawn.append(label(x + width / 2, bottom + 22, bar.under, size=SMALL, of="dim", at="middle"))
    return Markup().join([*drawn, line(LEFT, bottom, RIGHT, "dim")])


def _bar(bar: Bar, x: float, width: float, bottom: float, unit: float) -> list[Markup]:
    """Whoever points at any part of its place reads what it is."""
    ends = [0]
    for _, n in bar.parts:
        ends.append(ends[-1] + n)
    return [
        box(x, bottom - after * unit, width, (after - before) * unit, of, told=bar.told)
        for (of, _), (before, after) in zip(bar.parts, pairwise(ends), strict=True)
        if after > before
    ]


def _scale(scale: int, top: float, bottom: float, words: Words) -> Markup:
    marks = [scale, scale // 2] if scale % 2 == 0 else [scale]
    drawn = []
    for mark in marks:
        y = bottom - (bottom - top) * mark / scale
        drawn += [
            line(LEFT, y, RIGHT),
            label(LEFT - 8, y + 6, words.number(mark), size=SMALL, of="dim", at="end"),
        ]
    return Markup().join(drawn)
