"""Small figures of single exponents, as SVG text. Imports numpy and ``reports``."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from reports.figures import BOTTOM, RIGHT, WIDTH, axes, size_scale, symbol_of, value_range
from reports.guard.document import Entry
from reports.guard.rows import expected_exponents, is_bound
from reports.svg import Scale, line, number, path, text
from theory.arrays import FloatArray


def entry_plot(entry: Entry) -> str:
    """Means by size, the measured slope and the expected ones: an ``<svg>`` element.

    Fewer than two positive values give an empty string.
    """
    drawn = {s: v for s, v in sorted(entry.values.items()) if v > 0 and math.isfinite(v)}
    if len(drawn) < 2:
        return ""
    sizes, values = np.array(list(drawn), dtype=float), np.array(list(drawn.values()))
    across = size_scale(sizes.tolist())
    up = Scale(*value_range(values.tolist()), BOTTOM, 8.0, math.log)
    slopes = [("predicted", exponent) for exponent in expected_exponents(entry)]
    slopes.append(("fit", entry.interval.estimate))
    lines = "".join(
        path(
            name, line(zip(map(across, sizes), map(up, _slope(sizes, values, slope)), strict=True))
        )
        for name, slope in slopes
        if math.isfinite(slope)
    )
    cells = "".join(
        f'<circle class="cell" cx="{number(across(size))}" cy="{number(up(value))}" r="4"/>'
        for size, value in drawn.items()
    )
    name = f"{entry.parameter or entry.module}: {entry.quantity} against {entry.axis}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {number(BOTTOM + 40)}" role="img" aria-label="{escape(name)}">'
        f"{axes(sizes.tolist(), across, up)}{lines}{cells}"
        f"{text(RIGHT, BOTTOM + 36, symbol_of(entry.axis), 'end')}</svg>"
    )


def entry_keys(entry: Entry) -> list[tuple[str, str]]:
    """Each kind of line in the figure, by class, with what it shows."""
    word = "at most" if is_bound(entry) else "expected"
    keys = [("predicted", f"{word} {exponent:+.2g}") for exponent in expected_exponents(entry)]
    estimate = entry.interval.estimate
    return [*([("fit", f"measured {estimate:+.2f}")] if math.isfinite(estimate) else []), *keys]


def _slope(sizes: FloatArray, values: FloatArray, exponent: float) -> FloatArray:
    """The line of an exponent, drawn through the middle of the values."""
    logs = np.log(sizes)
    return np.asarray(np.exp(np.log(values).mean() + exponent * (logs - logs.mean())))
