"""Gaussian moments by mpmath, to any number of digits and of any callable: the reference.

Independent of ``theory.exact.gaussian``, which is checked against it. Imports mpmath, ``theory``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import mpmath

from theory.architecture import Activation
from theory.errors import InputError
from theory.exact.gaussian import Moment
from theory.exact.quadrature import checked_covariance, checked_variance


@dataclass(frozen=True, slots=True)
class HighPrecision:
    """An activation for mpmath: value, derivative, and the kinks at which quadrature is split."""

    value: Callable[[mpmath.mpf], mpmath.mpf]
    derivative: Callable[[mpmath.mpf], mpmath.mpf]
    kinks: tuple[float, ...] = ()


def _piecewise(linear: str, rectified: str) -> HighPrecision:
    def value(x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.mpf(linear) * x + mpmath.mpf(rectified) * max(x, 0)

    def derivative(x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.mpf(linear) + (mpmath.mpf(rectified) if x > 0 else 0)

    return HighPrecision(value, derivative, (0.0,))


@lru_cache(maxsize=2)
def _normal_distribution(x: mpmath.mpf, precision: int) -> mpmath.mpf:
    """Phi(x) at the working precision: a product of GELU and its derivative needs it twice."""
    assert precision == mpmath.mp.prec
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


HIGH_PRECISION: Mapping[Activation, HighPrecision] = {
    Activation.IDENTITY: _piecewise("1", "0"),
    Activation.RELU: _piecewise("0", "1"),
    Activation.LEAKY_RELU: _piecewise("0.01", "0.99"),
    Activation.ABS: _piecewise("-1", "2"),
    Activation.ERF: HighPrecision(
        mpmath.erf, lambda x: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-x * x)
    ),
    Activation.GELU: HighPrecision(
        lambda x: x * _normal_distribution(x, mpmath.mp.prec),
        lambda x: (
            _normal_distribution(x, mpmath.mp.prec)
            + x * mpmath.exp(-x * x / 2) / mpmath.sqrt(2 * mpmath.pi)
        ),
    ),
    Activation.TANH: HighPrecision(mpmath.tanh, lambda x: mpmath.sech(x) ** 2),
    Activation.SILU: HighPrecision(
        lambda x: x / (1 + mpmath.exp(-x)),
        lambda x: (1 + mpmath.exp(-x) * (1 + x)) / (1 + mpmath.exp(-x)) ** 2,
    ),
}


# Where activations of unit scale have their features; quadrature is split there too, or it would
# miss them between its nodes at a large variance.
_FEATURES = (0.0, 1.0, 4.0, 16.0)


def expectation(
    function: Callable[[mpmath.mpf], mpmath.mpf],
    variance: float,
    digits: int = 15,
    kinks: tuple[float, ...] = (),
) -> mpmath.mpf:
    """E function(sqrt(variance) Z) of any callable to ``digits`` digits, Z standard normal.

    ``function`` takes and gives mpmath numbers. Quadrature is split at the kinks, where the
    function may jump or bend. The range ends one unit behind |z| where e^{-z^2/2} is 10^-(digits +
    5). What a fast-growing function has beyond is not seen. Raises ``InputError`` when the digits
    are not reached.
    """
    deviation = math.sqrt(float(checked_variance(variance)))
    with mpmath.workdps(digits + 10):
        scale = mpmath.sqrt(mpmath.mpf(variance))
        reach = mpmath.sqrt(2 * mpmath.log(10) * (digits + 5)) + 1
        marks = {*kinks, *_FEATURES, *(-feature for feature in _FEATURES)}
        inside = {mark / deviation for mark in marks if abs(mark) < float(reach) * deviation}
        points = [-reach, *sorted(inside or {0.0}), reach]
        integral, error = mpmath.quad(
            lambda z: function(scale * z) * mpmath.exp(-z * z / 2),
            points,
            method="gauss-legendre",
            error=True,
        )
        if error > mpmath.mpf(10) ** -digits * max(1, abs(integral)):
            raise InputError(
                f"quadrature at variance {variance!r} reached an error of {mpmath.nstr(error, 2)}, "
                f"not {digits} digits; name the points where the function bends as kinks"
            )
        return integral / mpmath.sqrt(2 * mpmath.pi)


def reference_moment(
    activation: HighPrecision, which: Moment, variance: float, digits: int = 15
) -> mpmath.mpf:
    """A moment of one Gaussian by mpmath quadrature, to a stated number of digits."""
    phi, slope = activation.value, activation.derivative
    functions: dict[Moment, Callable[[mpmath.mpf], mpmath.mpf]] = {
        Moment.MEAN: phi,
        Moment.SECOND: lambda x: phi(x) ** 2,
        Moment.DERIVATIVE_SECOND: lambda x: slope(x) ** 2,
        Moment.CROSS: lambda x: phi(x) * slope(x),
        Moment.DERIVATIVE_FOURTH: lambda x: slope(x) ** 4,
    }
    return expectation(functions[which], variance, digits, activation.kinks)


def reference_kernel(
    function: Callable[[mpmath.mpf], mpmath.mpf],
    q1: float,
    q2: float,
    c: float,
    digits: int = 13,
    kinks: tuple[float, ...] = (),
) -> mpmath.mpf:
    """E function(a) function(b) of any callable by mpmath: seconds, not microseconds.

    b given a is Gaussian with mean c a / q_1 and variance q_2 - c^2 / q_1. Raises ``InputError``
    for a correlation above 1, and when the digits are not reached.
    """
    checked_covariance(q1, q2, c)
    if q1 == 0:
        raise InputError("first variance 0: function(a) is a number; use expectation for b")
    slope = c / mpmath.mpf(q1)
    rest = max(float(q2 - slope * c), 0.0)

    def inner(a: mpmath.mpf) -> mpmath.mpf:
        shift = slope * a
        bends = tuple(float(kink - shift) for kink in (*kinks, 0.0))
        return function(a) * expectation(lambda b: function(shift + b), rest, digits, bends)

    return expectation(inner, q1, digits, kinks)
