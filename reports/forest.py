"""Every verdict of a report on one scale: estimates in units of the margin, as SVG text.

Imports ``theory`` and ``reports``. A prediction of 0 +- 0.1 that is measured as 0.25 lies at 2.5:
0 is what is predicted, and a two-sided claim accepts from -1 to 1. The scale is linear about 0 and
logarithmic far away from it. Colours and marks come from the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from reports.document import PredictionEntry, Report, VerdictEntry
from reports.outcome import WORST_FIRST
from reports.sentences import source_of
from reports.svg import Scale, number, path, text
from reports.text import estimate_text
from theory.prediction import Standing

_WIDTH, _PITCH, _ROOM = 320.0, 6.0, 6.0  # of a group; of its rows; left and right
_BAR_WIDTH, _BAR_HEIGHT = 150.0, 16.0
_LABEL = 14.0  # what half of a number on the scale needs
_TICKS = (0.0, 1.0, 3.0, 10.0, 30.0)
_LEAST_REACH, _MOST_REACH = 3.0, 40.0
_MOST_FAR = (
    0.02  # share of estimates that may lie beyond the scale, where they are drawn at its end
)


@dataclass(frozen=True, slots=True)
class ForestGroup:
    """What has one standing; without a figure if nothing was measured."""

    standing: Standing | None
    entries: tuple[PredictionEntry, ...]
    svg: str


def margins_from(entry: VerdictEntry, value: float) -> float:
    """A value of the statistic, as its distance from what is predicted in units of the margin."""
    return (value - entry.predicted) / entry.margin


def distance(entry: VerdictEntry) -> float | None:
    """The distance of the estimate, in margins; ``None`` where there is none."""
    return None if entry.estimate is None else margins_from(entry, entry.estimate)


def reach_of(report: Report) -> float:
    """How far the scale goes, in margins, to either side: so far that almost all estimates fit."""
    found = sorted(abs(d) for d in map(distance, report.predictions) if d is not None)
    if not found:
        return _LEAST_REACH
    most = found[max(0, math.ceil(len(found) * (1 - _MOST_FAR)) - 1)]
    return min(max(1.2 * most, _LEAST_REACH), _MOST_REACH)


def forest_groups(report: Report, reach: float) -> dict[str, list[ForestGroup]]:
    """By source: what it states, readings of it, and what the project says about it."""
    entries: dict[str, dict[Standing | None, list[PredictionEntry]]] = {}
    for entry in report.predictions:
        entries.setdefault(source_of(entry), {}).setdefault(entry.standing, []).append(entry)
    order = [*Standing, None]
    return {
        source: [
            ForestGroup(standing, tuple(found[standing]), _forest(found[standing], reach))
            for standing in sorted(found, key=order.index)
        ]
        for source, found in entries.items()
    }


def forest_bar(entry: VerdictEntry, reach: float) -> str:
    """One row of a table: where the interval lies, and where it would have to lie to accept."""
    across = Scale(-reach, reach, _ROOM, _BAR_WIDTH - _ROOM, math.asinh)
    middle = _BAR_HEIGHT / 2
    zero = number(across(0.0))
    drawn = path("band", _band(entry, across, 1.0, _BAR_HEIGHT - 2.0))
    drawn += path("predicted", f"M{zero} 1V{number(_BAR_HEIGHT - 1)}") + _row(entry, across, middle)
    size = f"{number(_BAR_WIDTH)} {number(_BAR_HEIGHT)}"
    return f'<svg class="bar" viewBox="0 0 {size}" aria-hidden="true">{drawn}</svg>'


def _forest(entries: Sequence[PredictionEntry], reach: float) -> str:
    """A row each, from the lowest estimate to the highest."""
    known = [entry for entry in entries if entry.interval is not None]
    if not known:
        return ""
    known.sort(key=lambda entry: distance(entry) or 0.0)
    across = Scale(-reach, reach, _ROOM, _WIDTH - _ROOM, math.asinh)
    bottom = _PITCH * (len(known) + 1)
    bands = "".join(
        _band(entry, across, (row + 0.5) * _PITCH, _PITCH) for row, entry in enumerate(known)
    )
    rows = "".join(
        f'<a href="#{escape(entry.id)}" tabindex="-1"><title>{escape(_said(entry))}</title>'
        f"{_row(entry, across, (row + 1) * _PITCH)}</a>"
        for row, entry in enumerate(known)
    )
    drawn = path("band", bands) + _scale(across, bottom) + rows
    return (
        f'<svg class="forest" viewBox="0 0 {number(_WIDTH)} {number(bottom + 18)}" '
        f'aria-hidden="true">{drawn}</svg>'
    )


def _said(entry: PredictionEntry) -> str:
    return f"{entry.id}: {entry.verdict}, {estimate_text(entry)}"


def _band(entry: VerdictEntry, across: Scale, top: float, height: float) -> str:
    """Commands of the box in which an interval accepts."""
    low, high = (None if end is None else margins_from(entry, end) for end in entry.band)
    left = number(across(across.low if low is None else low))
    right = number(across(across.high if high is None else high))
    return f"M{left} {number(top)}H{right}v{number(height)}H{left}z"


def _row(entry: VerdictEntry, across: Scale, y: float) -> str:
    """An interval with the mark of its verdict; nothing of what has no interval."""
    if entry.interval is None or entry.estimate is None:
        return ""
    low, high, middle = (
        across(margins_from(entry, end)) for end in (*entry.interval, entry.estimate)
    )
    place = f'x="{number(middle)}" y="{number(y)}"'
    return (
        f'<g class="{entry.verdict}">{path("reach", f"M{low:.1f} {y:.1f}H{high:.1f}")}'
        f'<use href="#mark-{entry.verdict}" {place}/></g>'
    )


def _scale(across: Scale, bottom: float) -> str:
    """Lines and numbers of the scale, in margins."""
    ticks = [tick for tick in _TICKS if across(tick) < _WIDTH - _LABEL]
    lines, labels = "", ""
    for tick in sorted({*ticks, *(-tick for tick in ticks)}):
        x = across(tick)
        lines += f"M{number(x)} 2V{number(bottom)}"
        labels += text(x, bottom + 13, f"{tick:+g}" if tick else "0", "middle")
    zero = number(across(0.0))
    return path("grid", lines) + path("predicted", f"M{zero} 2V{number(bottom)}") + labels


def by_distance(report: Report) -> list[PredictionEntry]:
    """The predictions of a report, the worst verdicts first and the furthest of each first."""
    return sorted(
        report.predictions,
        key=lambda entry: (WORST_FIRST.index(entry.verdict), -abs(distance(entry) or 0.0)),
    )
