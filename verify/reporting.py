"""Answers put into the report document. Imports ``theory``, ``reports`` and ``verify``."""

from __future__ import annotations

import platform
import shlex
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TypedDict

import numpy as np
import torch

from reports.document import (
    CellEntry,
    ChecksEntry,
    ControlEntry,
    Environment,
    IntervalEntry,
    PredictionEntry,
    Report,
    RivalEntry,
    Times,
)
from theory.catalogue import Recorded, recorded
from theory.prediction import Control, ExponentEquals, Relation, Verdict
from verify.campaign import Answer, Campaign
from verify.judge import FAMILY_ALPHA, FitChecks, Judgement
from verify.statistics.equivalence import Interval, mean_interval
from verify.statistics.regression import PowerLaw, fitted_curve


def _interval(interval: Interval | None) -> IntervalEntry | None:
    if interval is None:
        return None
    return IntervalEntry(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=1.0 - interval.level,
    )


def _checks(checks: FitChecks | None) -> ChecksEntry | None:
    if checks is None:
        return None
    clustered = _interval(checks.clustered)
    assert clustered is not None
    return ChecksEntry(
        without_smallest=_interval(checks.without_smallest),
        curvature=_interval(checks.curvature),
        clustered=clustered,
    )


class _VerdictFields(TypedDict):
    """The fields of ``VerdictEntry``, to be spread into its subclasses."""

    verdict: Verdict
    relation: str
    predicted: float
    margin: float
    estimate: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    replicates: int
    replicates_needed: int | None
    reason: str


def _verdict(judgement: Judgement, relation: Relation, margin: float) -> _VerdictFields:
    """The fields that every verdict has."""
    interval = judgement.interval
    return {
        "verdict": judgement.verdict,
        "relation": str(relation),
        "predicted": relation.expected,
        "margin": margin,
        "estimate": None if interval is None else interval.estimate,
        "interval": None if interval is None else (interval.low, interval.high),
        "confidence": None if interval is None else 1.0 - interval.level,
        "replicates": judgement.replicates,
        "replicates_needed": judgement.replicates_needed,
        "reason": judgement.reason,
    }


def _control(answer: Answer, control: Control, judgement: Judgement) -> ControlEntry:
    fields = _verdict(judgement, answer.claim.relation, answer.claim.margin)
    return ControlEntry(name=control.name, setting=str(control.setting), **fields)


def _cells(answer: Answer) -> list[CellEntry]:
    """Measured means with 95 percent intervals, and the fit or the predicted value, per cell."""
    claim, values = answer.claim, answer.values
    if len(values) < 2 or not np.isfinite(values).all() or (values <= 0).any():
        return []
    exponent = isinstance(claim.relation, ExponentEquals)
    samples = np.log(values) if exponent else values
    means = [mean_interval(column, FAMILY_ALPHA) for column in samples.T]
    fitted: list[float | None] = [None] * len(means)
    predicted: list[float | None] = [None] * len(means)
    if isinstance(claim.relation, ExponentEquals):
        law = PowerLaw(claim.cells, claim.relation.axis, claim.corrections)
        fitted = list(fitted_curve(law, samples))
    else:
        curve, setting = claim.relation.curve, claim.setting
        predicted = [curve(setting.architecture, setting.parameterization, c) for c in claim.cells]

    def original(value: float) -> float:
        return float(np.exp(value)) if exponent else value

    return [
        CellEntry(
            width=cell.width,
            depth=cell.depth,
            measured=original(mean.estimate),
            low=original(mean.low),
            high=original(mean.high),
            fitted=fit,
            predicted=value,
        )
        for cell, mean, fit, value in zip(claim.cells, means, fitted, predicted, strict=True)
    ]


def _command(campaign: Campaign, patterns: tuple[str, ...]) -> str:
    parts = ["scaleproof", "verify", *patterns, "--profile", campaign.profile.value]
    return shlex.join([*parts, "--seed", str(campaign.seed), "--device", campaign.device])


def _rival(answer: Answer, record: Recorded | None) -> RivalEntry:
    rival = answer.question.prediction.rival
    assert rival is not None
    fields = _verdict(answer.judgement, answer.claim.relation, answer.claim.margin)
    return RivalEntry(
        sentence=rival.sentence,
        citation=str(rival.citation),
        recorded=None if record is None else record.rival,
        control=_control(answer, rival.control, answer.controls[0]),
        **fields,
    )


def _prediction(campaign: Campaign, answer: Answer, rival: Answer | None) -> PredictionEntry:
    prediction = answer.question.prediction
    record = recorded(prediction)
    fields = _verdict(answer.judgement, answer.claim.relation, answer.claim.margin)
    return PredictionEntry(
        id=prediction.id,
        sentence=prediction.sentence,
        citation=str(prediction.citation),
        observable=prediction.observable,
        definition=prediction.observable.definition,
        setting=str(prediction.setting),
        parameterization_source=prediction.setting.parameterization.source,
        axis=prediction.relation.axis.value,
        corrections=[str(power) for power in prediction.regime.corrections],
        margin_reason=prediction.margin_reason,
        recorded=None if record is None else record.verdict,
        checks=_checks(answer.judgement.checks),
        cells=_cells(answer),
        controls=[
            _control(answer, control, judgement)
            for control, judgement in zip(prediction.controls, answer.controls, strict=True)
        ],
        rival=None if rival is None else _rival(rival, record),
        command=_command(campaign, (prediction.id,)),
        **fields,
    )


def build_report(
    campaign: Campaign,
    patterns: tuple[str, ...],
    answers: list[Answer],
    started: datetime,
    complete: bool,
) -> Report:
    """The document of a judged campaign; each prediction's answer is followed by its rival's."""
    entries = []
    for answer, following in zip(answers, [*answers[1:], None], strict=True):
        if answer.claim.relation is not answer.question.prediction.relation:
            continue
        prediction = answer.question.prediction
        rival = following if prediction.rival is not None else None
        entries.append(_prediction(campaign, answer, rival))
    now = datetime.now(UTC)
    return Report(
        profile=campaign.profile,
        seed=campaign.seed,
        family=len(answers),
        family_alpha=FAMILY_ALPHA,
        complete=complete,
        command=_command(campaign, patterns),
        environment=Environment(
            scaleproof=version("scaleproof"),
            python=platform.python_version(),
            torch=torch.__version__,
            numpy=np.__version__,
            device=campaign.device,
        ),
        times=Times(
            started=started.isoformat(timespec="seconds"),
            seconds=(now - started).total_seconds(),
        ),
        predictions=entries,
    )
