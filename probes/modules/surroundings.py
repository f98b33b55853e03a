"""What a network runs in: random states, threads, kernels that can be seen into. Imports torch.

Whatever is changed here is afterwards as it was. Of ``theory`` it imports errors.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from probes.modules.problem import Problem
from theory.errors import UnavailableError

_MANY_PARAMETERS = 20_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Randomness:
    """The random states of python, numpy and torch."""

    python: Any
    numpy: Any
    torch: Tensor
    cuda: list[Tensor]

    @classmethod
    def now(cls) -> Randomness:
        """As they are."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        numpy = np.random.get_state()  # noqa: NPY002
        return cls(random.getstate(), numpy, torch.get_rng_state(), cuda)

    def has_moved(self) -> bool:
        """Whether something was drawn since."""
        now = Randomness.now()
        of_numpy = zip(self.numpy, now.numpy, strict=True)
        same = (
            torch.equal(self.torch, now.torch)
            and self.python == now.python
            and all(np.array_equal(mine, theirs) for mine, theirs in of_numpy)
            and all(map(torch.equal, self.cuda, now.cuda))
        )
        return not same

    def restore(self) -> None:
        """Make them what they were."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)


def seed_everything(number: int) -> None:
    """Seed python, numpy and torch."""
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002
    if _has_accelerator():
        torch.manual_seed(number)
    else:  # torch.manual_seed would note for every absent device from where it was called
        torch.default_generator.manual_seed(number)


@functools.cache
def _has_accelerator() -> bool:
    # torch.accelerator is newer than torch 2.5.
    devices = torch.cuda, torch.xpu, torch.backends.mps
    return any(device.is_available() for device in devices)


@contextlib.contextmanager
def untouched_randomness() -> Iterator[None]:
    """Random states of python, numpy and torch are afterwards what they were, whatever happens."""
    before = Randomness.now()
    try:
        yield
    finally:
        before.restore()


@contextlib.contextmanager
def threads_for(problem: Problem) -> Iterator[None]:
    """One thread where a network is so small that threads would mostly wait for each other."""
    before = torch.get_num_threads()
    if sum(p.numel() for p in problem.model.parameters()) < _MANY_PARAMETERS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Python's collector waits: it would go through all that is recorded, and find it in use."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextlib.contextmanager
def eager(model: nn.Module) -> Iterator[None]:
    """What is compiled or checkpointed runs as it is written, recurrent kernels step by step."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    with contextlib.ExitStack() as stack:
        if "torch._dynamo" in sys.modules:  # something may be compiled: a model, a part, a loss
            set_stance = getattr(torch.compiler, "set_stance", None)
            if set_stance is not None:
                stack.enter_context(set_stance("force_eager"))
            elif any(hasattr(module, "_orig_mod") for module in model.modules()):
                raise UnavailableError(
                    f"torch {torch.__version__} cannot run a compiled model as it is written; "
                    "give the model before torch.compile, or install torch 2.6"
                )
        if recurrent:
            stack.enter_context(_without_fused_kernels())
        if "torch.utils.checkpoint" in sys.modules:
            stack.enter_context(_without_reentrant_checkpoints())
        yield


@contextlib.contextmanager
def _without_reentrant_checkpoints() -> Iterator[None]:
    """Their forward pass has no graph, so that no gradient of an activation could be seen.

    Where no argument has a gradient, such a checkpoint loses those of its parameters; this stays.
    """
    module = sys.modules["torch.utils.checkpoint"]
    reentrant = module.CheckpointFunction

    class Plain:
        @staticmethod
        def apply(function: Any, preserve: bool, *args: Any) -> Any:
            if any(isinstance(one, Tensor) and one.requires_grad for one in args):
                return function(*args)
            return reentrant.apply(function, preserve, *args)

    vars(module)["CheckpointFunction"] = Plain
    try:
        yield
    finally:
        vars(module)["CheckpointFunction"] = reentrant


@contextlib.contextmanager
def _without_fused_kernels() -> Iterator[None]:
    # The flags of torch.backends warn of hardware that is not there.
    before = torch._C._get_mkldnn_enabled(), torch._C._get_cudnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    torch._C._set_cudnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before[0])
        torch._C._set_cudnn_enabled(before[1])
