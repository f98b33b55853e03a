"""Train a problem: its loss, its optimizers, how their updates scale. Imports torch.

Nothing inside the model is measured here. Of ``theory`` it imports errors.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probes.modules.operations import rms
from probes.modules.problem import LATEST_ATTRIBUTION, Problem
from probes.modules.surroundings import Randomness, eager
from theory.errors import InputError

# Calls of one loss may differ by so much.
_REPEATS = 1e-4


def owners_of(
    problem: Problem, parameters: Mapping[int, Tensor]
) -> dict[int, tuple[int, dict[str, Any]]]:
    """For every parameter the place of its optimizer, and its group."""
    if not parameters:
        raise InputError("no parameter of the model requires a gradient; nothing is trained")
    owners: dict[int, tuple[int, dict[str, Any]]] = {}
    for place, optimizer in enumerate(problem.optimizers):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if id(parameter) in parameters:
                    owners.setdefault(id(parameter), (place, group))
    if not owners:
        raise InputError("no optimizer has a parameter of the model; make it of model.parameters()")
    return owners


def use_fused_kernels(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Let torch's own Adam take its fused step: the same to rounding, in less time.

    Groups whose owner chose a kernel, or whose parameters have none, stay as they are.
    """
    for optimizer in optimizers:
        if type(optimizer) not in (torch.optim.Adam, torch.optim.AdamW):
            continue
        for group in optimizer.param_groups:
            free = group.get("fused") is None and group.get("foreach") is None
            plain = not (group.get("capturable") or group.get("differentiable"))
            if free and plain and all(map(_has_fused_adam, group["params"])):
                group["fused"] = True


def leave_gradients(optimizers: Sequence[torch.optim.Optimizer]) -> bool:
    """Whether the optimizers are known not to write into gradients."""
    known = torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD
    return all(type(one) in known for one in optimizers)


def _has_fused_adam(parameter: Tensor) -> bool:
    return _fused_adam_exists(parameter.device.type, parameter.dtype)


@functools.cache
def _fused_adam_exists(device: str, dtype: torch.dtype) -> bool:
    """Whether torch takes a fused step there; older ones refuse."""
    parameter = torch.zeros(1, device=device, dtype=dtype, requires_grad=True)
    try:
        optimizer = torch.optim.Adam([parameter], fused=True)
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    except RuntimeError:
        return False
    return True


def trained_loss(problem: Problem, steps: int) -> float:
    """The loss after so many steps; nothing else is measured."""
    parameters = list(problem.model.parameters())
    for _ in range(steps):
        _train_once(problem, parameters)
    return float(scalar(problem.loss(problem.model, problem.batch)).detach())


def _train_once(problem: Problem, parameters: Sequence[Tensor]) -> None:
    """One step of the optimizers, or the user's own."""
    if problem.step is not None:
        problem.step(problem.model, problem.optimizer, problem.batch)
        return
    for parameter in parameters:
        parameter.grad = None
    scalar(problem.loss(problem.model, problem.batch)).backward()  # type: ignore[no-untyped-call]
    for optimizer in problem.optimizers:
        optimizer.step()


def degrees_of_optimizers(make: Callable[[], Problem]) -> dict[int, int]:
    """1 where an optimizer's update follows the length of the gradient (SGD), 0 where not (Adam).

    The problem is made twice; the second time every gradient is four times as long. Raises
    ``InputError`` where the loss is another one at every call.
    """
    updates = []
    for scale in (1.0, 4.0):
        problem = make()
        with eager(problem.model):
            updates.append(_updates(problem, scale))
            if scale == 1.0:
                _check_repeats(problem)
    degrees: dict[int, list[float]] = {}
    for name, (place, size) in updates[0].items():
        other = updates[1].get(name)
        if other is not None and size > 0 and other[1] > 0:
            degrees.setdefault(place, []).append(math.log(other[1] / size, 4))
    return {
        place: max(0, min(1, round(float(np.median(found))))) for place, found in degrees.items()
    }


def _check_repeats(problem: Problem) -> None:
    """The loss has to be one of model and batch: with fresh data, noise would count as change.

    What the first call sets, and what buffers count, is not meant. A trained model is looked at,
    for one with a zero readout has the same loss on every batch.
    """
    problem.loss(problem.model, problem.batch)
    buffers = [
        (module, name, buffer.clone())
        for module in problem.model.modules()
        for name, buffer in module.named_buffers(recurse=False)
    ]
    randomness, losses = Randomness.now(), []
    for _ in range(2):
        randomness.restore()
        for module, name, buffer in buffers:
            setattr(module, name, buffer.clone())
        losses.append(float(scalar(problem.loss(problem.model, problem.batch)).detach()))
    first, second = losses
    if abs(first - second) > _REPEATS * max(abs(first), abs(second)):
        raise InputError(
            f"two calls of loss(model, batch) gave {first:.6g} and {second:.6g}; the loss has to "
            "depend on model and batch alone: draw the batch in the factory"
        )


def _updates(problem: Problem, scale: float) -> dict[str, tuple[int, float]]:
    """By parameter: its optimizer and the size of its first update that is not zero."""
    named = {n: p for n, p in problem.model.named_parameters() if p.requires_grad}
    owners = owners_of(problem, {id(p): p for p in named.values()})
    handles = [p.register_hook(lambda g: g * scale) for p in named.values()]  # type: ignore[no-untyped-call]
    found: dict[str, tuple[int, float]] = {}
    for step in range(LATEST_ATTRIBUTION):
        if len(found) == len(named) or (step >= 2 and found):
            break
        before = {n: p.detach().clone() for n, p in named.items()}
        _train_once(problem, list(named.values()))
        for name, parameter in named.items():
            size = rms(parameter.detach().float() - before[name].float())
            if id(parameter) in owners and size > 0 and name not in found:
                found[name] = (owners[id(parameter)][0], size)
    for handle in handles:
        handle.remove()
    return found


def scalar(loss: Any) -> Tensor:
    """The loss, which is one number that depends on parameters."""
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise InputError(
            f"loss(model, batch) returned {_said(loss)}; expected a tensor with one number"
        )
    return loss


def _said(value: object) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
