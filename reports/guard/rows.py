"""The entries of a guard's report as rows for people: blocks in one, the worst first.

Imports ``theory``, ``reports.outcome`` and ``reports.guard.document``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.guard.document import Entry, GuardReport
from reports.outcome import WORST_FIRST
from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict

_WORST_FIRST = (*WORST_FIRST, None)
_Names = Callable[[Entry], str]
_Patterns = Callable[[str], str]
_MOST_HEALTHY_ROWS = 12  # of an axis; more are folded by quantity
# "fc1, fc2, fc3" are no blocks, "block0" to "block11" are.
_FEWEST_UNDOTTED_BLOCKS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """Entries that are shown as one: of one quantity and step, with one demand."""

    name: str
    members: tuple[Entry, ...]
    of_all_names: bool = False  # healthy ones, whose names are only counted

    @property
    def first(self) -> Entry:
        """An entry that stands for what all have in common."""
        return self.members[0]

    @property
    def verdict(self) -> Verdict | None:
        """The worst of all; ``None`` where nothing is judged."""
        return min((entry.verdict for entry in self.members), key=_WORST_FIRST.index)

    @property
    def worst(self) -> tuple[Entry, ...]:
        """The entries that have the worst verdict."""
        return tuple(entry for entry in self.members if entry.verdict is self.verdict)

    @property
    def clearest(self) -> Entry:
        """The entry that lies furthest from what is expected, of those with the worst verdict."""
        return max(self.worst, key=_distance)

    @property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest estimate."""
        estimates = [entry.interval.estimate for entry in self.members]
        return min(estimates), max(estimates)


def titled(module: str) -> str:
    """The name of a module, as a sentence has it."""
    return module or "the model itself"


def named(entry: Entry) -> str:
    """What an entry is about: a parameter, or a module."""
    return entry.module if entry.parameter is None else entry.parameter


def expected_exponents(entry: Entry) -> list[float]:
    """The numbers in what is expected."""
    return [_number(text.removeprefix("at most ")) for text in entry.expected]


def is_bound(entry: Entry) -> bool:
    """Whether smaller exponents are right, too."""
    return any(text.startswith("at most") for text in entry.expected)


def _number(text: str) -> float:
    numerator, _, denominator = text.partition("/")
    return float(numerator) / float(denominator or 1)


def _distance(entry: Entry) -> float:
    estimate = entry.interval.estimate
    found = [estimate - exponent for exponent in expected_exponents(entry)]
    return min(map(abs, found), default=abs(estimate))


def rows(report: GuardReport, axis: Axis) -> list[Row]:
    """The rows of an axis, the worst first; within a verdict in the order of the report.

    Healthy rows and those that are not judged are folded by quantity where they are many.
    """
    entries = [entry for entry in report.entries if entry.axis is axis]
    names = folded_names(named(entry) for entry in entries)
    found = _grouped(entries, lambda entry: names[named(entry)])
    kept = [row for row in found if _is_remarkable(row)]
    quiet = [row for row in found if not _is_remarkable(row)]
    if len(quiet) > _MOST_HEALTHY_ROWS:
        quiet = _by_quantity(quiet)
    return sorted([*kept, *quiet], key=lambda row: _WORST_FIRST.index(row.verdict))


def _is_remarkable(row: Row) -> bool:
    noted = any(entry.note for entry in row.members)
    return noted or row.verdict not in (Verdict.ACCEPTED, None)


def _grouped(entries: Iterable[Entry], name_of: _Names) -> list[Row]:
    groups: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for entry in entries:
        demand = (tuple(entry.expected), entry.margin, entry.verdict is None)
        is_module = entry.parameter is None
        key = (name_of(entry), is_module, entry.quantity, entry.step, *demand)
        groups[key].append(entry)
    return [Row(str(key[0]), tuple(members)) for key, members in groups.items()]


def _by_quantity(quiet: Sequence[Row]) -> list[Row]:
    """Rows of all names of a quantity, a step and a demand; a name of its own is kept."""
    single = {id(entry): row for row in quiet for entry in row.members}
    found = _grouped((entry for row in quiet for entry in row.members), lambda _: "")
    found.sort(key=lambda row: (list(Quantity).index(row.first.quantity), row.first.step))
    return [_renamed(row, single) for row in found]


def _renamed(row: Row, single: Mapping[int, Row]) -> Row:
    alone = single[id(row.first)]
    if len(alone.members) == len(row.members):
        return alone
    kind = "modules" if row.first.parameter is None else "parameters"
    return Row(f"{len({named(entry) for entry in row.members})} {kind}", row.members, True)


def folded_names(names: Iterable[str]) -> dict[str, str]:
    """For every name the one of its row: the number of a block becomes ``*``.

    A part of a name that is a number counts blocks if a part before it names them. So does a
    number at the end of a part, or in front, where there are at least four of them. Numbers in
    which all names of a row agree stay.
    """
    chosen = list(dict.fromkeys(names))
    folded = _merged(chosen, lambda name: re.sub(r"(?<=\.)\d+(?=\.|$)", "*", name), 2)
    left = [name for name in chosen if folded[name] == name]
    found = _merged(left, _without_first_number, _FEWEST_UNDOTTED_BLOCKS)
    return folded | found


def _without_first_number(name: str) -> str:
    return re.sub(r"^([^.\d]*|[^.]*[^.\d])\d+(?=\.|$)", r"\1*", name)


def _merged(names: Sequence[str], pattern_of: _Patterns, fewest: int) -> dict[str, str]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[pattern_of(name)].append(name)
    merged: dict[str, str] = {}
    for pattern, members in groups.items():
        together = _agreed(members, pattern) if len(members) >= fewest else None
        merged |= {name: together or name for name in members}
    return merged


def _agreed(members: Sequence[str], pattern: str) -> str:
    """The pattern with those parts put back in which all members agree."""
    split = [name.split(".") for name in members]
    parts = [
        options[0] if len(set(options)) == 1 else part
        for part, *options in zip(pattern.split("."), *split, strict=True)
    ]
    return ".".join(parts)
