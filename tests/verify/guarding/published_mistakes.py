"""A small language model with one mistake that somebody really made, as public reports tell it.

It imports torch and the zoo. Exponents stand for what each part is multiplied by as width n or
depth L grows; ``correct`` is muP, with branches times L^-1/2 where depth is concerned.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.verify.guarding import zoo
from tests.verify.guarding.zoo import call, causal, join_heads, split_heads

VOCABULARY, HEADS, BASE = 32, 4, 64
RATE = 2.0**-6


@dataclass(frozen=True)
class Scaling:
    """Powers of width, unless depth is said; of the rate, by a part of a parameter's name."""

    hidden: float = -0.5
    readout: float = 0.0
    readout_multiplier: float = -1.0
    zero_readout: bool = False
    attention: float = -1.0
    bias: bool = False
    decay: float = 0.0
    rates: dict[str, float] = field(default_factory=dict)
    branch_in_depth: float = 0.0
    edge_in_depth: float = 0.0
    readout_in_depth: float = 0.0
    rate_in_depth: float = 0.0


class Linear(nn.Module):
    def __init__(self, fan_in: int, fan_out: int, std: float, factor: float, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(fan_out, fan_in) * std)
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        y = self.factor * functional.linear(x, self.weight)
        return y if self.bias is None else y + self.bias


