"""Exact infinite-width recursions for signals and gradients at initialization, at finite depth.

Imports ``theory`` only. Closed forms: identity and ReLU, the activations for which phi and phi'
have second moments that are exact multiples of the variance; they cover every value that the
catalogue predicts.
"""

from __future__ import annotations

from theory.architecture import Activation, Architecture, Family, Role
from theory.errors import DomainError
from theory.parameterization import Parameterization
from theory.scaling import Cell

# E phi(sqrt(q) Z)^2 / q, which for these two activations is also E phi'(sqrt(q) Z)^2.
_SECOND_MOMENT_RATIO = {Activation.IDENTITY: 1.0, Activation.RELU: 0.5}


def second_moment_ratio(activation: Activation) -> float:
    """E phi(sqrt(q) Z)^2 / q = E phi'(sqrt(q) Z)^2 for a homogeneous activation, Z ~ N(0, 1).

    Raises ``DomainError`` for an activation that is not homogeneous: there the ratio depends on q.
    """
    try:
        return _SECOND_MOMENT_RATIO[activation]
    except KeyError:
        raise DomainError(
            f"activation {str(activation)!r} has no closed second moment here; "
            "values are predicted for: identity, relu"
        ) from None


def branch_gain(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """g with q_l = (1 + g) q_{l-1} in a residual network, q_l = g q_{l-1} in a chain.

    g = c * (residual multiplier)^2 * E phi^2 / q * prod over the layers of a block of
    n (multiplier * std)^2, so the width cancels exactly when the parameterization is stable in
    width. In a block of two layers the first one is linear: u = W_1 h has the second moment of h
    times n (multiplier * std)^2.
    """
    scale = parameterization.residual if architecture.family is Family.RESIDUAL else None
    variance = 1.0 if scale is None else scale.at(cell) ** 2
    for role in architecture.block_roles:
        variance *= cell.width * parameterization[role].scale.at(cell) ** 2
    ratio = second_moment_ratio(architecture.activation)
    return float(architecture.variance_factor) * variance * ratio


def forward_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """q_L, the second moment of a coordinate of the last stream state, for inputs |x|^2 = d.

    q_l = q_{l-1} + T L^{-2 alpha} E phi(sqrt(q_{l-1}) Z)^2 with q_0 the input scale squared
    (the recursion behind arXiv 2310.02244). For ReLU and alpha = 1/2, q_L = (1 + T/2L)^L, which
    tends to e^{T/2}.
    """
    gain = branch_gain(architecture, parameterization, cell)
    start = parameterization[Role.INPUT].scale.at(cell) ** 2
    if architecture.family is Family.CHAIN:
        return start * gain ** (cell.depth - 1)
    return float(start * (1.0 + gain) ** cell.depth)


def backward_second_moment(
    architecture: Architecture, parameterization: Parameterization, cell: Cell
) -> float:
    """p_0, the second moment of a coordinate of n df/dh_0 (n df/dz_1 in a chain).

    p_{l-1} = p_l (1 + T L^{-2 alpha} E phi'^2) from p_L = (n * output scale)^2; a chain starts
    one activation later, at p_L E phi'^2.
    """
    gain = branch_gain(architecture, parameterization, cell)
    end = (cell.width * parameterization[Role.OUTPUT].scale.at(cell)) ** 2
    if architecture.family is Family.CHAIN:
        return end * second_moment_ratio(architecture.activation) * gain ** (cell.depth - 1)
    return float(end * (1.0 + gain) ** cell.depth)
