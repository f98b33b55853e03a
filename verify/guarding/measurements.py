"""All cells of one axis, measured seed by seed, and the tables of their numbers.

Imports numpy, ``probes`` when something is measured, and ``verify.guarding``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from theory.arrays import BoolArray, FloatArray
from theory.errors import DomainError, InputError
from theory.module_scaling import Quantity
from theory.scaling import Axis
from verify.guarding.structure import Line, folded, lines_of
from verify.guarding.subject import Subject

if TYPE_CHECKING:
    from probes.modules.problem import Cell, Problem, ReadFacts

T = TypeVar("T")

_Place = tuple[str, int, str]  # a parameter, its read, a quantity
_NOTHING = (0, math.nan)
_LIMIT = "limit"  # the largest change that an update can make, whatever the inputs
_OF_READS = (
    *(Quantity.GAIN, Quantity.OWN, Quantity.ALONE, Quantity.SHARE, Quantity.SIGNAL),
    *(Quantity.EPSILON, Quantity.DECAY, Quantity.INPUT),
)
_SMALL = 1e-12  # an epsilon that takes over nowhere
_OF_MODULES = (Quantity.SIZE, Quantity.CHANGE, Quantity.SCORES)


@dataclass(frozen=True, slots=True)
class Powers:
    """A mend: powers of the size for a parameter's initial value, its updates, and its group.

    ``scores`` is the power of a module's attention scores.
    """

    initial: float = 0.0
    update: float = 0.0
    small_epsilon: bool = False
    decay: float = 0.0
    scores: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured along one axis: sizes there, the size along the other axis, and steps."""

    axis: Axis
    sizes: tuple[int, ...]
    other: int | None
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One quantity by seed and size: logarithms, shape (seeds, sizes)."""

    line: Line | None
    module: str
    quantity: Quantity
    step: int
    logs: FloatArray
    seeds: tuple[int, ...]
    sizes: tuple[int, ...]
    output_grows: bool = True
    head_grows: bool = False
    # The power of the size that the largest possible change goes with, whatever the inputs.
    limit: float = math.inf

    @property
    def group(self) -> str:
        """Series of one group have one spread."""
        name = folded(self.module) if self.line is None else self.line.group
        return f"{name} {self.quantity} {self.step}"


@dataclass(slots=True)
class Measurements:
    """The cells of one axis."""

    subject: Subject
    plan: Plan
    mends: Mapping[str, Powers] = field(default_factory=dict)
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    degrees: dict[int, int] = field(default_factory=dict)
    degree_of: dict[str, int] = field(default_factory=dict)
    _known: dict[Hashable, ReadFacts] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        """Seeds whose cells are all there."""
        return sorted({seed for _, seed in self.cells})

    def keep_whole_seeds(self) -> None:
        """Forget the seeds of which a size is missing, as after an interruption."""
        whole = [s for s in self.seeds if all((n, s) in self.cells for n in self.plan.sizes)]
        self.cells = {(n, s): cell for (n, s), cell in self.cells.items() if s in whole}

    def make(self, size: int, seed: int) -> Problem:
        """The network of one size."""
        width, depth = (
            (size, self.plan.other) if self.plan.axis is Axis.WIDTH else (self.plan.other, size)
        )
        return self.subject.make(width, depth, seed)

    @property
    def notes(self) -> list[str]:
        """What cells that were trained to the end say of themselves."""
        last = max(self.plan.steps)
        whole = [cell for cell in self.cells.values() if cell.steps == last]
        return list(dict.fromkeys(note for cell in whole for note in cell.notes))

    def add(
        self,
        seeds: Sequence[int],
        progress: Callable[[], None],
        until: int | None = None,
        changes: bool = True,
    ) -> None:
        """Measure further seeds at every size, up to the first of the plan's steps from ``until``.

        ``None``: up to the last one. Without ``changes``, those of modules need not be seen there.
        """
        from probes.modules.surroundings import untouched_randomness
        from probes.modules.training import degrees_of_optimizers

        sizes, steps = self.plan.sizes, self.plan.steps
        if until is not None:
            steps = steps[: 1 + sum(step < until for step in steps)]
        with untouched_randomness():
            if not self.degrees:
                self.degrees = guarded(
                    lambda: degrees_of_optimizers(lambda: self.make(sizes[0], seeds[0])),
                    f"{self.plan.axis} {sizes[0]}",
                )
            for seed in seeds:
                for size in sizes:
                    self.cells[size, seed] = self._cell(size, seed, steps, changes)
                    progress()
        self._check_seeds()

    def _cell(self, size: int, seed: int, steps: Sequence[int], changes: bool) -> Cell:
        from probes.modules.cell import measure_cell
        from probes.modules.problem import Mending
        from probes.modules.surroundings import threads_for

        problem = self.make(size, seed)
        ratio = size / self.plan.sizes[0]
        _mend_groups(problem, self.mends, ratio)
        names = dict(problem.model.named_parameters())
        mending = {
            name: Mending(ratio**powers.initial, ratio**powers.update)
            for name, powers in _spread(self.mends, names).items()
        }
        modules = dict(problem.model.named_modules())
        scores = {
            name: ratio**powers.scores
            for name, powers in _spread(self.mends, modules).items()
            if powers.scores
        }
        if not names.keys() <= self.degree_of.keys():  # deeper networks have more of them
            self.degree_of |= _degree_of(problem, self.degrees)
        measured = partial(
            measure_cell, problem, steps, self.degrees, mending, scores, self._known, changes
        )
        with threads_for(problem):
            return guarded(measured, f"{self.plan.axis} {size}, seed {seed}")

    @property
    def unreached(self) -> list[str]:
        """Modules whose scores were to be mended, and where no softmax was surely that of them."""
        reached = set[str]().union(*(cell.scaled for cell in self.cells.values()))
        reached -= set[str]().union(*(cell.unclear for cell in self.cells.values()))
        return [
            pattern
            for pattern, powers in self.mends.items()
            if powers.scores and not any(_matches(pattern, name) for name in reached)
        ]

    def _check_seeds(self) -> None:
        """A factory whose networks are the same at every seed shows no spread."""
        size, seeds = self.plan.sizes[0], self.seeds
        weights = {seed: self.cells[size, seed].first_weights for seed in seeds}
        if len(seeds) > 1 and len(set(weights.values())) == 1:
            raise InputError(
                f"the factory ignores its seed: all parameters are the same under seeds {seeds[0]} "
                f"and {seeds[1]}; draw the initial values from the seed"
            )

    def lines(self) -> list[Line]:
        """Reads with their roles; one line for a clear breach of the contract."""
        seed = self.seeds[0]
        cells = {size: self.cells[size, seed] for size in self.plan.sizes}
        self._check_shapes(cells)
        return lines_of(cells, self.plan.axis, self.degree_of)

    def _check_shapes(self, cells: Mapping[int, Cell]) -> None:
        axis, (small, *_, large) = self.plan.axis, self.plan.sizes
        shapes = {size: cell.shapes for size, cell in cells.items()}
        if shapes[small] == shapes[large]:
            raise InputError(
                f"no parameter has another shape at {axis} {large} than at {small}; the factory "
                f"has to use its {axis}"
            )
        if axis is Axis.DEPTH:
            return
        for size, found in shapes.items():
            odd = sorted(set(found) ^ set(shapes[small]))
            if odd:
                raise InputError(
                    f"width {size} and width {small} are two architectures: parameter {odd[0]!r} "
                    "is only in one of them; expected the same parameters at every width"
                )
            bent = [n for n, shape in found.items() if len(shape) != len(shapes[small][n])]
            if bent:
                raise InputError(
                    f"parameter {bent[0]!r} has {len(found[bent[0]])} dimensions at width {size} "
                    f"and {len(shapes[small][bent[0]])} at width {small}; expected the same number"
                )

    def series(self, lines: Sequence[Line]) -> list[Series]:
        """Every quantity that all cells have, greater than zero."""
        of_reads = {place: _numbers_of_reads(cell) for place, cell in self.cells.items()}
        made = [
            found
            for line in lines
            for quantity in _OF_READS
            if (found := self._of_read(line, quantity, of_reads)) is not None
        ]
        return made + self._of_modules()

    def _of_read(
        self,
        line: Line,
        quantity: Quantity,
        of_reads: Mapping[tuple[int, int], Mapping[_Place, tuple[int, float]]],
    ) -> Series | None:
        if quantity in (Quantity.EPSILON, Quantity.DECAY) and line.read:
            return None
        last, logs = self._logs_of_read(line, quantity.value, of_reads)
        made = _complete(self._made(line, line.module, quantity, last, logs))
        if made is None or quantity is not Quantity.OWN:
            return made
        _, limits = self._logs_of_read(line, _LIMIT, of_reads)
        return replace(made, limit=_exponent(limits, self.plan.sizes))

    def _logs_of_read(
        self,
        line: Line,
        quantity: str,
        of_reads: Mapping[tuple[int, int], Mapping[_Place, tuple[int, float]]],
    ) -> tuple[int, FloatArray]:
        """The last step at which it was measured, and logarithms by seed and size."""
        last, table = 0, []
        for seed in self.seeds:
            table.append(row := list[list[float]]())
            for size in self.plan.sizes:
                numbers = of_reads[size, seed]
                found = [
                    numbers.get((name, read, quantity), _NOTHING)
                    for name, read in line.members[size]
                ]
                row.append([value for _, value in found])
                last = max(last, *(step for step, _ in found))
        return last, _mean_logs(table)

    def _of_modules(self) -> list[Series]:
        tables: dict[tuple[str, Quantity, int], dict[tuple[int, int], list[float]]] = {}
        depth, seeds = self.plan.axis is Axis.DEPTH, self.seeds
        for cell, found in self.cells.items():
            for key, value in found.numbers.items():
                if key.quantity in _OF_MODULES:
                    name = folded(key.module) if depth else key.module
                    if not depth and key.quantity != Quantity.SCORES:
                        value *= found.factors.get(key.module, 1.0)
                    place = (name, Quantity(key.quantity), key.step)
                    tables.setdefault(place, {}).setdefault(cell, []).append(value)
        made = []
        for (module, quantity, step), table in tables.items():
            logs = _mean_logs(
                [[table.get((size, s), [math.nan]) for size in self.plan.sizes] for s in seeds]
            )
            grows = self._growth(module, quantity)
            made.append(_complete(self._made(None, module, quantity, step, logs, *grows)))
        return [one for one in made if one is not None]

    def _made(
        self,
        line: Line | None,
        module: str,
        quantity: Quantity,
        step: int,
        logs: FloatArray,
        *grows: bool,
    ) -> Series:
        seeds, sizes = tuple(self.seeds), self.plan.sizes
        return Series(line, module, quantity, step, logs, seeds, sizes, *grows)

    def _growth(self, module: str, quantity: Quantity) -> tuple[bool, bool]:
        """Whether a module's output grows, and the heads of its scores."""
        seed, sizes = self.seeds[0], self.plan.sizes
        small, large = self.cells[sizes[0], seed], self.cells[sizes[-1], seed]
        numels = [cell.features.get(module, 0) for cell in (small, large)]
        heads = [cell.head_sizes.get(module, 0) for cell in (small, large)]
        return numels[1] > numels[0], quantity is Quantity.SCORES and heads[1] > heads[0]

    def diverged(self) -> dict[int, list[tuple[int, int]]]:
        """By size: seeds whose loss is not finite, each with the first such step."""
        found: dict[int, list[tuple[int, int]]] = {}
        for (size, seed), cell in self.cells.items():
            steps = [step for step, loss in cell.losses.items() if not math.isfinite(loss)]
            if steps:
                found.setdefault(size, []).append((seed, min(steps)))
        return found


