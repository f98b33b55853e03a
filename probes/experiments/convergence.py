"""How far a network is from the limit that a much larger one stands for. Imports ``probes``."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from probes.experiments.base import Measured, Products, Trial, products, run
from probes.experiments.fitting import fitted, products_of_steps
from probes.experiments.moments import second_moment
from probes.network import Network, WeightKey
from probes.weights.base import Weight
from probes.weights.decoupled import decoupled
from theory.experiments import Convergence
from theory.observables import Observable


def convergence(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    reference: Network,
    reference_weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    steps: int,
) -> dict[Observable, Tensor]:
    """The distance of the last stream states after k steps on one batch (R, B, d): (R,).

    Both start with the same input and output weights, and are fitted to the same data.
    """
    state = fitted(network, weights, inputs, labels, steps).stream[-1]
    limit = fitted(reference, reference_weights, inputs, labels, steps).stream[-1]
    return {Observable.REFERENCE_DISTANCE: second_moment(state - limit).sqrt()}


@run.register
def _run(experiment: Convergence, trial: Trial) -> Measured:
    assert trial.reference is not None
    limit = trial.reference
    return convergence(
        trial.network,
        decoupled(trial.weights, trial.copies),
        limit.network,
        decoupled(limit.weights, limit.copies),
        *trial.examples(experiment.batch),
        experiment.steps,
    )


@products.register
def _products(experiment: Convergence) -> Products:
    return products_of_steps(experiment)
