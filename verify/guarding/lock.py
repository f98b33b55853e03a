"""The lock file: the exponents of a run, to be committed. Imports pydantic and ``reports``.

One exponent stands on one line, and the same report gives the same bytes. A lock file has no names
of targets and no times. ``verify.guarding.moved`` compares it with a later run.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from reports.guard.document import Entry, GuardReport
from theory.errors import InputError, UnavailableError
from theory.module_scaling import Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.documents.checkout import write_files

LOCK_VERSION: Literal[1] = 1
DIGITS = 4
AGAIN = "run with --update"


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
    def key(self) -> Key:
        """What it is of."""
        return Key(self.axis, self.module, self.parameter or "", self.quantity, self.step)


class Lock(_Frozen):
    """What a lock file holds."""

    lock_version: Literal[1] = LOCK_VERSION
    demand: Demand
    steps: list[int]
    runs: list[LockedRun]
    versions: dict[str, str]
    entries: list[LockedEntry]


class Key(NamedTuple):
    """Which exponent an entry is of."""

    axis: Axis
    module: str
    parameter: str
    quantity: Quantity
    step: int


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
        seed: round(slope, DIGITS) + 0.0  # no -0.0
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
    write_files({path: lock_text(lock_of(report))})


def read_lock(path: Path) -> Lock:
    """The lock file that ``write_lock`` wrote.

    Raises ``UnavailableError`` where it is missing or damaged, ``InputError`` where another
    version of the format wrote it.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnavailableError(
            f"lock file {str(path)!r} is not there; {AGAIN} to write it"
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
            f"scaleproof with version {LOCK_VERSION}; {AGAIN} to write it anew"
        )
    return _validated(path, document)


def _validated(path: Path, document: Any) -> Lock:
    try:
        lock = Lock.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{place}: {first['msg']}") from None
    if len({entry.key for entry in lock.entries}) < len(lock.entries):
        raise _damaged(path, "it has an exponent twice")
    if not all(math.isfinite(slope) for entry in lock.entries for slope in entry.slopes.values()):
        raise _damaged(path, "a slope is no finite number")
    return lock


def _damaged(path: Path, why: str) -> UnavailableError:
    return UnavailableError(
        f"lock file {str(path)!r} is damaged ({' '.join(why.split())}); restore it, or {AGAIN} to "
        "write it anew"
    )
