"""From measured numbers to a verdict. Imports numpy, ``theory`` and ``verify.statistics``.

Two passes, because the level of a verdict depends on the whole family: ``weigh`` turns the
measurements of one relation into evidence with a p-value; ``conclude`` turns evidence and a level
into a verdict. Neither runs a network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from theory.prediction import CurveEquals, ExponentEquals, Relation, Setting, Verdict
from theory.scaling import Cell, Power
from verify.statistics.equivalence import (
    Interval,
    decide,
    decision_p_value,
    mean_interval,
    replicates_to_decide,
)
from verify.statistics.regression import PowerLaw

FloatArray = npt.NDArray[np.float64]

FAMILY_ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """A relation about measurements in a setting, with everything fixed before the run."""

    relation: Relation
    setting: Setting
    cells: tuple[Cell, ...]
    corrections: tuple[Power, ...]
    margin: float
    replicates: int


@dataclass(frozen=True, slots=True)
class FitChecks:
    """Checks of an exponent's fit, all at level 0.05; ``None`` where too few cells allow none.

    ``without_smallest``: how far the exponent moves when the smallest size is left out.
    ``curvature``: how far the local exponent moves from mid-range to the end of the range.
    ``clustered``: the exponent again, by pooled least squares with errors clustered by replicate.
    """

    without_smallest: Interval | None
    curvature: Interval | None
    clustered: Interval


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the measurements of one claim say, before a level is known.

    ``samples`` has shape (replicates, k): one exponent per replicate, or the ratio of measured to
    predicted at each of k cells. ``problem`` names what keeps the data from being judged, and
    ``without_data`` is the verdict in that case.
    """

    claim: Claim
    samples: FloatArray
    p_value: float
    checks: FitChecks | None = None
    problem: str | None = None
    without_data: Verdict = Verdict.INVALID


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason; the interval is that of the worst cell for a curve."""

    verdict: Verdict
    reason: str
    replicates: int
    interval: Interval | None = None
    replicates_needed: int | None = None
    checks: FitChecks | None = None


def weigh(claim: Claim, values: FloatArray) -> Evidence:
    """Evidence from measured values of shape (replicates measured, cells).

    Diverged values (not finite, or not positive) are a failed precondition: they are counted in
    the reason, never dropped.
    """
    nothing = np.empty((len(values), 0))
    if len(values) < claim.replicates:
        reason = f"interrupted after {len(values)} of {claim.replicates} replicates"
        return Evidence(claim, nothing, 1.0, problem=reason, without_data=Verdict.INCONCLUSIVE)
    diverged = int((~np.isfinite(values) | (values <= 0)).sum())
    if diverged:
        reason = f"{diverged} of {values.size} trials diverged"
        return Evidence(claim, nothing, 1.0, problem=reason)
    if isinstance(claim.relation, ExponentEquals):
        return _weigh_exponent(claim, claim.relation, np.log(values))
    return _weigh_curve(claim, claim.relation, values)


def _weigh_exponent(claim: Claim, relation: ExponentEquals, log_values: FloatArray) -> Evidence:
    law = PowerLaw(claim.cells, relation.axis, claim.corrections)
    exponents = law.exponents(log_values)

    def movement(samples: FloatArray | None) -> Interval | None:
        return None if samples is None else mean_interval(samples, FAMILY_ALPHA)

    checks = FitChecks(
        movement(law.without_smallest(log_values)),
        movement(law.curvature(log_values)),
        Interval(*law.cluster_robust(log_values, FAMILY_ALPHA), FAMILY_ALPHA),
    )
    p_value = decision_p_value(exponents, relation.expected, claim.margin)
    return Evidence(claim, exponents[:, None], p_value, checks)


def _weigh_curve(claim: Claim, relation: CurveEquals, values: FloatArray) -> Evidence:
    """Every cell is tested at level / cells: accepting needs all of them, rejecting one."""
    setting = claim.setting
    predicted = np.array(
        [relation.curve(setting.architecture, setting.parameterization, c) for c in claim.cells]
    )
    ratios = values / predicted
    cells = range(ratios.shape[1])
    p_values = [decision_p_value(ratios[:, c], relation.expected, claim.margin) for c in cells]
    outside = abs(ratios.mean(axis=0) - relation.expected) > claim.margin
    deciding = (
        min(p for p, out in zip(p_values, outside, strict=True) if out)
        if outside.any()
        else max(p_values)
    )
    return Evidence(claim, ratios, min(1.0, deciding * len(p_values)))


def conclude(evidence: Evidence, level: float) -> Judgement:
    """The verdict at a level: where the interval lies, and whether the fit may be trusted."""
    claim, samples = evidence.claim, evidence.samples
    if evidence.problem is not None:
        return Judgement(evidence.without_data, evidence.problem, len(samples))
    simultaneous = level / samples.shape[1]
    expected = claim.relation.expected
    intervals = [mean_interval(column, simultaneous) for column in samples.T]
    verdicts = [decide(interval, expected, claim.margin) for interval in intervals]
    overall = _overall(verdicts)
    telling = max(
        (i for i, verdict in enumerate(verdicts) if verdict is overall),
        key=lambda i: _distance(intervals[i], expected, overall),
    )
    interval = intervals[telling]
    judgement = Judgement(overall, "", len(samples), interval, checks=evidence.checks)
    where = f" (worst cell: {claim.cells[telling]})" if len(intervals) > 1 else ""
    if overall is Verdict.REJECTED:
        problem = _rejection_problem(interval, claim, evidence.checks)
        return _decided(judgement, f"the interval is disjoint from the margin{where}", problem)
    if overall is Verdict.ACCEPTED:
        problem = _acceptance_problem(claim, evidence.checks)
        reason = f"the interval lies inside the margin{where}"
        return _decided(judgement, reason + _unresolved(claim, evidence.checks), problem)
    needed = [
        replicates_to_decide(column, expected, claim.margin, simultaneous)
        for column, verdict in zip(samples.T, verdicts, strict=True)
        if verdict is Verdict.INCONCLUSIVE
    ]
    counts = [count for count in needed if count is not None]
    enough = max(counts) if len(counts) == len(needed) else None
    text = f"about {enough} replicates" if enough else "more than a million replicates"
    reason = f"the interval reaches across the margin{where}; {text} would decide"
    return replace(judgement, reason=reason, replicates_needed=enough)


def _overall(verdicts: list[Verdict]) -> Verdict:
    """One rejecting cell rejects, one undecided cell leaves open, all accepting ones accept."""
    for verdict in (Verdict.REJECTED, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.ACCEPTED


def _distance(interval: Interval, expected: float, verdict: Verdict) -> float:
    """How far an interval is from the prediction: its near end if it rejects, else its far end."""
    ends = (abs(interval.low - expected), abs(interval.high - expected))
    return min(ends) if verdict is Verdict.REJECTED else max(ends)


def _decided(judgement: Judgement, reason: str, problem: str | None) -> Judgement:
    if problem is not None:
        return replace(judgement, verdict=Verdict.INVALID, reason=problem)
    return replace(judgement, reason=reason)


def _movements(claim: Claim, checks: FitChecks | None) -> list[tuple[str, Interval]]:
    """The checks by which the exponent moves, by estimate, by more than the margin."""
    if checks is None:
        return []
    named = {
        "leaving out the smallest size moves the exponent": checks.without_smallest,
        "from mid-range to its end the exponent moves": checks.curvature,
    }
    return [
        (name, movement)
        for name, movement in named.items()
        if movement is not None and abs(movement.estimate) > claim.margin
    ]


def _acceptance_problem(claim: Claim, checks: FitChecks | None) -> str | None:
    """A resolved movement of the exponent by more than the margin: not one exponent, but many."""
    for name, movement in _movements(claim, checks):
        if movement.disjoint_from(-claim.margin, claim.margin):
            return f"no power law in this range: {name} by {movement.estimate:+.3f}"
    return None


def _unresolved(claim: Claim, checks: FitChecks | None) -> str:
    """A movement that may be larger than the margin, but is not resolved: said, not hidden."""
    return "".join(
        f"; not resolved: {name} by {movement.estimate:+.3f} "
        f"[{movement.low:+.3f}, {movement.high:+.3f}]"
        for name, movement in _movements(claim, checks)
    )


def _rejection_problem(interval: Interval, claim: Claim, checks: FitChecks | None) -> str | None:
    """A rejection that only the smallest size supports is none."""
    if checks is None or checks.without_smallest is None:
        return None
    movement = checks.without_smallest.estimate
    distance = interval.estimate - claim.relation.expected
    if (distance + movement) * np.sign(distance) > claim.margin:
        return None
    return (
        "no power law in this range: leaving out the smallest size moves the exponent by "
        f"{movement:+.3f}, and it is no longer outside the margin"
    )
