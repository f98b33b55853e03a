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
_MOST_READS = 16


class Graph:
    """What becomes of the outputs of reads, and where their inputs come from."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._reads = {id(read.operation) for read in recorder.reads}
        self._consumers: dict[int, list[Operation]] = {}
        for operation in recorder.operations:
            if operation.name == "detach":  # as torch keeps an output for the backward pass
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
                factor *= _times(next_one, value)
                if self._adds_to_stream(next_one, value):
                    break
            else:
                by = self._constant(next_one) if value == next_one.inputs[0] else None
                if by is None:
                    break
                factor *= by
            value = next_one.outputs[0]
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
            by = self._constant(operation)
            if by is None or not operation.inputs:
                return 1.0 if self._is_matrix(operation) else factor
            factor, value = factor * by, operation.inputs[0]
        return factor

    def _is_matrix(self, operation: Operation) -> bool:
        """Whether a parameter is contracted with data here, or looked up."""
        if not self._recorder.contracted.isdisjoint(operation.outputs):
            return True
        return id(operation) in self._reads and operation.name in _LOOKUPS

    def ends_branch(self, value: int) -> bool:
        """Whether the value is added to a stream of its shape, and read nowhere else."""
        consumers = self._consumers.get(value, ())
        return (
            len(consumers) == 1
            and self._adds_activations(consumers[0])
            and self._adds_to_stream(consumers[0], value)
        )

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
                if producer is None or not producer.inputs or self._constant(producer) is None:
                    break
                value = producer.inputs[0]
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

    def _constant(self, operation: Operation) -> float | None:
        """The factor, where the operation only multiplies its first argument by a constant."""
        if operation.name in _SAME_NUMBERS:
            return 1.0
        if operation.name == "neg":
            return -1.0
        if operation.name in ("add", "sub") and len(operation.args) > 1:
            other = operation.args[1]
            return 1.0 if isinstance(other, Tensor) and self._recorder.is_chain(other) else None
        if operation.name not in ("mul", "div") or len(operation.args) < 2:
            return None
        other = operation.args[1]
        if isinstance(other, Tensor):
            if other.numel() != 1 or self._recorder.is_chain(other):
                return None
            other = float(other)
        return float(other) if operation.name == "mul" else 1.0 / float(other)


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
