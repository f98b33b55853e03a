"""The closed recursions against brute-force quadrature, step by step."""

import math
from collections.abc import Callable
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
    BlockForm,
    Cell,
    Coupling,
    DomainError,
    Family,
    Normalization,
    Power,
    Role,
    Setting,
    chain,
    depth_mup,
    mup,
    residual,
    transformer,
)
from theory.architecture import HOMOGENEOUS
from theory.exact.feature_dynamics import simulate
from theory.exact.first_step import (
    maximal_update_rate,
    output_change,
    output_reuse_ratio,
    own_changes,
    reuse_ratio,
    stream_change,
    stream_change_decoupled,
    stream_changes,
    stream_reuse_ratio,
    tangent_kernel,
)
from theory.exact.first_step_limits import output_change_limit, reuse_ratio_limit
from theory.exact.gaussian import MOMENTS
from theory.exact.propagation import (
    backward_second_moment,
    branch_second_moment,
    chain_log_variance,
    depth_limit,
    forward_second_moment,
    gains,
    propagate,
    update_rates,
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


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize(
    ("layers", "form"),
    [
        (1, BlockForm.PRE_ACTIVATION),
        (2, BlockForm.PRE_ACTIVATION),
        (3, BlockForm.PRE_ACTIVATION),
        (2, BlockForm.POST_ACTIVATION_CENTRED),
    ],
)
def test_finite_depth_approaches_its_limit_at_the_predicted_rate(
    activation: Activation, layers: int, form: BlockForm
) -> None:
    """L (q_L - limit) tends to the coefficient of 1/L, and what is left halves as L doubles."""
    architecture = replace(residual(layers, activation, form), variance_factor=Fraction(2))
    limit = depth_limit(architecture)
    for coefficient, value, end in (
        (limit.forward_correction, forward_second_moment, limit.forward),
        (limit.backward_correction, backward_second_moment, limit.backward),
    ):
        scaled = [
            depth * (value(architecture, depth_mup(), Cell(64, depth)) - end)
            for depth in (200, 400)
        ]
        assert scaled[1] == pytest.approx(coefficient, rel=0.01)
        assert scaled[1] - coefficient == pytest.approx(
            (scaled[0] - coefficient) / 2, abs=1e-4 * abs(coefficient)
        )


def test_a_chain_has_no_depth_limit() -> None:
    with pytest.raises(DomainError, match="no infinite-depth limit"):
        depth_limit(chain())
    with pytest.raises(DomainError, match="add up as L"):
        depth_limit(residual(1, form=BlockForm.POST_ACTIVATION))


@given(horizons, st.integers(1, 12), st.booleans())
def test_post_activation_relu_blocks_have_the_written_out_moments(
    horizon: Fraction, depth: int, centred: bool
) -> None:
    """E relu = sqrt(q / 2 pi) per block: means add up coherently, variances in squares."""
    form = BlockForm.POST_ACTIVATION_CENTRED if centred else BlockForm.POST_ACTIVATION
    architecture = replace(residual(1, form=form), variance_factor=horizon)
    step = float(horizon) / depth
    mean, variance, p = 0.0, 1.0, (1 + step / 2) ** depth
    for _ in range(depth):
        q = variance + mean**2
        variance += step * q * (1 / 2 - 1 / (2 * math.pi))
        mean += 0.0 if centred else math.sqrt(step * q / (2 * math.pi))
    cell = Cell(64, depth)
    exact = variance + mean**2
    assert forward_second_moment(architecture, depth_mup(), cell) == pytest.approx(exact)
    assert backward_second_moment(architecture, depth_mup(), cell) == pytest.approx(p)


@given(horizons, st.integers(1, 12), st.sampled_from(Activation), st.sampled_from([1, 2]))
def test_normalized_blocks_grow_by_the_same_and_divide_gradients(
    horizon: Fraction, depth: int, activation: Activation, layers: int
) -> None:
    """q_l = q_0 + l T/L E phi^2, p_{l-1} = p_l (1 + T/L E phi'^2 / q_{l-1}), p_L = 1/q_L."""
    architecture = replace(
        residual(layers, activation, normalization=Normalization.RMS), variance_factor=horizon
    )
    moments, step = MOMENTS[activation], float(horizon) / depth
    growth = step * float(moments.second_moment(np.array(1.0)))
    slope = step * float(moments.derivative_second_moment(np.array(1.0)))
    q = [1 + growth * layer for layer in range(depth + 1)]
    p = math.prod(1 + slope / below for below in q[:-1]) / q[-1]
    cell = Cell(64, depth)
    assert forward_second_moment(architecture, depth_mup(), cell) == pytest.approx(q[-1])
    assert backward_second_moment(architecture, depth_mup(), cell) == pytest.approx(p)
    limit = depth_limit(architecture)
    assert limit.forward == pytest.approx(q[-1])


@given(horizons, st.integers(1, 12), st.sampled_from(sorted(HOMOGENEOUS)), st.integers(0, 2))
def test_gradients_of_normalized_homogeneous_blocks_depend_on_nothing(
    horizon: Fraction, depth: int, activation: Activation, halves: int
) -> None:
    architecture = replace(
        residual(2, activation, normalization=Normalization.RMS), variance_factor=horizon
    )
    parameterization = replace(depth_mup(), residual=Power(depth=Fraction(-halves, 2)))
    cell = Cell(64, depth)
    assert backward_second_moment(architecture, parameterization, cell) == pytest.approx(1.0)


def test_covariances_of_normalized_streams_are_divided_by_both_sizes() -> None:
    """One step, by hand: ReLU's arc-cosine kernel of the correlation."""
    gram = np.array([[1.0, 0.3], [0.3, 4.0]])
    result = propagate(residual(1, normalization=Normalization.RMS), depth_mup(), Cell(64, 1), gram)
    rho = 0.3 / 2
    theta = math.acos(rho)
    kernel = (math.sin(theta) + (math.pi - theta) * rho) / (2 * math.pi)
    size = math.sqrt(result.stream[1, 0, 0] * result.stream[1, 1, 1])
    assert np.diag(result.stream[1]) == pytest.approx([1.5, 4.5])
    assert result.stream[1, 0, 1] == pytest.approx(0.3 + kernel)
    assert result.gradients[1, 0, 1] == pytest.approx(1 / size)
    met = (math.pi - theta) / (2 * math.pi) / 2
    assert result.gradients[0, 0, 1] == pytest.approx((1 + met) / size)


@pytest.mark.parametrize(
    "function",
    [
        forward_second_moment,
        backward_second_moment,
        gains,
        update_rates,
        tangent_kernel,
        stream_changes,
        maximal_update_rate,
        output_change,
        stream_change,
        stream_change_decoupled,
        stream_reuse_ratio,
        output_reuse_ratio,
        reuse_ratio,
    ],
)
def test_exact_theory_refuses_what_it_does_not_cover(function: Callable[..., object]) -> None:
    with pytest.raises(DomainError, match="transformer, relu, T = 1"):
        function(transformer(), depth_mup(), Cell(8, 2))
    if function.__module__ == "theory.exact.first_step":
        with pytest.raises(DomainError, match="streams that are not normalized"):
            function(residual(2, normalization=Normalization.RMS), depth_mup(), Cell(8, 2))


@pytest.mark.parametrize(
    "architecture", [transformer(), residual(1, normalization=Normalization.RMS)], ids=str
)
def test_limits_and_dynamics_refuse_what_they_do_not_cover(architecture: Architecture) -> None:
    one = np.ones((1, 1))
    for refused in (
        lambda: reuse_ratio_limit(architecture),
        lambda: output_change_limit(architecture),
        lambda: own_changes(architecture, depth_mup(), Cell(8, 2), np.ones(1), one),
        lambda: simulate(architecture, one, np.ones(1), 1, 1.0, reused=True),
        lambda: Setting(architecture, depth_mup(), Coupling(batch=1)),
    ):
        with pytest.raises(DomainError, match=str(architecture)):
            refused()
    if architecture == transformer():
        with pytest.raises(DomainError, match="exact theory has no attention"):
            depth_limit(architecture)


def test_only_pre_activation_blocks_are_normalized() -> None:
    with pytest.raises(DomainError, match="only pre-activation blocks are normalized"):
        Architecture(Family.CHAIN, normalization=Normalization.RMS)
    with pytest.raises(DomainError, match="only pre-activation blocks are normalized"):
        residual(2, form=BlockForm.POST_ACTIVATION, normalization=Normalization.RMS)


def test_a_chain_has_no_block_form() -> None:
    with pytest.raises(DomainError, match="leave form out"):
        Architecture(Family.CHAIN, form=BlockForm.POST_ACTIVATION)


@given(st.floats(-0.99, 0.99), st.sampled_from([1, 2]), st.integers(1, 8))
def test_covariances_of_two_inputs_propagate_like_arc_cosine_kernels(
    rho: float, layers: int, depth: int
) -> None:
    gram = np.array([[1.0, rho], [rho, 1.0]])
    result = propagate(residual(layers), depth_mup(), Cell(64, depth), gram)
    c, p = rho, 1.0
    angles = []
    for layer in range(depth):
        q = (1 + 0.5 / depth) ** layer
        theta = math.acos(min(1.0, c / q))
        angles.append(theta)
        c += q * (math.sin(theta) + (math.pi - theta) * math.cos(theta)) / (2 * math.pi * depth)
    for theta in reversed(angles):
        p *= 1 + (math.pi - theta) / (2 * math.pi * depth)
    assert result.stream[-1, 0, 1] == pytest.approx(c, abs=1e-12)
    assert result.gradients[0, 0, 1] == pytest.approx(p, rel=1e-9)


def test_inputs_are_a_square_matrix() -> None:
    with pytest.raises(DomainError, match="square Gram matrix"):
        propagate(residual(1), depth_mup(), Cell(8, 2), np.ones((2, 3)))


def test_inputs_are_symmetric_to_rounding() -> None:
    gram = np.array([[1.0, 0.25], [0.25 * (1 + 1e-14), 1.0]])
    assert propagate(residual(1), depth_mup(), Cell(8, 2), gram).stream.shape == (3, 2, 2)
    gram[1, 0] = 0.25 * (1 + 1e-10)
    with pytest.raises(DomainError, match="not symmetric"):
        propagate(residual(1), depth_mup(), Cell(8, 2), gram)


def test_branches_are_the_mean_step_of_the_stream() -> None:
    """Linear blocks with T/L = 1 double q three times: (8 - 1) / 3."""
    network = replace(residual(1, Activation.IDENTITY), variance_factor=Fraction(3))
    assert branch_second_moment(network, depth_mup(), Cell(8, 3)) == pytest.approx(7 / 3)


def test_between_the_stream_of_a_chain_and_its_weights_is_nothing() -> None:
    """One factor for each of the L - 1 matrices."""
    result = propagate(chain(), mup(), Cell(8, 4), np.eye(2))
    np.testing.assert_array_equal(result.closing, np.ones((3, 2, 2)))


def test_the_limit_of_relu_blocks_is_an_exponential_with_its_first_correction() -> None:
    """(1 + 2/L)^L = e^2 (1 - 2/L + O(1/L^2)), forward and backward, at T = 4."""
    limit = depth_limit(replace(residual(1), variance_factor=Fraction(4)))
    end = math.exp(2)
    assert limit.forward == pytest.approx(end, rel=1e-9)
    assert limit.backward == pytest.approx(end, rel=1e-9)
    assert limit.forward_correction == pytest.approx(-2 * end, rel=1e-8)
    assert limit.backward_correction == pytest.approx(-2 * end, rel=1e-8)


def test_log_variance_of_chains_is_the_kurtosis_of_two_slopes() -> None:
    """E phi^4 = 3 (a^4 + b^4) / 2: |Z| has the kurtosis of Z, 3."""
    assert chain_log_variance(Activation.ABS, Cell(100, 9)) == pytest.approx(2 * 8 / 100)
    leaky = 6 * (1 + 1e-8) / (1 + 1e-4) ** 2 - 1
    assert chain_log_variance(Activation.LEAKY_RELU, Cell(100, 9)) == pytest.approx(leaky * 0.08)


def test_log_variance_of_relu_chains_is_five_per_layer() -> None:
    assert chain_log_variance(Activation.RELU, Cell(100, 9)) == pytest.approx(5 * 8 / 100)
    assert chain_log_variance(Activation.IDENTITY, Cell(100, 9)) == pytest.approx(2 * 8 / 100)


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
