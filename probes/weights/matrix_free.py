"""Weights without a matrix: Gaussian at the start, then moved by SGD. Imports torch.

After k steps on B inputs, a weight is a W_0 + sum over s of c_s g_s x_s^T, s = 1 .. kB: W_0 is
revealed only where it is asked, and what was learned has rank kB. A step costs O(n k B^2) and the
weight O(n k B) memory, where a matrix takes O(n^2 B) and O(n^2).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import torch
from torch import Tensor

from probes.weights.base import UpdateRule, Weight
from probes.weights.gaussian_matrix import ConditionedProduct, GaussianMatrix
from theory.errors import InputError


class Side(StrEnum):
    """From which side W_0 is asked: W_0 x in forward passes, W_0^T g in backward passes."""

    FORWARD = "forward"
    BACKWARD = "backward"


Observer = Callable[[Side, ConditionedProduct], None]


class MatrixFreeWeight(Weight):
    """A stack of weights whose initial values are ``std`` times a ``GaussianMatrix``.

    ``observer`` sees every answer of W_0 (not of what was learned), in its units, as the part that
    earlier queries determine and the part that is new. Raises ``InputError`` for an optimizer
    whose steps are not combinations of gradients.
    """

    def __init__(
        self, matrix: GaussianMatrix, std: float, rule: UpdateRule, observer: Observer | None = None
    ) -> None:
        super().__init__(rule)
        if not rule.optimizer.is_linear:
            raise InputError(
                f"{rule.optimizer} has no matrix-free weights: its steps are not combinations of "
                "gradients; use the dense engine"
            )
        self.initial, self.std = matrix, std
        self._observer = observer
        rate = rule.base_rate
        rows, columns = matrix.shape
        self._signals, self._inputs = rate.new_zeros(1, 0, rows), rate.new_zeros(1, 0, columns)
        # Of W_0 and of each pair of factors (R, 1 + kB): what the weight and its velocity hold.
        self._held = torch.ones_like(rate[:, 0])
        self._velocity = torch.zeros_like(self._held)

    def times(self, x: Tensor, scale: float) -> Tensor:
        answer = self._ask(Side.FORWARD, x)
        return self._with_learned(answer, x, self._inputs, self._signals, scale)

    def transposed_times(self, g: Tensor, scale: float) -> Tensor:
        answer = self._ask(Side.BACKWARD, g)
        return self._with_learned(answer, g, self._signals, self._inputs, scale)

    def _ask(self, side: Side, x: Tensor) -> Tensor:
        forward = side is Side.FORWARD
        parts = self.initial.matmul(x.mT) if forward else self.initial.rmatmul(x.mT)
        if self._observer is not None:
            self._observer(side, ConditionedProduct(*(self.std * part.mT for part in parts)))
        return parts.total.mT

    def _with_learned(
        self, answer: Tensor, x: Tensor, met: Tensor, given: Tensor, scale: float
    ) -> Tensor:
        answer = answer * (self.std * scale)
        if self._held.shape[1] == 1:
            return answer
        learned = torch.bmm(x, met.mT) * self._held[:, None, 1:]
        return torch.baddbmm(answer * self._held[:, :1, None], learned, given, alpha=scale)

    def descend(self, g: Tensor, x: Tensor, scale: float) -> None:
        """The optimizer is linear: its recursion is that of the coefficients."""
        rule, batch, g = self.rule, g.shape[1], g * scale
        if self._held.shape[1] == 1:
            self._signals, self._inputs = g, x
        else:
            self._signals = torch.cat([self._signals, g], 1)
            self._inputs = torch.cat([self._inputs, x], 1)
        none = self._held.new_zeros(len(g), batch)
        held = torch.cat([self._held, none], 1)
        velocity = torch.cat([rule.momentum * self._velocity, none + 1], 1)
        self._velocity = velocity + rule.weight_decay * held
        self._held = held - rule.rate[:, 0] * self._velocity

    def materialise(self) -> Tensor:
        """The initial weights (R, n_out, n_in), which give every answer given so far."""
        return self.initial.materialise() * self.std

    def select(self, members: Tensor) -> None:
        super().select(members)
        self.initial.select(members)
        self._signals, self._inputs = self._signals[members], self._inputs[members]
        self._held, self._velocity = self._held[members], self._velocity[members]
