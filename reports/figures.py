"""The figure of one prediction on a page, as SVG text. Imports numpy, ``theory`` and ``reports``.

Above, every replicate and the cells with the fit, the band that accepts, and a rival; below, where
an exponent was fitted, the exponents between neighbouring sizes. Colours come from the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from reports.document import CellEntry, PredictionEntry
from reports.lines import line_of, reads_the_same, sizes_of
from reports.svg import (
    Place,
    Scale,
    area,
    line,
    logarithmic_ticks,
    number,
    path,
    text,
    ticks_between,
)
from theory.arrays import FloatArray
from theory.expectations import Summary

WIDTH = 400
LEFT, RIGHT, TOP, BOTTOM = 56.0, WIDTH - 10.0, 8.0, 226.0
_LOCAL_TOP, _LOCAL_BOTTOM = 274.0, 346.0
_LEAST_RANGE = 2.0  # a narrower one would make noise look like a trend
_MOST_REACH = 1.5  # by so many ranges of the means, at either side, a figure grows for replicates
_LETTER = 8.0  # about the width of a digit
_COLUMNS, _COLUMN = 11, 1.3  # replicates of a cell stand in so many columns, so far apart


def scaling_figure(entry: PredictionEntry) -> str:
    """An ``<svg>`` element; an empty string where no cell can be drawn on logarithmic axes."""
    if not entry.cells or not all(_can_be_drawn(cell) for cell in entry.cells):
        return ""
    sizes = sizes_of(entry)
    across = size_scale(sizes.tolist())
    up = Scale(*heights(entry.cells), BOTTOM, TOP, math.log)
    drawn = "".join(_drawn(entry, sizes, across, up))
    local = "".join(_local(entry, across))
    bottom = _LOCAL_BOTTOM + 20 if local else BOTTOM + 36
    return (
        f'<svg viewBox="0 0 {WIDTH} {number(bottom + 4)}" role="img" '
        f'aria-label="{escape(figure_name(entry))}">{axes(sizes.tolist(), across, up)}'
        f"{drawn}{local}{text(RIGHT, bottom, symbol_of(entry.axis), 'end')}</svg>"
    )


def figure_name(entry: PredictionEntry) -> str:
    """What a figure shows, in a line."""
    return f"{entry.id}: {entry.plotted.replace('_', ' ')} against {entry.axis}"


def symbol_of(axis: str) -> str:
    """The name of an axis with the field's letter; a table's column has its own name."""
    return {"width": "width n", "depth": "depth L"}.get(axis, axis)


def figure_keys(entry: PredictionEntry) -> list[tuple[str, str]]:
    """Each kind of mark in the figure, by class, with what it shows."""
    keys = [("measured", f"mean of {entry.replicates} replicates, with its 95 percent interval")]
    if any(cell.values for cell in entry.cells):
        keys.insert(0, ("replicate", "a replicate"))
    if _has_fit(entry):
        keys.append(("fit", "fit"))
    ends = _ends_alone(entry)
    keys.append(("edge", "accepts up to here") if ends else ("band", "accepts"))
    keys.append(("predicted", "predicted"))
    if entry.rival is not None and reads_the_same(entry, entry.rival):
        keys.append(("rival", "its rival"))
    return keys


def size_scale(sizes: Sequence[float]) -> Scale:
    """Sizes across the figure, with some room at either end."""
    room = (max(sizes) / min(sizes)) ** 0.04 if max(sizes) > min(sizes) else _LEAST_RANGE
    return Scale(min(sizes) / room, max(sizes) * room, LEFT, RIGHT, math.log)


def value_range(values: Sequence[float]) -> tuple[float, float]:
    """Positive ends around all values that are positive, a factor two apart at least."""
    known = [value for value in values if value > 0 and math.isfinite(value)]
    low, high = min(known), max(known)
    wider = max(1.12, math.sqrt(_LEAST_RANGE * low / high))
    return low / wider, high * wider


def heights(cells: Sequence[CellEntry]) -> tuple[float, float]:
    """Ends around all intervals, and around all replicates that are not far from them."""
    low, high = value_range([end for cell in cells for end in (cell.low, cell.high)])
    reach = (high / low) ** _MOST_REACH
    near = (value for cell in cells for value in cell.values if low / reach < value < high * reach)
    return value_range([low, high, *near])


def axes(sizes: Sequence[float], across: Scale, up: Scale) -> str:
    """Grid and numbers: every size that has room, and round values."""
    grid, labels, last = "", [], -math.inf
    for size in sorted(set(sizes)):
        x, name = across(size), f"{size:g}"
        grid += f"M{number(x)} {number(TOP)}V{number(BOTTOM)}"
        if x - last > _LETTER * len(name) + 4:
            labels.append(text(x, BOTTOM + 17, name, "middle"))
            last = x
    for tick in logarithmic_ticks(up.low, up.high):
        y = up(tick)
        grid += f"M{number(LEFT)} {number(y)}H{number(RIGHT)}"
        labels.append(text(LEFT - 6, y + 4, f"{tick:.3g}", "end"))
    return path("grid", grid) + "".join(labels)


def _can_be_drawn(cell: CellEntry) -> bool:
    return cell.measured > 0 and math.isfinite(cell.measured)


def _drawn(entry: PredictionEntry, sizes: FloatArray, across: Scale, up: Scale) -> Iterator[str]:
    """Band, replicates, prediction, rival, fit and cells, each above the one before."""

    def places(values: Sequence[float] | FloatArray) -> list[Place]:
        return [(across(s), up(v)) for s, v in zip(sizes.tolist(), values, strict=True)]

    low, high = entry.band
    if _ends_alone(entry):
        end = low if high is None else high
        assert end is not None
        yield path("edge", line(places(line_of(entry, sizes, end))))
    else:
        lower = [up.low] * len(sizes) if low is None else line_of(entry, sizes, low)
        upper = [up.high] * len(sizes) if high is None else line_of(entry, sizes, high)
        yield path("band", area(places(lower), places(upper)))
    single = [_replicates(cell, across(cell.size), up) for cell in entry.cells]
    yield path("replicate", "".join(single))
    yield path("predicted", line(places(line_of(entry, sizes, entry.predicted))))
    rival = entry.rival
    if rival is not None and reads_the_same(entry, rival):
        yield path("rival", line(places(line_of(rival, sizes, rival.predicted))))
    if _has_fit(entry):
        yield path("fit", line(places([cell.fitted or up.low for cell in entry.cells])))
    for cell in entry.cells:
        yield _cell(cell, across(cell.size), up)


def _ends_alone(entry: PredictionEntry) -> bool:
    """An exponent's line turns about the middle: no side of it is "at most"."""
    return entry.scale is Summary.EXPONENT and None in entry.band


