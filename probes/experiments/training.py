"""A few training steps on real images. Imports torch and ``probes``."""

from __future__ import annotations

import torch
from torch import Tensor

from probes.architectures import Network, Weights
from probes.optimizers import optimizer_of
from theory.experiment import Observable


def training(
    network: Network,
    weights: Weights,
    rate: float,
    inputs: Tensor,
    classes: Tensor,
    held_out: Tensor,
    held_out_classes: Tensor,
) -> dict[Observable, Tensor]:
    """What training with cross-entropy did on held-out inputs, each of shape (R,).

    Shapes: inputs (R, steps, B, d), classes (R, steps, B), held_out (R, H, d), its classes (R, H).
    The weights are updated in place.
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
        trace = network.forward(weights, held_out)
    change = (trace.stream[-1] - before).double().square().mean((1, 2)).sqrt()
    entropy = torch.nn.functional.cross_entropy(
        trace.output.double().flatten(0, 1), held_out_classes.flatten(), reduction="none"
    )
    loss = entropy.view(held_out_classes.shape).mean(1)
    return {Observable.TRAINED_STREAM_CHANGE: change, Observable.TRAINED_LOSS: loss}
