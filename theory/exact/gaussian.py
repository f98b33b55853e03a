"""Gaussian moments of activations: closed forms where they exist, quadrature for the rest.

All functions are of centred Gaussians a, b with variances q_1, q_2 and covariance c. They are
vectorized over arrays and correct to 12 digits relative to their natural size (for a kernel,
that of sqrt(E phi(a)^2 E phi(b)^2)) for variances up to 10^4. Imports numpy and scipy.

Closed forms: piecewise linear activations (arc-cosine kernels, Cho & Saul 2009), erf (Williams
1997), GELU (from E Phi(a) Phi(b) by integration by parts). Analytic activations without one (tanh,
SiLU) use the rules of ``theory.exact.quadrature``, and ``theory.exact.high_precision`` is their
reference.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import scipy

from theory.architecture import HOMOGENEOUS, Activation
from theory.arrays import FloatArray
from theory.exact.quadrature import (
    REACH,
    ROUNDING,
    checked_covariance,
    checked_variance,
    plain_rule,
    rule_for,
    trapezoidal,
    two_inputs,
)

ArrayLike = npt.ArrayLike

# The derivative of GELU is entire, and at most 3 in size for |Im z| <= 1.
_GELU_STRIP = 2.0


class Moment(StrEnum):
    """A moment of one Gaussian."""

    MEAN = "E phi"
    SECOND = "E phi^2"
    DERIVATIVE_SECOND = "E phi'^2"
    CROSS = "E phi phi'"
    DERIVATIVE_FOURTH = "E phi'^4"


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

    def second_moment(self, q: ArrayLike) -> FloatArray:
        """E phi(a)^2 for variance q."""
        return self.kernel(q, q, q)

    def derivative_second_moment(self, q: ArrayLike) -> FloatArray:
        """E phi'(a)^2 for variance q."""
        return self.derivative_kernel(q, q, q)

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        """E phi'(a)^4 for variance q."""
        return self.squared_slope_kernel(q, q, q)

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
        return self.rectified * np.sqrt(checked_variance(q) / (2 * np.pi))

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        weight = (2 * self.linear + self.rectified) * self.rectified
        return weight * np.sqrt(checked_variance(q) / (2 * np.pi))

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = checked_covariance(q1, q2, c)
        sine, angle = self._angle(first, second, covariance)
        arc_cosine = (sine + (np.pi - angle) * covariance) / (2 * np.pi)
        linear = self.linear * (self.linear + self.rectified) * covariance
        return linear + self.rectified**2 * arc_cosine

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = checked_covariance(q1, q2, c)
        _, angle = self._angle(first, second, covariance)
        linear = self.linear * (self.linear + self.rectified)
        return linear + self.rectified**2 * (np.pi - angle) / (2 * np.pi)

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        left, right = self.linear**2, (self.linear + self.rectified) ** 2
        return PiecewiseLinear(left, right - left).derivative_kernel(q1, q2, c)

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
        return np.asarray(scipy.special.erf(x))

    def derivative(self, x: FloatArray) -> FloatArray:
        return 2 / math.sqrt(math.pi) * np.exp(-np.square(x))

    def mean(self, q: ArrayLike) -> FloatArray:
        return np.zeros_like(checked_variance(q))

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        return np.zeros_like(checked_variance(q))

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = checked_covariance(q1, q2, c)
        root = np.sqrt(self._determinant(first, second, covariance))
        return 2 / np.pi * np.arctan2(2 * covariance, root)

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return 4 / np.pi / np.sqrt(self._determinant(*checked_covariance(q1, q2, c)))

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = checked_covariance(q1, q2, c)
        doubled = self._determinant(2 * first, 2 * second, 2 * covariance)
        return 16 / np.pi**2 / np.sqrt(doubled)

    @staticmethod
    def _determinant(q1: FloatArray, q2: FloatArray, c: FloatArray) -> FloatArray:
        """(1 + 2 q1)(1 + 2 q2) - 4 c^2, without cancellation."""
        deviation = np.sqrt(q1 * q2)
        return 1 + 2 * (q1 + q2) + 4 * (deviation - c) * (deviation + c)


