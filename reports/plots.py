"""One log-log figure per prediction, as SVG text. Imports matplotlib, numpy and ``reports``.

Nothing in a figure depends on the clock or on a random identifier: the same report gives the
same bytes.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.document import CellEntry, PredictionEntry, Scale

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "scaleproof",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.grid.which": "major",
}
_MEASURED, _PREDICTED, _RIVAL = "#1b4965", "#c1121f", "#7d8597"


def _sizes(entry: PredictionEntry) -> np.ndarray:
    return np.array([cell.size for cell in entry.cells])


def _through_middle(sizes: np.ndarray, cells: list[CellEntry], exponent: float) -> np.ndarray:
    """The line of an exponent, drawn through the middle of the measurements."""
    logs = np.log([cell.measured for cell in cells])
    line: np.ndarray = np.exp(logs.mean() + exponent * (np.log(sizes) - np.log(sizes).mean()))
    return line


def _plain(text: str) -> str:
    """Text that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")


def _draw_prediction(axes: Axes, entry: PredictionEntry, sizes: np.ndarray) -> None:
    """The predicted line with the band that accepts, and the line of a rival's exponent."""
    values = np.array([cell.predicted for cell in entry.cells if cell.predicted is not None])
    slope = entry.scale is Scale.EXPONENT

    def line_of(statistic: float) -> np.ndarray:
        if slope:
            return _through_middle(sizes, entry.cells, statistic)
        factor = np.exp(statistic) if entry.scale is Scale.LOGARITHM else statistic
        return np.asarray(values * factor)

    low, high = entry.band
    if low is None and high is not None and slope:
        # An exponent's line turns about the middle: no side of it is "at most".
        axes.plot(
            sizes, line_of(high), "-", color=_PREDICTED, alpha=0.4, lw=1, label="accepts up to"
        )
    else:
        bottom, top = (np.full(len(sizes), end) for end in axes.get_ylim())
        lower = bottom if low is None else line_of(low)
        upper = top if high is None else line_of(high)
        axes.fill_between(sizes, lower, upper, color=_PREDICTED, alpha=0.12, lw=0, label="accepts")
    label = f"predicted: {_plain(entry.relation)}" if len(entry.relation) < 40 else "predicted"
    axes.plot(sizes, line_of(entry.predicted), "--", color=_PREDICTED, lw=1.2, label=label)
    if entry.rival is not None and slope:
        line = _through_middle(sizes, entry.cells, entry.rival.predicted)
        axes.plot(sizes, line, ":", color=_RIVAL, lw=1.6, label=f"rival: {entry.rival.relation}")


def _scale_axes(axes: Axes, entry: PredictionEntry, sizes: np.ndarray) -> None:
    """Logarithmic axes with plain numbers, and a range of at least a factor two.

    A narrower range would make noise look like a trend.
    """
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    missing = max(1.0, 2.0 / (high / low)) ** 0.5
    axes.set_ylim(low / missing, high * missing)
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ticks = np.geomspace(*axes.get_ylim(), 6)[1:-1]
    axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel({"width": "width n", "depth": "depth L"}.get(entry.axis, _plain(entry.axis)))
    axes.set_ylabel(_plain(entry.plotted.replace("_", " ")))


def scaling_plot(entry: PredictionEntry) -> str:
    """Points with 95 percent intervals, the fit and the predicted line: an ``<svg>`` element.

    An entry without measurements gives an empty string.
    """
    if not entry.cells:
        return ""
    sizes = _sizes(entry)
    measured = np.array([cell.measured for cell in entry.cells])
    errors = np.array([[c.measured - c.low, c.high - c.measured] for c in entry.cells]).T
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 3.4))
        axes = figure.add_axes((0.15, 0.14, 0.83, 0.83))
        axes.errorbar(sizes, measured, errors, fmt="o", color=_MEASURED, ms=4, label="measured")
        fitted = [cell.fitted for cell in entry.cells if cell.fitted is not None]
        if len(fitted) == len(sizes):
            axes.plot(sizes, fitted, "-", color=_MEASURED, lw=1, label="fit")
        _draw_prediction(axes, entry, sizes)
        _scale_axes(axes, entry, sizes)
        axes.legend(frameon=False, fontsize=8)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
