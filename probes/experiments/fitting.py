"""Several steps on one batch of synthetic data. Imports torch and ``probes``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.architectures import Network, Trace, WeightKey
from probes.weights import Weight, learning
from theory.experiment import Observable


def fitting(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    steps: int,
) -> dict[Observable, Tensor]:
    """What the network says of the inputs (R, B, d) it was fitted to, by squared loss: (R,)."""
    outputs = fitted(network, weights, inputs, labels, steps).output.squeeze(-1)
    return {Observable.FITTED_OUTPUT: (outputs * labels).double().mean(1)}


def fitted(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    steps: int,
) -> Trace:
    """The forward pass after k steps of squared loss on one batch: (R, B, d), labels (R, B)."""
    for _ in range(steps):
        with learning(weights.values()):
            residuals = network.forward(weights, inputs).output.squeeze(-1) - labels
            # Summed over replicates, so that each has the gradient of its own mean loss.
            torch.autograd.backward(residuals.square().mean(1).sum() / 2)
    with torch.no_grad():
        return network.forward(weights, inputs)
