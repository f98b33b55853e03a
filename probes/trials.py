"""One door to the experiments: a setting, a cell and a group of replicates in, numbers out.

Imports torch, numpy, ``theory`` and ``probes``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from probes import data
from probes.architectures import Network
from probes.experiments.one_step import one_step
from probes.experiments.propagation import propagation
from probes.experiments.training import training
from theory.errors import DomainError
from theory.experiment import Experiment, Observable, Setting
from theory.scaling import Cell

# Weights held at once by one group. Small networks gain from sharing a bmm; once the weights of
# a group leave the processor's cache, stacking only costs memory.
GROUP_WEIGHTS = {"cpu": 2**24, "cuda": 2**28}


def resolve_device(name: str) -> torch.device:
    """The torch device of that name; ``DomainError`` when it is unknown or absent."""
    if name == "cpu":
        return torch.device("cpu")
    if name == "cuda":
        if not torch.cuda.is_available():
            raise DomainError("device 'cuda' is not available on this machine; use --device cpu")
        return torch.device("cuda")
    raise DomainError(f"unknown device {name!r}; choose one of: cpu, cuda")


def network_of(setting: Setting, cell: Cell) -> Network:
    """The finite network of a setting at one cell."""
    real = setting.protocol.experiment is Experiment.TRAINING
    return Network(
        setting.architecture,
        setting.parameterization,
        cell,
        inputs=data.DIGIT_DIMENSION if real else data.SYNTHETIC_DIMENSION,
        outputs=data.DIGIT_CLASSES if real else 1,
    )


def group_size(setting: Setting, cell: Cell, device: torch.device) -> int:
    """How many replicates of a cell are computed as one batch."""
    return max(1, GROUP_WEIGHTS[device.type] // network_of(setting, cell).size)


def run_group(
    setting: Setting,
    cell: Cell,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> dict[Observable, npt.NDArray[np.float64]]:
    """Measure every observable of a setting's experiment: arrays of shape (replicates,).

    A replicate's numbers do not depend on the others of its group (to rounding). Values that are
    not finite are returned as they are: divergence is a measurement.
    """
    network = network_of(setting, cell)
    weights = network.initial_weights(seed, replicates, device, dtype)

    def stacked(arrays: list[npt.NDArray[np.float64]]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays)).to(device=device, dtype=dtype)

    protocol = setting.protocol
    if protocol.experiment is Experiment.TRAINING:
        batches = [data.digits(seed, r, protocol.batch, protocol.steps) for r in replicates]

        def labels(arrays: list[npt.NDArray[np.int64]]) -> torch.Tensor:
            return torch.from_numpy(np.stack(arrays)).to(device)

        measured = training(
            network,
            weights,
            float(protocol.rate),
            stacked([b.inputs for b in batches]),
            labels([b.classes for b in batches]),
            stacked([b.held_out for b in batches]),
            labels([b.held_out_classes for b in batches]),
        )
    else:
        pairs = [data.synthetic(seed, r, protocol.batch) for r in replicates]
        inputs = stacked([inputs for inputs, _ in pairs])
        if protocol.experiment is Experiment.PROPAGATION:
            measured = propagation(network, weights, inputs)
        else:
            measured = one_step(network, weights, inputs, stacked([y for _, y in pairs]))
    return {name: values.detach().cpu().numpy() for name, values in measured.items()}
