"""Machinery of the zoo: layers with multipliers and groups of rates.

It imports torch, and nothing of the house: what is right here comes from theory alone. Mistakes are
planted in ``tests.verify.guarding.mistakes``.

In width n, every layer is in muP. What a matrix is decides its standard deviation and its rate:

| kind          | example             | deviation    | multiplier | Adam's rate | rate of SGD |
|---------------|---------------------|--------------|------------|-------------|-------------|
| embedding     | tokens              | 1            | 1          | 1           | n           |
| input         | first layer         | fan_in^-1/2  | 1          | 1           | n           |
| hidden        | n to n, n to 4n     | fan_in^-1/2  | 1          | 1 / fan_in  | 1           |
| readout       | last layer          | 1            | 1 / n      | 1           | n           |
| small_readout | last layer          | 1 / n        | 1          | 1 / n       | 1 / n       |
| vector        | bias, gain          | 0 or 1       |            | 1           | n           |
| output        | bias of the readout | 0            |            | 1           | 1           |

In depth L, the branches are multiplied by L^-alpha, and Adam's rates in them by L^(alpha - 1).
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Batch = tuple[Tensor, Tensor]
Loss = Callable[[nn.Module, Batch], Tensor]
Optimizers = torch.optim.Optimizer | list[torch.optim.Optimizer]
Setup = tuple[nn.Module, Optimizers, Batch, Loss]
Factory = Callable[[int, int, int], Setup]
Axis = Literal["width", "depth"]
MatrixKind = Literal["embedding", "input", "hidden", "readout", "small_readout"]
Kind = MatrixKind | Literal["vector", "output"]
MutantKind = Literal["rate", "initialization", "multiplier"]

BASE_WIDTH, BASE_DEPTH = 64, 8
HALF, ONE = Fraction(1, 2), Fraction(1)
POWERS: dict[MutantKind, Fraction] = {
    "rate": Fraction(1, 4),
    "initialization": Fraction(1, 4),
    "multiplier": Fraction(1, 2),
}
ADAMS = (torch.optim.Adam, torch.optim.AdamW)
EPSILON = 1e-12
LARGE_EPSILON = 1e-4
DECAY = 0.1
RATE = 2.0**-6  # of vectors, embeddings and readouts under Adam
MATRIX_RATE = 2.0**-2  # divided by fan_in: of the other matrices under Adam


@contextmanager
def seeded(*key: str | int) -> Iterator[None]:
    """Inside, torch's random numbers depend on the key alone. Outside, they go on undisturbed."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(digest[:7]))
        yield


# Layers.


