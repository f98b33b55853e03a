"""Gaussian moments by hand: half-Gaussians, angles, and plain sums over a square of points.

A sum over equally spaced points of a smooth function is exact to rounding once the spacing is
small. The sums of this file know nothing of the rules of ``theory.exact.quadrature``.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy
from hypothesis import example, given
from hypothesis import strategies as st

from theory import Activation, DomainError
from theory.architecture import HOMOGENEOUS
from theory.arrays import FloatArray
from theory.exact.gaussian import _GELU_STRIP, MOMENTS, Analytic, Moment, PiecewiseLinear
from theory.exact.quadrature import REACH, ROUNDING, plain_rule, rule_for

Function = Callable[[FloatArray], FloatArray]

SMOOTH = [Activation.ERF, Activation.GELU, Activation.TANH, Activation.SILU]
ANALYTIC = [Activation.TANH, Activation.SILU]
PAIRS = [
    (1.0, 1.0, 0.5),
    (0.5, 3.0, -0.7),
    (2.0, 0.25, 0.0),
    (1.5, 1.5, 1.5),
    (0.3, 1.2, -0.6),
    (0.0, 1.0, 0.0),
]
Z = np.linspace(-13.0, 13.0, 521)
WEIGHTS = np.exp(-(Z**2) / 2) * (Z[1] - Z[0]) / math.sqrt(2 * math.pi)


def mean_of(function: Function, q: float) -> float:
    """E function(a)."""
    return float(function(math.sqrt(q) * Z) @ WEIGHTS)


def mean_of_pair(function: Function, q1: float, q2: float, c: float) -> float:
    """E function(a) function(b), with both as combinations of two independent normals."""
    if q1 * q2 <= c**2:  # b = a sqrt(q2 / q1), of either sign, or one of them is zero
        b = math.copysign(math.sqrt(q2), c) * Z
        return float((function(math.sqrt(q1) * Z) * function(b)) @ WEIGHTS)
    root = np.linalg.cholesky(np.array([[q1, c], [c, q2]]))
    first = root[0, 0] * Z[:, None]
    second = root[1, 0] * Z[:, None] + root[1, 1] * Z
    return float(WEIGHTS @ (function(first) * function(second)) @ WEIGHTS)


VALUES: dict[Activation, Function] = {
    Activation.ERF: lambda x: np.asarray(scipy.special.erf(x)),
    Activation.GELU: lambda x: x * scipy.special.erfc(-x / math.sqrt(2)) / 2,
    Activation.TANH: lambda x: np.asarray(2 * scipy.special.expit(2 * x) - 1),
    Activation.SILU: lambda x: x * (1 + np.tanh(x / 2)) / 2,
}


def inside(x: FloatArray) -> FloatArray:
    """Where cosh does not overflow; beyond, its inverse vanishes either way."""
    return np.asarray(np.clip(x, -300, 300))


def slope_of(activation: Activation) -> Function:
    """Derivatives, in another form than the module's."""

    def gelu(x: FloatArray) -> FloatArray:
        below = scipy.special.erfc(-x / math.sqrt(2)) / 2
        return np.asarray(below + x * scipy.stats.norm.pdf(x))

    def silu(x: FloatArray) -> FloatArray:
        return np.asarray((1 + np.tanh(x / 2)) / 2 + x / (4 * np.cosh(inside(x) / 2) ** 2))

    return {
        Activation.ERF: lambda x: 2 * np.exp(-(x**2)) / math.sqrt(math.pi),
        Activation.GELU: gelu,
        Activation.TANH: lambda x: 1 / np.cosh(inside(x)) ** 2,
        Activation.SILU: silu,
    }[activation]