def _numbers_of_reads(cell: Cell) -> dict[_Place, tuple[int, float]]:
    """Numbers of parameters, with the first step at which they were measured."""
    made: dict[_Place, tuple[int, float]] = {}
    for key, value in cell.numbers.items():
        if key.parameter:
            place = key.parameter, key.read, key.quantity
            made[place] = min(made.get(place, (key.step, value)), (key.step, value))
    return made


def _mean_logs(table: Sequence[Sequence[Sequence[float]]]) -> FloatArray:
    """Means of logarithms; not a number where a value is not greater than zero."""
    if all(len(values) == 1 for row in table for values in row):
        numbers = np.array([[values[0] for values in row] for row in table])
        return np.log(np.where(numbers > 0, numbers, np.nan))
    return np.array([[_mean_log(values) for values in row] for row in table])


def _mean_log(values: Sequence[float]) -> float:
    table = np.asarray(values)
    if not (table > 0).all():
        return math.nan
    return float(np.log(table).mean())


def _exponent(logs: FloatArray, sizes: Sequence[int]) -> float:
    """The slope of the means over seeds that are whole; infinite where there are none."""
    whole = logs[np.isfinite(logs).all(axis=1)]
    if not len(whole):
        return math.inf
    return float(np.polyfit(np.log(sizes), whole.mean(axis=0), 1)[0])


