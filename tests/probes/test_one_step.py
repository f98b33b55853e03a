"""The one-step derivative is the derivative: against finite differences and by definition."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from probes.engines import dense_weights
from probes.experiments.one_step import one_step
from probes.network import Network, WeightKey
from tests.probes.plain import ONE_STEP, dense_step, first_step, parameters
from tests.probes.test_networks import CPU, architectures, cells, parameterizations
from theory import (
    Activation,
    Architecture,
    Axis,
    BlockForm,
    Cell,
    Family,
    Observable,
    Optimizer,
    Parameterization,
    Role,
    am_mup,
    chain,
    completep,
    count_powers,
    depth_mup,
    depth_mup_corrected,
    mup,
    ntk,
    residual,
    standard,
)
from theory.exact.first_step import own_changes, stream_changes, tangent_kernel
from theory.power_counting import Layer

SMOOTH = set(Activation) - {Activation.RELU, Activation.LEAKY_RELU, Activation.ABS}


def strong(architecture: Architecture) -> Architecture:
    """Blocks of horizon T = 4."""
    return replace(architecture, variance_factor=Fraction(4))


def batch(inputs: int, size: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, size, inputs, dtype=torch.float64, generator=generator)
    return x, torch.tensor([[1.0, -1.0, 1.0]] * 2, dtype=torch.float64)[:, :size]


@given(architectures.filter(lambda a: a.activation in SMOOTH), parameterizations, cells)
@settings(max_examples=30)
def test_forward_mode_agrees_with_a_central_difference(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> None:
    network = Network(architecture, parameterization, cell, inputs=3, outputs=1)
    weights = network.initial_weights(3, [0], CPU, torch.float64)
    x, y = (tensor[:1] for tensor in batch(3))
    _, change, direction = dense_step(network, weights, x, y)
    # A step that moves every weight by at most 1e-5 of its size: truncation and rounding of the
    # difference both stay near 1e-10 of the derivative's natural size.
    speed = max(float(direction[k].norm() / weights[k].detach().norm()) for k in weights)
    step = 1e-5 / speed

    def output(eta: float) -> torch.Tensor:
        moved = {key: weight.detach() + eta * direction[key] for key, weight in weights.items()}
        return network.forward(moved, x).output

    difference = (output(step) - output(-step)) / (2 * step)
    natural_size = speed * float(output(0.0).abs().max())
    error = float((change.output - difference).abs().max())
    assert error <= 1e-6 * max(natural_size, float(difference.abs().max()))


def test_direction_is_minus_rate_times_gradient_of_the_mean_loss() -> None:
    network = Network(residual(2), depth_mup(), Cell(5, 2), inputs=3, outputs=1)
    weights = network.initial_weights(3, [0, 1], CPU, torch.float64)
    x, y = batch(3)
    _, _, direction = dense_step(network, weights, x, y)
    for replicate in range(2):
        single = {
            key: weight.detach()[replicate : replicate + 1].clone().requires_grad_()
            for key, weight in weights.items()
        }
        output = network.forward(single, x[replicate : replicate + 1]).output
        loss = 0.5 * ((output.flatten() - y[replicate]) ** 2).mean()
        gradients = torch.autograd.grad(loss, list(single.values()))
        for (key, moved), gradient in zip(direction.items(), gradients, strict=True):
            expected = -network.rate(key.role) * gradient[0]
            torch.testing.assert_close(moved[replicate], expected, rtol=1e-12, atol=1e-14)


def test_own_change_leaves_the_moving_stream_out() -> None:
    """d u_l = (own change) + (first layer applied to the moving stream), by the product rule."""
    network = Network(residual(2), depth_mup(), Cell(6, 3), inputs=3, outputs=1)
    weights = network.initial_weights(3, [0, 1], CPU, torch.float64)
    x, y = batch(3)
    trace, change, _ = dense_step(network, weights, x, y)
    own = []
    for block in range(1, 4):
        matrix = weights[WeightKey(Role.BRANCH_FIRST, block, 1)].detach()
        carried = change.stream[block - 1] @ matrix.transpose(1, 2)
        moved = change.inner[block - 1] - network.multiplier(Role.BRANCH_FIRST) * carried
        own.append(moved.square().mean((1, 2)))
    expected = torch.stack(own).mean(0).sqrt()
    measured = one_step(network, dense_weights(network, ONE_STEP, weights), x, y)[
        Observable.FIRST_LAYER_OWN_CHANGE
    ]
    torch.testing.assert_close(measured, expected, rtol=1e-9, atol=0)
    assert float(change.inner[0].abs().max()) > 0
    assert trace.output.shape == (2, 3, 1)


@pytest.mark.parametrize("layers", [1, 2])
def test_observables_of_blocks_are_what_they_say(layers: int) -> None:
    """From the derivative of torch.func.jvp and the step itself, block by block."""
    network = Network(residual(layers), depth_mup(), Cell(6, 3), inputs=3, outputs=1)
    weights = network.initial_weights(3, [0, 1], CPU, torch.float64)
    x, y = batch(3)
    trace, change, direction = first_step(network, weights, x, y)
    before = trace.inner if layers == 2 else trace.stream
    size, moved, own = [], [], []
    for block in range(1, 4):
        size.append((trace.stream[block] - trace.stream[block - 1]).square().mean((1, 2)))
        moved.append((change.stream[block] - change.stream[block - 1]).square().mean((1, 2)))
        step = direction[WeightKey(Role.BRANCH_LAST, block, layers)]
        entering = torch.relu(before[block - 1])
        alone = network.multiplier(Role.BRANCH_LAST) * entering @ step.mT
        own.append(alone.square().mean((1, 2)))
    scale = torch.stack(size).sum(0)
    readout = weights[WeightKey(Role.OUTPUT)].expand(-1, 3, -1)
    share = torch.cosine_similarity(change.stream[-1], readout, dim=-1).square().mean(1)
    expected = {
        Observable.BLOCK_CHANGE: (torch.stack(moved).sum(0) / scale).sqrt(),
        Observable.BLOCK_OWN_CHANGE: (torch.stack(own).sum(0) / scale).sqrt(),
        Observable.DRIFT_SHARE: share,
        Observable.INPUT_CHANGE: change.stream[0].square().mean((1, 2)).sqrt(),
    }
    states = torch.stack([state.square().mean((1, 2)) for state in change.stream])
    expected[Observable.LAST_LAYER_RATIO] = (states[-1] / states.mean(0)).sqrt()
    if layers == 2:
        inner = torch.stack([state.square().mean((1, 2)) for state in change.inner])
        expected[Observable.FIRST_LAYER_CHANGE] = inner.mean(0).sqrt()
    measured = one_step(network, dense_weights(network, ONE_STEP, weights), x, y)
    for name, value in expected.items():
        torch.testing.assert_close(measured[name], value, rtol=1e-9, atol=0)


def test_maximal_update_rate_makes_the_mean_second_moment_one() -> None:
    network = Network(Architecture(residual(1).family), depth_mup(), Cell(16, 4), 3, 1)
    weights = network.initial_weights(3, [0, 1], CPU, torch.float64)
    x, y = batch(3)
    _, change, _ = dense_step(network, weights, x, y)
    rate = one_step(network, dense_weights(network, ONE_STEP, weights), x, y)[
        Observable.MAXIMAL_UPDATE_RATE
    ]
    moments = [(rate[:, None, None] * state).square().mean((1, 2)) for state in change.stream]
    torch.testing.assert_close(torch.stack(moments).mean(0), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize(
    ("architecture", "parameterization"),
    [
        (residual(1), depth_mup()),
        (residual(2), depth_mup_corrected()),
        (residual(2, Activation.GELU), completep()),
        (residual(1, Activation.TANH), am_mup()),
        (chain(), am_mup()),
    ],
    ids=str,
)
def test_wide_networks_have_the_first_step_of_the_theory(  # type: ignore[no-untyped-def]
    architecture, parameterization
) -> None:
    """Constants, not only exponents: S_l of every layer for one input, and the output's change.

    Within four standard errors, and 2 L/n for what a finite width adds.
    """
    cell, replicates = Cell(256, 5), 48
    network = Network(architecture, parameterization, cell, 32, 1)
    weights = network.initial_weights(11, range(replicates), CPU)
    x = torch.randn(replicates, 1, 32, generator=torch.Generator().manual_seed(2))
    x *= (32 / x.square().sum(-1, keepdim=True)).sqrt()
    labels = network.forward(weights, x).output.detach().squeeze(-1) + 1  # chi = -1 exactly
    _, change, _ = dense_step(network, weights, x, labels)
    stream = np.array([state.double().square().mean((1, 2)).numpy() for state in change.stream])
    ratios = stream / stream_changes(architecture, parameterization, cell)[:, None]
    outputs = change.output.double().flatten().numpy()
    exact = tangent_kernel(architecture, parameterization, cell).output_change(np.ones(1))
    for measured in (*ratios, outputs / exact):
        error = measured.std(ddof=1) / np.sqrt(replicates)
        assert error < 0.1
        assert abs(measured.mean() - 1) < 4 * error + 2 * cell.depth / cell.width


@pytest.mark.parametrize(
    ("architecture", "parameterization"),
    [
        (strong(residual(2)), depth_mup_corrected()),
        (strong(residual(2, Activation.TANH)), completep()),
        (strong(residual(1)), depth_mup()),
        (strong(residual(1, Activation.TANH)), depth_mup()),
        (replace(residual(3, Activation.GELU), variance_factor=Fraction(2)), depth_mup()),
        (strong(residual(1, form=BlockForm.POST_ACTIVATION)), completep()),
        (strong(residual(2, form=BlockForm.POST_ACTIVATION_CENTRED)), depth_mup_corrected()),
        (chain(), am_mup()),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_stream_changes_are_exact_where_blocks_weigh_most(  # type: ignore[no-untyped-def]
    architecture, parameterization
) -> None:
    """Two blocks at T = 4 (2 for m = 3); relative to the input's change, which cancels noise."""
    cell, replicates = Cell(192, 3 if architecture.family is Family.CHAIN else 2), 192
    network = Network(architecture, parameterization, cell, 32, 1)
    weights = network.initial_weights(12, range(replicates), CPU)
    x = torch.randn(replicates, 1, 32, generator=torch.Generator().manual_seed(2))
    x *= (32 / x.square().sum(-1, keepdim=True)).sqrt()
    labels = network.forward(weights, x).output.detach().squeeze(-1) + 1
    _, change, _ = dense_step(network, weights, x, labels)
    moments = np.array([state.double().square().mean((1, 2)).numpy() for state in change.stream])
    exact = stream_changes(architecture, parameterization, cell)
    for layer in range(1, len(exact)):
        ratio = (moments[layer] / moments[0]) / (exact[layer] / exact[0])
        error = ratio.std(ddof=1) / np.sqrt(replicates)
        assert error < 0.02
        assert abs(ratio.mean() - 1) < 3 * error + 2 / cell.width


