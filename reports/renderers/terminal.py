"""The report as lines for people at a terminal. Imports rich and ``reports``.

What needs attention comes first. Ids are never broken, and nothing but an id is wider than asked.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from reports.document import PredictionEntry, Report, RivalEntry
from reports.outcome import WORST_FIRST, agrees
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
from theory.prediction import Standing
from theory.verdict import Verdict

WIDTH = 80
_NARROWEST = 60
_SPARE = 1  # for a terminal that writes +- instead of one letter
_INDENT, _GAP = "   ", "  "
_COLOURS = {
    Verdict.ACCEPTED: "bold green",
    Verdict.REJECTED: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.INVALID: "bold magenta",
}
_RIVAL = f"{_GAP}its rival: "
_LONGEST_RIVAL = len(_RIVAL) + max(map(len, Verdict))
_ESTIMATE, _PREDICTED = "estimate [interval]", "predicted"
_STANDINGS = {Standing.STATED: "s", Standing.READING: "r", Standing.PROJECT: "p"}
_LEGEND = {
    "s": "s stated",
    "r": "r a reading",
    "p": "p the project's own",
    "*": "* not as on record",
    "?": "? not on record",
}


def render(report: Report, console: Console | None = None) -> str:
    """Return the verdicts, the worst first, with the reason of every one that decides nothing.

    ``console`` says how wide the text is and which colours it has; plain text of 80 columns unless
    given. Nothing is printed on it.
    """
    target = console or Console(file=io.StringIO(), width=WIDTH, color_system=None)
    with target.capture() as capture:
        for line in _lines(report, max(target.width, _NARROWEST)):
            target.print(line, soft_wrap=True, highlight=False)
    return capture.get()


def _lines(report: Report, width: int) -> Iterator[Text]:
    columns = _Columns(report, width)
    yield from _wrapped(f"scaleproof, {source_text(report)}", width)
    yield from map(Text, columns.legend())
    yield Text()
    yield columns.headings()
    for verdict in WORST_FIRST:
        entries = [entry for entry in report.predictions if entry.verdict is verdict]
        if entries:
            yield Text(f"{verdict.upper()} {len(entries)}", _COLOURS[verdict])
        for entry in entries:
            yield from columns.prediction(entry)
        if entries:
            yield Text()
    intervals = f"Intervals: {family_text(report)}. {report.times.seconds:.0f} s."
    notes = (left_out, of_controls, shifted_controls, tried_again)
    for line in (summary(report), intervals, *(line for note in notes for line in note(report))):
        yield from _wrapped(line, width)


def _wrapped(text: str, width: int, indent: str = "") -> Iterator[Text]:
    """A text in lines, whose words are never broken."""
    for line in textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent or _GAP,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        yield Text(line)


class _Columns:
    """Columns as wide as what stands in them; names take what is left."""

    def __init__(self, report: Report, width: int) -> None:
        rivals = [entry.rival for entry in report.predictions if entry.rival is not None]
        entries: list[PredictionEntry | RivalEntry] = [*report.predictions, *rivals]
        self._width = width
        self._has_record = report.table is None
        self._marks = {mark for entry in entries for mark in self._mark(entry)}
        self._estimate = max(map(len, (_ESTIMATE, *map(estimate_text, entries))))
        predicted = max(map(len, (_PREDICTED, *map(predicted_text, entries))))
        used = len(_INDENT) + 2 * len(_GAP) + self._estimate + predicted + _SPARE
        longest = max((len(entry.id) for entry in report.predictions), default=0)
        self._name = min(width - used, max(longest, _LONGEST_RIVAL))

    def headings(self) -> Text:
        """What stands in the columns."""
        name = f"{_INDENT}{'prediction':<{self._name}}"
        return Text(f"{name}{_GAP}{_ESTIMATE:<{self._estimate}}{_GAP}{_PREDICTED}", "dim")

    def legend(self) -> Iterator[str]:
        """What the marks before a name mean, those that there are."""
        parts = [meaning for mark, meaning in _LEGEND.items() if mark in self._marks]
        if parts:
            yield ", ".join(parts)

    def prediction(self, entry: PredictionEntry) -> Iterator[Text]:
        """A prediction with its rival, its twin, and its reason if it decides nothing."""
        yield from self._row(entry, Text(entry.id))
        if entry.twin is not None:
            yield Text(f"{_INDENT}{_GAP}twin: {entry.twin}")
        yield from self._reason(entry)
        if entry.rival is not None:
            verdict = Text(entry.rival.verdict.upper(), _COLOURS[entry.rival.verdict])
            yield from self._row(entry.rival, Text(_RIVAL).append_text(verdict))
            yield from self._reason(entry.rival)

    def _reason(self, entry: PredictionEntry | RivalEntry) -> Iterator[Text]:
        if entry.verdict in (Verdict.INCONCLUSIVE, Verdict.INVALID):
            yield from _wrapped(entry.reason, self._width, _INDENT + 2 * _GAP)

    def _row(self, entry: PredictionEntry | RivalEntry, name: Text) -> Iterator[Text]:
        """A line; two where a name has no room beside the numbers."""
        line = Text(f"{self._mark(entry):<{len(_INDENT)}}").append_text(name)
        if len(name) > self._name:
            yield line
            line = Text(_INDENT)
        line.pad_right(len(_INDENT) + self._name - len(line))
        cells = f"{estimate_text(entry):<{self._estimate}}{_GAP}{predicted_text(entry)}"
        yield line.append(f"{_GAP}{cells}".rstrip())

    def _mark(self, entry: PredictionEntry | RivalEntry) -> str:
        """Whose statement it is, and how the verdict compares with that on record."""
        standing = entry.standing if isinstance(entry, PredictionEntry) else None
        mark = "" if standing is None else _STANDINGS[standing]
        if not self._has_record or agrees(entry):
            return mark
        return mark + ("?" if entry.recorded is None else "*")
