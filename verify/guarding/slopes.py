"""Exponents of many quantities of one run, with intervals. Imports numpy,
scipy, ``theory`` and ``verify``.

A quantity has one value per seed and size. Its exponent is the slope of the logarithm, with an
intercept for every seed: a batch is shared by the sizes of a seed, and what it does to all of them
is not noise of the slope. A bend of the true curve does not count as noise either. The spread is
pooled over the same parameter of every block, and moderated over all parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from theory.arrays import FloatArray
from theory.expectations import Band
from verify.statistics.moderation import moderated

# A variance that float32 leaves, and no spread.
_NO_SPREAD = 1e-16


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """An exponent, its standard error with degrees of freedom, and the misfit of the line.

    ``by_seed`` are the slopes of single seeds, ``without_smallest`` the slope without that size,
    ``misfit`` the p-value of "the means of sizes lie on a line" (1 with two sizes).
    """

    estimate: float
    error: float
    degrees: float
    by_seed: FloatArray
    means: FloatArray
    without_smallest: float
    misfit: float

    def interval(self, level: float) -> tuple[float, float]:
        """At confidence 1 - level."""
        reach = quantile_of_t(level, self.degrees) * self.error if self.error else 0.0
        return self.estimate - reach, self.estimate + reach

    def p_value(self, bands: Sequence[Band]) -> float:
        """The smallest level at which the interval is inside a band, or has no point in any."""
        distance = min(abs(self.estimate - end) for band in bands for end in band)
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return min(1.0, 2.0 * float(special.stdtr(self.degrees, -distance / self.error)))


def quantile_of_t(level: float, degrees: float) -> float:
    """What |t| exceeds with probability ``level``; ``scipy.stats`` would check every argument."""
    return float(special.stdtrit(degrees, 1 - level / 2))


def slopes_of(
    logs: Sequence[FloatArray], sizes: Sequence[int], groups: Sequence[str], kinds: Sequence[str]
) -> list[Slope]:
    """The slope of every table of logarithms, shape (seeds, sizes).

    Errors are pooled over a group, and drawn towards what groups of one kind have in common.
    """
    x = np.log(np.asarray(sizes, dtype=np.float64))
    x = x - x.mean()
    spreads = _spreads(logs, x, groups, kinds)
    return [_slope(table, x, *spreads[group]) for table, group in zip(logs, groups, strict=True)]


def _spreads(
    logs: Sequence[FloatArray], x: FloatArray, groups: Sequence[str], kinds: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """By group: the variance, with its degrees.

    It is the larger of two: what is left in single cells, and what the slopes of seeds show. The
    first knows more, the second does not mind that small sizes vary most.
    """
    of_kind: dict[str, list[int]] = {}
    for place, kind in enumerate(kinds):
        of_kind.setdefault(kind, []).append(place)
    made: dict[str, tuple[float, float]] = {}
    for places in of_kind.values():
        left = [_interaction(logs[place]) for place in places]
        slopes = [table @ x / np.sqrt(x @ x) for table in left]
        members: dict[str, list[int]] = {}
        for row, place in enumerate(places):
            members.setdefault(groups[place], []).append(row)
        shared = _shared(left)
        rows = list(members.values())
        of_cells = _moderated(
            [np.square(one).sum() for one in left], _free_cells(left), rows, shared
        )
        of_seeds = _moderated(
            [np.square(one).sum() for one in slopes], [len(one) - 1 for one in slopes], rows, shared
        )
        made |= dict(zip(members, map(max, of_cells, of_seeds), strict=True))
    return made


def _free_cells(tables: Sequence[FloatArray]) -> list[int]:
    return [(table.shape[0] - 1) * (table.shape[1] - 1) for table in tables]


def _shared(left: Sequence[FloatArray]) -> FloatArray:
    """Squared correlations of what is left of tables, less what chance alone makes of them.

    All parameters of a network see the same seeds. Tables of other seeds than most count as one.
    """
    shared = np.ones((len(left), len(left)))
    for shape in {table.shape for table in left}:
        rows = [row for row, table in enumerate(left) if table.shape == shape]
        flat = np.array([left[row].ravel() for row in rows])
        lengths = np.linalg.norm(flat, axis=1, keepdims=True)
        units = np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 0)
        squares, degrees = np.square(units @ units.T), (shape[0] - 1) * (shape[1] - 1)
        shared[np.ix_(rows, rows)] = (degrees * squares - 1) / max(degrees - 1, 1)
    np.fill_diagonal(shared, 1.0)
    return shared


def _independent(rows: Sequence[int], shared: FloatArray) -> float:
    """As how many independent tables these count: their sum of squares varies as that of so many.

    With s = sum_k s_k of equal means, var s = var s_k sum_kl r_kl^2 (Satterthwaite, Biometrics
    Bull. 2, 110, 1946, for correlated squares).
    """
    count = len(rows)
    return count**2 / float(np.clip(shared[np.ix_(rows, rows)].sum(), count, count**2))


def _moderated(
    squares: Sequence[float],
    degrees: Sequence[int],
    groups: Sequence[Sequence[int]],
    shared: FloatArray,
) -> list[tuple[float, float]]:
    """Of every group, given sums of squares and degrees of single tables."""
    totals = np.array([sum(degrees[row] for row in rows) for rows in groups], dtype=np.float64)
    variances = np.array([sum(squares[row] for row in rows) for rows in groups])
    variances = variances / np.maximum(totals, 1)
    variances[variances < _NO_SPREAD] = 0.0
    known = totals * [_independent(rows, shared) / len(rows) for rows in groups]
    vary = [
        row for rows, variance in zip(groups, variances, strict=True) if variance for row in rows
    ]
    most = np.mean([degrees[row] for row in vary]) * _independent(vary, shared) if vary else 0.0
    drawn = moderated(variances, known, float(most))
    return list(zip(drawn.variances.tolist(), drawn.degrees.tolist(), strict=True))


def _interaction(table: FloatArray) -> FloatArray:
    left: FloatArray = (
        table - table.mean(axis=0, keepdims=True) - table.mean(axis=1, keepdims=True) + table.mean()
    )
    return left


def _slope(table: FloatArray, x: FloatArray, variance: float, degrees: float) -> Slope:
    seeds, sizes = table.shape
    by_seed: FloatArray = table @ x / (x @ x)
    means = table.mean(axis=0)
    larger = x[1:] - x[1:].mean()
    without = float(means[1:] @ larger / (larger @ larger)) if sizes > 2 else float(by_seed.mean())
    estimate = float(by_seed.mean())
    return Slope(
        estimate,
        float(np.sqrt(variance / (seeds * (x @ x)))),
        max(degrees, 1.0),
        by_seed,
        means,
        without,
        _misfit(means - means.mean() - estimate * x, variance, seeds, degrees),
    )


def _misfit(left: FloatArray, variance: float, seeds: int, degrees: float) -> float:
    free = len(left) - 2
    if free < 1 or variance == 0:
        return 1.0
    ratio = seeds * float(left @ left) / free / variance
    return float(special.fdtrc(free, degrees, ratio))
