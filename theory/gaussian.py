"""Gaussian moments of activations: closed forms where they exist, quadrature for the rest.

All functions are of centred Gaussians a, b with variances q_1, q_2 and covariance c. They are
vectorized over arrays and correct to 12 digits relative to their natural size (for a kernel,
that of sqrt(E phi(a)^2 E phi(b)^2)) for variances up to 10^4. Imports numpy, scipy and mpmath.

Closed forms: piecewise linear activations (arc-cosine kernels, Cho & Saul 2009), erf (Williams
1997), GELU (from E Phi(a) Phi(b) by integration by parts). Analytic activations without one (tanh,
SiLU) use the trapezoidal rule, which converges geometrically in a strip around the real axis
(Trefethen & Weideman, SIAM Review 56, 2014, theorem 5.1). ``reference_moment`` is the independent
mpmath quadrature to any number of digits, for these and for any callable.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import mpmath
import numpy as np
import numpy.typing as npt
from scipy import special

from theory.architecture import HOMOGENEOUS, Activation
from theory.errors import DomainError

FloatArray = npt.NDArray[np.float64]
ArrayLike = npt.ArrayLike

# Beyond ten standard deviations the Gaussian is below 1e-22.
_REACH = 10.0
# Two inputs need a square of equally spaced nodes: here 4200 x 4200 for tanh.
_LARGEST_PAIR = 625.0
# The derivative of GELU is entire, and at most 3 in size for |Im z| <= 1.
_GELU_STRIP = 2.0
_ROUNDING = 2.0**-53


class Moment(StrEnum):
    """A moment of one Gaussian."""

    MEAN = "E phi"
    SECOND = "E phi^2"
    DERIVATIVE_SECOND = "E phi'^2"
    CROSS = "E phi phi'"
    DERIVATIVE_FOURTH = "E phi'^4"


def _variance(value: ArrayLike, name: str = "variance") -> FloatArray:
    array = np.asarray(value, dtype=np.float64)
    bad = ~((array >= 0) & np.isfinite(array))
    if bad.any():
        raise DomainError(
            f"{name} {float(np.extract(bad, array)[0])!r}: expected a finite number >= 0"
        )
    return array


def _covariance(
    q1: ArrayLike, q2: ArrayLike, c: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Checked variances and covariance, |c| clipped to sqrt(q1 q2) within rounding."""
    first, second = _variance(q1, "first variance"), _variance(q2, "second variance")
    covariance = np.asarray(c, dtype=np.float64)
    largest = np.sqrt(first * second)
    bad = ~(np.abs(covariance) <= largest * (1 + 1e-12))
    if bad.any():
        worst = np.extract(bad, np.broadcast_to(covariance, bad.shape))[0]
        raise DomainError(
            f"covariance {float(worst)!r} exceeds the product of the standard deviations: "
            "expected a correlation between -1 and 1"
        )
    return first, second, np.clip(covariance, -largest, largest)


@dataclass(frozen=True, slots=True)
class _Rule:
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
_DECAY = 100 / _ROUNDING
# Off the axis z = sinh(t + iy): far from the poles on the imaginary axis, all beyond i pi/2.
_SINH_HEIGHT = math.pi / 8


def _rule(strip: float, variance: float) -> _Rule:
    """The rule for functions of scale one that are analytic for |Im z| < ``strip``."""
    deviation = math.sqrt(variance)
    return _sinh_rule(deviation) if deviation > _WIDE else _plain_rule(strip, deviation)


def _plain_rule(strip: float, deviation: float) -> _Rule:
    """Equally spaced nodes: as many as the deviation holds widths of the strip."""
    # Above y = 3 the Gaussian's own growth e^{y^2/2} off the axis costs more than it brings.
    height = min(strip / (2 * max(deviation, 1e-15)), 3.0)
    growth = math.exp(height**2 / 2)
    spacing = 2 * math.pi * height / math.log(_DECAY * growth)
    count = math.ceil(_REACH / spacing)
    nodes = np.asarray(np.arange(-count, count + 1) * spacing, dtype=np.float64)
    weights = np.exp(-np.square(nodes) / 2)
    weights = weights / weights.sum()
    # |s (x + iy)| <= s (|x| + y), and |w(x + iy)| = w(x) e^{y^2/2}.
    off_axis = deviation * (np.abs(nodes) + height)
    missed = 2 / math.expm1(2 * math.pi * height / spacing)
    return _Rule(nodes, weights, off_axis, growth * weights, missed)


