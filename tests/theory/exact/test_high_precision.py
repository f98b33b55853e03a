"""The reference by mpmath against closed forms, and what it refuses."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from theory import Activation, DomainError
from theory.architecture import HOMOGENEOUS
from theory.exact.gaussian import MOMENTS, Moment
from theory.exact.high_precision import (
    HIGH_PRECISION,
    expectation,
    reference_kernel,
    reference_moment,
)

Function = Callable[[mpmath.mpf], mpmath.mpf]


def step_at(place: float) -> Function:
    return lambda x: mpmath.mpf(x > place)


def beyond(place: float, deviation: float) -> float:
    return float(mpmath.ncdf(-mpmath.mpf(place) / deviation))


@pytest.mark.parametrize("activation", Activation)
def test_activations_are_those_of_the_fast_moments(activation: Activation) -> None:
    exact, fast = HIGH_PRECISION[activation], MOMENTS[activation]
    for x in (-2.3, -0.4, 0.7, 3.1):
        value, slope = float(fast.value(np.array(x))), float(fast.derivative(np.array(x)))
        assert float(exact.value(mpmath.mpf(x))) == pytest.approx(value, rel=1e-13)
        assert float(exact.derivative(mpmath.mpf(x))) == pytest.approx(slope, rel=1e-13)


@pytest.mark.parametrize("activation", Activation)
def test_slopes_are_derivatives_to_more_digits_than_floats_have(activation: Activation) -> None:
    exact = HIGH_PRECISION[activation]
    with mpmath.workdps(40):
        for x in map(mpmath.mpf, ("-1.3", "-0.4", "0.7", "2.1")):
            assert abs(exact.derivative(x) - mpmath.diff(exact.value, x)) < mpmath.mpf(10) ** -20


@pytest.mark.parametrize("activation", Activation)
def test_piecewise_linear_activations_bend_at_zero_and_no_other_does(
    activation: Activation,
) -> None:
    assert HIGH_PRECISION[activation].kinks == ((0.0,) if activation in HOMOGENEOUS else ())


def test_the_slope_at_a_kink_is_that_of_its_left_side() -> None:
    assert float(HIGH_PRECISION[Activation.RELU].derivative(mpmath.mpf(0))) == 0.0
    assert float(HIGH_PRECISION[Activation.ABS].derivative(mpmath.mpf(0))) == -1.0


def test_moments_of_leaky_relu_are_those_of_two_half_gaussians() -> None:
    leak, q = 0.01, 2.25
    half = math.sqrt(q / (2 * math.pi))
    for which, expected in {
        Moment.MEAN: half * (1 - leak),
        Moment.SECOND: q * (1 + leak**2) / 2,
        Moment.DERIVATIVE_SECOND: (1 + leak**2) / 2,
        Moment.CROSS: half * (1 - leak**2),
        Moment.DERIVATIVE_FOURTH: (1 + leak**4) / 2,
    }.items():
        found = float(reference_moment(HIGH_PRECISION[Activation.LEAKY_RELU], which, q))
        assert found == pytest.approx(expected, rel=1e-14), which


@pytest.mark.parametrize("place", [-16.0, -4.0, -1.0, 0.0, 1.0, 4.0, 16.0])
def test_quadrature_is_split_where_activations_of_unit_scale_have_their_features(
    place: float,
) -> None:
    """A jump there needs no name, even where the Gaussian is a hundred times wider."""
    for variance in (100.0, 1e4):
        found = float(expectation(step_at(place), variance))
        assert found == pytest.approx(beyond(place, math.sqrt(variance)), rel=1e-14)


@pytest.mark.parametrize("place", [-2.5, 0.3, 30.0])
def test_a_jump_anywhere_else_is_integrated_where_it_is_named(place: float) -> None:
    found = float(expectation(step_at(place), 16.0, kinks=(place,)))
    assert found == pytest.approx(beyond(place, 4.0), rel=1e-14)


def test_a_jump_without_a_name_is_refused() -> None:
    with pytest.raises(DomainError, match="name the points where the function bends as kinks"):
        expectation(step_at(0.3), 4.0)


def test_without_variance_the_function_is_taken_at_zero() -> None:
    assert float(expectation(lambda x: 2 + x, 0.0)) == pytest.approx(2.0, rel=1e-15)


def test_a_variance_is_checked() -> None:
    with pytest.raises(DomainError, match=r"variance -1\.0"):
        expectation(lambda x: x, -1.0)


@pytest.mark.parametrize(("digits", "growth"), [(15, 2.5), (30, 2.0)])
def test_functions_that_grow_fast_have_their_digits_too(digits: int, growth: float) -> None:
    """E e^{k Z} = e^{k^2/2}: most of it comes from far out, and the cut is farther."""
    found = expectation(lambda x: mpmath.exp(growth * x), 1.0, digits)
    with mpmath.workdps(digits + 10):
        exact = mpmath.exp(mpmath.mpf(growth) ** 2 / 2)
        assert abs(found / exact - 1) < mpmath.mpf(10) ** -digits


def test_large_numbers_have_their_digits_relative_to_their_size() -> None:
    assert float(expectation(lambda x: mpmath.mpf(10) ** 20, 1.0)) == pytest.approx(1e20, rel=1e-15)


def quad_of(monkeypatch: pytest.MonkeyPatch, integral: float, error: str) -> None:
    """Quadrature that gives this integral with this estimate of its error."""

    def quad(*_: Any, **__: Any) -> tuple[mpmath.mpf, mpmath.mpf]:
        return mpmath.mpf(integral), mpmath.mpf(error)

    monkeypatch.setattr(mpmath, "quad", quad)


@pytest.mark.parametrize(
    ("integral", "largest", "digits"),
    [(0.0, "1e-15", 15), (0.5, "1e-15", 15), (-1.0, "1e-4", 4), (50.0, "5e-14", 15)],
)
def test_an_answer_has_its_digits_absolute_below_one_and_relative_above(
    monkeypatch: pytest.MonkeyPatch, integral: float, largest: str, digits: int
) -> None:
    with mpmath.workdps(40):
        quad_of(monkeypatch, integral, largest)
        found = expectation(lambda x: x, 1.0, digits)
        assert float(found) == pytest.approx(integral / math.sqrt(2 * math.pi))
        quad_of(monkeypatch, integral, str(mpmath.mpf(largest) * mpmath.mpf("1.01")))
        with pytest.raises(DomainError, match=f"not {digits} digits"):
            expectation(lambda x: x, 1.0, digits)


def test_a_power_of_ten_is_an_error_that_just_reaches_the_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Estimates of mpmath are powers of ten, so that the edge is met."""
    monkeypatch.setattr(mpmath, "quad", lambda *_, **__: (mpmath.mpf(0), mpmath.mpf(10) ** -6))
    assert float(expectation(lambda x: x, 1.0, 6)) == 0.0


