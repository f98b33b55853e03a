"""The same weight seen from its other side, as a tied readout sees an embedding. Imports torch.

In a backward pass the readout receives its gradient first. The embedding, which comes last, takes
the step for both.
"""

from __future__ import annotations

from torch import Tensor

from probes.weights.base import Weight


class TransposedWeight(Weight):
    """W^T of a weight W that the network has elsewhere; it learns there."""

    def __init__(self, weight: Weight) -> None:
        self._weight = weight
        super().__init__(weight.rule)

    def times(self, x: Tensor, scale: float) -> Tensor:
        return self._weight.transposed_times(x, scale)

    def transposed_times(self, g: Tensor, scale: float) -> Tensor:
        return self._weight.times(g, scale)

    def change_times(self, x: Tensor) -> Tensor:
        return self._weight.change_transposed_times(x)

    def change_transposed_times(self, g: Tensor) -> Tensor:
        return self._weight.change_times(g)

    def receive(self, g: Tensor, x: Tensor, scale: float) -> None:
        """Leave the gradient (of W: signals and inputs change places) to the other use."""
        self._weight.waiting = (x, g * scale)

    def descend(self, g: Tensor, x: Tensor, scale: float) -> None:
        self._weight.descend(x, g, scale)
