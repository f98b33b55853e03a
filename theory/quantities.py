"""What a relation is about: the observable itself, or what is made of it before it is summed up.

Each quantity is a frozen class; ``verify.judging.quantities`` has, for each, which trials it needs
and how measurements become samples. Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib import import_module

from theory.architecture import Architecture
from theory.errors import InputError
from theory.expectations import Expectation, Summary
from theory.experiments import Setting
from theory.parameterization import Parameterization
from theory.scaling import Cell

CurveFunction = Callable[[Architecture, Parameterization, Cell], float]


@dataclass(frozen=True, slots=True)
class Curve:
    """Exact values, one for every cell, by the name of the function that computes them.

    The function is imported when a value is asked for, because exact theory takes a second to load.
    """

    module: str
    name: str
    _function: CurveFunction | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, function: CurveFunction | Curve) -> Curve:
        """The curve that a function of the theory computes."""
        if isinstance(function, Curve):
            return function
        return cls(function.__module__, function.__name__, function)

    def __call__(
        self, architecture: Architecture, parameterization: Parameterization, cell: Cell
    ) -> float:
        """The value at one cell."""
        function = self._function or getattr(import_module(self.module), self.name)
        return float(function(architecture, parameterization, cell))

    def __str__(self) -> str:
        return self.name


class Quantity:
    """What is summed up over cells. Methods answer for quantities without the thing in question."""

    __slots__ = ()

    def compared_with(self) -> Setting | str | None:
        """The second setting, or its name in a table."""
        return None

    def swept_rates(self) -> tuple[Fraction, ...] | None:
        """The base learning rates of a sweep; empty where a table brings its own."""
        return None

    def exact_curve(self) -> Curve | None:
        """The exact values with which measurements are compared."""
        return None

    def moved(self, move: Callable[[Setting], Setting]) -> Quantity:
        """The same quantity about other settings."""
        del move
        return self

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """The relation in words; ``symbol`` is n, L or a column."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Observed(Quantity):
    """The observable itself."""

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """The exponent of the axis."""
        return f"{summary} of {symbol} {expectation}"


@dataclass(frozen=True, slots=True)
class Excess(Quantity):
    """What the observable has over its limit or, ``from_below``, lacks.

    The limit is not known: the largest size of the grid stands for it, and what it lacks itself is
    accounted for, if the law is true. A doubling of the size then gains 2^exponent times what the
    doubling before it gained.
    """

    from_below: bool = False

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """The exponent of an excess."""
        excess = "what is missing to the limit" if self.from_below else "the excess over the limit"
        return f"{summary} of {symbol} of {excess} {expectation}"


@dataclass(frozen=True, slots=True)
class OverNumber(Quantity):
    """The observable over one number; ``InputError`` unless that is positive and finite."""

    value: float

    def __post_init__(self) -> None:
        if not (self.value > 0 and math.isfinite(self.value)):
            raise InputError(f"value {self.value!r}: a relative margin needs a positive number")

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """The value in every cell."""
        del summary, symbol
        return f"value {expectation.sign} {self.value:g} in every cell"


@dataclass(frozen=True, slots=True)
class OverCurve(Quantity):
    """The observable over exact values, one for every cell."""

    curve: Curve

    def exact_curve(self) -> Curve:
        """The exact values."""
        return self.curve

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """The mean or geometric mean at every cell, or the exponent."""
        if summary is Summary.EXPONENT:
            return f"exponent of {symbol} equal to that of {self.curve}"
        mean = "value" if summary is Summary.RATIO else "geometric mean"
        return f"{mean} {expectation.sign} {self.curve} at every cell"