def _sinh_rule(deviation: float) -> _Rule:
    """x = sinh t: nodes as the logarithm of the deviation, for functions that are narrow in it.

    With y = pi/8, |w(sinh(t + iy)/s)| = w(0) e^{(sin^2 y - cos(2y) sinh^2 t)/2s^2}.
    """
    y = _SINH_HEIGHT
    spacing = 2 * math.pi * y / math.log(_DECAY)
    count = math.ceil(math.asinh(_REACH * deviation) / spacing)
    t = np.asarray(np.arange(-count, count + 1) * spacing, dtype=np.float64)
    squared, scale = np.square(np.sinh(t)), spacing / (deviation * math.sqrt(2 * math.pi))
    weights = scale * np.cosh(t) * np.exp(-squared / (2 * deviation**2))
    exponent = (math.sin(y) ** 2 - math.cos(2 * y) * squared) / (2 * deviation**2)
    off_weights = scale * np.sqrt(squared + math.cos(y) ** 2) * np.exp(exponent)
    off_axis = np.sqrt(squared + math.sin(y) ** 2)
    missed = 2 / math.expm1(2 * math.pi * y / spacing)
    nodes = np.sinh(t) / deviation
    return _Rule(nodes, weights / weights.sum(), off_axis, off_weights, missed)


def _trapezoidal(
    function: Callable[[FloatArray], FloatArray], q: ArrayLike, strip: float
) -> FloatArray:
    """E function(sqrt(q) Z) for an array of variances."""
    variance = _variance(q)
    results = []
    for value in variance.ravel():
        rule = _rule(strip, float(value))
        results.append(function(math.sqrt(value) * rule.nodes) @ rule.weights)
    return np.array(results).reshape(variance.shape)


