"""Evidence from the rows of a table, which has what no campaign has. Imports numpy and ``verify``.

Exact zeros, a law without spread, a single replicate, and sweeps of few seeds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from theory.arrays import BoolArray
from theory.expectations import Summary
from theory.verdict import Reason, ReasonKind, Verdict
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import MOST_MISSING, Evidence, Unjudged, weigh
from verify.judging.line import line_of
from verify.judging.quantities import Column, Problem, reading
from verify.judging.sweeps import weigh_sweep


def weigh_measured(claim: Claim, measured: Measured, notes: tuple[Reason, ...]) -> Evidence:
    """Evidence, as ``verify.judging.evidence.weigh`` gives it for replicates with a spread."""
    if reading(claim.relation.quantity).column is Column.RATE:
        return _noted(weigh_sweep(claim, measured), notes)
    diverged = _diverged(claim, measured)
    if diverged.any():
        problem = reading(claim.relation.quantity).on_divergence(claim, diverged)
        at = Reason(ReasonKind.DIVERGED_AT, _cells_of(claim, diverged))
        said = (*problem.reasons, at, *notes)
        return Unjudged(claim, len(diverged), said, problem.verdict, problem.p_value)
    if claim.relation.summary is Summary.EXPONENT and claim.law is not None:
        kept = _complete(measured)
        enough = len(kept.values) >= (1.0 - MOST_MISSING) * len(measured.values)
        if enough and _without_spread(kept):
            return _of_line(claim, kept, notes)
    return _noted(weigh(claim, measured), (*_missing_at(claim, measured), *notes))


def _missing_at(claim: Claim, measured: Measured) -> tuple[Reason, ...]:
    """Where measurements are missing, if so many are that nothing is judged."""
    if measured.missing is None or measured.missing.any(axis=1).mean() <= MOST_MISSING:
        return ()
    return (Reason(ReasonKind.MISSING_AT, _cells_of(claim, measured.missing)),)


def _cells_of(claim: Claim, trials: BoolArray) -> tuple[str, ...]:
    """The cells that some trials (replicates, cells) are in, each with their number."""
    counts = zip(claim.labels, trials.sum(axis=0), strict=True)
    return tuple(f"{label}: {count} of {len(trials)}" for label, count in counts if count)


def _diverged(claim: Claim, measured: Measured) -> BoolArray:
    """Trials (replicates, cells) that diverged, those of replicates that miss others included."""
    read = reading(claim.relation.quantity)
    parts = [measured.values] + ([] if measured.other is None else [measured.other])
    bad: BoolArray = np.any([read.is_diverged(part) for part in parts], axis=0)
    return bad if measured.missing is None else bad & np.logical_not(measured.missing)


def _complete(measured: Measured) -> Measured:
    """The replicates that miss nothing."""
    if measured.missing is None:
        return measured
    kept = np.logical_not(measured.missing.any(axis=1))
    other = None if measured.other is None else measured.other[kept]
    return replace(measured, values=measured.values[kept], other=other, missing=None)


def _without_spread(measured: Measured) -> bool:
    same = bool((measured.values == measured.values[0]).all())
    return same and (measured.other is None or bool((measured.other == measured.other[0]).all()))


def _of_line(claim: Claim, measured: Measured, notes: tuple[Reason, ...]) -> Evidence:
    """The evidence of the one line that all replicates have."""
    count = len(measured.values)
    read = reading(claim.relation.quantity).samples(claim, measured)
    if isinstance(read, Problem):
        return Unjudged(claim, count, (*read.reasons, *notes), read.verdict, read.p_value)
    line = line_of(claim, read.values[0], count, notes)
    if line is not None:
        return line
    if count == 1:
        why = (Reason(ReasonKind.NO_SIZE_TO_SPARE), *notes)
        return Unjudged(claim, count, why, Verdict.INCONCLUSIVE)
    return Unjudged(claim, count, (Reason(ReasonKind.NO_SPREAD), *notes))


def _noted(evidence: Evidence, notes: tuple[Reason, ...]) -> Evidence:
    """With what else a reader should know."""
    if isinstance(evidence, Unjudged):
        return replace(evidence, reasons=(*evidence.reasons, *notes))
    return replace(evidence, notes=(*evidence.notes, *notes))
