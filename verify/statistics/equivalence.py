"""Equivalence of a mean with a predicted value. Imports numpy, scipy, statsmodels.

One t interval decides both ways: inside [predicted - margin, predicted + margin] accepts,
disjoint from it rejects. The p-value of a decision is twice the smaller one-sided p-value of the
two (outside-the-margin null for accepting, inside-the-margin null for rejecting), so that
"p <= level" and "the interval at confidence 1 - level decides" are the same statement. Two-sided
p-values are what Holm's procedure needs when, as here, either direction may be decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from theory.errors import DomainError
from theory.prediction import Verdict

FloatArray = npt.NDArray[np.float64]

MOST_REPLICATES = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its t interval at confidence 1 - level."""

    estimate: float
    low: float
    high: float
    level: float

    def within(self, low: float, high: float) -> bool:
        """Whether the interval lies inside [low, high]."""
        return low <= self.low and self.high <= high

    def disjoint_from(self, low: float, high: float) -> bool:
        """Whether the interval has no point in [low, high]."""
        return self.high < low or high < self.low


def mean_interval(samples: FloatArray, level: float) -> Interval:
    """The t interval of the mean of independent samples, shape (replicates,)."""
    if len(samples) < 2:
        raise DomainError("one replicate has no spread; measure at least two")
    described = DescrStatsW(samples)
    low, high = described.tconfint_mean(alpha=level)
    return Interval(float(described.mean), float(low), float(high), level)


def decision_p_value(samples: FloatArray, predicted: float, margin: float) -> float:
    """The smallest level at which the interval of the mean accepts or rejects."""
    described = DescrStatsW(samples)
    low, high = predicted - margin, predicted + margin
    accept = float(described.ttost_mean(low, high)[0])
    above = float(described.ttest_mean(high, alternative="larger")[1])
    below = float(described.ttest_mean(low, alternative="smaller")[1])
    return min(1.0, 2.0 * min(accept, above, below))


def decide(interval: Interval, predicted: float, margin: float) -> Verdict:
    """Accepted, rejected or inconclusive, from where the interval lies."""
    low, high = predicted - margin, predicted + margin
    if interval.within(low, high):
        return Verdict.ACCEPTED
    if interval.disjoint_from(low, high):
        return Verdict.REJECTED
    return Verdict.INCONCLUSIVE


def replicates_to_decide(
    samples: FloatArray, predicted: float, margin: float, level: float
) -> int | None:
    """How many replicates would decide, were estimate and spread to stay as they are.

    ``None`` when more than a million would be needed: the estimate sits on the edge.
    """
    distance = abs(abs(float(np.mean(samples)) - predicted) - margin)
    spread = float(np.std(samples, ddof=1))

    def decided(count: int) -> bool:
        critical = float(stats.t.ppf(1.0 - level / 2.0, count - 1))
        return critical * spread / math.sqrt(count) <= distance

    if not decided(MOST_REPLICATES):
        return None
    low, high = 1, MOST_REPLICATES  # the half-width falls with the count, so bisection applies
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high
