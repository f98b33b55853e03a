"""A few training steps on real images. Imports torch and ``probes``."""

from __future__ import annotations

import torch
from torch import Tensor

from probes.architectures import Network, Weights
from probes.optimizers import optimizer_of
from theory.prediction import Observable


def training(
    network: Network,
    weights: Weights,
    rate: float,
    inputs: Tensor,
    classes: Tensor,
    held_out: Tensor,
) -> dict[Observable, Tensor]:
    """Change of the last stream state on held-out inputs after training with cross-entropy: (R,).

    Shapes: inputs (R, steps, B, d), classes (R, steps, B), held_out (R, H, d). The weights are
    updated in place.
    """
    with torch.no_grad():
        before = network.forward(weights, held_out).stream[-1]
    optimizer = optimizer_of(network, weights, rate)
    for step in range(inputs.shape[1]):
        optimizer.zero_grad()
        logits = network.forward(weights, inputs[:, step]).output
        # Summed over replicates, so that each has the gradient of its own mean loss.
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), classes[:, step].flatten(), reduction="sum"
        )
        (loss / inputs.shape[2]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        after = network.forward(weights, held_out).stream[-1]
    change = (after - before).double().square().mean((1, 2)).sqrt()
    return {Observable.TRAINED_STREAM_CHANGE: change}
