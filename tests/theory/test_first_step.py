"""First-step sums: closed forms, power counting as depth doubles, and limits."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import (
    Activation,
    Architecture,
    Axis,
    BlockForm,
    Cell,
    DomainError,
    Optimizer,
    Parameterization,
    Power,
    Role,
    am_mup,
    chain,
    completep,
    count_powers,
    depth_mup,
    depth_mup_corrected,
    residual,
)
from theory.exact.first_step import (
    maximal_update_rate,
    output_change,
    output_reuse_ratio,
    own_changes,
    reuse_ratio,
    stream_change,
    stream_changes,
    stream_reuse_ratio,
    tangent_kernel,
)
from theory.exact.first_step_limits import output_change_limit, reuse_ratio_limit
from theory.power_counting import Layer

BY_DEPTH = [
    depth_mup(),
    depth_mup_corrected("1/4"),
    depth_mup_corrected(1),
    completep(),
    completep("3/4"),
    am_mup(),
]
PRE, POST, CENTRED = BlockForm
ONE_LABEL, ONE_INPUT = np.ones(1), np.ones((1, 1))


@given(st.integers(1, 40), st.fractions(Fraction(1, 4), 4, max_denominator=4))
def test_relu_blocks_have_the_written_out_kernel(depth: int, horizon: Fraction) -> None:
    """q and p grow by r = 1 + T/2L per block: Theta = 2 r^L + (T/2) r^(L-1)."""
    network = replace(residual(1), variance_factor=horizon)
    ratio = 1 + float(horizon) / (2 * depth)
    kernel = tangent_kernel(network, depth_mup(), Cell(32, depth))
    assert kernel.input[0, 0] == pytest.approx(ratio**depth)
    assert kernel.output[0, 0] == pytest.approx(ratio**depth)
    assert kernel.blocks.sum() == pytest.approx(float(horizon) / 2 * ratio ** (depth - 1))


@given(st.integers(1, 60))
def test_critical_relu_chains_have_the_written_out_second_moments(depth: int) -> None:
    moments = stream_changes(chain(), am_mup(), Cell(32, depth))
    layers = np.arange(1, depth + 1)
    np.testing.assert_allclose(moments / moments[0], (2 * layers**3 + layers) / 3, rtol=1e-10)


@pytest.mark.parametrize(
    "architecture",
    [
        residual(1),
        residual(1, Activation.TANH),
        residual(2),
        residual(2, Activation.TANH),
        residual(3),
        residual(2, form=CENTRED),
    ],
    ids=str,
)
@pytest.mark.parametrize("parameterization", BY_DEPTH, ids=lambda p: p.name)
def test_power_counting_agrees_with_the_sums_as_depth_doubles(
    architecture: Architecture, parameterization: Parameterization
) -> None:
    """Local exponents between L = 1000 and 2000, layer by layer; what is left is O(1/L).

    The second layer of blocks whose first weight shrinks with depth sees an almost linear tanh.
    """
    count = count_powers(architecture, parameterization)
    kernels, own = [], []
    for depth in (1000, 2000):
        cell = Cell(16, depth)
        kernels.append(tangent_kernel(architecture, parameterization, cell))
        own.append(own_changes(architecture, parameterization, cell, ONE_LABEL, ONE_INPUT))
    for place, role in enumerate(architecture.block_roles):
        layer = Layer(role, place + 1)
        sums = [kernel.blocks[:, place].sum() for kernel in kernels]
        grown = math.log2(sums[1] / sums[0])
        assert grown == pytest.approx(float(count.output_change[layer].depth), abs=0.01)
        rms = [math.sqrt(change[:, place].mean()) for change in own]
        grown = math.log2(rms[1] / rms[0])
        assert grown == pytest.approx(float(count.own_change[layer].depth), abs=0.01)
    for role, part in ((Role.INPUT, "input"), (Role.OUTPUT, "output")):
        sums = [getattr(kernel, part)[0, 0] for kernel in kernels]
        exponent = float(count.output_change[Layer(role)].depth)
        assert math.log2(sums[1] / sums[0]) == pytest.approx(exponent, abs=0.01)


@given(st.sampled_from(BY_DEPTH), st.sampled_from([1, 2]), st.integers(32, 2048))
@settings(max_examples=20)
def test_kernels_of_mup_do_not_depend_on_width(
    parameterization: Parameterization, layers: int, width: int
) -> None:
    narrow, wide = (
        tangent_kernel(residual(layers), parameterization, Cell(n, 4)).total for n in (16, width)
    )
    np.testing.assert_allclose(narrow, wide, rtol=1e-10)
    assert count_powers(residual(layers), parameterization).total_output_change.width == 0


@given(
    st.sampled_from([residual(1), residual(3), residual(1, form=CENTRED), residual(2, form=POST)]),
    st.integers(1, 12),
    st.fractions(Fraction(1, 4), 4, max_denominator=4),
)
def test_linear_networks_have_the_stream_changes_of_their_jacobians(
    architecture: Architecture, depth: int, horizon: Fraction
) -> None:
    """Constant slopes: every form and the sum over paths are one recursion, written out here.

    With x = T/L per block, M gains (1 + x) and its square the free product; one-layer blocks add
    x to M, m layers m x^(1), each with the spread of a product of m Gaussian matrices.
    """
    network = replace(architecture, activation=Activation.IDENTITY, variance_factor=horizon)
    m, x = network.layers_per_block, float(horizon) / depth
    mean, square, q, moments = 1.0, 1.0, 1.0, [1.0]
    for _ in range(depth):
        # tr (T T^T)^2 of a product of k Gaussian matrices of gain 1 is k + 1 (Fuss-Catalan).
        own = x * q
        behind = [k + 1 for k in range(m)]
        added = m * own
        cross = 2 * mean * own * sum(1 + x * squares for squares in behind)
        both = own**2 * sum(min(i, j) + 1 for i in range(m) for j in range(m))
        square = square * (1 + x) ** 2 + mean**2 * ((m + 1) * x**2 - x**2 + 2 * x) + cross + both
        mean, q = mean * (1 + x) + added, q * (1 + x)
        moments.append(square)
    expected = np.array(moments) * (1 + x) ** np.arange(depth, -1, -1)
    changes = stream_changes(network, depth_mup(), Cell(16, depth))
    np.testing.assert_allclose(changes, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("architecture", "rate"), [(chain(), -1.5), (residual(1), -1.0), (residual(2), 0.0)]
)
def test_maximal_update_rates_have_the_counted_exponent(architecture, rate) -> None:  # type: ignore[no-untyped-def]
    rates = [maximal_update_rate(architecture, am_mup(), Cell(16, depth)) for depth in (1000, 2000)]
    assert math.log2(rates[1] / rates[0]) == pytest.approx(rate, abs=0.01)
    counted = count_powers(architecture, am_mup()).largest_stable_rate.along(Axis.DEPTH)
    assert float(counted) == rate


@pytest.mark.parametrize("activation", Activation)
@pytest.mark.parametrize(("layers", "form"), [(1, PRE), (2, PRE), (2, CENTRED)])
def test_reused_weights_keep_their_share_at_one_half(
    activation: Activation, layers: int, form: BlockForm
) -> None:
    """The ratio tends to its limit at rate 1/L."""
    network = replace(residual(layers, activation, form), variance_factor=Fraction(2))
    limit = reuse_ratio_limit(network)
    assert limit > 1.2
    finite = [reuse_ratio(network, depth_mup(), Cell(8, depth)) for depth in (200, 400)]
    assert finite[1] == pytest.approx(limit, rel=0.02)
    assert abs(finite[1] - limit) == pytest.approx(abs(finite[0] - limit) / 2, rel=0.05)


@pytest.mark.parametrize("activation", Activation)
def test_reused_weights_lose_their_share_at_one(activation: Activation) -> None:
    network = replace(residual(1, activation), variance_factor=Fraction(2))
    lazy = [reuse_ratio(network, completep(), Cell(8, depth)) - 1 for depth in (200, 400)]
    assert lazy[0] < 0.02
    assert lazy[1] == pytest.approx(lazy[0] / 2, rel=0.05)


@given(st.integers(1, 60))
def test_decoupled_chains_move_as_a_random_walk(depth: int) -> None:
    """Changes add up as a random walk, S_l = (2 l - 1) S_1, instead of l^3."""
    moments = stream_changes(chain(), am_mup(), Cell(32, depth), decoupled=True)
    np.testing.assert_allclose(moments / moments[0], 2 * np.arange(depth) + 1, rtol=1e-10)


@pytest.mark.parametrize("rate_of_blocks", [0, -20])
def test_power_counting_agrees_with_the_sums_in_chains(rate_of_blocks: int) -> None:
    """With the blocks frozen out, what the input's weights change is left."""
    base = am_mup()
    hidden = replace(base[Role.HIDDEN], rate=base[Role.HIDDEN].rate * Power(depth=rate_of_blocks))
    parameterization = base.changed("chain", {Role.HIDDEN: hidden})
    count = count_powers(chain(), parameterization)
    cells = [Cell(16, depth) for depth in (1000, 2000)]
    moved = [stream_changes(chain(), parameterization, cell)[-1] for cell in cells]
    exponent = float(count.total_stream_change.depth)
    assert math.log2(moved[1] / moved[0]) / 2 == pytest.approx(exponent, abs=0.01)
    kernels = [tangent_kernel(chain(), parameterization, cell) for cell in cells]
    for role, parts in (
        (Role.HIDDEN, [kernel.blocks.sum() for kernel in kernels]),
        (Role.INPUT, [kernel.input.sum() for kernel in kernels]),
        (Role.OUTPUT, [kernel.output.sum() for kernel in kernels]),
    ):
        (layer,) = (layer for layer in count.output_change if layer.role is role)
        grown = math.log2(parts[1] / parts[0])
        assert grown == pytest.approx(float(count.output_change[layer].depth), abs=0.01)


