"""The two engines: the same networks with or without matrices. Imports torch and ``probes``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from torch import Tensor

from probes.network import Network, WeightKey
from probes.randomness import NormalStream, answer_generator
from probes.weights.base import UpdateRule, Weight
from probes.weights.dense import DenseWeight
from probes.weights.gaussian_matrix import ConditionedProduct, GaussianMatrix
from probes.weights.matrix_free import MatrixFreeWeight, Side
from probes.weights.transposed import TransposedWeight
from theory.architecture import Role
from theory.experiments import Experiment, Setting
from theory.parameterization import Optimizer
from theory.scaling import Cell

ADAM_EPSILON, MOMENTUM = 1e-8, 0.9


class Engine(StrEnum):
    """How the weights of a network are held."""

    DENSE = "dense"
    MATRIX_FREE = "matrix-free"


def needs_matrices(setting: Setting) -> str | None:
    """Why a setting cannot be run without matrices, or None where it can."""
    optimizer = setting.parameterization.optimizer
    if not optimizer.is_linear:
        return (
            f"{optimizer} has no matrix-free weights, for its steps are not combinations of "
            "gradients"
        )
    if setting.architecture.parts.tied:
        return "a weight that is used twice has no matrix-free version"
    if setting.experiment.reference is not None or setting.experiment.finest is not None:
        return "networks that share weights have no matrix-free weights, which answer once"
    return None


def rule_of(network: Network, experiment: Experiment, role: Role, rates: Tensor) -> UpdateRule:
    """How the weights of a role learn, for members with these base learning rates (R,)."""
    optimizer = network.parameterization.optimizer
    if optimizer is Optimizer.MUON and not optimizer.orthogonalizes(role):
        optimizer = Optimizer.ADAM
    return UpdateRule(
        optimizer,
        rates[:, None, None],
        network.rate(role),
        MOMENTUM if optimizer is Optimizer.MOMENTUM else float(experiment.momentum),
        float(experiment.weight_decay) * network.parameterization.decay(role, network.cell),
        ADAM_EPSILON * network.parameterization.epsilon(role, network.cell),
    )


def dense_weights(
    network: Network,
    experiment: Experiment,
    matrices: Mapping[WeightKey, Tensor],
    rates: Sequence[Fraction] = (),
) -> dict[WeightKey, Weight]:
    """Weights of the dense engine that start from these matrices (R, rows, columns), in place.

    With several base rates there are rates x R members, those of the first rate first; with none,
    the rate is the experiment's.
    """
    rates = rates or (experiment.rate,)
    weights: dict[WeightKey, Weight] = {}
    for key, matrix in matrices.items():
        each = torch.tensor([float(rate) for rate in rates], dtype=matrix.dtype).to(matrix.device)
        rule = rule_of(network, experiment, key.role, each.repeat_interleave(len(matrix)))
        start = matrix if len(rates) == 1 else matrix.repeat(len(rates), 1, 1)
        weights[key] = DenseWeight(start, rule)
    if network.architecture.parts.tied:
        weights[WeightKey(Role.OUTPUT)] = TransposedWeight(weights[WeightKey(Role.INPUT)])
    return weights


def matrix_free_weights(
    network: Network,
    experiment: Experiment,
    seed: int,
    replicates: Sequence[int],
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    observer: Callable[[WeightKey, Side, ConditionedProduct], None] | None = None,
    generator: Callable[[int, int, Cell], np.random.Generator] = answer_generator,
) -> dict[WeightKey, MatrixFreeWeight]:
    """Weights of the matrix-free engine; ``observer`` sees every answer of every weight.

    Raises ``InputError`` for Adam.
    """
    stream = NormalStream([generator(seed, r, network.cell) for r in replicates])
    rates = torch.full((len(replicates),), float(experiment.rate), dtype=dtype, device=device)
    weights: dict[WeightKey, MatrixFreeWeight] = {}
    for key, (rows, columns) in network.shapes().items():
        matrix = GaussianMatrix(rows, columns, stream, dtype, device)
        rule = rule_of(network, experiment, key.role, rates)
        sees = None if observer is None else partial(observer, key)
        weights[key] = MatrixFreeWeight(matrix, network.std(key.role), rule, sees)
    return weights
