"""What an experiment can decide, before it is run: three questions with one formula.

``power``: how likely are R replicates to decide? ``required_replicates``: how many make a decision
likely enough? ``detectable_margin``: how narrow a margin can R replicates decide? All for the
spread of a pilot, at a level, for a band and a true value. Imports numpy, ``theory``, ``verify``.

Given the standard deviation s of the R samples, the interval lies inside the band with probability
Phi((high - truth)/e - c s/sigma) - Phi((low - truth)/e + c s/sigma), e = sigma / sqrt(R) and c the
t quantile, and s^2 is chi-squared: the power of two one-sided tests is one exact integral over s
(Phillips 1990), and so is that of a rejection.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from theory.arrays import FloatArray
from theory.expectations import Band
from verify.statistics.distributions import (
    chi_squared_quantile,
    normal_below,
    student_quantile,
)

MOST_REPLICATES = 1_000_000
PILOT_CONFIDENCE = 0.9
# Planned by normal theory: skewed noise and the checks of the fit take up to five percent of it
# away, so that nine in ten campaigns decide (docs/calibration.md).
TARGET_POWER = 0.95
# Midpoints of 400 slices of equal probability: the integrand is smooth and bounded by one.
_SLICES = (np.arange(400) + 0.5) / 400


def typical_truth(band: Band, margin: float) -> float:
    """The value for which an experiment is planned: a margin away from the nearest end of the band.

    The predicted value; for "at most" the bound, for "smaller" twice the difference that counts.
    """
    return band.high - margin if math.isfinite(band.high) else band.low + margin


def cautious_spread(spread: FloatArray, replicates: int) -> FloatArray:
    """The upper confidence limit of a standard deviation that a pilot of R replicates showed.

    A plan with the estimate itself would miss its power as often as not.
    """
    degrees = replicates - 1
    factor = math.sqrt(degrees / chi_squared_quantile(1.0 - PILOT_CONFIDENCE, degrees))
    cautious: FloatArray = spread * factor
    return cautious


def power(
    spread: float | FloatArray, replicates: int, band: Band, truth: float, level: float
) -> float:
    """Probability that the interval of the mean is inside the band or disjoint from it.

    ``spread``: standard deviation of a replicate's statistic, or one for each of several that must
    all be decided, each at its share of the level (a lower bound, by Bonferroni).
    """
    spreads = np.atleast_1d(np.asarray(spread, dtype=np.float64))
    share = level / len(spreads)
    missed = sum(1.0 - _power(float(s), replicates, band, truth, share) for s in spreads)
    return max(0.0, 1.0 - missed)


def _power(spread: float, replicates: int, band: Band, truth: float, level: float) -> float:
    if replicates < 2:
        return 0.0
    error = spread / math.sqrt(replicates)
    if error == 0:
        return float(truth not in (band.low, band.high))
    degrees = replicates - 1
    critical = student_quantile(1.0 - level / 2.0, degrees)
    half_width = critical * np.sqrt(chi_squared_quantile(_SLICES, degrees) / degrees)
    low, high = (band.low - truth) / error, (band.high - truth) / error
    inside = normal_below(high - half_width) - normal_below(low + half_width)
    outside = normal_below(-high - half_width) + normal_below(low - half_width)
    return float((np.maximum(inside, 0.0) + outside).mean())


def required_replicates(
    spread: float | FloatArray, band: Band, truth: float, level: float
) -> int | None:
    """The fewest replicates with at least the target power; ``None`` above a million."""

    def enough(count: int) -> bool:
        return power(spread, count, band, truth, level) >= TARGET_POWER

    return _fewest(enough)


def detectable_margin(
    spread: float | FloatArray,
    replicates: int,
    band_of: Callable[[float], Band],
    level: float,
) -> float:
    """The narrowest margin that these replicates decide with the target power.

    ``band_of`` gives a relation's band for a margin. Infinite where not even a million spreads are
    decided.
    """
    spreads = np.atleast_1d(np.asarray(spread, dtype=np.float64))
    low, high = 0.0, 1e6 * float(spreads.max())

    def enough(margin: float) -> bool:
        band = band_of(margin)
        return power(spread, replicates, band, typical_truth(band, margin), level) >= TARGET_POWER

    if high == 0:
        return 0.0
    if not enough(high):
        return math.inf
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def replicates_to_decide(samples: FloatArray, band: Band, level: float) -> int | None:
    """How many replicates would decide, were estimate and spread to stay as they are.

    ``None`` when more than a million would be needed: the estimate sits on the edge.
    """
    return replicates_for(float(np.mean(samples)), float(np.std(samples, ddof=1)), band, level)


def replicates_for(mean: float, spread: float, band: Band, level: float) -> int | None:
    """The same for the mean and the standard deviation of one replicate's statistic."""
    distance = min(abs(mean - band.low), abs(mean - band.high))

    def decided(count: int) -> bool:
        critical = student_quantile(1.0 - level / 2.0, count - 1)
        return critical * spread / math.sqrt(count) <= distance

    return _fewest(decided)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The smallest count of at least two that is enough; more must never be worse."""
    high = 2
    while not enough(high):
        if high >= MOST_REPLICATES:
            return None
        high = min(2 * high, MOST_REPLICATES)
    low = high // 2 if high > 2 else 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
