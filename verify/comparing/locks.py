"""Two guards: other verdicts, and exponents that moved. Imports numpy, ``reports``, ``verify``."""

from __future__ import annotations

import numpy as np

from reports.comparison.document import Change, Difference, Kind, Side
from reports.guard.document import Change as Moved
from reports.guard.outcome import key_of
from reports.guard.text import when
from theory.errors import InputError
from verify.comparing.found import Found
from verify.guarding.lock import Lock, LockedEntry
from verify.guarding.moved import compare_locks, other_design


def compare_guards(before: Lock, after: Lock) -> Found:
    """What a lock file says against an earlier one, as the guard compares them.

    Raises ``InputError`` for two of different designs.
    """
    differing = other_design(before, after)
    if differing:
        raise InputError(f"the guards are of different designs: {differing}; give two of the same")
    comparison = compare_locks(before, after)
    first = {entry.key: entry for entry in before.entries}
    second = {entry.key: entry for entry in after.entries}
    moved = {key_of(change): change for change in comparison.changes}
    changes = [
        _change(first.get(key), second.get(key), moved.get(key))
        for key in dict.fromkeys([*first, *second])
    ]
    return Found(
        len(first.keys() & second.keys()),
        [change for change in changes if change is not None],
        comparison.notes,
    )


def _change(
    before: LockedEntry | None, after: LockedEntry | None, moved: Moved | None
) -> Change | None:
    kind = _kind(before, after, moved)
    either = before or after
    if kind is None or either is None:
        return None
    interval = None if moved is None else moved.interval
    return Change(
        name=f"{either.axis}, {either.parameter or either.module}, "
        f"{when(either.quantity, either.step)}",
        kind=kind,
        before=None if before is None else _side(before),
        after=None if after is None else _side(after),
        cell="",
        difference=None if interval is None else Difference(**interval.model_dump()),
        moved=interval is not None,
    )


def _kind(
    before: LockedEntry | None, after: LockedEntry | None, moved: Moved | None
) -> Kind | None:
    if moved is not None and moved.before is None:
        return Kind.NEW
    if moved is not None and moved.after is None:
        return Kind.GONE
    if before is not None and after is not None and before.verdict is not after.verdict:
        return Kind.VERDICT
    return None if moved is None else Kind.MOVED


def _side(entry: LockedEntry) -> Side:
    slopes = list(entry.slopes.values())
    return Side(verdict=entry.verdict, estimate=float(np.mean(slopes)) if slopes else None)
