"""Convolutional networks against torch's own convolutions and norm, and against exact theory."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import batch_norm, conv1d, conv2d, gelu, pad

from probes.costs import operations
from probes.data.images import ImageShape, load
from probes.data.synthetic import synthetic
from probes.data.views import image_grid
from probes.engines import Engine, dense_weights
from probes.experiments.one_step import first_order_change, one_step
from probes.network import Network, WeightKey
from probes.randomness import mask_generator
from probes.trials import network_of, run_group
from tests.experiments import EXPERIMENTS, small
from tests.probes import plain
from tests.probes.test_engines import assert_engines_agree, trainings
from tests.probes.test_networks import CPU, trained
from theory import (
    Activation,
    Architecture,
    Axis,
    BlockForm,
    Cell,
    Convergence,
    Convolution,
    Coupling,
    DomainError,
    Experiment,
    Normalization,
    Observable,
    OneStep,
    Padding,
    Parameterization,
    Propagation,
    Role,
    Setting,
    Training,
    am_mup,
    chain,
    depth_mup,
    mup,
    residual,
    transformer,
)
from theory.counted_observables import predicted_exponent
from theory.exact.first_step import stream_changes
from theory.exact.propagation import forward_second_moment
from theory.power_counting import count_powers

LINE, GRID = Convolution(1, 3, 5), Convolution(2, 3, 4)
CONVOLUTIONS = [
    LINE,
    replace(LINE, kernel=5, padding=Padding.ZERO),
    GRID,
    replace(GRID, kernel=5, side=5, padding=Padding.ZERO),
]
ONE_STEP = OneStep(batch=2)
NORMALIZATIONS = [Normalization.NONE, Normalization.BATCH]
PREDICTED = [chain(), residual(1), residual(2), residual(3)]
OTHER_FORMS = [
    replace(chain(), activation=Activation.GELU),
    residual(2, Activation.GELU),
    residual(1, form=BlockForm.POST_ACTIVATION),
    residual(2, form=BlockForm.POST_ACTIVATION),
    residual(1, form=BlockForm.POST_ACTIVATION_CENTRED),
    residual(2, Activation.GELU, form=BlockForm.POST_ACTIVATION_CENTRED),
]


def images(convolution: Convolution, batch: int = 3, replicates: int = 1) -> Tensor:
    """(R, batch, positions, 3)."""
    generator = torch.Generator().manual_seed(1)
    shape = (replicates, batch, convolution.positions, 3)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def written_out(network: Network, weights: plain.Tensors, x: Tensor) -> Tensor:
    """f of one replicate's images (B, positions, d), by torch's convolutions and batch norm."""
    architecture = network.architecture
    seen, m = architecture.convolution, architecture.layers_per_block
    assert seen is not None
    convolve = conv1d if seen.dimensions == 1 else conv2d
    mode = "circular" if seen.padding is Padding.CIRCULAR else "constant"
    reach = [seen.kernel // 2] * 2 * seen.dimensions

    def times(channels: Tensor, role: Role, block: int = 0, layer: int = 0) -> Tensor:
        matrix = weights[WeightKey(role, block, layer)][0]
        if role in (Role.INPUT, Role.HIDDEN) or (block and layer == 1):
            window = [seen.kernel] * seen.dimensions
            kernels = matrix.view(len(matrix), *window, -1).movedim(-1, 1)
            padded = pad(channels, reach, mode=mode)
            return network.multiplier(role) * convolve(padded, kernels)
        return network.multiplier(role) * torch.einsum("oc,bc...->bo...", matrix, channels)

    def normalized(channels: Tensor) -> Tensor:
        by_batch = architecture.normalization is Normalization.BATCH
        return batch_norm(channels, None, None, training=True, eps=1e-30) if by_batch else channels

    phi = torch.relu if architecture.activation is Activation.RELU else gelu
    grid = [seen.side] * seen.dimensions
    h = times(x.mT.reshape(len(x), -1, *grid), Role.INPUT)
    if architecture.family == "chain":
        h = normalized(h)
        for block in range(2, network.cell.depth + 1):
            h = normalized(times(phi(h), Role.HIDDEN, block, 1))
        h = phi(h)
    else:
        for block in range(1, network.cell.depth + 1):
            branch = normalized(h)
            for layer, role in enumerate(architecture.block_roles, start=1):
                before = not architecture.ends_with_activation and m == 1
                branch = phi(branch) if before or layer > 1 else branch
                branch = times(branch, role, block, layer)
            if architecture.ends_with_activation:
                branch = phi(branch) * network.branch_multiplier
            if architecture.form is BlockForm.POST_ACTIVATION_CENTRED:
                branch = branch - branch.mean(1, keepdim=True)
            h = h + branch
        h = normalized(h)
    return times(h.flatten(2).mean(2, keepdim=True), Role.OUTPUT)[..., 0]


@pytest.mark.parametrize("convolution", CONVOLUTIONS, ids=str)
@pytest.mark.parametrize(
    ("architecture", "normalization"),
    [
        *((network, normal) for network in PREDICTED for normal in NORMALIZATIONS),
        *((network, Normalization.NONE) for network in OTHER_FORMS),
    ],
    ids=str,
)
def test_output_and_gradients_are_those_of_torchs_convolutions(
    architecture: Architecture, convolution: Convolution, normalization: Normalization
) -> None:
    architecture = replace(architecture, convolution=convolution, normalization=normalization)
    net, x = Network(architecture, depth_mup(), Cell(4, 3), 3, 2), images(convolution)
    weights = plain.parameters(net.initial_weights(3, [0], CPU, torch.float64))
    found, wanted = net.forward(weights, x).output[0], written_out(net, weights, x[0])
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)
    leaves = list(weights.values())
    ours, theirs = (torch.autograd.grad(f.square().sum(), leaves) for f in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9 * float(other.abs().max()))


convolutional = st.builds(
    replace,
    st.sampled_from([*PREDICTED, residual(2, form=BlockForm.POST_ACTIVATION_CENTRED)]),
    activation=st.sampled_from([Activation.RELU, Activation.GELU]),
    convolution=st.sampled_from(CONVOLUTIONS),
)


@given(convolutional, trained, st.integers(1, 3), trainings, st.integers(0, 2**32))
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
def test_both_engines_train_the_network_that_autograd_trains(
    architecture: Architecture,
    parameterization: Parameterization,
    depth: int,
    experiment: Training,
    seed: int,
) -> None:
    """Trajectories and the derivative at the end, with matrices that explain every answer."""
    net = Network(architecture, parameterization, Cell(6, depth), inputs=3, outputs=1)
    assert architecture.convolution is not None
    steps = experiment.steps + 1
    x = images(architecture.convolution, steps * experiment.batch, 2)
    x = x.view(2, steps, experiment.batch, *x.shape[2:])
    y = x.sum((-1, -2)).sign()
    assert_engines_agree(net, experiment, seed, x, y)


@pytest.mark.parametrize("architecture", PREDICTED, ids=str)
@pytest.mark.parametrize("convolution", [LINE, GRID], ids=str)
def test_on_images_of_one_colour_a_circular_network_is_a_network_of_vectors(
    architecture: Architecture, convolution: Convolution
) -> None:
    """Its weights are the sums over windows, and they move as those of the other network do."""
    seen = Network(replace(architecture, convolution=convolution), am_mup(), Cell(6, 3), 3, 1)
    alone = replace(seen, architecture=architecture)
    weights = seen.initial_weights(3, [0], CPU, torch.float64)
    summed = {}
    for key, (rows, columns) in alone.shapes().items():
        taps = weights[key].shape[-1] // columns
        summed[key] = weights[key].view(1, rows, taps, columns).sum(2) / math.sqrt(taps)
    x, y = torch.randn(1, 2, 3, dtype=torch.float64), torch.tensor([[1.0, -1.0]]).double()
    coloured = x[:, :, None].expand(-1, -1, convolution.positions, -1)
    ours, moved, _ = plain.dense_step(seen, weights, coloured, y)
    theirs, wanted, _ = plain.dense_step(alone, summed, x, y)
    for found, exact in ((ours, theirs), (moved, wanted)):
        torch.testing.assert_close(found.output, exact.output, rtol=1e-9, atol=1e-12)
        for state, vector in zip(found.stream, exact.stream, strict=True):
            by_position = state.view(1, 2, convolution.positions, -1)
            each = vector[:, :, None].expand_as(by_position)
            torch.testing.assert_close(by_position, each, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("architecture", [chain(), residual(2, Activation.GELU)], ids=str)
def test_under_circular_padding_positions_have_the_second_moment_of_vectors(
    architecture: Architecture,
) -> None:
    """Windows average what is equal. Four standard errors, and 1/n."""
    cell, replicates = Cell(64, 4), 300
    setting = Setting(
        replace(architecture, convolution=Convolution(1, 3, 8)),
        mup(),
        Propagation(batch=2),
    )
    measured = run_group(setting, cell, 5, range(replicates), CPU)
    exact = forward_second_moment(architecture, mup(), cell)
    ratios = measured[Observable.FORWARD_SECOND_MOMENT] / exact
    error = ratios.std(ddof=1) / math.sqrt(replicates)
    assert abs(ratios.mean() - 1) < 4 * error + 1 / cell.width
    assert error < 0.03


@pytest.mark.parametrize("convolution", [Convolution(1, 3, 8), Convolution(2, 3, 4)], ids=str)
def test_under_zero_padding_second_moments_diffuse_out_of_the_grid(
    convolution: Convolution,
) -> None:
    """In a critical ReLU chain q' = A q, A the random walk that is lost beyond the edge."""
    zero = replace(convolution, padding=Padding.ZERO)
    walk = np.tri(zero.side, k=1) * np.tri(zero.side, k=1).T / 3
    steps = np.kron(walk, walk) if zero.dimensions == 2 else walk
    lost = np.linalg.matrix_power(steps, 6).sum(1).mean()  # the input's weight is one of six
    setting = Setting(replace(chain(), convolution=zero), mup(), Propagation(batch=2))
    measured = run_group(setting, Cell(64, 6), 5, range(300), CPU)
    ratios = measured[Observable.FORWARD_SECOND_MOMENT] / lost
    error = ratios.std(ddof=1) / math.sqrt(len(ratios))
    assert abs(ratios.mean() - 1) < 4 * error + 1 / 64
    assert error < 0.05 < 1 - lost


