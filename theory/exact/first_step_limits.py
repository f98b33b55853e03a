"""Limits of depth of the first SGD step under depth-muP, to first order in the rate.

The layer-by-layer sums of ``theory.exact.first_step`` become integrals along the ordinary
differential equation of depth. Imports scipy and ``theory``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import scipy

from theory.architecture import Architecture
from theory.arrays import FloatArray
from theory.exact.first_step import require_plain
from theory.exact.propagation import depth_limit, unit_block


@dataclass(frozen=True, slots=True)
class _DepthIntegrals:
    """Along the limit of depth, p(1) = 1: q(1), p(0), int p (all changes), int (last change)."""

    forward: float
    backward: float
    reused: float
    decoupled: float


@cache
def _integrals(architecture: Architecture) -> _DepthIntegrals:
    require_plain(architecture)
    depth_limit(architecture)  # refuses what has no limit

    def right_hand_side(_: float, state: FloatArray) -> list[float]:
        block = unit_block(architecture, float(state[0]))
        reused = math.exp(-state[1]) * sum(block.changes)
        return [block.growth, block.slope, reused, block.changes[-1]]

    start = [1.0, 0.0, 0.0, 0.0]
    solution = scipy.integrate.solve_ivp(
        right_hand_side, (0.0, 1.0), start, method="DOP853", rtol=1e-11, atol=1e-12
    )
    forward, logarithm, weighted, plain = (float(value) for value in solution.y[:, -1])
    backward = math.exp(logarithm)
    return _DepthIntegrals(forward, backward, backward * weighted, plain)


def reuse_ratio_limit(architecture: Architecture) -> float:
    """The limit of ``first_step.reuse_ratio`` at alpha = 1/2 under depth-muP, L -> infinity.

    int p (sum of what all layers add) dt / (p(1) int (what the last layer adds) dt) along the
    ordinary differential equation of depth; for one-layer blocks int p Phi / (p(1) int Phi), and
    for ReLU (T/2) e^{T/2} / (e^{T/2} - 1). Raises ``NoTheoryError`` where ``depth_limit`` does, and
    for a stream that is normalized or fixed.

    >>> from theory import residual
    >>> from theory.exact.first_step_limits import reuse_ratio_limit
    >>> print(f"{reuse_ratio_limit(residual(1)):.4f}")
    1.2707
    """
    integrals = _integrals(architecture)
    return integrals.reused / integrals.decoupled


def output_change_limit(architecture: Architecture, decoupled: bool = False) -> float:
    """d f / d eta for one input and |chi| = 1 under depth-muP, L -> infinity: all roles together.

    p(0) of the input, int p (what all layers add) dt of the blocks, and q(1) of the output;
    decoupled p(1), int (what the last layer adds) dt, and q(1). For blocks of one ReLU layer
    e^{T/2} (2 + T/2), and 2 e^{T/2} decoupled. Raises ``NoTheoryError`` where ``depth_limit`` does,
    and for a stream that is normalized or fixed.
    """
    integrals = _integrals(architecture)
    inside = 1 + integrals.decoupled if decoupled else integrals.backward + integrals.reused
    return integrals.forward + inside