class Scores(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        scores = query @ key.transpose(-1, -2)
        return self.factor * scores


class Block(nn.Module):
    def __init__(self, n: int, depth: int, s: Scaling) -> None:
        super().__init__()
        self.branch = float(depth**s.branch_in_depth)
        self.norm1, self.norm2 = nn.RMSNorm(n), nn.RMSNorm(n)
        std, edge = BASE**-0.5 * (n / BASE) ** s.hidden, depth**s.edge_in_depth
        self.q, self.k = Linear(n, n, std, 1.0, False), Linear(n, n, std, 1.0, False)
        self.v, self.o = Linear(n, n, std, edge, False), Linear(n, n, std, edge, False)
        self.up = Linear(n, 4 * n, std, edge, s.bias)
        self.down = Linear(4 * n, n, std / 2, edge, s.bias)
        self.scores = Scores(4.0**-s.attention * (n / HEADS) ** s.attention)

    def forward(self, x: Tensor) -> Tensor:
        h = call(self.norm1, x)
        query, key, value = (split_heads(call(one, h), HEADS) for one in (self.q, self.k, self.v))
        mixed = causal(self.scores(query, key)) @ value
        x = x + self.branch * call(self.o, join_heads(mixed))
        fed: Tensor = call(self.down, call(self.up, call(self.norm2, x)).relu())
        return x + self.branch * fed


class LanguageModel(nn.Module):
    def __init__(self, n: int, depth: int, s: Scaling) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, n)
        self.blocks = nn.ModuleList(Block(n, depth, s) for _ in range(depth))
        self.norm = nn.RMSNorm(n)
        factor = BASE**-1.0 * (n / BASE) ** s.readout_multiplier * depth**s.readout_in_depth
        std = 0.0 if s.zero_readout else (n / BASE) ** s.readout
        self.readout = Linear(n, VOCABULARY, std, factor, False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = call(self.embed, tokens)
        for block in self.blocks:
            x = call(block, x)
        return call(self.readout, call(self.norm, x))


def network(width: int, depth: int, seed: int, s: Scaling) -> zoo.Setup:
    with zoo.seeded("published", seed, width, depth):
        model = LanguageModel(width, depth, s)
    groups: list[dict[str, Any]] = []
    for name, parameter in model.named_parameters():
        inside = name.startswith("blocks")
        power = -1.0 if inside and parameter.dim() == 2 else 0.0
        power = next((p for part, p in s.rates.items() if part in name), power)
        rate = RATE * (width / BASE) ** power * (depth**s.rate_in_depth if inside else 1.0)
        groups.append({"params": [parameter], "lr": rate})
    optimizer = torch.optim.AdamW(groups, lr=RATE, eps=1e-16, weight_decay=s.decay)
    return model, optimizer, zoo.token_data(seed, 8, 8, VOCABULARY), zoo.cross_entropy


@dataclass(frozen=True)
class Case:
    """A mistake: what is named, by which exponent, and the network without it."""

    mistake: Scaling
    cause: tuple[str, ...]
    guilty: frozenset[str]
    exponents: tuple[Fraction, ...]
    correct: Scaling | None = Scaling()
    axis: zoo.Axis = "width"


HALF, ONE = Fraction(1, 2), Fraction(1)
MATRICES = frozenset(f"blocks.*.{name}.weight" for name in ("q", "k", "v", "o", "up", "down"))
BIASED = Scaling(bias=True)
ZERO = Scaling(zero_readout=True)
IN_DEPTH = Scaling(branch_in_depth=-0.5, rate_in_depth=-0.5)

CASES = {
    # EleutherAI/gpt-neox PR 1087: the initial deviation is divided by the width multiplier.
    "initialization divided by width": Case(
        Scaling(hidden=-1.0), ("initialization",), MATRICES, (-HALF,)
    ),
    # EleutherAI/gpt-neox issue 956: the forward multipliers got lost.
    "forward multipliers lost": Case(
        Scaling(readout_multiplier=0.0, attention=-0.5),
        ("multiplier", "attention scale"),
        frozenset({"readout.weight", "blocks.*.scores"}),
        (ONE, HALF),
    ),
    # microsoft/mup issue 71: the output grows, though its initial value is zero.
    "output grows under a zero readout": Case(
        replace(ZERO, readout_multiplier=0.0),
        ("rate",),
        frozenset({"readout.weight"}),
        (ONE,),
        ZERO,
    ),
    # cloneofsimo/ezmup issue 5: rates of biases are divided by the fan-in.
    "bias rate by fan-in": Case(
        replace(BIASED, rates={"bias": -1.0}),
        ("rate",),
        frozenset({"blocks.*.up.bias", "blocks.*.down.bias"}),
        (-ONE,),
        BIASED,
    ),
    # gmboquet/mixle PR 258: scores are divided by the root of a head's size, which grows.
    "attention by root d": Case(
        Scaling(attention=-0.5), ("attention scale",), frozenset({"blocks.*.scores"}), (HALF,)
    ),
    # karpathy/nanochat PR 644: the readout is scaled down twice.
    "readout compensated twice": Case(
        Scaling(readout=-0.5), ("initialization",), frozenset({"readout.weight"}), (-HALF,)
    ),
    # trueagi-io/FabricPC PR 44: a factor of depth on every edge of a branch, and one back.
    "depth factor on every edge": Case(
        Scaling(edge_in_depth=-0.5, readout_in_depth=0.5),
        ("multiplier", "depth multiplier"),
        frozenset(
            {*(f"blocks.*.{name}.weight" for name in ("v", "o", "up", "down")), "readout.weight"}
        ),
        (HALF, -HALF, HALF),
        IN_DEPTH,
        "depth",
    ),
    # microsoft/mup issue 1, mlfoundations/open_lm PR 25: decay per step follows the rate.
    "decay follows the rate": Case(Scaling(decay=0.1), ("decay",), MATRICES, (-ONE,), None),
    # huggingface/transformers PR 26441 (T5): the readout's deviation is one, and no factor.
    "readout of deviation one": Case(
        Scaling(readout_multiplier=0.0), ("multiplier",), frozenset({"readout.weight"}), (ONE,)
    ),
}


def factory_of(scaling: Scaling, axis: zoo.Axis) -> Any:
    """``factory(width, seed)`` at depth 2, or ``factory(depth, seed)`` at width 32."""

    def in_width(width: int, seed: int) -> zoo.Setup:
        return network(width, 2, seed, scaling)

    def in_depth(depth: int, seed: int) -> zoo.Setup:
        return network(32, depth, seed, scaling)

    return in_width if axis == "width" else in_depth
