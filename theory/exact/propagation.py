"""Exact infinite-width signals and gradients at initialization, layer by layer, at finite depth.

For any activation of ``theory.exact.gaussian``, chains and residual networks of vectors with any
number of layers per block, normalized or not, any residual exponent, both scale conventions (only
multiplier * std enters), and any number of inputs. Then the infinite-depth limit at alpha = 1/2,
how far a finite depth is from it, and the finite-width corrections that are known. Imports numpy,
scipy and ``theory``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy

from theory.architecture import HOMOGENEOUS, Activation, Architecture, BlockForm, Family, Role
from theory.arrays import FloatArray
from theory.errors import InputError, NoTheoryError
from theory.exact.gaussian import MOMENTS, GaussianMoments
from theory.parameterization import Parameterization
from theory.scaling import Cell


def kernel_matrix(moments: GaussianMoments, covariance: FloatArray) -> FloatArray:
    """E phi(a) phi(b) for every pair of inputs: (B, B) to (B, B)."""
    return _pairwise(covariance, moments.second_moment(np.diag(covariance)), moments.kernel)


def derivative_kernel_matrix(moments: GaussianMoments, covariance: FloatArray) -> FloatArray:
    """E phi'(a) phi'(b) for every pair of inputs: (B, B) to (B, B)."""
    diagonal = moments.derivative_second_moment(np.diag(covariance))
    return _pairwise(covariance, diagonal, moments.derivative_kernel)


def _pairwise(
    covariance: FloatArray,
    diagonal: FloatArray,
    kernel: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
) -> FloatArray:
    """A symmetric matrix from its diagonal and a kernel of each pair above it."""
    result: FloatArray = np.diag(diagonal)
    rows, columns = np.triu_indices(len(covariance), k=1)
    if len(rows):
        variances = np.diag(covariance)
        values = kernel(variances[rows], variances[columns], covariance[rows, columns])
        result[rows, columns] = values
        result[columns, rows] = values
    return result


@dataclass(frozen=True, slots=True)
class Propagation:
    """Covariances over inputs of every layer; all arrays end in (B, B).

    ``stream``: of a coordinate of h_0 .. h_L (chain: z_1 .. z_L). ``gradients``: of a coordinate
    of n df/dh_l (n df/dz_l), same layers. ``features``: (blocks, layers per block, B, B), the
    second moments of what enters each weight matrix of a block: h, N(h) or phi(u). ``slopes``:
    (blocks, layers per block, B, B), E phi' phi' of what that matrix is applied to (one where it is
    applied to the stream itself). ``closing``: (blocks, B, B), what a gradient is multiplied by
    between the stream and what the last weight of a block produces: 1, or c s^2 E phi' phi' behind
    a final activation. ``gains``: n (multiplier * std)^2 of the weights of a block, the last one
    times c s^2 (constant and residual multiplier) where no activation follows it. That a gradient
    is divided by the size of a normalized stream is in none of these factors.
    """

    stream: FloatArray
    gradients: FloatArray
    features: FloatArray
    slopes: FloatArray
    closing: FloatArray
    gains: tuple[float, ...]


def gains(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> tuple[float, ...]:
    """Variance gain fan_in (multiplier * std)^2 of each matrix of a block (one, in a chain)."""
    _require_exact(architecture)
    fan_in = [architecture.stream_size(cell), *[cell.width] * (architecture.layers_per_block - 1)]
    factors = [
        columns * (architecture.stream_constant(role) * parameterization.scale(role, cell)) ** 2
        for columns, role in zip(fan_in, architecture.block_roles, strict=True)
    ]
    if not architecture.ends_with_activation:
        factors[-1] *= branch_constant(architecture, parameterization, cell)
    return tuple(factors)


def _require_exact(architecture: Architecture) -> None:
    if not architecture.has_exact_theory:
        raise NoTheoryError(
            f"{architecture}: exact theory has no attention, positions, batches or dropout; give "
            "chains or residual networks of vectors"
        )


def require_one_multiplier(parameterization: Parameterization) -> None:
    """Raises ``NoTheoryError`` where a gradient meets another factor than the signal."""
    if any(scaling.backward is not None for _, scaling in parameterization.roles):
        raise NoTheoryError(
            f"{parameterization.name}: exact gradients are those of weights with one multiplier in "
            "both directions; leave backward out"
        )


def update_rates(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> tuple[float, ...]:
    """multiplier^2 * rate of each matrix of a block, with the constants that ``gains`` has.

    SGD moves multiplier * W by this, times the gradient of what the matrix produces.
    """
    _require_exact(architecture)
    factors = [
        parameterization.multiplier(role, cell) ** 2 * parameterization.rate(role, cell)
        for role in architecture.block_roles
    ]
    if not architecture.ends_with_activation:
        factors[-1] *= branch_constant(architecture, parameterization, cell)
    return tuple(factors)


def branch_constant(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """c s^2: the square of what multiplies a branch (a layer of a chain) besides its weights."""
    constant = float(architecture.variance_factor)
    if architecture.family is not Family.CHAIN:
        constant *= parameterization.residual_multiplier(cell) ** 2
    return constant


def propagate(
    architecture: Architecture,
    parameterization: Parameterization,
    cell: Cell,
    inputs: FloatArray | None = None,
) -> Propagation:
    """Propagate the Gram matrix x.x'/d of the inputs (default: one input with |x|^2 = d).

    Forward q_l = q_{l-1} + gain E phi phi, backward p_{l-1} = p_l (1 + gain E phi' phi'), entry by
    entry on covariances (the recursions behind arXiv 2310.02244 and 2305.07810). Branches that end
    with an uncentred activation also add a mean over coordinates, sqrt(c) s E phi per block. Where
    the stream is normalized, branches see q_ab / sqrt(q_aa q_bb), and what comes back from them (or
    from the readout) is divided by sqrt(q_aa q_bb): the part along h that N takes out of a gradient
    is one of n directions. Then q grows by the same in every block, and for homogeneous activations
    p_{l-1} = p_l q_l / q_{l-1}, so that p_0 depends on neither depth nor alpha. Raises
    ``DomainError`` when the matrix is not square and symmetric, and without exact theory.

    >>> from theory import Cell, depth_mup, residual
    >>> from theory.exact.propagation import propagate
    >>> print(f"{propagate(residual(1), depth_mup(), Cell(512, 64)).stream[-1, 0, 0]:.4f}")
    1.6455
    """
    gram = np.ones((1, 1)) if inputs is None else np.asarray(inputs, dtype=np.float64)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise InputError(f"inputs of shape {gram.shape}: expected a square Gram matrix x.x'/d")
    if not np.allclose(gram, gram.T, rtol=1e-12, atol=0.0):
        raise InputError("inputs that are not symmetric: expected a Gram matrix x.x'/d")
    moments = MOMENTS[architecture.activation]
    factors = gains(architecture, parameterization, cell)
    start = parameterization.scale(Role.INPUT, cell) ** 2 * gram
    readout = architecture.stream_constant(Role.OUTPUT) * parameterization.scale(Role.OUTPUT, cell)
    end = (architecture.stream_size(cell) * readout) ** 2
    if architecture.family is Family.CHAIN:
        return _chain(moments, factors, start, end, cell.depth)
    constant = branch_constant(architecture, parameterization, cell)
    branch = _Branch(moments, factors, architecture.form, constant, architecture.normalized)
    return _residual(branch, start, end, cell.depth)


def _chain(
    moments: GaussianMoments, factors: tuple[float, ...], start: FloatArray, end: float, depth: int
) -> Propagation:
    stream = [start]
    features, slopes = [], []
    for _ in range(depth):
        features.append(kernel_matrix(moments, stream[-1]))
        slopes.append(derivative_kernel_matrix(moments, stream[-1]))
        stream.append(factors[0] * features[-1])
    gradients = [end * slopes[-1]]
    for slope in reversed(slopes[:-1]):
        gradients.append(factors[0] * slope * gradients[-1])
    return Propagation(
        np.array(stream[:-1]),
        np.array(gradients[::-1]),
        np.array(features)[:, None],
        np.array(slopes)[:, None],
        np.ones((depth - 1, *start.shape)),
        factors,
    )


class _Pass(NamedTuple):
    """One block on its way up: arrays over (layers, B, B), (B, B) and (B,).

    ``opening`` is what a gradient is multiplied by between what enters the branch and the stream.
    """

    opening: FloatArray
    features: list[FloatArray]
    slopes: list[FloatArray]
    closing: FloatArray
    mean: FloatArray
    covariance: FloatArray


@dataclass(frozen=True, slots=True)
class _Branch:
    """What a block adds to the stream: its mean and covariance over coordinates."""

    moments: GaussianMoments
    factors: tuple[float, ...]
    form: BlockForm
    constant: float
    normalized: bool

    def size(self, stream: FloatArray) -> FloatArray:
        """What covariances of the stream are divided by, over pairs of inputs: (B, B)."""
        if not self.normalized:
            return np.ones_like(stream)
        root = np.sqrt(np.diag(stream))
        return np.outer(root, root)

    def __call__(self, stream: FloatArray) -> _Pass:
        opening = 1 / self.size(stream)
        entering = stream * opening
        features, slopes, slope = [], [], np.ones_like(entering)
        pre = self.form is BlockForm.PRE_ACTIVATION
        for index, factor in enumerate(self.factors):
            if index > 0 or (pre and len(self.factors) == 1):
                slope = derivative_kernel_matrix(self.moments, entering)
                entering = kernel_matrix(self.moments, entering)
            features.append(entering)
            slopes.append(slope)
            entering = factor * entering
        if pre:
            none = np.zeros(len(entering))
            return _Pass(opening, features, slopes, np.ones_like(entering), none, entering)
        closing = self.constant * derivative_kernel_matrix(self.moments, entering)
        mean = math.sqrt(self.constant) * self.moments.mean(np.diag(entering))
        covariance = self.constant * kernel_matrix(self.moments, entering) - np.outer(mean, mean)
        if self.form is BlockForm.POST_ACTIVATION_CENTRED:
            mean = np.zeros_like(mean)
        return _Pass(opening, features, slopes, closing, mean, covariance)


def _residual(branch: _Branch, start: FloatArray, end: float, depth: int) -> Propagation:
    """Covariances of branches add up, and so do their means: q = C + M M^T."""
    covariance, mean = start, np.zeros(len(start))
    stream, passes = [start], []
    for _ in range(depth):
        passes.append(branch(stream[-1]))
        covariance, mean = covariance + passes[-1].covariance, mean + passes[-1].mean
        stream.append(covariance + np.outer(mean, mean))
    gradients = [end / branch.size(stream[-1])]
    for block in reversed(passes):
        gain = math.prod(branch.factors) * block.closing * np.prod(block.slopes, axis=0)
        gain = gain * block.opening
        gradients.append(gradients[-1] * (1 + gain))
    return Propagation(
        np.array(stream),
        np.array(gradients[::-1]),
        np.array([block.features for block in passes]),
        np.array([block.slopes for block in passes]),
        np.array([block.closing for block in passes]),
        branch.factors,
    )


def forward_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """q_L, the second moment of a coordinate of the last stream state, for inputs |x|^2 = d.

    For ReLU, T and alpha = 1/2 this is (1 + T/2L)^L, which tends to e^{T/2}, and 1 + T/2 at every L
    where the stream is normalized. In residual blocks of
    one layer at finite width the mean is larger by the factor 1 + O(T^2 / 8n): a coordinate that is
    positive enlarges the noise that is added to it. In blocks of two layers the law is exact.
    """
    return float(propagate(architecture, parameterization, cell).stream[-1, 0, 0])


def branch_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """Mean over blocks of the second moment of a coordinate of h_l - h_{l-1}, for |x|^2 = d."""
    stream = propagate(architecture, parameterization, cell).stream[:, 0, 0]
    return float((stream[-1] - stream[0]) / cell.depth)


def backward_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """p_0, the second moment of a coordinate of n df/dh_0 (n df/dz_1 in a chain)."""
    require_one_multiplier(parameterization)
    return float(propagate(architecture, parameterization, cell).gradients[0, 0, 0])


@dataclass(frozen=True, slots=True)
class DepthLimit:
    """L -> infinity at alpha = 1/2 for one input, and the coefficient of 1/L at finite depth.

    q_L = ``forward`` + ``forward_correction`` / L + O(1/L^2), and p_0 = p_L (``backward`` +
    ``backward_correction`` / L + O(1/L^2)).
    """

    forward: float
    backward: float
    forward_correction: float
    backward_correction: float


class UnitBlock(NamedTuple):
    """One block at gains of one and a stream of second moment q, per unit of depth (1/L).

    ``growth`` is dq/dt, ``slope`` -d log p/dt, and ``changes`` what each layer adds to the tangent
    kernel per unit of p at rates of one.
    """

    growth: float
    slope: float
    changes: tuple[float, ...]


def unit_block(architecture: Architecture, q: float) -> UnitBlock:
    """A block of depth-muP, stable in width, in the limit of depth (alpha = 1/2)."""
    horizon, layers = float(architecture.variance_factor), architecture.layers_per_block
    branch = _Branch(
        MOMENTS[architecture.activation],
        (1.0,) * layers,
        architecture.form,
        horizon,
        architecture.normalized,
    )
    block = branch(np.full((1, 1), q))
    weight = 1.0 if architecture.ends_with_activation else horizon
    slopes = [float(slope[0, 0]) for slope in block.slopes]
    behind = [
        weight * float(block.closing[0, 0]) * math.prod(slopes[i:]) for i in range(layers + 1)
    ]
    features = [float(feature[0, 0]) for feature in block.features]
    changes = tuple(f * after for f, after in zip(features, behind[1:], strict=True))
    slope = behind[0] * float(block.opening[0, 0])
    return UnitBlock(weight * float(block.covariance[0, 0]), slope, changes)


def has_depth_limit(architecture: Architecture) -> bool:
    """Whether ``depth_limit`` knows the limit of depth-muP."""
    if not architecture.has_exact_theory:
        return False
    grows = architecture.stream_width is None and not architecture.adds_coherently
    return architecture.family is Family.RESIDUAL and grows


@cache
def depth_limit(architecture: Architecture, start: float = 1.0) -> DepthLimit:
    """The ordinary differential equation of depth for a residual network stable in width.

    With F(q) the second moment of a branch and D(q) the product of T and the E phi'^2 of the block:
    dq/dt = F, d log p/dt = -D on [0, 1]. The finite network is the Euler scheme of step 1/L, whose
    error is e/L with e' = F' e - F F'/2: e(1) = -F(q_1) log(F(q_1)/F(q_0)) / 2. Raises
    ``DomainError`` for a chain and for branches that add coherently, which have no such limit, for
    networks without exact theory, a stream of fixed width, and for inputs of size zero.

    >>> from theory import residual
    >>> from theory.exact.propagation import depth_limit
    >>> print(f"{depth_limit(residual(1)).forward:.4f}")
    1.6487
    """
    _require_exact(architecture)
    if architecture.stream_width is not None:
        raise NoTheoryError(f"{architecture}: the limit is that of streams that grow in width")
    if architecture.family is Family.CHAIN:
        raise NoTheoryError("a chain has no infinite-depth limit of this kind; give a residual one")
    if not has_depth_limit(architecture):
        raise NoTheoryError(
            f"{architecture}: means of the branches add up as L^1/2 at alpha = 1/2; centre them"
        )
    if not start > 0:
        raise InputError(f"second moment {start!r} of the inputs: expected a positive number")

    def growth(q: float) -> tuple[float, float]:
        block = unit_block(architecture, q)
        return block.growth, block.slope

    first = growth(start)[0]
    step = 1e-5

    def right_hand_side(_: float, state: FloatArray) -> list[float]:
        q = float(state[0])
        forward, backward = growth(q)
        error = -forward * math.log(forward / first) / 2 if first > 0 else 0.0
        slope = (growth(q * (1 + step))[1] - growth(q * (1 - step))[1]) / (2 * step * q)
        return [forward, backward, slope * error - backward**2 / 2]

    solution = scipy.integrate.solve_ivp(
        right_hand_side, (0.0, 1.0), [start, 0.0, 0.0], method="DOP853", rtol=1e-12, atol=1e-13
    )
    q, logarithm, correction = (float(value) for value in solution.y[:, -1])
    last = growth(q)
    # A sum of left endpoints misses half of the last and counts half of the first.
    correction -= (last[1] - growth(start)[1]) / 2
    return DepthLimit(
        forward=q,
        backward=math.exp(logarithm),
        forward_correction=-last[0] * math.log(last[0] / first) / 2,
        backward_correction=math.exp(logarithm) * correction,
    )


def chain_log_variance(activation: Activation, cell: Cell) -> float:
    """Variance of log q_L of a critical chain of a homogeneous activation, to first order in L/n.

    Each layer multiplies q by the mean of n independent copies of phi(Z)^2 / E phi^2, whose
    variance is (E phi^4 / (E phi^2)^2 - 1) / n: 5/n for ReLU (Hanin & Nica, arXiv 1812.05994).
    Raises ``NoTheoryError`` for an activation that is not homogeneous.
    """
    if activation not in HOMOGENEOUS:
        raise NoTheoryError(
            f"activation {str(activation)!r} is not homogeneous; choose one of: "
            + ", ".join(HOMOGENEOUS)
        )
    # From the two slopes a, b: 3 (a^4 + b^4)/2 / ((a^2 + b^2)/2)^2.
    left, right = (float(slope) for slope in HOMOGENEOUS[activation])
    kurtosis = 1.5 * (left**4 + right**4) / ((left**2 + right**2) / 2) ** 2
    return (cell.depth - 1) * (kurtosis - 1) / cell.width
