"""One door to the experiments: a setting, a cell and a group of replicates in, numbers out.

Imports torch, ``theory`` and ``probes``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from probes.engines import Engine, dense_weights, matrix_free_weights, needs_matrices
from probes.experiments import Trial, ends, run
from probes.experiments.base import Weights
from probes.network import Network, WeightKey
from probes.randomness import copy_generator
from theory.arrays import FloatArray
from theory.errors import InputError, UnavailableError
from theory.experiments import Setting
from theory.observables import Observable
from theory.scaling import Cell

Measurements = dict[Observable, FloatArray]


def resolve_device(name: str) -> torch.device:
    """The torch device of that name; ``DomainError`` when it is unknown or absent.

    >>> from scaleproof import resolve_device
    >>> print(resolve_device("cpu"))
    cpu
    """
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

    >>> from scaleproof import Cell, find, network_of
    >>> type(network_of(find("C1.rate.depth").setting, Cell(64, 8))).__name__
    'Network'
    """
    inputs, outputs = ends(setting.experiment, setting.architecture)
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

    >>> from scaleproof import Cell, Observable, find, resolve_device, run_group
    >>> setting = find("C1.rate.depth").setting
    >>> measured = run_group(setting, Cell(32, 4), 0, (0, 1, 2), resolve_device("cpu"))
    >>> measured[Observable.MAXIMAL_UPDATE_RATE].shape
    (3,)
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
    start. Raises ``InputError`` for an engine that cannot run the setting.

    >>> from fractions import Fraction
    >>> from scaleproof import Cell, find, resolve_device, run_sweep
    >>> setting, rates = find("C2.rate.width.mup").setting, (Fraction(1, 64), Fraction(1, 32))
    >>> len(run_sweep(setting, rates, Cell(8, 2), 0, (0, 1), resolve_device("cpu")))
    2
    """
    if engine is Engine.MATRIX_FREE:
        at_rates = [replace(setting, experiment=setting.experiment.at_rate(r)) for r in rates]
        return [
            _numbers(at_rate, _matrix_free(at_rate, cell, seed, replicates, device, dtype))
            for at_rate in at_rates
        ]
    measured = _numbers(setting, _dense(setting, rates, cell, seed, replicates, device, dtype))
    count = len(replicates)
    return [
        {name: values[start : start + count] for name, values in measured.items()}
        for start in range(0, count * len(rates), count)
    ]


def _numbers(setting: Setting, trial: Trial) -> Measurements:
    measured = run(setting.experiment, trial)
    return {name: values.detach().cpu().numpy() for name, values in measured.items()}


def _dense(
    setting: Setting,
    rates: Sequence[Fraction],
    cell: Cell,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
) -> Trial:
    """Networks with matrices: the replicates at the first rate, at the second, and so on."""
    experiment, members = setting.experiment, list(replicates) * len(rates)

    def trial(network: Network, matrices: Mapping[WeightKey, Tensor]) -> Trial:
        weights = dense_weights(network, experiment, matrices, rates)
        copies: Weights = {}
        if experiment.draws_copies:
            copied = network.initial_weights(seed, replicates, device, dtype, copy_generator)
            copies = _of_blocks(dense_weights(network, experiment, copied, rates))
        return Trial(network, weights, seed, members, device, dtype, copies)

    network = network_of(setting, cell)
    matrices = network.initial_weights(seed, replicates, device, dtype)
    own = trial(network, matrices)
    if experiment.reference is None:
        return own
    large = reference_of(network, experiment.reference)
    shared = {
        key: matrix * (large.std(key.role) / network.std(key.role))
        for key, matrix in matrices.items()
        if not key.block
    }
    drawn = large.initial_weights(seed, replicates, device, dtype)
    return replace(own, reference=trial(large, drawn | shared))


def _matrix_free(
    setting: Setting,
    cell: Cell,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
) -> Trial:
    """Networks without matrices, at the rate of the setting's experiment."""
    obstacle = needs_matrices(setting)
    if obstacle is not None:
        raise InputError(f"{setting}: {obstacle}; take the dense engine")
    experiment, network = setting.experiment, network_of(setting, cell)
    weights = matrix_free_weights(network, experiment, seed, replicates, device, dtype)
    copies: Weights = {}
    if experiment.draws_copies:
        copied = matrix_free_weights(
            network, experiment, seed, replicates, device, dtype, generator=copy_generator
        )
        copies = _of_blocks(copied)
    return Trial(network, weights, seed, replicates, device, dtype, copies)


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
