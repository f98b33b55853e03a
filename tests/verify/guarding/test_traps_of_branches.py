"""Branches of every shape along depth: where one ends, and by what it is multiplied."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.verify.guarding.small import (
    INPUTS,
    assert_healthy,
    batch_of,
    cross_entropy,
    guarded,
    linear,
    readout,
    the_fault,
)
from verify.guarding.result import Guard

WIDTH, DEPTHS, RATE = 24, (4, 8, 16), 0.01


class Parallel(nn.Module):
    """Two branches that are added before the stream is, as attention and perceptron may be."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.first, self.second = linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)
        self.end, self.other_end = linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        ends: Tensor = self.end(self.first(y).tanh()) + self.other_end(self.second(y).relu())
        return ends


class Skipping(nn.Module):
    """A vector that passes by inside the branch, as in a state-space model."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.passed = nn.LayerNorm(WIDTH), nn.Parameter(torch.ones(WIDTH))
        self.first, self.end = linear(WIDTH, WIDTH), linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        u = self.first(self.norm(x))
        ends: Tensor = self.end(u.cumsum(1).tanh() + self.passed * u)
        return ends


class Stream(nn.Module):
    def __init__(self, body: type[nn.Module], depth: int, alpha: float, how: str) -> None:
        super().__init__()
        self.first, self.last = linear(INPUTS, WIDTH), readout(WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.blocks = nn.ModuleList(body() for _ in range(depth))
        self.multiplier, self.how = (1.0 if how == "missing" else depth**-alpha), how

    def forward(self, x: Tensor) -> Any:
        h = self.first(x)
        for block in self.blocks:
            h = self.added(h, block(h))
        return self.last(self.norm(h))

    def added(self, h: Tensor, branch: Tensor) -> Tensor:
        if self.how == "alpha":
            return h.add(branch, alpha=self.multiplier)
        if self.how == "tensor":
            return h + torch.tensor(self.multiplier) * branch
        if self.how == "dropout":
            return h + functional.dropout(branch, 0.2) * self.multiplier
        if self.how == "mask":  # stochastic depth
            return h + self.multiplier * branch * (torch.rand(len(h), 1) < 0.8)
        return h + self.multiplier * branch


def found(body: type[nn.Module], alpha: float, how: str = "multiplied", wrong: str = "-") -> Guard:
    def factory(depth: int, seed: int) -> Any:
        model = Stream(body, depth, alpha, how)
        groups = [
            {
                "params": [parameter],
                "lr": RATE
                * (depth ** (alpha - 1) if name.startswith("blocks") else 1)
                * (depth**0.5 if name.endswith(wrong) else 1),
            }
            for name, parameter in model.named_parameters()
        ]
        return model, torch.optim.Adam(groups, eps=1e-12), batch_of(seed), cross_entropy

    return guarded(factory, widths=None, depths=DEPTHS)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
@pytest.mark.parametrize("how", ["multiplied", "alpha"])
def test_branches_that_are_added_to_each_other_first(alpha: float, how: str) -> None:
    assert_healthy(found(Parallel, alpha, how), "blocks.*.end.weight", "blocks.*.other_end.weight")
    ends = ["blocks.*.end.weight", "blocks.*.other_end.weight"]
    assert the_fault(found(Parallel, alpha, how, "second.weight")) == (
        "rate",
        ["blocks.*.second.weight"],
    )
    if how == "multiplied":
        assert the_fault(found(Parallel, alpha, "missing")) == ("depth multiplier", ends)


@pytest.mark.parametrize("how", ["tensor", "dropout", "mask"])
def test_what_else_may_multiply_a_branch(how: str) -> None:
    assert_healthy(found(Skipping, 1.0, how), "blocks.*.first.weight", "blocks.*.end.weight")
    wrong = the_fault(found(Skipping, 1.0, how, ".first.weight"))
    assert wrong == ("rate", ["blocks.*.first.weight"])


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_what_passes_by_inside_a_branch_is_not_its_end(alpha: float) -> None:
    assert_healthy(found(Skipping, alpha), "blocks.*.passed", "blocks.*.end.weight")
    wrong = the_fault(found(Skipping, alpha, wrong="passed"))
    assert wrong == ("rate", ["blocks.*.passed"])
