"""Answers of a campaign put into the report document. Imports ``reports`` and ``verify``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from probes.data.images import load
from reports.document import (
    CampaignEntry,
    ControlEntry,
    PredictionEntry,
    Report,
    RivalEntry,
)
from theory.catalogue import Recorded, recorded
from theory.experiments import images_besides_digits
from theory.prediction import Control, Prediction, claim_id
from theory.relations import ExponentsEqual
from verify.campaign.looks import Answer, Campaign
from verify.documents.entries import (
    cell_entries,
    checks_entry,
    environment,
    plotted,
    scale_of,
    times,
    verdict_fields,
)
from verify.judging.evidence import FAMILY_ALPHA
from verify.judging.verdict import Judgement
from verify.measuring.store import Store, fingerprint


def _control(answer: Answer, control: Control, judgement: Judgement) -> ControlEntry:
    fields = verdict_fields(answer.claim, judgement)
    return ControlEntry(name=control.name, setting=str(control.setting), shifted=None, **fields)


def _sources(predictions: Sequence[Prediction]) -> list[str]:
    """Images other than digits that are trained on; the command line gives one at most."""
    return sorted(images_besides_digits(each.setting for each in predictions))


def _command(
    campaign: Campaign, patterns: tuple[str, ...], predictions: Sequence[Prediction]
) -> str:
    parts = ["scaleproof", "verify", *patterns, "--profile", campaign.profile.value]
    parts += [part for source in _sources(predictions) for part in ("--data", source)]
    parts += ["--seed", str(campaign.seed), "--device", campaign.device]
    return shlex.join([*parts, "--engine", campaign.engine or "auto"])


def _engines(campaign: Campaign, prediction: Prediction) -> dict[str, list[str]]:
    engines: dict[str, list[str]] = {}
    cells, relation = campaign.grid(prediction).cells, prediction.relation
    if isinstance(relation, ExponentsEqual) and relation.other == prediction.setting:
        cells += relation.cells_of_other(cells)
    for cell in cells:
        engine = campaign.engine_of(prediction.setting, cell)
        engines.setdefault(str(engine), []).append(str(cell))
    return engines


def _rival(answer: Answer, record: Recorded | None) -> RivalEntry:
    rival = answer.question.prediction.rival
    assert rival is not None
    return RivalEntry(
        sentence=rival.sentence,
        citation=str(rival.citation),
        recorded=None if record is None else record.rival,
        scale=scale_of(answer.claim.relation),
        cells=cell_entries(answer.judgement.evidence),
        control=_control(answer, rival.control, answer.controls[0]),
        **verdict_fields(answer.claim, answer.judgement, answer.looks),
    )


def _campaigns(campaign: Campaign, store: Store, prediction: Prediction) -> list[CampaignEntry]:
    own = campaign.design(prediction)
    return [
        CampaignEntry(
            seed=design.seed,
            profile=design.profile,
            margin=design.margin,
            family=design.family,
            verdict=verdict,
            this=design == own,
        )
        for design, verdict in store.campaigns(prediction.id)
    ]


def _prediction(
    campaign: Campaign, store: Store, answer: Answer, rival: Answer | None
) -> PredictionEntry:
    prediction, evidence = answer.question.prediction, answer.judgement.evidence
    record = recorded(prediction, campaign.profile)
    return PredictionEntry(
        id=prediction.id,
        sentence=prediction.sentence,
        citation=str(prediction.citation),
        standing=None,
        twin=None,
        observable=prediction.observable,
        definition=prediction.observable.definition,
        plotted=plotted(answer.claim.relation, prediction.observable),
        scale=scale_of(answer.claim.relation),
        setting=str(prediction.setting),
        parameterization_source=prediction.setting.parameterization.source,
        axis=str(prediction.relation.axis),
        corrections=[str(power) for power in prediction.regime.corrections],
        margin_reason=prediction.margin_reason,
        engines=_engines(campaign, prediction),
        recorded=None if record is None else record.verdict,
        checks=checks_entry(evidence),
        cells=cell_entries(evidence),
        controls=[
            _control(answer, control, judgement)
            for control, judgement in zip(prediction.controls, answer.controls, strict=True)
        ],
        rival=None if rival is None else _rival(rival, record),
        campaigns=_campaigns(campaign, store, prediction),
        command=_command(campaign, (claim_id(prediction),), [prediction]),
        **verdict_fields(answer.claim, answer.judgement, answer.looks),
    )


def build_report(
    campaign: Campaign,
    store: Store,
    patterns: tuple[str, ...],
    answers: list[Answer],
    started: datetime,
    complete: bool,
) -> Report:
    """The document of a judged campaign; each prediction's answer is followed by its rival's."""
    entries = []
    for answer, following in zip(answers, [*answers[1:], None], strict=True):
        if answer.question.relation is not answer.question.prediction.relation:
            continue
        rival = following if answer.question.prediction.rival is not None else None
        entries.append(_prediction(campaign, store, answer, rival))
    images = [str(load(source)) for source in _sources(campaign.predictions)]
    return Report(
        profile=campaign.profile,
        seed=campaign.seed,
        table=None,
        images="; ".join(images) or None,
        engine=campaign.engine or "auto",
        code=fingerprint(),
        family=len(answers),
        family_alpha=FAMILY_ALPHA,
        looks=campaign.looks,
        complete=complete,
        command=_command(campaign, patterns, campaign.predictions),
        environment=environment(campaign.device),
        times=times(started),
        predictions=entries,
    )
