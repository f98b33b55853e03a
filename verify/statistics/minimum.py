"""Where a loss is smallest on a logarithmic grid of learning rates. Imports numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from theory.arrays import FloatArray, IntArray


class Minima(NamedTuple):
    """The best rates: ``log_rate`` (...), and ``edge``: -1, 0 or 1 where the grid ends too early.

    ``log_rate`` is nan at an edge, and where no rate gave a finite loss.
    """

    log_rate: FloatArray
    edge: IntArray


def best_log_rates(losses: FloatArray, rates: FloatArray) -> Minima:
    """The minimum of the parabola through the best rate and its two neighbours.

    ``losses``: (..., rates), diverged ones infinite or nan; ``rates``: (rates,), ascending in
    constant ratio. Beside a diverged rate the parabola is not known, and the best rate of the grid
    itself is taken.
    """
    finite = np.where(np.isfinite(losses), losses, np.inf)
    best = finite.argmin(axis=-1)
    last = len(rates) - 1
    edge = np.where(best == 0, -1, np.where(best == last, 1, 0))
    middle = np.clip(best, 1, last - 1)
    around = [
        np.take_along_axis(finite, (middle + shift)[..., None], axis=-1)[..., 0]
        for shift in (-1, 0, 1)
    ]
    below, at, above = around
    with np.errstate(invalid="ignore", divide="ignore"):
        bend = below - 2 * at + above
        offset = (below - above) / (2 * bend)
    known = np.isfinite(bend) & (bend > 0)
    step = np.log(rates[1] / rates[0])
    minimum = np.log(rates)[middle] + np.where(known, offset, 0.0) * step
    usable = (edge == 0) & np.isfinite(at)
    nothing = np.isinf(finite).all(axis=-1)
    return Minima(np.where(usable, minimum, np.nan), np.where(nothing, 0, edge))
