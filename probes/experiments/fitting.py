"""Several steps on one batch of synthetic data. Imports torch and ``probes``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from probes.experiments.base import Measured, Products, Trial, products, run
from probes.experiments.moments import kurtosis, second_moment
from probes.network import Network, Trace, WeightKey
from probes.weights.base import Weight, learning
from probes.weights.decoupled import decoupled
from theory.experiments import Fitting, Learning
from theory.observables import Observable


def fitting(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    steps: int,
) -> dict[Observable, Tensor]:
    """Outputs for the inputs (R, B, d) that are fitted, and moments of the last stream: (R,)."""
    trace = fitted(network, weights, inputs, labels, steps)
    outputs, last = trace.output.squeeze(-1), trace.stream[-1]
    return {
        Observable.FITTED_OUTPUT: (outputs * labels).double().mean(1),
        Observable.FITTED_SECOND_MOMENT: second_moment(last),
        Observable.FITTED_KURTOSIS: kurtosis(last),
    }


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


def products_of_steps(experiment: Learning) -> Products:
    """Forward, backward and the moves of each step on one batch, and forward at the end."""
    batch = experiment.batch
    moves = [(batch, False)] * (2 if experiment.draws_copies else 1)
    return [*[(batch, True), (batch, True), *moves] * experiment.steps, (batch, True)]


@run.register
def _run(experiment: Fitting, trial: Trial) -> Measured:
    weights = decoupled(trial.weights, trial.copies)
    return fitting(trial.network, weights, *trial.examples(experiment.batch), experiment.steps)


@products.register
def _products(experiment: Fitting) -> Products:
    return products_of_steps(experiment)
