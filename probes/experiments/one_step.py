"""The first step, exactly to first order in the learning rate. Imports torch and ``probes``.

The weights move along the optimizer's first update; forward-mode derivatives in that direction
give d/d eta of every pre-activation at eta = 0, with no step size to choose and no rounding of a
difference.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from probes.architectures import Network, Trace, WeightKey
from probes.weights import Weight, moving
from theory.architecture import Role
from theory.experiment import Observable


def first_order_change(
    network: Network, weights: Mapping[WeightKey, Weight], inputs: Tensor, labels: Tensor
) -> tuple[Trace, Trace]:
    """The forward pass, and its derivative with respect to the base learning rate.

    Squared loss, mean over the batch; inputs (R, B, d), labels (R, B), one output. The weights
    stay where they are, and keep their gradients.
    """
    residuals = network.forward(weights, inputs).output.squeeze(-1) - labels
    # Summed over replicates, so that each has the gradient of its own mean loss.
    torch.autograd.backward(residuals.square().mean(1).sum() / 2)
    with moving(weights.values()):
        both = network.forward(weights, inputs)
        return _part(both, 0), _part(both, 1)


def _part(trace: Trace, which: int) -> Trace:
    """Primals (0) or tangents (1) of a trace."""

    def of(state: Tensor) -> Tensor:
        part: Tensor = unpack_dual(state)[which]  # type: ignore[no-untyped-call]
        return part

    return Trace([of(h) for h in trace.stream], [of(u) for u in trace.inner], of(trace.output))


def _second_moment(change: Tensor) -> Tensor:
    """Mean of the squares over inputs and coordinates, in float64: shape (R,)."""
    return change.double().square().mean((1, 2))


def one_step(
    network: Network, weights: Mapping[WeightKey, Weight], inputs: Tensor, labels: Tensor
) -> dict[Observable, Tensor]:
    """Every one-step observable of a group, each of shape (R,)."""
    trace, change = first_order_change(network, weights, inputs, labels)
    layers = torch.stack([_second_moment(state) for state in change.stream])
    measured = {
        Observable.STREAM_CHANGE: layers[-1].sqrt(),
        Observable.OUTPUT_CHANGE: _second_moment(change.output).sqrt(),
        Observable.MAXIMAL_UPDATE_RATE: layers.mean(0).rsqrt(),
    }
    if trace.inner:
        measured[Observable.FIRST_LAYER_OWN_CHANGE] = _own_change(network, weights, trace)
    return measured


def _own_change(network: Network, weights: Mapping[WeightKey, Weight], trace: Trace) -> Tensor:
    """Root mean square over blocks of multiplier * dW_{l,1} h_{l-1}: shape (R,)."""
    multiplier = network.multiplier(Role.BRANCH_FIRST)
    blocks = []
    for block, entering in enumerate(trace.stream[:-1], start=1):
        change = weights[WeightKey(Role.BRANCH_FIRST, block, 1)].change_times(entering)
        blocks.append(_second_moment(multiplier * change))
    return torch.stack(blocks).mean(0).sqrt()
