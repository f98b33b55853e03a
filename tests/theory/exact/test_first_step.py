"""First-step sums of networks so small or so linear that every factor can be written by hand.

With T the variance factor, depth-muP has x = T / L per block: identity blocks multiply second
moments by 1 + x, ReLU blocks by 1 + x/2.
"""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Convolution,
    DomainError,
    Normalization,
    Optimizer,
    Padding,
    Power,
    Role,
    am_mup,
    chain,
    depth_mup,
    mup,
    residual,
)
from theory.arrays import FloatArray
from theory.exact.first_step import (
    TangentKernel,
    maximal_update_rate,
    output_reuse_ratio,
    own_changes,
    reuse_ratio,
    stream_changes,
    tangent_kernel,
)

LINEAR = [
    residual(1),
    residual(2),
    residual(3),
    residual(1, form=BlockForm.POST_ACTIVATION_CENTRED),
    residual(2, form=BlockForm.POST_ACTIVATION),
]
GRAM = np.array([[1.0, 0.25], [0.25, 2.0]])
LABELS = np.array([1.0, -3.0])


def linear(architecture: Architecture, horizon: Fraction = Fraction(3)) -> Architecture:
    return replace(architecture, activation=Activation.IDENTITY, variance_factor=horizon)


@pytest.mark.parametrize("architecture", LINEAR, ids=str)
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_decoupled_linear_networks_add_their_last_weights_up_and_scatter_by_all(
    architecture: Architecture, depth: int
) -> None:
    """M = sum J J'^T with J' of other weights: of a block only its last weight adds to tr M.

    tr M M^T grows by (1 + x)^2, by twice that weight's change along M, and by the square of the
    change that each of the m weights makes.
    """
    m, x = architecture.layers_per_block, 3 / depth
    mean, square, q, squares = 1.0, 1.0, 1.0, [1.0]
    for _ in range(depth):
        own = x * q
        square = square * (1 + x) ** 2 + 2 * own * mean + m * own**2
        mean, q = mean + own, q * (1 + x)
        squares.append(square)
    expected = np.array(squares) * (1 + x) ** np.arange(depth, -1, -1)
    changes = stream_changes(linear(architecture), depth_mup(), Cell(16, depth), decoupled=True)
    np.testing.assert_allclose(changes, expected, rtol=1e-10)


def relu_blocks_of_two(depth: int, decoupled: bool) -> FloatArray:
    """T_0 = W_2 D W_1, T_1 = W_2 D, T_2 = 1, D of zeros and ones: E D^2 = E D^4 = 1/2.

    Gains are 1 and x; the second moment of what enters is q for W_1, q/2 for W_2. Traces of T_i
    are t = (x/2, x/2, 1), those of (T_i T_i^T)^2 s = (x^2, 3x^2/4, 1) (of a Gaussian matrix of gain
    g around Y: g^2 ((tr Y)^2 + tr Y^2)), and with other weights u = (x^2/4, x^2/2, 1).
    """
    x = 1 / depth
    t, s, u = [x / 2, x / 2, 1.0], [x**2, 3 * x**2 / 4, 1.0], [x**2 / 4, x**2 / 2, 1.0]
    mean, square, q, squares = 1.0, 1.0, 1.0, [1.0]
    for _ in range(depth):
        a, b = q, x * q / 2
        carried = square * (1 + t[0]) ** 2
        if decoupled:
            square = carried + mean**2 * (u[0] - t[0] ** 2) + 2 * b * mean + a**2 * u[1] + b**2
            mean = mean + b
        else:
            added = a * t[1] + b
            spread = mean**2 * (s[0] - t[0] ** 2 + 2 * t[0])
            crossed = 2 * mean * (added + a * s[1] + b * t[0])
            square = carried + spread + crossed + a**2 * s[1] + 2 * a * b * t[1] + b**2
            mean = mean * (1 + t[0]) + added
        q *= 1 + x / 2
        squares.append(square)
    moved: FloatArray = np.array(squares) * (1 + x / 2) ** np.arange(depth, -1, -1)
    return moved


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("decoupled", [False, True])
def test_relu_blocks_of_two_layers_move_by_the_traces_of_their_parts(
    depth: int, decoupled: bool
) -> None:
    changes = stream_changes(residual(2), depth_mup(), Cell(16, depth), decoupled)
    np.testing.assert_allclose(changes, relu_blocks_of_two(depth, decoupled), rtol=1e-10)


