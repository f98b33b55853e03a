"""From measured numbers to evidence. Imports numpy, scipy, ``theory`` and ``verify.statistics``.

The first of two passes, because the level of a verdict depends on the whole family: ``weigh`` turns
the measurements of one relation into evidence with p-values, and ``verify.judging.verdict`` turns
evidence and levels into a verdict. Neither runs a network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from theory.arrays import BoolArray, FloatArray, IntArray
from theory.relations import (
    BestRate,
    ExcessExponent,
    Exponent,
    ExponentAtMost,
    ExponentOfCurve,
    ExponentsEqual,
    ExponentsOrdered,
    GeometricMeanEquals,
    Relation,
    SettingsEqual,
    SettingsOrdered,
    Sweep,
    TransferRegretAtMost,
    TunedOrdered,
    Value,
)
from theory.verdict import Verdict
from verify.statistics.equivalence import Interval, decision_p_values
from verify.statistics.excess import MOST_RELATIVE_ERROR, Continuation, Excess
from verify.statistics.fit_checks import CHECK_LEVEL, FitChecks, check_fit
from verify.statistics.minimum import best_log_rates
from verify.statistics.regression import PowerLaw
from verify.statistics.transfer import Transfer

FAMILY_ALPHA = 0.05
# More incomplete replicates than this share, and what is missing may not be missing by chance.
MOST_MISSING = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A relation about measurements, with everything fixed before the run.

    ``labels`` names the cells and ``sizes`` holds their sizes along the axis; ``law`` is the
    regression of an exponent, ``predicted`` the predicted values of a relation about values or a
    curve. Of an excess over the largest size, ``labels`` are of the cells that have one, and the
    law has sizes of its own (``Continuation``). Of a transferred rate, the first size is that at
    which it is tuned, and ``labels`` are of the others.
    """

    relation: Relation
    margin: float
    replicates: int
    labels: tuple[str, ...]
    sizes: FloatArray
    law: PowerLaw | None = None
    predicted: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Measurements of shape (replicates, cells), or (replicates, cells, rates) of a sweep.

    Diverged trials are infinite or nan. ``other`` holds the second setting of a paired relation,
    ``rates`` the base rates of a sweep (of both settings), ``missing`` (replicates, cells) what was
    never measured.
    """

    values: FloatArray
    other: FloatArray | None = None
    rates: FloatArray | None = None
    missing: BoolArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the measurements of one claim say, before a level is known.

    ``samples`` has shape (replicates, k): one exponent per replicate, or a ratio (a logarithm of
    one, for a ``LogRatio``) at each of k cells; ``logs`` (replicates, cells) is what exponents
    were fitted to. ``problem`` names what keeps the data from being judged, and ``without_data`` is
    the verdict in that case. ``note`` is said whatever the verdict. Not ``complete`` is what was
    interrupted.
    """

    claim: Claim
    samples: FloatArray
    p_value: float
    logs: FloatArray | None = None
    checks: FitChecks | None = None
    problem: str | None = None
    without_data: Verdict = Verdict.INVALID
    note: str = ""
    complete: bool = True


def weigh(claim: Claim, measured: Measured) -> Evidence:
    """Evidence from measurements.

    Diverged and missing trials are data: a replicate with a missing one is left out and counted,
    too many of them are a failed precondition, and so is a diverged trial, but for a bound on an
    exponent or on a regret, which the divergence of most replicates breaks.
    """
    count = len(measured.values)
    nothing = np.empty((count, 0))
    if count < claim.replicates:
        reason = f"interrupted after {count} of {claim.replicates} replicates"
        undecided = Verdict.INCONCLUSIVE
        return Evidence(claim, nothing, 1.0, problem=reason, without_data=undecided, complete=False)
    complete, note = measured, ""
    if measured.missing is not None and measured.missing.any():
        incomplete: BoolArray = np.any(measured.missing, axis=1)
        note = f"{incomplete.sum()} of {count} replicates miss a trial"
        if incomplete.mean() > MOST_MISSING or count - incomplete.sum() < 2:
            reason = f"{note}, more than {MOST_MISSING:.0%}: they may not be missing by chance"
            return Evidence(claim, nothing, 1.0, problem=reason)
        complete, note = _kept(measured, np.logical_not(incomplete)), f"; {note} and are left out"
    diverged = _diverged(claim.relation, complete)
    if diverged is not None:
        return _weigh_divergence(claim, complete, diverged)
    if (complete.values == complete.values[0]).all():
        reason = "no spread at all: the replicates are copies of one another"
        return Evidence(claim, nothing, 1.0, problem=reason)
    if isinstance(claim.relation, ExcessExponent):
        return _weigh_excess(claim, claim.relation, complete, note)
    if isinstance(claim.relation, Exponent):
        return _weigh_exponent(claim, claim.relation, complete, note)
    if isinstance(claim.relation, TransferRegretAtMost):
        return _weigh_transfer(claim, claim.relation, complete, note)
    return _weigh_values(claim, claim.relation, complete, note)


