"""The report as a table for people at a terminal. Imports rich and ``reports``."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reports.document import PredictionEntry, Report, RivalEntry, VerdictEntry
from reports.outcome import judged
from reports.text import (
    estimate_text,
    family_text,
    predicted_text,
    source_text,
    summary,
    tried_again,
)
from theory.verdict import Verdict

_COLOURS = {
    Verdict.ACCEPTED: "green",
    Verdict.REJECTED: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.INVALID: "magenta",
}


def _verdict(entry: VerdictEntry) -> str:
    return f"[bold {_COLOURS[entry.verdict]}]{entry.verdict.upper()}[/]"


def _row(entry: PredictionEntry | RivalEntry, name: str) -> tuple[str, ...]:
    return (
        escape(name),
        _verdict(entry),
        str(entry.recorded or "-"),
        escape(estimate_text(entry)),
        predicted_text(entry),
        str(entry.replicates),
    )


def print_report(report: Report, console: Console) -> None:
    """Print verdicts as a table, then a reason for every one that decides nothing."""
    title = f"scaleproof, {source_text(report)}"
    table = Table(title=title, title_justify="left")
    for heading in ("prediction", "verdict", "on record", "estimate [interval]", "predicted"):
        table.add_column(heading, overflow="fold")
    table.add_column("replicates", justify="right")
    for name, entry in judged(report).items():
        table.add_row(*_row(entry, "  its rival" if isinstance(entry, RivalEntry) else name))
    console.print(table)
    for name, entry in judged(report).items():
        if entry.verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID):
            console.print(f"{escape(name)}: {entry.verdict}: {escape(entry.reason)}")
    console.print(summary(report))
    console.print(f"Intervals: {family_text(report)}. {report.times.seconds:.0f} s.")
    for line in tried_again(report):
        console.print(escape(line))
