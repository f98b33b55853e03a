"""Announced looks: measure seeds, judge, and measure as many again while that can decide something.

What was measured stays judged where a look is interrupted. Imports ``theory`` and
``verify.guarding``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from theory.module_scaling import CONSEQUENCES, Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.judge import LOOKS, Judged, Name, judged_at_look, seeds_to_decide
from verify.guarding.measurements import Measurements

# With fewer seeds, nothing is known of the spread.
_FEWEST_SEEDS = 2


@dataclass(slots=True)
class Ticks:
    """Cells done, of how many; looks and mends add to the total."""

    progress: Callable[[int, int], object]
    total: int = 0
    done: int = 0

    def __call__(self) -> None:
        """One more cell is done."""
        self.done += 1
        self.progress(self.done, max(self.total, self.done))


@dataclass(slots=True)
class Looks:
    """Axes that are judged together, and what was found at the looks so far.

    ``seeds`` are those of the first look; ``counts`` are the seeds that each axis had after every
    look.
    """

    measured: dict[Axis, Measurements]
    demand: Demand
    seeds: range
    ticks: Ticks
    judged: dict[Name, Judged] = field(default_factory=dict)
    counts: dict[Axis, list[int]] = field(default_factory=dict)

    def take(self) -> dict[Name, Judged]:
        """Judge, and measure as many seeds again while that can still decide something.

        Further seeds are trained as long as what they are to decide takes. All parameters are
        measured again, for the spread of one is known by that of the others.
        """
        first, until, changes = self.seeds, None, True
        new = first
        for look in range(LOOKS):
            self.ticks.total += len(new) * sum(
                len(one.plan.sizes) for one in self.measured.values()
            )
            for one in self.measured.values():
                one.add(new, self.ticks, until, changes)
            self._judge()
            open_ones = _can_be_decided(self.judged, len(first) * 2 ** (LOOKS - 1))
            if not open_ones:
                break
            until = _last_step(self.judged, open_ones)
            changes = any(name.quantity is Quantity.CHANGE for name in open_ones)
            new = range(new.stop, first.start + len(first) * 2 ** (look + 1))
        return self.judged

    def cut(self) -> list[str]:
        """After an interruption: judge the seeds that are whole; what was lost, a line an axis.

        An axis with fewer than two such seeds is left out.
        """
        lost = []
        for axis, one in list(self.measured.items()):
            one.keep_whole_seeds()
            if len(one.seeds) < _FEWEST_SEEDS:
                del self.measured[axis]
                lost.append(f"{axis} is not judged: fewer than {_FEWEST_SEEDS} seeds were whole")
            elif not self.counts and len(one.seeds) < len(self.seeds):
                lost.append(f"{axis} is judged by {len(one.seeds)} of {len(self.seeds)} seeds")
        if any(len(one.seeds) > self._counted(axis) for axis, one in self.measured.items()):
            self._judge()
        return lost

    def _judge(self) -> None:
        series = {axis: one.series(one.lines()) for axis, one in self.measured.items()}
        sizes = {axis: one.plan.sizes for axis, one in self.measured.items()}
        self.judged = judged_at_look(series, sizes, self.demand, self.judged)
        for axis, one in self.measured.items():
            if len(one.seeds) > self._counted(axis):
                self.counts.setdefault(axis, []).append(len(one.seeds))

    def _counted(self, axis: Axis) -> int:
        return self.counts[axis][-1] if axis in self.counts else 0


def _can_be_decided(judged: Mapping[Name, Judged], most: int) -> list[Name]:
    """What is open, and what the seeds of the last look would decide.

    Where something is wrong already, only what names causes is of interest.
    """
    wrong = any(one.rejected for one in judged.values())
    open_ones = [
        (name, seeds_to_decide(one))
        for name, one in judged.items()
        if one.verdict is Verdict.INCONCLUSIVE
        and not one.note
        and not (wrong and name.quantity in CONSEQUENCES)
    ]
    return [name for name, count in open_ones if count is not None and count <= 2 * most]


def _last_step(judged: Mapping[Name, Judged], names: Sequence[Name]) -> int:
    """How many steps show these quantities: those of parameters are seen once they move."""
    of_parameters = [name.step for name in judged if name.parameter is not None]
    return max([name.step for name in names] + of_parameters)
