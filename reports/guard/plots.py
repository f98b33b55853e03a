"""Small figures of single exponents, as SVG text. Imports matplotlib, numpy and ``reports``."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.guard.document import Entry
from reports.guard.rows import expected_exponents, is_bound
from reports.plots import AXES, MEASURED, PREDICTED, STYLE, scale_axes, svg_text
from theory.arrays import FloatArray


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