class Matrix(nn.Module):
    """multiplier * weight @ x + bias"""

    def __init__(
        self, fan_in: int, fan_out: int, kind: MatrixKind = "hidden", bias: bool = False
    ) -> None:
        super().__init__()
        self.kind, self.fan_in = kind, fan_in
        self.multiplier = 1 / fan_in if kind == "readout" else 1.0
        self.weight = nn.Parameter(self.deviation() * torch.randn(self.shape(fan_out)))
        self.bias = nn.Parameter(torch.zeros(fan_out)) if bias else None

    def shape(self, fan_out: int) -> tuple[int, ...]:
        return fan_out, self.fan_in

    def deviation(self) -> float:
        exponents = {"readout": 0.0, "small_readout": -1.0}
        return float(self.fan_in ** exponents.get(self.kind, -0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.multiplier * functional.linear(x, self.weight)
        return y if self.bias is None else y + self.bias


class Convolution(Matrix):
    """The same for images. A norm follows if `normalized`, and hides the multiplier."""

    def __init__(
        self,
        channels: int,
        fan_out: int,
        size: int,
        kind: MatrixKind = "hidden",
        stride: int = 1,
        normalized: bool = False,
    ) -> None:
        self.size = size
        super().__init__(channels * size**2, fan_out, kind)
        self.stride, self.normalized = stride, normalized

    def shape(self, fan_out: int) -> tuple[int, ...]:
        return fan_out, self.fan_in // self.size**2, self.size, self.size

    def forward(self, x: Tensor) -> Tensor:
        y = functional.conv2d(x, self.weight, stride=self.stride, padding=self.size // 2)
        return self.multiplier * y


class Embedding(nn.Module):
    """multiplier * weight[x]"""

    kind: MatrixKind = "embedding"
    fan_in = 1
    multiplier = 1.0

    def __init__(self, entries: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(entries, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.multiplier * self.weight[x]


class Branch(nn.Module):
    """x + multiplier * body(x)"""

    def __init__(self, depth: int, alpha: Fraction) -> None:
        super().__init__()
        self.multiplier = float(depth ** -float(alpha))

    def body(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return x + self.multiplier * self.body(x)


def call(module: nn.Module, x: Tensor) -> Tensor:
    """Says what it returns, unlike a module."""
    y: Tensor = module(x)
    return y


def split_heads(x: Tensor, heads: int) -> Tensor:
    """Of (sequence, position, channel): (sequence, head, position, channel of the head)."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(-2)


def causal(scores: Tensor) -> Tensor:
    """Softmax over the positions up to one's own."""
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return scores.masked_fill(future, float("-inf")).softmax(-1)


# Batches, which depend on the seed alone, and losses.


def regression_data(seed: int, samples: int, inputs: int, outputs: int) -> Batch:
    """A random smooth function of Gaussian inputs."""
    with seeded("regression", seed):
        x = torch.randn(samples, inputs)
        y = torch.tanh(x @ torch.randn(inputs, outputs) * (2 / inputs**0.5))
    return x, y


def classification_data(seed: int, samples: int, inputs: int, classes: int) -> Batch:
    """The largest of some random functions of Gaussian inputs."""
    x, y = regression_data(seed, samples, inputs, classes)
    return x, y.argmax(1)


def image_data(seed: int, samples: int, classes: int, size: int = 8) -> Batch:
    """A pattern per class, and noise."""
    with seeded("images", seed):
        labels = torch.randint(classes, (samples,))
        patterns = torch.randn(classes, 3, size, size)
        images = 0.7 * patterns[labels] + 0.7 * torch.randn(samples, 3, size, size)
    return images, labels


def token_data(seed: int, sequences: int, length: int, vocabulary: int) -> Batch:
    """Three tokens of four follow from the one before; the targets are the next ones."""
    with seeded("tokens", seed):
        successor = torch.randperm(vocabulary)
        tokens = torch.randint(vocabulary, (sequences, length + 1))
        follows = torch.rand(sequences, length + 1) < 0.75
        for t in range(length):
            tokens[:, t + 1] = torch.where(follows[:, t], successor[tokens[:, t]], tokens[:, t + 1])
    return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()


def squared_error(model: nn.Module, batch: Batch) -> Tensor:
    """Half of it, summed over outputs."""
    x, y = batch
    return (call(model, x) - y).square().sum(-1).mean() / 2


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    x, y = batch
    return functional.cross_entropy(call(model, x).flatten(0, -2), y.flatten())


# Rates.


@dataclass(frozen=True)
class Described:
    name: str
    parameter: nn.Parameter
    kind: Kind
    fan_in: int

    def in_blocks(self) -> bool:
        return self.name.startswith("blocks.")

    def starred(self) -> str:
        return starred(self.name)


def starred(name: str) -> str:
    return re.sub(r"^blocks\.\d+", "blocks.*", name)


def described(model: nn.Module) -> list[Described]:
    """Every parameter once, under its name in `named_parameters`."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    entries: dict[str, Described] = {}
    for module in model.modules():
        for local, parameter in module.named_parameters(recurse=False):
            kind: Kind = "vector"
            fan_in = 1
            if isinstance(module, Matrix | Embedding):
                kind, fan_in = module.kind, module.fan_in
                if local == "bias":
                    kind = "output" if "readout" in kind else "vector"
            name = names[id(parameter)]
            entries.setdefault(name, Described(name, parameter, kind, fan_in))
    return list(entries.values())


def adam_rate(of: Described) -> float:
    if of.kind in ("hidden", "input"):
        return MATRIX_RATE / of.fan_in
    return RATE / of.fan_in if of.kind == "small_readout" else RATE


def sgd_rate(of: Described, width: int, rate: float) -> float:
    power = {"hidden": 0, "output": 0, "small_readout": -1}.get(of.kind, 1)
    return float(rate * width**power)


def depth_factor(of: Described, depth: int, alpha: Fraction | None) -> float:
    """Of Adam's rate. Norms on the stream itself have 1/L: their changes compound."""
    if alpha is None or not of.in_blocks():
        return 1.0
    power = -ONE if ".stream." in of.name else alpha - 1
    return float((depth / BASE_DEPTH) ** float(power))


def groups(
    parameters: list[Described], rate: Callable[[Described], float], decay: float = 0.0
) -> list[dict[str, Any]]:
    """A group for each rate. A step takes the fraction `decay` of matrices away, at any rate."""
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for of in parameters:
        found.setdefault((rate(of), of.parameter.ndim > 1), []).append(of.parameter)
    return [
        {"params": members, "lr": lr, "weight_decay": decay / lr if matrices else 0.0}
        for (lr, matrices), members in found.items()
    ]


# Families and mutants.


@dataclass(frozen=True)
class Family:
    """Correct networks, one per width, depth and seed.

    `alphas` holds the one exponent of the branches, or nothing where there is no branch. Width is
    varied at `depth_of_widths`, depth at `width_of_depths`. The parameters `inert` change no
    output, whatever their value is: no mistake is planted in them.
    """

    name: str
    factory: Factory
    alphas: tuple[Fraction, ...] = ()
    axes: tuple[Axis, ...] = ("width", "depth")
    widths: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (8, 16, 32, 64)
    depth_of_widths: int = 2
    width_of_depths: int = 32
    inert: tuple[str, ...] = ()

    @property
    def alpha(self) -> Fraction | None:
        return self.alphas[0] if self.alphas else None


def in_width(name: str, factory: Factory) -> Family:
    return Family(name, factory, axes=("width",))


def at_each_alpha(name: str, factory: Callable[..., Setup], **options: Any) -> dict[str, Family]:
    """Two families, named after the exponent of their branches."""
    return {
        f"{name}-{alpha}": Family(
            f"{name}-{alpha}", partial(factory, alpha=alpha), (alpha,), **options
        )
        for alpha in (HALF, ONE)
    }
