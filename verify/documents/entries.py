"""Judgements as entries of the report document. Imports numpy, ``reports`` and ``verify``.

Shared by campaigns and by tables of measurements that were made elsewhere; never imports torch.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypedDict

import numpy as np

from reports.document import (
    CellEntry,
    ChecksEntry,
    Environment,
    ExtrapolationEntry,
    IntervalEntry,
    LocalExponentEntry,
    LookEntry,
    ReasonEntry,
    Scale,
    Times,
)
from theory.arrays import FloatArray
from theory.relations import (
    BestRate,
    ExcessExponent,
    Exponent,
    ExponentOfCurve,
    ExponentsEqual,
    LogRatio,
    Paired,
    Relation,
    TransferRegretAtMost,
)
from theory.verdict import Verdict
from verify.judging.evidence import Claim, Evidence, clustered
from verify.judging.verdict import Judgement, Look
from verify.statistics.equivalence import Interval, mean_interval, mean_intervals
from verify.statistics.fit_checks import CHECK_LEVEL, Elsewhere


class VerdictFields(TypedDict):
    """The fields of ``VerdictEntry``, to be spread into its subclasses."""

    verdict: Verdict
    relation: str
    predicted: float
    margin: float
    band: tuple[float | None, float | None]
    estimate: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    replicates: int
    replicates_needed: int | None
    reasons: list[ReasonEntry]
    reason: str
    looks: list[LookEntry]


def verdict_fields(claim: Claim, judgement: Judgement, looks: Sequence[Look] = ()) -> VerdictFields:
    """The fields that every verdict has."""
    interval, band = judgement.interval, claim.relation.band(claim.margin)
    low, high = (end if math.isfinite(end) else None for end in band)
    return {
        "verdict": judgement.verdict,
        "relation": str(claim.relation),
        "predicted": claim.relation.expected,
        "margin": claim.margin,
        "band": (low, high),
        "estimate": None if interval is None else interval.estimate,
        "interval": None if interval is None else (interval.low, interval.high),
        "confidence": None if interval is None else 1.0 - interval.level,
        "replicates": judgement.replicates,
        "replicates_needed": judgement.replicates_needed,
        "reasons": [],
        "reason": judgement.reason,
        "looks": [_look(look) for look in looks],
    }


def _look(look: Look) -> LookEntry:
    interval = look.judgement.interval
    return LookEntry(
        replicates=look.replicates,
        confidence=1.0 - look.level,
        estimate=None if interval is None else interval.estimate,
        interval=None if interval is None else (interval.low, interval.high),
        verdict=look.judgement.verdict,
        reasons=[],
        reason=look.judgement.reason,
    )


def _interval(interval: Interval) -> IntervalEntry:
    return IntervalEntry(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=1.0 - interval.level,
    )


def _movement(place: Elsewhere | None) -> IntervalEntry | None:
    return None if place is None else _interval(place.movement.at(0))


def checks_entry(evidence: Evidence | None) -> ChecksEntry | None:
    """All checks of the fit of an exponent, and what it says locally and beyond the grid."""
    if evidence is None or evidence.checks is None:
        return None
    law, logs, checks = evidence.claim.law, evidence.logs, evidence.checks
    pooled = clustered(evidence)
    assert law is not None
    assert logs is not None
    assert pooled is not None
    sizes, local = law.local_exponents(logs)
    locals_ = mean_intervals(local, CHECK_LEVEL)
    return ChecksEntry(
        without_smallest=_movement(checks.without_smallest),
        curvature=_movement(checks.curvature),
        lack_of_fit=None if checks.lack_of_fit is None else float(checks.lack_of_fit[0]),
        trimmed=float(checks.trimmed[0]),
        clustered=_interval(pooled),
        local_exponents=[
            LocalExponentEntry(
                smaller=sizes[i], larger=sizes[i + 1], interval=_interval(locals_.at(i))
            )
            for i in range(len(sizes) - 1)
        ],
        extrapolation=_extrapolation(evidence.claim, logs),
    )


def _extrapolation(claim: Claim, logs: FloatArray) -> ExtrapolationEntry | None:
    """At twice the largest size; a correction column is known there if it is a power of the size.

    Columns that depend on anything else would need the other size too, and give ``None``.
    """
    assert claim.law is not None
    size, columns = 2 * float(claim.law.sizes.max()), []
    for column in claim.law.corrections.T:
        slope, intercept = np.polyfit(claim.law.log_size, np.log(np.abs(column)), 1)
        power = np.exp(intercept + slope * claim.law.log_size)
        if not np.allclose(np.abs(column), power, rtol=1e-9):
            return None
        columns.append(np.sign(column[0]) * np.exp(intercept + slope * np.log(size)))
    found = mean_interval(claim.law.extrapolated(logs, size, np.array(columns)), CHECK_LEVEL)
    value, low, high = (float(np.exp(v)) for v in (found.estimate, found.low, found.high))
    return ExtrapolationEntry(size=size, value=value, low=low, high=high)


def plotted(relation: Relation, name: str) -> str:
    """What the cells of a relation hold."""
    if isinstance(relation, ExcessExponent):
        what = "what is missing to" if relation.from_below else "excess over"
        return f"{name}, {what} the limit, by the largest size"
    if isinstance(relation, BestRate):
        return f"best learning rate, by {name}"
    if isinstance(relation, TransferRegretAtMost):
        return f"{name}, carried over best rate"
    if isinstance(relation, ExponentOfCurve):
        return f"{name}, measured over predicted"
    if isinstance(relation, ExponentsEqual) and relation.wider > 1:
        return f"{name}, ratio of two widths"
    return f"{name}, ratio of two settings" if isinstance(relation, Paired) else name


def scale_of(relation: Relation) -> Scale:
    """What the statistic of a relation is, in terms of the numbers that its cells hold."""
    if isinstance(relation, Exponent):
        return Scale.EXPONENT
    return Scale.LOGARITHM if isinstance(relation, LogRatio) else Scale.RATIO


def cell_entries(evidence: Evidence | None) -> list[CellEntry]:
    """Means with 95 percent intervals, and the fit or the predicted value, of every cell.

    Geometric means where an exponent was fitted (of the ratio of two settings, of the best rates),
    or where the claim is one about them; nothing of what could not be judged.
    """
    if evidence is None or evidence.problem is not None:
        return []
    claim = evidence.claim
    if isinstance(claim.relation, Exponent):
        assert claim.law is not None
        assert evidence.logs is not None
        means = mean_intervals(evidence.logs, CHECK_LEVEL)
        ends = [np.exp(part) for part in (means.estimate, means.low, means.high)]
        return _cells(claim, ends, fitted=claim.law.fitted(evidence.logs))
    predicted = np.ones(len(claim.labels)) if claim.predicted is None else claim.predicted
    means = mean_intervals(evidence.samples, CHECK_LEVEL)
    ratios = [means.estimate, means.low, means.high]
    if isinstance(claim.relation, LogRatio):
        ratios = [np.exp(part) for part in ratios]
    return _cells(claim, [predicted * part for part in ratios], predicted=predicted)


def _cells(
    claim: Claim,
    ends: Sequence[FloatArray],
    fitted: FloatArray | None = None,
    predicted: FloatArray | None = None,
) -> list[CellEntry]:
    sizes = claim.sizes[-len(claim.labels) :] if claim.law is None else claim.law.sizes
    return [
        CellEntry(
            label=label,
            size=float(sizes[i]),
            measured=float(ends[0][i]),
            low=float(ends[1][i]),
            high=float(ends[2][i]),
            fitted=None if fitted is None else float(fitted[i]),
            predicted=None if predicted is None else float(predicted[i]),
        )
        for i, label in enumerate(claim.labels)
    ]


def environment(device: str | None) -> Environment:
    """Versions of what computed the numbers; torch where networks were run."""
    return Environment(
        scaleproof=version("scaleproof"),
        python=platform.python_version(),
        torch=None if device is None else version("torch"),
        numpy=np.__version__,
        scikit_learn=None if device is None else version("scikit-learn"),
        device=device,
    )


def times(started: datetime) -> Times:
    """When it began, and how long it took until now."""
    return Times(
        started=started.isoformat(timespec="seconds"),
        seconds=(datetime.now(UTC) - started).total_seconds(),
    )