@dataclass(frozen=True, slots=True)
class Gelu(GaussianMoments):
    """phi(x) = x Phi(x), Phi the normal distribution function."""

    def value(self, x: FloatArray) -> FloatArray:
        return np.asarray(x * scipy.special.ndtr(x))

    def derivative(self, x: FloatArray) -> FloatArray:
        density = np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi)
        return np.asarray(scipy.special.ndtr(x)) + x * density

    def mean(self, q: ArrayLike) -> FloatArray:
        variance = checked_variance(q)
        return variance / np.sqrt(2 * np.pi * (1 + variance))

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        variance = checked_variance(q)
        return self.mean(variance) * (1 + 0.5 / (1 + variance))

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = checked_covariance(q1, q2, c)
        root, angle, gap, inverse = self._parts(first, second, covariance)
        smooth = gap + covariance**2 * inverse
        return covariance * angle + smooth / (2 * np.pi * root)

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        first, second, covariance = checked_covariance(q1, q2, c)
        root, angle, gap, inverse = self._parts(first, second, covariance)
        total, product = 1 + first + second, (1 + first) * (1 + second)
        # 1 + q1 + q2 - c^2 (1/(1 + q1) + 1/(1 + q2)), with q1 q2 taken out so that nothing cancels.
        rest = (np.square(total) - first * second) / product + gap * inverse
        slope = covariance / root * (2 * inverse - rest / np.square(root))
        return angle + slope / (2 * np.pi)

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return two_inputs(self._squared_slope, _GELU_STRIP, *checked_covariance(q1, q2, c))

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        return trapezoidal(lambda x: np.square(self._squared_slope(x)), q, _GELU_STRIP)

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
        rule = rule_for(self.strip, variance)
        off_axis = _integrand(
            which, self.value_bound(rule.off_axis), self.slope_bound(rule.off_axis)
        )
        x = math.sqrt(variance) * rule.nodes
        on_axis = _integrand(which, np.abs(self.value(x)), np.abs(self.derivative(x)))
        missed = 1.01 * rule.missed * float(off_axis @ rule.off_weights)
        rounding = (len(x) + 10) * ROUNDING * float(on_axis @ rule.weights)
        tails = 4 * math.exp(-(REACH**2) / 2) * float(off_axis.max())
        return missed + tails + rounding

    def kernel_error_bound(self, q1: float, q2: float, derivative: bool) -> float:
        """The same for E f(a) f(b) at any covariance, f = phi or phi'.

        With a = s_1 x and b = r x + t z, r^2 + t^2 = s_2^2, both the outer integrand w(x) f(s_1 x)
        E f(r x + t Z) and the inner one keep f within strip/2 of the axis, for the rule is that of
        the larger deviation; there |f(b)| <= F_bound(s_2 (|x| + y + |z|)). Each misses what
        ``error_bound`` says of it, and two sums round.
        """
        first, second = math.sqrt(q1), math.sqrt(q2)
        rule = plain_rule(self.strip, max(first, second))
        bound = self.slope_bound if derivative else self.value_bound
        height = rule.off_axis.min() / max(first, second)
        reach = np.abs(rule.nodes) + height
        inner = bound(second * (reach[:, None] + np.abs(rule.nodes))) @ rule.weights
        product = bound(first * reach) * inner
        missed = 2 * 1.01**2 * rule.missed * float(product @ rule.off_weights)
        tails = 8 * math.exp(-(REACH**2) / 2) * float(product.max())
        moment = self.derivative_second_moment if derivative else self.second_moment
        size = math.sqrt(float(moment(q1)) * float(moment(q2)))
        return missed + tails + 2 * (len(rule.nodes) + 10) * ROUNDING * size

    def value(self, x: FloatArray) -> FloatArray:
        return self.function(x)

    def derivative(self, x: FloatArray) -> FloatArray:
        return self.slope(x)

    def mean(self, q: ArrayLike) -> FloatArray:
        return trapezoidal(self.function, q, self.strip)

    def cross_moment(self, q: ArrayLike) -> FloatArray:
        return trapezoidal(lambda x: self.function(x) * self.slope(x), q, self.strip)

    def second_moment(self, q: ArrayLike) -> FloatArray:
        return trapezoidal(lambda x: np.square(self.function(x)), q, self.strip)

    def derivative_second_moment(self, q: ArrayLike) -> FloatArray:
        return trapezoidal(lambda x: np.square(self.slope(x)), q, self.strip)

    def derivative_fourth_moment(self, q: ArrayLike) -> FloatArray:
        return trapezoidal(lambda x: self.slope(x) ** 4, q, self.strip)

    def kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return two_inputs(self.function, self.strip, *checked_covariance(q1, q2, c))

    def derivative_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        return two_inputs(self.slope, self.strip, *checked_covariance(q1, q2, c))

    def squared_slope_kernel(self, q1: ArrayLike, q2: ArrayLike, c: ArrayLike) -> FloatArray:
        squared = checked_covariance(q1, q2, c)
        return two_inputs(lambda x: np.square(self.slope(x)), self.strip, *squared)


def _sigmoid_slope(x: FloatArray) -> FloatArray:
    slope: FloatArray = scipy.special.expit(x) * (1 + x * scipy.special.expit(-x))
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
        lambda x: x * scipy.special.expit(x),
        _sigmoid_slope,
        math.pi,
        value_bound=lambda size: 1.6 * size,
        slope_bound=lambda size: np.full_like(size, 3.0),
    ),
}
