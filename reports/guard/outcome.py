"""What a guard's report amounts to: which exponents fail, and its exit code.

Imports ``theory`` and ``reports``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TypeAlias

from reports.exits import Exit
from reports.guard.document import Change, Entry, GuardReport
from reports.outcome import FailOn, Result, exit_code, result
from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict

# Axis, module, parameter or nothing, quantity, step: what an exponent is of.
Key: TypeAlias = tuple[Axis, str, str, Quantity, int]
Known: TypeAlias = Mapping[Key, Verdict | None]
NOTHING: Known = MappingProxyType({})


def key_of(entry: Entry | Change) -> Key:
    """What an exponent is of, as in lock files."""
    return (entry.axis, entry.module, entry.parameter or "", entry.quantity, entry.step)


def result_of(
    entry: Entry, fail_on: Collection[FailOn] = (), known: Known = NOTHING
) -> Result | None:
    """What an exponent amounts to; ``None`` where it is not judged.

    Expected is the verdict that is ``known``, or ``ACCEPTED``.
    """
    if entry.verdict is None:
        return None
    return result(entry.verdict, known.get(key_of(entry)) or Verdict.ACCEPTED, fail_on)


def outcome(report: GuardReport, fail_on: Collection[FailOn] = (), known: Known = NOTHING) -> Exit:
    """The exit code. Faults that are not ``known``, and changes against a lock file, fail."""
    found = [result_of(entry, fail_on, known) for entry in report.entries]
    found += [result(move.verdict, Verdict.ACCEPTED, fail_on) for move in report.rates]
    if report.changes or (report.faults and not known):
        found.append(Result.FAILS)
    return exit_code(one for one in found if one is not None)
