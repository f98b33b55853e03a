"""Signals and gradients at initialization. Imports torch and ``probes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from probes.experiments.base import Measured, Products, Trial, products, run
from probes.experiments.moments import kurtosis, second_moment
from probes.experiments.one_step import pairwise_differences
from probes.network import Network, WeightKey
from probes.weights.base import Weight
from theory.architecture import Family
from theory.exact.propagation import depth_limit, forward_second_moment, has_depth_limit
from theory.experiments import Propagation
from theory.observables import Observable


def propagation(
    network: Network, weights: Mapping[WeightKey, Weight], inputs: Tensor
) -> dict[Observable, Tensor]:
    """Every observable at initialization that the architecture has, for inputs (R, B, d).

    Or (R, B, tokens or positions, d), which have no exact recursion, and no distance from it.
    """
    trace = network.forward(weights, inputs)
    # Each output depends on its own input only, so the gradient of the sum holds them all.
    (gradient,) = torch.autograd.grad(trace.output[..., 0].sum(), trace.stream[0])
    stream = [state.detach() for state in trace.stream]
    each = stream[-1].double().square().mean(2)
    forward = each.mean(1)
    measured = {
        Observable.FORWARD_SECOND_MOMENT: forward,
        Observable.BACKWARD_SECOND_MOMENT: second_moment(network.stream_width * gradient),
        Observable.KURTOSIS: kurtosis(stream[-1]),
    }
    if network.architecture.family is not Family.CHAIN:
        measured |= _of_the_stream(stream)
    if network.architecture.has_exact_theory:
        exact = forward_second_moment(network.architecture, network.parameterization, network.cell)
        measured[Observable.RECURSION_ERROR] = (each / exact - 1).square().mean(1)
    if has_depth_limit(network.architecture):
        limit = depth_limit(network.architecture).forward
        measured[Observable.LIMIT_DISTANCE] = (forward / limit - 1).abs()
    return measured


def _of_the_stream(stream: Sequence[Tensor]) -> dict[Observable, Tensor]:
    """What the blocks add, and whether the halves of the network add independently."""
    first, middle, last = stream[0], stream[(len(stream) - 1) // 2], stream[-1]
    halves = second_moment(middle - first) + second_moment(last - middle)
    branches = torch.stack([second_moment(added) for added in pairwise_differences(stream)])
    return {
        Observable.BRANCH_SECOND_MOMENT: branches.mean(0),
        Observable.INCREMENT_RATIO: second_moment(last - first) / halves,
    }


@run.register
def _run(experiment: Propagation, trial: Trial) -> Measured:
    inputs, _ = trial.examples(experiment.batch)
    return propagation(trial.network, trial.weights, inputs)


@products.register
def _products(experiment: Propagation) -> Products:
    return [(experiment.batch, True)] * 2  # forward, backward
