"""From evidence to a verdict. Imports numpy, scipy, ``theory`` and ``verify``.

The second pass: ``conclude`` takes the evidence of ``verify.evidence`` and the levels that its
family leaves to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from theory.prediction import Verdict
from theory.relations import SettingsOrdered, TunedOrdered
from verify.evidence import Claim, Evidence
from verify.statistics.design import replicates_to_decide
from verify.statistics.equivalence import Interval, Intervals, mean_intervals
from verify.statistics.fit_checks import (
    FitChecks,
    hangs_on_law,
    misfit,
    moved,
    rests_on_smallest,
    spoils_acceptance,
    spoils_rejection,
)

FloatArray = npt.NDArray[np.float64]

# The t interval errs one-sidedly by about skewness / (6 sqrt(R)) (Hall 1992, section 2.6): half the
# nominal rate at 0.05.
MOST_SKEWNESS_ERROR = 0.0125


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A verdict with its reason; the interval is that of the worst cell where several count."""

    verdict: Verdict
    reason: str
    replicates: int
    interval: Interval | None = None
    replicates_needed: int | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One look at the measurements, and the level at which it was judged."""

    replicates: int
    level: float
    judgement: Judgement


def conclude(evidence: Evidence, level: float) -> Judgement:
    """The verdict at a level: where the interval lies, and whether the fit may be trusted."""
    claim, samples = evidence.claim, evidence.samples
    if evidence.problem is not None:
        # Divergence that breaks a bound waits for its level, as any other evidence does.
        waiting = evidence.without_data is Verdict.REJECTED and evidence.p_value > level
        verdict = Verdict.INCONCLUSIVE if waiting else evidence.without_data
        return Judgement(verdict, evidence.problem, len(samples), evidence=evidence)
    intervals = mean_intervals(samples, level / samples.shape[1])
    overall, telling = _overall(intervals, claim)
    judgement = Judgement(overall, "", len(samples), intervals.at(telling), evidence=evidence)
    where = f" (worst cell: {claim.labels[telling]})" if samples.shape[1] > 1 else ""
    if overall is Verdict.INCONCLUSIVE:
        return _undecided(judgement, samples, intervals, where)
    relation = "is disjoint from" if overall is Verdict.REJECTED else "lies inside"
    problem = _problem(evidence, intervals, overall, telling)
    if problem is not None:
        return replace(judgement, verdict=Verdict.INVALID, reason=problem + evidence.note)
    reason = f"the interval {relation} the margin{where}{_reservations(evidence)}{evidence.note}"
    return replace(judgement, reason=reason)


def _overall(intervals: Intervals, claim: Claim) -> tuple[Verdict, int]:
    """One rejecting cell rejects, one undecided cell leaves open, all accepting ones accept.

    With the cell that tells most: the clearest rejection, or what comes nearest to one.
    """
    band = claim.relation.band(claim.margin)
    rejecting, accepting = intervals.disjoint_from(band), intervals.within(band)
    outside = np.maximum(intervals.low - band.high, band.low - intervals.high)
    if rejecting.any():
        return Verdict.REJECTED, int(np.where(rejecting, outside, -np.inf).argmax())
    reach = np.maximum(intervals.high - band.high, band.low - intervals.low)
    if accepting.all():
        return Verdict.ACCEPTED, int(reach.argmax())
    return Verdict.INCONCLUSIVE, int(np.where(accepting, -np.inf, reach).argmax())


def _undecided(
    judgement: Judgement, samples: FloatArray, intervals: Intervals, where: str
) -> Judgement:
    assert judgement.evidence is not None
    claim = judgement.evidence.claim
    band = claim.relation.band(claim.margin)
    needed = [
        replicates_to_decide(samples[:, cell], band, float(intervals.level[cell]))
        for cell in np.flatnonzero(~intervals.within(band))
    ]
    counts = [count for count in needed if count is not None]
    enough = max(counts) if len(counts) == len(needed) else None
    text = f"about {enough} replicates" if enough else "more than a million replicates"
    reason = f"the interval reaches across the margin{where}; {text} would decide"
    return replace(judgement, reason=reason + judgement.evidence.note, replicates_needed=enough)


def _problem(
    evidence: Evidence, intervals: Intervals, verdict: Verdict, telling: int
) -> str | None:
    """Why a decision is none: the first rule of ``fit_checks`` that it breaks, in words."""
    claim, checks = evidence.claim, evidence.checks
    if checks is None:
        cells = [telling] if verdict is Verdict.REJECTED else list(range(len(claim.labels)))
        return _skewed(evidence, cells)
    band, accepted = claim.relation.band(claim.margin), verdict is Verdict.ACCEPTED
    estimate = intervals.estimate
    spoiled = (
        spoils_acceptance(checks, estimate, claim.margin, band)
        if accepted
        else spoils_rejection(checks, estimate, claim.margin, band)
    )
    if not spoiled[0]:
        return None
    for name, movement in _movements(checks):
        if accepted and np.any(moved(movement, claim.margin)):
            return f"no power law in this range: {name} by {movement.estimate[0]:+.3f}"
    if not accepted and rests_on_smallest(checks, estimate, band)[0]:
        assert checks.without_smallest is not None
        return (
            "no power law in this range: leaving out the smallest size moves the exponent by "
            f"{checks.without_smallest.estimate[0]:+.3f}, and it is no longer outside the margin"
        )
    if hangs_on_law(checks, estimate, claim.margin, band, accepted)[0]:
        others = ", ".join(f"{name} by {m.estimate[0]:+.3f}" for name, m in _movements(checks))
        return f"the declared law does not fit{_misfit_text(checks)}, and it matters: {others}"
    return (
        f"heavy tails: the trimmed mean {checks.trimmed[0]:+.3f} lies on the other side of the "
        "margin"
    )


def _skewed(evidence: Evidence, cells: list[int]) -> str | None:
    """Values are averaged as they are, so that a skewed distribution needs many replicates."""
    if isinstance(evidence.claim.relation, SettingsOrdered | TunedOrdered):
        return None
    samples, count = evidence.samples[:, cells], len(evidence.samples)
    skewness = np.abs(np.nan_to_num(stats.skew(samples, axis=0)))
    seen = np.maximum(skewness - 2 * np.sqrt(6 / count), 0.0)  # less two standard errors
    error = seen / (6 * np.sqrt(count))
    if float(error.max()) <= MOST_SKEWNESS_ERROR:
        return None
    worst = int(error.argmax())
    return (
        f"too skewed for {count} replicates: at {evidence.claim.labels[cells[worst]]} the t "
        f"interval errs by about {error[worst]:.1%} on one side"
    )


def _movements(checks: FitChecks) -> list[tuple[str, Intervals]]:
    named = {
        "leaving out the smallest size moves the exponent": checks.without_smallest,
        "from mid-range to its end the exponent moves": checks.curvature,
    }
    return [(name, movement) for name, movement in named.items() if movement is not None]


def _misfit_text(checks: FitChecks) -> str:
    if checks.lack_of_fit is None:
        return " (curvature)"
    return f" (lack of fit: p = {checks.lack_of_fit[0]:.2g})"


def _reservations(evidence: Evidence) -> str:
    """What a decision does not hang on, and a reader should know: said, not hidden."""
    checks = evidence.checks
    if checks is None:
        return ""
    margin = evidence.claim.margin
    said = f"; the declared law does not fit{_misfit_text(checks)}" if misfit(checks)[0] else ""
    if checks.lack_of_fit is None:
        said += "; the fit cannot be tested with so few cells or replicates"
    for name, movement in _movements(checks):
        if abs(movement.estimate[0]) > margin:
            resolved = "no single exponent" if np.any(moved(movement, margin)) else "not resolved"
            said += (
                f"; {resolved}: {name} by {movement.estimate[0]:+.3f} "
                f"[{movement.low[0]:+.3f}, {movement.high[0]:+.3f}]"
            )
    return said