exponents = st.fractions(-1, 1, max_denominator=4)


@given(
    st.sampled_from([residual(1), residual(2), residual(3), residual(2, form=CENTRED)]),
    st.fractions(Fraction(1, 2), Fraction(3, 2), max_denominator=4),
    st.lists(st.tuples(exponents, exponents), min_size=3, max_size=3),
)
@settings(max_examples=20)
def test_power_counting_agrees_with_the_sums_for_random_exponents(
    architecture: Architecture, alpha: Fraction, shifts: list[tuple[Fraction, Fraction]]
) -> None:
    """Any stable residual exponent, and any rates and conventions, role by role.

    Above alpha = 1/2 signals still grow by a factor exp(L^(1 - 2 alpha) / 2) each way, which bends
    the local exponent by (2 alpha - 1) L^(1 - 2 alpha) at most.
    """
    bend = float(2 * alpha - 1) * 1000 ** float(1 - 2 * alpha)
    base = depth_mup().changed("random", {}, Power(depth=-alpha))
    roles = (Role.BRANCH_FIRST, Role.BRANCH_INNER, Role.BRANCH_LAST)
    changed = {
        role: replace(base[role].moved(Power(depth=moved)), rate=base[role].rate * Power(depth=r))
        for role, (moved, r) in zip(roles, shifts, strict=True)
    }
    parameterization = base.changed("random", changed)
    count = count_powers(architecture, parameterization)
    kernels = [
        tangent_kernel(architecture, parameterization, Cell(16, depth)) for depth in (1000, 2000)
    ]
    for place, role in enumerate(architecture.block_roles):
        sums = [kernel.blocks[:, place].sum() for kernel in kernels]
        exponent = float(count.output_change[Layer(role, place + 1)].depth)
        assert math.log2(sums[1] / sums[0]) == pytest.approx(exponent, abs=0.01 + bend)


