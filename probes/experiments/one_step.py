"""The first step, exactly to first order in the learning rate. Imports torch and ``probes``.

The weights move along the optimizer's first update; forward-mode derivatives in that direction
give d/d eta of every pre-activation at eta = 0, with no step size to choose and no rounding of a
difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from probes.dropout import Masks
from probes.experiments.base import Measured, Products, Trial, products, run
from probes.experiments.moments import second_moment
from probes.network import Network, Trace, WeightKey
from probes.randomness import mask_generator
from probes.weights.base import Weight, learning, moving
from theory.architecture import Family, Role
from theory.experiments import OneStep
from theory.observables import Observable


def first_order_change(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    masks: Masks | None = None,
) -> tuple[Trace, Trace]:
    """The forward pass, and its derivative with respect to the base learning rate.

    Squared loss of the first output, mean over the batch; inputs (R, B, d), labels (R, B); both
    passes drop the same. The weights stay where they are, and keep their gradients.
    """
    _send_back(network, weights, inputs, labels, masks)
    with moving(weights.values()):
        both = network.forward(weights, inputs, masks)
        return _part(both, 0), _part(both, 1)


def _send_back(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    masks: Masks | None,
) -> None:
    """Gradients of the loss arrive at the weights."""
    residuals = network.forward(weights, inputs, masks).output[..., 0] - labels
    # Summed over replicates, so that each has the gradient of its own mean loss.
    torch.autograd.backward(residuals.square().mean(1).sum() / 2)


def _part(trace: Trace, which: int) -> Trace:
    """Primals (0) or tangents (1) of a trace."""

    def of(state: Tensor) -> Tensor:
        part: Tensor = unpack_dual(state)[which]  # type: ignore[no-untyped-call]
        return part

    return Trace([of(h) for h in trace.stream], [of(u) for u in trace.inner], of(trace.output))


def one_step(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
    masks: Masks | None = None,
) -> dict[Observable, Tensor]:
    """Every one-step observable of a group that its architecture has, each of shape (R,)."""
    trace, change = first_order_change(network, weights, inputs, labels, masks)
    layers = torch.stack([second_moment(state) for state in change.stream])
    mean = layers.mean(0)
    measured = {
        Observable.STREAM_CHANGE: layers[-1].sqrt(),
        Observable.INPUT_CHANGE: layers[0].sqrt(),
        Observable.OUTPUT_CHANGE: second_moment(change.output[..., :1]).sqrt(),
        Observable.MAXIMAL_UPDATE_RATE: mean.rsqrt(),
        Observable.LAST_LAYER_RATIO: (layers[-1] / mean).sqrt(),
    }
    if network.architecture.ends_with_weight:
        measured[Observable.DRIFT_SHARE] = _drift_share(network, weights, change)
    if network.architecture.family is not Family.CHAIN:
        size = _over_blocks(pairwise_differences(trace.stream))
        moved = _over_blocks(pairwise_differences(change.stream))
        measured[Observable.BLOCK_CHANGE] = moved / size
        if not network.architecture.ends_with_activation:
            own = _own_changes(network, weights, Role.BRANCH_LAST)
            measured[Observable.BLOCK_OWN_CHANGE] = _over_blocks(own) / size
    if trace.inner:
        own = _own_changes(network, weights, Role.BRANCH_FIRST)
        measured[Observable.FIRST_LAYER_OWN_CHANGE] = _over_blocks(own)
        measured[Observable.FIRST_LAYER_CHANGE] = _over_blocks(change.inner)
    return measured


def pairwise_differences(states: Sequence[Tensor]) -> Iterator[Tensor]:
    """What every block adds."""
    return (after - before for before, after in pairwise(states))


def _over_blocks(parts: Iterable[Tensor]) -> Tensor:
    """Root mean square over blocks, inputs and coordinates: shape (R,)."""
    return torch.stack([second_moment(part) for part in parts]).mean(0).sqrt()


def _own_changes(
    network: Network, weights: Mapping[WeightKey, Weight], role: Role
) -> Iterator[Tensor]:
    """multiplier * dW x for the weights of a role, x what the forward pass gave each of them."""
    for key, weight in weights.items():
        if key.role is role:
            assert weight.gradient is not None
            yield network.multiplier(role) * weight.change_times(weight.gradient[1])


def _drift_share(network: Network, weights: Mapping[WeightKey, Weight], change: Trace) -> Tensor:
    """Squared cosine between the change of the last state and its gradient: shape (R,).

    Where the last operation is a weight, its signals are the gradient of what it adds to.
    """
    after = (Role.OUTPUT, Role.BIAS, Role.GAIN)
    last = weights[[key for key in network.shapes() if key.role not in after][-1]]
    assert last.gradient is not None
    moved, signals = change.stream[-1].double(), last.gradient[0].double()
    cosines = torch.nn.functional.cosine_similarity(moved, signals, dim=-1)
    return cosines.square().mean(1)


def _masks(trial: Trial) -> Masks | None:
    """What dropout takes, the same from a replicate whatever its group."""
    network = trial.network
    if not network.architecture.dropout:
        return None
    generators = [mask_generator(trial.seed, member, network.cell) for member in trial.members]
    return Masks(network.architecture.dropout, generators)


@run.register
def _run(experiment: OneStep, trial: Trial) -> Measured:
    examples, masks = trial.examples(experiment.batch), _masks(trial)
    for _ in range(experiment.after):
        with learning(trial.weights.values()):
            _send_back(trial.network, trial.weights, *examples, masks)
    return one_step(trial.network, trial.weights, *examples, masks)


@products.register
def _products(experiment: OneStep) -> Products:
    step = [(experiment.batch, True), (experiment.batch, True), (experiment.batch, False)]
    # forward, backward, the derivative
    return [*step * experiment.after, *[(experiment.batch, True)] * 3]
