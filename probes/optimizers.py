"""The optimizers of the probes, with the rates of a parameterization. Imports torch.

Everything is elementwise, so replicates on the first axis stay independent.
"""

from __future__ import annotations

import torch

from probes.architectures import Network, Weights
from theory.parameterization import Optimizer

ADAM_EPSILON = 1e-8


def optimizer_of(network: Network, weights: Weights, rate: float) -> torch.optim.Optimizer:
    """torch's SGD or Adam over all weights, one group per weight with the rate of its role."""
    groups = [
        {
            "params": [weight],
            "lr": rate * network.rate(key.role),
            "eps": ADAM_EPSILON * network.epsilon(key.role),
        }
        for key, weight in weights.items()
    ]
    if network.parameterization.optimizer is Optimizer.ADAM:
        return torch.optim.Adam(groups)
    for group in groups:
        del group["eps"]
    return torch.optim.SGD(groups)


def step_direction(network: Network, weights: Weights, loss: torch.Tensor) -> Weights:
    """d weight / d eta of the first step: minus the role's rate times what the optimizer does.

    SGD takes the gradient g; Adam's first step is g / (|g| + epsilon), its averages being those of
    a single gradient. ``loss`` is summed over replicates, which leaves each its own gradient.
    """
    gradients = torch.autograd.grad(loss, list(weights.values()))
    adam = network.parameterization.optimizer is Optimizer.ADAM
    direction: Weights = {}
    for key, gradient in zip(weights, gradients, strict=True):
        if adam:
            gradient /= gradient.abs() + ADAM_EPSILON * network.epsilon(key.role)
        direction[key] = gradient.mul_(-network.rate(key.role))  # in place: as large as the weights
    return direction
