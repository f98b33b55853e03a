"""Does a mean lie in a band of values, or outside it? Imports numpy.

One t interval decides both ways: inside the band accepts, disjoint from it rejects. The p-value of
a decision is twice the smaller one-sided p-value of the two (outside-the-band null for accepting,
inside-the-band null for rejecting), so that "p <= level" and "the interval at confidence 1 - level
decides" are the same statement. Two-sided p-values are what Holm's procedure needs when, as here,
either direction may be decided. Everything works on many columns at once: a campaign has one, its
calibration thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.arrays import BoolArray, FloatArray
from theory.errors import InputError
from theory.expectations import Band
from verify.statistics.distributions import student_above, student_quantile


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its t interval at confidence 1 - level."""

    estimate: float
    low: float
    high: float
    level: float

    def within(self, band: Band) -> bool:
        """Whether the interval lies inside the band."""
        return band.low <= self.low and self.high <= band.high

    def disjoint_from(self, band: Band) -> bool:
        """Whether the interval has no point in the band."""
        return self.high < band.low or band.high < self.low


@dataclass(frozen=True, slots=True)
class Intervals:
    """An interval for every column: arrays of one shape."""

    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    level: FloatArray

    def at(self, column: int) -> Interval:
        """One of them."""
        parts = (self.estimate, self.low, self.high, self.level)
        return Interval(*(float(part[column]) for part in parts))

    def within(self, band: Band) -> BoolArray:
        """Which intervals lie inside the band."""
        inside: BoolArray = (band.low <= self.low) & (self.high <= band.high)
        return inside

    def disjoint_from(self, band: Band) -> BoolArray:
        """Which intervals have no point in the band."""
        outside: BoolArray = (self.high < band.low) | (band.high < self.low)
        return outside


def _described(samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means of columns and their standard errors."""
    if len(samples) < 2:
        raise InputError("one replicate has no spread; measure at least two")
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))


def mean_intervals(samples: FloatArray, level: float | FloatArray) -> Intervals:
    """The t interval of the mean of every column: samples of shape (replicates, columns).

    ``level`` is one for all columns, or one for each. Raises ``InputError`` for one replicate.
    """
    mean, error = _described(samples)
    levels = np.broadcast_to(np.asarray(level, dtype=np.float64), samples.shape[1:])
    reach = student_quantile(1.0 - levels / 2.0, len(samples) - 1) * error
    return Intervals(mean, mean - reach, mean + reach, levels)


def mean_interval(samples: FloatArray, level: float) -> Interval:
    """The t interval of the mean of independent samples, shape (replicates,)."""
    return mean_intervals(samples[:, None], level).at(0)


def decision_p_values(samples: FloatArray, band: Band) -> FloatArray:
    """The smallest level at which each column's interval accepts or rejects: (columns,)."""
    mean, error = _described(samples)
    with np.errstate(divide="ignore", invalid="ignore"):  # no spread at all: p is 0, or nan
        over, under = (mean - band.high) / error, (mean - band.low) / error
    degrees = len(samples) - 1
    accept = np.maximum(student_above(under, degrees), student_above(-over, degrees))
    outside = np.minimum(student_above(over, degrees), student_above(-under, degrees))
    smaller = np.minimum(accept, outside)
    doubled: FloatArray = np.minimum(1.0, 2.0 * np.nan_to_num(smaller, nan=0.5))
    return doubled
