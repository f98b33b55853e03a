"""Families 5 to 8 of the zoo: post-norm, convolutions with batch norm, gated layers, and Muon.

They import torch, the zoo's machinery, and the pre-norm transformer of the first families. The
factories are as there.
"""

from collections import OrderedDict
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.verify.guarding import zoo
from tests.verify.guarding.families_first import (
    HEADS,
    LENGTH,
    SEQUENCES,
    VOCABULARY,
    Transformer,
    adam_groups,
)
from tests.verify.guarding.zoo import HALF, Branch, Convolution, Embedding, Family, Matrix, call

IMAGES, CLASSES = 64, 10
GROUPS = 2  # heads of keys and values where queries are grouped
MUON_RATE = 2.0**-5


class PostNorm(Branch):
    """norm(x + multiplier * body(x)). The norm is on the stream."""

    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        self.stream = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return call(self.stream, super().forward(x))


class FusedAttention(PostNorm):
    """With torch's own attention, and biases. That of the keys cancels in the softmax."""

    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(width, depth, alpha)
        self.query, self.key, self.value, self.out = (
            Matrix(width, width, bias=True) for _ in range(4)
        )
        self.scale = 4 / (width // HEADS)

    def body(self, x: Tensor) -> Tensor:
        q, k, v = (
            zoo.split_heads(call(layer, x), HEADS) for layer in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=self.scale
        )
        return call(self.out, zoo.join_heads(attended))


class BiasedFeedForward(PostNorm):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(width, depth, alpha)
        self.up = Matrix(width, 4 * width, bias=True)
        self.down = Matrix(4 * width, width, bias=True)

    def body(self, x: Tensor) -> Tensor:
        return call(self.down, functional.gelu(call(self.up, x)))


class PostNormTransformer(nn.Module):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__()
        self.tokens = Embedding(VOCABULARY, width)
        self.positions = Embedding(LENGTH, width)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    OrderedDict(
                        attention=FusedAttention(width, depth, alpha),
                        feed_forward=BiasedFeedForward(width, depth, alpha),
                    )
                )
                for _ in range(depth)
            )
        )
        self.readout = Matrix(width, VOCABULARY, "small_readout", bias=True)

    def forward(self, tokens: Tensor) -> Tensor:
        x = call(self.tokens, tokens) + call(self.positions, torch.arange(tokens.shape[1]))
        return call(self.readout, call(self.blocks, x))


def post_norm(width: int, depth: int, seed: int, alpha: Fraction = HALF) -> zoo.Setup:
    with zoo.seeded("post_norm", seed, width, depth):
        model = PostNormTransformer(width, depth, alpha)
    optimizer = torch.optim.Adam(adam_groups(model, depth, alpha), eps=zoo.EPSILON)
    batch = zoo.token_data(seed, SEQUENCES, LENGTH, VOCABULARY)
    return model, optimizer, batch, zoo.cross_entropy


class ConvolutionalBlock(Branch):
    """Norm, ReLU and convolution, twice."""

    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1 = Convolution(width, width, 3, normalized=True)
        self.conv2 = Convolution(width, width, 1)

    def body(self, x: Tensor) -> Tensor:
        h = call(self.conv1, call(self.norm1, x).relu())
        return call(self.conv2, call(self.norm2, h).relu())


class ResidualNetwork(nn.Module):
    """The first convolution leaves images of 3 x 3, and the last features are averaged."""

    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__()
        self.stem = Convolution(3, width, 3, "input", stride=3)
        self.blocks = nn.Sequential(
            *(ConvolutionalBlock(width, depth, alpha) for _ in range(depth))
        )
        self.norm = nn.BatchNorm2d(width)
        self.readout = Matrix(width, CLASSES, "readout", bias=True)

    def forward(self, images: Tensor) -> Tensor:
        features = call(self.norm, call(self.blocks, call(self.stem, images))).relu()
        return call(self.readout, features.mean((2, 3)))


def resnet(width: int, depth: int, seed: int, alpha: Fraction = HALF) -> zoo.Setup:
    with zoo.seeded("resnet", seed, width, depth):
        model = ResidualNetwork(width, depth, alpha)
    optimizer = torch.optim.Adam(adam_groups(model, depth, alpha), eps=zoo.EPSILON)
    return model, optimizer, zoo.image_data(seed, IMAGES, CLASSES), zoo.cross_entropy