@pytest.mark.parametrize(
    "architecture",
    [
        residual(2),
        residual(2, Activation.TANH, BlockForm.POST_ACTIVATION),
        residual(2, Activation.GELU, BlockForm.POST_ACTIVATION_CENTRED),
        residual(2, Activation.RELU, BlockForm.POST_ACTIVATION),
    ],
    ids=str,
)
def test_several_inputs_have_the_output_and_own_changes_of_the_theory(
    architecture: Architecture,
) -> None:
    cell, replicates = Cell(256, 4), 64
    network = Network(architecture, depth_mup(), cell, 3, 1)
    weights = network.initial_weights(4, range(replicates), CPU)
    x = torch.randn(3, 3, generator=torch.Generator().manual_seed(3))
    x *= (3 / x.square().sum(-1, keepdim=True)).sqrt()
    gram = (x @ x.T / 3).double().numpy()
    batch_of = x.expand(replicates, 3, 3)
    y = np.array([1.0, -1.0, 1.0])
    labels = network.forward(weights, batch_of).output.detach().squeeze(-1) + torch.tensor(
        y, dtype=torch.float32
    )
    trace, change, direction = dense_step(network, weights, batch_of, labels)
    outputs = change.output.double().squeeze(-1).numpy()
    exact = tangent_kernel(architecture, depth_mup(), cell, gram).output_change(y)
    error = outputs.std(axis=0, ddof=1) / np.sqrt(replicates)
    assert (abs(outputs.mean(axis=0) - exact) < 4 * error + 0.01).all()
    expected = own_changes(architecture, depth_mup(), cell, y, gram)
    for block in range(1, 5):
        moved = direction[WeightKey(Role.BRANCH_FIRST, block, 1)]
        own = network.multiplier(Role.BRANCH_FIRST) * torch.bmm(
            trace.stream[block - 1], moved.transpose(1, 2)
        )
        ratios = own.double().square().mean(2).numpy() / expected[block - 1, 0]
        error = ratios.std(axis=0, ddof=1) / np.sqrt(replicates)
        assert (abs(ratios.mean(axis=0) - 1) < 4 * error + 0.02).all()


