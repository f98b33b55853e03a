"""Pictures of a verdict, as SVG text. Imports matplotlib, numpy, ``theory`` and ``reports``.

Pages draw figures of their own (``reports.figures``), as high as these. Nothing in a picture
depends on the clock or on a random identifier: the same report gives the same bytes.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.document import CellEntry, PredictionEntry, RivalEntry, VerdictEntry
from reports.figures import heights
from reports.lines import line_of, reads_the_same, sizes_of
from reports.text import estimate_text, predicted_text
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.expectations import Summary
from theory.verdict import Verdict

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "scaleproof",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "axes.grid.which": "major",
}
MEASURED, PREDICTED, _RIVAL = "#1b4965", "#c1121f", "#5c677d"
_VERDICTS = {
    Verdict.ACCEPTED: "#2a7d46",
    Verdict.REJECTED: "#b3261e",
    Verdict.INCONCLUSIVE: "#8a6d00",
    Verdict.INVALID: "#7a3e9d",
}
AXES = {"width": "width n", "depth": "depth L"}
_STATISTICS = {
    Summary.EXPONENT: "exponent",
    Summary.RATIO: "measured / predicted",
    Summary.LOGARITHM: "logarithm of measured / predicted",
}
_LONGEST_LABEL = 40
_COLUMNS, _COLUMN = 11, 0.012  # replicates stand in so many columns, so many octaves apart
_TICKS = [sign * tick for tick in (100, 30, 10, 3, 1) for sign in (-1, 1)] + [0]
_LINEAR_MARGINS = 2.0  # a forest is linear so far from the prediction, and logarithmic beyond


class Drawable(Protocol):
    """What a figure of cells needs to know."""

    @property
    def cells(self) -> list[CellEntry]:
        """The points."""

    @property
    def scale(self) -> Summary:
        """How the statistic is made of the cells."""

    @property
    def band(self) -> tuple[float | None, float | None]:
        """The values of the statistic that accept."""

    @property
    def predicted(self) -> float:
        """The predicted statistic."""

    @property
    def relation(self) -> str:
        """What is claimed, in words."""

    @property
    def axis(self) -> str:
        """What the sizes are."""

    @property
    def plotted(self) -> str:
        """What the cells hold."""

    @property
    def rival(self) -> RivalEntry | None:
        """Another source's statement about the same measurements."""


@dataclass(frozen=True, slots=True)
class ForestRow:
    """One estimate of a forest: its interval, and the band that accepts."""

    label: str
    verdict: Verdict | None
    estimate: float
    interval: tuple[float, float]
    predicted: float
    margin: float
    band: tuple[float | None, float | None]

    def in_margins(self, value: float) -> float:
        """How far a value is from the prediction, in margins: what accepts lies in [-1, 1].

        Of a one-sided claim, whose end is at 1 or at -1, all beyond it accepts.
        """
        low, high = self.band
        if low is None and high is not None:
            return 1.0 + (value - high) / self.margin
        if high is None and low is not None:
            return -1.0 + (value - low) / self.margin
        if low is None or high is None:
            return math.nan
        end = high if value >= self.predicted else low
        return (value - self.predicted) / abs(end - self.predicted)


def verdict_picture(entry: PredictionEntry) -> str:
    """How one prediction came to its verdict: an ``<svg>`` element for a page of any colour.

    On the left the cells with the fit and the band; on the right where the interval of the
    statistic lies, and where it has to lie to accept the prediction, or its rival. Raises
    ``InputError`` for an entry that has no interval.
    """
    if not entry.cells or entry.interval is None:
        raise InputError(f"{entry.id} has no interval ({entry.reason}); choose another prediction")
    with mpl.rc_context(STYLE):
        return svg_text(_verdict_figure(entry))


