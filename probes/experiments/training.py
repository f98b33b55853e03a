"""A few SGD steps on real images. Imports torch and ``probes``."""

from __future__ import annotations

import torch
from torch import Tensor

from probes.architectures import Network, Weights
from probes.experiments.one_step import step_direction
from theory.prediction import Observable


def training(
    network: Network,
    weights: Weights,
    rate: float,
    inputs: Tensor,
    classes: Tensor,
    held_out: Tensor,
) -> dict[Observable, Tensor]:
    """Change of the last stream state on held-out inputs after SGD with cross-entropy: (R,).

    Shapes: inputs (R, steps, B, d), classes (R, steps, B), held_out (R, H, d). The weights are
    updated in place.
    """
    with torch.no_grad():
        before = network.forward(weights, held_out).stream[-1]
    for step in range(inputs.shape[1]):
        logits = network.forward(weights, inputs[:, step]).output
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), classes[:, step].flatten(), reduction="sum"
        )
        direction = step_direction(network, weights, loss / inputs.shape[2])
        with torch.no_grad():
            for key, weight in weights.items():
                weight.add_(direction[key], alpha=rate)
    with torch.no_grad():
        after = network.forward(weights, held_out).stream[-1]
    change = (after - before).double().square().mean((1, 2)).sqrt()
    return {Observable.TRAINED_STREAM_CHANGE: change}