class _Split(torch.autograd.Function):
    """W x on the way up, and the transpose of another matrix on the way down."""

    @staticmethod
    def forward(ctx, x, weight, other, scale):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x, other)
        ctx.scale = scale
        return scale * torch.bmm(x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        x, other = ctx.saved_tensors
        down = ctx.scale * torch.bmm(gradient, other)
        return down, ctx.scale * torch.bmm(gradient.transpose(1, 2), x), None, None


class Decoupled(Network):
    """The same network, whose hidden weights send gradients down through an independent copy."""

    other: dict[WeightKey, torch.Tensor]

    def _apply(self, weights, key, x, onto=None):  # type: ignore[no-untyped-def]
        if key.role in (Role.INPUT, Role.OUTPUT):
            return super()._apply(weights, key, x, onto)
        product = _Split.apply(x, weights[key], self.other[key], self.multiplier(key.role))  # type: ignore[no-untyped-call]
        return product if onto is None else onto + product


@pytest.mark.parametrize(
    ("architecture", "parameterization"),
    [
        (strong(residual(1)), depth_mup()),
        (strong(residual(2)), depth_mup_corrected()),
        (strong(residual(2, form=BlockForm.POST_ACTIVATION_CENTRED)), depth_mup()),
        (chain(), am_mup()),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_decoupled_backward_weights_move_stream_and_output_as_predicted(  # type: ignore[no-untyped-def]
    architecture, parameterization
) -> None:
    """The gradient-independence assumption made literal, in finite networks."""
    cell, replicates = Cell(256, 3), 128
    network = Network(architecture, parameterization, cell, 32, 1)
    weights = network.initial_weights(21, range(replicates), CPU)
    split = Decoupled(architecture, parameterization, cell, 32, 1)
    object.__setattr__(split, "other", network.initial_weights(22, range(replicates), CPU))
    x = torch.randn(replicates, 1, 32, generator=torch.Generator().manual_seed(2))
    x *= (32 / x.square().sum(-1, keepdim=True)).sqrt()
    labels = network.forward(weights, x).output.detach().squeeze(-1) + 1
    leaves = parameters(weights)
    loss = (split.forward(leaves, x).output.squeeze(-1) - labels).square().sum() / 2
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    direction = {
        key: -network.rate(key.role) * gradient
        for key, gradient in zip(leaves, gradients, strict=True)
    }
    derivative = torch.func.jvp(lambda w: network.forward(w, x), (weights,), (direction,))
    change = derivative[1]
    stream = np.array([state.double().square().mean((1, 2)).numpy() for state in change.stream])
    exact = stream_changes(architecture, parameterization, cell, decoupled=True)
    reused = stream_changes(architecture, parameterization, cell)
    kernel = tangent_kernel(architecture, parameterization, cell, decoupled=True)
    outputs = change.output.double().flatten().numpy() / kernel.total[0, 0]
    assert reused[-1] > 1.15 * exact[-1]
    for measured in (*(stream / exact[:, None]), outputs):
        error = measured.std(ddof=1) / np.sqrt(replicates)
        assert error < 0.04
        assert abs(measured.mean() - 1) < 4 * error + 2 * cell.depth / cell.width


@pytest.mark.parametrize(
    ("parameterization", "layers", "cells"),
    [
        (mup(Optimizer.ADAM), 1, (Cell(128, 2), Cell(512, 2))),
        (ntk(Optimizer.ADAM), 1, (Cell(128, 2), Cell(512, 2))),
        (standard(Optimizer.ADAM), 1, (Cell(128, 2), Cell(512, 2))),
        (depth_mup(Optimizer.ADAM), 2, (Cell(48, 32), Cell(48, 128))),
        (completep(1, Optimizer.ADAM), 2, (Cell(48, 32), Cell(48, 128))),
    ],
    ids=str,
)
def test_own_changes_under_adam_have_the_counted_exponents(  # type: ignore[no-untyped-def]
    parameterization, layers, cells
) -> None:
    """The own change of the first matrix of a block; finite sizes bend the slope a little."""
    sizes = []
    for cell in cells:
        network = Network(residual(layers), parameterization, cell, 8, 1)
        weights = network.initial_weights(2, range(4), CPU, torch.float64)
        x = torch.randn(4, 2, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        y = torch.tensor([[1.0, -1.0]] * 4, dtype=torch.float64)
        trace, _, direction = dense_step(network, weights, x, y)
        role = residual(layers).block_roles[0]
        entering = trace.stream[0] if layers == 2 else trace.stream[0].relu()
        moved = direction[WeightKey(role, 1, 1)].transpose(1, 2)
        factor = network.parameterization.multiplier(role, cell)
        sizes.append(float((factor * torch.bmm(entering, moved)).square().mean().sqrt()))
    count = count_powers(residual(layers), parameterization)
    counted = count.own_change[Layer(residual(layers).block_roles[0], 1)]
    axis = Axis.WIDTH if cells[0].width != cells[1].width else Axis.DEPTH
    assert np.log(sizes[1] / sizes[0]) / np.log(4) == pytest.approx(
        float(counted.along(axis)), abs=0.15
    )
