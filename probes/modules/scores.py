"""What a softmax over a product of two activations sees of that product. Imports torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from probes.modules.operations import PRODUCTS, Operation, Scores, mapped, rms, tensors_of

if TYPE_CHECKING:
    from probes.modules.recorder import Recorder

SOFTMAX = ("_softmax", "_safe_softmax")
FUSED = "_scaled_dot_product"
# Beyond this, a score is a mask and no score.
_MASKED = -1e4
# What may add a position's bias to a product.
_ADDING = ("add", "sub", "rsub", "baddbmm", "where")


def scores_of(recorder: Recorder, operation: Operation) -> Scores | None:
    """The scores of an attention; ``None`` for a softmax of anything else, such as a router's."""
    if operation.name.startswith(FUSED):
        return _of_fused(operation)
    path = _path_from_product(recorder, operation.inputs[0])
    if not path:
        return None
    product, seen = path[0], operation.args[0].detach()
    kept = torch.isfinite(seen) & (seen > _MASKED)
    if any(one.name in _ADDING for one in path):
        seen = seen - _without_product(path)
    head_size = product.args[-1].shape[-2]
    return Scores(product.module, rms(seen[kept]), head_size, product.inputs[-2:])


def _of_fused(operation: Operation) -> Scores:
    query, key = operation.args[0].detach().float(), operation.args[1].detach().float()
    scale = operation.kwargs.get("scale")
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if key.dim() == 4 and key.shape[1] != query.shape[1]:  # grouped queries
        key = key.repeat_interleave(query.shape[1] // key.shape[1], 1)
    size = rms(query @ key.transpose(-1, -2)) * float(scale)
    return Scores(operation.module, size, query.shape[-1], operation.inputs[:2])


def _path_from_product(recorder: Recorder, value: int) -> list[Operation]:
    """From the product of two activations to a value: the operations in between, in order."""
    behind = []
    for operation in recorder.back_from([value]):
        behind.append(operation)
        if operation.name in PRODUCTS:
            if recorder.contracted.intersection(operation.outputs):
                return []
            return _following(operation, behind)
    return []


def _following(product: Operation, others: Sequence[Operation]) -> list[Operation]:
    """The product, and those of the others that come from it."""
    path, made = [product], set(product.outputs)
    for one in sorted(others, key=lambda one: one.outputs):
        if one is not product and not made.isdisjoint(one.inputs):
            path.append(one)
            made.update(one.outputs)
    return path


def _without_product(path: Sequence[Operation]) -> Tensor:
    """What comes out at the end of a path where the product is zero: biases of positions."""
    product = path[0]
    values: dict[int, Tensor] = {}
    zero = torch.zeros_like(product.args[-1])
    with torch.no_grad():
        made: Tensor = product.function(*product.args[:-1], zero, **product.kwargs)
        values[product.outputs[0]] = made
        for one in path[1:]:
            made = _again(one, values)
            values[one.outputs[0]] = made
    return made


def _again(operation: Operation, values: Mapping[int, Tensor]) -> Tensor:
    """The operation with other tensors for some of its inputs, by their numbers."""
    numbers = iter(operation.inputs)

    def changed(argument: Tensor) -> Tensor:
        return values.get(next(numbers), argument.detach())

    args = mapped(changed, operation.args)
    kwargs = dict(zip(operation.kwargs, mapped(changed, operation.kwargs.values()), strict=True))
    if operation.mutates and isinstance(args[0], Tensor):
        args[0] = args[0].clone()
    return next(tensors_of((operation.function(*args, **kwargs),)))
