"""Weights that exist as matrices, in any precision and for every optimizer. Imports torch.

A gradient is a product of factors, so plain SGD adds it to the weights in the matrix product
itself, and never stores it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from probes.weights.base import UpdateRule, Weight
from theory.parameterization import Optimizer

ADAM_MEAN, ADAM_SQUARE = 0.9, 0.999
LION_STEP, LION_MEAN = 0.9, 0.99
MUON_MOMENTUM = 0.95


class DenseWeight(Weight):
    """A stack of matrices (R, n_out, n_in), updated in place."""

    def __init__(self, matrix: Tensor, rule: UpdateRule) -> None:
        super().__init__(rule)
        self.matrix = matrix
        self._moments: tuple[Tensor, ...] = ()
        self._steps = 0
        # What torch.baddbmm adds to, times 0, where it is called for its factor.
        self._nothing = matrix.new_zeros(1, 1, 1)

    def times(self, x: Tensor, scale: float) -> Tensor:
        return torch.baddbmm(self._nothing, x, self.matrix.mT, beta=0, alpha=scale)

    def add_to(self, onto: Tensor | None, x: Tensor, scale: float) -> Tensor:
        if onto is None:
            return self.times(x, scale)
        return torch.baddbmm(onto, x, self.matrix.mT, alpha=scale)

    def transposed_times(self, g: Tensor, scale: float) -> Tensor:
        return torch.baddbmm(self._nothing, g, self.matrix, beta=0, alpha=scale)

    def change_times(self, x: Tensor) -> Tensor:
        if self.rule.optimizer.is_linear:
            return super().change_times(x)
        if self.rule.optimizer is Optimizer.MUON:
            left, right = self._orthogonal()
            return torch.bmm(torch.bmm(x, right.mT), left.mT) * -self.rule.factor
        return torch.bmm(x, self._entrywise().mT) * -self.rule.factor

    def change_transposed_times(self, g: Tensor) -> Tensor:
        if self.rule.optimizer.is_linear:
            return super().change_transposed_times(g)
        return torch.bmm(g, self._entrywise()) * -self.rule.factor

    def descend(self, g: Tensor, x: Tensor, scale: float) -> None:
        self._steps += 1
        if self.rule.optimizer is Optimizer.ADAM:
            self._adam(g, x, scale)
        elif self.rule.optimizer is Optimizer.LION:
            self._lion(torch.baddbmm(self._nothing, g.mT, x, beta=0, alpha=scale))
        elif self.rule.optimizer is Optimizer.MUON:
            self._muon(torch.baddbmm(self._nothing, g.mT, x, beta=0, alpha=scale))
        elif self.rule.momentum:
            self._momentum(g, x, scale)
        else:
            if self.rule.weight_decay:
                self.matrix *= 1 - self.rule.rate * self.rule.weight_decay
            self.matrix.baddbmm_((g * self.rule.rate).mT, x, alpha=-scale)

    def _lion(self, gradient: Tensor) -> None:
        """Algorithm 2 of arXiv 2302.06675, with its betas."""
        (average,) = self._moments = self._moments or (torch.zeros_like(self.matrix),)
        direction = average.lerp(gradient, 1 - LION_STEP).sign_()
        average.lerp_(gradient, 1 - LION_MEAN)
        self._decoupled(direction)

    def _muon(self, gradient: Tensor) -> None:
        """Nesterov momentum, then the nearest orthogonal matrix (exact, where others iterate)."""
        (velocity,) = self._moments = self._moments or (torch.zeros_like(self.matrix),)
        velocity.mul_(MUON_MOMENTUM).add_(gradient)
        ahead = gradient + MUON_MOMENTUM * velocity
        self._decoupled(torch.bmm(*self._directions(ahead)))

    def _decoupled(self, direction: Tensor) -> None:
        """A step whose decay is not part of the direction."""
        self.matrix *= 1 - self.rule.rate * self.rule.weight_decay
        self.matrix.addcmul_(direction, self.rule.rate, value=-1)

    def _momentum(self, g: Tensor, x: Tensor, scale: float) -> None:
        if not self._moments:
            self._moments = (torch.zeros_like(self.matrix),)
        (velocity,) = self._moments
        velocity.baddbmm_(g.mT, x, beta=self.rule.momentum, alpha=scale)
        if self.rule.weight_decay:
            velocity.add_(self.matrix, alpha=self.rule.weight_decay)
        self.matrix.addcmul_(velocity, self.rule.rate, value=-1)

    def _adam(self, g: Tensor, x: Tensor, scale: float) -> None:
        """torch's own step (AdamW), fused, once for each learning rate among the members."""
        if not self._moments:
            self._moments = (torch.zeros_like(self.matrix), torch.zeros_like(self.matrix))
        gradient = torch.baddbmm(self._nothing, g.mT, x, beta=0, alpha=scale)
        for rate, some in self.rule.blocks:
            adamw(
                [self.matrix[some]],
                [gradient[some]],
                [self._moments[0][some]],
                [self._moments[1][some]],
                max_exp_avg_sqs=[],
                state_steps=[torch.tensor(float(self._steps - 1), device=g.device)],
                fused=True,
                amsgrad=False,
                beta1=ADAM_MEAN,
                beta2=ADAM_SQUARE,
                lr=rate,
                weight_decay=self.rule.weight_decay,
                eps=self.rule.epsilon,
                maximize=False,
            )

    def _entrywise(self) -> Tensor:
        """The first step of Adam or Lion, whose averages then are those of a single gradient."""
        assert self.gradient is not None
        signals, inputs = self.gradient
        gradient = torch.bmm(signals.mT, inputs)
        if self.rule.optimizer is Optimizer.LION:
            return gradient.sign_()
        gradient /= gradient.abs() + self.rule.epsilon
        return gradient

    def _orthogonal(self) -> tuple[Tensor, Tensor]:
        """The first step of Muon: U and V^T of the gradient U S V^T, where S is not 0.

        Found in as many directions as there are inputs: U (R, n_out, k), V^T (R, k, n_in).
        """
        assert self.gradient is not None
        signals, inputs = self.gradient
        outer, outer_core = torch.linalg.qr(signals.mT)
        inner, inner_core = torch.linalg.qr(inputs.mT)
        left, right = self._directions(outer_core @ inner_core.mT)
        return outer @ left, right @ inner.mT

    def _directions(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """U and V^T of U S V^T; what is rounding in S is no direction."""
        left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
        least = torch.finfo(sizes.dtype).eps * max(self.matrix.shape[1:])
        return left * (sizes > least * sizes[:, :1])[:, None], right

    def select(self, members: Tensor) -> None:
        super().select(members)
        self.matrix = self.matrix[members]
        self._moments = tuple(moment[members] for moment in self._moments)
