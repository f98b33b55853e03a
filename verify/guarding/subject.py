"""The network that is guarded: a factory, what it returns, and what it does at each size.

Imports inspect; ``probes`` when a factory is called. Nothing is imported of
the user's code but the target.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from theory.errors import InputError
from theory.scaling import Axis
from verify.targets import load_target, one_line

if TYPE_CHECKING:
    from probes.modules.problem import Problem

_PARTS = ("model", "optimizer", "batch", "loss")
_CONTRACT = "factory(width, depth, seed) -> (model, optimizer, batch, loss)"


def load_factory(target: str) -> Callable[..., Any]:
    """The factory that ``FILE.py:factory`` or ``package.module:factory`` names."""
    factory = load_target(target, "factory")
    if not callable(factory):
        name = target.rpartition(":")[2]
        raise InputError(f"target {target!r}: {name} is not callable; expected {_CONTRACT}")
    return factory  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Subject:
    """A factory and the sizes that it takes."""

    factory: Callable[..., Any]
    takes: Mapping[str, bool]
    depth: int | None  # where the factory has one of its own

    @classmethod
    def of(cls, factory: Callable[..., Any]) -> Subject:
        """Find out by its signature which of width, depth and seed a factory takes."""
        try:
            parameters = inspect.signature(factory).parameters
        except (TypeError, ValueError):
            raise InputError(f"the factory has no signature; expected {_CONTRACT}") from None
        every = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        takes = {name: every or name in parameters for name in ("width", "depth", "seed")}
        others = [
            name
            for name, p in parameters.items()
            if name not in takes
            and p.default is inspect.Parameter.empty
            and p.kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        ]
        if others:
            raise InputError(
                f"the factory asks for {', '.join(others)}; expected width, depth and seed, as in "
                f"{_CONTRACT}"
            )
        if not (takes["width"] or takes["depth"]):
            raise InputError(f"the factory takes neither width nor depth; expected {_CONTRACT}")
        own = parameters["depth"].default if "depth" in parameters else None
        return cls(factory, takes, own if isinstance(own, int) else None)

    @property
    def axes(self) -> list[Axis]:
        """Along which the factory can be judged."""
        return [axis for axis in Axis if self.takes[axis.value]]

    def make(self, width: int | None, depth: int | None, seed: int) -> Problem:
        """Call the factory; one line for everything that it does wrong."""
        from probes.modules.surroundings import seed_everything

        given = {"width": width, "depth": depth, "seed": seed}
        arguments = {
            name: value for name, value in given.items() if self.takes[name] and value is not None
        }
        said = ", ".join(f"{name}={value}" for name, value in arguments.items())
        number = 1_000_003 * seed + 31 * (width or 0) + (depth or 0)
        seed_everything(number)
        try:
            made = self.factory(**arguments)
        except Exception as error:
            raise InputError(
                f"factory({said}) raised {one_line(error)}; mend it, then run again"
            ) from None
        return problem_of(made, f"factory({said})")


def problem_of(made: Any, said: str) -> Problem:
    """What a factory returned, checked against the contract."""
    import torch

    from probes.modules.problem import Problem

    parts = _parts(made, said)
    model, optimizer, loss = parts["model"], parts["optimizer"], parts["loss"]
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"{said}: the model is a {type(model).__name__}; expected torch.nn.Module")
    _refuse_shards(model, said)
    optimizers = tuple(optimizer) if isinstance(optimizer, list | tuple) else (optimizer,)
    for one in optimizers:
        if not hasattr(one, "param_groups") or not hasattr(one, "step"):
            raise InputError(
                f"{said}: the optimizer is a {type(one).__name__}; expected a "
                "torch.optim.Optimizer or a list of them"
            )
        if isinstance(one, torch.optim.LBFGS) and parts.get("step") is None:
            raise InputError(
                f"{said}: LBFGS calls the loss by itself; return step(model, optimizer, batch), too"
            )
        if isinstance(one, torch.optim.RAdam):
            raise InputError(
                f"{said}: RAdam's first five steps follow the length of the gradient, and later "
                "ones do not, so that few steps say nothing of its rates; give Adam in its place"
            )
    if not callable(loss):
        raise InputError(
            f"{said}: the loss is a {type(loss).__name__}; expected loss(model, batch)"
        )
    step = parts.get("step")
    if step is not None and not callable(step):
        raise InputError(
            f"{said}: the step is a {type(step).__name__}; expected step(model, optimizer, batch)"
        )
    return Problem(model, optimizers, parts["batch"], loss, step, optimizer)


def _refuse_shards(model: Any, said: str) -> None:
    """Sharded parameters are parts, or all in one: their shapes say nothing."""
    fsdp = sys.modules.get("torch.distributed.fsdp")
    tensor = sys.modules.get("torch.distributed.tensor")
    wrappers = ("FullyShardedDataParallel", "FSDPModule")
    kinds = tuple(getattr(fsdp, name) for name in wrappers if hasattr(fsdp, name))
    distributed = (tensor.DTensor,) if tensor is not None else ()
    if not kinds and not distributed:
        return
    if any(isinstance(module, kinds) for module in model.modules()) or any(
        isinstance(parameter, distributed) for parameter in model.parameters()
    ):
        raise InputError(
            f"{said}: the model is sharded (FSDP, tensor parallel), which hides its parameters; "
            "return it before it is sharded, with an optimizer of its own parameters"
        )


def _parts(made: Any, said: str) -> dict[str, Any]:
    if isinstance(made, tuple) and not hasattr(made, "_fields"):
        if len(made) not in (4, 5):
            raise InputError(
                f"{said} returned {len(made)} things; expected (model, optimizer, batch, loss), "
                "and step after them if there is one"
            )
        return dict(zip((*_PARTS, "step"), made, strict=False))

    def read(name: str) -> Any:
        return made.get(name) if isinstance(made, Mapping) else getattr(made, name, None)

    missing = [name for name in _PARTS if read(name) is None and name != "batch"]
    if missing:
        raise InputError(
            f"{said} returned a {type(made).__name__} without {', '.join(missing)}; expected "
            "(model, optimizer, batch, loss) or an object with these names"
        )
    return {name: read(name) for name in (*_PARTS, "step")}
