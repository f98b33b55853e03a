"""What becomes of the outputs of reads, and where their inputs come from. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from probes.modules.operations import PRODUCTS, Operation, Read
from probes.modules.recorder import Recorder

# Where an integer selects entries of a table.
_LOOKUPS = ("embedding", "index", "index_select", "gather")
# Operations that hand on the same numbers in another shape.
_SAME_NUMBERS = {
    *("view", "_unsafe_view", "reshape", "t", "transpose", "permute", "unsqueeze", "squeeze"),
    *("expand", "clone", "alias", "detach", "_to_copy", "native_dropout", "_reshape_alias"),
    *("lift_fresh", "contiguous"),
}
# As dropout asks for a shape, and as torch keeps an output for the backward pass.
_READ_NOTHING = {
    *("detach", "empty_like", "zeros_like", "ones_like", "full_like", "rand_like", "randn_like"),
    *("new_empty", "new_zeros", "new_ones", "new_full"),
}
_MOST_READS = 16


class Graph:
    """What becomes of the outputs of reads, and where their inputs come from."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._reads = {id(read.operation) for read in recorder.reads}
        self._consumers: dict[int, list[Operation]] = {}
        for operation in recorder.operations:
            if operation.name in _READ_NOTHING:
                continue
            for value in operation.inputs:
                self._consumers.setdefault(value, []).append(operation)

    def factor_after(self, value: int) -> tuple[float, int]:
        """By what constant the value is multiplied before anything else is done to it, and into
        which value.

        A sum inside a branch shares what multiplies it. What a matrix reads of a vector's output
        without a matrix before belongs to that matrix.
        """
        first, factor = value, 1.0
        while True:
            consumers = [one for one in self._consumers.get(value, ()) if one.outputs]
            if len(consumers) != 1:
                break
            (next_one,) = consumers
            if self._adds_activations(next_one):
                if self._adds_to_stream(next_one, value):
                    break
                by = _times(next_one, value)
            else:
                scaled, by = self._scaling(next_one)
                if scaled != value:
                    break
            factor, value = factor * by, next_one.outputs[0]
        read_next = any(self._is_matrix(one) for one in self._consumers.get(value, ()))
        if read_next and self.factor_before(value) != 1.0:
            return 1.0, first
        return factor, value

    def factor_before(self, value: int) -> float:
        """By what constant the value was multiplied after anything else was done to it.

        1 where it is the output of another matrix or table: then the constant is theirs.
        """
        factor = 1.0
        while (operation := self._recorder.producers.get(value)) is not None:
            scaled, by = self._scaling(operation)
            if scaled is None:
                return 1.0 if self._is_matrix(operation) else factor
            factor, value = factor * by, scaled
        return factor

    def _is_matrix(self, operation: Operation) -> bool:
        """Whether a parameter is contracted with data here, or looked up."""
        if not self._recorder.contracted.isdisjoint(operation.outputs):
            return True
        return id(operation) in self._reads and operation.name in _LOOKUPS

    def factor_to_stream(self, value: int) -> float | None:
        """By what constant the value is multiplied until it is added to a stream of its shape.

        Data may multiply it, too, as a mask or a gate does. ``None`` where something else becomes
        of it, or a parameter multiplies it: then the branch ends there.
        """
        factor = 1.0
        while True:
            consumers = self._consumers.get(value, ())
            if len(consumers) != 1:
                return None
            (next_one,) = consumers
            if self._adds_activations(next_one):
                factor *= _times(next_one, value)
                if self._adds_to_stream(next_one, value):
                    return factor
            else:
                scaled, by = self._scaling(next_one)
                if scaled == value:
                    factor *= by
                elif next_one.name != "mul" or any(map(self._is_made_of_parameters, next_one.args)):
                    return None
            value = next_one.outputs[0]

    def factor_outside(self, value: int) -> float:
        """By what constant the value is multiplied next; 1 for queries and keys."""
        factor, end = self.factor_after(value)
        products = [
            one
            for one in self._consumers.get(end, ())
            if one.name in PRODUCTS and self._recorder.contracted.isdisjoint(one.outputs)
        ]
        return 1.0 if products or not factor else abs(factor)

    def on_stream(self, value: int) -> bool:
        """Whether the value is read, and a branch is added to it."""
        consumers = self._consumers.get(value, ())
        return len(consumers) > 1 and any(self._adds_activations(one) for one in consumers)

    def _adds_activations(self, operation: Operation) -> bool:
        tensors = [one for one in operation.args[:2] if isinstance(one, Tensor)]
        if operation.name != "add" or len(tensors) != 2 or tensors[0].shape != tensors[1].shape:
            return False
        return not any(self._recorder.is_chain(one) for one in tensors)

    def _adds_to_stream(self, addition: Operation, branch: int) -> bool:
        """Whether what is added to a branch is read elsewhere, too, but for constants."""
        for value in addition.inputs[:2]:
            while value != branch:
                if len(self._consumers.get(value, ())) > 1:
                    return True
                producer = self._recorder.producers.get(value)
                scaled = None if producer is None else self._scaling(producer)[0]
                if scaled is None:
                    break
                value = scaled
        return False

    def before_other_reads(self, sources: Sequence[int]) -> set[int]:
        """Values of the contractions that these values come from, with none in between."""
        return {
            value
            for operation in self._recorder.back_from(sources)
            for value in operation.outputs
            if value in self._recorder.contracted
        }

    def inner(self) -> set[int]:
        """Values that another contraction with a parameter reads, directly or not."""
        ahead: set[int] = set()
        for operation in reversed(self._recorder.operations):
            outputs = operation.outputs
            if not self._recorder.contracted.isdisjoint(outputs) or not ahead.isdisjoint(outputs):
                ahead.update(operation.inputs)
        return ahead

    def _is_made_of_parameters(self, argument: object) -> bool:
        return isinstance(argument, Tensor) and self._recorder.is_chain(argument)

    def _scaling(self, operation: Operation) -> tuple[int | None, float]:
        """Which input the operation only multiplies by a constant, and by which."""
        if not operation.inputs:
            return None, 1.0
        first = operation.inputs[0]
        if operation.name in _SAME_NUMBERS:
            return first, 1.0
        if operation.name == "neg":
            return first, -1.0
        if len(operation.args) < 2:
            return None, 1.0
        one, other = operation.args[:2]
        if operation.name in ("add", "sub"):
            return (first if self._is_made_of_parameters(other) else None), 1.0
        if operation.name == "div":
            by = self._number(other)
            return (None, 1.0) if by is None else (first, 1.0 / by)
        if operation.name == "mul":
            for number, scaled in ((other, first), (one, operation.inputs[-1])):
                if (by := self._number(number)) is not None:
                    return scaled, by
        return None, 1.0

    def _number(self, argument: object) -> float | None:
        """A constant; ``None`` for what has several numbers, or is made of parameters."""
        if not isinstance(argument, Tensor):
            return float(argument)  # type: ignore[arg-type]
        if argument.numel() != 1 or self._is_made_of_parameters(argument):
            return None
        return float(argument)


def _times(addition: Operation, value: int) -> float:
    """By what an addition multiplies a value: ``alpha`` is of the second."""
    return float(addition.kwargs.get("alpha", 1)) if value == addition.inputs[1] else 1.0


def groups_of(reads: Sequence[Read], parameters: Sequence[int]) -> Iterator[tuple[int, list[Read]]]:
    """Reads of one parameter by one kind of operation, in the order of the first: id and reads.

    ``parameters`` are ids in the order in which the model has them, for reads of several.

    A recurrent network reads a matrix at every time: these are one group.
    """
    groups: dict[tuple[int, str, int], list[Read]] = {}
    order = {parameter: place for place, parameter in enumerate(parameters)}
    for read in reads:
        width = read.output.shape[-1] if read.output.dim() else 1
        for parameter in sorted(read.parameters, key=order.__getitem__):
            groups.setdefault((parameter, read.operation.name, width), []).append(read)
    for (parameter, _, _), members in groups.items():
        yield parameter, members[:_MOST_READS]