def svg_text(figure: Figure) -> str:
    """The ``<svg>`` element of a figure."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text, which whoever shows the page has glyphs for.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def draw_cells(axes: Axes, entry: Drawable) -> None:
    """Replicates, means with 95 percent intervals, fit, and the predicted line with its band."""
    sizes = sizes_of(entry)
    _draw_replicates(axes, entry.cells, sizes)
    measured = np.array([cell.measured for cell in entry.cells])
    errors = np.array([[c.measured - c.low, c.high - c.measured] for c in entry.cells]).T
    axes.errorbar(sizes, measured, errors, fmt="o", color=MEASURED, ms=4, label="measured")
    fitted = [cell.fitted for cell in entry.cells if cell.fitted is not None]
    if len(fitted) == len(sizes):
        axes.plot(sizes, fitted, "-", color=MEASURED, lw=1, label="fit")
    _draw_prediction(axes, entry, sizes)
    scale_axes(axes, sizes)
    axes.set_xlabel(AXES.get(entry.axis, _plain(entry.axis)))
    axes.set_ylabel(_plain(entry.plotted.replace("_", " ")))
    axes.legend(frameon=False, fontsize=8)


def _draw_replicates(axes: Axes, cells: Sequence[CellEntry], sizes: FloatArray) -> None:
    """A dot for each replicate, in columns about the mean; one beyond the figure is at its edge."""
    low, high = heights(cells)
    pairs = [
        (size * 2 ** (_COLUMN * (count % _COLUMNS - _COLUMNS // 2)), min(max(value, low), high))
        for size, cell in zip(sizes.tolist(), cells, strict=True)
        for count, value in enumerate(cell.values)
        if not math.isnan(value)
    ]
    if pairs:
        across, up = zip(*pairs, strict=True)
        look: dict[str, Any] = {"color": MEASURED, "ms": 2.2, "alpha": 0.35, "mew": 0}
        axes.plot(across, up, "o", label="a replicate", zorder=1, **look)


def _plain(text: str) -> str:
    """Text that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")


def _labelled(text: str, relation: str) -> str:
    return f"{text}: {_plain(relation)}" if len(relation) < _LONGEST_LABEL else text


def _draw_prediction(axes: Axes, entry: Drawable, sizes: FloatArray) -> None:
    """The predicted line with the band that accepts, and the line of a rival."""
    low, high = entry.band
    if entry.scale is Summary.EXPONENT and (low is None or high is None):
        # An exponent's line turns about the middle: no side of it is "at most".
        for end, label in ((low, "accepts from"), (high, "accepts up to")):
            if end is not None:
                line = line_of(entry, sizes, end)
                axes.plot(sizes, line, "-", color=PREDICTED, alpha=0.4, lw=1, label=label)
    else:
        bottom, top = (np.full(len(sizes), end) for end in axes.get_ylim())
        lower = bottom if low is None else line_of(entry, sizes, low)
        upper = top if high is None else line_of(entry, sizes, high)
        axes.fill_between(sizes, lower, upper, color=PREDICTED, alpha=0.12, lw=0, label="accepts")
    line, label = line_of(entry, sizes, entry.predicted), _labelled("predicted", entry.relation)
    axes.plot(sizes, line, "--", color=PREDICTED, lw=1.2, label=label)
    rival = entry.rival
    if rival is not None and reads_the_same(entry, rival):
        line, label = line_of(rival, sizes, rival.predicted), _labelled("rival", rival.relation)
        axes.plot(sizes, line, ":", color=_RIVAL, lw=1.6, label=label)


def scale_axes(axes: Axes, sizes: FloatArray) -> None:
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


def _verdict_figure(entry: PredictionEntry) -> Figure:
    figure = Figure(figsize=(8.4, 3.3), facecolor="white")
    figure.text(0.085, 0.93, entry.id, weight="bold", size=10)
    draw_cells(figure.add_axes((0.085, 0.15, 0.43, 0.75)), entry)
    rows: list[tuple[str, str, VerdictEntry]] = [("predicted", PREDICTED, entry)]
    rival = entry.rival
    if rival is not None and rival.scale is entry.scale and reads_the_same(entry, rival):
        rows.append(("its rival", _RIVAL, rival))
    verdicts = figure.add_axes((0.57, 0.15, 0.40, 0.75))
    _draw_verdicts(verdicts, rows)
    verdicts.set_xlabel(_STATISTICS[entry.scale])
    return figure


