"""The one-step derivative is the derivative: against finite differences and by definition."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from probes.architectures import Network, WeightKey
from probes.experiments.one_step import first_order_change, one_step
from tests.probes.test_networks import CPU, architectures, cells, parameterizations
from theory import (
    Activation,
    Architecture,
    Cell,
    Observable,
    Parameterization,
    Role,
    depth_mup,
    residual,
)

SMOOTH = set(Activation) - {Activation.RELU, Activation.LEAKY_RELU, Activation.ABS}


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
    _, change, direction = first_order_change(network, weights, x, y)
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
    _, _, direction = first_order_change(network, weights, x, y)
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
    trace, change, _ = first_order_change(network, weights, x, y)
    own = []
    for block in range(1, 4):
        matrix = weights[WeightKey(Role.BRANCH_FIRST, block, 1)].detach()
        carried = change.stream[block - 1] @ matrix.transpose(1, 2)
        moved = change.inner[block - 1] - network.multiplier(Role.BRANCH_FIRST) * carried
        own.append(moved.square().mean((1, 2)))
    expected = torch.stack(own).mean(0).sqrt()
    measured = one_step(network, weights, x, y)[Observable.FIRST_LAYER_OWN_CHANGE]
    torch.testing.assert_close(measured, expected, rtol=1e-9, atol=0)
    assert float(change.inner[0].abs().max()) > 0
    assert trace.output.shape == (2, 3, 1)


def test_maximal_update_rate_makes_the_mean_second_moment_one() -> None:
    network = Network(Architecture(residual(1).family), depth_mup(), Cell(16, 4), 3, 1)
    weights = network.initial_weights(3, [0, 1], CPU, torch.float64)
    x, y = batch(3)
    _, change, _ = first_order_change(network, weights, x, y)
    rate = one_step(network, weights, x, y)[Observable.MAXIMAL_UPDATE_RATE]
    moments = [(rate[:, None, None] * state).square().mean((1, 2)) for state in change.stream]
    torch.testing.assert_close(torch.stack(moments).mean(0), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("depth", [1, 4])
def test_relu_chain_matches_its_exact_one_step_second_moment(depth: int) -> None:
    """One input, infinite width: S_l is proportional to (2 l^3 + l) / 3 in a critical ReLU chain.

    The coherent terms of the l layers give l^2; the spread of the Jacobians J J^T, whose cross
    moments grow by 2 per layer, gives the rest.
    """
    from theory import Family, am_mup

    network = Network(
        Architecture(Family.CHAIN, variance_factor=Fraction(2)), am_mup(), Cell(512, depth), 32, 1
    )
    replicates = 48
    weights = network.initial_weights(11, range(replicates), CPU)
    x = torch.randn(replicates, 1, 32, generator=torch.Generator().manual_seed(2))
    x *= (32 / x.square().sum(-1, keepdim=True)).sqrt()
    _, change, _ = first_order_change(network, weights, x, torch.ones(replicates, 1))
    moments = np.array([state.double().square().mean((1, 2)).numpy() for state in change.stream])
    ratios = moments[-1] / moments[0].mean()
    exact = (2 * depth**3 + depth) / 3
    error = 4 * ratios.std(ddof=1) / np.sqrt(replicates)
    assert ratios.mean() == pytest.approx(exact, abs=error + 5 * exact * depth / 512)
