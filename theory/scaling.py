"""Powers of width and depth with exact rational exponents, and their algebra.

Imports fractions, re and ``theory.errors`` only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from theory.errors import InputError

Rational: TypeAlias = int | str | Fraction

_SHORT = re.compile(r"[+-]?[0-9._]{1,400}(/[0-9_]{1,400}|[eE][+-]?[0-9]{1,4})?")


class Axis(StrEnum):
    """The direction in which a network grows."""

    WIDTH = "width"
    DEPTH = "depth"

    @property
    def symbol(self) -> str:
        """The field's letter for it: n for width, L for depth."""
        return {"width": "n", "depth": "L"}[self.value]


def whole(name: str, value: object) -> None:
    """Raises ``InputError`` when a count is no integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} {value!r} is a {type(value).__name__}; expected an integer")


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One point of a grid: a width n and a depth L (residual blocks, or layers of a chain)."""

    width: int
    depth: int

    def __post_init__(self) -> None:
        whole("width", self.width)
        whole("depth", self.depth)
        if self.width < 1 or self.depth < 1:
            raise InputError(f"cell n={self.width}, L={self.depth}: both must be at least 1")

    def along(self, axis: Axis) -> int:
        """The size of this cell in one direction."""
        return self.width if axis is Axis.WIDTH else self.depth

    def __str__(self) -> str:
        return f"n={self.width}, L={self.depth}"


def rational(value: Rational) -> Fraction:
    """An exact exponent from an int, a Fraction or text such as ``"-3/2"``.

    Raises ``InputError`` on a float: 0.1 is not one tenth, and an exponent is exact or it is
    no prediction.

    >>> from scaleproof import rational
    >>> rational("-3/2")
    Fraction(-3, 2)
    """
    if isinstance(value, Fraction):  # most are: powers are multiplied much more than written
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InputError(
            f"exponent {value!r} is a {type(value).__name__}; exponents are exact: "
            'give an int, a Fraction or text such as "-3/2"'
        )
    try:
        # Not 1e9999999, whose integer would be built first.
        if isinstance(value, str) and not _SHORT.fullmatch(value.strip()):
            raise ValueError
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        shown = repr(value if len(str(value)) < 40 else f"{str(value)[:40]}...")
        raise InputError(f'exponent {shown} is no rational number; write it as "-3/2"') from None


@dataclass(frozen=True, slots=True, init=False)
class Power:
    """n^width L^depth with exact rational exponents; an abelian group under multiplication."""

    width: Fraction
    depth: Fraction

    def __init__(self, width: Rational = 0, depth: Rational = 0) -> None:
        object.__setattr__(self, "width", rational(width))
        object.__setattr__(self, "depth", rational(depth))

    def __mul__(self, other: Power) -> Power:
        return Power(self.width + other.width, self.depth + other.depth)

    def __truediv__(self, other: Power) -> Power:
        return Power(self.width - other.width, self.depth - other.depth)

    def __pow__(self, exponent: Rational) -> Power:
        factor = rational(exponent)
        return Power(self.width * factor, self.depth * factor)

    def at(self, cell: Cell) -> float:
        """The number that this power is at a width and a depth."""
        return float(cell.width ** float(self.width) * cell.depth ** float(self.depth))

    def along(self, axis: Axis) -> Fraction:
        """The exponent in one direction."""
        return self.width if axis is Axis.WIDTH else self.depth

    def __str__(self) -> str:
        factors = [
            letter if exponent == 1 else f"{letter}^{exponent}"
            for letter, exponent in (("n", self.width), ("L", self.depth))
            if exponent
        ]
        return " ".join(factors) or "1"


ONE = Power()