def _has_fit(entry: PredictionEntry) -> bool:
    return all(cell.fitted is not None for cell in entry.cells)


def _replicates(cell: CellEntry, x: float, up: Scale) -> str:
    """A dot for each replicate, in columns beside the mean; one beyond the figure is at its edge.

    Those that fall on the same dot are drawn once, so that many replicates make no large page.
    """
    dots = {
        (count % _COLUMNS, math.floor(up(max(value, up.low)) + 0.5))
        for count, value in enumerate(cell.values)
        if not math.isnan(value)
    }
    columns = [number(x + (column - _COLUMNS // 2) * _COLUMN) for column in range(_COLUMNS)]
    return "".join(f"M{columns[column]} {y}h0" for column, y in sorted(dots))


def _cell(cell: CellEntry, x: float, up: Scale) -> str:
    said = f"{cell.label}: {cell.measured:.4g} [{cell.low:.4g}, {cell.high:.4g}]"
    ends = f"M{number(x)} {number(up(cell.low))}V{number(up(cell.high))}"
    return (
        f"<g><title>{escape(said)}</title>{path('measured', ends)}"
        f'<circle class="cell" cx="{number(x)}" cy="{number(up(cell.measured))}" r="4"/></g>'
    )


def _local(entry: PredictionEntry, across: Scale) -> Iterator[str]:
    """The exponent from each size to the next, with its interval, and where it would accept."""
    if entry.checks is None or not entry.checks.local_exponents:
        return
    found = entry.checks.local_exponents
    ends = [end for e in found for end in (e.interval.low, e.interval.high)]
    ends += [entry.predicted, *(end for end in entry.band if end is not None)]
    room = 0.08 * (max(ends) - min(ends)) or 1.0
    up = Scale(min(ends) - room, max(ends) + room, _LOCAL_BOTTOM, _LOCAL_TOP)
    low, high = (
        number(up(limit if end is None else end))
        for end, limit in zip(entry.band, (up.low, up.high), strict=True)
    )
    left, right, middle = number(LEFT), number(RIGHT), number(up(entry.predicted))
    yield path("band", f"M{left} {low}H{right}V{high}H{left}Z")
    yield path("predicted", f"M{left} {middle}H{right}")
    for tick in ticks_between(up.low, up.high)[::2]:
        yield text(LEFT - 6, up(tick) + 4, f"{tick:g}", "end")
    yield text(LEFT, _LOCAL_TOP - 6, "exponent from each size to the next")
    for one in found:
        interval, middle_size = one.interval, math.sqrt(one.smaller * one.larger)
        start, end, x = (number(across(s)) for s in (one.smaller, one.larger, middle_size))
        y = number(up(interval.estimate))
        said = f"{one.smaller:g} to {one.larger:g}: {interval.estimate:+.3f}"
        bars = f"M{start} {y}H{end}M{x} {number(up(interval.low))}V{number(up(interval.high))}"
        yield f"<g><title>{escape(said)}</title>{path('measured', bars)}</g>"
