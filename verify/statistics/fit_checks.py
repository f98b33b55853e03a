"""May the fit of an exponent be trusted? Imports numpy, scipy and ``verify.statistics``.

What is checked, all announced: whether the declared law fits (lack of fit), whether the exponent is
one exponent (curvature, smallest size left out), and whether its mean is that of most replicates
(trimmed mean). The rules below turn checks into masks over columns; a campaign has one column, a
calibration thousands, and both use these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from theory.relations import Band
from verify.statistics.equivalence import Intervals, mean_intervals
from verify.statistics.regression import PowerLaw

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

CHECK_LEVEL = 0.05
TRIMMED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class FitChecks:
    """Checks of the fit of every column; ``None`` where too few cells or replicates allow none.

    ``without_smallest``: how far the exponent moves when the smallest size is left out.
    ``curvature``: how far the local exponent moves from mid-range to the end of the range.
    ``lack_of_fit``: p-value of the declared law. ``trimmed``: mean exponent with a fifth of the
    replicates left out at either end.
    """

    without_smallest: Intervals | None
    curvature: Intervals | None
    lack_of_fit: FloatArray | None
    trimmed: FloatArray


def check_fit(law: PowerLaw, logs: FloatArray) -> FitChecks:
    """All checks of logs of shape (replicates, columns, cells)."""

    def movement(samples: FloatArray | None) -> Intervals | None:
        return None if samples is None else mean_intervals(samples, CHECK_LEVEL)

    return FitChecks(
        movement(law.without_smallest(logs)),
        movement(law.curvature(logs)),
        law.lack_of_fit(logs),
        stats.trim_mean(law.exponents(logs), TRIMMED_SHARE, axis=0),
    )


def misfit(checks: FitChecks) -> BoolArray:
    """The declared law is not that of the measurements.

    By the lack-of-fit test, and with too few replicates for it by a curvature that is not zero.
    """
    if checks.lack_of_fit is not None:
        rejected: BoolArray = checks.lack_of_fit < CHECK_LEVEL
        return rejected
    if checks.curvature is None:
        return np.zeros(checks.trimmed.shape, dtype=bool)
    return checks.curvature.disjoint_from(Band(0.0, 0.0))


def moved(movement: Intervals | None, margin: float) -> BoolArray | bool:
    """The exponent moves by more than the margin, beyond doubt: it is not one exponent."""
    return False if movement is None else movement.disjoint_from(Band(-margin, margin))


def hangs_on_law(
    checks: FitChecks, estimate: FloatArray, margin: float, band: Band, accepted: bool
) -> BoolArray:
    """A decision under a law that is known not to fit, and that depends on it.

    Without the smallest size, or at the end of the range, the exponent would be on the other side
    of the band, or (for an acceptance) another one by more than the margin.
    """
    changed = np.zeros(estimate.shape, dtype=bool)
    for movement in (checks.without_smallest, checks.curvature):
        if movement is None:
            continue
        other = estimate + movement.estimate
        inside = (band.low <= other) & (other <= band.high)
        if accepted:
            changed |= ~inside | (np.abs(movement.estimate) > margin)
        else:
            changed |= inside | (np.sign(other - band.high) != np.sign(estimate - band.high))
    return misfit(checks) & changed


def rests_on_smallest(checks: FitChecks, estimate: FloatArray, band: Band) -> BoolArray:
    """Without the smallest size the exponent would not be outside the band on that side."""
    if checks.without_smallest is None:
        return np.zeros(estimate.shape, dtype=bool)
    remaining = estimate + checks.without_smallest.estimate
    still_outside = np.where(estimate > band.high, remaining > band.high, remaining < band.low)
    return ~still_outside


def trimmed_disagrees(checks: FitChecks, band: Band, accepted: bool) -> BoolArray:
    """The trimmed mean lies on the other side of the band: a few replicates decide."""
    inside: BoolArray = (band.low <= checks.trimmed) & (checks.trimmed <= band.high)
    return ~inside if accepted else inside


def spoils_acceptance(
    checks: FitChecks, estimate: FloatArray, margin: float, band: Band
) -> BoolArray:
    """Columns in which an acceptance would be invalid."""
    bent = moved(checks.without_smallest, margin) | moved(checks.curvature, margin)
    tails = trimmed_disagrees(checks, band, accepted=True)
    return bent | hangs_on_law(checks, estimate, margin, band, accepted=True) | tails


def spoils_rejection(
    checks: FitChecks, estimate: FloatArray, margin: float, band: Band
) -> BoolArray:
    """Columns in which a rejection would be invalid."""
    tails = trimmed_disagrees(checks, band, accepted=False)
    hanging = hangs_on_law(checks, estimate, margin, band, accepted=False)
    return rests_on_smallest(checks, estimate, band) | hanging | tails