def rotated(x: Tensor) -> Tensor:
    """Rotary positions: a half of the channels of a head turns with the other half."""
    half = x.shape[-1] // 2
    frequencies = 100.0 ** -(torch.arange(half) / half)
    angles = torch.arange(x.shape[-2])[:, None] * frequencies
    first, second = x[..., :half], x[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


class GroupedAttention(Branch):
    """Two heads of queries share one of keys and values."""

    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        size = width // HEADS
        self.norm = nn.RMSNorm(width)
        self.query, self.out = Matrix(width, width), Matrix(width, width)
        self.key, self.value = Matrix(width, GROUPS * size), Matrix(width, GROUPS * size)
        self.scale = 4 / size

    def body(self, x: Tensor) -> Tensor:
        x = call(self.norm, x)
        q = rotated(zoo.split_heads(call(self.query, x), HEADS))
        k = rotated(zoo.split_heads(call(self.key, x), GROUPS))
        v = zoo.split_heads(call(self.value, x), GROUPS)
        k, v = (shared.repeat_interleave(HEADS // GROUPS, 1) for shared in (k, v))
        return call(self.out, zoo.join_heads(zoo.causal(self.scale * (q @ k.mT)) @ v))


class SwiGLU(Branch):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__(depth, alpha)
        self.norm = nn.RMSNorm(width)
        self.gate, self.up = Matrix(width, 2 * width), Matrix(width, 2 * width)
        self.down = Matrix(2 * width, width)

    def body(self, x: Tensor) -> Tensor:
        x = call(self.norm, x)
        return call(self.down, functional.silu(call(self.gate, x)) * call(self.up, x))


class GatedTransformer(nn.Module):
    def __init__(self, width: int, depth: int, alpha: Fraction) -> None:
        super().__init__()
        self.tokens = Embedding(VOCABULARY, width)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    OrderedDict(
                        attention=GroupedAttention(width, depth, alpha),
                        feed_forward=SwiGLU(width, depth, alpha),
                    )
                )
                for _ in range(depth)
            )
        )
        self.norm = nn.RMSNorm(width)
        self.readout = Matrix(width, VOCABULARY, "small_readout")

    def forward(self, tokens: Tensor) -> Tensor:
        return call(self.readout, call(self.norm, call(self.blocks, call(self.tokens, tokens))))


def gated(width: int, depth: int, seed: int, alpha: Fraction = HALF) -> zoo.Setup:
    """Without weight decay."""
    with zoo.seeded("gated", seed, width, depth):
        model = GatedTransformer(width, depth, alpha)
    optimizer = torch.optim.AdamW(adam_groups(model, depth, alpha), eps=zoo.EPSILON)
    batch = zoo.token_data(seed, SEQUENCES, LENGTH, VOCABULARY)
    return model, optimizer, batch, zoo.cross_entropy


def muon_rate(of: zoo.Described) -> float:
    """The spectral norm of a step is then MUON_RATE * (fan_out / fan_in)^1/2, in every matrix.

    The step of torch.optim.Muon has max(1, fan_out / fan_in)^1/2 by itself, times its rate: the
    norm of a matrix that narrows would be too large. The correction does not depend on width.
    """
    fan_out, fan_in = of.parameter.shape
    return float(MUON_RATE * min(1.0, fan_out / fan_in) ** 0.5)


def muon(width: int, depth: int, seed: int, alpha: Fraction = HALF) -> zoo.Setup:
    """The matrices of the blocks by Muon, whose momentum is torch's; all the rest by Adam."""
    with zoo.seeded("muon", seed, width, depth):
        model = Transformer(width, depth, alpha, tied=False)
    parameters = zoo.described(model)

    def rate(of: zoo.Described) -> float:
        own = muon_rate(of) if of.kind == "hidden" else zoo.adam_rate(of)
        return own * zoo.depth_factor(of, depth, alpha)

    hidden = zoo.groups([of for of in parameters if of.kind == "hidden"], rate)
    rest = zoo.groups([of for of in parameters if of.kind != "hidden"], rate)
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(hidden),
        torch.optim.Adam(rest, eps=zoo.EPSILON),
    ]
    batch = zoo.token_data(seed, SEQUENCES, LENGTH, VOCABULARY)
    return model, optimizers, batch, zoo.cross_entropy


# Their steps cost as the cube of width, or thousands of positions: half the widths of the others.
NARROW = (32, 64, 128, 256)

FAMILIES: dict[str, Family] = {
    **zoo.at_each_alpha("post_norm", post_norm, inert=("blocks.*.attention.key.bias",)),
    **zoo.at_each_alpha("resnet", resnet, widths=NARROW),
    **zoo.at_each_alpha("gated", gated),
}
if hasattr(torch.optim, "Muon"):  # from torch 2.9 on
    FAMILIES |= zoo.at_each_alpha("muon", muon, widths=NARROW)
