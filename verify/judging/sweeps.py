"""From sweeps of learning rates to evidence about the best one. Imports numpy and ``verify``.

Campaigns take the minimum of every replicate on a grid that is widened until it has one
(``verify.judging.quantities``). A table cannot be widened: ``verify.statistics.sweeps``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from theory.arrays import FloatArray
from theory.verdict import Reason, ReasonKind
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import MOST_MISSING, Unjudged
from verify.judging.line import Line, line_p_value
from verify.statistics.equivalence import mean_interval
from verify.statistics.fit_checks import CHECK_LEVEL
from verify.statistics.sweeps import BestRates, Drift, Sweeps

_PLATEAU = 2.5  # steps that rates without a difference span on a plateau


def weigh_sweep(claim: Claim, measured: Measured) -> Line | Unjudged:
    """The exponent of the best rate of mean curves; one seed decides nothing."""
    assert claim.law is not None
    assert measured.rates is not None
    losses, left_out = _complete(measured.values)
    count = len(losses)
    if not count:
        return Unjudged(claim, len(measured.values), left_out)
    if count > 1 and all(np.array_equal(one, losses[0], equal_nan=True) for one in losses):
        return Unjudged(claim, count, (Reason(ReasonKind.NO_SPREAD), *left_out))
    dead = np.logical_not(np.isfinite(losses).any(axis=(0, 2)))
    few = np.logical_not(np.isnan(losses)).any(axis=0).sum(axis=-1) < 3
    for wrong, kind, why in (
        (dead, ReasonKind.DIVERGED_AT, "every rate"),
        (few, ReasonKind.RATE_AT_END, "fewer than three rates"),
    ):
        if wrong.any():
            places = tuple(f"{claim.labels[i]}: {why}" for i in np.flatnonzero(wrong))
            return Unjudged(claim, count, (Reason(kind, places),))
    sweeps = Sweeps.of(losses, measured.rates)
    drift = sweeps.drift(claim.law)
    notes = (*left_out, *_notes(claim, sweeps, drift))
    if drift.best.edge.any():
        return Unjudged(claim, count, (_at_end(claim, drift.best), *notes))
    error = max(drift.error, 1e-12)
    p_value = line_p_value(drift.estimate, error, drift.degrees, claim.band, drift.floor)
    return Line(
        claim,
        count,
        drift.estimate,
        error,
        drift.degrees,
        error * math.sqrt(count),
        count > 1,
        p_value if count > 1 else 1.0,
        notes,
        claim.law,
        drift.best.log_rates,
        drift.best.ends,
        drift.floor,
    )


def _complete(losses: FloatArray) -> tuple[FloatArray, tuple[Reason, ...]]:
    """The replicates that ran every rate that any ran, and that others were left out.

    None of them, where too many have gaps.
    """
    run = np.logical_not(np.isnan(losses))
    complete = (run | ~run.any(axis=0)).all(axis=(1, 2))
    counts = {"incomplete": int((~complete).sum()), "replicates": len(losses)}
    if complete.all():
        return losses, ()
    if 1.0 - complete.mean() > MOST_MISSING:
        most = {**counts, "most": MOST_MISSING}
        return losses[:0], (Reason(ReasonKind.MISSING_TRIALS, numbers=most),)
    return losses[complete], (Reason(ReasonKind.LEFT_OUT, numbers=counts),)


def _at_end(claim: Claim, best: BestRates) -> Reason:
    ends = {-1: "lowest", 1: "highest"}
    places = [f"{claim.labels[i]}: {ends[int(best.edge[i])]}" for i in np.flatnonzero(best.edge)]
    return Reason(ReasonKind.RATE_AT_END, tuple(places))


def _notes(claim: Claim, sweeps: Sweeps, drift: Drift) -> Iterator[Reason]:
    """What to know of the sweeps, whatever the verdict."""
    if len(sweeps.logs) == 1:
        yield Reason(ReasonKind.ONE_SEED)
    if sweeps.diverged:
        counts = {"diverged": sweeps.diverged, "trials": sweeps.run}
        yield Reason(ReasonKind.RATES_DIVERGED, (), counts)
    best = drift.best
    flat = np.ptp(best.flat, axis=0) > _PLATEAU * best.steps
    if flat.any():
        low, high = np.exp(best.flat)
        places = [f"{claim.labels[i]}: {low[i]:.2g} to {high[i]:.2g}" for i in np.flatnonzero(flat)]
        yield Reason(ReasonKind.PLATEAU, tuple(places))
    if drift.floor > 2 * drift.error:
        yield Reason(ReasonKind.GRID_STEP, (), {"reach": drift.floor})
    yield _single(claim, sweeps)


def _single(claim: Claim, sweeps: Sweeps) -> Reason:
    """The exponent by the minimum of every replicate, beside that of the mean curves."""
    assert claim.law is not None
    minima, ends = sweeps.single_minima()
    numbers = {"ends": float(ends), "trials": float(np.isfinite(minima).sum())}
    complete = minima[np.isfinite(minima).all(axis=1)]
    if len(complete) > 1:
        interval = mean_interval(claim.law.exponents(complete), CHECK_LEVEL)
        ends_of = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
        numbers |= {name: round(value, 9) + 0.0 for name, value in ends_of.items()}
    return Reason(ReasonKind.SINGLE_MINIMA, (), numbers)
