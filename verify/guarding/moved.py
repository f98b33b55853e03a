"""What moved against a lock file, judged seed by seed. Imports numpy, scipy and ``reports``."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from reports.guard.document import Change, GuardReport, Interval
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.verdict import Verdict
from verify.guarding.lock import AGAIN, DIGITS, Key, Lock, LockedEntry, lock_of
from verify.statistics.moderation import moderated
from verify.statistics.multiplicity import holm_levels

ALPHA = 0.05  # of any exponent at all that has not moved and is said to have
BAND = 1 / 16  # half of the smallest change that is to be seen
_NO_SPREAD = 1e-12  # a variance; what slopes are rounded to leaves more

_Entries = Mapping[Key, LockedEntry]


class Comparison(NamedTuple):
    """What moved, and what a reader should know about how that was judged."""

    changes: list[Change]
    notes: list[str]


def _by_key(entries: Iterable[LockedEntry]) -> dict[Key, LockedEntry]:
    return {entry.key: entry for entry in entries}


def compare(lock: Lock, report: GuardReport) -> Comparison:
    """What moved against a lock file, what is new and what is gone, in the file's order.

    Raises ``InputError`` where sizes, steps or the demand are others.
    """
    now = lock_of(report)
    differing = other_design(lock, now)
    if differing:
        raise InputError(
            f"the lock file is of another design: {differing}; give the same, or {AGAIN} to write "
            "it anew"
        )
    return compare_locks(lock, now)


def compare_locks(lock: Lock, now: Lock) -> Comparison:
    """The same of two lock files of one design, the earlier one first."""
    before, after = _by_key(lock.entries), _by_key(now.entries)
    same_machine = lock.versions == now.versions
    differences = _differences(before, after, same_machine)
    changes = [
        *(_moved(one, after[one.key]) for one in differences if one.moved),
        *_of_one_side(before, after),
    ]
    notes = [*_notes_on_conditions(lock, now), *_notes_on_differences(differences, same_machine)]
    order = {key: place for place, key in enumerate(sorted(before.keys() | after.keys()))}
    changes.sort(key=lambda c: order[Key(c.axis, c.module, c.parameter or "", c.quantity, c.step)])
    return Comparison(changes, notes)


def other_design(lock: Lock, now: Lock) -> str:
    """In what the designs differ; nothing where exponents can be compared."""
    parts = [
        _other("demand", lock.demand, now.demand),
        _other("steps", _numbers(lock.steps), _numbers(now.steps)),
        _other("sizes", _sizes(lock), _sizes(now)),
    ]
    return "; ".join(filter(None, parts))


def _other(name: str, locked: str, now: str) -> str:
    return "" if locked == now else f"{name} {locked} in the file, {now} now"


def _numbers(values: Iterable[int]) -> str:
    return ", ".join(map(str, values)) or "none"


def _sizes(lock: Lock) -> str:
    return " and ".join(
        f"{run.axis} {_numbers(run.sizes)}" + (f" at {run.other}" if run.other is not None else "")
        for run in lock.runs
    )


@dataclass(frozen=True, slots=True)
class _Samples:
    """The slopes of one exponent on both sides; of the same seeds where it is paired."""

    key: Key
    before: FloatArray
    after: FloatArray
    paired: bool

    @classmethod
    def of(cls, before: LockedEntry, after: LockedEntry, same_machine: bool) -> _Samples:
        shared = sorted(before.slopes.keys() & after.slopes.keys())
        if same_machine and len(shared) > 1:
            sides = ([entry.slopes[seed] for seed in shared] for entry in (before, after))
        else:
            shared, sides = [], (list(entry.slopes.values()) for entry in (before, after))
        first, second = (np.array(side) for side in sides)
        return cls(after.key, first, second, bool(shared))

    @property
    def parts(self) -> tuple[FloatArray, ...]:
        """What has a spread: the differences, or each side by itself."""
        # Slopes have four digits, and so have their differences.
        return (
            (np.round(self.after - self.before, DIGITS),)
            if self.paired
            else (
                self.before,
                self.after,
            )
        )

    @property
    def group(self) -> tuple[object, ...]:
        """The same parameter of every block has one spread."""
        numbered = re.sub(r"\d+", "*", self.key.parameter or self.key.module)
        return self.key._replace(module="", parameter=numbered), self.paired


@dataclass(frozen=True, slots=True)
class _Difference:
    """How far an exponent moved; ``level`` is Holm's, ``error`` infinite where it is unknown."""

    key: Key
    before: float
    after: float
    error: float
    degrees: float
    paired: bool
    level: float = ALPHA

    @property
    def estimate(self) -> float:
        """After less before."""
        return round(self.after - self.before, 6)

    @property
    def p_value(self) -> float:
        """The smallest level at which the interval has no point in the band; 1 inside it."""
        outside = abs(self.estimate) - BAND
        if outside <= 0 or math.isinf(self.error):
            return 1.0
        if self.error == 0:
            return 0.0
        return min(1.0, 2.0 * float(stats.t.sf(outside / self.error, self.degrees)))

    @property
    def reach(self) -> float:
        """Half of the interval at confidence 1 - level."""
        if self.error == 0 or math.isinf(self.error):
            return self.error
        return float(stats.t.ppf(1 - self.level / 2, self.degrees)) * self.error

    @property
    def moved(self) -> bool:
        """Whether the interval is disjoint from the band."""
        return abs(self.estimate) - self.reach > BAND


