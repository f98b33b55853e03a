"""Weights whose backward pass uses an independent copy of them. Imports torch and ``probes``.

The gradient-independence assumption made literal: W^T is replaced by that of other weights with the
same law, and both learn from the gradients that this gives.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from probes.network import WeightKey
from probes.weights.base import Weight


class DecoupledWeight(Weight):
    """Answers forward by one weight and backward by another; both take the same steps."""

    def __init__(self, forward: Weight, backward: Weight) -> None:
        super().__init__(forward.rule)
        self._forward, self._backward = forward, backward

    def times(self, x: Tensor, scale: float) -> Tensor:
        return self._forward.times(x, scale)

    def transposed_times(self, g: Tensor, scale: float) -> Tensor:
        return self._backward.transposed_times(g, scale)

    def change_times(self, x: Tensor) -> Tensor:
        self._forward.gradient = self.gradient
        return self._forward.change_times(x)

    def descend(self, g: Tensor, x: Tensor, scale: float) -> None:
        self._forward.descend(g, x, scale)
        self._backward.descend(g, x, scale)

    def select(self, members: Tensor) -> None:
        super().select(members)
        self._forward.select(members)
        self._backward.select(members)


def decoupled(
    weights: Mapping[WeightKey, Weight], copies: Mapping[WeightKey, Weight]
) -> dict[WeightKey, Weight]:
    """The weights, those with a copy answering backward by it."""
    return {
        key: DecoupledWeight(weight, copies[key]) if key in copies else weight
        for key, weight in weights.items()
    }
