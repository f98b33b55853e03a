"""The lock file: the exponents of a run, to be committed, and what moved against them.

Imports numpy, scipy and pydantic; ``reports`` and ``theory``. One exponent stands on one line, and
the same report gives the same bytes. A lock file has no names of targets and no times.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy import stats

from reports.guard.document import Change, Entry, GuardReport, Interval
from theory.arrays import FloatArray
from theory.errors import InputError, UnavailableError
from theory.module_scaling import Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.documents.checkout import write_files
from verify.statistics.moderation import moderated
from verify.statistics.multiplicity import holm_levels

LOCK_VERSION: Literal[1] = 1
ALPHA = 0.05  # of any exponent at all that has not moved and is said to have
BAND = 1 / 16  # half of the smallest change that is to be seen
_DIGITS = 4
_NO_SPREAD = 1e-12  # a variance; what slopes are rounded to leaves more
_AGAIN = "run with --update"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class LockedRun(_Frozen):
    """The sizes and seeds along one axis."""

    axis: Axis
    sizes: list[int]
    other: int | None
    seeds: list[int]


class LockedEntry(_Frozen):
    """One exponent: of what, its slopes by seed, and what was said of it."""

    axis: Axis
    module: str
    parameter: str | None
    quantity: Quantity
    step: int
    expected: list[str]
    margin: float
    verdict: Verdict | None
    slopes: dict[int, float]

    @property
    def key(self) -> _Key:
        """What it is of."""
        return _Key(self.axis, self.module, self.parameter or "", self.quantity, self.step)


class Lock(_Frozen):
    """What a lock file holds."""

    lock_version: Literal[1] = LOCK_VERSION
    demand: Demand
    steps: list[int]
    runs: list[LockedRun]
    versions: dict[str, str]
    entries: list[LockedEntry]


class Comparison(NamedTuple):
    """What moved, and what a reader should know about how that was judged."""

    changes: list[Change]
    notes: list[str]


class _Key(NamedTuple):
    axis: Axis
    module: str
    parameter: str
    quantity: Quantity
    step: int


_Entries = Mapping[_Key, LockedEntry]


def lock_of(report: GuardReport) -> Lock:
    """What a report has that a lock file keeps, in the order of the file."""
    return Lock(
        demand=report.demand,
        steps=sorted(report.steps),
        runs=sorted(
            (
                LockedRun(axis=run.axis, sizes=run.sizes, other=run.other, seeds=run.seeds)
                for run in report.runs
            ),
            key=lambda run: (run.axis, run.sizes),
        ),
        versions={name: report.versions.get(name, "unknown") for name in ("device", "torch")},
        entries=sorted(map(_locked, report.entries), key=lambda entry: entry.key),
    )


def _locked(entry: Entry) -> LockedEntry:
    slopes = {
        seed: round(slope, _DIGITS) + 0.0  # no -0.0
        for seed, slope in sorted(entry.slopes.items())
        if math.isfinite(slope)
    }
    return LockedEntry(
        axis=entry.axis,
        module=entry.module,
        parameter=entry.parameter,
        quantity=entry.quantity,
        step=entry.step,
        expected=entry.expected,
        margin=entry.margin,
        verdict=entry.verdict,
        slopes=slopes,
    )


def lock_text(lock: Lock) -> str:
    """The file: a line for each run and each exponent, in a fixed order."""
    document = lock.model_dump(mode="json")
    fields = [f"{json.dumps(name)}: {_listing(value)}" for name, value in document.items()]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _listing(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
    return json.dumps(value)


def write_lock(report: GuardReport, path: Path) -> None:
    """Write a report's lock file as a whole; ``UnavailableError`` where that is impossible."""
    try:
        write_files({path: lock_text(lock_of(report))})
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(
            f"cannot write lock file {str(path)!r} ({reason}); choose another place"
        ) from None


def read_lock(path: Path) -> Lock:
    """The lock file that ``write_lock`` wrote.

    Raises ``UnavailableError`` where it is missing or damaged, ``InputError`` where another
    version of the format wrote it.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnavailableError(
            f"lock file {str(path)!r} is not there; {_AGAIN} to write it"
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(f"cannot read lock file {str(path)!r} ({reason})") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(document, dict) or "lock_version" not in document:
        raise _damaged(path, "it has no lock_version")
    if document["lock_version"] != LOCK_VERSION:
        raise InputError(
            f"lock file {str(path)!r} is of version {document['lock_version']!r}, and this is "
            f"scaleproof with version {LOCK_VERSION}; {_AGAIN} to write it anew"
        )
    return _validated(path, document)


def _validated(path: Path, document: Any) -> Lock:
    try:
        lock = Lock.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{place}: {first['msg']}") from None
    if len(_by_key(lock.entries)) < len(lock.entries):
        raise _damaged(path, "it has an exponent twice")
    if not all(math.isfinite(slope) for entry in lock.entries for slope in entry.slopes.values()):
        raise _damaged(path, "a slope is no finite number")
    return lock


def _damaged(path: Path, why: str) -> UnavailableError:
    return UnavailableError(
        f"lock file {str(path)!r} is damaged ({' '.join(why.split())}); restore it, or {_AGAIN} to "
        "write it anew"
    )


def _by_key(entries: Iterable[LockedEntry]) -> dict[_Key, LockedEntry]:
    return {entry.key: entry for entry in entries}


def compare(lock: Lock, report: GuardReport) -> Comparison:
    """What moved against a lock file, what is new and what is gone, in the file's order.

    Raises ``InputError`` where sizes, steps or the demand are others.
    """
    now = lock_of(report)
    differing = other_design(lock, now)
    if differing:
        raise InputError(
            f"the lock file is of another design: {differing}; give the same, or {_AGAIN} to write "
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
    changes.sort(key=lambda c: order[_Key(c.axis, c.module, c.parameter or "", c.quantity, c.step)])
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

    key: _Key
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
            (np.round(self.after - self.before, _DIGITS),)
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

    key: _Key
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
