"""Moments of a group's states. Imports torch."""

from __future__ import annotations

from torch import Tensor


def second_moment(states: Tensor) -> Tensor:
    """Mean of the squares of (R, B, n) over inputs and coordinates, in float64: shape (R,)."""
    return states.double().square().mean((1, 2))


def kurtosis(states: Tensor) -> Tensor:
    """Over coordinates of one input of (R, B, n), mean over inputs, in float64: shape (R,)."""
    squares = states.double().square()
    return (squares.square().mean(2) / squares.mean(2).square()).mean(1)