def _kept(measured: Measured, keep: BoolArray) -> Measured:
    other = None if measured.other is None else measured.other[keep]
    return replace(measured, values=measured.values[keep], other=other, missing=None)


def _diverged(relation: Relation, measured: Measured) -> BoolArray | None:
    """(replicates, trials) of what is no finite, positive number; ``None`` when all are.

    A sweep may diverge at some rates, but not at all of them. Of what is compared with its limit,
    only the mean difference needs a logarithm.
    """
    parts = [measured.values] + ([] if measured.other is None else [measured.other])
    values = np.concatenate(parts, axis=1)
    bad: BoolArray = np.logical_not(np.isfinite(values))
    if isinstance(relation, Sweep):
        bad = np.all(bad, axis=-1)
    elif not isinstance(relation, ExcessExponent):
        bad |= values <= 0
    return bad if bad.any() else None


def _weigh_divergence(claim: Claim, measured: Measured, diverged: BoolArray) -> Evidence:
    reason = f"{int(diverged.sum())} of {diverged.size} trials diverged"
    if isinstance(claim.relation, ExponentAtMost):
        return _weigh_broken_bound(claim, diverged, reason)
    return Evidence(claim, np.empty((len(measured.values), 0)), 1.0, problem=reason)


def _weigh_broken_bound(claim: Claim, diverged: BoolArray, reason: str) -> Evidence:
    """A bound is broken when more than half of all replicates diverge, by a binomial test."""
    nothing = np.empty((len(diverged), 0))
    replicates: BoolArray = np.any(diverged, axis=1)
    test = stats.binomtest(int(replicates.sum()), len(replicates), 0.5, alternative="greater")
    p_value = min(1.0, 2 * float(test.pvalue))
    reason += f", in {int(replicates.sum())} of {len(replicates)} replicates"
    broken = Verdict.REJECTED if p_value <= FAMILY_ALPHA else Verdict.INVALID
    return Evidence(claim, nothing, p_value, problem=reason, without_data=broken)


def _weigh_exponent(claim: Claim, relation: Exponent, measured: Measured, note: str) -> Evidence:
    logs = np.log(measured.values) if measured.rates is None else None
    if isinstance(relation, BestRate):
        assert measured.rates is not None
        minima = best_log_rates(measured.values, measured.rates)
        reason = _at_edges(minima.edge)
        if reason is not None:
            return Evidence(claim, np.empty((len(measured.values), 0)), 1.0, problem=reason)
        logs = minima.log_rate
    elif isinstance(relation, ExponentsEqual | ExponentsOrdered):
        assert measured.other is not None
        logs = np.log(measured.values) - np.log(measured.other)
    elif isinstance(relation, ExponentOfCurve):
        assert claim.predicted is not None
        logs = np.log(measured.values) - np.log(claim.predicted)
    assert logs is not None
    return _of_logs(claim, logs, note)


def _weigh_excess(
    claim: Claim, relation: ExcessExponent, measured: Measured, note: str
) -> Evidence:
    """The excess of every cell over the last, the largest one; or what it lacks, from below.

    An excess that is negative in any cell contradicts the law, whatever its exponent; one that is
    not known to be positive says nothing yet.
    """
    values = -measured.values if relation.from_below else measured.values
    found = Excess.over(values[:, :-1], values[:, -1])
    nothing = np.empty((len(measured.values), 0))
    p_value = min(1.0, float(found.negative.min()) * len(claim.labels))
    if p_value <= FAMILY_ALPHA:
        worst = claim.labels[int(found.negative.argmin())]
        sign = "more" if relation.from_below else "less"
        reason = (
            f"at {worst} there is {sign} than at the largest size (p = {p_value:.2g}): the limit "
            "is not approached from this side"
        )
        return Evidence(claim, nothing, p_value, problem=reason, without_data=Verdict.REJECTED)
    if not found.resolved:
        worst = claim.labels[int(np.argmin(1.0 / found.relative_error))]
        reason = (
            f"the excess at {worst} is not known to {MOST_RELATIVE_ERROR:.0%}: too small, or too "
            "few replicates"
        )
        return Evidence(claim, nothing, 1.0, problem=reason, without_data=Verdict.INCONCLUSIVE)
    factors = Continuation.of(claim.sizes, claim.relation.expected).factors
    return _of_logs(claim, found.logs() + factors, note)


