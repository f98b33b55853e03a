"""References that share no code with the engines: torch's own autograd, jvp and optimizers.

The network's formulas are those of ``Network.forward`` on plain tensors, which the tests of
networks hold against numpy, a matrix at a time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from probes.dropout import Masks
from probes.engines import ADAM_EPSILON, dense_weights
from probes.experiments.one_step import first_order_change
from probes.network import Network, Trace, WeightKey
from probes.randomness import mask_generator
from theory import (
    Experiment,
    OneStep,
    Optimizer,
)

Tensors = dict[WeightKey, Tensor]
ONE_STEP = OneStep(batch=1)


def parameters(weights: Tensors) -> Tensors:
    """Copies that record gradients."""
    return {key: weight.detach().clone().requires_grad_() for key, weight in weights.items()}


def gradients(network: Network, weights: Tensors, x: Tensor, y: Tensor) -> Tensors:
    """Of each replicate's squared loss, mean over the batch."""
    leaves = parameters(weights)
    residuals = network.forward(leaves, x).output[..., 0] - y
    found = torch.autograd.grad(residuals.square().mean(1).sum() / 2, list(leaves.values()))
    return dict(zip(leaves, found, strict=True))


def first_step(
    network: Network, weights: Tensors, x: Tensor, y: Tensor
) -> tuple[Trace, Trace, Tensors]:
    """The forward pass, its derivative along the first step by torch.func.jvp, and that step."""
    direction = {}
    for key, gradient in gradients(network, weights, x, y).items():
        direction[key] = -network.rate(key.role) * _direction(network, key, gradient)
    derivative = torch.func.jvp(lambda w: network.forward(w, x), (weights,), (direction,))
    return derivative[0], derivative[1], direction


def _direction(network: Network, key: WeightKey, gradient: Tensor) -> Tensor:
    """What the optimizer makes of the first gradient, by its definition."""
    optimizer = network.parameterization.optimizer
    if optimizer.is_linear:
        return gradient
    if optimizer is Optimizer.LION:
        return gradient.sign()
    if optimizer.orthogonalizes(key.role):
        left, sizes, right = torch.linalg.svd(gradient, full_matrices=False)
        polar: Tensor = (left * (sizes > 1e-12 * sizes[:, :1])[:, None]) @ right
        return polar
    epsilon = network.parameterization.epsilon(key.role, network.cell)
    return gradient / (gradient.abs() + ADAM_EPSILON * epsilon)


class Trained(NamedTuple):
    """What training left: outputs before every step, the weights, and the last trace."""

    outputs: list[Tensor]
    weights: Tensors
    trace: Trace


def train(
    network: Network,
    weights: Tensors,
    experiment: Experiment,
    rates: Sequence[float],
    inputs: Tensor,
    labels: Tensor,
    held_out: Tensor,
) -> Trained:
    """Replicate after replicate by torch.optim, each at its own rate; squared loss, one output.

    inputs (R, steps, B, d), labels (R, steps, B), held_out (R, H, d).
    """
    results = []
    for replicate, rate in enumerate(rates):
        leaves = parameters({k: w[replicate : replicate + 1] for k, w in weights.items()})
        optimizer = _optimizer(network, leaves, experiment, rate)
        outputs = []
        for x, y in zip(inputs[replicate], labels[replicate], strict=True):
            optimizer.zero_grad()
            output = network.forward(leaves, x[None]).output
            ((output[0, :, 0] - y).square().mean() / 2).backward()
            optimizer.step()
            outputs.append(output.detach())
        final = {key: leaf.detach() for key, leaf in leaves.items()}
        results.append((outputs, final, network.forward(final, held_out[replicate][None])))
    return Trained(
        [torch.cat(parts) for parts in zip(*(outputs for outputs, _, _ in results), strict=True)],
        {key: torch.cat([final[key] for _, final, _ in results]) for key in weights},
        Trace(
            [torch.cat(h) for h in zip(*(trace.stream for _, _, trace in results), strict=True)],
            [torch.cat(u) for u in zip(*(trace.inner for _, _, trace in results), strict=True)],
            torch.cat([trace.output for _, _, trace in results]),
        ),
    )


def _optimizer(
    network: Network, leaves: Tensors, experiment: Experiment, rate: float
) -> torch.optim.Optimizer:
    groups = [
        {"params": [leaf], "lr": rate * network.rate(key.role)} for key, leaf in leaves.items()
    ]
    decay = float(experiment.weight_decay)
    if network.parameterization.optimizer is Optimizer.SGD:
        return torch.optim.SGD(groups, momentum=float(experiment.momentum), weight_decay=decay)
    for group, key in zip(groups, leaves, strict=True):
        group["eps"] = ADAM_EPSILON * network.parameterization.epsilon(key.role, network.cell)
    return torch.optim.AdamW(groups, weight_decay=decay)


def dense_step(
    network: Network, weights: Tensors, x: Tensor, y: Tensor
) -> tuple[Trace, Trace, Tensors]:
    """What ``first_step`` returns, by the dense engine; the step by asking it for every column."""
    engine = dense_weights(network, ONE_STEP, weights)
    trace, change = first_order_change(network, engine, x, y)
    direction = {}
    for key, weight in weights.items():
        columns = torch.eye(weight.shape[2], dtype=weight.dtype).expand(len(weight), -1, -1)
        direction[key] = engine[key].change_times(columns).mT
    return trace, change, direction


def masks(network: Network, seed: int, replicates: Sequence[int]) -> Masks:
    """What dropout takes, new for every network that calls."""
    generators = [mask_generator(seed, replicate, network.cell) for replicate in replicates]
    return Masks(network.architecture.dropout, generators)
