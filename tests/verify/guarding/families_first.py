"""Families 1 to 4 of the zoo: multilayer perceptrons, one with residual blocks, and a transformer.

They import torch and the zoo's machinery. A factory takes (width, depth, seed) and gives the model,
its optimizer, a batch that depends on the seed alone, and the loss. Depth is the number of blocks;
a block of the perceptrons without branches is a matrix of n x n.
"""

from collections import OrderedDict
from fractions import Fraction
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.verify.guarding import zoo
from tests.verify.guarding.zoo import HALF, Branch, Embedding, Family, Matrix, MatrixKind, call

INPUTS, OUTPUTS, SAMPLES = 16, 8, 128
VOCABULARY, SEQUENCES, LENGTH = 16, 8, 8
HEADS = 4
SGD_RATE = 0.2


class Perceptron(nn.Module):
    """ReLU and biases throughout."""

    def __init__(self, width: int, depth: int, readout: MatrixKind) -> None:
        super().__init__()
        self.first = Matrix(INPUTS, width, "input", bias=True)
        self.blocks = nn.ModuleList(Matrix(width, width, bias=True) for _ in range(depth))
        self.readout = Matrix(width, OUTPUTS, readout, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        h = call(self.first, x).relu()
        for block in self.blocks:
            h = call(block, h).relu()
        return call(self.readout, h)


def mlp_sgd(width: int, depth: int, seed: int) -> zoo.Setup:
    with zoo.seeded("mlp_sgd", seed, width, depth):
        model = Perceptron(width, depth, "small_readout")
    groups = zoo.groups(zoo.described(model), lambda of: zoo.sgd_rate(of, width, SGD_RATE))
    batch = zoo.regression_data(seed, SAMPLES, INPUTS, OUTPUTS)
    return model, torch.optim.SGD(groups), batch, zoo.squared_error


def mlp_adam(width: int, depth: int, seed: int) -> zoo.Setup:
    with zoo.seeded("mlp_adam", seed, width, depth):
        model = Perceptron(width, depth, "readout")
    optimizer = torch.optim.Adam(zoo.groups(zoo.described(model), zoo.adam_rate), eps=zoo.EPSILON)
    batch = zoo.classification_data(seed, SAMPLES, INPUTS, OUTPUTS)
    return model, optimizer, batch, zoo.cross_entropy


class TwoLayers(Branch):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        self.first = Matrix(width, width, bias=True)
        self.second = Matrix(width, width, bias=True)

    def body(self, x: Tensor) -> Tensor:
        return call(self.second, call(self.first, x).relu())


class ResidualPerceptron(nn.Module):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__()
        self.first = Matrix(INPUTS, width, "input", bias=True)
        self.blocks = nn.Sequential(*(TwoLayers(width, depth, alpha) for _ in range(depth)))
        self.readout = Matrix(width, OUTPUTS, "small_readout", bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return call(self.readout, call(self.blocks, call(self.first, x)))


def adam_groups(
    model: nn.Module, depth: int, alpha: Fraction, decay: float = 0.0
) -> list[dict[str, object]]:
    def rate(of: zoo.Described) -> float:
        return zoo.adam_rate(of) * zoo.depth_factor(of, depth, alpha)

    return zoo.groups(zoo.described(model), rate, decay)


def residual_mlp(width: int, depth: int, seed: int, alpha: Fraction = HALF) -> zoo.Setup:
    with zoo.seeded("residual_mlp", seed, width, depth):
        model = ResidualPerceptron(width, depth, alpha)
    optimizer = torch.optim.Adam(adam_groups(model, depth, alpha), eps=zoo.EPSILON)
    batch = zoo.regression_data(seed, SAMPLES, INPUTS, OUTPUTS)
    return model, optimizer, batch, zoo.squared_error


class Attention(Branch):
    """A norm, then causal attention. Scores are divided by the size of a head, not by its root."""

    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        self.norm = nn.LayerNorm(width)
        self.query, self.key = Matrix(width, width), Matrix(width, width)
        self.value, self.out = Matrix(width, width), Matrix(width, width)
        self.scale = 4 / (width // HEADS)

    def body(self, x: Tensor) -> Tensor:
        x = call(self.norm, x)
        q, k, v = (
            zoo.split_heads(call(layer, x), HEADS) for layer in (self.query, self.key, self.value)
        )
        weights = zoo.causal(self.scale * (q @ k.mT))
        return call(self.out, zoo.join_heads(weights @ v))


class FeedForward(Branch):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        self.norm = nn.LayerNorm(width)
        self.up, self.down = Matrix(width, 4 * width), Matrix(4 * width, width)

    def body(self, x: Tensor) -> Tensor:
        return call(self.down, functional.gelu(call(self.up, call(self.norm, x))))


class Transformer(nn.Module):
    """Pre-norm. The readout has the multiplier 1/n, and may be the embedding of tokens itself."""

    def __init__(self, width: int, depth: int, alpha: Fraction, tied: bool) -> None:
        super().__init__()
        self.tokens = Embedding(VOCABULARY, width)
        self.positions = Embedding(LENGTH, width)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    OrderedDict(
                        attention=Attention(width, depth, alpha),
                        feed_forward=FeedForward(width, depth, alpha),
                    )
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.readout = Matrix(width, VOCABULARY, "readout")
        if tied:
            self.readout.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = call(self.tokens, tokens) + call(self.positions, torch.arange(tokens.shape[1]))
        return call(self.readout, call(self.norm, call(self.blocks, x)))


def transformer(
    width: int, depth: int, seed: int, alpha: Fraction = HALF, tied: bool = False
) -> zoo.Setup:
    """A step takes the same fraction of every matrix away: decay is divided by the rate."""
    with zoo.seeded("transformer", tied, seed, width, depth):
        model = Transformer(width, depth, alpha, tied)
    groups = adam_groups(model, depth, alpha, decay=zoo.DECAY * zoo.RATE)
    optimizer = torch.optim.AdamW(groups, eps=zoo.EPSILON)
    batch = zoo.token_data(seed, SEQUENCES, LENGTH, VOCABULARY)
    return model, optimizer, batch, zoo.cross_entropy


FAMILIES: dict[str, Family] = {
    "mlp_sgd": zoo.in_width("mlp_sgd", mlp_sgd),
    "mlp_adam": zoo.in_width("mlp_adam", mlp_adam),
    **zoo.at_each_alpha("residual_mlp", residual_mlp, width_of_depths=64),
    **zoo.at_each_alpha("transformer", transformer),
    **zoo.at_each_alpha("transformer_tied", partial(transformer, tied=True)),
}
