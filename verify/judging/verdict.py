"""From evidence to a verdict. Imports numpy, scipy, ``theory`` and ``verify``.

The second pass: ``conclude`` takes the evidence of ``verify.judging.evidence`` and the levels that
its family leaves to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from theory.arrays import FloatArray
from theory.relations import Band, LogRatio
from theory.verdict import Verdict
from verify.judging.evidence import Claim, Evidence
from verify.statistics.design import replicates_to_decide
from verify.statistics.equivalence import Interval, Intervals, mean_intervals
from verify.statistics.fit_checks import (
    CHECK_LEVEL,
    Elsewhere,
    FitChecks,
    hangs_on_law,
    misfit,
    moved,
    rests_on_smallest,
    spoils_acceptance,
    spoils_rejection,
)
from verify.statistics.multiplicity import discovery_levels

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


def fit_levels_of(family: Sequence[Evidence], share: float) -> FloatArray:
    """The level at which each member's misfit takes a decision away, among those that have a fit.

    ``share``: the look's share of the family-wise error rate. What has no fit has no use for one.
    """
    p_values = np.array([1.0 if e.checks is None else e.checks.misfit[0] for e in family])
    return discovery_levels(p_values, share, np.array([e.checks is not None for e in family]))


def conclude(evidence: Evidence, level: float, fit_level: float = CHECK_LEVEL) -> Judgement:
    """The verdict at a level: where the interval lies, and whether the fit may be trusted.

    ``fit_level``: the level at which a misfit of the declared law takes a decision away; that of a
    family of one unless given.
    """
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
    problem = _problem(evidence, intervals, overall, telling, fit_level)
    if problem is not None:
        return replace(judgement, verdict=Verdict.INVALID, reason=problem + evidence.note)
    said = _reservations(evidence, fit_level) + evidence.note
    return replace(judgement, reason=f"the interval {relation} the margin{where}{said}")


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
    evidence: Evidence, intervals: Intervals, verdict: Verdict, telling: int, fit_level: float
) -> str | None:
    """Why a decision is none: the first rule of ``fit_checks`` that it breaks, in words."""
    claim, checks = evidence.claim, evidence.checks
    if checks is None:
        cells = [telling] if verdict is Verdict.REJECTED else list(range(len(claim.labels)))
        return _skewed(evidence, cells)
    band, accepted = claim.relation.band(claim.margin), verdict is Verdict.ACCEPTED
    return fit_problem(checks, intervals.estimate, claim.margin, band, fit_level, accepted)


def fit_problem(
    checks: FitChecks,
    estimate: FloatArray,
    margin: float,
    band: Band,
    fit_level: float,
    accepted: bool,
) -> str | None:
    """What keeps one exponent, ``estimate`` of shape (1,), from being that of a power law."""
    spoils = spoils_acceptance if accepted else spoils_rejection
    if not spoils(checks, estimate, margin, band, fit_level)[0]:
        return None
    for name, place in _places(checks):
        if accepted and moved(place, margin, band)[0]:
            return f"no power law in this range: {name} {_movement(place)}"
    if not accepted and rests_on_smallest(checks, estimate, band)[0]:
        assert checks.without_smallest is not None
        return (
            f"no power law in this range: {_WITHOUT_SMALLEST} "
            f"{_movement(checks.without_smallest)}, and it is no longer outside the margin"
        )
    if hangs_on_law(checks, estimate, margin, band, fit_level, accepted)[0]:
        return f"the declared law does not fit ({_misfit(checks)}), and it matters{_moves(checks)}"
    return (
        f"heavy tails: the trimmed mean {checks.trimmed[0]:+.3f} lies on the other side of the "
        "margin"
    )


def _skewed(evidence: Evidence, cells: list[int]) -> str | None:
    """Values are averaged as they are, so that a skewed distribution needs many replicates."""
    if isinstance(evidence.claim.relation, LogRatio):
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


_WITHOUT_SMALLEST = "leaving out the smallest size moves the exponent"


def _places(checks: FitChecks) -> list[tuple[str, Elsewhere]]:
    named = {
        _WITHOUT_SMALLEST: checks.without_smallest,
        "from mid-range to its end the exponent moves": checks.curvature,
    }
    return [(name, place) for name, place in named.items() if place is not None]


def _movement(place: Elsewhere) -> str:
    return f"by {place.movement.estimate[0]:+.3f}"


def _moves(checks: FitChecks) -> str:
    said = ", ".join(f"{name} {_movement(place)}" for name, place in _places(checks))
    return f": {said}"


def _misfit(checks: FitChecks) -> str:
    what = "curvature" if checks.lack_of_fit is None else "lack of fit"
    return f"{what}: p = {checks.misfit[0]:.2g}"


def _reservations(evidence: Evidence, fit_level: float) -> str:
    """What a decision does not hang on, and a reader should know: said, not hidden.

    A misfit is said from the level of a single test on, whatever its level in the family.
    """
    checks = evidence.checks
    if checks is None:
        return ""
    said = ""
    if misfit(checks, fit_level)[0]:
        said = f"; the declared law does not fit ({_misfit(checks)})"
    elif misfit(checks, CHECK_LEVEL)[0]:
        said = (
            f"; taken alone the declared law does not fit ({_misfit(checks)}), which among all "
            f"regressions of the look counts from {fit_level:.2g} on{_moves(checks)}"
        )
    if checks.lack_of_fit is None:
        said += "; the fit cannot be tested with so few cells or replicates"
    return said + _bends(evidence, checks)


def _bends(evidence: Evidence, checks: FitChecks) -> str:
    """By how much the exponent moves, where that is more than the margin."""
    claim, said = evidence.claim, ""
    for name, place in _places(checks):
        movement = place.movement
        if abs(movement.estimate[0]) > claim.margin:
            resolved = movement.disjoint_from(Band(-claim.margin, claim.margin))[0]
            said += (
                f"; {'no single exponent' if resolved else 'not resolved'}: {name} "
                f"{_movement(place)} [{movement.low[0]:+.3f}, {movement.high[0]:+.3f}]"
            )
    return said
