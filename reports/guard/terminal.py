"""A guard's report for people at a terminal, as plain text. Imports ``reports.guard``.

Faults come first. No line is wider than asked for: names are shortened in the middle.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from reports.exits import exit_text
from reports.guard.document import GuardReport, Run
from reports.guard.rows import Row, rows
from reports.guard.text import (
    QUANTITIES,
    VERDICTS,
    accepted_text,
    changes_lines,
    count_text,
    counts_text,
    expected_text,
    family_text,
    faults_in_brief,
    headline,
    measured_text,
    mend_text,
    rate_text,
    remarks,
    run_text,
    sentence,
    spoils_text,
)
from reports.names import shortened
from theory.module_scaling import Quantity
from theory.scaling import Axis

WIDTH = 80
_NARROWEST = 72
_MOST_ROWS = 40  # of one verdict along one axis; the page and the document have all
_MOST_CHANGES = 20
_MOST_REMARKS = 3
_SPARE = 12  # columns that the longest word leaves free
_WIDEST_DEMAND, _NARROWEST_NAME = 20, 16
_GAP = "  "


def render(report: GuardReport, width: int = WIDTH) -> str:
    """Return the faults, what moved, and the exponents as a table, in lines of this width.

    A width below 72 counts as 72.
    """
    width = max(width, _NARROWEST)
    subject = f"scaleproof guard {report.target}".rstrip()
    title = shortened(f"{subject}: {headline(report)}", width)
    parts: list[Iterator[str] | list[str]] = [
        _faults(report, width),
        _changes(report, width),
        _lines_of([rate_text(move) for move in report.rates], width),
        _lines_of([f"Note: {note}" for note in report.notes], width),
        *(_table(report, axis, width) for axis in Axis),
        _last(report, width),
    ]
    found = [[title], *(list(part) for part in parts)]
    return "\n\n".join("\n".join(lines) for lines in found if lines) + "\n"


def brief(report: GuardReport) -> str:
    """Return one short line, for a prompt or a log."""
    names = faults_in_brief(report)
    faults = f": {'; '.join(names)}" if names else ""
    return f"Guard({headline(report)}{faults}; {accepted_text(report)})"


def _wrapped(text: str, width: int, indent: str = "  ", first: str = "") -> list[str]:
    """Lines of a text, whose words are never broken: longer ones lose their middle."""
    longest = width - len(indent) - _SPARE
    words = [shortened(word, longest) for word in text.split()]
    return textwrap.wrap(
        " ".join(words),
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _lines_of(texts: Sequence[str], width: int) -> list[str]:
    return [line for text in texts for line in _wrapped(text, width)]


def _faults(report: GuardReport, width: int) -> Iterator[str]:
    """A paragraph each, with a free line between them."""
    for number, fault in enumerate(report.faults, start=1):
        if number > 1:
            yield ""
        parts = (
            f"Fault {number}, along {fault.axis}: {sentence(fault.sentence)}",
            mend_text(fault),
            spoils_text(fault),
        )
        yield from _wrapped(" ".join(filter(None, parts)), width)


def _changes(report: GuardReport, width: int) -> Iterator[str]:
    if report.lock is None:
        return
    if not report.changes:
        yield from _wrapped(f"Nothing moved against {report.lock}.", width)
        return
    yield from _wrapped(f"Against {report.lock}:", width)
    lines = list(changes_lines(report.changes))
    for line in lines[:_MOST_CHANGES]:
        yield from _wrapped(line, width, "    ", "  ")
    if len(lines) > _MOST_CHANGES:
        yield f"  and {len(lines) - _MOST_CHANGES} more, which the document has"


def _table(report: GuardReport, axis: Axis, width: int) -> Iterator[str]:
    found = rows(report, axis)
    if not found:
        return
    runs = [run for run in report.runs if run.axis is axis]
    yield from _wrapped(_heading(axis, runs), width)
    columns = _Columns(found, width)
    yield columns.head(axis)
    for verdict, members in groupby(found, key=lambda row: row.verdict):
        group = list(members)
        yield f"{VERDICTS[verdict].upper()}"
        yield from _group(group[:_MOST_ROWS], columns, width)
        if len(group) > _MOST_ROWS:
            yield f"  and {len(group) - _MOST_ROWS} more lines, which the document has"


def _heading(axis: Axis, runs: Sequence[Run]) -> str:
    return f"Along {'; '.join(map(run_text, runs)) or axis}"


def _group(group: Sequence[Row], columns: _Columns, width: int) -> Iterator[str]:
    for row in group:
        yield columns.line(row)
        for remark in remarks(row)[:_MOST_REMARKS]:
            yield from _wrapped(remark, width, "      ", "    ")


class _Columns:
    """Columns as wide as what stands in them; names take what is left."""

    def __init__(self, found: Sequence[Row], width: int) -> None:
        self._quantity = max(len("what"), *(len(row.first.quantity) for row in found))
        self._measured = max(len("exponent of n"), *(len(measured_text(row)) for row in found))
        demands = max(len("expected"), *(len(expected_text(row.first)) for row in found))
        self._expected = min(demands, _WIDEST_DEMAND)
        used = self._quantity + len("step") + self._measured + self._expected
        self._width = width
        self._name = max(width - used - 5 * len(_GAP), _NARROWEST_NAME)

    def head(self, axis: Axis) -> str:
        """The line of headings."""
        return self._joined("name", "what", "step", f"exponent of {axis.symbol}", "expected")

    def line(self, row: Row) -> str:
        """The line of a row."""
        count = count_text(row)
        counted = f" ({count})" if count else ""
        name = shortened(row.name, self._name - len(counted)) + counted
        first = row.first
        expected = shortened(expected_text(first), self._expected)
        return self._joined(name, first.quantity, str(first.step), measured_text(row), expected)

    def _joined(self, name: str, what: str, step: str, measured: str, expected: str) -> str:
        cells = (
            name.ljust(self._name),
            what.ljust(self._quantity),
            step.rjust(len("step")),
            measured.ljust(self._measured),
            expected,
        )
        # Numbers of a network that diverged may be wider than a column.
        return shortened((_GAP + _GAP.join(cells)).rstrip(), self._width)


def _last(report: GuardReport, width: int) -> Iterator[str]:
    """What the words mean, how it was judged, and the counts."""
    used = {entry.quantity for entry in report.entries}
    for quantity in Quantity:
        if quantity in used:
            yield from _wrapped(f"{quantity}: {QUANTITIES[quantity]}", width)
    if report.entries:
        yield from _wrapped(f"Intervals: {family_text(report)}. {report.seconds:.0f} s.", width)
    counts, code = f"{counts_text(report)}.", exit_text(report.exit_code)
    if len(counts) + 1 + len(code) <= width:
        yield f"{counts} {code}"
    else:
        yield from _lines_of([counts, code], width)
