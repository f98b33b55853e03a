"""Follow every parameter of a module to the operations that read it. Imports torch.

A *read* is the operation that first mixes a parameter with data: a matrix product, a lookup, the
addition of a bias. What is computed from parameters alone before (transposes, casts, weight
normalization, slices of a fused projection) is a *chain*, which can be computed again with another
value of the parameter. Names of modules are never used: a read is found wherever it happens.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from probes.modules.operations import Operation, Read, Scores, mapped, tensors_of, widened
from probes.modules.problem import own_work
from probes.modules.scores import FUSED, SOFTMAX, scores_of

# Products of parameters and data; with a vector, they normalize a matrix by its spectrum, too.
_MATRIX_PRODUCTS = (
    *("mm", "addmm", "bmm", "baddbmm", "matmul", "linear", "convolution", "addbmm"),
    *("_convolution", "mkldnn_convolution", "_trilinear"),
)


@dataclass(slots=True)
class _Chain:
    parameters: frozenset[int]
    parameter: Tensor | None = None
    operation: tuple[Any, tuple[Any, ...], Mapping[str, Any]] | None = None
    place: int = 0


@dataclass(slots=True)
class _Call:
    """An operation that is about to run; ``args`` as they are before it writes into one."""

    name: str
    mutates: bool
    given: list[Tensor]
    ids: list[int]
    inputs: tuple[int, ...]
    chains: list[_Chain]
    args: tuple[Any, ...]


@functools.cache
def _called(function: Any) -> tuple[str, bool]:
    """The name of an operation, and whether it writes into its first argument."""
    name: str = function.overloadpacket.__name__
    mutates = name.endswith("_") and not name.endswith("__")
    return (name.rstrip("_") if mutates else name), mutates


class Recorder(TorchDispatchMode):
    """Record reads and scores of everything that runs inside.

    ``parameters``: the leaves to follow. ``data``: tensors of the batch; with none, whatever is
    not made of parameters is data. ``where``: names the module that is running.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        data: Sequence[Tensor],
        where: Callable[[], str] = lambda: "",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._where = where
        self._all_is_data = not data
        self._chains = {id(p): _Chain(frozenset([id(p)]), p) for p in parameters}
        self._data = {id(t) for t in data}
        self._alive: list[Tensor] = [*parameters, *data]  # an id is unique while its tensor lives
        self._values: dict[int, int] = {}
        self._caught: dict[int, Tensor] = {}
        self.paused = False  # while hooks look at outputs
        self.operations: list[Operation] = []
        self.producers: dict[int, Operation] = {}
        self.contracted: set[int] = set()  # values that parameters made of data, by a product
        self.reads: list[Read] = []
        self.scores: list[Scores] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Newer torch asks: no, nothing is compiled here, and the wrapper against it is slow."""
        return False

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        for read in self.reads:
            unchanged = self._values[id(read.output)] == read.value
            if unchanged and read.value not in self._caught and read.output.requires_grad:
                self._hook(read.output, read.value)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        call = self._about_to_run(func, args, kwargs)
        out = func(*args, **kwargs)
        self._has_run(call, func, kwargs, out)
        return out

    @own_work
    def _about_to_run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> _Call:
        given = list(tensors_of(args))
        if kwargs:
            given += tensors_of(kwargs.values())
        ids = [id(tensor) for tensor in given]
        inputs = tuple(map(self._value, given))
        name, mutates = _called(func)
        chains = [chain for one in ids if (chain := self._chains.get(one)) is not None]
        recorded = args
        if mutates and isinstance(args[0], Tensor):
            self._catch(args[0])
            recorded = (self._before(args[0], bool(chains)), *args[1:])
        return _Call(name, mutates, given, ids, inputs, chains, recorded)

    @own_work
    def _has_run(self, call: _Call, func: Any, kwargs: Mapping[str, Any], out: Any) -> None:
        name, chains = call.name, call.chains
        made = list(tensors_of((out,)))
        is_data = self._is_data(call)
        numbers = []
        for tensor in made:
            self._alive.append(tensor)
            number = self._values[id(tensor)] = len(self._alive) * 2  # new, also where one mutates
            numbers.append(number)
        outputs = tuple(numbers)
        operation = Operation(
            func, name, call.mutates, call.args, kwargs, call.inputs, outputs, self._where()
        )
        self.operations.append(operation)
        for value in outputs:
            self.producers[value] = operation
        made = [tensor for tensor in made if not self._is_leaf(tensor)]
        if "out" in kwargs:  # is made under no_grad: from here on a constant
            for tensor in made:
                self._chains.pop(id(tensor), None)
        elif is_data:
            self._of_data(operation, made, chains)
        elif chains:
            self._of_parameters(operation, made, chains)

    def _of_parameters(
        self, operation: Operation, made: Sequence[Tensor], chains: Sequence[_Chain]
    ) -> None:
        parameters = frozenset[int]().union(*(chain.parameters for chain in chains))
        again = (operation.function, operation.args, operation.kwargs)
        for place, tensor in enumerate(made):
            if operation.mutates or id(tensor) not in self._chains:
                self._chains[id(tensor)] = _Chain(parameters, None, again, place)

    def _is_leaf(self, tensor: Tensor) -> bool:
        """A parameter stays one, also where the first call sets its initial value."""
        chain = self._chains.get(id(tensor))
        return chain is not None and chain.parameter is tensor

    def _before(self, tensor: Tensor, is_read: bool) -> Tensor:
        """What is about to be written over: a copy of it, where something was or is made of it."""
        reads = [read for read in self.reads if any(one is tensor for one in read.args)]
        is_chain = id(tensor) in self._chains
        if self._is_leaf(tensor) or not (reads or is_read or is_chain):
            return tensor
        copy = tensor.detach().clone()
        self._alive.append(copy)

        def renamed(argument: Tensor) -> Tensor:
            return copy if argument is tensor else argument

        for read in reads:
            read.data = tuple(mapped(renamed, read.data))
            read.args = tuple(mapped(renamed, read.args))
        if not is_chain:
            self._data.add(id(copy))
            return copy
        for chain in self._chains.values():
            if chain.operation is not None:
                function, args, kwargs = chain.operation
                chain.operation = function, tuple(mapped(renamed, args)), kwargs
        self._chains[id(copy)] = self._chains[id(tensor)]
        return copy

    def _is_data(self, call: _Call) -> bool:
        if not self._data.isdisjoint(call.ids):
            return True
        if not call.chains:
            return self._all_is_data
        plain = [tensor for tensor in call.given if id(tensor) not in self._chains]
        made_here = any(self._values[id(tensor)] in self.producers for tensor in plain)
        if made_here and call.name in _MATRIX_PRODUCTS:
            return True  # such as an initial state
        return self._all_is_data and bool(plain)

    def _of_data(
        self,
        operation: Operation,
        made: Sequence[Tensor],
        chains: Sequence[_Chain],
    ) -> None:
        self._data.update(id(tensor) for tensor in made)
        if operation.mutates:
            for tensor in made:
                self._chains.pop(id(tensor), None)
        if operation.name in SOFTMAX or operation.name.startswith(FUSED):
            scores = scores_of(self, operation)
            self.scores += [] if scores is None else [scores]
        # A loss that takes gradients itself reads parameters again, backwards: that is no read.
        if chains and made and torch._C._current_graph_task_id() == -1:
            if _contracts(operation):
                self.contracted.update(operation.outputs)
            parameters = frozenset[int]().union(*(chain.parameters for chain in chains))
            given = tensors_of((*operation.args, *operation.kwargs.values()))
            data = tuple(tensor for tensor in given if id(tensor) not in self._chains)
            self.reads.append(
                Read(operation, operation.args, parameters, data, made[0], operation.outputs[0])
            )

    def _value(self, tensor: Tensor) -> int:
        value = self._values.get(id(tensor))
        if value is None:
            self._alive.append(tensor)
            value = self._values[id(tensor)] = len(self._alive) * 2 + 1
        return value

    def is_given(self, tensors: Sequence[Tensor]) -> None:
        """What the model is called with is data, unless it is made of parameters."""
        for tensor in tensors:
            if not self.is_chain(tensor):
                self._alive.append(tensor)
                self._data.add(id(tensor))

    def value_of(self, tensor: Tensor) -> int | None:
        """The number of what the tensor holds now."""
        return self._values.get(id(tensor))

    def is_chain(self, tensor: Tensor) -> bool:
        """Whether a tensor is made of parameters alone."""
        return id(tensor) in self._chains

    def _catch(self, tensor: Tensor) -> None:
        """Catch the gradient of what this tensor holds now, before something is written into it."""
        value = self._values.get(id(tensor))
        if value is not None and tensor.requires_grad and not tensor.is_leaf:
            self._hook(tensor, value)

    def _hook(self, tensor: Tensor, value: int) -> None:
        def caught(gradient: Tensor) -> None:
            self._caught[value] = gradient.detach()

        self._caught.setdefault(value, tensor)
        tensor.register_hook(caught)  # type: ignore[no-untyped-call]

    @own_work
    def collect(self) -> None:
        """After the backward pass: give every read its gradient."""
        for read in self.reads:
            gradient = self._caught.get(read.value)
            read.gradient = None if gradient is None or gradient is read.output else gradient

    def release(self) -> None:
        """Let go of every tensor: they are in cycles, which would wait for the collector."""
        for kept in (self._alive, self._chains, self._caught, self.operations, self.reads):
            kept.clear()
        self.producers.clear()

    def back_from(self, values: Sequence[int]) -> Iterator[Operation]:
        """Operations that values come from, nearest first, up to products with parameters."""
        waiting, seen = list(values), set(values)
        while waiting:
            value = waiting.pop(0)
            operation = self.producers.get(value)
            if operation is None:
                continue
            yield operation
            if value not in self.contracted:
                waiting += [one for one in operation.inputs if one not in seen]
                seen.update(operation.inputs)

    def replay(
        self, read: Read, values: Mapping[int, Tensor], data: Mapping[int, Tensor]
    ) -> Tensor:
        """The output of a read with other values of parameters, by id, or of its data, by place."""
        substitutes = {id(read.data[place]): tensor for place, tensor in data.items()}
        cache: dict[int, Any] = {}

        def value(argument: Tensor) -> Tensor:
            if id(argument) in substitutes:
                return substitutes[id(argument)]
            return widened(self._again(argument, values, cache))

        args = mapped(value, read.args)
        kwargs = {
            name: value(one) if isinstance(one, Tensor) else one
            for name, one in read.operation.kwargs.items()
        }
        function = read.operation.function
        if read.operation.mutates:
            args = [args[0].clone(), *args[1:]]
        elif "batch_norm" in read.operation.name:  # writes running statistics
            args = mapped(torch.clone, args)
        out = function(*args, **kwargs)
        result: Tensor = out if isinstance(out, Tensor) else out[0]
        return result

    def _again(self, tensor: Tensor, values: Mapping[int, Tensor], cache: dict[int, Any]) -> Any:
        chain = self._chains.get(id(tensor))
        if chain is None or not chain.parameters & values.keys():
            return tensor.detach()
        if chain.parameter is not None:
            return values[id(chain.parameter)]
        if id(tensor) not in cache:
            assert chain.operation is not None
            function, args, kwargs = chain.operation

            def again(argument: Tensor) -> Any:
                return self._again(argument, values, cache)

            if _called(function)[0] == "_to_copy":
                cache[id(tensor)] = again(args[0])
            else:
                arguments = mapped(again, args)
                if _called(function)[1]:
                    arguments[0] = arguments[0].clone()
                made = function(*arguments, **kwargs)
                cache[id(tensor)] = list(tensors_of((made,)))[chain.place]
        return cache[id(tensor)]


def _contracts(operation: Operation) -> bool:
    return operation.name in (*_MATRIX_PRODUCTS, "addmv", "mv", "dot")
