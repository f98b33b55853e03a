"""What verdicts amount to: which of them fail, and the exit code of a report.

Imports ``theory`` and ``reports``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.exits import Exit
from theory.verdict import Verdict

if TYPE_CHECKING:
    from reports.document import PredictionEntry, Report, RivalEntry


class FailOn(StrEnum):
    """What fails. A verdict that is not the expected one always does; the others add to it.

    CHANGED adds nothing. REJECTED: what is rejected, also where that is on record. UNDECIDED: what
    is inconclusive.
    """

    CHANGED = "changed"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


class Result(StrEnum):
    """What one verdict amounts to, the worst first."""

    FAILS = "fails"
    UNDECIDED = "undecided"
    PASSES = "passes"


_EXITS = {Result.FAILS: Exit.FAILED, Result.UNDECIDED: Exit.UNDECIDED, Result.PASSES: Exit.PASSED}


def result(verdict: Verdict, expected: Verdict | None, fail_on: Collection[FailOn] = ()) -> Result:
    """What a verdict amounts to, where ``expected`` is ``None`` if nothing is."""
    undecided = verdict is Verdict.INCONCLUSIVE
    if undecided and FailOn.UNDECIDED in fail_on:
        return Result.FAILS
    if verdict is Verdict.REJECTED and FailOn.REJECTED in fail_on:
        return Result.FAILS
    if verdict is expected:
        return Result.PASSES
    if undecided:
        return Result.UNDECIDED
    return Result.PASSES if expected is None else Result.FAILS


def exit_code(results: Iterable[Result]) -> Exit:
    """The exit code of the worst one."""
    return _EXITS[min(results, key=list(Result).index, default=Result.PASSES)]


WORST_FIRST = (Verdict.REJECTED, Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.ACCEPTED)


def judged(report: Report) -> dict[str, PredictionEntry | RivalEntry]:
    """Every verdict of a report by name: predictions, each followed by its rival."""
    entries: dict[str, PredictionEntry | RivalEntry] = {}
    for entry in report.predictions:
        entries |= verdicts_of(entry)
    return entries


def verdicts_of(entry: PredictionEntry) -> dict[str, PredictionEntry | RivalEntry]:
    """The verdict on a prediction by name, and that on its rival."""
    entries: dict[str, PredictionEntry | RivalEntry] = {entry.id: entry}
    if entry.rival is not None:
        entries[f"{entry.id}, rival"] = entry.rival
    return entries


def agrees(entry: PredictionEntry | RivalEntry) -> bool:
    """Whether a verdict is the one on record."""
    return entry.verdict == entry.recorded


def expectations(report: Report) -> dict[str, Verdict | None]:
    """The expected verdicts by name: those on record; where there is none, ``ACCEPTED``.

    What is on record is so of this project's networks, and not of a table's. Nothing is expected of
    a rival without a record, or on other images than digits, of which little is on record.
    """
    if report.table is not None:
        return dict.fromkeys(judged(report), Verdict.ACCEPTED)
    own = {entry.id for entry in report.predictions} if report.images is None else set()
    return {
        name: entry.recorded or (Verdict.ACCEPTED if name in own else None)
        for name, entry in judged(report).items()
    }


def results(report: Report, fail_on: Collection[FailOn] = ()) -> dict[str, Result]:
    """What each verdict of ``judged`` amounts to."""
    expected, entries = expectations(report), judged(report)
    return {name: result(entries[name].verdict, expected[name], fail_on) for name in entries}


def outcome(report: Report, fail_on: Collection[FailOn] = ()) -> Exit:
    """The exit code of a report; that of an unfinished campaign is STOPPED."""
    return exit_code(results(report, fail_on).values()) if report.complete else Exit.STOPPED
