"""How a statistic is made of the cells, and which of its values accept. Standard library only.

With a margin, an expectation becomes a band of values of the statistic. Measurements accept a
relation when their interval lies inside the band, and reject it when it is disjoint from the band.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple


class Band(NamedTuple):
    """The values of a statistic for which a relation is held to be true; ends may be infinite."""

    low: float
    high: float


class Summary(StrEnum):
    """The statistic: one exponent over all cells, or a ratio (its logarithm) in every cell."""

    EXPONENT = "exponent"
    RATIO = "ratio"
    LOGARITHM = "logarithm"


class Direction(StrEnum):
    """Which way something drifts."""

    RISES = "rises"
    FALLS = "falls"


class Expectation:
    """What the statistic is expected to be; a margin makes a band of it."""

    __slots__ = ()

    sign = ""  # between a name and a number
    comparison = ""  # between two things that are compared

    @property
    def drift(self) -> Direction | None:
        """Which way the statistic goes, where no number says how fast."""
        return None

    @property
    def expected(self) -> float:
        """The predicted number, on the scale of the statistic; the end of a one-sided claim."""
        return 0.0

    def band(self, margin: float) -> Band:
        """The values of the statistic that accept."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Equals(Expectation):
    """The statistic equals ``value``: everything within the margin accepts."""

    value: Fraction | float

    sign = "="
    comparison = "equal to"

    @property
    def expected(self) -> float:
        """The value."""
        return float(self.value)

    def band(self, margin: float) -> Band:
        """Everything within the margin."""
        return Band(self.expected - margin, self.expected + margin)

    def __str__(self) -> str:
        return f"{self.sign} {_plain(self.value)}"


@dataclass(frozen=True, slots=True)
class AtMost(Expectation):
    """The statistic is at most ``value``: everything up to that and a margin accepts."""

    value: Fraction | float

    sign = "<="

    @property
    def expected(self) -> float:
        """The bound."""
        return float(self.value)

    def band(self, margin: float) -> Band:
        """Everything up to the bound and a margin."""
        return Band(-math.inf, self.expected + margin)

    def __str__(self) -> str:
        return f"{self.sign} {_plain(self.value)}"


@dataclass(frozen=True, slots=True)
class Smaller(Expectation):
    """The statistic is negative; the margin is the smallest difference that counts."""

    comparison = "smaller than"

    def band(self, margin: float) -> Band:
        """Smaller by more than the margin."""
        return Band(-math.inf, -margin)


@dataclass(frozen=True, slots=True)
class Drifts(Expectation):
    """The statistic is beyond zero in one direction, by more than the margin."""

    direction: Direction

    @property
    def drift(self) -> Direction:
        """The direction."""
        return self.direction

    def band(self, margin: float) -> Band:
        """Beyond the margin, in the direction."""
        if self.direction is Direction.RISES:
            return Band(margin, math.inf)
        return Band(-math.inf, -margin)


def _plain(value: Fraction | float) -> str:
    return str(value) if isinstance(value, Fraction) else f"{value:g}"