def _complete(series: Series) -> Series | None:
    """Nothing where a size has no number in any seed; seeds with gaps are left out."""
    whole: BoolArray = np.atleast_1d(np.isfinite(series.logs).all(axis=1))
    if whole.sum() < 2:
        return None
    if whole.all():
        return series
    seeds = tuple(seed for seed, kept in zip(series.seeds, whole.tolist(), strict=True) if kept)
    return replace(series, logs=series.logs[whole], seeds=seeds)


def _degree_of(problem: Problem, degrees: Mapping[int, int]) -> dict[str, int]:
    names = {id(p): name for name, p in problem.model.named_parameters()}
    return {
        names[id(parameter)]: degrees.get(place, 0)
        for place, optimizer in enumerate(problem.optimizers)
        for group in optimizer.param_groups
        for parameter in group["params"]
        if id(parameter) in names
    }


def _spread(mends: Mapping[str, Powers], names: Mapping[str, object]) -> dict[str, Powers]:
    """Mends by name; ``*`` in a name stands for the number of any block."""
    return {
        name: powers
        for name in names
        for pattern, powers in mends.items()
        if _matches(pattern, name)
    }


def _matches(pattern: str, name: str) -> bool:
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(r"\d+".join(parts), name) is not None


def _mend_groups(problem: Problem, mends: Mapping[str, Powers], ratio: float) -> None:
    """Epsilon and decay belong to the optimizer's groups."""
    names = {id(p): name for name, p in problem.model.named_parameters()}
    for optimizer in problem.optimizers:
        for group in optimizer.param_groups:
            found = _spread(mends, {names.get(id(p), ""): None for p in group["params"]})
            powers = next((p for p in found.values() if p.small_epsilon or p.decay), None)
            if powers is not None:
                group["eps"] = _SMALL if powers.small_epsilon else group.get("eps", _SMALL)
                group["weight_decay"] = group.get("weight_decay", 0.0) * ratio**powers.decay


def guarded(work: Callable[[], T], cell: str) -> T:
    """Run the user's model; what it raises is one line that says where.

    A ``MeasuringError`` is our own, and says so.
    """
    from probes.modules.problem import MeasuringError

    try:
        return work()
    except DomainError as error:
        raise type(error)(f"{cell}: {error}") from None
    except MeasuringError as error:
        text = " ".join(str(error).split())
        raise MeasuringError(
            f"{cell}: scaleproof could not measure this network ({text}); the network is not at "
            "fault: report it, with the factory"
        ) from error
    except Exception as error:
        text = " ".join(str(error).split())
        raise InputError(
            f"{cell}: training raised {type(error).__name__}: {text}; the loss, the step or the "
            "model has to be mended"
        ) from error
