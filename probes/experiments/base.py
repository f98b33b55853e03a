"""What an experiment is given, and where its module registers how it is run.

A module of an experiment registers ``run`` and ``products`` for its class, and ``ends`` where its
inputs are not the synthetic ones. Imports torch, ``probes`` and ``theory``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import TypeAlias

import torch
from torch import Tensor

from probes.data.synthetic import SYNTHETIC_DIMENSION, sequences, synthetic
from probes.network import Network, WeightKey
from probes.weights.base import Weight
from theory.architecture import Architecture, Family
from theory.arrays import FloatArray
from theory.experiments import Experiment
from theory.observables import Observable

Weights: TypeAlias = Mapping[WeightKey, Weight]
Measured: TypeAlias = dict[Observable, Tensor]
# (inputs, whether it asks the initial weights) of each product with one weight.
Products: TypeAlias = Sequence[tuple[int, bool]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A group of networks with weights of their own, each one of a replicate: ``members``.

    ``copies`` are independent copies of the blocks' weights, where the experiment draws them, and
    ``reference`` is the trial of the networks that stand for the limit, where it has those.
    """

    network: Network
    weights: Weights
    seed: int
    members: Sequence[int]
    device: torch.device
    dtype: torch.dtype
    copies: Weights = field(default_factory=dict)
    reference: Trial | None = None

    def floats(self, array: FloatArray) -> Tensor:
        """The array where the networks are, in their precision."""
        return torch.from_numpy(array).to(device=self.device, dtype=self.dtype)

    def examples(self, batch: int) -> tuple[Tensor, Tensor]:
        """Gaussian inputs (R, batch, ...) of the kind that the networks take, and labels +-1."""
        architecture = self.network.architecture
        if architecture.convolution is not None:
            drawn = sequences(self.seed, self.members, batch, architecture.convolution.positions)
        elif architecture.family is Family.TRANSFORMER:
            drawn = sequences(self.seed, self.members, batch)
        else:
            drawn = synthetic(self.seed, self.members, batch)
        inputs, labels = drawn
        return self.floats(inputs), self.floats(labels)


@singledispatch
def run(experiment: Experiment, trial: Trial) -> Measured:
    """Every observable of the experiment that the architecture has, each of shape (R,)."""
    raise NotImplementedError(f"{experiment.name}: no module of probes.experiments runs it")


@singledispatch
def products(experiment: Experiment) -> Products:
    """The products that a trial makes with each weight of a network, in their order."""
    raise NotImplementedError(f"{experiment.name}: no module of probes.experiments counts it")


@singledispatch
def ends(_experiment: Experiment, architecture: Architecture) -> tuple[int, int]:
    """The dimensions of an input (of each token or position) and of the output of a network.

    Raises ``DomainError`` when images cannot be read, or are too few.
    """
    return SYNTHETIC_DIMENSION, SYNTHETIC_DIMENSION if architecture.parts.tied else 1
