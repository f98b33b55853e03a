"""What a step forward meets of the step back: weights are reused. Imports torch and ``probes``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from probes.experiments.base import Measured, Products, Trial, products, run
from probes.experiments.moments import second_moment
from probes.experiments.one_step import first_order_change
from probes.network import Network, Trace, WeightKey
from probes.weights.base import Weight
from probes.weights.decoupled import decoupled
from probes.weights.gaussian_matrix import ROUNDINGS
from theory.architecture import Role
from theory.experiments import Coupling, Decoupling
from theory.observables import Observable

Projection = Callable[[Tensor], Tensor]


def onto_span(rows: Tensor) -> Projection:
    """The projection of rows (R, ., n) onto the span of these rows (R, B, n).

    They may be dependent: at the last block, the signals of all inputs are parallel. Where they are
    not finite, the projection is nan.
    """
    diverged = ~rows.isfinite().all(2).all(1)[:, None, None]
    _, sizes, directions = torch.linalg.svd(rows.masked_fill(diverged, 0.0), full_matrices=False)
    smallest = ROUNDINGS * torch.finfo(rows.dtype).eps * sizes[:, :1]
    directions = directions * (sizes > smallest)[..., None]
    directions = directions.masked_fill(diverged, torch.nan)

    def projection(of: Tensor) -> Tensor:
        return torch.bmm(torch.bmm(of, directions.mT), directions)

    return projection


def coupling(
    network: Network, weights: Mapping[WeightKey, Weight], inputs: Tensor, labels: Tensor
) -> dict[Observable, Tensor]:
    """Every coupling observable of a group, each of shape (R,).

    Of pre-activation blocks of one or two layers, as ``Setting`` makes sure.
    """
    layers = network.architecture.layers_per_block
    trace, change = first_order_change(network, weights, inputs, labels)
    before, moved = _activated(network, trace, change)
    shares, squares, total = [], [], torch.zeros_like(trace.stream[-1])
    for block in range(1, network.cell.depth + 1):
        weight = weights[WeightKey(Role.BRANCH_LAST, block, layers)]
        assert weight.gradient is not None
        signals, _ = weight.gradient
        asked_forward, asked_backward = onto_span(before[block - 1]), onto_span(signals)
        back = weight.transposed_times(signals, 1.0)
        shares.append(second_moment(asked_forward(back)) / second_moment(back))
        new = moved[block - 1] - asked_forward(moved[block - 1])
        met = asked_backward(weight.times(new, network.multiplier(Role.BRANCH_LAST)))
        squares.append(second_moment(met))
        total = total + met
    readout = weights[WeightKey(Role.OUTPUT)].times(total, network.multiplier(Role.OUTPUT))
    mean = torch.stack(squares).mean(0)
    return {
        Observable.BACKWARD_COUPLING: torch.stack(shares).mean(0),
        Observable.BLOCK_COUPLING: mean,
        Observable.BLOCK_COUPLING_AMPLITUDE: mean.sqrt(),
        Observable.STREAM_COUPLING: second_moment(total).sqrt(),
        Observable.OUTPUT_COUPLING: second_moment(readout).sqrt(),
    }


def _activated(network: Network, trace: Trace, change: Trace) -> tuple[list[Tensor], list[Tensor]]:
    """What enters the last weight of every block, and its derivative along the step."""
    states, moves = (trace.inner, change.inner) if trace.inner else (trace.stream, change.stream)
    pairs = [
        torch.func.jvp(network.phi, (state.detach(),), (move,))
        for state, move in zip(states, moves, strict=True)
    ]
    return [each[0] for each in pairs], [each[1] for each in pairs]


def decoupling(
    network: Network,
    weights: Mapping[WeightKey, Weight],
    copies: Mapping[WeightKey, Weight],
    inputs: Tensor,
    labels: Tensor,
) -> dict[Observable, Tensor]:
    """The first step with reused weights against that with independent backward ones: (R,) each.

    ``copies`` are those of the weights that are replaced on the way back.
    """
    _, reused = first_order_change(network, weights, inputs, labels)
    _, apart = first_order_change(network, decoupled(weights, copies), inputs, labels)
    difference = second_moment(reused.output - apart.output)
    outputs = second_moment(reused.output) / second_moment(apart.output)
    streams = second_moment(reused.stream[-1]) / second_moment(apart.stream[-1])
    return {
        Observable.OUTPUT_REUSE_RATIO: outputs.sqrt(),
        Observable.OUTPUT_REUSE_DISTANCE: (difference / second_moment(reused.output)).sqrt(),
        Observable.STREAM_REUSE_RATIO: streams.sqrt(),
        Observable.STREAM_REUSE_DISTANCE: (1 - streams.rsqrt()).abs(),
    }


@run.register
def _run(experiment: Coupling, trial: Trial) -> Measured:
    return coupling(trial.network, trial.weights, *trial.examples(experiment.batch))


@products.register
def _products(experiment: Coupling) -> Products:
    return [(experiment.batch, True)] * 5  # a first step, and forward and backward in the blocks


@run.register
def _run_decoupling(experiment: Decoupling, trial: Trial) -> Measured:
    examples = trial.examples(experiment.batch)
    return decoupling(trial.network, trial.weights, trial.copies, *examples)


@products.register
def _products_of_decoupling(experiment: Decoupling) -> Products:
    return [(experiment.batch, True)] * 6  # two first steps