def _differences(before: _Entries, after: _Entries, same_machine: bool) -> list[_Difference]:
    samples = [
        _Samples.of(before[key], entry, same_machine)
        for key, entry in after.items()
        if key in before and entry.slopes and before[key].slopes
    ]
    if not samples:
        return []
    unleveled = _with_errors(samples)
    levels = holm_levels(np.array([one.p_value for one in unleveled]), ALPHA)
    return [
        _Difference(
            one.key, one.before, one.after, one.error, one.degrees, one.paired, float(level)
        )
        for one, level in zip(unleveled, levels, strict=True)
    ]


def _with_errors(samples: Sequence[_Samples]) -> list[_Difference]:
    """Errors from spreads that the blocks share, and that are drawn towards one another."""
    spreads = _spreads(samples)
    made = []
    for one in samples:
        parts = [(*spreads[one.group, side], len(values)) for side, values in enumerate(one.parts)]
        error, degrees = _combined(parts)
        before, after = float(one.before.mean()), float(one.after.mean())
        made.append(_Difference(one.key, before, after, error, degrees, one.paired))
    return made


def _spreads(
    samples: Sequence[_Samples],
) -> dict[tuple[tuple[object, ...], int], tuple[float, float]]:
    """Variance and degrees of freedom of each part of each group."""
    pooled: dict[tuple[tuple[object, ...], int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in samples:
        for side, values in enumerate(one.parts):
            found = pooled[one.group, side]
            found[0] += float(np.square(values - values.mean()).sum())
            found[1] += len(values) - 1
    squares, degrees = np.array(list(pooled.values())).T
    variances = squares / np.maximum(degrees, 1)
    variances[variances < _NO_SPREAD] = 0.0
    drawn = moderated(variances, degrees)
    pairs = zip(drawn.variances.tolist(), drawn.degrees.tolist(), strict=True)
    return dict(zip(pooled, pairs, strict=True))


def _combined(parts: Sequence[tuple[float, float, int]]) -> tuple[float, float]:
    """Standard error and degrees of freedom of a difference (Welch), from those of its parts."""
    if any(math.isnan(variance) for variance, _, _ in parts):
        return math.inf, 1.0
    squares = [variance / count for variance, _, count in parts]
    total = sum(squares)
    if total == 0:
        return 0.0, 1.0
    below = sum(
        square**2 / degrees
        for square, (_, degrees, _) in zip(squares, parts, strict=True)
        if square
    )
    return math.sqrt(total), total**2 / below if below else math.inf


def _moved(one: _Difference, entry: LockedEntry) -> Change:
    interval = Interval(
        estimate=one.estimate,
        low=one.estimate - one.reach,
        high=one.estimate + one.reach,
        confidence=1 - one.level,
    )
    return _change(entry, one.before, one.after, interval, one.paired)


def _of_one_side(before: _Entries, after: _Entries) -> list[Change]:
    """Exponents that only the file or only the run has."""
    new = [
        _change(entry, None, _mean(entry), None, False)
        for key, entry in after.items()
        if entry.slopes and not (key in before and before[key].slopes)
    ]
    gone = [
        _change(entry.model_copy(update={"verdict": None}), _mean(entry), None)
        for key, entry in before.items()
        if entry.slopes and not (key in after and after[key].slopes)
    ]
    return [*new, *gone]


def _mean(entry: LockedEntry) -> float:
    return float(np.mean(list(entry.slopes.values())))


def _change(
    entry: LockedEntry,
    before: float | None,
    after: float | None,
    interval: Interval | None = None,
    paired: bool = False,
) -> Change:
    return Change(
        axis=entry.axis,
        module=entry.module,
        parameter=entry.parameter,
        quantity=entry.quantity,
        step=entry.step,
        before=before,
        after=after,
        interval=interval,
        paired=paired,
        is_fault=entry.verdict is Verdict.REJECTED,
    )


def _notes_on_conditions(lock: Lock, now: Lock) -> list[str]:
    """What is not as it was, although it may be compared."""
    notes = []
    if lock.versions != now.versions:
        notes.append(
            f"The lock file is of {_versions(lock)}, and this run of {_versions(now)}. So their "
            "exponents are compared as those of different seeds."
        )
    for locked, run in zip(lock.runs, now.runs, strict=True):
        if locked.seeds != run.seeds:
            notes.append(
                f"Along {run.axis} the lock file has seeds {_numbers(locked.seeds)}, and this run "
                f"has {_numbers(run.seeds)}."
            )
    return notes


def _versions(lock: Lock) -> str:
    torch, device = (lock.versions.get(name, "unknown") for name in ("torch", "device"))
    return f"torch {torch} on {device}"


def _notes_on_differences(differences: Sequence[_Difference], same_machine: bool) -> list[str]:
    """What could not be compared as it should be, or not at all."""
    notes, every = [], len(differences)
    unpaired = sum(not one.paired for one in differences)
    if same_machine and unpaired:
        notes.append(
            f"{unpaired} of {every} exponents share fewer than two seeds with the lock file, and "
            "are compared as those of different seeds."
        )
    unknown = sum(math.isinf(one.error) for one in differences)
    if unknown:
        notes.append(
            f"{unknown} of {every} exponents have one seed on a side, and nothing says how much "
            "they vary. They are not compared."
        )
    blind = sum(BAND < one.reach < math.inf for one in differences)
    if blind:
        notes.append(
            f"{blind} of {every} exponents vary too much for so few seeds: a change of 1/8 may not "
            "show."
        )
    return notes