def test_a_refusal_states_the_error_to_two_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    quad_of(monkeypatch, 1.0, "0.01234")
    with pytest.raises(DomainError, match=r"variance 2\.0 reached an error of 0\.012, not 9 d"):
        expectation(lambda x: x, 2.0, 9)


def polynomial(x: mpmath.mpf) -> mpmath.mpf:
    return x + x * x


@pytest.mark.parametrize(("q1", "q2", "c"), [(1.0, 2.0, 0.5), (2.0, 1.0, -0.5), (0.5, 0.25, 0.0)])
def test_the_kernel_of_a_polynomial_has_a_closed_form(q1: float, q2: float, c: float) -> None:
    """E (a + a^2)(b + b^2) = c + q1 q2 + 2 c^2."""
    found = reference_kernel(polynomial, q1, q2, c, digits=6)
    assert float(found) == pytest.approx(c + q1 * q2 + 2 * c**2, abs=1e-6)


def test_at_full_correlation_what_rounding_leaves_of_the_variance_counts_as_zero() -> None:
    """Here q2 - c^2 / q1 is below zero, of the size of rounding."""
    q1, q2 = 0.05, 0.1
    c = math.sqrt(q1 * q2)
    assert q2 - c / q1 * c < 0
    found = reference_kernel(lambda x: x * x, q1, q2, c, digits=6)
    assert float(found) == pytest.approx(3 * q1 * q2, abs=1e-7)


@pytest.mark.parametrize("place", [0.0, 0.25])
def test_the_kernel_of_a_jump_is_an_angle(place: float) -> None:
    """P(a > t, b > t) of correlation 1/2: a third at t = 0. A jump at zero needs no name.

    By conditioning, at any t: integral over a > t of w(a) Phi((a/2 - t) / sqrt(3/4)).
    """
    kinks = (place,) if place else ()
    found = reference_kernel(step_at(place), 1.0, 1.0, 0.5, 5, kinks)
    if place == 0:
        assert float(found) == pytest.approx(1 / 3, abs=1e-6)
    exact = mpmath.quad(
        lambda a: mpmath.npdf(a) * mpmath.ncdf((a / 2 - place) / mpmath.sqrt(0.75)), [place, 4, 12]
    )
    assert float(found) == pytest.approx(float(exact), abs=1e-6)


def test_kernels_of_an_input_without_variance_and_of_no_correlation_are_refused() -> None:
    with pytest.raises(DomainError, match=r"first variance 0: .* use expectation for b"):
        reference_kernel(polynomial, 0.0, 1.0, 0.0)
    with pytest.raises(DomainError, match=r"covariance 1\.5 exceeds"):
        reference_kernel(polynomial, 1.0, 1.0, 1.5)


def test_who_names_no_digits_gets_more_than_the_twelve_that_fast_moments_promise() -> None:
    """As many as every float holds, and in two dimensions one to spare."""
    defaults = [
        inspect.signature(function).parameters["digits"].default
        for function in (expectation, reference_moment, reference_kernel)
    ]
    assert defaults == [15, 15, 13]
