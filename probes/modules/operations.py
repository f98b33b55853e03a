"""What is recorded of a forward pass: operations, reads, scores; and tensors. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

# Steps of the power method: the norm is a few percent short where the largest values are close.
_POWER_STEPS = 8
_TINY = 1e-30
PRODUCTS = ("bmm", "baddbmm", "matmul", "mm")


@dataclass(slots=True, eq=False)  # frozen ones take a microsecond more, thousands of times
class Operation:
    """One operation of a forward pass; values number what tensors held, mutation included."""

    function: Any
    name: str  # such as ``addmm`` (in place: without the underscore at the end)
    mutates: bool  # whether it writes into its first argument
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    module: str


@dataclass(slots=True, eq=False)
class Read:
    """A parameter meets data: arguments, output z, its value number and its gradient."""

    operation: Operation
    args: tuple[Any, ...]
    parameters: frozenset[int]
    data: tuple[Tensor, ...]
    output: Tensor
    value: int
    gradient: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a softmax over a product of two activations saw, or a fused attention would have."""

    module: str
    size: float
    head_size: int
    sources: tuple[int, ...]


def tensors_in(tree: object, depth: int = 3) -> list[Tensor]:
    """All tensors of a batch: in lists, dictionaries, and attributes of objects."""
    found: list[Tensor] = []
    for leaf in tree_flatten(tree)[0]:
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif depth and hasattr(leaf, "__dict__"):
            found += tensors_in(vars(leaf), depth - 1)
    return found


def tensors_of(arguments: Any) -> Iterator[Tensor]:
    """The tensors among arguments of an operation, in order."""
    for one in arguments:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, list | tuple):
            yield from tensors_of(one)


def mapped(change: Callable[[Any], Any], arguments: Any) -> list[Any]:
    """Arguments of an operation with every tensor changed."""
    return [
        mapped(change, one)
        if isinstance(one, list | tuple)
        else change(one)
        if isinstance(one, Tensor)
        else one
        for one in arguments
    ]


def widened(tensor: Tensor) -> Tensor:
    """The same numbers with 32 bits at least; indices stay."""
    narrow = tensor.is_floating_point() and tensor.dtype.itemsize < 4
    return tensor.float() if narrow else tensor


def is_zero(tensor: Tensor) -> bool:
    """Whether every entry is zero. A norm is fast, and may be zero where squares are too small."""
    return not (rms(tensor) or bool((tensor != 0).any()))


def count_nonzero(tensor: Tensor) -> int:
    """How many entries are not zero; signs are faster than masks of booleans."""
    exact = torch.float32 if tensor.numel() < 2**24 else torch.float64
    return int(tensor.abs().sign().sum(dtype=exact))


def rms(tensor: Tensor) -> float:
    """Root of the mean square, accumulated in 32 bits at least."""
    if not tensor.numel():
        return math.nan
    whole = widened(tensor.detach())
    return float(torch.linalg.vector_norm(whole)) / math.sqrt(whole.numel())


def operator_norm(matrix: Tensor) -> float:
    """The largest singular value, by a few steps of the power method from fixed numbers."""
    wide = widened(matrix.detach())
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(wide.shape[1], generator=generator).to(wide)
    size = 0.0
    for _ in range(_POWER_STEPS):
        vector = vector / torch.linalg.vector_norm(vector).clamp(min=_TINY)
        image = wide @ vector
        size = float(torch.linalg.vector_norm(image))
        vector = image @ wide
    return size
