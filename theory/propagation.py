"""Exact infinite-width signals and gradients at initialization, layer by layer, at finite depth.

For any activation of ``theory.gaussian``, chains and residual networks with any number of layers
per block, any residual exponent, both scale conventions (only multiplier * std enters), and any
number of inputs. Then the infinite-depth limit at alpha = 1/2, how far a finite depth is from it,
and the finite-width corrections that are known. Imports numpy, scipy and ``theory``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from theory.architecture import Activation, Architecture, Family, Role
from theory.errors import DomainError
from theory.gaussian import MOMENTS, GaussianMoments
from theory.parameterization import Parameterization
from theory.scaling import Cell

FloatArray = npt.NDArray[np.float64]


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
    second moments of what enters each weight matrix of a block: h or phi(u). ``slopes``:
    (blocks, layers per block, B, B), E phi' phi' of what that matrix is applied to (one where it is
    applied to the stream itself). ``gains``: n (multiplier * std)^2 of the weights of a block with
    the constant and the residual multiplier in the last one.
    """

    stream: FloatArray
    gradients: FloatArray
    features: FloatArray
    slopes: FloatArray
    gains: tuple[float, ...]


def gains(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> tuple[float, ...]:
    """Variance gain n (multiplier * std)^2 of each matrix of a block (one, in a chain)."""
    factors = [
        cell.width * parameterization.scale(role, cell) ** 2 for role in architecture.block_roles
    ]
    factors[-1] *= _branch_constant(architecture, parameterization, cell)
    return tuple(factors)


def update_rates(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> tuple[float, ...]:
    """multiplier^2 * rate of each matrix of a block, with the constants that ``gains`` has.

    SGD moves multiplier * W by this, times the gradient with respect to multiplier * W.
    """
    factors = [
        parameterization.multiplier(role, cell) ** 2 * parameterization.rate(role, cell)
        for role in architecture.block_roles
    ]
    factors[-1] *= _branch_constant(architecture, parameterization, cell)
    return tuple(factors)


def _branch_constant(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """The square of what multiplies the last matrix of a block besides its own scale."""
    constant = float(architecture.variance_factor)
    if architecture.family is Family.RESIDUAL:
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
    entry on covariances (the recursions behind arXiv 2310.02244 and 2305.07810). Raises
    ``DomainError`` when the matrix is not square.
    """
    gram = np.ones((1, 1)) if inputs is None else np.asarray(inputs, dtype=np.float64)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise DomainError(f"inputs of shape {gram.shape}: expected a square Gram matrix x.x'/d")
    moments = MOMENTS[architecture.activation]
    factors = gains(architecture, parameterization, cell)
    start = parameterization.scale(Role.INPUT, cell) ** 2 * gram
    end = (cell.width * parameterization.scale(Role.OUTPUT, cell)) ** 2
    if architecture.family is Family.CHAIN:
        return _chain(moments, factors, start, end, cell.depth)
    return _residual(moments, factors, start, end, cell.depth)


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
        factors,
    )


def _residual(
    moments: GaussianMoments, factors: tuple[float, ...], start: FloatArray, end: float, depth: int
) -> Propagation:
    stream = [start]
    features, slopes = [], []
    for _ in range(depth):
        entering, slope = stream[-1], np.ones_like(start)
        inside, inside_slopes = [], []
        for index, factor in enumerate(factors):
            if index > 0 or len(factors) == 1:
                slope = derivative_kernel_matrix(moments, entering)
                entering = kernel_matrix(moments, entering)
            inside.append(entering)
            inside_slopes.append(slope)
            entering = factor * entering
        features.append(inside)
        slopes.append(inside_slopes)
        stream.append(stream[-1] + entering)
    gradients = [np.full_like(start, end)]
    for inside_slopes in reversed(slopes):
        branch = math.prod(factors) * np.prod(inside_slopes, axis=0)
        gradients.append(gradients[-1] * (1 + branch))
    return Propagation(
        np.array(stream), np.array(gradients[::-1]), np.array(features), np.array(slopes), factors
    )


def forward_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """q_L, the second moment of a coordinate of the last stream state, for inputs |x|^2 = d.

    For ReLU, T and alpha = 1/2 this is (1 + T/2L)^L, which tends to e^{T/2}. In residual blocks of
    one layer at finite width the mean is larger by the factor 1 + O(T^2 / 8n): a coordinate that is
    positive enlarges the noise that is added to it. In blocks of two layers the law is exact.
    """
    return float(propagate(architecture, parameterization, cell).stream[-1, 0, 0])


def backward_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """p_0, the second moment of a coordinate of n df/dh_0 (n df/dz_1 in a chain)."""
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


def depth_limit(architecture: Architecture, start: float = 1.0) -> DepthLimit:
    """The ordinary differential equation of depth for a residual network stable in width.

    With F(q) = T E phi^2 of what enters the last layer, and D(q) the product of T and the E phi'^2
    of the block: dq/dt = F, d log p/dt = -D on [0, 1]. The finite network is the Euler scheme of
    step 1/L, whose error is e/L with e' = F' e - F F'/2: e(1) = -F(q_1) log(F(q_1)/F(q_0)) / 2.
    Raises ``DomainError`` for a chain, which has no such limit, and for inputs of size zero.
    """
    if architecture.family is Family.CHAIN:
        raise DomainError("a chain has no infinite-depth limit of this kind; give a residual one")
    if not start > 0:
        raise DomainError(f"second moment {start!r} of the inputs: expected a positive number")
    moments = MOMENTS[architecture.activation]
    horizon = float(architecture.variance_factor)
    layers = max(architecture.layers_per_block - 1, 1)

    def growth(q: float) -> tuple[float, float]:
        value, slope = q, 1.0
        for _ in range(layers):
            slope *= float(moments.derivative_second_moment(value))
            value = float(moments.second_moment(value))
        return horizon * value, horizon * slope

    first = growth(start)[0]
    step = 1e-5

    def right_hand_side(_: float, state: FloatArray) -> list[float]:
        q = float(state[0])
        forward, backward = growth(q)
        error = -forward * math.log(forward / first) / 2 if first > 0 else 0.0
        slope = (growth(q * (1 + step))[1] - growth(q * (1 - step))[1]) / (2 * step * q)
        return [forward, backward, slope * error - backward**2 / 2]

    solution = solve_ivp(
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
    Raises ``DomainError`` for an activation that is not homogeneous.
    """
    # E phi^4 / (E phi^2)^2 from the two slopes a, b: 3 (a^4 + b^4)/2 / ((a^2 + b^2)/2)^2.
    slopes = {
        Activation.IDENTITY: (1.0, 1.0),
        Activation.RELU: (0.0, 1.0),
        Activation.LEAKY_RELU: (0.01, 1.0),
        Activation.ABS: (-1.0, 1.0),
    }
    if activation not in slopes:
        raise DomainError(
            f"activation {str(activation)!r} is not homogeneous; choose one of: "
            + ", ".join(slopes)
        )
    left, right = slopes[activation]
    kurtosis = 1.5 * (left**4 + right**4) / ((left**2 + right**2) / 2) ** 2
    return (cell.depth - 1) * (kurtosis - 1) / cell.width
