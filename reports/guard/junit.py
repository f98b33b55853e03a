"""A guard's report as JUnit XML: a test for each exponent. Imports ``reports.guard``."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reports.exits import Exit
from reports.guard.document import Entry, GuardReport
from reports.guard.outcome import NOTHING, Known, result_of
from reports.guard.rows import named
from reports.guard.text import (
    changes_lines,
    expected_text,
    fault_name,
    interval_text,
    mend_text,
    needed_text,
    rate_text,
    sentence,
    when,
)
from reports.junit import Case, junit_text
from reports.outcome import FailOn, Result, result
from theory.verdict import Verdict


def render(report: GuardReport, fail_on: Collection[FailOn] = (), known: Known = NOTHING) -> str:
    """Return the document, in which what ``fail_on`` adds fails too, and ``known`` does not."""
    properties = {"target": report.target, "demand": report.demand.value}
    cases = _cases(report, fail_on, known)
    stopped = "interrupted; run it again" if report.exit_code == Exit.STOPPED else ""
    return junit_text("scaleproof guard", cases, properties, report.seconds, stopped)


def _cases(report: GuardReport, fail_on: Collection[FailOn], known: Known) -> Iterator[Case]:
    causes = _causes(report)
    for entry in report.entries:
        found = result_of(entry, fail_on, known)
        if found is not None:
            yield _case(entry, found, causes.get(named(entry), ""))
    for fault in report.faults:
        found = Result.PASSES if known else Result.FAILS
        said = f"{fault_name(fault)}: {sentence(fault.sentence)}"
        yield Case("faults", fault_name(fault), found, said, mend_text(fault))
    for move in report.rates:
        text, found = rate_text(move), result(move.verdict, Verdict.ACCEPTED, fail_on)
        yield Case("rates", f"best rate along {move.axis}", found, text, text)
    for line in changes_lines(report.changes):
        yield Case("lock", line.partition(":")[0], Result.FAILS, line, "against the lock file")


def _case(entry: Entry, found: Result, cause: str) -> Case:
    said = f"{entry.verdict}: {interval_text(entry.interval)}, expected {expected_text(entry)}"
    why = needed_text([entry]) if entry.verdict is Verdict.INCONCLUSIVE else cause
    message = "; ".join(filter(None, [said, entry.note, why]))
    name = f"{named(entry)}, {when(entry.quantity, entry.step)}"
    return Case(entry.axis.value, name, found, said, message)


def _causes(report: GuardReport) -> dict[str, str]:
    """The fault by the name of what it spoils."""
    return {
        name: f"spoilt by {fault_name(fault)}" for fault in report.faults for name in fault.spoils
    }