@pytest.mark.parametrize("decoupled", [False, True])
def test_relu_blocks_that_end_with_the_activation_move_by_the_same_traces(decoupled: bool) -> None:
    """h + c s phi(W h): T_0 = s D W and T_1 = s D; a single block of variance factor 2.

    tr T_0 T_0^T = 2/2 = 1 = tr T_1 T_1^T, tr (T_1 T_1^T)^2 = 4/2 = 2, that of T_0 is 1 + 2 = 3, and
    with other weights it is 1 and 2. The centred block adds 1 - 1/pi to the stream, no factor here.
    """
    form = BlockForm.POST_ACTIVATION_CENTRED
    network = replace(residual(1, form=form), variance_factor=Fraction(2))
    coupled = (1 + 1) ** 2 + (3 - 1 + 2) + 2 * (1 + 2) + 2  # carried, spread, crossed, own
    alone = (1 + 1) ** 2 + (1 - 1) + 2 * 1 + 2
    square = alone if decoupled else coupled
    changes = stream_changes(network, depth_mup(), Cell(16, 1), decoupled)
    np.testing.assert_allclose(changes, [2.0, square], rtol=1e-10)


@pytest.mark.parametrize("decoupled", [False, True])
def test_a_block_of_two_error_functions_moves_by_moments_of_its_slope(decoupled: bool) -> None:
    """W_2 erf(W_1 h) with gains 1 and 2, and u = W_1 h of variance 4, as the input.

    E erf(u)^2 = (2 / pi) asin(8/9), E erf'(u)^2 = 4 / (pi 17^1/2) and
    E erf'(u)^4 = 16 / (pi^2 33^1/2).
    """
    network = replace(residual(2, Activation.ERF), variance_factor=Fraction(2))
    base = depth_mup()
    item = replace(base[Role.INPUT], std=Power(width="1/2"))  # at width 4
    d2, d4 = 4 / (math.pi * math.sqrt(17)), 16 / (math.pi**2 * math.sqrt(33))
    a, b = 4.0, 2 * (2 / math.pi) * math.asin(8 / 9)  # changes: gain times what enters
    t = 2 * d2  # tr T_1 T_1^T, and of T_0 too, for the first gain is one
    u1, s1 = 4 * d4, 4 * d4 + 4 * d2**2
    s0 = t**2 + s1
    if decoupled:
        square = (1 + t) ** 2 + 2 * b + a**2 * u1 + b**2
    else:
        crossed = 2 * (a * t + b + a * s1 + b * t)
        square = (1 + t) ** 2 + (s0 - t**2 + 2 * t) + crossed + a**2 * s1 + 2 * a * b * t + b**2
    large = base.changed("large", {Role.INPUT: item})
    changes = stream_changes(network, large, Cell(4, 1), decoupled)
    np.testing.assert_allclose(changes, [1 + t, square], rtol=1e-10)


@pytest.mark.parametrize("decoupled", [False, True])
def test_relu_blocks_of_one_layer_scatter_by_the_slopes_on_their_path(decoupled: bool) -> None:
    """Two blocks with x = 1: q = 1, 3/2 and p = 9/4, 3/2, 1; reach C_l = C_{l-1} (1 + x/2) + x q/2.

    C = 1, 2, 15/4, and 1, 3/2, 9/4 when nothing answers. Both slopes of a path are one with the
    probability a = 1/4 + asin((2/3)^1/2) / 2 pi. The rest is the sum of ``_along_paths``.
    """
    a = 1 / 4 + math.asin(math.sqrt(2 / 3)) / (2 * math.pi)
    network = replace(residual(1), variance_factor=Fraction(2))
    expected = [9 / 4, 8 + a, 363 / 16 + 3 * a]
    if decoupled:
        expected = [9 / 4, 43 / 8 + a, 177 / 16 + 3 * a]
    changes = stream_changes(network, depth_mup(), Cell(16, 2), decoupled)
    np.testing.assert_allclose(changes, expected, rtol=1e-10)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize(
    "architecture", [chain(), residual(1), residual(2), residual(1, form=BlockForm.POST_ACTIVATION)]
)
def test_changes_are_of_first_order_in_the_rate(
    architecture: Architecture, decoupled: bool
) -> None:
    """Every rate times L = 3: second moments of changes are nine times as large."""
    base = depth_mup()
    fast = {role: replace(item, rate=item.rate * Power(depth=1)) for role, item in base.roles}
    slowly, quickly = (
        stream_changes(architecture, parameterization, Cell(8, 3), decoupled)
        for parameterization in (base, base.changed("fast", fast))
    )
    np.testing.assert_allclose(quickly, 9 * slowly, rtol=1e-10)


