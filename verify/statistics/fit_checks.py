"""May the fit of an exponent be trusted? Imports numpy, ``theory`` and ``verify``.

What is checked, all announced: whether the declared law fits (lack of fit), whether the exponent is
one exponent (curvature, smallest size left out), and whether its mean is that of most replicates
(trimmed mean). The rules below turn checks into masks over columns; a campaign has one column, a
calibration thousands, and both use these.

One true law in twenty fails a test of fit at level 0.05, and a campaign makes hundreds of them:
what takes a decision away is tested at the level of Benjamini and Hochberg's procedure among all
regressions of a look (``discovery_levels``). In a look at true laws, the probability that any
decision is taken away for a misfit that is none is then at most the look's share of the error rate;
where some laws are wrong, nearly all of what is called a misfit is one. Holm's procedure would keep
the first promise for wrong laws too, and miss half of those that this one finds. A movement beyond
doubt, a trimmed mean and a rest on the smallest size take decisions away by rules of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theory.arrays import BoolArray, FloatArray
from theory.expectations import Band
from verify.statistics.distributions import student_above
from verify.statistics.equivalence import Intervals, mean_intervals
from verify.statistics.regression import PowerLaw

CHECK_LEVEL = 0.05
TRIMMED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The exponent at another place of the range: intervals of every column.

    ``exponent``: there; ``movement``: that minus the exponent of the whole range.
    """

    exponent: Intervals
    movement: Intervals


@dataclass(frozen=True, slots=True)
class FitChecks:
    """Checks of the fit of every column; ``None`` where too few cells or replicates allow none.

    ``without_smallest``: the exponent when the smallest size is left out. ``curvature``: the local
    exponent at the end of the range, which moves there from mid-range. ``lack_of_fit``: p-value of
    the declared law. ``misfit``: the same, or with too few replicates for it the p-value of no
    curvature; 1 where there is neither. ``trimmed``: mean exponent with a fifth of the replicates
    left out at either end.
    """

    without_smallest: Elsewhere | None
    curvature: Elsewhere | None
    lack_of_fit: FloatArray | None
    misfit: FloatArray
    trimmed: FloatArray

    @property
    def elsewhere(self) -> list[Elsewhere]:
        """The other places at which there is an exponent."""
        return [place for place in (self.without_smallest, self.curvature) if place is not None]


def check_fit(law: PowerLaw, logs: FloatArray) -> FitChecks:
    """All checks of logs of shape (replicates, columns, cells)."""
    exponents, curvature = law.exponents(logs), law.curvature(logs)

    def elsewhere(movement: FloatArray | None) -> Elsewhere | None:
        if movement is None:
            return None
        there = exponents + movement
        return Elsewhere(mean_intervals(there, CHECK_LEVEL), mean_intervals(movement, CHECK_LEVEL))

    lack_of_fit = law.lack_of_fit(logs)
    return FitChecks(
        elsewhere(law.without_smallest(logs)),
        elsewhere(curvature),
        lack_of_fit,
        _misfit(lack_of_fit, curvature, logs.shape[1]),
        _trimmed(exponents),
    )


def _misfit(
    lack_of_fit: FloatArray | None, curvature: FloatArray | None, columns: int
) -> FloatArray:
    if lack_of_fit is not None:
        return lack_of_fit
    if curvature is None:
        return np.ones(columns)
    count = len(curvature)
    with np.errstate(divide="ignore", invalid="ignore"):  # no spread at all: p is 0, or nan
        ratio = curvature.mean(axis=0) / (curvature.std(axis=0, ddof=1) / np.sqrt(count))
    p_values: FloatArray = 2.0 * student_above(np.abs(ratio), count - 1)
    return np.nan_to_num(p_values, nan=1.0)


def _trimmed(exponents: FloatArray) -> FloatArray:
    """The mean over replicates without a share of them at either end."""
    cut = int(TRIMMED_SHARE * len(exponents))
    middle: FloatArray = np.sort(exponents, axis=0)[cut : len(exponents) - cut].mean(axis=0)
    return middle


def misfit(checks: FitChecks, level: float | FloatArray) -> BoolArray:
    """The declared law is not that of the measurements, at this level (one, or one a column)."""
    misfits: BoolArray = checks.misfit <= level
    return misfits


def moved(place: Elsewhere, margin: float, band: Band) -> BoolArray:
    """The exponent is another one there, beyond doubt.

    Where the claim is an exponent: it moves by more than the margin. A claim with one side only
    says of no exponent that it is the one: there it has to leave the band.
    """
    if _one_sided(band):
        return place.exponent.disjoint_from(band)
    return place.movement.disjoint_from(Band(-margin, margin))


def _one_sided(band: Band) -> bool:
    return math.isinf(band.low) or math.isinf(band.high)


def _inside(values: FloatArray, band: Band) -> BoolArray:
    inside: BoolArray = (band.low <= values) & (values <= band.high)
    return inside


def hangs_on_law(
    checks: FitChecks,
    estimate: FloatArray,
    margin: float,
    band: Band,
    level: float | FloatArray,
    accepted: bool,
) -> BoolArray:
    """A decision under a law that is known not to fit, and that depends on it.

    Without the smallest size, or at the end of the range, the exponent would be on the other side
    of the band, or (for the acceptance of a two-sided claim) another one by more than the margin.
    """
    changed = np.zeros(estimate.shape, dtype=bool)
    for place in checks.elsewhere:
        there = place.exponent.estimate
        if not accepted:
            changed |= _inside(there, band)
            changed |= np.sign(there - band.high) != np.sign(estimate - band.high)
            continue
        changed |= ~_inside(there, band)
        if not _one_sided(band):
            changed |= np.abs(place.movement.estimate) > margin
    return misfit(checks, level) & changed


def rests_on_smallest(checks: FitChecks, estimate: FloatArray, band: Band) -> BoolArray:
    """Without the smallest size the exponent would not be outside the band on that side."""
    if checks.without_smallest is None:
        return np.zeros(estimate.shape, dtype=bool)
    remaining = checks.without_smallest.exponent.estimate
    still_outside = np.where(estimate > band.high, remaining > band.high, remaining < band.low)
    return ~still_outside


def trimmed_disagrees(checks: FitChecks, band: Band, accepted: bool) -> BoolArray:
    """The trimmed mean lies on the other side of the band: a few replicates decide."""
    inside = _inside(checks.trimmed, band)
    return ~inside if accepted else inside


def spoils_acceptance(
    checks: FitChecks,
    estimate: FloatArray,
    margin: float,
    band: Band,
    level: float | FloatArray,
) -> BoolArray:
    """Columns in which an acceptance would be invalid; ``level`` is that of a misfit."""
    spoiled = trimmed_disagrees(checks, band, accepted=True)
    spoiled |= hangs_on_law(checks, estimate, margin, band, level, accepted=True)
    for place in checks.elsewhere:
        spoiled |= moved(place, margin, band)
    return spoiled


def spoils_rejection(
    checks: FitChecks,
    estimate: FloatArray,
    margin: float,
    band: Band,
    level: float | FloatArray,
) -> BoolArray:
    """Columns in which a rejection would be invalid; ``level`` is that of a misfit."""
    tails = trimmed_disagrees(checks, band, accepted=False)
    hanging = hangs_on_law(checks, estimate, margin, band, level, accepted=False)
    return rests_on_smallest(checks, estimate, band) | hanging | tails
