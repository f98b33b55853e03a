"""What a prediction says about an observable: a quantity, how it is summed up, what is expected.

A relation is data; the seventeen names below are what it is called in the field. A new relation of
an existing quantity is one function. Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from theory.errors import InputError
from theory.expectations import (
    AtMost,
    Band,
    Direction,
    Drifts,
    Equals,
    Expectation,
    Smaller,
    Summary,
)
from theory.experiments import Setting
from theory.quantities import (
    BestRate,
    Curve,
    CurveFunction,
    Excess,
    Observed,
    OverCurve,
    OverNumber,
    OverSetting,
    Quantity,
    Regret,
    TunedOverSetting,
)
from theory.scaling import Axis, Rational, rational

BY_WHOEVER_JUDGES = "stated with the measurements"
_LARGEST_EXPONENT = 1000


@dataclass(frozen=True, slots=True)
class Relation:
    """A statistic of a quantity along ``axis`` and what it is expected to be.

    ``axis`` is width or depth, or a column where measurements come from a table. ``origin`` says
    who says so.
    """

    quantity: Quantity
    summary: Summary
    expectation: Expectation
    axis: Axis | str
    origin: str

    @property
    def expected(self) -> float:
        """The predicted number, on the scale of the statistic; the end of a one-sided claim."""
        return self.expectation.expected

    @property
    def symbol(self) -> str:
        """n or L; the name of a column where measurements come from a table."""
        return self.axis.symbol if isinstance(self.axis, Axis) else self.axis

    def band(self, margin: float) -> Band:
        """The values of the statistic that accept, with a margin."""
        return self.expectation.band(margin)

    def __str__(self) -> str:
        return self.quantity.say(self.summary, self.expectation, self.symbol)


def ExponentEquals(axis: Axis | str, value: Rational, origin: str = BY_WHOEVER_JUDGES) -> Relation:
    """The observable grows as (size along ``axis``)^``value``.

    >>> from scaleproof import ExponentEquals
    >>> print(ExponentEquals("depth", "-3/2"))
    exponent of depth = -3/2
    """
    return Relation(Observed(), Summary.EXPONENT, Equals(_exponent(value)), axis, origin)


def ExponentAtMost(axis: Axis | str, value: Rational, origin: str = BY_WHOEVER_JUDGES) -> Relation:
    """The observable grows no faster than (size along ``axis``)^``value``: stability.

    >>> from scaleproof import ExponentAtMost
    >>> print(ExponentAtMost("width", 0))
    exponent of width <= 0
    """
    return Relation(Observed(), Summary.EXPONENT, AtMost(_exponent(value)), axis, origin)


def ExcessExponentEquals(
    axis: Axis, value: Rational, origin: str, from_below: bool = False
) -> Relation:
    """What the observable has over its limit falls as (size along ``axis``)^``value``.

    ``from_below``: what it lacks. Raises ``InputError`` when the exponent is not negative.

    >>> from scaleproof import Axis, ExcessExponentEquals
    >>> print(ExcessExponentEquals(Axis.DEPTH, -1, "a theory"))
    exponent of L of the excess over the limit = -1
    """
    falls = Equals(_falling(value))
    return Relation(Excess(from_below), Summary.EXPONENT, falls, axis, origin)


def ExcessExponentAtMost(
    axis: Axis, value: Rational, origin: str, from_below: bool = False
) -> Relation:
    """It falls as (size along ``axis``)^``value`` or faster: O of that power.

    >>> from scaleproof import Axis, ExcessExponentAtMost
    >>> print(ExcessExponentAtMost(Axis.WIDTH, "-1/2", "a theory", from_below=True))
    exponent of n of what is missing to the limit <= -1/2
    """
    falls = AtMost(_falling(value))
    return Relation(Excess(from_below), Summary.EXPONENT, falls, axis, origin)


def ValueEquals(axis: Axis | str, value: float, origin: str = BY_WHOEVER_JUDGES) -> Relation:
    """The observable has the mean ``value`` in every cell; the statistic is measured / value.

    Raises ``InputError`` when the value is not positive, because then a relative margin says
    nothing.

    >>> from scaleproof import ValueEquals
    >>> print(ValueEquals("depth", 1.5))
    value = 1.5 in every cell
    """
    return Relation(OverNumber(value), Summary.RATIO, Equals(1.0), axis, origin)


def ValueAtMost(axis: Axis | str, value: float, origin: str = BY_WHOEVER_JUDGES) -> Relation:
    """The observable has a mean of at most ``value`` in every cell.

    Raises ``InputError`` when the value is not positive.

    >>> from scaleproof import ValueAtMost
    >>> ValueAtMost("depth", 1.5).band(0.1)
    Band(low=-inf, high=1.1)
    """
    return Relation(OverNumber(value), Summary.RATIO, AtMost(1.0), axis, origin)


def CurveEquals(axis: Axis, curve: CurveFunction | Curve) -> Relation:
    """The observable has the mean ``curve`` in every cell: measured / predicted is one.

    >>> from scaleproof import Axis, CurveEquals
    >>> from theory.exact.propagation import forward_second_moment
    >>> print(CurveEquals(Axis.DEPTH, forward_second_moment))
    value = forward_second_moment at every cell
    """
    return _of_curve(axis, curve, Summary.RATIO, Equals(1.0))


def GeometricMeanEquals(axis: Axis, curve: CurveFunction | Curve) -> Relation:
    """The observable has the geometric mean ``curve`` in every cell.

    The statistic is log(measured / predicted). Where deep chains fluctuate by factors, the
    arithmetic mean is larger than what a typical network has.

    >>> from scaleproof import Axis, GeometricMeanEquals
    >>> from theory.exact.propagation import forward_second_moment
    >>> print(GeometricMeanEquals(Axis.DEPTH, forward_second_moment))
    geometric mean = forward_second_moment at every cell
    """
    return _of_curve(axis, curve, Summary.LOGARITHM, Equals(0.0))


def ExponentOfCurve(axis: Axis, curve: CurveFunction | Curve) -> Relation:
    """The observable has the exponent of ``curve``, by one regression on the same grid.

    The statistic is the exponent of measured / predicted, which is a power law where both bend in
    the same way: the curve need not be a power itself.

    >>> from scaleproof import Axis, ExponentOfCurve
    >>> from theory.exact.propagation import forward_second_moment
    >>> print(ExponentOfCurve(Axis.DEPTH, forward_second_moment))
    exponent of L equal to that of forward_second_moment
    """
    return _of_curve(axis, curve, Summary.EXPONENT, Equals(0.0))


def SettingsOrdered(
    axis: Axis | str, other: Setting | str, origin: str = BY_WHOEVER_JUDGES
) -> Relation:
    """In every cell the observable is smaller than in ``other``, paired by replicate.

    The statistic is log(observable / observable in ``other``); the margin is the smallest
    difference that counts. ``other`` is a setting, or the name of one in a table.

    >>> from scaleproof import SettingsOrdered
    >>> print(SettingsOrdered("depth", "relu"))
    smaller than that in [relu] in every cell
    """
    return Relation(OverSetting(other), Summary.LOGARITHM, Smaller(), axis, origin)


def SettingsEqual(
    axis: Axis | str, other: Setting | str, origin: str = BY_WHOEVER_JUDGES
) -> Relation:
    """In every cell the observable is that in ``other``, paired by replicate.

    The statistic is that of ``SettingsOrdered``; the margin is the largest difference that does
    not count.

    >>> from scaleproof import SettingsEqual
    >>> print(SettingsEqual("depth", "relu"))
    equal to that in [relu] in every cell
    """
    return Relation(OverSetting(other), Summary.LOGARITHM, Equals(0.0), axis, origin)


def ExponentsEqual(
    axis: Axis | str, other: Setting | str, origin: str = BY_WHOEVER_JUDGES, wider: int = 1
) -> Relation:
    """The exponent is the same in ``other``; the statistic is the paired difference.

    Networks of the other setting are ``wider`` times as wide, so that a setting can be compared
    with itself. Raises ``InputError`` where ``wider`` is not positive, or not 1 along the width.

    >>> from scaleproof import ExponentsEqual
    >>> print(ExponentsEqual("depth", "relu"))
    exponent of depth equal to that in [relu]
    """
    if wider < 1 or (wider > 1 and axis is not Axis.DEPTH):
        raise InputError(
            f"{wider} times as wide: expected a positive number, and 1 unless exponents of depth "
            "are compared"
        )
    return Relation(OverSetting(other, wider), Summary.EXPONENT, Equals(0.0), axis, origin)


def ExponentsOrdered(
    axis: Axis | str, other: Setting | str, origin: str = BY_WHOEVER_JUDGES
) -> Relation:
    """The exponent is smaller than in ``other``, by more than the margin; paired by replicate.

    >>> from scaleproof import ExponentsOrdered
    >>> print(ExponentsOrdered("depth", "relu"))
    exponent of depth smaller than that in [relu]
    """
    return Relation(OverSetting(other), Summary.EXPONENT, Smaller(), axis, origin)


def BestRateExponentEquals(
    axis: Axis | str,
    value: Rational,
    origin: str = BY_WHOEVER_JUDGES,
    rates: tuple[Fraction, ...] = (),
) -> Relation:
    """The learning rate at which the observable is smallest goes as (size)^``value``.

    Raises ``InputError`` for fewer than five rates (only a table brings its own, and leaves them
    out) or uneven ratios.

    >>> from scaleproof import BestRateExponentEquals
    >>> print(BestRateExponentEquals("width", 0))
    exponent of width of the best learning rate = 0
    """
    return Relation(BestRate(rates), Summary.EXPONENT, Equals(_exponent(value)), axis, origin)


def BestRateDrifts(
    axis: Axis | str,
    direction: Direction,
    origin: str = BY_WHOEVER_JUDGES,
    rates: tuple[Fraction, ...] = (),
) -> Relation:
    """The learning rate at which the observable is smallest does not transfer: it drifts.

    The margin is the smallest exponent that counts as a drift. A source that says neither which way
    nor how fast is read both ways.

    >>> from scaleproof import BestRateDrifts, Direction
    >>> print(BestRateDrifts("depth", Direction.FALLS))
    the best learning rate falls with depth
    """
    return Relation(BestRate(rates), Summary.EXPONENT, Drifts(direction), axis, origin)


def TunedOrdered(
    axis: Axis | str, other: Setting, origin: str, rates: tuple[Fraction, ...]
) -> Relation:
    """At its best rate the observable is smaller than in ``other`` at its own, in every cell.

    Both are tuned over the same ``rates``, replicate by replicate; the statistic is
    log(smallest / smallest in ``other``), the margin the smallest difference that counts.

    >>> from fractions import Fraction
    >>> from scaleproof import Axis, TunedOrdered, find
    >>> plain = find("A9.rate.depth.plain.rises.sgd").setting
    >>> rates = tuple(Fraction(1, 2**power) for power in (6, 5, 4, 3, 2))
    >>> str(TunedOrdered(Axis.DEPTH, plain, "a theory", rates)).partition(" [")[0]
    'smaller, at the best rate, than that in'
    """
    return Relation(TunedOverSetting(rates, other), Summary.LOGARITHM, Smaller(), axis, origin)


def TransferRegretAtMost(
    axis: Axis, exponent: Fraction, bound: float, origin: str, rates: tuple[Fraction, ...]
) -> Relation:
    """Zero-shot transfer: tuned at the smallest size and carried, a rate costs at most ``bound``.

    See ``Regret``. Raises ``InputError`` for a bound that is negative or not finite, and as
    ``BestRateExponentEquals`` does for rates.

    >>> from fractions import Fraction
    >>> from scaleproof import Axis, TransferRegretAtMost
    >>> rates = tuple(Fraction(1, 2**power) for power in (6, 5, 4, 3, 2))
    >>> print(TransferRegretAtMost(Axis.DEPTH, Fraction(-1), 0.1, "a theory", rates))
    transfer of the learning rate as L^-1 costs <= 0.1
    """
    if not 0 <= bound < math.inf:
        raise InputError(f"bound {bound!r}: expected 0 or a positive number of nats")
    return Relation(Regret(rates, exponent), Summary.LOGARITHM, AtMost(bound), axis, origin)


def _of_curve(
    axis: Axis, curve: CurveFunction | Curve, summary: Summary, expectation: Expectation
) -> Relation:
    exact = Curve.of(curve)
    origin = f"computed by {exact.module}.{exact.name}"
    return Relation(OverCurve(exact), summary, expectation, axis, origin)


def _exponent(value: Rational) -> Fraction:
    """Exact, and of a size that the power of a size can have."""
    exact = rational(value)
    if abs(exact) > _LARGEST_EXPONENT:
        raise InputError(f"exponent {value!r}: expected one between -1000 and 1000")
    return exact


def _falling(value: Rational) -> Fraction:
    exact = _exponent(value)
    if exact >= 0:
        raise InputError(f"exponent {exact}: an excess over a limit needs a negative one")
    return exact