@pytest.mark.parametrize(("decoupled", "multiples"), [(False, [1, 6, 19]), (True, [1, 3, 5])])
def test_layers_of_a_relu_chain_move_by_cubes_and_alone_by_their_number(
    decoupled: bool, multiples: list[int]
) -> None:
    """(2 l^3 + l) / 3 and 2 l - 1 times the first, which is E phi'^2 = 1/2 of the last signal."""
    changes = stream_changes(chain(), mup(), Cell(8, 3), decoupled)
    np.testing.assert_allclose(changes, np.array(multiples) / 2)


def test_images_of_one_position_are_vectors() -> None:
    """Also with a readout L = 3 times as large, whose gradients make moments nine times larger."""
    image = replace(chain(), convolution=Convolution(kernel=1, side=1))
    np.testing.assert_allclose(stream_changes(image, mup(), Cell(8, 3)), [0.5, 3.0, 9.5])
    item = mup()[Role.OUTPUT]
    large = mup().changed("large", {Role.OUTPUT: replace(item, std=item.std * Power(depth=1))})
    np.testing.assert_allclose(stream_changes(image, large, Cell(8, 3)), [4.5, 27.0, 85.5])


def test_of_convolutional_networks_only_plain_circular_relu_chains_have_sums() -> None:
    image = replace(chain(), convolution=Convolution())
    for other in (
        replace(image, activation=Activation.ABS),
        replace(image, dropout=Fraction(1, 2)),
        replace(image, convolution=Convolution(padding=Padding.ZERO)),
        replace(residual(2), convolution=Convolution()),
    ):
        with pytest.raises(DomainError, match="of convolutional networks"):
            stream_changes(other, mup(), Cell(8, 2))
    with pytest.raises(DomainError, match="not worked out"):
        stream_changes(image, mup(), Cell(8, 2), decoupled=True)


def test_linear_kernels_of_two_inputs_are_their_gram_matrix_times_powers() -> None:
    """Every slope is one: forward G (1 + x)^l, backward (1 + x)^(L - l), for every pair."""
    depth, x = 4, 3 / 4
    kernel = tangent_kernel(linear(residual(1)), depth_mup(), Cell(8, depth), GRAM)
    np.testing.assert_allclose(kernel.input, GRAM * (1 + x) ** depth)
    np.testing.assert_allclose(kernel.output, GRAM * (1 + x) ** depth)
    assert kernel.blocks.shape == (depth, 1, 2, 2)
    np.testing.assert_allclose(
        kernel.blocks, np.tile(x * GRAM * (1 + x) ** (depth - 1), (depth, 1, 1, 1))
    )
    total = GRAM * (1 + x) ** (depth - 1) * (2 * (1 + x) + depth * x)
    np.testing.assert_allclose(kernel.total, total)
    np.testing.assert_allclose(kernel.output_change(LABELS), total @ LABELS / 2)


def test_all_layers_of_a_linear_block_add_the_same_to_the_kernel() -> None:
    depth, x = 4, 3 / 4
    kernel = tangent_kernel(linear(residual(3)), depth_mup(), Cell(8, depth), GRAM)
    share = x * GRAM * (1 + x) ** (depth - 1)
    np.testing.assert_allclose(kernel.blocks, np.tile(share, (depth, 3, 1, 1)))


