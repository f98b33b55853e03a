"""Parts of figures that a page draws itself, as SVG text. Imports the standard library only.

Colours come from the page's style sheet, by class, so that a figure follows its theme. A figure
has no ids of its own: what many share stands once in the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

Place = tuple[float, float]

_FEWEST_TICKS, _MOST_TICKS = 3, 6
_DECADES = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0))


@dataclass(frozen=True, slots=True)
class Scale:
    """Values between two ends put between two places, evenly in the values' ``shape``."""

    low: float
    high: float
    start: float
    end: float
    shape: Callable[[float], float] = float

    def __call__(self, value: float) -> float:
        """The place of a value; one beyond an end is put at that end."""
        low, high = self.shape(self.low), self.shape(self.high)
        share = (self.shape(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.start + share * (self.end - self.start)


def number(value: float) -> str:
    """A coordinate, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


def path(name: str, commands: str) -> str:
    """A path of a class; nothing of no commands."""
    return f'<path class="{name}" d="{commands}"/>' if commands else ""


def line(points: Iterable[Place]) -> str:
    """Commands of a line through points."""
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def area(lower: Sequence[Place], upper: Sequence[Place]) -> str:
    """Commands of what lies between two lines."""
    return f"{line([*lower, *reversed(upper)])}Z"


def text(x: float, y: float, words: str, name: str = "") -> str:
    """A text of a class at a place."""
    of_class = f' class="{name}"' if name else ""
    return f'<text{of_class} x="{number(x)}" y="{number(y)}">{escape(words)}</text>'


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """From three to six round numbers between two positive ones, as evenly as powers allow."""
    for digits in _DECADES:
        ticks = [
            digit * 10.0**decade
            for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for digit in digits
        ]
        inside = [tick for tick in ticks if low <= tick <= high]
        if _FEWEST_TICKS <= len(inside) <= _MOST_TICKS:
            return inside
    if high / low < 10:
        return ticks_between(low, high)
    step = math.ceil(math.log10(high / low) / _MOST_TICKS)
    return [
        10.0**d for d in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1, step)
    ]


def ticks_between(low: float, high: float) -> list[float]:
    """A few round numbers between two."""
    rough = (high - low) / (_MOST_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(count * step, 12) for count in range(first, last + 1)]
