"""The first SGD step at infinite width and finite depth, to first order in the rate.

Tangent-kernel sums layer by layer with their constants: the change of the output, the own change of
every layer, the change of the stream and the second moments S_l of AM-muP; and what becomes of the
output's change when the backward pass uses an independent copy of the weights (the
gradient-independence assumption made literal). Their limits of depth are those of
``theory.exact.first_step_limits``. Imports numpy and ``theory``.

Notation: the loss is the mean of (f - y)^2 / 2 over the batch and f = 0 at initialization, so a
weight moves along -chi = y. Everything is per unit of the base learning rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from theory.architecture import Activation, Architecture, Family, Role
from theory.arrays import FloatArray
from theory.convolution import Padding
from theory.errors import InputError, NoTheoryError
from theory.exact import convolutional_chains
from theory.exact.gaussian import MOMENTS
from theory.exact.propagation import (
    Propagation,
    branch_constant,
    gains,
    propagate,
    require_one_multiplier,
    update_rates,
)
from theory.parameterization import Parameterization
from theory.scaling import Cell


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
        """d f / d eta for every input: (B,) labels to (B,) changes, Theta y / B.

        Raises ``InputError`` for another number of labels.
        """
        _require_labels(labels, len(self.total))
        change: FloatArray = self.total @ labels / len(labels)
        return change


@dataclass(frozen=True, slots=True)
class _Blocks:
    """What enters each matrix of the blocks, and the gradients of what it produces."""

    features: FloatArray
    gradients: FloatArray
    rates: tuple[float, ...]


def _require_labels(labels: FloatArray, inputs: int) -> None:
    if labels.shape != (inputs,):
        raise InputError(f"labels of shape {labels.shape} for {inputs} inputs: expected one each")


def require_plain(architecture: Architecture) -> None:
    """Raise ``NoTheoryError`` for a stream that is normalized or of fixed width."""
    if architecture.normalized or architecture.stream_width is not None:
        raise NoTheoryError(
            f"{architecture}: the exact first step is that of streams that are not normalized and "
            "grow in width; theory.exact.propagation knows these"
        )


def _require_sgd(parameterization: Parameterization) -> None:
    require_one_multiplier(parameterization)
    if not parameterization.optimizer.is_linear:
        raise NoTheoryError(
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
    inside = [propagation.closing * top]
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
    ``NoTheoryError`` for a parameterization of Adam and a stream that is normalized or fixed.

    >>> from theory import Cell, depth_mup, residual
    >>> from theory.exact.first_step import tangent_kernel
    >>> print(f"{tangent_kernel(residual(2), depth_mup(), Cell(512, 64)).total[0, 0]:.4f}")
    4.9238
    """
    require_plain(architecture)
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
    ``DomainError`` for a parameterization of Adam, a stream that is normalized or fixed, or another
    number of labels than inputs.
    """
    require_plain(architecture)
    _require_sgd(parameterization)
    _require_labels(labels, len(inputs))
    result = propagate(architecture, parameterization, cell, inputs)
    blocks = _blocks(architecture, parameterization, cell, result, decoupled=False)
    weighted = blocks.features * labels  # over b, the last axis
    moments = np.einsum("lmab,lmbc,lmac->lma", weighted, blocks.gradients, weighted)
    rates = np.array(blocks.rates)[:, None]
    if architecture.family is Family.RESIDUAL and not architecture.ends_with_activation:
        rates[-1] /= parameterization.residual_multiplier(cell)
    changes: FloatArray = np.square(rates) * moments / len(labels) ** 2
    return changes


def stream_changes(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    decoupled: bool = False,
) -> FloatArray:
    """S_l / eta^2 for one input and |chi| = 1: the second moment of d h_l / d eta, every l.

    Shape (L + 1,) for residual networks, (L,) for chains, exact at infinite width and every depth.
    The change is a sum of kappa_j J J^T g_l over the weights j below, J the Jacobian from what the
    weight produces to layer l; with ``decoupled``, J^T is that of an independent copy of the
    weights. In a critical ReLU chain S_l is (2 l^3 + l)/3 times S_1 (the L^3 of arXiv 2305.07810),
    and 2 l - 1 times S_1 when decoupled. Raises ``NoTheoryError`` for Adam and a
    stream that is normalized or fixed.

    Convolutional chains, on images of uncorrelated positions, are those of
    ``theory.exact.convolutional_chains``; other convolutional networks raise ``NoTheoryError``.
    """
    require_plain(architecture)
    _require_sgd(parameterization)
    if architecture.convolution is not None:
        return _stream_changes_of_images(architecture, parameterization, cell, decoupled)
    result = propagate(architecture, parameterization, cell)
    rates = np.array(update_rates(architecture, parameterization, cell))
    own = rates * result.features[: cell.depth, :, 0, 0]
    start = _end_rate(parameterization, Role.INPUT, cell) / cell.width
    if architecture.family is Family.CHAIN:
        own = own[:-1]
    elif architecture.is_one_layer_pre_activation:
        return _along_paths(architecture, result, start, own[:, 0], decoupled)
    closing = (
        branch_constant(architecture, parameterization, cell)
        if architecture.ends_with_activation
        else None
    )
    mean, square = start, start**2
    squares = [square]
    for block, changes in enumerate(own):
        traces = _traces(architecture, result, block, closing)
        step = traces.climb_decoupled if decoupled else traces.climb
        mean, square = step(mean, square, changes)
        squares.append(square)
    moved: FloatArray = result.gradients[:, 0, 0] * np.array(squares)
    return moved


def _stream_changes_of_images(
    architecture: Architecture, parameterization: Parameterization, cell: Cell, decoupled: bool
) -> FloatArray:
    """``stream_changes`` of convolutional chains, whose weights have the scales of vectors."""
    convolution = architecture.convolution
    assert convolution is not None
    rectified = architecture.family is Family.CHAIN and architecture.activation is Activation.RELU
    circular = convolution.padding is Padding.CIRCULAR
    if not (rectified and circular) or architecture.dropout:
        raise NoTheoryError(
            f"{architecture}: of convolutional networks, the exact first step is that of ReLU "
            "chains with circular padding and without dropout"
        )
    if decoupled:
        raise NoTheoryError(
            f"{architecture}: an independent backward pass through convolutions is not worked out; "
            "leave decoupled out"
        )
    vectors = replace(architecture, convolution=None)
    (gain,) = gains(vectors, parameterization, cell)
    (rate,) = update_rates(vectors, parameterization, cell)
    return convolutional_chains.stream_changes(
        convolutional_chains.Chain(
            convolution.positions,
            cell.depth,
            variance=parameterization.scale(Role.INPUT, cell) ** 2,
            gain=gain,
            first=_end_rate(parameterization, Role.INPUT, cell) / cell.width,
            rate=rate,
            end=(cell.width * parameterization.scale(Role.OUTPUT, cell)) ** 2,
        )
    )


@dataclass(frozen=True, slots=True)
class _Traces:
    """Traces of T T^T and of its square, T what lies between a weight's product and the stream.

    Entry 0 is the whole branch, entry i what is behind weight i. ``shared``: tr T^T T T'^T T', T'
    with other weights and the same slopes. ``skip``: the block adds to the stream.
    """

    first: list[float]
    second: list[float]
    shared: list[float]
    skip: bool

    def climb(self, mean: float, square: float, own: FloatArray) -> tuple[float, float]:
        """Traces of M = sum_j kappa_j J J^T and of M^2, one block further up.

        M becomes (I + T_0) M (I + T_0)^T + sum_i own_i T_i T_i^T. Slopes are of pre-activations
        that are new in every block, so M is free of the block; inside it, T_i continues T_j by
        matrices that are free of T_j, so tr T_i T_i^T T_j T_j^T = (t_i / t_j) tr (T_j T_j^T)^2.
        """
        gain, fourth = self.first[0], self.second[0]
        alone = 1.0 if self.skip else 0.0
        carried = alone + gain
        spread = fourth - gain**2 + alone * 2 * gain
        added = float(own @ self.first[1:])
        overlap = [self.overlap(0, i) for i in range(1, len(self.first))]
        both = sum(
            own[i] * own[j] * self.overlap(i + 1, j + 1)
            for i in range(len(own))
            for j in range(len(own))
        )
        crossed = 2 * mean * (alone * added + float(own @ overlap))
        square = square * carried**2 + mean**2 * spread + crossed + float(both)
        return mean * carried + added, square

    def climb_decoupled(self, mean: float, square: float, own: FloatArray) -> tuple[float, float]:
        """The same for M = sum_j kappa_j J J'^T, J' an independent copy of J.

        J' has other weights, but the slopes of the same forward pass. Traces of T T'^T vanish where
        a weight is in T: of what a block adds, the part behind its last weight is left.
        """
        alone = 1.0 if self.skip else 0.0
        carried, last = alone + self.first[0], float(own[-1]) * self.first[-1]
        spread = self.shared[0] - self.first[0] ** 2
        both = float(np.square(own) @ self.shared[1:])
        square = square * carried**2 + mean**2 * spread + 2 * alone * last * mean + both
        return alone * mean + last, square

    def overlap(self, i: int, j: int) -> float:
        """tr T_i T_i^T T_j T_j^T."""
        low, high = min(i, j), max(i, j)
        return self.first[low] / self.first[high] * self.second[high] if self.first[low] else 0.0


def _traces(
    architecture: Architecture, result: Propagation, block: int, closing: float | None
) -> _Traces:
    """From the last weight down: T_j = T_{j+1} W_{j+1} D_j, D_j the slopes behind weight j.

    With Y = T_{j+1}^T T_{j+1} and d_k = E phi'^k: t_j = g d_2 t_{j+1}, and tr (T_j^T T_j)^2 =
    g^2 (d_4 t_{j+1}^2 + d_2^2 tr Y^2), the fourth-order trace of a free compression.
    """
    moments = MOMENTS[architecture.activation]

    def slopes(variance: float) -> tuple[float, float]:
        second = float(moments.derivative_second_moment(variance))
        return second, float(moments.derivative_fourth_moment(variance))

    chain = architecture.family is Family.CHAIN
    first, second, shared = [1.0], [1.0], [1.0]
    if closing is not None:
        produced = result.gains[-1] * float(result.features[block, -1, 0, 0])
        d2, d4 = slopes(produced)
        first, second, shared = [closing * d2], [closing**2 * d4], [closing**2 * d4]
    for place in range(architecture.layers_per_block - 1, -1, -1):
        gain, d2, d4 = result.gains[place], 1.0, 1.0
        if place > 0:
            produced = result.gains[place - 1] * float(result.features[block, place - 1, 0, 0])
            d2, d4 = slopes(produced)
        elif chain:
            d2, d4 = slopes(float(result.stream[block, 0, 0]))
        shared.append(gain**2 * d4 * first[-1] ** 2)
        second.append(shared[-1] + gain**2 * d2**2 * second[-1])
        first.append(gain * d2 * first[-1])
    return _Traces(first[::-1], second[::-1], shared[::-1], skip=not chain)


def _along_paths(
    architecture: Architecture,
    result: Propagation,
    start: float,
    own: FloatArray,
    decoupled: bool,
) -> FloatArray:
    """S_l for pre-activation blocks of one layer, whose slopes sit on the stream itself.

    Neighbouring slopes belong to the same coordinate, so they are not free of each other; but a
    coordinate's change is linear in Gaussian fields, given its path h_0 .. h_L:
    dh_l = sum_{j<=l} c_j g_j + s sum_{j<=l} zeta_j, with C_l = sum_{j<=l} c_j = C_{l-1} (1 + G_l) +
    own_l (G_l the gain of block l times E phi'^2), g_j = g_L + s sum_{k>j} phi'(h_{k-1}) omega_k,
    E omega_k^2 = p_k, and zeta_j Gaussian with variance v_j = E (phi'(h_{j-1}) dh_{j-1})^2. The
    paths enter through E phi'(h_l)^2 phi'(h_k)^2 only, the covariance of h_l and h_k being
    q_min(l,k). A decoupled backward pass does not answer: G_l is left out of C_l.
    """
    moments = MOMENTS[architecture.activation]
    stream, p = result.stream[:, 0, 0], result.gradients[:, 0, 0]
    gain, d2 = result.gains[0], result.slopes[:, 0, 0, 0]
    sums = [start]
    for slope, change in zip(d2, own, strict=True):
        answered = 0.0 if decoupled else gain * slope
        sums.append(sums[-1] * (1 + answered) + change)
    reach = np.array(sums)
    along = np.cumsum(p * np.diff(np.square(reach), prepend=0.0))
    states = stream[:-1]
    rows, columns = np.triu_indices(len(states))
    pairs = np.empty((len(states), len(states)))
    pairs[rows, columns] = moments.squared_slope_kernel(states[rows], states[columns], states[rows])
    pairs[columns, rows] = pairs[rows, columns]
    lowest = np.minimum.outer(np.arange(len(own)), np.arange(len(own)))
    paths = pairs * np.square(reach)[lowest] @ p[1:]
    met = p[-1] * d2 * np.square(reach[:-1]) + gain * paths
    scattered = [0.0]
    for slope, value in zip(d2, met, strict=True):
        scattered.append(scattered[-1] * (1 + gain * slope) + value)
    moved: FloatArray = along + gain * np.array(scattered)
    return moved


def maximal_update_rate(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """eta* with S(eta*) = 1, S the mean of S_l of ``stream_changes`` over layers, for one input.

    The rate of arXiv 2510.04327. Of convolutional chains, for one image of uncorrelated positions.

    >>> from theory import Cell, am_mup, chain
    >>> from theory.exact.first_step import maximal_update_rate
    >>> shallow, deep = (maximal_update_rate(chain(), am_mup(), Cell(64, L)) for L in (64, 256))
    >>> print(f"{deep / shallow:.3f}")  # 4^-3/2 = 1/8
    0.126
    """
    return float(stream_changes(architecture, parameterization, cell).mean() ** -0.5)


def output_change(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """|d f / d eta| for one input and |chi| = 1: the whole tangent kernel.

    >>> from theory import Cell, depth_mup, residual
    >>> from theory.exact.first_step import output_change
    >>> print(f"{output_change(residual(1), depth_mup(), Cell(512, 64)):.4f}")
    4.1074
    """
    return float(tangent_kernel(architecture, parameterization, cell).total[0, 0])


def stream_change(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """Root mean square of d h_L / d eta (z_L of a chain) for one input and |chi| = 1.

    >>> from theory import Cell, depth_mup, residual
    >>> from theory.exact.first_step import stream_change
    >>> print(f"{stream_change(residual(1), depth_mup(), Cell(512, 64)):.4f}")
    3.2976
    """
    return float(stream_changes(architecture, parameterization, cell)[-1] ** 0.5)


def stream_change_decoupled(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """The same with a backward pass through an independent copy of the weights."""
    return float(stream_changes(architecture, parameterization, cell, decoupled=True)[-1] ** 0.5)


def stream_reuse_ratio(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """The first of these two sizes over the second."""
    return stream_change(architecture, parameterization, cell) / stream_change_decoupled(
        architecture, parameterization, cell
    )


def output_reuse_ratio(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """Change of the output with reused weights over that with decoupled ones, for one input.

    All roles together, unlike ``reuse_ratio``; in depth-muP it stays above 1.
    """
    reused, decoupled = (
        float(tangent_kernel(architecture, parameterization, cell, None, flag).total[0, 0])
        for flag in (False, True)
    )
    return reused / decoupled


def reuse_ratio(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """Change of the output by the blocks with reused weights over that with decoupled ones.

    For one-layer blocks sum p_l Phi_{l-1} / (p_L sum Phi_{l-1}); it stays above 1 at alpha = 1/2
    and tends to 1 at alpha = 1. Raises ``NoTheoryError`` for a chain, in which only the last hidden
    layer keeps a decoupled share.
    """
    if architecture.family is Family.CHAIN:
        raise NoTheoryError(
            "a chain has no skip path: a decoupled backward pass reaches one layer only"
        )
    reused, decoupled = (
        float(tangent_kernel(architecture, parameterization, cell, None, flag).blocks.sum())
        for flag in (False, True)
    )
    return reused / decoupled