def _draw_verdicts(axes: Axes, rows: list[tuple[str, str, VerdictEntry]]) -> None:
    """A row each, from the top: the band that accepts, the interval, and the verdict."""
    ends = [end for _, _, row in rows for end in (*row.band, *(row.interval or ()))]
    known = [end for end in ends if end is not None]
    space = 0.15 * (max(known) - min(known))
    axes.set_xlim(min(known) - space, max(known) + space)
    axes.set_ylim(0.5 - len(rows), 0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for place, (name, colour, row) in enumerate(rows):
        _draw_verdict(axes, -place, name, colour, row)


def _draw_verdict(axes: Axes, y: float, name: str, colour: str, row: VerdictEntry) -> None:
    assert row.estimate is not None
    assert row.interval is not None
    left, right = axes.get_xlim()
    low, high = row.band
    start, end = left if low is None else low, right if high is None else high
    axes.barh(y, end - start, 0.3, left=start, color=colour, alpha=0.18, lw=0)
    if low is not None and high is not None:
        axes.vlines(row.predicted, y - 0.15, y + 0.15, color=colour, linestyle="--", lw=1.2)
    errors = [[row.estimate - row.interval[0]], [row.interval[1] - row.estimate]]
    axes.errorbar(row.estimate, y, xerr=errors, fmt="o", color=MEASURED, ms=5, capsize=3)
    above: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "bottom"}
    axes.annotate(f"{name}: {predicted_text(row)}", (0.0, y + 0.2), color=colour, **above)
    axes.annotate(f"measured: {estimate_text(row)}", (0.0, y - 0.32), color=MEASURED, **above)
    verdict: dict[str, Any] = {"ha": "right", "weight": "bold", "color": _VERDICTS[row.verdict]}
    axes.annotate(row.verdict.upper(), (1.0, y + 0.2), **above, **verdict)


def new_axes(rows: int | None = None) -> Axes:
    """Axes of a new figure of pyplot, which a notebook shows; high enough for rows of a forest."""
    from matplotlib import pyplot

    size = (5.2, 3.4) if rows is None else (6.4, 1.2 + 0.24 * rows)
    _, axes = pyplot.subplots(figsize=size, layout="constrained")
    return axes


def draw_forest(axes: Axes, rows: Sequence[ForestRow]) -> None:
    """Estimates with intervals from the top down, in margins about what each is predicted to be.

    The strip is what accepts: an interval inside it is accepted, one outside rejected.
    """
    axes.axvspan(-1.0, 1.0, color=PREDICTED, alpha=0.12, lw=0, label="accepts")
    axes.axvline(0.0, color=PREDICTED, lw=1.0, linestyle="--", label="predicted")
    for place, row in enumerate(rows):
        middle, low, high = map(row.in_margins, (row.estimate, *row.interval))
        colour = _RIVAL if row.verdict is None else _VERDICTS[row.verdict]
        errors = [[middle - low], [high - middle]]
        axes.errorbar(middle, -place, xerr=errors, fmt="o", color=colour, ms=4, capsize=2, lw=1)
        at: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        axes.annotate(row.verdict or "", (1.02, -place), color=colour, **at)
    axes.set_xscale("symlog", linthresh=_LINEAR_MARGINS)
    reach = max(_LINEAR_MARGINS, *map(abs, axes.get_xlim()))
    axes.set_xlim(-reach, reach)
    ticks = [tick for tick in _TICKS if abs(tick) <= reach]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(0.5 - max(1, len(rows)), 0.5)
    axes.set_yticks([-place for place in range(len(rows))], [_plain(row.label) for row in rows])
    axes.set_xlabel("distance from the prediction, in margins")
    axes.grid(visible=False, axis="y")


def forest_rows(entries: Sequence[tuple[str, VerdictEntry]]) -> list[ForestRow]:
    """The rows of verdicts by name; what has no estimate has none."""
    return [
        ForestRow(
            name,
            one.verdict,
            one.estimate,
            one.interval,
            one.predicted,
            one.margin,
            one.band,
        )
        for name, one in entries
        if one.estimate is not None and one.interval is not None
    ]