def test_the_relu_limit_is_the_closed_form() -> None:
    growth = math.exp(0.5)
    assert reuse_ratio_limit(residual(1)) == pytest.approx(0.5 * growth / (growth - 1), rel=1e-9)


@given(st.fractions(Fraction(1, 4), 4, max_denominator=4))
@settings(max_examples=10)
def test_the_limit_of_the_output_change_is_the_closed_form(horizon: Fraction) -> None:
    """Of ReLU: e^{T/2} (2 + T/2), and 2 e^{T/2} decoupled."""
    blocks, half = replace(residual(1), variance_factor=horizon), float(horizon) / 2
    assert output_change_limit(blocks) == pytest.approx(math.exp(half) * (2 + half), rel=1e-9)
    assert output_change_limit(blocks, decoupled=True) == pytest.approx(
        2 * math.exp(half), rel=1e-9
    )


@pytest.mark.parametrize("activation", [Activation.TANH, Activation.GELU])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("decoupled", [False, True])
def test_the_output_change_approaches_its_limit_as_one_over_depth(
    activation: Activation, layers: int, decoupled: bool
) -> None:
    """By the exact sums: the ordinary differential equation knows nothing of them."""
    blocks = residual(layers, activation)
    limit = output_change_limit(blocks, decoupled)

    def distance(depth: int) -> float:
        kernel = tangent_kernel(blocks, depth_mup(), Cell(64, depth), None, decoupled)
        return abs(float(kernel.total[0, 0]) / limit - 1)

    assert distance(128) < 0.02
    assert distance(128) / distance(256) == pytest.approx(2, rel=0.03)


