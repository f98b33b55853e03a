"""What a report amounts to: its verdicts in order, and whether they are those on record.

Imports ``theory`` and ``reports.document``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from theory.verdict import Verdict

if TYPE_CHECKING:
    from reports.document import PredictionEntry, Report, RivalEntry


class Outcome(StrEnum):
    """How the verdicts of a report compare with those on record."""

    AS_RECORDED = "as recorded"
    NOT_AS_RECORDED = "not as recorded"
    UNDECIDED = "undecided"
    INTERRUPTED = "interrupted"


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


def outcome(report: Report) -> Outcome:
    """UNDECIDED where all that differs from the record is inconclusive.

    On other images than digits little is on record, and what is decided but not on record counts as
    no difference. A user's own predictions are to be accepted.
    """
    if not report.complete:
        return Outcome.INTERRUPTED
    differing = [entry for entry in judged(report).values() if not agrees(entry)]
    if report.predictions_from is not None:
        differing = [e for e in differing if e.verdict is not Verdict.ACCEPTED]
    if report.images is not None:
        differing = [e for e in differing if e.recorded or e.verdict is Verdict.INCONCLUSIVE]
    if not differing:
        return Outcome.AS_RECORDED
    undecided = all(entry.verdict is Verdict.INCONCLUSIVE for entry in differing)
    return Outcome.UNDECIDED if undecided else Outcome.NOT_AS_RECORDED
