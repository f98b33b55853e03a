"""A guard's report as one HTML page. Imports markupsafe and ``reports``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from markupsafe import Markup

from reports.exits import exit_text
from reports.guard.document import GuardReport
from reports.guard.figures import entry_keys, entry_plot
from reports.guard.rows import Row, rows
from reports.guard.text import (
    QUANTITIES,
    VERDICTS,
    changes_lines,
    count_text,
    counts_text,
    expected_text,
    family_text,
    fault_name,
    headline,
    interval_text,
    measured_text,
    mend_text,
    rate_text,
    remarks,
    run_text,
    sentence,
    spoils_text,
    when,
)
from reports.pages import page_environment
from theory.scaling import Axis
from theory.verdict import Verdict

MOST_PLOTS = 24
_DRAWN = (Verdict.REJECTED, Verdict.INCONCLUSIVE)


def render(report: GuardReport) -> str:
    """Return the page."""
    environment = page_environment()
    environment.filters |= {
        "count": count_text,
        "expected": expected_text,
        "interval": interval_text,
        "keys": entry_keys,
        "measured": measured_text,
        "mend": mend_text,
        "name_of_fault": fault_name,
        "rate": rate_text,
        "remarks": remarks,
        "run": run_text,
        "sentence": sentence,
        "spoils": spoils_text,
    }
    tables = {axis: rows(report, axis) for axis in Axis}
    counts = Counter(row.verdict for table in tables.values() for row in table)
    used = {entry.quantity for entry in report.entries}
    return environment.get_template("guard.html.j2").render(
        report=report,
        tables={axis: found for axis, found in tables.items() if found},
        found={text: counts[verdict] for verdict, text in VERDICTS.items() if counts[verdict]},
        plots=_plots(tables),
        changes=list(changes_lines(report.changes)),
        quantities={name: text for name, text in QUANTITIES.items() if name in used},
        verdicts=VERDICTS,
        when=when,
        headline=headline(report),
        counts=counts_text(report),
        exit=exit_text(report.exit_code),
        family=family_text(report),
    )


def _plots(tables: Mapping[Axis, list[Row]]) -> list[tuple[Row, Markup]]:
    """A figure of the clearest entry of each row that is rejected, then of undecided ones."""
    found: list[tuple[Row, Markup]] = []
    for verdict in _DRAWN:
        for row in (row for table in tables.values() for row in table if row.verdict is verdict):
            svg = entry_plot(row.clearest) if len(found) < MOST_PLOTS else ""
            if svg:
                found.append((row, Markup(svg)))  # noqa: S704 - figures escape their text
    return found
