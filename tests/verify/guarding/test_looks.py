"""Announced looks: what is open gets further seeds, trained for as long as it takes to decide."""

from typing import Any

import torch
from torch import nn

from tests.verify.guarding.small import (
    INPUTS,
    OUTPUTS,
    batch_of,
    cross_entropy,
    groups_of,
    guarded,
    linear,
    readout,
)
from theory.verdict import Verdict


class NoisyBias(nn.Module):
    """Three numbers drawn at random are a bias whose size only many seeds show."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.readout = linear(INPUTS, width), readout(width)
        self.bias = nn.Parameter(torch.randn(OUTPUTS))

    def forward(self, x: Any) -> Any:
        return self.readout(torch.tanh(self.first(x))) + self.bias


def test_later_seeds_are_trained_for_what_is_open() -> None:
    steps: list[int] = []

    def counted(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Any) -> None:
        steps[-1] += 1
        optimizer.zero_grad()
        cross_entropy(model, batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def factory(width: int, seed: int) -> Any:
        steps.append(0)
        model = NoisyBias(width)
        optimizer = torch.optim.Adam(groups_of(model, width), eps=1e-12)
        return model, optimizer, batch_of(seed), cross_entropy, counted

    found = guarded(factory, seeds=8, steps=(1, 4))
    (gain,) = [one for one in found.entries if (one.parameter, one.quantity) == ("bias", "gain")]
    (last,) = [one for one in found.entries if (one.module, one.step) == ("first", 4)]
    assert found.document.runs[0].looks == [8, 16, 32]
    assert gain.verdict is Verdict.INCONCLUSIVE
    assert len(gain.slopes) == 32
    assert last.verdict is Verdict.ACCEPTED
    assert len(last.slopes) == 8
    assert steps[-72:] == [1] * 72  # 24 further seeds at three widths
    assert steps[-96:-72] == [4] * 24
