"""A guard's report for pull requests and job summaries. Imports ``reports.guard``."""

from __future__ import annotations

from reports.exits import exit_text
from reports.guard.document import Fault, GuardReport
from reports.guard.rows import Row, rows
from reports.guard.text import (
    VERDICTS,
    accepted_text,
    changes_lines,
    count_text,
    expected_text,
    family_text,
    fault_name,
    headline,
    measured_text,
    mend_text,
    rate_text,
    remarks,
    sentence,
    spoils_text,
    when,
)
from reports.markdown import Block, code, document, folded, plain, table
from theory.scaling import Axis
from theory.verdict import Verdict

_HEADINGS = ("name", "what", "along", "verdict", "exponent", "expected", "")
_FINE = (Verdict.ACCEPTED, None)


def render(report: GuardReport) -> str:
    """Return at most 64 kB: faults, what moved, what is rejected or undecided; the rest folded."""
    found = [(axis, one) for axis in Axis for one in rows(report, axis)]
    bad = [_cells(axis, one) for axis, one in found if one.verdict not in _FINE]
    fine = [_cells(axis, one) for axis, one in found if one.verdict in _FINE]
    judged = f"{code(report.target)}: {plain(family_text(report))}."
    blocks = [
        Block([f"### scaleproof guard: {plain(headline(report))}", "", judged]),
        Block([_fault(fault) for fault in report.faults], head=[""]),
        Block([f"- {plain(line)}" for line in changes_lines(report.changes)], head=[""]),
        Block([f"- {plain(rate_text(move))}" for move in report.rates], head=[""]),
        table(_HEADINGS, bad),
        Block([f"- {plain(note)}" for note in report.notes], head=[""]),
        folded(table(_HEADINGS, fine), accepted_text(report)),
    ]
    return document(blocks, ["", exit_text(report.exit_code)])


def _fault(fault: Fault) -> str:
    said = " ".join(filter(None, [sentence(fault.sentence), mend_text(fault), spoils_text(fault)]))
    return f"- **{plain(fault_name(fault))}**: {plain(said)}"


def _cells(axis: Axis, shown: Row) -> list[str]:
    first = shown.first
    return [
        code(shown.name),
        plain(" ".join(filter(None, [when(first.quantity, first.step), count_text(shown)]))),
        axis.value,
        VERDICTS[shown.verdict],
        plain(measured_text(shown)),
        plain(expected_text(first)),
        plain("; ".join(remarks(shown))),
    ]
