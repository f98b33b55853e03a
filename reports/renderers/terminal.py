"""The report as a table for people at a terminal. Imports rich and ``reports``."""

from __future__ import annotations

import io

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reports.document import PredictionEntry, Report, RivalEntry, VerdictEntry
from reports.outcome import judged
from reports.text import (
    estimate_text,
    family_text,
    left_out,
    of_controls,
    predicted_text,
    shifted_controls,
    source_text,
    summary,
    tried_again,
)
from theory.verdict import Verdict

_WIDTH = 160  # no id of the catalogue is folded
_COLOURS = {
    Verdict.ACCEPTED: "green",
    Verdict.REJECTED: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.INVALID: "magenta",
}


def render(report: Report, console: Console | None = None) -> str:
    """Return the verdicts as a table, then a reason for every one that decides nothing.

    ``console`` says how wide the text is and which colours it has; plain text of 160 columns
    unless given. Nothing is printed on it.
    """
    target = console or Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    with target.capture() as capture:
        target.print(_table(report))
        for line in _lines(report):
            target.print(escape(line))
    return capture.get()


def _table(report: Report) -> Table:
    standings = any(entry.standing is not None for entry in report.predictions)
    table = Table(title=escape(f"scaleproof, {source_text(report)}"), title_justify="left")
    headings = ["prediction", "verdict", "on record", "estimate [interval]", "predicted"]
    for heading in [*headings, *(["standing"] if standings else [])]:
        table.add_column(escape(heading), overflow="fold")
    table.add_column("replicates", justify="right")
    for name, entry in judged(report).items():
        standing = [_standing(entry)] if standings else []
        table.add_row(escape(_name(entry, name)), *_cells(entry), *standing, str(entry.replicates))
    return table


def _name(entry: PredictionEntry | RivalEntry, name: str) -> str:
    if isinstance(entry, RivalEntry):
        return "  its rival"
    return name if entry.twin is None else f"{name}\n  twin: {entry.twin}"


def _standing(entry: PredictionEntry | RivalEntry) -> str:
    return "" if isinstance(entry, RivalEntry) else entry.standing or ""


def _cells(entry: PredictionEntry | RivalEntry) -> tuple[str, ...]:
    return (
        _verdict(entry),
        entry.recorded or "-",
        escape(estimate_text(entry)),
        escape(predicted_text(entry)),
    )


def _verdict(entry: VerdictEntry) -> str:
    return f"[bold {_COLOURS[entry.verdict]}]{entry.verdict.upper()}[/]"


def _lines(report: Report) -> list[str]:
    undecided = [
        f"{name}: {entry.verdict}: {entry.reason}"
        for name, entry in judged(report).items()
        if entry.verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID)
    ]
    intervals = f"Intervals: {family_text(report)}. {report.times.seconds:.0f} s."
    return [
        *undecided,
        summary(report),
        intervals,
        *left_out(report),
        *of_controls(report),
        *shifted_controls(report),
        *tried_again(report),
    ]