@pytest.mark.parametrize("dropout", [Fraction(1, 10), Fraction(1, 2)])
def test_dropout_keeps_means_and_enlarges_second_moments(dropout: Fraction) -> None:
    """Every activation that enters a weight of the stack is kept with probability 1 - p."""
    net = network_of(Setting(replace(chain(), dropout=dropout), mup(), ONE_STEP), Cell(400, 3))
    weights = dense_weights(net, ONE_STEP, net.initial_weights(5, range(200), CPU))
    x = torch.from_numpy(synthetic(5, range(200), 2)[0]).float()
    masks = plain.masks(net, 5, range(200))
    with torch.no_grad():
        stream = net.forward(weights, x, masks).stream
    sizes = [float(h.square().mean()) for h in stream]
    assert sizes[1] / sizes[0] == pytest.approx(1 / (1 - float(dropout)), rel=0.05)
    assert sizes[2] / sizes[1] == pytest.approx(1 / (1 - float(dropout)), rel=0.05)
    kept = masks.apply("any", torch.ones(200, 2, 400))
    assert sorted(set(kept.flatten().tolist())) == pytest.approx([0, 1 / (1 - float(dropout))])
    assert float(kept.mean()) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("architecture", [chain(), residual(1), residual(2)], ids=str)
def test_the_derivative_of_the_first_step_meets_the_same_dropout(
    architecture: Architecture,
) -> None:
    """Central differences along the step, with the masks of the first pass."""
    architecture = replace(
        architecture,
        activation=Activation.TANH,
        dropout=Fraction(1, 4),
        convolution=LINE,
        normalization=Normalization.BATCH,
    )
    net, x = Network(architecture, mup(), Cell(6, 3), 3, 1), images(LINE, 4)
    matrices = net.initial_weights(5, [0], CPU, torch.float64)
    weights = dense_weights(net, ONE_STEP, matrices)
    y = torch.tensor([[1.0, -1.0, 1.0, 1.0]]).double()
    masks = plain.masks(net, 5, [0])
    _, change = first_order_change(net, weights, x, y, masks)
    step, ends = 1e-6, []
    for eta in (step, -step):
        moved = {}
        for key, weight in weights.items():
            assert weight.gradient is not None
            signals, inputs = weight.gradient
            moved[key] = matrices[key] - eta * net.rate(key.role) * signals.mT @ inputs
        ends.append(net.forward(moved, x, plain.masks(net, 5, [0])).output)
    torch.testing.assert_close(
        change.output, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize(
    ("convolution", "width", "replicates"),
    [(LINE, 256, 64), (Convolution(2, 3, 3), 128, 200)],
    ids=str,
)
def test_wide_chains_have_the_first_step_of_the_theory(
    convolution: Convolution, width: int, replicates: int
) -> None:
    """S_1, and S_l / S_1 of every layer, for one image of uncorrelated positions.

    Within four standard errors, and L/n for what a finite width adds.
    """
    cell, channels = Cell(width, 4), 16
    architecture = replace(chain(), convolution=convolution)
    net = Network(architecture, am_mup(), cell, channels, 1)
    weights = net.initial_weights(12, range(replicates), CPU)
    x = math.sqrt(channels) * torch.eye(channels)[: convolution.positions]
    x = x.expand(replicates, 1, -1, -1)
    labels = net.forward(weights, x).output.detach().squeeze(-1) + 1
    _, change = first_order_change(net, dense_weights(net, ONE_STEP, weights), x, labels)
    moments = np.array([z.double().square().mean((1, 2)).numpy() for z in change.stream])
    ratios = moments / stream_changes(architecture, am_mup(), cell)[:, None]
    for ratio in (ratios[0], *(ratios[1:] / ratios[0])):
        error = ratio.std(ddof=1) / math.sqrt(replicates)
        assert error < 0.03
        assert abs(ratio.mean() - 1) < 4 * error + cell.depth / cell.width


def test_what_is_dropped_belongs_to_the_replicate() -> None:
    setting = Setting(replace(residual(2), dropout=Fraction(1, 2)), am_mup(), ONE_STEP)
    together = run_group(setting, Cell(8, 2), 3, range(4), CPU, torch.float64)
    alone = run_group(setting, Cell(8, 2), 3, [2], CPU, torch.float64)
    for name, values in alone.items():
        np.testing.assert_allclose(values, together[name][2:3], rtol=1e-9)
    net = network_of(setting, Cell(8, 2))
    weights = dense_weights(net, ONE_STEP, net.initial_weights(3, [2], CPU, torch.float64))
    x, y = (torch.from_numpy(part) for part in synthetic(3, [2], ONE_STEP.batch))
    its_own = one_step(net, weights, x, y, plain.masks(net, 3, [2]))
    for name, exact in its_own.items():
        np.testing.assert_allclose(exact, together[name][2:3], rtol=1e-9)
    one, other = (mask_generator(3, r, Cell(8, 2)).random(4) for r in (0, 1))
    assert not np.isclose(one, other).any()


def test_a_batch_normalized_network_does_not_see_the_size_of_its_weights() -> None:
    architecture = replace(chain(), normalization=Normalization.BATCH)
    net = Network(architecture, mup(), Cell(8, 3), 3, 1)
    weights = net.initial_weights(3, [0], CPU, torch.float64)
    larger = {key: 3 * weight if key.block else weight for key, weight in weights.items()}
    x = torch.randn(1, 6, 3, dtype=torch.float64)
    one, other = (net.forward(each, x) for each in (weights, larger))
    torch.testing.assert_close(one.output, other.output)
    torch.testing.assert_close(
        one.stream[-1].mean(1), torch.zeros(1, 8).double(), atol=1e-12, rtol=0
    )
    torch.testing.assert_close(one.stream[-1].square().mean(1), torch.ones(1, 8).double())


@pytest.mark.parametrize("architecture", [chain(), residual(1), residual(2)], ids=str)
def test_positions_change_no_power(architecture: Architecture) -> None:
    convolutional = replace(architecture, convolution=LINE)
    assert count_powers(convolutional, am_mup()) == count_powers(architecture, am_mup())


@pytest.mark.parametrize(
    "change",
    [
        {"dropout": Fraction(1, 10)},
        {"normalization": Normalization.BATCH},
        {"convolution": replace(LINE, padding=Padding.ZERO)},
    ],
    ids=str,
)
def test_chains_that_do_not_keep_signals_have_no_counted_exponent(
    change: dict[str, object],
) -> None:
    changed = replace(chain(), **change)  # type: ignore[arg-type]
    setting = Setting(changed, am_mup(), ONE_STEP)
    with pytest.raises(DomainError, match="need not follow a power of L"):
        predicted_exponent(setting, Observable.MAXIMAL_UPDATE_RATE, Axis.DEPTH)
    in_blocks = replace(residual(1), **change)  # type: ignore[arg-type]
    setting = Setting(in_blocks, am_mup(), ONE_STEP)
    assert predicted_exponent(setting, Observable.MAXIMAL_UPDATE_RATE, Axis.DEPTH) == -1


def test_dropout_at_the_variance_that_makes_up_for_it_is_critical() -> None:
    kept = replace(chain(Fraction(9, 5)), dropout=Fraction(1, 10))
    assert count_powers(kept, am_mup()).critical


@pytest.mark.parametrize("engine", Engine)
def test_positions_are_counted_as_inputs(engine: Engine) -> None:
    cell = Cell(16, 4)
    one_tap = replace(residual(1), convolution=Convolution(1, 1, 8))
    seen = operations(engine, network_of(Setting(one_tap, mup(), ONE_STEP), cell), ONE_STEP)
    many = replace(ONE_STEP, batch=8 * ONE_STEP.batch)
    vectors = operations(engine, network_of(Setting(residual(1), mup(), many), cell), many)
    assert seen.calls == vectors.calls
    assert {k: v for k, v in seen.work.items() if k != "mix"} == {
        k: v for k, v in vectors.work.items() if k != "mix"
    }


@pytest.mark.parametrize(
    "kind", [kind for kind in EXPERIMENTS if kind not in (Coupling, Convergence)]
)
@pytest.mark.parametrize("convolution", [Convolution(1, 3, 8), Convolution(2, 3, 8)], ids=str)
def test_every_experiment_runs_and_groups_do_not_matter(
    kind: type[Experiment], convolution: Convolution
) -> None:
    experiment = small(kind, batch=2, rate=Fraction(1, 4))
    setting = Setting(replace(residual(1), convolution=convolution), depth_mup(), experiment)
    together = run_group(setting, Cell(8, 2), 3, range(4), CPU, torch.float64)
    assert not {Observable.LIMIT_DISTANCE, Observable.RECURSION_ERROR} & set(together)
    for name, values in run_group(setting, Cell(8, 2), 3, [2], CPU, torch.float64).items():
        np.testing.assert_allclose(values, together[name][2:3], rtol=1e-8)


def test_digits_lie_on_a_grid() -> None:
    images = load("digits")
    digits = images.inputs(np.arange(20).reshape(2, 10))
    rows, pixels = (image_grid(digits, images.shape, Convolution(d, 3, 8)) for d in (1, 2))
    assert rows.shape == (2, 10, 8, 8)
    assert pixels.shape == (2, 10, 64, 1)
    np.testing.assert_array_equal(rows.reshape(digits.shape), digits)
    np.testing.assert_array_equal(pixels.reshape(digits.shape), digits)


def test_images_of_other_sides_are_averaged_over_what_covers_them() -> None:
    shape = ImageShape(height=8, width=4, channels=2, classes=3)
    picture = np.arange(64.0).reshape(1, 8, 4, 2)
    found = image_grid(picture.reshape(1, -1), shape, Convolution(2, 3, 4))
    wanted = picture.reshape(1, 4, 2, 4, 2).mean(2)
    scale = np.sqrt(32 / np.square(wanted).sum())
    np.testing.assert_allclose(found.reshape(1, 4, 4, 2), scale * wanted)
    for side in (3, 5):  # neighbourhoods overlap, or repeat
        uniform = image_grid(np.full((1, 64), 7.0), shape, Convolution(1, 3, side))
        np.testing.assert_allclose(uniform, np.ones((1, side, side * 2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Convolution(3), "dimensions 3 of a convolution: expected 1 or 2"),
        (lambda: Convolution(kernel=4), "kernel 4: expected an odd number"),
        (lambda: Convolution(kernel=5, side=4), "side 4 of a grid: expected at least the kernel"),
        (lambda: Convolution(side=True), "side"),
        (lambda: replace(chain(), dropout=Fraction(1)), "dropout 1: expected a number from 0"),
        (lambda: replace(transformer(), convolution=LINE), r"use transformer\(\)"),
        (
            lambda: residual(1, form=BlockForm.POST_ACTIVATION, normalization=Normalization.BATCH),
            "only pre-activation blocks are normalized",
        ),
        (lambda: replace(residual(2), stream_width=3, convolution=LINE), "stream width 3"),
        (
            lambda: Setting(
                replace(chain(), dropout=Fraction(1, 2)),
                mup(),
                Propagation(batch=1),
            ),
            "dropout is measured in the first step only",
        ),
        (
            lambda: Setting(
                replace(chain(), normalization=Normalization.BATCH),
                mup(),
                replace(ONE_STEP, batch=1),
            ),
            "batch 1: one input is normalized over itself; give 2 or more",
        ),
        (
            lambda: forward_second_moment(replace(chain(), convolution=LINE), mup(), Cell(4, 2)),
            "exact theory has no attention, positions, batches or dropout",
        ),
    ],
)
def test_what_makes_no_convolutional_network_is_refused_in_one_line(
    make: object, message: str
) -> None:
    assert callable(make)
    with pytest.raises(DomainError, match=message):
        make()
