"""Judgements as entries of the report document. Imports numpy, ``reports`` and ``verify``.

Shared by campaigns and by tables of measurements that were made elsewhere; never imports torch.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
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
    Times,
)
from theory.arrays import FloatArray
from theory.expectations import Summary
from theory.verdict import Reason, Verdict
from verify.judging.claim import Claim
from verify.judging.evidence import Evidence, Exponents, InCells
from verify.judging.line import Line
from verify.judging.verdict import Judgement, Look
from verify.statistics.equivalence import Interval, mean_interval, mean_intervals
from verify.statistics.fit_checks import CHECK_LEVEL, Elsewhere
from verify.statistics.regression import PowerLaw


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
    interval = judgement.interval
    low, high = (end if math.isfinite(end) else None for end in claim.band)
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
        "reasons": [reason_entry(reason) for reason in judgement.reasons],
        "reason": judgement.reason,
        "looks": [_look(look) for look in looks],
    }


def reason_entry(reason: Reason) -> ReasonEntry:
    """A reason as the document has it."""
    return ReasonEntry(
        kind=reason.kind,
        places=list(reason.places),
        numbers=dict(reason.numbers),
        because=[reason_entry(behind) for behind in reason.because],
    )


def _look(look: Look) -> LookEntry:
    interval = look.judgement.interval
    return LookEntry(
        replicates=look.replicates,
        confidence=1.0 - look.level,
        estimate=None if interval is None else interval.estimate,
        interval=None if interval is None else (interval.low, interval.high),
        verdict=look.judgement.verdict,
        reasons=[reason_entry(reason) for reason in look.judgement.reasons],
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
    if not isinstance(evidence, Exponents):
        return None
    law, logs, checks = evidence.law, evidence.logs, evidence.checks
    sizes, local = law.local_exponents(logs)
    locals_ = mean_intervals(local, CHECK_LEVEL)
    return ChecksEntry(
        without_smallest=_movement(checks.without_smallest),
        curvature=_movement(checks.curvature),
        lack_of_fit=None if checks.lack_of_fit is None else float(checks.lack_of_fit[0]),
        trimmed=float(checks.trimmed[0]),
        clustered=_interval(evidence.clustered()),
        local_exponents=[
            LocalExponentEntry(
                smaller=sizes[i], larger=sizes[i + 1], interval=_interval(locals_.at(i))
            )
            for i in range(len(sizes) - 1)
        ],
        extrapolation=_extrapolation(law, logs),
    )


def _extrapolation(law: PowerLaw, logs: FloatArray) -> ExtrapolationEntry | None:
    """At twice the largest size; a correction column is known there if it is a power of the size.

    Columns that depend on anything else would need the other size too, and give ``None``.
    """
    size, columns = 2 * float(law.sizes.max()), []
    for column in law.corrections.T:
        slope, intercept = np.polyfit(law.log_size, np.log(np.abs(column)), 1)
        power = np.exp(intercept + slope * law.log_size)
        if not np.allclose(np.abs(column), power, rtol=1e-9):
            return None
        columns.append(np.sign(column[0]) * np.exp(intercept + slope * np.log(size)))
    beyond = mean_interval(law.extrapolated(logs, size, np.array(columns)), CHECK_LEVEL)
    value, low, high = (float(np.exp(v)) for v in (beyond.estimate, beyond.low, beyond.high))
    return ExtrapolationEntry(size=size, value=value, low=low, high=high)


class PlotFields(TypedDict):
    """What a plot of a verdict shows: cells, and what their numbers are to its statistic."""

    scale: Summary
    cells: list[CellEntry]


def plot_fields(claim: Claim, evidence: Evidence | None) -> PlotFields:
    """The cells of what was judged; none of what could not be."""
    return {"scale": claim.relation.summary, "cells": _cell_entries(evidence)}


def _cell_entries(evidence: Evidence | None) -> list[CellEntry]:
    """Means with 95 percent intervals, and the fit or the predicted value, of every cell.

    Geometric means where an exponent was fitted (of the ratio of two settings, of the best rates),
    or where the claim is one about them.
    """
    if isinstance(evidence, Exponents):
        means = mean_intervals(evidence.logs, CHECK_LEVEL)
        ends = [np.exp(part) for part in (means.estimate, means.low, means.high)]
        fitted, single = evidence.law.fitted(evidence.logs), np.exp(evidence.logs)
        return _cells(evidence.claim, ends, fitted=fitted, single=single)
    if isinstance(evidence, Line):
        points = np.exp(evidence.logs)
        low, high = (points, points) if evidence.ends is None else np.exp(evidence.ends)
        fitted = evidence.law.fitted(evidence.logs[None])
        return _cells(evidence.claim, [points, low, high], fitted=fitted)
    if isinstance(evidence, InCells):
        claim = evidence.claim
        means = mean_intervals(evidence.samples, CHECK_LEVEL)
        ratios = [means.estimate, means.low, means.high, evidence.samples]
        if claim.relation.summary is Summary.LOGARITHM:
            ratios = [np.exp(part) for part in ratios]
        *ends, single = (claim.predicted * part for part in ratios)
        return _cells(claim, ends, predicted=claim.predicted, single=single)
    return []


def _cells(
    claim: Claim,
    ends: Sequence[FloatArray],
    fitted: FloatArray | None = None,
    predicted: FloatArray | None = None,
    single: FloatArray | None = None,
) -> list[CellEntry]:
    """An entry a cell; ``single`` (replicates, cells) is what each replicate gave."""
    return [
        CellEntry(
            label=label,
            size=float(claim.judged_sizes[i]),
            measured=float(ends[0][i]),
            low=float(ends[1][i]),
            high=float(ends[2][i]),
            fitted=None if fitted is None else float(fitted[i]),
            predicted=None if predicted is None else float(predicted[i]),
            values=() if single is None else tuple(single[:, i].tolist()),
        )
        for i, label in enumerate(claim.labels)
    ]


def environment(
    device: str | None = None, measured: Mapping[str, str] | None = None
) -> Environment:
    """Versions of what computed the numbers: ``measured`` by package, where networks were run."""
    versions = measured or {}
    return Environment(
        scaleproof=versions.get("scaleproof") or version("scaleproof"),
        python=versions.get("python") or platform.python_version(),
        torch=versions.get("torch"),
        numpy=versions.get("numpy") or np.__version__,
        scikit_learn=versions.get("scikit-learn"),
        device=device,
    )


def times(started: datetime, since: datetime) -> Times:
    """When it began, and how long the work took that ``since`` then was done."""
    return Times(
        started=started.isoformat(timespec="seconds"),
        seconds=max(0.0, (datetime.now(UTC) - since).total_seconds()),  # clocks are set back
    )
