"""Exponents of many quantities of one run, with intervals. Imports numpy,
scipy, ``theory`` and ``verify``.

A quantity has one value per seed and size. Its exponent is the slope of the logarithm, with an
intercept for every seed: a batch is shared by the sizes of a seed, and what it does to all of them
is not noise of the slope. The error comes from what is left when the means of seeds and of sizes
are taken away, so that a bend of the true curve does not count as noise. It is pooled over the
same parameter of every block, and moderated over all parameters.
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
    spreads = _spreads(logs, groups, kinds)
    return [_slope(table, x, *spreads[group]) for table, group in zip(logs, groups, strict=True)]


def _spreads(
    logs: Sequence[FloatArray], groups: Sequence[str], kinds: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """By group: the variance that is no bend and no common move of a seed, with its degrees."""
    squares: dict[str, dict[str, list[float]]] = {}
    for table, group, kind in zip(logs, groups, kinds, strict=True):
        found = squares.setdefault(kind, {}).setdefault(group, [0.0, 0.0])
        found[0] += float(np.square(_interaction(table)).sum())
        found[1] += (table.shape[0] - 1) * (table.shape[1] - 1)
    made: dict[str, tuple[float, float]] = {}
    for of_kind in squares.values():
        sums, degrees = np.array(list(of_kind.values())).T
        variances = sums / np.maximum(degrees, 1)
        variances[variances < _NO_SPREAD] = 0.0
        drawn = moderated(variances, degrees)
        pairs = zip(drawn.variances.tolist(), drawn.degrees.tolist(), strict=True)
        made |= dict(zip(of_kind, pairs, strict=True))
    return made


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
