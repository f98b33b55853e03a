"""The closed recursions against brute-force quadrature, step by step."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from theory import (
    Activation,
    Architecture,
    Cell,
    DomainError,
    Family,
    Power,
    Role,
    chain,
    depth_mup,
    mup,
    residual,
)
from theory.propagation import (
    backward_second_moment,
    chain_log_variance,
    forward_second_moment,
)

horizons = st.fractions(Fraction(1, 8), 4, max_denominator=8)


def gaussian_mean(function: object, variance: float) -> float:
    """E function(sqrt(variance) Z)^2 by adaptive quadrature, the kink at 0 a break point."""

    def integrand(z: float) -> float:
        value = function(math.sqrt(variance) * z)  # type: ignore[operator]
        return float(value) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    return float(sum(quad(integrand, *half)[0] for half in ((-12, 0), (0, 12))))


def by_quadrature(architecture: Architecture, alpha: float, depth: int) -> tuple[float, float]:
    """(q_L, p_0) of a residual network with stable width, one layer at a time."""
    relu = architecture.activation is Activation.RELU
    phi = (lambda x: max(x, 0.0)) if relu else (lambda x: x)
    slope = (lambda x: float(x > 0)) if relu else (lambda _: 1.0)
    branch = float(architecture.variance_factor) * depth ** (-2 * alpha)
    forward, backward = 1.0, 1.0
    for _ in range(depth):
        backward *= 1 + branch * gaussian_mean(slope, forward)
        forward += branch * gaussian_mean(phi, forward)
    return forward, backward


@given(
    horizons,
    st.integers(1, 12),
    st.sampled_from([1, 2]),
    st.sampled_from([Activation.RELU, Activation.IDENTITY]),
    st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]),
)
def test_recursion_agrees_with_quadrature(
    horizon: Fraction, depth: int, layers: int, activation: Activation, alpha: Fraction
) -> None:
    architecture = replace(residual(layers, activation), variance_factor=horizon)
    parameterization = replace(depth_mup(), residual=Power(depth=-alpha))
    forward, backward = by_quadrature(architecture, float(alpha), depth)
    arguments = (architecture, parameterization, Cell(64, depth))
    assert forward_second_moment(*arguments) == pytest.approx(forward, rel=1e-9)
    assert backward_second_moment(*arguments) == pytest.approx(backward, rel=1e-9)


def test_depth_mup_tends_to_the_exponential_at_rate_one_over_depth() -> None:
    limit = math.exp(0.5)
    errors = [
        limit - forward_second_moment(residual(1), depth_mup(), Cell(64, depth))
        for depth in (64, 128, 256)
    ]
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert ratios == pytest.approx(2.0, rel=0.01)
    assert errors[0] * 64 == pytest.approx(limit / 8, rel=0.02)  # T^2 e^{T/2} / 8L at T = 1


@given(st.integers(1, 64), st.integers(1, 512))
def test_he_chains_are_critical(depth: int, width: int) -> None:
    cell = Cell(width, depth)
    assert forward_second_moment(chain(2), mup(), cell) == pytest.approx(1.0)
    assert backward_second_moment(chain(2), mup(), cell) == pytest.approx(0.5)


def test_a_misscaled_width_is_predicted_to_grow() -> None:
    wrong = replace(
        depth_mup(),
        roles=tuple((role, replace(item, multiplier=Power())) for role, item in depth_mup().roles),
    )
    small, large = (forward_second_moment(residual(1), wrong, Cell(n, 4)) for n in (64, 128))
    assert large > 8 * small


def test_only_homogeneous_chains_have_a_known_log_variance() -> None:
    with pytest.raises(DomainError, match="'tanh' is not homogeneous"):
        chain_log_variance(Activation.TANH, Cell(8, 2))


def test_roles_of_blocks() -> None:
    assert residual(1).block_roles == (Role.BRANCH_LAST,)
    assert residual(2).block_roles == (Role.BRANCH_FIRST, Role.BRANCH_LAST)
    assert Architecture(Family.CHAIN).block_roles == (Role.HIDDEN,)
