"""Coupling and decoupling: by definition, on both engines, and against first-order theory."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import Tensor

from probes.engines import Engine, dense_weights, matrix_free_weights
from probes.experiments.coupling import coupling, decoupling
from probes.experiments.fitting import fitting
from probes.network import Network, WeightKey
from probes.randomness import copy_generator
from probes.trials import run_group
from probes.weights.base import Weight, learning
from probes.weights.decoupled import DecoupledWeight, decoupled
from probes.weights.gaussian_matrix import ConditionedProduct
from probes.weights.matrix_free import Side
from tests.probes.plain import first_step, gradients
from theory import (
    Activation,
    BlockForm,
    Cell,
    Coupling,
    Decoupling,
    DomainError,
    Fitting,
    Observable,
    Optimizer,
    Role,
    Setting,
    Training,
    chain,
    completep,
    depth_mup,
    residual,
)
from theory.exact.first_step import output_reuse_ratio, stream_reuse_ratio

CPU = torch.device("cpu")
COUPLING = Coupling(batch=1)
DECOUPLING = Decoupling(batch=1)


def data(batch: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(2, batch, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return x, torch.ones(2, batch, dtype=torch.float64)


def spans(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Projectors onto what went back and what went up, from the gradient of a weight (rank 1)."""
    left, _, right = torch.linalg.svd(gradient)
    return left[:, :, :1] @ left[:, :, :1].mT, right.mT[:, :, :1] @ right[:, :1, :]


@pytest.mark.parametrize("layers", [1, 2])
def test_coupling_is_what_its_definition_says(layers: int) -> None:
    """By singular vectors of the weights' gradients and torch.func.jvp, matrix by matrix."""
    network = Network(residual(layers, Activation.TANH), depth_mup(), Cell(7, 3), 3, 1)
    matrices = network.initial_weights(1, [0, 1], CPU, torch.float64)
    x, y = data(1)
    slopes = gradients(network, matrices, x, y)
    trace, change, _ = first_step(network, matrices, x, y)
    before, moves = (trace.inner, change.inner) if layers == 2 else (trace.stream, change.stream)
    shares, squares, total = [], [], torch.zeros(2, 1, 7, dtype=torch.float64)
    for block in range(1, 4):
        key = WeightKey(Role.BRANCH_LAST, block, layers)
        back, forth = spans(slopes[key])
        returned = matrices[key].mT @ back[:, :, :1]
        shares.append((forth @ returned).square().sum((1, 2)) / returned.square().sum((1, 2)))
        moved = (1 - torch.tanh(before[block - 1]) ** 2) * moves[block - 1]
        outside = moved.mT - forth @ moved.mT
        met = network.multiplier(Role.BRANCH_LAST) * (back @ matrices[key] @ outside).mT
        squares.append(met.square().mean((1, 2)))
        total += met
    readout = network.multiplier(Role.OUTPUT) * total @ matrices[WeightKey(Role.OUTPUT)].mT
    expected = {
        Observable.BACKWARD_COUPLING: torch.stack(shares).mean(0),
        Observable.BLOCK_COUPLING: torch.stack(squares).mean(0),
        Observable.BLOCK_COUPLING_AMPLITUDE: torch.stack(squares).mean(0).sqrt(),
        Observable.STREAM_COUPLING: total.square().mean((1, 2)).sqrt(),
        Observable.OUTPUT_COUPLING: readout.square().mean((1, 2)).sqrt(),
    }
    measured = coupling(network, dense_weights(network, COUPLING, matrices), x, y)
    assert set(measured) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(measured[name], value, rtol=1e-9, atol=0)


def test_the_backward_share_is_that_of_the_matrix_free_engine() -> None:
    """Which knows what earlier queries have determined without projecting anything."""
    network = Network(residual(1), depth_mup(), Cell(9, 2), 3, 1)
    seen: dict[WeightKey, ConditionedProduct] = {}

    def observer(key: WeightKey, side: Side, product: ConditionedProduct) -> None:
        if side is Side.BACKWARD and key.role is Role.BRANCH_LAST:
            seen.setdefault(key, product)

    weights = matrix_free_weights(network, COUPLING, 0, [0, 1], CPU, torch.float64, observer)
    measured = coupling(network, weights, *data(3))[Observable.BACKWARD_COUPLING]
    shares = [
        product.coupled.square().sum((1, 2)) / product.total.square().sum((1, 2))
        for product in seen.values()
    ]
    torch.testing.assert_close(measured, torch.stack(shares).mean(0), rtol=1e-10, atol=0)


