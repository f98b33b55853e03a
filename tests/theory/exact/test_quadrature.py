"""Trapezoidal rules: what they carry, and expectations that are known in closed form."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy

from theory import DomainError
from theory.arrays import FloatArray
from theory.exact.quadrature import (
    REACH,
    ROUNDING,
    QuadratureRule,
    checked_covariance,
    checked_variance,
    plain_rule,
    rule_for,
    trapezoidal,
    two_inputs,
)

STRIP = 1.5


def bell(x: FloatArray) -> FloatArray:
    """Analytic between its poles at +-i, so that a strip of one is the widest."""
    return 1 / (1 + np.square(x))


def mean_of_bell(q: float) -> float:
    """E 1 / (1 + q Z^2)."""
    inverse = 1 / math.sqrt(2 * q)
    return float(math.sqrt(math.pi) * inverse * scipy.special.erfcx(inverse))


def mean_of_squared_bell(q: float) -> float:
    """With m the mean of the bell, E 1 / (1 + q Z^2)^2 = (m + (1 - m) / q) / 2, by parts."""
    mean = mean_of_bell(q)
    return (mean + (1 - mean) / q) / 2


def spacing_of(points: FloatArray) -> float:
    gaps = np.diff(points)
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-9)
    return float(gaps[0])


def missed_by_theorem(height: float, spacing: float) -> float:
    """Theorem 5.1 of Trefethen & Weideman, per unit of the integral along one of the two lines."""
    return 2 / (math.exp(2 * math.pi * height / spacing) - 1)


def test_rounding_is_half_of_the_distance_of_numbers_at_one() -> None:
    assert np.finfo(np.float64).eps / 2 == ROUNDING


def test_beyond_the_reach_the_gaussian_is_below_rounding_of_what_it_is_added_to() -> None:
    """The comment promises 1e-22, and error bounds count on e^-50."""
    assert REACH == 10
    assert math.exp(-(REACH**2) / 2) / math.sqrt(2 * math.pi) < 1e-22


@pytest.mark.parametrize("deviation", [0.0, 0.1, 0.5, 2.0, 25.0])
def test_a_plain_rule_carries_what_the_theorem_needs(deviation: float) -> None:
    rule = plain_rule(STRIP, deviation)
    spacing = spacing_of(rule.nodes)
    np.testing.assert_allclose(rule.nodes, -rule.nodes[::-1])
    assert rule.nodes[-2] < REACH <= rule.nodes[-1]
    np.testing.assert_allclose(rule.weights.sum(), 1.0)
    weights = np.exp(-(rule.nodes**2) / 2)
    np.testing.assert_allclose(rule.weights, weights / weights.sum())
    # Half of the strip, in standard deviations; three where the strip is wider than that.
    height = min(STRIP / 2 / deviation, 3.0) if deviation else 3.0
    np.testing.assert_allclose(rule.off_axis, deviation * (np.abs(rule.nodes) + height))
    growth = math.exp(height**2 / 2)
    np.testing.assert_allclose(rule.off_weights, growth * rule.weights)
    assert rule.missed == pytest.approx(missed_by_theorem(height, spacing), rel=1e-9, abs=0)


@pytest.mark.parametrize("deviation", [0.1, 1.0, 4.0])
def test_a_plain_rule_misses_a_fiftieth_of_rounding_of_the_integral_off_the_axis(
    deviation: float,
) -> None:
    """No more, and no less: more nodes would cost time and add nothing but rounding."""
    rule = plain_rule(STRIP, deviation)
    assert rule.missed * rule.off_weights.sum() == pytest.approx(ROUNDING / 50, rel=1e-9, abs=0)


@pytest.mark.parametrize("deviation", [4.5, 20.0, 100.0])
def test_a_rule_for_large_deviations_carries_what_the_theorem_needs(deviation: float) -> None:
    """After x = sinh(t) / s, integrands live on the lines at height pi/8 around the axis of t."""
    height = math.pi / 8
    rule = rule_for(STRIP, deviation**2)
    t = np.arcsinh(deviation * rule.nodes)
    spacing = spacing_of(t)
    np.testing.assert_allclose(t, -t[::-1], atol=1e-15)
    assert rule.nodes[-2] < REACH <= rule.nodes[-1]

    def integrand(z: FloatArray) -> FloatArray:
        """Normal density times dx/dt, times the spacing."""
        density = np.exp(-(np.sinh(z) ** 2) / (2 * deviation**2)) / math.sqrt(2 * math.pi)
        return np.asarray(np.abs(density * np.cosh(z))) * spacing / deviation

    np.testing.assert_allclose(rule.weights, integrand(t), rtol=1e-9)
    np.testing.assert_allclose(rule.weights.sum(), 1.0, rtol=1e-15)
    off_axis: FloatArray = np.asarray(t + 1j * height)
    np.testing.assert_allclose(rule.off_axis, np.abs(np.sinh(off_axis)))
    np.testing.assert_allclose(rule.off_weights, integrand(off_axis), rtol=1e-9)
    assert rule.missed == pytest.approx(missed_by_theorem(height, spacing), rel=1e-9, abs=0)
    assert rule.missed == pytest.approx(ROUNDING / 50, rel=1e-9, abs=0)


def is_plain(rule: QuadratureRule) -> bool:
    return bool(np.ptp(np.diff(rule.nodes)) < 1e-12)


def test_nodes_are_equally_spaced_up_to_a_deviation_of_four() -> None:
    assert is_plain(rule_for(STRIP, 16.0))
    assert not is_plain(rule_for(STRIP, 16.5))


def test_a_narrow_function_of_a_wide_gaussian_needs_few_nodes() -> None:
    """Nodes grow as the logarithm of the deviation."""
    assert len(rule_for(1.0, 1e4).nodes) < 2 * len(rule_for(1.0, 25.0).nodes)


@pytest.mark.parametrize("q", [1e-4, 0.1, 1.0, 16.0, 17.0, 625.0, 1e4])
def test_the_mean_of_a_function_with_poles_has_a_closed_form(q: float) -> None:
    assert float(trapezoidal(bell, q, 1.0)) == pytest.approx(mean_of_bell(q), rel=3e-14)


@pytest.mark.parametrize(("q1", "q2"), [(0.01, 25.0), (25.0, 0.01), (1.0, 1.0), (1.0, 100.0)])
def test_independent_inputs_have_the_product_of_their_means(q1: float, q2: float) -> None:
    """The rule is that of the larger deviation, whichever input has it."""
    found = two_inputs(bell, 1.0, np.array(q1), np.array(q2), np.array(0.0))
    assert float(found) == pytest.approx(mean_of_bell(q1) * mean_of_bell(q2), rel=1e-13)


@pytest.mark.parametrize("q", [0.01, 0.1, 1 / 3, 1.0, 3.0, 49.0])
def test_equal_and_opposite_inputs_have_the_mean_of_the_square(q: float) -> None:
    """Of an even function. What rounding leaves of the variance of b given a counts as zero."""
    for c in (q, -q):
        found = two_inputs(bell, 1.0, np.array(q), np.array(q), np.array(c))
        assert float(found) == pytest.approx(mean_of_squared_bell(q), rel=1e-12)


def test_an_input_without_variance_is_a_number() -> None:
    """E cosh(a) cosh(b) = e^{(q1 + q2)/2} cosh(c), here with a = 0 or b = 0, or both."""
    q1, q2 = np.array([0.0, 0.25, 0.0]), np.array([0.25, 0.0, 0.0])
    found = two_inputs(np.cosh, STRIP, q1, q2, np.array(0.0))
    np.testing.assert_allclose(found, np.exp((q1 + q2) / 2), rtol=1e-13)


def test_rules_integrate_powers_of_a_gaussian() -> None:
    """E x^2 = q and E x^4 = 3 q^2, by equally spaced nodes up to q = 16 and by sinh beyond."""
    q = np.array([[0.0, 0.25, 1.0], [16.0, 17.0, 400.0]])
    np.testing.assert_allclose(trapezoidal(np.square, q, 1.5), q, rtol=1e-12)
    np.testing.assert_allclose(trapezoidal(lambda x: x**4, q, 1.5), 3 * q**2, rtol=1e-12)


def test_rules_of_two_inputs_integrate_powers_of_both() -> None:
    """E a b = c and E a^2 b^2 = q1 q2 + 2 c^2."""
    q1, q2 = np.array([0.0, 1.0, 4.0, 1.0]), np.array([1.0, 4.0, 0.25, 1.0])
    c = np.array([0.0, 1.5, -0.5, 1.0])
    np.testing.assert_allclose(two_inputs(lambda x: x, 1.5, q1, q2, c), c, rtol=1e-12, atol=1e-15)
    expected = q1 * q2 + 2 * c**2
    np.testing.assert_allclose(two_inputs(np.square, 1.5, q1, q2, c), expected, rtol=1e-12)


def pair(q1: float, q2: float) -> float:
    """E a b of a function that is entire: few nodes do, whatever the variance."""
    identity: Callable[[FloatArray], FloatArray] = np.positive
    return float(two_inputs(identity, 100.0, np.array(q1), np.array(q2), np.array(0.5)))


def test_pairs_are_refused_where_either_variance_is_beyond_the_reach_of_the_rule() -> None:
    assert pair(625.0, 1.0) == pytest.approx(0.5)
    for q1, q2 in ((625.5, 1.0), (1.0, 625.5)):
        with pytest.raises(DomainError, match=r"variance 625\.5: .* known up to 625$"):
            pair(q1, q2)


def test_covariances_are_clipped_within_rounding() -> None:
    """Of variances 1 and 4 it is at most 2, of either sign."""
    for c in (2 * (1 + 1e-13), -2 * (1 + 1e-13)):
        q1, q2, clipped = checked_covariance(1.0, 4.0, c)
        assert (float(q1), float(q2), float(clipped)) == (1.0, 4.0, 2.0 if c > 0 else -2.0)
    assert float(checked_covariance(1.0, 4.0, 1.5)[2]) == 1.5
    with pytest.raises(DomainError, match="exceeds the product"):
        checked_covariance(1.0, 4.0, [0.0, 2 * (1 + 1e-10)])


def test_an_input_without_variance_has_no_covariance() -> None:
    assert [float(part) for part in checked_covariance(0.0, 4.0, 0.0)] == [0.0, 4.0, 0.0]
    with pytest.raises(DomainError, match=r"covariance 1e-15 exceeds"):
        checked_covariance(0.0, 4.0, 1e-15)


def test_the_covariance_that_is_refused_is_the_first_bad_one() -> None:
    for covariances in ([2.5, -3.0], [0.5, 2.5], [2.5, 0.5]):
        with pytest.raises(DomainError, match=r"covariance 2\.5 exceeds"):
            checked_covariance(1.0, 4.0, covariances)
    with pytest.raises(DomainError, match="covariance nan exceeds"):
        checked_covariance([1.0, 1.0], 4.0, math.nan)


def test_a_variance_that_is_refused_is_the_first_bad_one_and_has_a_name() -> None:
    assert checked_variance([0.0, 2.0]).tolist() == [0.0, 2.0]
    for name, refused in (
        ("variance", lambda: checked_variance([1.0, -3.0, np.nan])),
        ("first variance", lambda: checked_covariance(-3.0, -4.0, 0.0)),
        ("second variance", lambda: checked_covariance(1.0, -3.0, 0.0)),
    ):
        with pytest.raises(DomainError, match=rf"^{name} -3\.0"):
            refused()


@pytest.mark.parametrize("variance", [-1.0, np.nan, np.inf])
def test_variances_are_finite_and_not_negative(variance: float) -> None:
    with pytest.raises(DomainError, match="expected a finite number >= 0"):
        checked_variance(variance)
