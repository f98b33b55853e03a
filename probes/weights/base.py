"""A weight as the network sees it: something that multiplies. Imports torch and ``theory``.

A network multiplies each weight once in a forward pass, by B inputs of R members (replicates, or
replicates at several learning rates). What the product costs, and whether a matrix exists at all,
is the affair of the engine; ``product`` makes it differentiable, backwards and forwards.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from theory.parameterization import Optimizer


@dataclass(frozen=True, eq=False)
class UpdateRule:
    """How a weight of some role learns: the optimizer, and its constants for that role.

    ``base_rate`` (R, 1, 1) is the base learning rate eta of every member, ``factor`` what the role
    multiplies it by. Momentum is that of torch's SGD, ``epsilon`` Adam's. Weight decay is added to
    the gradient under SGD; under Adam it is decoupled, as in torch's AdamW: a step takes the role's
    rate times the decay of the weight itself.
    """

    optimizer: Optimizer
    base_rate: Tensor
    factor: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    epsilon: float = 0.0

    @cached_property
    def rate(self) -> Tensor:
        """The learning rate of every member (R, 1, 1)."""
        return self.base_rate * self.factor

    @cached_property
    def blocks(self) -> list[tuple[float, slice]]:
        """Each learning rate, with the neighbouring members that have it."""
        rates, counts = torch.unique_consecutive(self.rate.flatten(), return_counts=True)
        ends = counts.cumsum(0)
        starts = (ends - counts).tolist()
        members = [slice(*each) for each in zip(starts, ends.tolist(), strict=True)]
        return list(zip(rates.tolist(), members, strict=True))

    def of(self, members: Tensor) -> UpdateRule:
        """The rule of some of the members."""
        return replace(self, base_rate=self.base_rate[members])


class Weight(ABC):
    """A stack of R matrices W of shape (n_out, n_in), moved by ``rule``, and how they answer.

    A gradient is always met as factors: the sum over b of g_b x_b^T, for signals g (R, B, n_out)
    that come back and inputs x (R, B, n_in) that went in. It waits in ``gradient``, until the next
    one; once the weight ``learns``, it is taken as a step at once.
    """

    def __init__(self, rule: UpdateRule) -> None:
        self.rule = rule
        self.learns = False
        self.gradient: tuple[Tensor, Tensor] | None = None
        # What another use of the same weight has received in this backward pass.
        self.waiting: tuple[Tensor, Tensor] | None = None
        # A parameter of the graph, so that a gradient arrives even if no input needs one.
        self.anchor = rule.base_rate.new_zeros((), requires_grad=True)
        self.no_gradient = torch.zeros_like(self.anchor)
        self._answer = self.no_gradient
        self._is_moving = False

    @abstractmethod
    def times(self, x: Tensor, scale: float) -> Tensor:
        """scale * W x for each row x: (R, B, n_in) to (R, B, n_out)."""

    @abstractmethod
    def transposed_times(self, g: Tensor, scale: float) -> Tensor:
        """scale * W^T g for each row g: (R, B, n_out) to (R, B, n_in)."""

    def change_times(self, x: Tensor) -> Tensor:
        """(d W / d eta) x for each row x, for a first step of base rate eta along ``gradient``.

        Of SGD, whose step is the gradient: a product of factors, like it.
        """
        assert self.gradient is not None
        signals, inputs = self.gradient
        return torch.bmm(torch.bmm(x, inputs.mT), signals) * -self.rule.factor

    def change_transposed_times(self, g: Tensor) -> Tensor:
        """(d W / d eta)^T g, likewise."""
        assert self.gradient is not None
        signals, inputs = self.gradient
        return torch.bmm(torch.bmm(g, signals.mT), inputs) * -self.rule.factor

    @abstractmethod
    def descend(self, g: Tensor, x: Tensor, scale: float) -> None:
        """One step of the optimizer, for the gradient that is scale times that of the factors."""

    def select(self, members: Tensor) -> None:
        """Go on with some of the members only; their indices are given."""
        self.rule, self.gradient = self.rule.of(members), None
        self._answer = self.no_gradient

    def product(
        self, x: Tensor, scale: float, onto: Tensor | None, back: float | None = None
    ) -> Tensor:
        """onto + scale * W x, differentiable: gradients arrive at x, at onto and here.

        ``back`` multiplies what arrives at x and here, where it is another factor than ``scale``.
        """
        factors = scale, scale if back is None else back
        result: Tensor = _Product.apply(x, onto, self.anchor, self, factors)  # type: ignore[no-untyped-call]
        return result

    def replayed(self, x: Tensor, scale: float, onto: Tensor | None) -> Tensor:
        """The product; while the weight moves, what it was in the pass that is replayed."""
        if not self._is_moving:
            self._answer = self.add_to(onto, x, scale)
        return self._answer.detach()

    def add_to(self, onto: Tensor | None, x: Tensor, scale: float) -> Tensor:
        """onto + scale * W x."""
        product = self.times(x, scale)
        return product if onto is None else product.add_(onto)

    def receive(self, g: Tensor, x: Tensor, scale: float) -> None:
        """Take up the gradient of these factors in the backward pass."""
        if self.waiting is not None:
            g, x = (torch.cat(both, 1) for both in zip((g * scale, x), self.waiting, strict=True))
            self.waiting, scale = None, 1.0
        if self.learns:
            self.gradient = None
            self.descend(g, x, scale)
        else:
            self.gradient = (g * scale, x)


@contextmanager
def learning(weights: Iterable[Weight]) -> Iterator[None]:
    """Backward passes inside are steps of the optimizer."""
    learners = tuple(weights)
    for weight in learners:
        weight.learns = True
    try:
        yield
    finally:
        for weight in learners:
            weight.learns = False


@contextmanager
def moving(weights: Iterable[Weight]) -> Iterator[None]:
    """Forward-mode derivatives along the first step, for a second pass over the same inputs.

    What is computed inside carries d/d eta as its tangent.
    """
    moved = tuple(weights)
    anchors = [weight.anchor for weight in moved]
    with forward_ad.dual_level(), torch.no_grad():
        for weight in moved:
            primal = weight.anchor.detach()
            dual = forward_ad.make_dual(primal, torch.ones_like(primal))  # type: ignore[no-untyped-call]
            weight.anchor = dual
            weight._is_moving = True
        try:
            yield
        finally:
            for weight, anchor in zip(moved, anchors, strict=True):
                weight.anchor, weight._is_moving = anchor, False


class _Product(torch.autograd.Function):
    """onto + scale * W x, and what becomes of its derivatives."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        onto: Tensor | None,
        _anchor: Tensor,
        weight: Weight,
        factors: tuple[float, float],
    ) -> Tensor:
        # Not in a separate setup_context, for which torch inspects signatures at every call.
        ctx.weight, (ctx.scale, ctx.back) = weight, factors
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return weight.replayed(x, ctx.scale, onto)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        weight, scale = ctx.weight, ctx.back
        # W^T g before W moves.
        back = weight.transposed_times(g, scale) if ctx.needs_input_grad[0] else None
        weight.receive(g, x.detach(), scale)
        onto = g if ctx.needs_input_grad[1] else None
        return back, onto, weight.no_gradient, None, None

    @staticmethod
    def jvp(ctx: Any, moved: Tensor | None, onto: Tensor | None, *_: object) -> Tensor:
        (x,) = ctx.saved_tensors
        change: Tensor = ctx.weight.change_times(x) * ctx.scale
        if moved is not None:
            change = change + ctx.weight.times(moved, ctx.scale)
        return change if onto is None else change + onto
