"""What a prediction says about an observable: seventeen relations, each an interval of a statistic.

A relation has a statistic (an exponent, a ratio, a difference of exponents, the logarithm of a
ratio), and with a margin it becomes a band of values of that statistic. Measurements accept it when
their interval lies inside the band and reject it when it is disjoint from the band. Imports the
standard library and ``theory`` only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from theory.architecture import Architecture
from theory.errors import InputError
from theory.experiments import Setting
from theory.parameterization import Parameterization
from theory.scaling import Axis, Cell


class Band(NamedTuple):
    """The values of a statistic for which a relation is held to be true; ends may be infinite."""

    low: float
    high: float


class _Equals:
    """The statistic equals what is expected: a band around it."""

    __slots__ = ()

    @property
    def expected(self) -> float:
        """The predicted number, on the scale of the statistic; a ratio unless overridden."""
        return 1.0

    def band(self, margin: float) -> Band:
        """Everything within the margin."""
        return Band(self.expected - margin, self.expected + margin)


class _AtMost(_Equals):
    """The statistic is at most what is expected."""

    __slots__ = ()

    def band(self, margin: float) -> Band:
        """Everything up to the bound and a margin."""
        return Band(-math.inf, self.expected + margin)


class _Smaller(_Equals):
    """The statistic is negative; the margin is the smallest difference that counts."""

    __slots__ = ()

    @property
    def expected(self) -> float:
        """The end of the claim: no difference."""
        return 0.0

    def band(self, margin: float) -> Band:
        """Smaller by more than the margin."""
        return Band(-math.inf, -margin)


class _Same(_Equals):
    """No difference, of two settings or from a prediction: the statistic is 0."""

    __slots__ = ()

    @property
    def expected(self) -> float:
        """The predicted difference, of exponents or of logarithms."""
        return 0.0


def _symbol(axis: Axis | str) -> str:
    """n or L; the name of a column where measurements come from a table."""
    return axis.symbol if isinstance(axis, Axis) else axis


@dataclass(frozen=True, slots=True)
class ExponentEquals(_Equals):
    """The observable grows as (size along ``axis``)^``value``; ``origin`` says who says so."""

    axis: Axis | str
    value: Fraction
    origin: str

    @property
    def expected(self) -> float:
        """The predicted exponent."""
        return float(self.value)

    def __str__(self) -> str:
        return f"exponent of {_symbol(self.axis)} = {self.value}"


@dataclass(frozen=True, slots=True)
class ExponentAtMost(_AtMost):
    """The observable grows no faster than (size along ``axis``)^``value``: stability."""

    axis: Axis | str
    value: Fraction
    origin: str

    @property
    def expected(self) -> float:
        """The largest exponent that is claimed."""
        return float(self.value)

    def __str__(self) -> str:
        return f"exponent of {_symbol(self.axis)} <= {self.value}"


@dataclass(frozen=True, slots=True)
class _ExcessExponent(_Equals):
    """An exponent of what the observable has over its limit or, ``from_below``, lacks.

    The limit is not known: the largest size of the grid stands for it, and what it lacks itself is
    accounted for, if the law is true. A doubling of the size then gains 2^``value`` times what the
    doubling before it gained. Raises ``InputError`` when ``value`` is not negative.
    """

    axis: Axis
    value: Fraction
    origin: str
    from_below: bool = False

    def __post_init__(self) -> None:
        if self.value >= 0:
            raise InputError(f"exponent {self.value}: an excess over a limit needs a negative one")

    @property
    def expected(self) -> float:
        """The exponent that is claimed."""
        return float(self.value)

    def _of(self, sign: str) -> str:
        excess = "what is missing to the limit" if self.from_below else "the excess over the limit"
        return f"exponent of {_symbol(self.axis)} of {excess} {sign} {self.value}"


class ExcessExponentEquals(_ExcessExponent):
    """What the observable has over its limit falls as (size along ``axis``)^``value``."""

    __slots__ = ()

    def __str__(self) -> str:
        return self._of("=")


class ExcessExponentAtMost(_AtMost, _ExcessExponent):
    """It falls as (size along ``axis``)^``value`` or faster: O of that power."""

    __slots__ = ()

    def __str__(self) -> str:
        return self._of("<=")


@dataclass(frozen=True, slots=True)
class ValueEquals(_Equals):
    """The observable has the mean ``value`` in every cell; the statistic is measured / value.

    Raises ``InputError`` when the value is not positive, for then a relative margin says nothing.
    """

    axis: Axis | str
    value: float
    origin: str

    def __post_init__(self) -> None:
        _positive(self.value)

    def __str__(self) -> str:
        return f"value = {self.value:g} in every cell"


@dataclass(frozen=True, slots=True)
class ValueAtMost(_AtMost):
    """The observable has a mean of at most ``value`` in every cell.

    Raises ``InputError`` when the value is not positive.
    """

    axis: Axis | str
    value: float
    origin: str

    def __post_init__(self) -> None:
        _positive(self.value)

    def __str__(self) -> str:
        return f"value <= {self.value:g} in every cell"


def _positive(value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"value {value!r}: a relative margin needs a positive number")


class _OfCurve:
    """A relation about exact values, one for every cell."""

    __slots__ = ()

    curve: Callable[[Architecture, Parameterization, Cell], float]

    @property
    def origin(self) -> str:
        """Where the predicted numbers come from."""
        return f"computed by {self.curve.__module__}.{self.curve.__name__}"


@dataclass(frozen=True, slots=True)
class CurveEquals(_OfCurve, _Equals):
    """The observable has the mean ``curve`` in every cell: measured / predicted is one."""

    axis: Axis
    curve: Callable[[Architecture, Parameterization, Cell], float]

    def __str__(self) -> str:
        return f"value = {self.curve.__name__} at every cell"


@dataclass(frozen=True, slots=True)
class GeometricMeanEquals(_OfCurve, _Same):
    """The observable has the geometric mean ``curve`` in every cell.

    The statistic is log(measured / predicted). Of what fluctuates by factors, as deep chains do,
    the arithmetic mean is larger than what a typical network has.
    """

    axis: Axis
    curve: Callable[[Architecture, Parameterization, Cell], float]

    def __str__(self) -> str:
        return f"geometric mean = {self.curve.__name__} at every cell"


@dataclass(frozen=True, slots=True)
class ExponentOfCurve(_OfCurve, _Same):
    """The observable has the exponent of ``curve``, by one regression on the same grid.

    The statistic is the exponent of measured / predicted, which is a power law where both bend in
    the same way: the curve need not be a power itself.
    """

    axis: Axis
    curve: Callable[[Architecture, Parameterization, Cell], float]

    def __str__(self) -> str:
        return f"exponent of {_symbol(self.axis)} equal to that of {self.curve.__name__}"


@dataclass(frozen=True, slots=True)
class SettingsOrdered(_Smaller):
    """In every cell the observable is smaller than in ``other``, paired by replicate.

    The statistic is log(observable / observable in ``other``); the margin is the smallest
    difference that counts. ``other`` is a setting, or the name of one in a table.
    """

    axis: Axis | str
    other: Setting | str
    origin: str

    def __str__(self) -> str:
        return f"smaller than in [{self.other}] in every cell"


@dataclass(frozen=True, slots=True)
class SettingsEqual(_Same):
    """In every cell the observable is that in ``other``, paired by replicate.

    The statistic is that of ``SettingsOrdered``; the margin is the largest difference that does
    not count.
    """

    axis: Axis | str
    other: Setting | str
    origin: str

    def __str__(self) -> str:
        return f"equal to that in [{self.other}] in every cell"


@dataclass(frozen=True, slots=True)
class ExponentsEqual(_Same):
    """The exponent is the same in ``other``; the statistic is the paired difference.

    Networks of the other setting are ``wider`` times as wide, so that a setting can be compared
    with itself. Raises ``InputError`` where ``wider`` is not positive, or not 1 along the width.
    """

    axis: Axis | str
    other: Setting | str
    origin: str
    wider: int = 1

    def __post_init__(self) -> None:
        if self.wider < 1 or (self.wider > 1 and self.axis is not Axis.DEPTH):
            raise InputError(
                f"{self.wider} times as wide: expected a positive number, and 1 unless exponents "
                "of depth are compared"
            )

    def cells_of_other(self, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
        """Where the other setting is measured."""
        return tuple(replace(cell, width=self.wider * cell.width) for cell in cells)

    def __str__(self) -> str:
        relation = f"exponent of {_symbol(self.axis)} equal to that in [{self.other}]"
        return relation if self.wider == 1 else f"{relation}, {self.wider} times as wide"


@dataclass(frozen=True, slots=True)
class ExponentsOrdered(_Smaller):
    """The exponent is smaller than in ``other``, by more than the margin; paired by replicate."""

    axis: Axis | str
    other: Setting | str
    origin: str

    def __str__(self) -> str:
        return f"exponent of {_symbol(self.axis)} smaller than that in [{self.other}]"


class _OfSweeps:
    """A relation about a sweep over ``rates``, a grid of base learning rates in constant ratio."""

    __slots__ = ()

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

    def widened(self, below: int, above: int) -> tuple[Fraction, ...]:
        """The grid of rates with some more at its ends, in the same ratio."""
        ratio = self.rates[1] / self.rates[0]
        lower = [self.rates[0] / ratio**i for i in range(below, 0, -1)]
        upper = [self.rates[-1] * ratio**i for i in range(1, above + 1)]
        return (*lower, *self.rates, *upper)


@dataclass(frozen=True, slots=True)
class BestRateExponentEquals(_OfSweeps, _Equals):
    """The learning rate at which the observable is smallest goes as (size)^``value``.

    The statistic is the exponent of the minimum of a parabola through the best rate and its
    neighbours, replicate by replicate. A minimum at the edge widens the grid. Raises
    ``InputError`` for fewer than five rates (only a table brings its own, and leaves them out) or
    uneven ratios.
    """

    axis: Axis | str
    value: Fraction
    origin: str
    rates: tuple[Fraction, ...] = ()

    @property
    def expected(self) -> float:
        """The predicted exponent."""
        return float(self.value)

    def __str__(self) -> str:
        return f"exponent of {_symbol(self.axis)} of the best learning rate = {self.value}"


class Direction(StrEnum):
    """Which way something drifts."""

    RISES = "rises"
    FALLS = "falls"


@dataclass(frozen=True, slots=True)
class BestRateDrifts(_OfSweeps, _Equals):
    """The learning rate at which the observable is smallest does not transfer: it drifts.

    The statistic is that of ``BestRateExponentEquals``; the margin is the smallest exponent that
    counts as a drift. A source that says neither which way nor how fast is read both ways.
    """

    axis: Axis | str
    direction: Direction
    origin: str
    rates: tuple[Fraction, ...] = ()

    @property
    def expected(self) -> float:
        """The end of the claim: no drift."""
        return 0.0

    def band(self, margin: float) -> Band:
        """Beyond the margin, in the direction."""
        if self.direction is Direction.RISES:
            return Band(margin, math.inf)
        return Band(-math.inf, -margin)

    def __str__(self) -> str:
        return f"the best learning rate {self.direction} with {_symbol(self.axis)}"


@dataclass(frozen=True, slots=True)
class TunedOrdered(_OfSweeps, _Smaller):
    """At its best rate the observable is smaller than in ``other`` at its own, in every cell.

    Both are tuned over the same ``rates``, replicate by replicate; the statistic is
    log(smallest / smallest in ``other``), the margin the smallest difference that counts.
    """

    axis: Axis | str
    other: Setting
    origin: str
    rates: tuple[Fraction, ...]

    def __str__(self) -> str:
        return f"smaller, at the best rate, than in [{self.other}] in every cell"


@dataclass(frozen=True, slots=True)
class TransferRegretAtMost(_OfSweeps, _AtMost):
    """Zero-shot transfer: tuned at the smallest size and carried, a rate costs at most ``bound``.

    The base rate that is best at the smallest size s_0 is used at every other size s as
    rate * (s / s_0)^``exponent`` (arXiv 2203.03466, Algorithm 1; 0 where the parameterization has
    every power of the size). The statistic is the regret there in nats, f(s, carried) - f(s, best),
    f(s, rate) the mean of the observable's logarithm over all networks and data. It is what the
    theory costs who tunes on runs without number; the noise of tuning on few is no part of it.

    A trial that diverges or explodes counts as the worst of its sweep up to its best rate, so that
    ``rates`` should begin where nothing is learned; where most diverge at the carried rate, the
    bound is broken. A best or a carried rate outside of ``rates`` widens the grid. Raises
    ``InputError`` for a bound that is negative or not finite, and as ``BestRateExponentEquals``
    does for rates.
    """

    axis: Axis
    exponent: Fraction
    bound: float
    origin: str
    rates: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        _OfSweeps.__post_init__(self)
        if not 0 <= self.bound < math.inf:
            raise InputError(f"bound {self.bound!r}: expected 0 or a positive number of nats")

    @property
    def expected(self) -> float:
        """The largest regret that is claimed."""
        return self.bound

    def __str__(self) -> str:
        power = f"{_symbol(self.axis)}^{self.exponent}"
        return f"transfer of the learning rate as {power} costs <= {self.bound:g}"


BestRate = BestRateExponentEquals | BestRateDrifts
ExcessExponent = ExcessExponentEquals | ExcessExponentAtMost
Exponent = (
    ExponentEquals
    | ExponentAtMost
    | ExcessExponent
    | ExponentOfCurve
    | ExponentsEqual
    | ExponentsOrdered
    | BestRate
)
# Values whose statistic is the logarithm of a ratio.
LogRatio = (
    GeometricMeanEquals | SettingsOrdered | SettingsEqual | TunedOrdered | TransferRegretAtMost
)
OfCurve = CurveEquals | GeometricMeanEquals | ExponentOfCurve
Value = ValueEquals | ValueAtMost | CurveEquals | LogRatio
Relation = Exponent | Value
Sweep = BestRate | TunedOrdered | TransferRegretAtMost
Paired = SettingsOrdered | SettingsEqual | ExponentsEqual | ExponentsOrdered | TunedOrdered
