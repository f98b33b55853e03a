"""Exponents of many quantities of one run, with intervals. Imports numpy and scipy.

A quantity has one value per seed and size. Its exponent is the slope of the logarithm, with an
intercept for every seed: a batch is shared by the sizes of a seed, and what it does to all of them
is not noise of the slope. The error comes from what is left when the means of seeds and of sizes
are taken away, so that a bend of the true curve does not count as noise. It is pooled over the
same parameter of every block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from theory.arrays import FloatArray
from theory.expectations import Band


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """An exponent, its standard error with degrees of freedom, and the misfit of the line.

    ``by_seed`` are the slopes of single seeds, ``without_smallest`` the slope without that size,
    ``misfit`` the p-value of "the means of sizes lie on a line" (1 with two sizes).
    """

    estimate: float
    error: float
    degrees: int
    by_seed: FloatArray
    means: FloatArray
    without_smallest: float
    misfit: float

    def interval(self, level: float) -> tuple[float, float]:
        """At confidence 1 - level."""
        reach = float(stats.t.ppf(1 - level / 2, self.degrees)) * self.error if self.error else 0.0
        return self.estimate - reach, self.estimate + reach

    def p_value(self, bands: Sequence[Band]) -> float:
        """The smallest level at which the interval is inside a band, or has no point in any."""
        distance = min(abs(self.estimate - end) for band in bands for end in band)
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return min(1.0, 2.0 * float(stats.t.sf(distance / self.error, self.degrees)))


def slopes_of(
    logs: Sequence[FloatArray], sizes: Sequence[int], groups: Sequence[str]
) -> list[Slope]:
    """The slope of every table of logarithms, shape (seeds, sizes); errors pooled over a group."""
    x = np.log(np.asarray(sizes, dtype=np.float64))
    x = x - x.mean()
    squares: dict[str, list[float]] = {}
    for table, group in zip(logs, groups, strict=True):
        found = squares.setdefault(group, [0.0, 0.0])
        found[0] += float(np.square(_interaction(table)).sum())
        found[1] += (table.shape[0] - 1) * (table.shape[1] - 1)
    return [
        _slope(table, x, squares[group][0], int(squares[group][1]))
        for table, group in zip(logs, groups, strict=True)
    ]


def _interaction(table: FloatArray) -> FloatArray:
    left: FloatArray = (
        table - table.mean(axis=0, keepdims=True) - table.mean(axis=1, keepdims=True) + table.mean()
    )
    return left


def _slope(table: FloatArray, x: FloatArray, squares: float, degrees: int) -> Slope:
    seeds, sizes = table.shape
    by_seed: FloatArray = table @ x / (x @ x)
    variance = squares / max(degrees, 1)
    # What float32 leaves is no spread.
    variance = 0.0 if variance < 1e-16 else variance
    means = table.mean(axis=0)
    larger = x[1:] - x[1:].mean()
    without = float(means[1:] @ larger / (larger @ larger)) if sizes > 2 else float(by_seed.mean())
    estimate = float(by_seed.mean())
    return Slope(
        estimate,
        float(np.sqrt(variance / (seeds * (x @ x)))),
        max(degrees, 1),
        by_seed,
        means,
        without,
        _misfit(means - means.mean() - estimate * x, variance, seeds, degrees),
    )


def _misfit(left: FloatArray, variance: float, seeds: int, degrees: int) -> float:
    free = len(left) - 2
    if free < 1 or variance == 0:
        return 1.0
    ratio = seeds * float(left @ left) / free / variance
    return float(stats.f.sf(ratio, free, degrees))
