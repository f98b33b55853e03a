"""Excess over the largest size: logarithms that a power law can be fitted to. Imports numpy.

The excess of one replicate is as often negative as positive where noise is larger than it, and has
no logarithm. Its mean over replicates has one, and the delta method splits the logarithm of the
mean into a part for every replicate, log m + (d_r - m) / m (the infinitesimal jackknife; Efron and
Tibshirani 1993, section 21.3): their mean is log m, and their covariance over cells is that of the
logarithms, so that exponents, intervals and tests of fit are made of them as of any logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.arrays import FloatArray
from verify.statistics.distributions import student_above

# The logarithm of a mean with relative error e is off by e^2 / 2: at most 0.02 at this one.
MOST_RELATIVE_ERROR = 0.2


@dataclass(frozen=True, slots=True)
class Excess:
    """Excesses over the reference, cell by cell: arrays of shape (cells,).

    ``samples`` has shape (replicates, cells). ``negative`` is the p-value of "the mean is not
    negative", two-sided as every decision's, ``relative_error`` the standard error over the mean.
    """

    samples: FloatArray
    negative: FloatArray
    relative_error: FloatArray

    @classmethod
    def over(cls, values: FloatArray, reference: FloatArray) -> Excess:
        """Of values of shape (replicates, cells) over a reference (replicates,), paired."""
        samples = values - reference[:, None]
        error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = error / samples.mean(axis=0)
            below = student_above(-samples.mean(axis=0) / error, len(samples) - 1)
        return cls(samples, np.minimum(1.0, 2.0 * np.nan_to_num(below, nan=0.5)), relative)

    @property
    def resolved(self) -> bool:
        """Whether every mean is positive and known well enough to take its logarithm."""
        within = (self.relative_error > 0) & (self.relative_error <= MOST_RELATIVE_ERROR)
        return bool(within.all())

    def logs(self) -> FloatArray:
        """The parts of log mean excess that belong to each replicate: (replicates, cells)."""
        mean = self.samples.mean(axis=0)
        parts: FloatArray = np.log(mean) + (self.samples - mean) / mean
        return parts


@dataclass(frozen=True, slots=True)
class Continuation:
    """From excesses over the largest size to a power law: sizes and log factors, (cells - 1,).

    If the excess over the limit is c s^q, that over a finite size r is c (s^q - r^q). To first
    order in q - p, with p the exponent that is claimed, its logarithm is log c + log(s^p - r^p) +
    (q - p) x, x the derivative of log(s^q - r^q) at p: with the known ``factors``
    p x - log(s^p - r^p) added, it is log c + q x, a power law in ``sizes`` e^x. It is exact where
    the claim is true, and x = log s where the reference is infinite.
    """

    sizes: FloatArray
    factors: FloatArray

    @classmethod
    def of(cls, sizes: FloatArray, exponent: float) -> Continuation:
        """For sizes (cells,) of which the last is the reference, and a negative exponent."""
        own, reference = sizes[:-1] ** exponent, sizes[-1] ** exponent
        gap = own - reference
        log_sizes = (own * np.log(sizes[:-1]) - reference * np.log(sizes[-1])) / gap
        return cls(np.exp(log_sizes), exponent * log_sizes - np.log(gap))
