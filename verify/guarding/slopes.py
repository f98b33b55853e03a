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
from scipy import stats

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
        reach = float(stats.t.ppf(1 - level / 2, self.degrees)) * self.error if self.error else 0.0
        return self.estimate - reach, self.estimate + reach

    def p_value(self, bands: Sequence[Band]) -> float:
        """The smallest level at which the interval is inside a band, or has no point in any."""
        distance = min(abs(self.estimate - end) for band in bands for end in band)
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return min(1.0, 2.0 * float(stats.t.sf(distance / self.error, self.degrees)))


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
    squares: dict[str, dict[str, FloatArray]] = {}
    for table, group, kind in zip(logs, groups, kinds, strict=True):
        seeds, sizes = table.shape
        slopes: FloatArray = table @ x / np.sqrt(x @ x)
        of_cells = np.square(_interaction(table)).sum()
        of_seeds = np.square(slopes - slopes.mean()).sum()
        found = np.array([of_cells, (seeds - 1) * (sizes - 1), of_seeds, seeds - 1])
        of_kind = squares.setdefault(kind, {})
        of_kind[group] = of_kind.get(group, 0.0) + found
    made: dict[str, tuple[float, float]] = {}
    for of_kind in squares.values():
        cells, cell_degrees, seeds_, seed_degrees = np.array(list(of_kind.values())).T
        both = _moderated(cells, cell_degrees), _moderated(seeds_, seed_degrees)
        made |= dict(zip(of_kind, map(max, *both), strict=True))
    return made


def _moderated(squares: FloatArray, degrees: FloatArray) -> list[tuple[float, float]]:
    variances = squares / np.maximum(degrees, 1)
    variances[variances < _NO_SPREAD] = 0.0
    drawn = moderated(variances, degrees)
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
    return float(stats.f.sf(ratio, free, degrees))
