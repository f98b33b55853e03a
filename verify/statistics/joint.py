"""Did an estimate move between two runs? Joint t intervals of differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from theory.arrays import FloatArray
from verify.statistics.distributions import student_above, student_quantile
from verify.statistics.equivalence import Intervals
from verify.statistics.multiplicity import holm_levels


class Estimate(NamedTuple):
    """A mean of so many replicates with its t interval; any number may be nan."""

    value: float
    low: float
    high: float
    confidence: float
    replicates: int


def standard_errors(estimates: Sequence[Estimate]) -> FloatArray:
    """Those behind the intervals: shape (estimates,); nan where there is no interval."""
    _, low, high, confidence, replicates = np.array(estimates, dtype=np.float64).reshape(-1, 5).T
    quantiles = student_quantile((1 + confidence) / 2, replicates - 1)
    errors: FloatArray = (high - low) / 2 / quantiles
    return errors


def joint_intervals(
    before: Sequence[Estimate], after: Sequence[Estimate], alpha: float
) -> Intervals:
    """The differences, after less before, with Welch's intervals at the levels of Holm.

    Any interval at all misses its true difference with probability alpha at most, where the runs
    are independent; where they share measurements, with less. Numbers are nan where a side has no
    interval.
    """
    first, second = standard_errors(before), standard_errors(after)
    squares = np.array([first, second]) ** 2
    degrees = np.array([[one.replicates - 1 for one in side] for side in (before, after)])
    error = np.sqrt(squares.sum(axis=0))
    estimate = np.array([y.value - x.value for x, y in zip(before, after, strict=True)])
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = error**4 / (squares**2 / degrees).sum(axis=0)
        distance = np.abs(estimate) / error
    freedom = np.where(error > 0, freedom, 1.0)  # without spread, nothing hangs on it
    distance = np.where((error == 0) & (estimate == 0), 0.0, distance)
    levels = holm_levels(2 * student_above(distance, freedom), alpha)
    reach = student_quantile(1 - levels / 2, freedom) * error
    return Intervals(estimate, estimate - reach, estimate + reach, levels)
