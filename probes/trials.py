"""One door to the experiments: a setting, a cell and a group of replicates in, numbers out.

Imports torch, numpy, ``theory`` and ``probes``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from torch import Tensor

from probes.data.batches import batches_of, images_of
from probes.data.images import ImageShape
from probes.data.synthetic import SYNTHETIC_DIMENSION, sequences, synthetic
from probes.data.views import image_grid, image_tokens
from probes.dropout import Masks
from probes.engines import Engine, dense_weights, matrix_free_weights
from probes.experiments.convergence import convergence
from probes.experiments.coupling import coupling, decoupling
from probes.experiments.fitting import fitting
from probes.experiments.one_step import one_step
from probes.experiments.propagation import propagation
from probes.experiments.training import Lessons, training
from probes.network import Network, WeightKey
from probes.randomness import copy_generator, mask_generator
from probes.weights.base import Weight
from probes.weights.decoupled import decoupled
from theory.architecture import Architecture, Family
from theory.arrays import FloatArray
from theory.errors import InputError, UnavailableError
from theory.experiments import (
    Convergence,
    Coupling,
    Decoupling,
    Experiment,
    Fitting,
    Propagation,
    Setting,
    Training,
)
from theory.observables import Observable
from theory.scaling import Cell

Measurements = dict[Observable, FloatArray]
Weights = Mapping[WeightKey, Weight]


def resolve_device(name: str) -> torch.device:
    """The torch device of that name; ``DomainError`` when it is unknown or absent."""
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise UnavailableError(
                "device 'cuda' is not available on this machine; use --device cpu"
            )
        return torch.device("cuda")
    raise InputError(f"unknown device {name!r}; choose one of: cpu, cuda")


def network_of(setting: Setting, cell: Cell) -> Network:
    """The finite network of a setting at one cell.

    Raises ``DomainError`` when the images that it is trained on cannot be read, or are too few.
    """
    inputs, outputs = SYNTHETIC_DIMENSION, 1
    if isinstance(setting.experiment, Training):
        shape = images_of(setting.experiment).shape
        seen = _view(setting.architecture, shape)(np.ones((1, shape.dimension)))
        inputs, outputs = seen.shape[-1], shape.classes
    return Network(
        setting.architecture,
        setting.parameterization,
        cell,
        inputs=inputs,
        outputs=outputs,
        finest=setting.experiment.finest,
    )


def run_group(
    setting: Setting,
    cell: Cell,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    engine: Engine = Engine.DENSE,
) -> Measurements:
    """Measure every observable of a setting's experiment: arrays of shape (replicates,).

    A replicate's numbers do not depend on the others of its group (to rounding). Values that are
    not finite are returned as they are: divergence is a measurement. Raises ``InputError`` for an
    engine that cannot run the setting.
    """
    rates = (setting.experiment.rate,)
    (measured,) = run_sweep(setting, rates, cell, seed, replicates, device, dtype, engine)
    return measured


def run_sweep(
    setting: Setting,
    rates: Sequence[Fraction],
    cell: Cell,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    engine: Engine = Engine.DENSE,
) -> list[Measurements]:
    """The same for several base learning rates at once, one result for each of them.

    The replicates of all rates see the same data. On the dense engine they also start from the
    same weights; on the matrix-free one from the same random numbers, which every rate turns into
    weights of its own where it asks: each has the law of training at its rate, and not the same
    start.
    """
    if engine is Engine.MATRIX_FREE:
        return [_matrix_free(setting, r, cell, seed, replicates, device, dtype) for r in rates]
    experiment, network = setting.experiment, network_of(setting, cell)
    matrices = network.initial_weights(seed, replicates, device, dtype)
    weights: Weights = dense_weights(network, experiment, matrices, rates)

    def copies(of: Network) -> Weights:
        if not experiment.draws_copies:
            return {}
        copied = of.initial_weights(seed, replicates, device, dtype, copy_generator)
        return _of_blocks(dense_weights(of, experiment, copied, rates))

    others = copies(network)
    if experiment.reference is not None:
        large = reference_of(network, experiment.reference)
        drawn = large.initial_weights(seed, replicates, device, dtype)
        ends = {
            key: matrix * (large.std(key.role) / network.std(key.role))
            for key, matrix in matrices.items()
            if not key.block
        }
        weights = decoupled(weights, others)
        others = decoupled(dense_weights(large, experiment, drawn | ends, rates), copies(large))
    members = list(replicates) * len(rates)
    measured = _measure(network, weights, others, experiment, seed, members, device, dtype)
    return [
        {name: values[start : start + len(replicates)] for name, values in measured.items()}
        for start in range(0, len(members), len(replicates))
    ]


def reference_of(network: Network, cell: Cell) -> Network:
    """The network that stands for the limit of another one, whose ends it shares.

    Raises ``InputError`` where their ends have different shapes.
    """
    large = replace(network, cell=cell)
    ours, theirs = network.shapes(), large.shapes()
    if any(ours[key] != theirs[key] for key in ours if not key.block):
        raise InputError(
            f"a reference at {cell} for a network at {network.cell}: they share their ends only "
            "where the stream has one width; give a reference of this width, or a stream_width"
        )
    return large


def _of_blocks(weights: Weights) -> Weights:
    """Those inside the network: neither end."""
    return {key: weight for key, weight in weights.items() if key.block}


def _matrix_free(
    setting: Setting,
    rate: Fraction,
    cell: Cell,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
) -> Measurements:
    network, experiment = network_of(setting, cell), setting.experiment.at_rate(rate)
    weights = matrix_free_weights(network, experiment, seed, replicates, device, dtype)
    copies: Weights = {}
    if experiment.draws_copies:
        copies = _of_blocks(
            matrix_free_weights(
                network, experiment, seed, replicates, device, dtype, generator=copy_generator
            )
        )
    return _measure(network, weights, copies, experiment, seed, replicates, device, dtype)


def _view(architecture: Architecture, shape: ImageShape) -> Callable[[FloatArray], FloatArray]:
    """How networks see images (..., d) of a shape."""
    if architecture.convolution is not None:
        return partial(image_grid, shape=shape, convolution=architecture.convolution)
    return image_tokens if architecture.family is Family.TRANSFORMER else np.asarray


def _examples(
    architecture: Architecture, seed: int, members: Sequence[int], batch: int
) -> tuple[FloatArray, FloatArray]:
    """Gaussian inputs of the kind that networks take, and their labels."""
    if architecture.convolution is not None:
        return sequences(seed, members, batch, architecture.convolution.positions)
    sequence = architecture.family is Family.TRANSFORMER
    return (sequences if sequence else synthetic)(seed, members, batch)


def _masks(network: Network, seed: int, members: Sequence[int]) -> Masks | None:
    """What dropout takes, the same from a replicate whatever its group."""
    if not network.architecture.dropout:
        return None
    generators = [mask_generator(seed, replicate, network.cell) for replicate in members]
    return Masks(network.architecture.dropout, generators)


def _measure(
    network: Network,
    weights: Weights,
    others: Weights,
    experiment: Experiment,
    seed: int,
    members: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
) -> Measurements:
    """Run the experiment on weights whose members are these replicates.

    ``others`` are independent copies of some of them, or those of a reference network.
    """

    def floats(array: FloatArray) -> Tensor:
        return torch.from_numpy(array).to(device=device, dtype=dtype)

    if isinstance(experiment, Training):
        images = images_of(experiment)
        seen = _view(network.architecture, images.shape)
        replicates = sorted(set(members))
        drawn = [batches_of(experiment, seed, replicate) for replicate in replicates]
        lessons = Lessons(
            lambda numbers: floats(seen(images.inputs(numbers))),
            lambda numbers: torch.from_numpy(images.classes[numbers]).to(device),
            np.stack([each.training for each in drawn]),
            np.stack([each.held_out for each in drawn]),
            torch.tensor([replicates.index(each) for each in members], device=device),
        )
        measured = training(network, weights, lessons)
    else:
        inputs, signs = map(
            floats, _examples(network.architecture, seed, members, experiment.batch)
        )
        if isinstance(experiment, Propagation):
            measured = propagation(network, weights, inputs)
        elif isinstance(experiment, Coupling):
            measured = coupling(network, weights, inputs, signs)
        elif isinstance(experiment, Decoupling):
            measured = decoupling(network, weights, others, inputs, signs)
        elif isinstance(experiment, Fitting):
            measured = fitting(network, decoupled(weights, others), inputs, signs, experiment.steps)
        elif isinstance(experiment, Convergence):
            large = reference_of(network, experiment.reference)
            measured = convergence(network, weights, large, others, inputs, signs, experiment.steps)
        else:
            measured = one_step(network, weights, inputs, signs, _masks(network, seed, members))
    return {name: values.detach().cpu().numpy() for name, values in measured.items()}
