"""The report as JUnit XML: a test for each verdict. Imports ``reports``."""

from __future__ import annotations

from collections.abc import Collection

from reports.document import PredictionEntry, Report, RivalEntry
from reports.junit import Case, junit_text
from reports.outcome import FailOn, Result, expectations, judged, results
from reports.text import estimate_text, predicted_text, source_text
from theory.verdict import Verdict


def render(report: Report, fail_on: Collection[FailOn] = ()) -> str:
    """Return the document, in which what ``fail_on`` adds fails too."""
    found, expected = results(report, fail_on), expectations(report)
    cases = [
        _case(report, name, entry, expected[name], found[name])
        for name, entry in judged(report).items()
    ]
    source = source_text(report)
    properties = {"command": report.command, "measurements": source}
    stopped = "" if report.complete else "interrupted; the same command goes on"
    return junit_text("scaleproof", cases, properties, report.times.seconds, stopped)


def _case(
    report: Report,
    name: str,
    entry: PredictionEntry | RivalEntry,
    expected: Verdict | None,
    found: Result,
) -> Case:
    claim = "table" if report.table is not None else name.partition(".")[0]
    said = f"{entry.verdict}: {estimate_text(entry)}, predicted {predicted_text(entry)}"
    wanted = "" if expected in (None, entry.verdict) else f", expected {expected}"
    message = f"{entry.verdict}{wanted}: {entry.reason}"
    return Case(f"scaleproof.{claim}", name, found, said, message)
