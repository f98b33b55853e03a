"""Signals and gradients at initialization. Imports torch and ``probes``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.architectures import Network, WeightKey
from probes.weights import Weight
from theory.experiment import Observable


def propagation(
    network: Network, weights: Mapping[WeightKey, Weight], inputs: Tensor
) -> dict[Observable, Tensor]:
    """Second moments of h_L and of n df/dh_0, each of shape (R,), for inputs (R, B, d)."""
    trace = network.forward(weights, inputs)
    # Each output depends on its own input only, so the gradient of the sum holds them all.
    (gradient,) = torch.autograd.grad(trace.output.sum(), trace.stream[0])
    backward = network.cell.width * gradient.double()
    return {
        Observable.FORWARD_SECOND_MOMENT: trace.stream[-1].detach().double().square().mean((1, 2)),
        Observable.BACKWARD_SECOND_MOMENT: backward.square().mean((1, 2)),
    }
