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


def found(
    body: type[nn.Module],
    alpha: float,
    how: str = "multiplied",
    wrong: str = "-",
    **options: Any,
) -> Guard:
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

    return guarded(factory, widths=None, depths=DEPTHS, **options)


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


class WithBiases(nn.Module):
    """The end of the branch has a bias, which is multiplied with it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.first = nn.LayerNorm(WIDTH), linear(WIDTH, WIDTH)
        self.end = linear(WIDTH, WIDTH, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        ends: Tensor = self.end(self.first(self.norm(x)).tanh())
        return ends


def test_a_bias_at_the_end_of_a_branch_is_mended_with_it() -> None:
    fault = found(WithBiases, 0.5, "missing", mend=True).faults[0]
    assert fault.cause == "depth multiplier"
    assert fault.parameters == ["blocks.*.end.weight", "blocks.*.end.bias"]
    assert fault.verified is not False, fault.verification


@pytest.mark.parametrize("how", ["multiplied", "missing"])
def test_sgd_is_known_in_blocks_that_only_deeper_networks_have(how: str) -> None:
    """Its rates do not depend on depth at alpha = 1/2, and a multiplier acts on them twice."""

    def factory(depth: int, seed: int) -> Any:
        model = Stream(WithBiases, depth, 0.5, how)
        return model, torch.optim.SGD(model.parameters(), 0.05), batch_of(seed), cross_entropy

    result = guarded(factory, widths=None, depths=(4, 8, 16, 32), mend=True)
    if how == "multiplied":
        assert_healthy(result, "blocks.*.end.weight")
        return
    (fault,) = result.faults
    assert (fault.cause, fault.parameters) == (
        "depth multiplier",
        ["blocks.*.end.weight", "blocks.*.end.bias"],
    )
    assert fault.exponent == pytest.approx(0.5, abs=0.1)
    assert fault.verified is not False, fault.verification


class Classified(nn.Module):
    """A token of its own is read out, and the others are seen by branches alone."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.first, self.last = linear(INPUTS, WIDTH), readout(WIDTH)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.blocks = nn.ModuleList(Skipping() for _ in range(depth))

    def forward(self, x: Tensor) -> Any:
        h = torch.cat([self.first(x), self.token.expand(len(x), 1, -1)], 1)
        for block in self.blocks:
            h = h + block(h) / len(self.blocks)
        return self.last(self.norm(h[:, -1]))


def test_what_reaches_the_loss_through_branches_alone_is_no_fault() -> None:
    """Its share falls with depth until training aligns the branches."""

    def factory(depth: int, seed: int) -> Any:
        model = Classified(depth)
        adam = torch.optim.Adam(model.parameters(), RATE, eps=1e-12)
        return model, adam, batch_of(seed, 16, 5, INPUTS), cross_entropy

    result = guarded(factory, widths=None, depths=(4, 8, 16, 32), seeds=4)
    assert not result.faults
    (share,) = (o for o in result.entries if (o.parameter, o.quantity) == ("first.weight", "share"))
    assert share.verdict == "inconclusive"
    assert "it may reach the loss through branches alone" in share.note