def _of_logs(claim: Claim, logs: FloatArray, note: str) -> Evidence:
    """Exponents of logarithms (replicates, cells), their decision and the checks of the fit."""
    assert claim.law is not None
    exponents = claim.law.exponents(logs)[:, None]
    p_value = float(decision_p_values(exponents, claim.relation.band(claim.margin))[0])
    checks = check_fit(claim.law, logs[:, None, :])
    return Evidence(claim, exponents, p_value, logs, checks, note=note)


def _at_edges(*edges: IntArray) -> str | None:
    """What is wrong with sweeps whose minimum is at an end of the grid."""
    trials = np.concatenate(edges, axis=1)
    count = int((trials != 0).sum())
    if not count:
        return None
    return f"the best learning rate of {count} of {trials.size} trials lies at the edge of the grid"


def _weigh_values(claim: Claim, relation: Value, measured: Measured, note: str) -> Evidence:
    if isinstance(relation, SettingsOrdered | SettingsEqual):
        assert measured.other is not None
        samples = np.log(measured.values) - np.log(measured.other)
    elif isinstance(relation, GeometricMeanEquals):
        assert claim.predicted is not None
        samples = np.log(measured.values) - np.log(claim.predicted)
    elif isinstance(relation, TunedOrdered):
        assert measured.other is not None
        assert measured.rates is not None
        both = (measured.values, measured.other)
        reason = _at_edges(*(best_log_rates(each, measured.rates).edge for each in both))
        if reason is not None:
            return Evidence(claim, np.empty((len(measured.values), 0)), 1.0, problem=reason)
        tuned, other = (np.log(np.nanmin(each, axis=-1)) for each in both)
        samples = tuned - other
    else:
        assert claim.predicted is not None
        samples = measured.values / claim.predicted
    return _of_cells(claim, samples, note)


def _weigh_transfer(
    claim: Claim, relation: TransferRegretAtMost, measured: Measured, note: str
) -> Evidence:
    """Divergence of most at the carried rate breaks the bound; of few, it has its price."""
    assert measured.rates is not None
    exponent = float(relation.exponent)
    found = Transfer.of(measured.values, measured.rates, claim.sizes, exponent)
    if found.diverged.any():
        reason = f"{int(found.diverged.sum())} of {found.diverged.size} trials diverged at the "
        broken = _weigh_broken_bound(claim, found.diverged, reason + "carried learning rate")
        if broken.without_data is Verdict.REJECTED:
            return broken
        note = f"; {broken.problem}{note}"
    outside = found.below | found.above
    if outside.any():
        labels = np.array(["the size of tuning", *claim.labels])[outside]
        places = "; ".join(labels)
        reason = f"at {places} the best or the carried learning rate lies at the edge of the grid"
        return Evidence(claim, np.empty((len(measured.values), 0)), 1.0, problem=reason)
    return _of_cells(claim, found.samples(relation.band(claim.margin).high), note)


def _of_cells(claim: Claim, samples: FloatArray, note: str) -> Evidence:
    """Every cell is tested at level / cells: accepting needs all of them, rejecting one."""
    band, cells = claim.relation.band(claim.margin), samples.shape[1]
    p_values = decision_p_values(samples, band)
    mean = samples.mean(axis=0)
    outside = (mean < band.low) | (mean > band.high)
    deciding = float(p_values[outside].min() if outside.any() else p_values.max())
    return Evidence(claim, samples, min(1.0, deciding * cells), note=note)


def clustered(evidence: Evidence) -> Interval | None:
    """The exponent again, by pooled least squares with errors clustered by replicate."""
    if evidence.logs is None or evidence.claim.law is None:
        return None
    return evidence.claim.law.cluster_robust(evidence.logs, CHECK_LEVEL)
