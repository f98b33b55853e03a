"""The first SGD step at infinite width and finite depth, to first order in the rate.

Tangent-kernel sums layer by layer with their constants: the change of the output, the own change of
every layer, the change of the stream and the second moments S_l of AM-muP; and what becomes of the
output's change when the backward pass uses an independent copy of the weights (the
gradient-independence assumption made literal). Imports numpy, scipy and ``theory``.

Notation: the loss is the mean of (f - y)^2 / 2 over the batch and f = 0 at initialization, so a
weight moves along -chi = y. Everything is per unit of the base learning rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from theory.architecture import Architecture, Family, Role
from theory.errors import DomainError
from theory.gaussian import MOMENTS
from theory.parameterization import Optimizer, Parameterization
from theory.propagation import Propagation, propagate, update_rates
from theory.scaling import Cell

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TangentKernel:
    """The tangent kernel by role; all arrays end in (B, B).

    ``blocks`` has shape (blocks, layers per block, B, B); a chain of L layers has L - 1 blocks of
    one matrix.
    """

    input: FloatArray
    blocks: FloatArray
    output: FloatArray

    @property
    def total(self) -> FloatArray:
        """The whole kernel: (B, B)."""
        total: FloatArray = self.input + self.blocks.sum(axis=(0, 1)) + self.output
        return total

    def output_change(self, labels: FloatArray) -> FloatArray:
        """d f / d eta for every input: (B,) labels to (B,) changes, Theta y / B."""
        change: FloatArray = self.total @ labels / len(labels)
        return change


@dataclass(frozen=True, slots=True)
class _Blocks:
    """What enters each matrix of the blocks, and the gradients of what it produces."""

    features: FloatArray
    gradients: FloatArray
    rates: tuple[float, ...]


def _require_sgd(parameterization: Parameterization) -> None:
    if parameterization.optimizer is not Optimizer.SGD:
        raise DomainError(
            f"{parameterization.name} is for {parameterization.optimizer}: tangent-kernel sums are "
            "those of SGD; give its SGD version"
        )


def _blocks(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    propagation: Propagation,
    decoupled: bool,
) -> _Blocks:
    """Features and gradients of every matrix; ``decoupled`` gives gradient overlaps instead.

    An independent copy of the weights overlaps with the true backward pass only along the skip
    path: p_l becomes p_L, and nothing inside a block is left.
    """
    rates = update_rates(architecture, parameterization, cell)
    gradients = propagation.gradients
    if architecture.family is Family.CHAIN:
        upper = gradients[1:]
        if decoupled:
            upper = np.concatenate([0 * gradients[1:-1], gradients[-1:]])[: len(upper)]
        return _Blocks(propagation.features[:-1], upper[:, None], rates)
    top = np.broadcast_to(gradients[-1], gradients[1:].shape) if decoupled else gradients[1:]
    inside = [top]
    for place in range(architecture.layers_per_block - 1, 0, -1):
        behind = propagation.gains[place] * propagation.slopes[:, place] * inside[-1]
        inside.append(0 * behind if decoupled else behind)
    return _Blocks(propagation.features, np.stack(inside[::-1], axis=1), rates)


def tangent_kernel(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    inputs: FloatArray | None = None,
    decoupled: bool = False,
) -> TangentKernel:
    """sum over layers of (rate) (features) (gradients), entry by entry over pairs of inputs.

    For one-layer blocks of depth-muP the hidden part is T/L sum_l p_l Phi_{l-1}. With ``decoupled``
    the backward pass uses an independent copy of the weights: T/L p_L sum_l Phi_{l-1}. Raises
    ``DomainError`` for a parameterization of Adam.
    """
    _require_sgd(parameterization)
    gram = np.ones((1, 1)) if inputs is None else np.asarray(inputs, dtype=np.float64)
    result = propagate(architecture, parameterization, cell, gram)
    blocks = _blocks(architecture, parameterization, cell, result, decoupled)
    first = result.gradients[0]
    if decoupled:
        chain = architecture.family is Family.CHAIN
        first = 0 * first if chain and cell.depth > 1 else result.gradients[-1]
    last = result.stream[-1]
    if architecture.family is Family.CHAIN:
        last = result.features[-1, 0]
    into = _end_rate(parameterization, Role.INPUT, cell) / cell.width
    out = _end_rate(parameterization, Role.OUTPUT, cell) * cell.width
    rates = np.array(blocks.rates)[:, None, None]
    return TangentKernel(
        into * gram * first, rates * blocks.features * blocks.gradients, out * last
    )


def _end_rate(parameterization: Parameterization, role: Role, cell: Cell) -> float:
    return parameterization.multiplier(role, cell) ** 2 * parameterization.rate(role, cell)


def own_changes(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    labels: FloatArray,
    inputs: FloatArray,
) -> FloatArray:
    """Second moment of the change of each pre-activation by its own weight: (blocks, m, B).

    (rate)^2 / B^2 sum over b, b' of y_b y_b' Phi_{ab} Phi_{ab'} p_{bb'}: the moving stream is left
    out, and so is the residual multiplier (not sqrt(T)) behind the last layer of a block. Raises
    ``DomainError`` for a parameterization of Adam.
    """
    _require_sgd(parameterization)
    result = propagate(architecture, parameterization, cell, inputs)
    blocks = _blocks(architecture, parameterization, cell, result, decoupled=False)
    weighted = blocks.features * labels  # over b, the last axis
    moments = np.einsum("lmab,lmbc,lmac->lma", weighted, blocks.gradients, weighted)
    rates = np.array(blocks.rates)[:, None]
    if architecture.family is Family.RESIDUAL:
        rates[-1] /= parameterization.residual_multiplier(cell)
    changes: FloatArray = np.square(rates) * moments / len(labels) ** 2
    return changes


def stream_changes(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> FloatArray:
    """S_l / eta^2 for one input and |chi| = 1: the second moment of d h_l / d eta, every l.

    Shape (L + 1,) for residual networks with one or two layers per block, (L,) for chains. The
    change is a sum of kappa_j J J^T g_l over the weights below, J the Jacobian from the weight to
    layer l; J J^T has mean 1 + ... and a spread that grows with l - j, and both sums follow closed
    recursions where the slopes of different layers are free of each other: exactly in chains, in
    blocks of two layers, and for constant slopes. In a critical ReLU chain S_l is (2 l^3 + l)/3
    times S_1 (the L^3 of arXiv 2305.07810). In one-layer blocks the slopes of neighbouring layers
    sit on the same coordinates, and the recursion is an approximation: a few percent low for ReLU
    at T = 1, about 10 percent at T = 4; exponents are not affected. Raises ``DomainError`` for Adam
    and for more than two layers per block.
    """
    _require_sgd(parameterization)
    if architecture.layers_per_block > 2:
        raise DomainError(
            f"{architecture.layers_per_block} layers per block: stream changes are known for 1 or 2"
        )
    result = propagate(architecture, parameterization, cell)
    rates = update_rates(architecture, parameterization, cell)
    first = _end_rate(parameterization, Role.INPUT, cell) / cell.width
    mean, square = first, first**2
    squares = [square]
    chain = architecture.family is Family.CHAIN
    for block in range(cell.depth - 1 if chain else cell.depth):
        features = [float(value) for value in result.features[block, :, 0, 0]]
        own = [rate * feature for rate, feature in zip(rates, features, strict=True)]
        mean, square = _through_block(architecture, result.gains, block, result, mean, square, own)
        squares.append(square)
    changes: FloatArray = result.gradients[:, 0, 0] * np.array(squares)
    return changes


def _through_block(
    architecture: Architecture,
    gains: tuple[float, ...],
    block: int,
    result: Propagation,
    mean: float,
    square: float,
    own: list[float],
) -> tuple[float, float]:
    """Normalised traces of sum_j kappa_j J J^T and of its square, one block further up."""
    moments = MOMENTS[architecture.activation]
    state = float(result.stream[block, 0, 0])
    total = math.prod(gains)
    if architecture.layers_per_block == 2:
        state *= gains[0]
    d2 = float(moments.derivative_second_moment(state))
    d4 = float(moments.derivative_fourth_moment(state))
    gain = total * d2
    if architecture.family is Family.CHAIN:
        square = square * gain**2 + mean**2 * total**2 * d4
        mean = mean * gain
    else:
        two = architecture.layers_per_block == 2
        spread = 2 * gain + total**2 * d4 + (gain**2 if two else 0.0)
        carried = mean
        square = square * (1 + gain) ** 2 + mean**2 * spread
        mean = mean * (1 + gain)
        if two:
            # The first layer acts through kappa W_2 D^2 W_2^T, which is correlated with what the
            # same W_2 and D carry up.
            inner = own[0] * gains[1]
            square += inner**2 * (d2**2 + d4)
            square += 2 * inner * carried * (d2 + total * (d2**2 + d4))
            square += 2 * own[1] * inner * d2
            square += 2 * own[1] * mean + own[1] ** 2
            return mean + inner * d2 + own[1], square
    square += 2 * own[-1] * mean + own[-1] ** 2
    return mean + own[-1], square


def maximal_update_rate(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """eta* with S(eta*) = 1, S the mean of S_l of ``stream_changes`` over layers, for one input.

    The rate of arXiv 2510.04327.
    """
    return float(stream_changes(architecture, parameterization, cell).mean() ** -0.5)


def reuse_ratio(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """Change of the output by the blocks with reused weights over that with decoupled ones.

    For one-layer blocks sum p_l Phi_{l-1} / (p_L sum Phi_{l-1}); it stays above 1 at alpha = 1/2
    and tends to 1 at alpha = 1. Raises ``DomainError`` where nothing decoupled is left (a chain).
    """
    if architecture.family is Family.CHAIN:
        raise DomainError("a chain has no skip path: nothing is left of a decoupled backward pass")
    reused, decoupled = (
        float(tangent_kernel(architecture, parameterization, cell, None, flag).blocks.sum())
        for flag in (False, True)
    )
    return reused / decoupled


def reuse_ratio_limit(architecture: Architecture) -> float:
    """The limit of ``reuse_ratio`` for one-layer blocks, alpha = 1/2 and L -> infinity.

    int p Phi dt / (p(1) int Phi dt) along the ordinary differential equation of depth; for ReLU
    (T/2) e^{T/2} / (e^{T/2} - 1). Raises ``DomainError`` for other architectures.
    """
    if architecture.family is Family.CHAIN or architecture.layers_per_block != 1:
        raise DomainError(f"{architecture}: the limit is known for residual blocks of one layer")
    moments = MOMENTS[architecture.activation]
    horizon = float(architecture.variance_factor)

    def right_hand_side(_: float, state: FloatArray) -> list[float]:
        feature = float(moments.second_moment(float(state[0])))
        slope = float(moments.derivative_second_moment(float(state[0])))
        return [horizon * feature, horizon * slope, math.exp(-state[1]) * feature, feature]

    start = [1.0, 0.0, 0.0, 0.0]
    solution = solve_ivp(
        right_hand_side, (0.0, 1.0), start, method="DOP853", rtol=1e-11, atol=1e-12
    )
    _, logarithm, weighted, plain = solution.y[:, -1]
    return float(math.exp(logarithm) * weighted / plain)
