"""What a notebook shows of a guard: the faults, and a table of exponents, the worst first.

Imports ``reports`` and ``theory``.
"""

from __future__ import annotations

from reports.guard.document import GuardReport
from reports.guard.rows import rows
from reports.guard.terminal import brief
from reports.guard.text import VERDICTS, count_text, expected_text, measured_text, sentence
from reports.notebook import table_html
from theory.scaling import Axis


def render(report: GuardReport) -> str:
    """Return a caption and one table."""
    faults = [(str(f.axis), "fault", "", "", sentence(f.sentence), "") for f in report.faults]
    found = [
        (
            str(axis),
            VERDICTS[row.verdict],
            f"{row.name} ({count_text(row)})" if count_text(row) else row.name,
            f"{row.first.quantity} {row.first.step}",
            measured_text(row),
            expected_text(row.first),
        )
        for axis in Axis
        for row in rows(report, axis)
    ]
    headings = ("along", "verdict", "name", "what, step", "exponent", "expected")
    return table_html(brief(report), headings, [*faults, *found])