def _double(
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
        raise DomainError(
            f"variance {max(q1, q2):g}: kernels of this activation between two inputs are known up "
            f"to {_LARGEST_PAIR:g}"
        )
    outer = _plain_rule(strip, math.sqrt(max(q1, q2)))
    slope = c / math.sqrt(q1) if q1 > 0 else 0.0
    rest = math.sqrt(max(q2 - slope**2, 0.0))
    first = function(math.sqrt(q1) * outer.nodes)
    second = function(slope * outer.nodes[:, None] + rest * outer.nodes) @ outer.weights
    return float((outer.weights * first) @ second)


class GaussianMoments(ABC):
    """Moments of one activation; ``value`` and ``derivative`` are vectorized over arrays."""

    @abstractmethod
    def value(self, x: FloatArray) -> FloatArray:
        """The activation phi."""

    @abstractmethod
    def derivative(self, x: FloatArray) -> FloatArray:
        """The derivative phi', at a kink any value between the one-sided ones."""

    @abstractmethod
    def mean(self, q: ArrayLike) -> FloatArray:
        """E phi(a) for variance q."""

    @abstractmethod
    def cross_moment(self, q: ArrayLike) -> FloatArray:
        """E phi(a) phi'(a) for variance q."""

    @abstractmethod
    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        """E phi(a) phi(b)."""

    @abstractmethod
    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        """E phi'(a) phi'(b), which is the derivative of the kernel by c (Price's theorem)."""

    @abstractmethod
    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        """E phi'(a)^2 phi'(b)^2."""

    @abstractmethod
    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        """E phi'(a)^4 for variance q."""

    def second_moment(self, q: ArrayLike) -> FloatArray:
        """E phi(a)^2 for variance q."""
        return self.kernel(q, q, q)

    def derivative_second_moment(self, q: ArrayLike) -> FloatArray:
        """E phi'(a)^2 for variance q."""
        return self.derivative_kernel(q, q, q)

    def moment(self, which: Moment, q: ArrayLike) -> FloatArray:
        """A moment by name."""
        return {
            Moment.MEAN: self.mean,
            Moment.SECOND: self.second_moment,
            Moment.DERIVATIVE_SECOND: self.derivative_second_moment,
            Moment.CROSS: self.cross_moment,
            Moment.DERIVATIVE_FOURTH: self.derivative_fourth_moment,
        }[which](q)


@dataclass(frozen=True, slots=True)
class PiecewiseLinear(GaussianMoments):
    """phi(x) = linear x + rectified max(x, 0): identity, ReLU, leaky ReLU and abs."""

    linear: float
    rectified: float

    def value(self, x: FloatArray) -> FloatArray:
        return self.linear * x + self.rectified * np.maximum(x, 0.0)

    def derivative(self, x: FloatArray) -> FloatArray:
        return self.linear + self.rectified * np.heaviside(x, 0.5)

    def mean(self, q: ArrayLike) -> FloatArray:
        return self.rectified * np.sqrt(_variance(q) / (2 * np.pi))

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        weight = (2 * self.linear + self.rectified) * self.rectified
        return weight * np.sqrt(_variance(q) / (2 * np.pi))

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = _covariance(q1, q2, c)
        sine, angle = self._angle(first, second, covariance)
        arc_cosine = (sine + (np.pi - angle) * covariance) / (2 * np.pi)
        linear = self.linear * (self.linear + self.rectified) * covariance
        return linear + self.rectified**2 * arc_cosine

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = _covariance(q1, q2, c)
        _, angle = self._angle(first, second, covariance)
        linear = self.linear * (self.linear + self.rectified)
        return linear + self.rectified**2 * (np.pi - angle) / (2 * np.pi)

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        left, right = self.linear**2, (self.linear + self.rectified) ** 2
        return PiecewiseLinear(left, right - left).derivative_kernel(q1, q2, c)

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        both = (self.linear + self.rectified) ** 4 + self.linear**4
        return np.full_like(_variance(q), both / 2)

    @staticmethod
    def _angle(q1: FloatArray, q2: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        """sqrt(q1 q2) sin(theta), and the angle theta between the two directions."""
        deviation = np.sqrt(q1 * q2)
        # A difference of squares as a product, which does not cancel.
        sine = np.sqrt(np.maximum((deviation - c) * (deviation + c), 0.0))
        return sine, np.arctan2(sine, c)


@dataclass(frozen=True, slots=True)
class Erf(GaussianMoments):
    """The error function, an odd sigmoid."""

    def value(self, x: FloatArray) -> FloatArray:
        return np.asarray(special.erf(x))

    def derivative(self, x: FloatArray) -> FloatArray:
        return 2 / math.sqrt(math.pi) * np.exp(-np.square(x))

    def mean(self, q: ArrayLike) -> FloatArray:
        return np.zeros_like(_variance(q))

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        return np.zeros_like(_variance(q))

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = _covariance(q1, q2, c)
        root = np.sqrt(self._determinant(first, second, covariance))
        return 2 / np.pi * np.arctan2(2 * covariance, root)

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return 4 / np.pi / np.sqrt(self._determinant(*_covariance(q1, q2, c)))

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = _covariance(q1, q2, c)
        doubled = self._determinant(2 * first, 2 * second, 2 * covariance)
        return 16 / np.pi**2 / np.sqrt(doubled)

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        return 16 / np.pi**2 / np.sqrt(1 + 8 * _variance(q))

    @staticmethod
    def _determinant(q1: FloatArray, q2: FloatArray, c: FloatArray) -> FloatArray:
        """(1 + 2 q1)(1 + 2 q2) - 4 c^2, without cancellation."""
        deviation = np.sqrt(q1 * q2)
        return 1 + 2 * (q1 + q2) + 4 * (deviation - c) * (deviation + c)


@dataclass(frozen=True, slots=True)
class Gelu(GaussianMoments):
    """phi(x) = x Phi(x), Phi the normal distribution function."""

    def value(self, x: FloatArray) -> FloatArray:
        return np.asarray(x * special.ndtr(x))

    def derivative(self, x: FloatArray) -> FloatArray:
        density = np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi)
        return np.asarray(special.ndtr(x)) + x * density

    def mean(self, q: ArrayLike) -> FloatArray:
        variance = _variance(q)
        return variance / np.sqrt(2 * np.pi * (1 + variance))

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        variance = _variance(q)
        return self.mean(variance) * (1 + 0.5 / (1 + variance))

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = _covariance(q1, q2, c)
        root, angle, gap, inverse = self._parts(first, second, covariance)
        smooth = gap + covariance**2 * inverse
        return covariance * angle + smooth / (2 * np.pi * root)

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = _covariance(q1, q2, c)
        root, angle, gap, inverse = self._parts(first, second, covariance)
        total, product = 1 + first + second, (1 + first) * (1 + second)
        # 1 + q1 + q2 - c^2 (1/(1 + q1) + 1/(1 + q2)), with q1 q2 taken out so that nothing cancels.
        rest = (np.square(total) - first * second) / product + gap * inverse
        slope = covariance / root * (2 * inverse - rest / np.square(root))
        return angle + slope / (2 * np.pi)

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return _double(self._squared_slope, _GELU_STRIP, *_covariance(q1, q2, c))

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        return _trapezoidal(lambda x: np.square(self._squared_slope(x)), q, _GELU_STRIP)

    def _squared_slope(self, x: FloatArray) -> FloatArray:
        return np.square(self.derivative(x))

    @staticmethod
    def _parts(
        q1: FloatArray, q2: FloatArray, c: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """sqrt((1 + q1)(1 + q2) - c^2), E Phi(a) Phi(b), q1 q2 - c^2, 1/(1 + q1) + 1/(1 + q2)."""
        deviation = np.sqrt(q1 * q2)
        gap = (deviation - c) * (deviation + c)
        root = np.sqrt(1 + q1 + q2 + gap)
        angle = 0.25 + np.arctan2(c, root) / (2 * np.pi)
        return root, angle, gap, 1 / (1 + q1) + 1 / (1 + q2)


def _integrand(which: Moment, value: FloatArray, slope: FloatArray) -> FloatArray:
    """The product of phi and phi' behind a moment."""
    return {
        Moment.MEAN: value,
        Moment.SECOND: value**2,
        Moment.DERIVATIVE_SECOND: slope**2,
        Moment.CROSS: value * slope,
        Moment.DERIVATIVE_FOURTH: slope**4,
    }[which]


@dataclass(frozen=True, slots=True)
class Analytic(GaussianMoments):
    """An activation that is analytic for |Im z| < ``strip``, by the trapezoidal rule.

    ``value_bound`` and ``slope_bound``: functions of |z| above |phi(z)| and |phi'(z)| for |Im z| <=
    strip/2, and on the lines z = sinh(t + i pi/8).
    """

    function: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    strip: float
    value_bound: Callable[[FloatArray], FloatArray]
    slope_bound: Callable[[FloatArray], FloatArray]

    def error_bound(self, which: Moment, variance: float) -> float:
        """What the trapezoidal rule may miss of a moment at one variance, proven.

        The integrand is w(x) F(s x), w the normal density, s^2 the variance and F a product of at
        most four phi and phi'. If its modulus has an integral of at most M along the two lines at
        height +-y, the rule of spacing h errs by at most 2 M / (e^{2 pi y / h} - 1) (Trefethen &
        Weideman 2014, theorem 5.1). The bounds on phi and phi' give M, as a sum over the nodes
        (1 percent is added, for a sum is no integral). Cutting at ten standard deviations and
        making the weights sum to one cost less than e^-35 of the largest bound each, and adding N
        products of floating-point numbers at most (N + 10) roundings of E |F|, on the axis.
        """
        rule = _rule(self.strip, variance)
        off_axis = _integrand(
            which, self.value_bound(rule.off_axis), self.slope_bound(rule.off_axis)
        )
        x = math.sqrt(variance) * rule.nodes
        on_axis = _integrand(which, np.abs(self.value(x)), np.abs(self.derivative(x)))
        missed = 1.01 * rule.missed * float(off_axis @ rule.off_weights)
        rounding = (len(x) + 10) * _ROUNDING * float(on_axis @ rule.weights)
        tails = 4 * math.exp(-(_REACH**2) / 2) * float(off_axis.max())
        return missed + tails + rounding

    def kernel_error_bound(self, q1: float, q2: float, derivative: bool) -> float:
        """The same for E f(a) f(b) at any covariance, f = phi or phi'.

        With a = s_1 x and b = r x + t z, r^2 + t^2 = s_2^2, both the outer integrand w(x) f(s_1 x)
        E f(r x + t Z) and the inner one keep f within strip/2 of the axis, for the rule is that of
        the larger deviation; there |f(b)| <= F_bound(s_2 (|x| + y + |z|)). Each misses what
        ``error_bound`` says of it, and two sums round.
        """
        first, second = math.sqrt(q1), math.sqrt(q2)
        rule = _plain_rule(self.strip, max(first, second))
        bound = self.slope_bound if derivative else self.value_bound
        height = rule.off_axis.min() / max(first, second)
        reach = np.abs(rule.nodes) + height
        inner = bound(second * (reach[:, None] + np.abs(rule.nodes))) @ rule.weights
        product = bound(first * reach) * inner
        missed = 2 * 1.01**2 * rule.missed * float(product @ rule.off_weights)
        tails = 8 * math.exp(-(_REACH**2) / 2) * float(product.max())
        moment = self.derivative_second_moment if derivative else self.second_moment
        size = math.sqrt(float(moment(q1)) * float(moment(q2)))
        return missed + tails + 2 * (len(rule.nodes) + 10) * _ROUNDING * size

    def value(self, x: FloatArray) -> FloatArray:
        return self.function(x)

    def derivative(self, x: FloatArray) -> FloatArray:
        return self.slope(x)

    def mean(self, q: ArrayLike) -> FloatArray:
        return _trapezoidal(self.function, q, self.strip)

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        return _trapezoidal(lambda x: self.function(x) * self.slope(x), q, self.strip)

    def second_moment(self, q: ArrayLike) -> FloatArray:
        return _trapezoidal(lambda x: np.square(self.function(x)), q, self.strip)

    def derivative_second_moment(self, q: ArrayLike) -> FloatArray:
        return _trapezoidal(lambda x: np.square(self.slope(x)), q, self.strip)

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        return _trapezoidal(lambda x: self.slope(x) ** 4, q, self.strip)

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return _double(self.function, self.strip, *_covariance(q1, q2, c))

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return _double(self.slope, self.strip, *_covariance(q1, q2, c))

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        squared = _covariance(q1, q2, c)
        return _double(lambda x: np.square(self.slope(x)), self.strip, *squared)


def _sigmoid_slope(x: FloatArray) -> FloatArray:
    slope: FloatArray = special.expit(x) * (1 + x * special.expit(-x))
    return slope


MOMENTS: Mapping[Activation, GaussianMoments] = {
    **{
        activation: PiecewiseLinear(float(left), float(right - left))
        for activation, (left, right) in HOMOGENEOUS.items()
    },
    Activation.ERF: Erf(),
    Activation.GELU: Gelu(),
    # For |y| = |Im z| <= pi/4: |tanh z|^2 = (sinh^2 x + sin^2 y)/(sinh^2 x + cos^2 y) <= 1,
    # 1/|cosh z|^2 <= 2, and |tanh z| <= 2 |z|, for tanh vanishes at 0. On the sinh lines |y| < pi/4
    # while |x| < 1, and beyond that |tanh z| <= coth 1 < 1.32, 1 + 1.32^2 < 3.
    Activation.TANH: Analytic(
        np.tanh,
        lambda x: 1 - np.square(np.tanh(x)),
        math.pi / 2,
        value_bound=lambda size: np.minimum(2 * size, 1.32),
        slope_bound=lambda size: np.full_like(size, 3.0),
    ),
    # phi' = g + z g (1 - g), g the sigmoid. For |y| <= pi/2: |1 + e^-z|^2 = 1 + 2 e^-x cos y +
    # e^-2x >= 1, also for 1 + e^z, and |z g (1 - g)| <= |z| / (4 sinh^2(x/2) + 2) < 1. On the sinh
    # lines that holds while |x| < 1, and beyond that |g| <= 1/(1 - 1/e) < 1.6, |z| < 1.15 |x| and
    # |z g (1 - g)| <= |z| e^-|x| / (1 - e^-|x|)^2 < 1.1.
    Activation.SILU: Analytic(
        lambda x: x * special.expit(x),
        _sigmoid_slope,
        math.pi,
        value_bound=lambda size: 1.6 * size,
        slope_bound=lambda size: np.full_like(size, 3.0),
    ),
}


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
    function may jump or bend. Raises ``DomainError`` when the digits are not reached.
    """
    deviation = math.sqrt(float(_variance(variance)))
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
            raise DomainError(
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

    b given a is Gaussian with mean c a / q_1 and variance q_2 - c^2 / q_1. Raises ``DomainError``
    for a correlation above 1, and when the digits are not reached.
    """
    _covariance(q1, q2, c)
    if q1 == 0:
        raise DomainError("first variance 0: function(a) is a number; use expectation for b")
    slope = c / mpmath.mpf(q1)
    rest = max(float(q2 - slope * c), 0.0)

    def inner(a: mpmath.mpf) -> mpmath.mpf:
        shift = slope * a
        bends = tuple(float(kink - shift) for kink in (*kinks, 0.0))
        return function(a) * expectation(lambda b: function(shift + b), rest, digits, bends)

    return expectation(inner, q1, digits, kinks)
