"""Gaussian moments: closed forms and fast quadrature against mpmath, to 12 digits."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import Activation, DomainError
from theory.exact.gaussian import MOMENTS, Analytic, Moment
from theory.exact.high_precision import (
    HIGH_PRECISION,
    expectation,
    reference_kernel,
    reference_moment,
)
from theory.exact.propagation import derivative_kernel_matrix, kernel_matrix

activations = st.sampled_from(Activation)
variances = st.floats(1e-3, 100.0)
wide = st.one_of(variances, st.floats(100.0, 1e4))
correlations = st.floats(-0.999, 0.999)


@given(activations, st.sampled_from(Moment), wide)
@settings(max_examples=60)
def test_moments_agree_with_high_precision_quadrature(
    activation: Activation, which: Moment, variance: float
) -> None:
    exact = float(reference_moment(HIGH_PRECISION[activation], which, variance))
    moments = MOMENTS[activation]
    # A moment that vanishes by symmetry is measured on the scale of its factors.
    size = float(np.sqrt(moments.second_moment(variance)))
    slope = float(np.sqrt(moments.derivative_second_moment(variance)))
    natural = {
        Moment.MEAN: size,
        Moment.SECOND: exact,
        Moment.DERIVATIVE_SECOND: exact,
        Moment.CROSS: size * slope,
        Moment.DERIVATIVE_FOURTH: exact,
    }[which]
    assert abs(float(moments.moment(which, variance)) - exact) <= 1e-12 * natural


@given(st.sampled_from([Activation.TANH, Activation.SILU]), st.sampled_from(Moment), wide)
@settings(max_examples=60)
def test_the_proven_bound_covers_the_error(
    activation: Activation, which: Moment, variance: float
) -> None:
    moments, exact = MOMENTS[activation], HIGH_PRECISION[activation]
    assert isinstance(moments, Analytic)
    bound = moments.error_bound(which, variance)
    reference = float(reference_moment(exact, which, variance))
    assert abs(float(moments.moment(which, variance)) - reference) <= bound


@given(st.sampled_from([Activation.TANH, Activation.SILU]), st.floats(-30, 30), st.floats(-1, 1))
def test_bounds_off_the_real_axis_hold(activation: Activation, x: float, share: float) -> None:
    moments, exact = MOMENTS[activation], HIGH_PRECISION[activation]
    assert isinstance(moments, Analytic)
    for z in (
        mpmath.mpc(x, share * moments.strip / 2),
        mpmath.sinh(mpmath.mpc(x / 5, mpmath.pi / 8)),
    ):
        size = np.array(float(abs(z)))
        assert float(abs(exact.value(z))) <= float(moments.value_bound(size)) * (1 + 1e-12)
        assert float(abs(exact.derivative(z))) <= float(moments.slope_bound(size)) * (1 + 1e-12)


@pytest.mark.slow
@given(activations, st.floats(0.1, 5.0), st.floats(0.1, 5.0), st.floats(-0.9, 0.9))
@settings(max_examples=25)
def test_squared_slopes_agree_with_double_quadrature(
    activation: Activation, q1: float, q2: float, rho: float
) -> None:
    c = rho * float(np.sqrt(q1 * q2))
    moments, exact = MOMENTS[activation], HIGH_PRECISION[activation]
    size = float(
        np.sqrt(moments.derivative_fourth_moment(q1) * moments.derivative_fourth_moment(q2))
    )
    reference = reference_kernel(lambda x: exact.derivative(x) ** 2, q1, q2, c, kinks=exact.kinks)
    assert abs(float(moments.squared_slope_kernel(q1, q2, c)) - float(reference)) <= 1e-12 * size


@given(activations, variances)
def test_squared_slopes_at_full_correlation_are_the_fourth_moment(
    activation: Activation, variance: float
) -> None:
    moments = MOMENTS[activation]
    full = float(moments.squared_slope_kernel(variance, variance, variance))
    assert full == pytest.approx(float(moments.derivative_fourth_moment(variance)), rel=1e-12)


@pytest.mark.slow
@given(
    activations,
    st.floats(0.1, 5.0),
    st.floats(0.1, 5.0),
    st.floats(-0.9, 0.9),
    st.booleans(),
)
@settings(max_examples=40)
def test_kernels_agree_with_double_quadrature(
    activation: Activation, q1: float, q2: float, rho: float, derivative: bool
) -> None:
    c = rho * float(np.sqrt(q1 * q2))
    moments, exact = MOMENTS[activation], HIGH_PRECISION[activation]
    if derivative:
        function, kernel = exact.derivative, moments.derivative_kernel
        second = moments.derivative_second_moment
    else:
        function, kernel, second = exact.value, moments.kernel, moments.second_moment
    size = float(np.sqrt(second(q1) * second(q2)))
    reference = float(reference_kernel(function, q1, q2, c, kinks=exact.kinks))
    assert abs(float(kernel(q1, q2, c)) - reference) <= 1e-12 * size


@given(activations, variances, variances, correlations)
@settings(max_examples=60)
def test_prices_theorem_links_the_two_kernels(
    activation: Activation, q1: float, q2: float, rho: float
) -> None:
    """d/dc E phi(a) phi(b) = E phi'(a) phi'(b): one formula checks the other."""
    moments, scale = MOMENTS[activation], float(np.sqrt(q1 * q2))
    c, step = rho * scale, 3e-4 * (1 - abs(rho)) * scale
    points = c + step * np.array([-2.0, -1.0, 1.0, 2.0])
    values = moments.kernel(np.full(4, q1), np.full(4, q2), points)
    slope = float(np.array([1.0, -8.0, 8.0, -1.0]) @ values / (12 * step))
    size = float(
        np.sqrt(moments.derivative_second_moment(q1) * moments.derivative_second_moment(q2))
    )
    rounding = float(np.abs(values).max()) * 1e-14 / step
    assert abs(slope - float(moments.derivative_kernel(q1, q2, c))) <= 1e-8 * size + rounding


@given(activations, variances)
@settings(max_examples=40)
def test_a_kernel_at_full_correlation_is_the_second_moment(
    activation: Activation, variance: float
) -> None:
    moments = MOMENTS[activation]
    full = float(moments.kernel(variance, variance, variance))
    assert full == pytest.approx(float(moments.second_moment(variance)), rel=1e-12)


@given(activations, st.integers(0, 10_000), st.integers(2, 5))
@settings(max_examples=30)
def test_kernel_matrices_are_positive_semidefinite(
    activation: Activation, seed: int, inputs: int
) -> None:
    rows = np.random.default_rng(seed).normal(size=(inputs, 3))
    covariance = rows @ rows.T
    for matrix in (
        kernel_matrix(MOMENTS[activation], covariance),
        derivative_kernel_matrix(MOMENTS[activation], covariance),
    ):
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-12 * np.trace(matrix)


def test_any_callable_can_be_integrated() -> None:
    step = expectation(lambda x: mpmath.mpf(x > 1), 4.0, 15, kinks=(1.0,))
    assert float(step) == pytest.approx(float(mpmath.ncdf(mpmath.mpf(-1) / 2)), rel=1e-14)


def test_digits_that_are_not_reached_are_refused() -> None:
    with pytest.raises(DomainError, match="name the points where the function bends"):
        expectation(lambda x: mpmath.mpf(x > 0.3), 4.0, 15)


@pytest.mark.parametrize("variance", [-1.0, np.nan, np.inf])
def test_variances_are_checked(variance: float) -> None:
    with pytest.raises(DomainError, match="variance"):
        MOMENTS[Activation.RELU].second_moment(variance)


@given(
    st.sampled_from([Activation.TANH, Activation.SILU]),
    st.floats(1e-2, 300.0),
    st.floats(1e-2, 300.0),
    st.booleans(),
)
@settings(max_examples=30)
def test_the_proven_bound_of_kernels_keeps_twelve_digits(
    activation: Activation, q1: float, q2: float, derivative: bool
) -> None:
    moments = MOMENTS[activation]
    assert isinstance(moments, Analytic)
    second = moments.derivative_second_moment if derivative else moments.second_moment
    size = float(np.sqrt(second(q1) * second(q2)))
    assert moments.kernel_error_bound(q1, q2, derivative) <= 1e-12 * size


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize("activation", [Activation.TANH, Activation.SILU])
def test_the_proven_bound_of_kernels_covers_their_error(
    activation: Activation, derivative: bool
) -> None:
    moments, exact = MOMENTS[activation], HIGH_PRECISION[activation]
    assert isinstance(moments, Analytic)
    function = exact.derivative if derivative else exact.value
    kernel = moments.derivative_kernel if derivative else moments.kernel
    reference = float(reference_kernel(function, 1.3, 0.7, 0.5, digits=15))
    error = abs(float(kernel(1.3, 0.7, 0.5)) - reference)
    assert error <= moments.kernel_error_bound(1.3, 0.7, derivative)


def test_pairs_beyond_the_reach_of_the_rule_are_refused() -> None:
    with pytest.raises(DomainError, match="known up to 625"):
        MOMENTS[Activation.TANH].kernel(1.0, 1e4, 0.5)


def test_correlations_are_checked() -> None:
    with pytest.raises(DomainError, match=r"covariance 1\.5 exceeds"):
        MOMENTS[Activation.TANH].kernel(1.0, 1.0, 1.5)