def test_both_engines_measure_the_same_on_the_same_matrices() -> None:
    network = Network(residual(2), depth_mup(), Cell(9, 3), 3, 1)
    x, y = data(2)

    def free(generator=None) -> Mapping[WeightKey, Weight]:  # type: ignore[no-untyped-def]
        extra = {} if generator is None else {"generator": generator}
        return matrix_free_weights(network, DECOUPLING, 0, [0, 1], CPU, torch.float64, **extra)

    def dense(weights: Mapping[WeightKey, Weight]) -> Mapping[WeightKey, Weight]:
        matrices = {k: w.materialise() for k, w in weights.items()}  # type: ignore[attr-defined]
        return dense_weights(network, DECOUPLING, matrices)

    own = free()
    found = coupling(network, own, x, y)
    again = coupling(network, dense(own), x, y)
    own, copies = free(), {k: w for k, w in free(copy_generator).items() if k.block}
    found |= decoupling(network, own, copies, x, y)
    again |= decoupling(network, dense(own), dense(copies), x, y)
    for name, value in found.items():
        torch.testing.assert_close(again[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("architecture", "parameterization"),
    [
        (residual(1), depth_mup()),
        (residual(1, Activation.TANH), depth_mup()),
        (residual(2), depth_mup()),
        (residual(1), completep(1)),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
@pytest.mark.parametrize(
    ("observable", "exact"),
    [
        (Observable.OUTPUT_REUSE_RATIO, output_reuse_ratio),
        (Observable.STREAM_REUSE_RATIO, stream_reuse_ratio),
    ],
)
def test_reuse_matters_as_much_as_first_order_theory_says(  # type: ignore[no-untyped-def]
    architecture, parameterization, observable, exact
) -> None:
    """Ratios from 1.03 to 1.5, within four standard errors and 2 L/n for finite width."""
    cell, replicates = Cell(2048, 6), 24
    setting = Setting(architecture, parameterization, DECOUPLING)
    ratio = run_group(setting, cell, 3, range(replicates), CPU, engine=Engine.MATRIX_FREE)[
        observable
    ]
    error = ratio.std(ddof=1) / np.sqrt(replicates)
    assert error < 0.01
    expected = exact(architecture, parameterization, cell)
    assert expected > 1.02
    assert abs(ratio.mean() - expected) < 4 * error + 2 * cell.depth / cell.width


def test_decoupled_weights_share_their_updates_and_nothing_else() -> None:
    experiment = Training(batch=2, steps=1, rate=Fraction(1, 2))
    network = Network(residual(1), depth_mup(), Cell(6, 2), 3, 1)
    start = network.initial_weights(1, [0], CPU, torch.float64)
    other = network.initial_weights(1, [0], CPU, torch.float64, copy_generator)
    weights, copies = (
        dense_weights(network, experiment, {k: m.clone() for k, m in matrices.items()})
        for matrices in (start, other)
    )
    apart = {key: DecoupledWeight(weights[key], copies[key]) for key in weights}
    x, y = (tensor[:1] for tensor in data(2))
    with learning(apart.values()):
        loss = (network.forward(apart, x).output.squeeze(-1) - y).square().sum()
        torch.autograd.backward(loss)
    key = WeightKey(Role.BRANCH_LAST, 1, 1)
    moved, copied = (
        weight.matrix - matrices[key]  # type: ignore[attr-defined]
        for weight, matrices in ((weights[key], start), (copies[key], other))
    )
    assert float(moved.abs().max()) > 0
    torch.testing.assert_close(moved, copied)
    assert float((start[key] - other[key]).abs().min()) > 0


@pytest.mark.parametrize("independent", [False, True])
def test_fitting_is_gradient_descent_on_one_batch(independent: bool) -> None:
    """Against the recursion written out on matrices, W^T replaced or not; on both engines."""
    experiment = Fitting(1, 3, Fraction(1, 8), independent_backward=independent)
    network = Network(residual(1, Activation.TANH), depth_mup(), Cell(6, 2), 3, 1)
    own = matrix_free_weights(network, experiment, 1, [0], CPU, torch.float64)
    other = matrix_free_weights(
        network, experiment, 1, [0], CPU, torch.float64, generator=copy_generator
    )
    x, y = (tensor[:1] for tensor in data(1))

    def fitted(weights: Mapping[WeightKey, Weight], copies: Mapping[WeightKey, Weight]) -> Tensor:
        used = {key: weight for key, weight in copies.items() if key.block and independent}
        return fitting(network, decoupled(weights, used), x, y, 3)[Observable.FITTED_OUTPUT]

    free = fitted(own, other)
    up, down = ({k: w.materialise() for k, w in held.items()} for held in (own, other))
    expected = written_out(network, up, down if independent else up, x, y, 3)
    torch.testing.assert_close(free, expected)
    dense = [
        dense_weights(network, experiment, {k: m.clone() for k, m in matrices.items()})
        for matrices in (up, down)
    ]
    torch.testing.assert_close(fitted(*dense), expected)


Matrices = Mapping[WeightKey, Tensor]


def written_out(
    network: Network, up: Matrices, down: Matrices, x: Tensor, y: Tensor, steps: int
) -> Tensor:
    """y f after SGD on one-layer tanh blocks whose backward pass starts from ``down``."""
    enter, leave = WeightKey(Role.INPUT), WeightKey(Role.OUTPUT)
    blocks = [WeightKey(Role.BRANCH_LAST, block, 1) for block in (1, 2)]
    scale = {key: network.multiplier(key.role) for key in up}
    moved = {key: torch.zeros_like(matrix) for key, matrix in up.items()}

    def states() -> list[Tensor]:
        found = [scale[enter] * x @ (up[enter] + moved[enter]).mT]
        for key in blocks:
            branch = torch.tanh(found[-1]) @ (up[key] + moved[key]).mT
            found.append(found[-1] + scale[key] * branch)
        return found

    def output(state: Tensor) -> Tensor:
        return scale[leave] * state @ (up[leave] + moved[leave]).mT

    for _ in range(steps):
        stream = states()
        error = output(stream[-1]) - y[..., None]
        signal = scale[leave] * error @ (up[leave] + moved[leave])
        gradients = {leave: scale[leave] * error.mT @ stream[-1]}
        for key, state in zip(blocks[::-1], stream[-2::-1], strict=True):
            gradients[key] = scale[key] * signal.mT @ torch.tanh(state)
            back = scale[key] * signal @ (down[key] + moved[key])
            signal = signal + (1 - torch.tanh(state) ** 2) * back
        gradients[enter] = scale[enter] * signal.mT @ x
        for key, gradient in gradients.items():
            moved[key] = moved[key] - network.rate(key.role) / 8 * gradient
    return (output(states()[-1]).squeeze(-1) * y).mean(1)


@pytest.mark.parametrize(
    "architecture",
    [chain(), residual(3), residual(1, form=BlockForm.POST_ACTIVATION)],
    ids=str,
)
def test_coupling_in_other_networks_is_refused(architecture) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DomainError, match="coupling is measured in pre-activation blocks of one"):
        Setting(architecture, depth_mup(), COUPLING)


def test_a_member_that_diverges_leaves_its_neighbours_alone() -> None:
    network = Network(residual(1), depth_mup(), Cell(8, 3), 3, 1)
    x, y = data(2)
    matrices = network.initial_weights(1, [0, 1], CPU, torch.float64)

    def measured(inputs: Tensor) -> dict[Observable, Tensor]:
        return coupling(network, dense_weights(network, COUPLING, matrices), inputs, y)

    whole, spoiled = measured(x), measured(torch.stack([x[0] * 1e300, x[1]]))
    for name, values in spoiled.items():
        assert values[0].isnan()
        torch.testing.assert_close(values[1], whole[name][1])


def test_decoupled_steps_of_adam_are_those_of_adam() -> None:
    """A weight that is its own copy changes nothing, whatever the optimizer."""
    network = Network(residual(1), depth_mup(Optimizer.ADAM), Cell(8, 3), 3, 1)
    weights = dense_weights(
        network, DECOUPLING, network.initial_weights(1, [0, 1], CPU, torch.float64)
    )
    copies = {key: weight for key, weight in weights.items() if key.block}
    found = decoupling(network, weights, copies, *data(2))
    ones = torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(found[Observable.OUTPUT_REUSE_RATIO], ones)
    torch.testing.assert_close(found[Observable.STREAM_REUSE_RATIO], ones)