@pytest.mark.parametrize("activation", SMOOTH)
def test_values_and_slopes_are_those_of_the_activation(activation: Activation) -> None:
    moments, x = MOMENTS[activation], np.array([-3.0, -0.7, 0.0, 0.4, 2.5])
    np.testing.assert_allclose(moments.value(x), VALUES[activation](x), rtol=1e-12)
    np.testing.assert_allclose(moments.derivative(x), slope_of(activation)(x), rtol=1e-12)


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("which", Moment)
def test_moments_of_smooth_activations_are_plain_sums(
    activation: Activation, which: Moment
) -> None:
    value, slope = VALUES[activation], slope_of(activation)
    q = np.array([[0.0, 0.3], [1.0, 2.5]])
    product: Function = {
        Moment.MEAN: value,
        Moment.SECOND: lambda x: value(x) ** 2,
        Moment.DERIVATIVE_SECOND: lambda x: slope(x) ** 2,
        Moment.CROSS: lambda x: value(x) * slope(x),
        Moment.DERIVATIVE_FOURTH: lambda x: slope(x) ** 4,
    }[which]
    expected = [[mean_of(product, each) for each in row] for row in q.tolist()]
    found = MOMENTS[activation].moment(which, q)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("pair", PAIRS)
def test_kernels_of_smooth_activations_are_plain_sums(
    activation: Activation, pair: tuple[float, float, float]
) -> None:
    moments, slope = MOMENTS[activation], slope_of(activation)
    for kernel, function in (
        (moments.kernel, VALUES[activation]),
        (moments.derivative_kernel, slope),
        (moments.squared_slope_kernel, lambda x: slope(x) ** 2),
    ):
        expected = mean_of_pair(function, *pair)
        assert float(kernel(*pair)) == pytest.approx(expected, rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("activation", SMOOTH)
def test_large_variances_keep_their_digits(activation: Activation) -> None:
    """A hundred times wider than the activation: sums over points a tenth of it apart."""
    moments, x = MOMENTS[activation], np.linspace(-1300.0, 1300.0, 26_001)
    weights = np.exp(-((x / 100) ** 2) / 2) * 0.1 / (100 * math.sqrt(2 * math.pi))
    for kernel, moment, function in (
        (moments.kernel, moments.second_moment, VALUES[activation]),
        (moments.derivative_kernel, moments.derivative_second_moment, slope_of(activation)),
    ):
        expected = float(np.square(function(x)) @ weights)
        assert float(moment(1e4)) == pytest.approx(expected, rel=1e-12)
        if not isinstance(moments, Analytic):
            for sign in (1.0, -1.0):
                mixed = function(x) * function(sign * x)
                found = float(kernel(1e4, 1e4, sign * 1e4))
                assert found == pytest.approx(float(mixed @ weights), rel=1e-10, abs=1e-12)


@pytest.mark.parametrize(("left", "right"), [(0.0, 1.0), (0.25, 2.0), (-1.0, 1.0), (1.0, 1.0)])
def test_moments_of_two_slopes_are_those_of_two_half_gaussians(left: float, right: float) -> None:
    moments, q = PiecewiseLinear(left, right - left), 2.25
    half = math.sqrt(q / (2 * math.pi))
    for which, expected in {
        Moment.MEAN: half * (right - left),
        Moment.SECOND: q * (right**2 + left**2) / 2,
        Moment.DERIVATIVE_SECOND: (right**2 + left**2) / 2,
        Moment.CROSS: half * (right**2 - left**2),
        Moment.DERIVATIVE_FOURTH: (right**4 + left**4) / 2,
    }.items():
        assert float(moments.moment(which, q)) == pytest.approx(expected, rel=1e-14)
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(moments.value(x), [-2 * left, 0.0, 3 * right])
    np.testing.assert_allclose(moments.derivative(x), [left, (left + right) / 2, right])


@pytest.mark.parametrize("activation", HOMOGENEOUS)
def test_homogeneous_activations_have_their_two_slopes(activation: Activation) -> None:
    left, right = (float(slope) for slope in HOMOGENEOUS[activation])
    found = MOMENTS[activation].value(np.array([-2.0, 3.0]))
    np.testing.assert_allclose(found, [-2 * left, 3 * right])


@pytest.mark.parametrize(("left", "right"), [(0.0, 1.0), (0.25, 2.0), (-1.0, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("degrees", [0, 60, 90, 135, 180])
def test_kernels_of_two_slopes_are_integrals_over_the_angle(
    left: float, right: float, degrees: int
) -> None:
    """In the plane of both inputs: E r^2 = 2, and means over directions of pieces of cosines."""
    theta, q1, q2 = math.radians(degrees), 4.0, 0.25

    def phi(x: FloatArray) -> FloatArray:
        return np.where(x > 0, right * x, left * x)

    def slope(x: FloatArray) -> FloatArray:
        return np.where(x > 0, right, left)

    def mean(function: Function) -> float:
        """Over all directions, by Gauss-Legendre between the kinks."""
        total, turn = 0.0, math.pi / 2
        bends = {(s + k * turn) % (4 * turn) for s in (0.0, theta) for k in (1, 3)}
        kinks = sorted({0.0, *bends, 4 * turn})
        nodes, weights = np.polynomial.legendre.leggauss(30)
        for start, end in itertools.pairwise(kinks):
            angle = (start + end) / 2 + (end - start) / 2 * nodes
            values = function(np.cos(angle)) * function(np.cos(angle - theta))
            total += float(values @ weights) * (end - start) / 2
        return total / (2 * math.pi)

    moments, c = PiecewiseLinear(left, right - left), math.cos(theta)
    found = (
        float(moments.kernel(q1, q2, c)),
        float(moments.derivative_kernel(q1, q2, c)),
        float(moments.squared_slope_kernel(q1, q2, c)),
    )
    expected = (2 * mean(phi), mean(slope), mean(lambda x: slope(x) ** 2))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_small_angle_keeps_its_digits() -> None:
    """1 - cos(theta) cancels and sin(theta)^2 as a product does not: ReLU slopes at 1e-6."""
    sine = 1e-6
    cosine = 1 - sine**2 / 2
    found = 0.5 - float(MOMENTS[Activation.RELU].derivative_kernel(1.0, 1.0, cosine))
    assert found == pytest.approx(sine / (2 * math.pi), rel=1e-3)


def analytic(activation: Activation) -> Analytic:
    moments = MOMENTS[activation]
    assert isinstance(moments, Analytic)
    return moments


@pytest.mark.parametrize("activation", ANALYTIC)
def test_bounds_off_the_axis_hold_in_the_strip_and_on_the_lines_of_sinh(
    activation: Activation,
) -> None:
    """And the strip ends where the activation has its first pole."""
    moments = analytic(activation)
    x = np.linspace(-30, 30, 6001)
    first_pole = {Activation.TANH: math.pi / 2, Activation.SILU: math.pi}[activation]
    assert moments.strip == first_pole
    lines = [x + 1j * share * first_pole / 2 for share in (0.0, 0.5, 1.0)]
    lines.append(np.sinh(x / 5 + 1j * math.pi / 8))
    for z in lines:
        if activation is Activation.TANH:
            value, slope = np.tanh(z), 1 / np.cosh(np.clip(z.real, -30, 30) + 1j * z.imag) ** 2
        else:
            gate = 1 / (1 + np.exp(-z))
            value, slope = z * gate, gate + z * gate * (1 - gate)
        assert (np.abs(value) <= moments.value_bound(np.abs(z)) * (1 + 1e-12)).all()
        assert (np.abs(slope) <= moments.slope_bound(np.abs(z)) * (1 + 1e-12)).all()


def rounded_up(x: float, places: int) -> float:
    return float(math.ceil(x * 10**places) / 10**places)


def test_bounds_are_those_of_their_proofs_rounded_up() -> None:
    """A smaller one is not proven, and a larger one is given away.

    |tanh z| is at most 2 |z| and coth 1, its slope 1 + tanh^2. A sigmoid is at most 1/(1 - 1/e),
    and |z| g (1 - g) at most 1.1.
    """
    tanh, silu = analytic(Activation.TANH), analytic(Activation.SILU)
    sizes = np.array([0.25, 10.0])
    coth, gate = rounded_up(1 / math.tanh(1), 2), rounded_up(1 / (1 - 1 / math.e), 1)
    np.testing.assert_allclose(tanh.value_bound(sizes), [0.5, coth], rtol=1e-15)
    np.testing.assert_array_equal(tanh.slope_bound(sizes), rounded_up(1 + coth**2, 0))
    np.testing.assert_allclose(silu.value_bound(sizes), gate * sizes, rtol=1e-15)
    np.testing.assert_array_equal(silu.slope_bound(sizes), rounded_up(gate + 1.1, 0))


def test_the_slope_of_gelu_is_at_most_three_in_half_of_the_strip_that_its_rules_take() -> None:
    z = np.linspace(-9, 9, 1801) + 0.5j * _GELU_STRIP
    slope = scipy.special.erfc(-z / math.sqrt(2)) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(
        2 * math.pi
    )
    assert np.abs(slope).max() <= 3


def ones(x: FloatArray) -> FloatArray:
    return np.ones_like(x)


def zeros(x: FloatArray) -> FloatArray:
    return np.zeros_like(x)


# Products of phi and phi' behind each moment, for phi = 3 and phi' = 5.
PRODUCTS = {
    Moment.MEAN: 3,
    Moment.SECOND: 9,
    Moment.DERIVATIVE_SECOND: 25,
    Moment.CROSS: 15,
    Moment.DERIVATIVE_FOURTH: 625,
}


@pytest.mark.parametrize("variance", [0.0, 0.5, 4.0, 100.0])
@pytest.mark.parametrize("which", Moment)
def test_what_a_rule_misses_is_the_integral_of_the_bound_off_the_axis(
    which: Moment, variance: float
) -> None:
    """On the axis nothing rounds here, and tails are e^-50 of the bound: one percent is added."""
    moments = Analytic(zeros, zeros, 1.5, lambda size: 3 * ones(size), lambda size: 5 * ones(size))
    rule = rule_for(1.5, variance)
    bound = moments.error_bound(which, variance)
    missed = 1.01 * PRODUCTS[which] * rule.missed * rule.off_weights.sum()
    assert bound == pytest.approx(missed, rel=1e-3, abs=0)


@pytest.mark.parametrize("variance", [0.0, 0.5, 4.0, 100.0])
@pytest.mark.parametrize("which", Moment)
def test_sums_round_once_for_each_node_and_ten_times_more(which: Moment, variance: float) -> None:
    """Roundings are relative to the integral of absolute values, whatever the signs."""
    moments = Analytic(lambda x: -3 * ones(x), lambda x: -5 * ones(x), 1.5, zeros, zeros)
    nodes = len(rule_for(1.5, variance).nodes)
    expected = (nodes + 10) * ROUNDING * PRODUCTS[which]
    assert moments.error_bound(which, variance) == pytest.approx(expected, rel=1e-9, abs=0)


def far(size: FloatArray) -> FloatArray:
    """A bound that is zero but where the last nodes are."""
    return np.where(size == size.max(), 1.0, 0.0)


def test_cutting_the_tails_counts_the_largest_bound_twice_at_either_end() -> None:
    """Once for what is cut, once because weights are made to sum to one without it."""
    moments = Analytic(zeros, zeros, 1.5, far, far)
    expected = 2 * 2 * math.exp(-(REACH**2) / 2)
    assert moments.error_bound(Moment.MEAN, 1.0) == pytest.approx(expected, rel=1e-6, abs=0)
    assert 2 * scipy.special.ndtr(-REACH) < expected < math.exp(-35)


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize(("q1", "q2"), [(4.0, 1.0), (1.0, 4.0), (0.25, 0.09)])
def test_what_two_rules_miss_is_twice_the_integral_of_the_bound(
    q1: float, q2: float, derivative: bool
) -> None:
    """The rule is that of the larger deviation; one percent is added for either sum."""
    moments = Analytic(zeros, zeros, 1.5, lambda size: 3 * ones(size), lambda size: 5 * ones(size))
    rule = plain_rule(1.5, math.sqrt(max(q1, q2)))
    product = 25 if derivative else 9
    missed = 2 * 1.01**2 * product * rule.missed * rule.off_weights.sum()
    bound = moments.kernel_error_bound(q1, q2, derivative)
    assert bound == pytest.approx(missed, rel=1e-3, abs=0)


@pytest.mark.parametrize(("q1", "q2"), [(4.0, 1.0), (1.0, 4.0), (0.25, 0.25)])
def test_bounds_of_kernels_are_taken_as_far_off_the_axis_as_either_input_gets(
    q1: float, q2: float
) -> None:
    """With bounds |z| and |b| <= s_2 (|x| + y + |z|), by a sum over all pairs of nodes."""
    moments = Analytic(zeros, zeros, 1.5, np.positive, zeros)
    first, second = math.sqrt(q1), math.sqrt(q2)
    rule = plain_rule(1.5, max(first, second))
    height = 0.75 / max(first, second)
    products = [
        first
        * (abs(x) + height)
        * sum(
            second * (abs(x) + height + abs(z)) * weight
            for z, weight in zip(rule.nodes, rule.weights, strict=True)
        )
        for x in rule.nodes
    ]
    missed = 2 * 1.01**2 * rule.missed * float(products @ rule.off_weights)
    expected = missed + 8 * math.exp(-(REACH**2) / 2) * max(products)
    bound = moments.kernel_error_bound(q1, q2, derivative=False)
    assert bound == pytest.approx(expected, rel=1e-9, abs=0)
    assert moments.kernel_error_bound(q1, q2, derivative=True) == 0.0


def test_two_sums_of_kernels_round() -> None:
    moments = Analytic(lambda x: -3 * ones(x), lambda x: -5 * ones(x), 1.5, zeros, zeros)
    nodes = len(plain_rule(1.5, 2.0).nodes)
    for derivative, size in ((False, 9), (True, 25)):
        expected = 2 * (nodes + 10) * ROUNDING * size
        bound = moments.kernel_error_bound(1.0, 4.0, derivative)
        assert bound == pytest.approx(expected, rel=1e-9, abs=0)


def test_roundings_of_kernels_are_relative_to_both_second_moments() -> None:
    """sqrt(E a^2 E b^2) of the identity is the product of the deviations."""
    moments = Analytic(np.positive, zeros, 1.5, zeros, zeros)
    nodes = len(plain_rule(1.5, 3.0).nodes)
    expected = 2 * (nodes + 10) * ROUNDING * 6.0
    for q1, q2 in ((4.0, 9.0), (9.0, 4.0)):
        bound = moments.kernel_error_bound(q1, q2, derivative=False)
        assert bound == pytest.approx(expected, rel=1e-9, abs=0)


def test_cutting_the_tails_of_both_inputs_counts_twice() -> None:
    """The bound is two where the last nodes are, so that half of it or its square would tell."""

    def last(size: FloatArray) -> FloatArray:
        """Of the first input at its last nodes, and of the second everywhere."""
        return np.where(size == size.max(), 2.0, 0.0) if size.ndim == 1 else np.ones_like(size)

    moments = Analytic(zeros, zeros, 1.5, last, zeros)
    expected = 2 * 4 * math.exp(-(REACH**2) / 2) * 2.0
    bound = moments.kernel_error_bound(1.0, 1.0, derivative=False)
    assert bound == pytest.approx(expected, rel=1e-6, abs=0)


@given(st.sampled_from(ANALYTIC), st.sampled_from(Moment), st.floats(1e-3, 1e4))
@example(Activation.TANH, Moment.SECOND, 15.9)
@example(Activation.SILU, Moment.SECOND, 16.1)
def test_the_proven_bound_keeps_twelve_digits(
    activation: Activation, which: Moment, q: float
) -> None:
    """A moment that vanishes by symmetry is measured on the scale of its factors."""
    moments = analytic(activation)
    size = math.sqrt(float(moments.second_moment(q)))
    slope = math.sqrt(float(moments.derivative_second_moment(q)))
    natural = {Moment.MEAN: size, Moment.CROSS: size * slope}.get(which)
    natural = float(moments.moment(which, q)) if natural is None else natural
    assert moments.error_bound(which, q) <= 1e-12 * natural


def test_fields_of_analytic_activations_are_what_they_integrate() -> None:
    """One that is replaced is used: phi by 1 + phi, whose mean is one larger."""
    tanh = analytic(Activation.TANH)
    shifted = replace(tanh, function=lambda x: 1 + np.tanh(x))
    assert float(shifted.mean(1.0)) == pytest.approx(1.0)
    assert float(shifted.second_moment(1.0)) == pytest.approx(1 + float(tanh.second_moment(1.0)))


@pytest.mark.parametrize("variance", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("activation", Activation)
def test_every_moment_checks_its_variance(activation: Activation, variance: float) -> None:
    for which in Moment:
        with pytest.raises(DomainError, match="variance"):
            MOMENTS[activation].moment(which, variance)
