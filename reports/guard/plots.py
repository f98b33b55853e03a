"""A forest of all exponents of a guard, for notebooks. Imports matplotlib and ``reports``."""

from __future__ import annotations

from matplotlib.axes import Axes

from reports.guard.document import GuardReport
from reports.guard.rows import Row, expected_exponents, is_bound, rows
from reports.guard.text import count_text
from reports.plots import (
    ForestRow,
    draw_forest,
    new_axes,
)
from theory.scaling import Axis


def forest(report: GuardReport, ax: Axes | None = None) -> Axes:
    """What is judged, the worst first, blocks in one row: that of their clearest exponent."""
    found = [
        _forest_row(row) for axis in Axis for row in rows(report, axis) if row.verdict is not None
    ]
    axes = new_axes(len(found)) if ax is None else ax
    draw_forest(axes, found)
    return axes


def _forest_row(row: Row) -> ForestRow:
    entry = row.clearest
    interval, exponents = entry.interval, expected_exponents(entry)
    nearest = min(exponents, key=lambda exponent: abs(interval.estimate - exponent))
    low = None if is_bound(entry) else nearest - entry.margin
    counted = f" ({count_text(row)})" if count_text(row) else ""
    return ForestRow(
        label=f"{row.name}{counted}, {entry.quantity} {entry.step}, {entry.axis}",
        verdict=row.verdict,
        estimate=interval.estimate,
        interval=(interval.low, interval.high),
        predicted=nearest,
        margin=entry.margin,
        band=(low, nearest + entry.margin),
    )
