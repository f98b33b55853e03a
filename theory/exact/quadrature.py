"""Trapezoidal rules for Gaussian expectations of analytic functions. Imports numpy and ``theory``.

The rule converges geometrically in a strip around the real axis (Trefethen & Weideman, SIAM Review
56, 2014, theorem 5.1); a rule carries what is needed to bound its error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from theory.arrays import FloatArray
from theory.errors import InputError, NoTheoryError

ArrayLike = npt.ArrayLike

# Beyond ten standard deviations the Gaussian is below 1e-22.
REACH = 10.0
# Two inputs need a square of equally spaced nodes: here 4200 x 4200 for tanh.
_LARGEST_PAIR = 625.0
ROUNDING = 2.0**-53


def checked_variance(value: ArrayLike, name: str = "variance") -> FloatArray:
    """An array of variances; ``InputError`` names one that is negative or not finite."""
    array = np.asarray(value, dtype=np.float64)
    bad = ~((array >= 0) & np.isfinite(array))
    if bad.any():
        raise InputError(
            f"{name} {float(np.extract(bad, array)[0])!r}: expected a finite number >= 0"
        )
    return array


def checked_covariance(
    q1: ArrayLike, q2: ArrayLike, c: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Checked variances and covariance, |c| clipped to sqrt(q1 q2) within rounding."""
    first, second = checked_variance(q1, "first variance"), checked_variance(q2, "second variance")
    covariance = np.asarray(c, dtype=np.float64)
    largest = np.sqrt(first * second)
    bad = ~(np.abs(covariance) <= largest * (1 + 1e-12))
    if bad.any():
        worst = np.extract(bad, np.broadcast_to(covariance, bad.shape))[0]
        raise InputError(
            f"covariance {float(worst)!r} exceeds the product of the standard deviations: "
            "expected a correlation between -1 and 1"
        )
    return first, second, np.clip(covariance, -largest, largest)


@dataclass(frozen=True, slots=True)
class QuadratureRule:
    """A trapezoidal rule for E F(s Z), sum of ``weights`` F(s ``nodes``), and its error's bound.

    Off the axis |F| is taken at points of size ``off_axis`` with ``off_weights``, and their sum is
    multiplied by ``missed``.
    """

    nodes: FloatArray
    weights: FloatArray
    off_axis: FloatArray
    off_weights: FloatArray
    missed: float


# Above this deviation a function of scale one is narrow, and nodes are spread as sinh.
_WIDE = 4.0
# e^{2 pi y / h} for a spacing h at height y: what is missed is below a fiftieth of rounding.
_DECAY = 100 / ROUNDING
# Off the axis z = sinh(t + iy): far from the poles on the imaginary axis, all beyond i pi/2.
_SINH_HEIGHT = math.pi / 8


def rule_for(strip: float, variance: float) -> QuadratureRule:
    """The rule for functions of scale one that are analytic for |Im z| < ``strip``."""
    deviation = math.sqrt(variance)
    return _sinh_rule(deviation) if deviation > _WIDE else plain_rule(strip, deviation)


def plain_rule(strip: float, deviation: float) -> QuadratureRule:
    """Equally spaced nodes: as many as the deviation holds widths of the strip."""
    # Above y = 3 the Gaussian's own growth e^{y^2/2} off the axis costs more than it brings.
    height = min(strip / (2 * max(deviation, 1e-15)), 3.0)
    growth = math.exp(height**2 / 2)
    spacing = 2 * math.pi * height / math.log(_DECAY * growth)
    count = math.ceil(REACH / spacing)
    nodes = np.asarray(np.arange(-count, count + 1) * spacing, dtype=np.float64)
    weights = np.exp(-np.square(nodes) / 2)
    weights = weights / weights.sum()
    # |s (x + iy)| <= s (|x| + y), and |w(x + iy)| = w(x) e^{y^2/2}.
    off_axis = deviation * (np.abs(nodes) + height)
    missed = 2 / math.expm1(2 * math.pi * height / spacing)
    return QuadratureRule(nodes, weights, off_axis, growth * weights, missed)


def _sinh_rule(deviation: float) -> QuadratureRule:
    """x = sinh t: nodes as the logarithm of the deviation, for functions that are narrow in it.

    With y = pi/8, |w(sinh(t + iy)/s)| = w(0) e^{(sin^2 y - cos(2y) sinh^2 t)/2s^2}.
    """
    y = _SINH_HEIGHT
    spacing = 2 * math.pi * y / math.log(_DECAY)
    count = math.ceil(math.asinh(REACH * deviation) / spacing)
    t = np.asarray(np.arange(-count, count + 1) * spacing, dtype=np.float64)
    squared, scale = np.square(np.sinh(t)), spacing / (deviation * math.sqrt(2 * math.pi))
    weights = scale * np.cosh(t) * np.exp(-squared / (2 * deviation**2))
    exponent = (math.sin(y) ** 2 - math.cos(2 * y) * squared) / (2 * deviation**2)
    off_weights = scale * np.sqrt(squared + math.cos(y) ** 2) * np.exp(exponent)
    off_axis = np.sqrt(squared + math.sin(y) ** 2)
    missed = 2 / math.expm1(2 * math.pi * y / spacing)
    nodes = np.sinh(t) / deviation
    return QuadratureRule(nodes, weights / weights.sum(), off_axis, off_weights, missed)


def trapezoidal(
    function: Callable[[FloatArray], FloatArray], q: ArrayLike, strip: float
) -> FloatArray:
    """E function(sqrt(q) Z) for an array of variances."""
    variance = checked_variance(q)
    results = []
    for value in variance.ravel():
        rule = rule_for(strip, float(value))
        results.append(function(math.sqrt(value) * rule.nodes) @ rule.weights)
    return np.array(results).reshape(variance.shape)


def two_inputs(
    function: Callable[[FloatArray], FloatArray],
    strip: float,
    q1: FloatArray,
    q2: FloatArray,
    c: FloatArray,
) -> FloatArray:
    """E function(a) function(b): b given a is Gaussian, an outer rule over a of an inner one."""
    q1, q2, c = np.broadcast_arrays(q1, q2, c)
    results = [
        _one_pair(function, strip, *(float(value) for value in triple))
        for triple in zip(q1.ravel(), q2.ravel(), c.ravel(), strict=True)
    ]
    return np.array(results).reshape(q1.shape)


def _one_pair(
    function: Callable[[FloatArray], FloatArray], strip: float, q1: float, q2: float, c: float
) -> float:
    if max(q1, q2) > _LARGEST_PAIR:
        raise NoTheoryError(
            f"variance {max(q1, q2):g}: kernels of this activation between two inputs are known up "
            f"to {_LARGEST_PAIR:g}"
        )
    outer = plain_rule(strip, math.sqrt(max(q1, q2)))
    slope = c / math.sqrt(q1) if q1 > 0 else 0.0
    rest = math.sqrt(max(q2 - slope**2, 0.0))
    first = function(math.sqrt(q1) * outer.nodes)
    second = function(slope * outer.nodes[:, None] + rest * outer.nodes) @ outer.weights
    return float((outer.weights * first) @ second)