def test_sizes_of_the_first_step_are_those_of_the_sums() -> None:
    cell, blocks = Cell(64, 5), residual(1)
    both = [float(stream_changes(blocks, depth_mup(), cell, flag)[-1]) for flag in (False, True)]
    assert stream_change(blocks, depth_mup(), cell) == pytest.approx(both[0] ** 0.5)
    assert stream_reuse_ratio(blocks, depth_mup(), cell) == pytest.approx(
        (both[0] / both[1]) ** 0.5
    )
    kernels = [
        tangent_kernel(blocks, depth_mup(), cell, None, flag).total for flag in (False, True)
    ]
    assert output_change(blocks, depth_mup(), cell) == pytest.approx(kernels[0][0, 0])
    ratio = output_reuse_ratio(blocks, depth_mup(), cell)
    assert ratio == pytest.approx(kernels[0][0, 0] / kernels[1][0, 0])


def test_decoupling_leaves_nothing_inside_blocks() -> None:
    kernel = tangent_kernel(residual(2), depth_mup(), Cell(8, 4), None, decoupled=True)
    assert not kernel.blocks[:, 0].any()
    assert kernel.blocks[:, 1].all()


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(DomainError, match="give its SGD version"):
        tangent_kernel(residual(1), depth_mup(Optimizer.ADAM), Cell(8, 2))
    with pytest.raises(DomainError, match="no skip path"):
        reuse_ratio(chain(), am_mup(), Cell(8, 2))
    with pytest.raises(DomainError, match="centre them"):
        reuse_ratio_limit(residual(2, form=POST))
    for labels in (np.ones(1), np.ones(2)):
        with pytest.raises(DomainError, match="for 3 inputs: expected one each"):
            own_changes(residual(1), depth_mup(), Cell(8, 2), labels, np.eye(3))
        with pytest.raises(DomainError, match="for 3 inputs"):
            tangent_kernel(residual(1), depth_mup(), Cell(8, 2), np.eye(3)).output_change(labels)
