"""From measured numbers to evidence. Imports numpy, ``theory`` and ``verify.statistics``.

The first of two passes, because the level of a verdict depends on the whole family: ``weigh`` turns
the measurements of one relation into evidence with p-values, and ``verify.judging.verdict`` turns
evidence and levels into a verdict. Neither runs a network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from theory.arrays import BoolArray, FloatArray
from theory.expectations import Summary
from theory.verdict import Reason, ReasonKind, Verdict
from verify.judging.claim import Claim, Measured
from verify.judging.line import Line
from verify.judging.quantities import Problem, Samples, reading
from verify.statistics.equivalence import Interval, decision_p_values
from verify.statistics.fit_checks import CHECK_LEVEL, FitChecks, check_fit
from verify.statistics.regression import PowerLaw

# More incomplete replicates than this share, and what is missing may not be missing by chance.
MOST_MISSING = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Unjudged:
    """Measurements that cannot be summed up: why, and the verdict that this gives.

    Not ``complete`` is what was interrupted.
    """

    claim: Claim
    replicates: int
    reasons: tuple[Reason, ...]
    verdict: Verdict = Verdict.INVALID
    p_value: float = 1.0
    complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Exponents:
    """One exponent per replicate, ``samples`` (replicates, 1), and the checks of its fit.

    ``logs`` (replicates, cells) is what ``law`` was fitted to; ``notes`` are said whatever the
    verdict.
    """

    claim: Claim
    samples: FloatArray
    p_value: float
    notes: tuple[Reason, ...]
    law: PowerLaw
    logs: FloatArray
    checks: FitChecks

    def clustered(self) -> Interval:
        """The exponent again, by pooled least squares with errors clustered by replicate."""
        return self.law.cluster_robust(self.logs, CHECK_LEVEL)


@dataclass(frozen=True, slots=True, eq=False)
class InCells:
    """A ratio, or a logarithm of one, in every cell: ``samples`` (replicates, cells)."""

    claim: Claim
    samples: FloatArray
    p_value: float
    notes: tuple[Reason, ...]


# What replicates with a spread give, and what else a table can.
Weighed: TypeAlias = Unjudged | Exponents | InCells
Evidence: TypeAlias = Weighed | Line


def weigh(claim: Claim, measured: Measured) -> Weighed:
    """Evidence from measurements.

    Diverged and missing trials are data: a replicate with a missing one is left out and counted,
    too many of them are a failed precondition, and so is a diverged trial, but for a bound on an
    exponent or on a regret, which the divergence of most replicates breaks.
    """
    count = len(measured.values)
    if count < claim.replicates:
        numbers = {"measured": count, "wanted": claim.replicates}
        reasons = (Reason(ReasonKind.INTERRUPTED, numbers=numbers),)
        return Unjudged(claim, count, reasons, Verdict.INCONCLUSIVE, complete=False)
    complete, notes = _without_gaps(measured)
    if complete is None:
        return Unjudged(claim, count, notes)
    outcome = _read(claim, complete)
    if isinstance(outcome, Problem):
        kept = len(complete.values)
        return Unjudged(claim, kept, outcome.reasons, outcome.verdict, outcome.p_value)
    samples = replace(outcome, notes=(*outcome.notes, *notes))
    if claim.relation.summary is Summary.EXPONENT:
        return _of_exponents(claim, samples)
    return _of_cells(claim, samples)


def _without_gaps(measured: Measured) -> tuple[Measured | None, tuple[Reason, ...]]:
    """The replicates that miss no trial, and that others were left out; or why too many were."""
    if measured.missing is None or not measured.missing.any():
        return measured, ()
    incomplete: BoolArray = np.any(measured.missing, axis=1)
    counts = {"incomplete": int(incomplete.sum()), "replicates": len(incomplete)}
    if incomplete.mean() > MOST_MISSING:
        most = {**counts, "most": MOST_MISSING}
        return None, (Reason(ReasonKind.MISSING_TRIALS, numbers=most),)
    kept = np.logical_not(incomplete)
    other = None if measured.other is None else measured.other[kept]
    complete = replace(measured, values=measured.values[kept], other=other, missing=None)
    return complete, (Reason(ReasonKind.LEFT_OUT, numbers=counts),)


def _read(claim: Claim, measured: Measured) -> Samples | Problem:
    """Samples of what neither diverged nor is without spread."""
    read = reading(claim.relation.quantity)
    parts = [measured.values] + ([] if measured.other is None else [measured.other])
    diverged = read.is_diverged(np.concatenate(parts, axis=1))
    if diverged.any():
        return read.on_divergence(claim, diverged)
    if (measured.values == measured.values[0]).all():
        return Problem((Reason(ReasonKind.NO_SPREAD),))
    return read.samples(claim, measured)


def _of_exponents(claim: Claim, read: Samples) -> Exponents:
    """Exponents of logarithms (replicates, cells), their decision and the checks of the fit."""
    assert claim.law is not None
    exponents = claim.law.exponents(read.values)[:, None]
    p_value = float(decision_p_values(exponents, claim.band)[0])
    checks = check_fit(claim.law, read.values[:, None, :])
    return Exponents(claim, exponents, p_value, read.notes, claim.law, read.values, checks)


def _of_cells(claim: Claim, read: Samples) -> InCells:
    """Every cell is tested at level / cells: accepting needs all of them, rejecting one."""
    samples, band = read.values, claim.band
    p_values = decision_p_values(samples, band)
    mean = samples.mean(axis=0)
    outside = (mean < band.low) | (mean > band.high)
    deciding = float(p_values[outside].min() if outside.any() else p_values.max())
    return InCells(claim, samples, min(1.0, deciding * samples.shape[1]), read.notes)
