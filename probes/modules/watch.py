"""Hooks that see which module runs and what comes out of it. Imports torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._pytree import tree_map
from torch.utils.hooks import RemovableHandle

from probes.modules.operations import tensors_in
from probes.modules.problem import own_work
from probes.modules.recorder import Recorder

OUTPUT = "(output)"


class Watch:
    """Hooks on every module: which one runs, what came out first, and the output's centre.

    The root's output is returned less its first value, so that logits at initialization do not
    act on the first gradient. Other modules have hooks only while they are looked at.
    """

    def __init__(self, model: nn.Module) -> None:
        self.running: list[str] = []
        self.outputs: dict[str, Tensor] = {}
        self.values: dict[str, int] = {}  # of the same, by number of the recorder
        self.centre: list[Any] = []
        self.recorder: Recorder | None = None
        self.passes, self.is_inside = 0, False  # forward passes of the root, and one that runs
        self._calls = 0
        self._seen: dict[int, Tensor] = {}
        self._looking = False
        self._root = model
        made_of_parameters = {
            one
            for module in model.modules()
            if isinstance(module, ParametrizationList)
            for one in module.modules()
        }
        self._names = {
            module: name
            for name, module in model.named_modules()
            if module is not model and module not in made_of_parameters
        }
        # Hooks of the user's run inside ours; what is compiled warns of hooks on all modules.
        compiled = any(hasattr(module, "_orig_mod") for module in model.modules())
        self._hooked = {
            module
            for module in self._names
            if compiled or module._forward_pre_hooks or module._forward_hooks
        }
        self._handles = [
            model.register_forward_pre_hook(self._given, with_kwargs=True),
            model.register_forward_hook(self._leave_root, always_call=True),
        ]

    @contextlib.contextmanager
    def looking(self, wanted: bool = True) -> Iterator[None]:
        """Keep the first output of every module, where it is wanted."""
        handles = self._hooks() if wanted else []
        self._looking = wanted
        try:
            yield
        finally:
            self._looking = False
            for handle in handles:
                handle.remove()

    def _hooks(self) -> list[RemovableHandle]:
        """Two for all modules, and two for each that needs its own.

        torch takes ten microseconds for every hook that it registers.
        """
        handles = list[RemovableHandle]()
        if len(self._hooked) < len(self._names):
            handles.append(register_module_forward_pre_hook(self._enter_any))
            handles.append(register_module_forward_hook(self._leave_any, always_call=True))
        for module in self._hooked:
            handles.append(module.register_forward_pre_hook(self._enter))
            handles.append(module.register_forward_hook(self._leave, always_call=True))
        return handles

    def start(self) -> None:
        """A new forward pass begins."""
        self.outputs, self.values, self._calls, self.running = {}, {}, 0, []
        self._seen = {}

    def close(self) -> None:
        """Take the hooks away, and let go of outputs.

        Their graph has hooks of a recorder that knows this watch, a cycle that no collector sees.
        """
        for handle in self._handles:
            handle.remove()
        self.start()

    def where(self) -> str:
        """The module that is running."""
        return self.running[-1] if self.running else ""

    def _given(self, _module: nn.Module, args: Any, kwargs: Any) -> None:
        self.passes, self.is_inside = self.passes + 1, True
        if self.recorder is not None:
            self.recorder.is_given(tensors_in((args, kwargs)))

    def _enter_any(self, module: nn.Module, args: Any) -> None:
        if module not in self._hooked:
            self._enter(module, args)

    def _leave_any(self, module: nn.Module, args: Any, output: Any) -> None:
        if module not in self._hooked:
            self._leave(module, args, output)

    def _enter(self, module: nn.Module, _args: Any) -> None:
        name = self._names.get(module)
        if name is not None:
            self.running.append(name)

    def _leave(self, module: nn.Module, _args: Any, output: Any) -> None:
        name = self._names.get(module)
        if name is None:
            return
        if self.running:
            self.running.pop()
        self._look(name, output)

    def _leave_root(self, _module: nn.Module, _args: Any, output: Any) -> Any:
        self.is_inside = False
        self._look(OUTPUT, output)
        return self._less_first(output)

    @own_work
    def _look(self, name: str, output: Any) -> None:
        """Keep a module's first output, unless a module inside it made the same."""
        output = _main_tensor(output)
        if not self._looking or output is None or not output.is_floating_point():
            return
        if name in self.outputs or (id(output) in self._seen and name != OUTPUT):
            return
        self._seen[id(output)] = output  # kept: an id is unique while its tensor lives
        if self.recorder is None:
            self.outputs[name] = output.detach().clone()
            return
        value = self.recorder.value_of(output)
        if value is not None:
            self.values[name] = value
        self.recorder.paused = True
        self.outputs[name] = output.detach().clone()
        self.recorder.paused = False

    def _less_first(self, output: Any) -> Any:
        if isinstance(output, Tensor) or type(output) in (tuple, list, dict):
            if len(self.centre) <= self._calls:
                self.centre.append(tree_map(_detached, output))
            first = self.centre[self._calls]
            self._calls += 1
            if isinstance(output, Tensor):
                return _difference(output, first)
            return tree_map(_difference, output, first)
        return output


def _main_tensor(output: Any) -> Tensor | None:
    """What a module's output is judged by: its first tensor, rather of several numbers."""
    if isinstance(output, tuple | list):
        output = output[0] if output else None
    if isinstance(output, Mapping):
        found = [one for one in output.values() if isinstance(one, Tensor)]
        return next((one for one in found if one.numel() > 1), found[0] if found else None)
    return output if isinstance(output, Tensor) else None


def _detached(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _difference(value: Any, first: Any) -> Any:
    if isinstance(value, Tensor) and value.is_floating_point() and value.shape == first.shape:
        return value - first
    return value
