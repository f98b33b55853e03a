"""Figures of exponents: small ones of single ones as SVG text, and a forest of all.

Imports matplotlib, numpy and ``reports``.
"""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.guard.document import Entry, GuardReport
from reports.guard.rows import Row, expected_exponents, is_bound, rows
from reports.guard.text import count_text
from reports.plots import (
    AXES,
    MEASURED,
    PREDICTED,
    STYLE,
    ForestRow,
    draw_forest,
    new_axes,
    scale_axes,
    svg_text,
)
from theory.arrays import FloatArray
from theory.scaling import Axis


def entry_plot(entry: Entry) -> str:
    """Means by size, the measured slope and the expected ones: an ``<svg>`` element.

    Fewer than two positive values give an empty string.
    """
    drawn = {s: v for s, v in sorted(entry.values.items()) if v > 0 and math.isfinite(v)}
    if len(drawn) < 2:
        return ""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4, 2.5))
        axes = figure.add_axes((0.2, 0.19, 0.77, 0.78))
        _draw(axes, entry, np.array(list(drawn), dtype=float), np.array(list(drawn.values())))
        return svg_text(figure)


def _draw(axes: Axes, entry: Entry, sizes: FloatArray, values: FloatArray) -> None:
    axes.plot(sizes, values, "o", color=MEASURED, ms=4)
    estimate = entry.interval.estimate
    if math.isfinite(estimate):
        line, label = _through_middle(sizes, values, estimate), f"measured {estimate:+.2f}"
        axes.plot(sizes, line, "-", color=MEASURED, lw=1, label=label)
    word = "at most" if is_bound(entry) else "expected"
    for exponent in expected_exponents(entry):
        line, label = _through_middle(sizes, values, exponent), f"{word} {exponent:+.2g}"
        axes.plot(sizes, line, "--", color=PREDICTED, lw=1.2, label=label)
    scale_axes(axes, sizes)
    axes.set_xlabel(AXES[entry.axis])
    axes.set_ylabel(entry.quantity)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=7)


def _through_middle(sizes: FloatArray, values: FloatArray, exponent: float) -> FloatArray:
    """The line of an exponent, drawn through the middle of the values."""
    logs = np.log(sizes)
    return np.asarray(np.exp(np.log(values).mean() + exponent * (logs - logs.mean())))


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