def test_decoupled_linear_kernels_have_the_last_gradient_everywhere() -> None:
    """p_l becomes p_L = 1: the sum over blocks is that of what enters them."""
    depth, x = 4, 3 / 4
    kernel = tangent_kernel(linear(residual(2)), depth_mup(), Cell(8, depth), GRAM, decoupled=True)
    np.testing.assert_allclose(kernel.input, GRAM)
    np.testing.assert_allclose(kernel.output, GRAM * (1 + x) ** depth)
    entering = GRAM * (1 + x) ** np.arange(depth)[:, None, None]
    np.testing.assert_allclose(kernel.blocks[:, 1], x * entering)
    assert not kernel.blocks[:, 0].any()


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("decoupled", [False, True])
def test_linear_chains_lose_all_but_their_last_gradient_when_decoupled(
    depth: int, decoupled: bool
) -> None:
    """Gain one a layer: everything is the Gram matrix; L layers have L - 1 matrices between."""
    network = replace(chain(), activation=Activation.IDENTITY, variance_factor=Fraction(1))
    kernel = tangent_kernel(network, mup(), Cell(8, depth), GRAM, decoupled)
    reached = np.ones(depth)
    if decoupled:
        reached[:-1] = 0.0
    np.testing.assert_allclose(kernel.output, GRAM)
    np.testing.assert_allclose(kernel.input, reached[0] * GRAM)
    assert kernel.blocks.shape == (depth - 1, 1, 2, 2)
    np.testing.assert_allclose(kernel.blocks[:, 0], reached[1:, None, None] * GRAM)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("form", BlockForm)
def test_own_changes_of_linear_blocks_are_squares_of_one_sum(layers: int, form: BlockForm) -> None:
    """(x)^2 p (sum_b y_b Phi_ab)^2 / B^2, with c s instead of c s^2 = x at the last weight.

    Of blocks that end with an activation, all that follows a weight is in its gradient.
    """
    depth = 4
    x, s = 3 / depth, depth**-0.5
    changes = own_changes(
        linear(residual(layers, form=form)), depth_mup(), Cell(8, depth), LABELS, GRAM
    )
    assert changes.shape == (depth, layers, 2)
    level = np.arange(depth)
    q, p = (1 + x) ** level, (1 + x) ** (depth - 1 - level)
    met = np.outer(q**2 * p, np.square(GRAM @ LABELS / 2))
    pre = form is BlockForm.PRE_ACTIVATION
    for place in range(layers):
        last = place == layers - 1
        factor = (3 * s) ** 2 if last and pre else x
        np.testing.assert_allclose(changes[:, place], factor * met)


def test_a_change_of_the_output_is_the_kernel_times_labels_over_the_batch() -> None:
    part = np.array([[1.0, 2.0], [3.0, 4.0]])
    kernel = TangentKernel(part, np.stack([[part, 10 * part], [part, part]]), 100 * part)
    np.testing.assert_allclose(kernel.total, 114 * part)
    np.testing.assert_allclose(kernel.output_change(LABELS), 114 * part @ LABELS / 2)
    for wrong in (np.ones(1), np.ones(3), np.ones((2, 1))):
        with pytest.raises(DomainError, match="expected one each"):
            kernel.output_change(wrong)


def test_ratios_of_reuse_are_those_of_sums_of_kernels() -> None:
    """Identity, L = 2 and x = 3/2: blocks 2 x (1 + x) over x (1 + 1 + x), and with both ends."""
    network, x = linear(residual(1)), 1.5
    reused, alone = 2 * x * (1 + x), x * (2 + x)
    assert reuse_ratio(network, depth_mup(), Cell(8, 2)) == pytest.approx(reused / alone)
    ends = (1 + x) ** 2
    assert output_reuse_ratio(network, depth_mup(), Cell(8, 2)) == pytest.approx(
        (reused + 2 * ends) / (alone + 1 + ends)
    )


def test_the_maximal_rate_makes_the_mean_change_over_layers_one() -> None:
    """Of a ReLU chain of 3 layers: 1, 6 and 19 times the first, a mean of 26/3."""
    first = float(stream_changes(chain(), am_mup(), Cell(8, 1))[0])
    rate = maximal_update_rate(chain(), am_mup(), Cell(8, 3))
    whole = stream_changes(chain(), am_mup(), Cell(8, 3))
    np.testing.assert_allclose(whole / whole[0], [1, 6, 19])
    assert rate == pytest.approx((whole[0] * 26 / 3) ** -0.5)
    assert first > 0


@pytest.mark.parametrize(
    "changes",
    [
        lambda network, rule: tangent_kernel(network, rule, Cell(8, 2)),
        lambda network, rule: own_changes(network, rule, Cell(8, 2), np.ones(1), np.ones((1, 1))),
        lambda network, rule: stream_changes(network, rule, Cell(8, 2)),
    ],
)
def test_only_plain_streams_and_sgd_have_these_sums(changes) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DomainError, match="give its SGD version"):
        changes(residual(1), depth_mup(Optimizer.ADAM))
    with pytest.raises(DomainError, match="not normalized and"):
        changes(residual(1, normalization=Normalization.RMS), depth_mup())
