"""The first step, exactly to first order in the learning rate. Imports torch and ``probes``.

The weights move along the optimizer's first update; a forward-mode derivative in that direction
gives d/d eta of every pre-activation at eta = 0, with no step size to choose and no rounding of a
difference.
"""

from __future__ import annotations

import torch
from torch import Tensor

from probes.architectures import Network, Trace, WeightKey, Weights
from probes.optimizers import step_direction
from theory.architecture import Role
from theory.experiment import Observable


def first_order_change(
    network: Network, weights: Weights, inputs: Tensor, labels: Tensor
) -> tuple[Trace, Trace, Weights]:
    """The forward pass, its derivative with respect to eta, and that of the weights.

    Squared loss, mean over the batch; inputs (R, B, d), labels (R, B), one output.
    """
    residuals = network.forward(weights, inputs).output.squeeze(-1) - labels
    direction = step_direction(network, weights, residuals.square().mean(1).sum() / 2)
    fixed = {key: weight.detach() for key, weight in weights.items()}
    derivative = torch.func.jvp(
        lambda moving: network.forward(moving, inputs), (fixed,), (direction,)
    )
    trace, change = derivative[:2]
    return trace, change, direction


def _second_moment(change: Tensor) -> Tensor:
    """Mean of the squares over inputs and coordinates, in float64: shape (R,)."""
    return change.double().square().mean((1, 2))


def one_step(
    network: Network, weights: Weights, inputs: Tensor, labels: Tensor
) -> dict[Observable, Tensor]:
    """Every one-step observable of a group, each of shape (R,)."""
    trace, change, direction = first_order_change(network, weights, inputs, labels)
    layers = torch.stack([_second_moment(state) for state in change.stream])
    measured = {
        Observable.STREAM_CHANGE: layers[-1].sqrt(),
        Observable.OUTPUT_CHANGE: _second_moment(change.output).sqrt(),
        Observable.MAXIMAL_UPDATE_RATE: layers.mean(0).rsqrt(),
    }
    if trace.inner:
        own = _first_layer_own_change(network, trace, direction)
        measured[Observable.FIRST_LAYER_OWN_CHANGE] = own
    return measured


def _first_layer_own_change(network: Network, trace: Trace, direction: Weights) -> Tensor:
    """Root mean square over blocks of multiplier * dW_{l,1} h_{l-1}: shape (R,)."""
    multiplier = network.multiplier(Role.BRANCH_FIRST)
    blocks = []
    for block, entering in enumerate(trace.stream[:-1], start=1):
        moved = direction[WeightKey(Role.BRANCH_FIRST, block, 1)]
        blocks.append(_second_moment(multiplier * torch.bmm(entering, moved.transpose(1, 2))))
    return torch.stack(blocks).mean(0).sqrt()
