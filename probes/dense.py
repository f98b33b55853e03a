"""Weights that exist as matrices, in any precision and for every optimizer. Imports torch.

A gradient is a product of factors, so plain SGD adds it to the weights in the matrix product
itself, and never stores it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from probes.weights import Rule, Weight
from theory.parameterization import Optimizer

ADAM_MEAN, ADAM_SQUARE = 0.9, 0.999


def _nothing(like: Tensor) -> Tensor:
    """What torch.baddbmm adds to nothing, when it is called for its factor."""
    return like.new_empty(1, 1, 1)


class DenseWeight(Weight):
    """A stack of matrices (R, n_out, n_in), updated in place."""

    def __init__(self, matrix: Tensor, rule: Rule) -> None:
        super().__init__(rule)
        self.matrix = matrix
        self._moments: tuple[Tensor, ...] = ()
        self._steps = 0

    def times(self, x: Tensor, scale: float) -> Tensor:
        return torch.baddbmm(_nothing(x), x, self.matrix.mT, beta=0, alpha=scale)

    def add_to(self, onto: Tensor | None, x: Tensor, scale: float) -> Tensor:
        if onto is None:
            return self.times(x, scale)
        return torch.baddbmm(onto, x, self.matrix.mT, alpha=scale)

    def transposed_times(self, g: Tensor, scale: float) -> Tensor:
        return torch.baddbmm(_nothing(g), g, self.matrix, beta=0, alpha=scale)

    def change_times(self, x: Tensor) -> Tensor:
        assert self.gradient is not None
        signals, inputs = self.gradient
        if self.rule.optimizer is Optimizer.SGD:
            return torch.bmm(torch.bmm(x, inputs.mT), signals) * -self.rule.factor
        # Adam's averages after its first step are those of a single gradient.
        gradient = torch.bmm(signals.mT, inputs)
        gradient /= gradient.abs() + self.rule.epsilon
        return torch.bmm(x, gradient.mT) * -self.rule.factor

    def descend(self, g: Tensor, x: Tensor, scale: float) -> None:
        self._steps += 1
        if self.rule.optimizer is Optimizer.ADAM:
            self._adam(g, x, scale)
        elif self.rule.momentum:
            self._momentum(g, x, scale)
        else:
            if self.rule.weight_decay:
                self.matrix *= 1 - self.rule.rate * self.rule.weight_decay
            self.matrix.baddbmm_((g * (self.rule.rate * -scale)).mT, x)

    def _momentum(self, g: Tensor, x: Tensor, scale: float) -> None:
        if not self._moments:
            self._moments = (torch.zeros_like(self.matrix),)
        (velocity,) = self._moments
        velocity.baddbmm_(g.mT, x, beta=self.rule.momentum, alpha=scale)
        if self.rule.weight_decay:
            velocity.add_(self.matrix, alpha=self.rule.weight_decay)
        self.matrix.addcmul_(velocity, self.rule.rate, value=-1)

    def _adam(self, g: Tensor, x: Tensor, scale: float) -> None:
        """Adam as torch has it: Kingma and Ba 2015, algorithm 1."""
        if not self._moments:
            self._moments = (torch.zeros_like(self.matrix), torch.zeros_like(self.matrix))
        mean, square = self._moments
        gradient = torch.baddbmm(_nothing(g), g.mT, x, beta=0, alpha=scale)
        if self.rule.weight_decay:
            gradient.add_(self.matrix, alpha=self.rule.weight_decay)
        mean.lerp_(gradient, 1 - ADAM_MEAN)
        square.mul_(ADAM_SQUARE).addcmul_(gradient, gradient, value=1 - ADAM_SQUARE)
        spread = math.sqrt(1 - ADAM_SQUARE**self._steps)
        size = torch.sqrt(square, out=gradient).div_(spread).add_(self.rule.epsilon)
        step = torch.div(mean, size, out=size)
        self.matrix.addcmul_(step, self.rule.rate, value=-1 / (1 - ADAM_MEAN**self._steps))

    def keep(self, members: Tensor) -> None:
        super().keep(members)
        self.matrix = self.matrix[members]
        self._moments = tuple(moment[members] for moment in self._moments)