@dataclass(frozen=True, slots=True)
class OverSetting(Quantity):
    """The observable over that in another setting, paired by replicate.

    ``other`` is a setting, or the name of one in a table. Its networks are ``wider`` times as wide,
    so that a setting can be compared with itself.
    """

    other: Setting | str
    wider: int = 1

    def compared_with(self) -> Setting | str:
        """The other setting."""
        return self.other

    def cells_of_other(self, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        """Where the other setting is measured."""
        return tuple(replace(cell, width=self.wider * cell.width) for cell in cells)

    def moved(self, move: Callable[[Setting], Setting]) -> OverSetting:
        """Compared with the other setting, moved as well."""
        return replace(self, other=move(_a_setting(self.other)))

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """Which of the two is smaller, or that they are equal."""
        if summary is not Summary.EXPONENT:
            return f"{expectation.comparison} that in [{self.other}] in every cell"
        that = f"exponent of {symbol} {expectation.comparison} that in [{self.other}]"
        return that if self.wider == 1 else f"{that}, {self.wider} times as wide"


@dataclass(frozen=True, slots=True)
class _OfSweep(Quantity):
    """A quantity of sweeps over ``rates``, base learning rates in constant ratio.

    Raises ``InputError`` for fewer than five rates (only a table brings its own, and leaves them
    out) or uneven ratios.
    """

    rates: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        if not self.rates:
            return
        ratios = {after / before for before, after in zip(self.rates, self.rates[1:], strict=False)}
        if len(self.rates) < 5 or len(ratios) != 1 or min(ratios) <= 1:
            raise InputError(
                f"rates {', '.join(map(str, self.rates))}: expected at least five, ascending, in "
                "constant ratio"
            )

    def swept_rates(self) -> tuple[Fraction, ...]:
        """The base learning rates."""
        return self.rates


@dataclass(frozen=True, slots=True)
class BestRate(_OfSweep):
    """The learning rate at which the observable is smallest.

    That is the minimum of a parabola through the best rate and its neighbours, replicate by
    replicate. A minimum at the edge widens the grid.
    """

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """Its exponent, or which way it drifts."""
        if expectation.drift is not None:
            return f"the best learning rate {expectation.drift} with {symbol}"
        return f"{summary} of {symbol} of the best learning rate {expectation}"


@dataclass(frozen=True, slots=True)
class TunedOverSetting(_OfSweep):
    """The observable at its best rate over that in ``other`` at its own.

    Both are tuned over the same rates, replicate by replicate.
    """

    other: Setting

    def compared_with(self) -> Setting:
        """The other setting."""
        return self.other

    def moved(self, move: Callable[[Setting], Setting]) -> TunedOverSetting:
        """Compared with the other setting, moved as well."""
        return replace(self, other=move(self.other))

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """Which of the two is smaller."""
        del summary, symbol
        smaller, than = expectation.comparison.split()
        return f"{smaller}, at the best rate, {than} that in [{self.other}] in every cell"


@dataclass(frozen=True, slots=True)
class Regret(_OfSweep):
    """What it costs, in nats, to tune at the smallest size and to carry the rate to the others.

    The base rate that is best at the smallest size s_0 is used at every other size s as
    rate * (s / s_0)^``exponent`` (arXiv 2203.03466, Algorithm 1; 0 where the parameterization has
    every power of the size). The regret there is f(s, carried) - f(s, best), f(s, rate) the mean of
    the observable's logarithm over all networks and data. It is what the theory costs who tunes on
    runs without number; the noise of tuning on few is no part of it.

    A trial that diverges or explodes counts as the worst of its sweep up to its best rate, so that
    ``rates`` should begin where nothing is learned; where most diverge at the carried rate, the
    bound is broken. A best or a carried rate outside of ``rates`` widens the grid.
    """

    exponent: Fraction

    def say(self, summary: Summary, expectation: Expectation, symbol: str) -> str:
        """What the transfer costs."""
        del summary
        power = f"{symbol}^{self.exponent}"
        return f"transfer of the learning rate as {power} costs {expectation}"


def _a_setting(other: Setting | str) -> Setting:
    """A setting; ``InputError`` for the name of one in a table."""
    if isinstance(other, str):
        raise InputError(f"{other!r} is the name of a setting in a table; give a setting")
    return other


def widened(rates: tuple[Fraction, ...], below: int, above: int) -> tuple[Fraction, ...]:
    """A grid of rates with some more at its ends, in the same ratio."""
    ratio = rates[1] / rates[0]
    lower = [rates[0] / ratio**i for i in range(below, 0, -1)]
    upper = [rates[-1] * ratio**i for i in range(1, above + 1)]
    return (*lower, *rates, *upper)
