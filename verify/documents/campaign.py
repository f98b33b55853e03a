"""Answers of a campaign put into the report document. Imports ``reports`` and ``verify``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction

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
from verify.campaign.design import Campaign
from verify.campaign.looks import Answer
from verify.campaign.trials import Trials
from verify.documents.entries import (
    checks_entry,
    environment,
    plot_fields,
    times,
    verdict_fields,
)
from verify.judging.quantities import FAMILY_ALPHA, at_rate, reading
from verify.judging.verdict import Judgement
from verify.measuring.store import Plan, Store
from verify.targets import FROM


def _control(answer: Answer, control: Control, judgement: Judgement) -> ControlEntry:
    return ControlEntry(
        name=control.name,
        setting=str(control.setting),
        shifted=None if control.shifted is None else str(control.shifted),
        of_rates=answer.claim.relation.quantity.swept_rates() is not None,
        **verdict_fields(answer.claim, judgement),
    )


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


def _place(plan: Plan) -> tuple[str, ...]:
    """Where predictions are from that are not of the catalogue, as the command line says it."""
    patterns = plan.provenance.patterns
    return patterns[:2] if patterns[:1] == (FROM,) else ()


def _engines(campaign: Campaign, plan: Plan, answer: Answer) -> dict[str, list[str]]:
    """Which cells of the prediction's own setting, at whatever rate, were run by which engine."""
    own = at_rate(answer.question.prediction.setting, Fraction(1))
    engines: dict[str, list[str]] = {}
    for part in Trials(campaign, plan, answer.question, 0).parts():
        if at_rate(part.setting, Fraction(1)) != own:
            continue
        trials = plan.trials(part.setting, part.cells)
        for cell, planned in zip(part.cells, trials, strict=True):
            cells = [] if planned is None else engines.setdefault(planned.engine, [])
            if str(cell) not in cells:
                cells.append(str(cell))
    return engines


def _rival(answer: Answer, record: Recorded | None) -> RivalEntry:
    rival = answer.question.prediction.rival
    assert rival is not None
    return RivalEntry(
        sentence=rival.sentence,
        citation=str(rival.citation),
        recorded=None if record is None or record.rival is None else record.rival.verdict,
        control=_control(answer, rival.control, answer.controls[0]),
        **plot_fields(answer.claim, answer.judgement.evidence),
        **verdict_fields(answer.claim, answer.judgement, answer.looks),
    )


def _campaigns(plan: Plan, store: Store, prediction: Prediction) -> list[CampaignEntry]:
    return [
        CampaignEntry(
            seed=past.seed,
            profile=past.profile,
            margin=past.margin,
            family=past.family,
            verdict=past.verdict,
            this=past.plan == plan.row,
        )
        for past in store.past_verdicts(prediction.id)
    ]


def _prediction(
    campaign: Campaign, store: Store, plan: Plan, answer: Answer, rival: Answer | None
) -> PredictionEntry:
    prediction, evidence = answer.question.prediction, answer.judgement.evidence
    record, relation = recorded(prediction, campaign.profile), prediction.relation
    return PredictionEntry(
        id=prediction.id,
        sentence=prediction.sentence,
        citation=str(prediction.citation),
        standing=prediction.standing,
        twin=prediction.twin,
        observable=prediction.observable,
        definition=prediction.observable.definition,
        plotted=reading(relation.quantity).plotted(prediction.observable, relation.summary),
        setting=str(prediction.setting),
        parameterization_source=prediction.setting.parameterization.source,
        axis=str(relation.axis),
        corrections=[str(power) for power in prediction.regime.corrections],
        margin_reason=prediction.margin_reason,
        design=campaign.designs[prediction.id],
        engines=_engines(campaign, plan, answer),
        recorded=None if record is None else record.verdict,
        checks=checks_entry(evidence),
        controls=[
            _control(answer, control, judgement)
            for control, judgement in zip(prediction.controls, answer.controls, strict=True)
        ],
        rival=None if rival is None else _rival(rival, record),
        campaigns=_campaigns(plan, store, prediction),
        command=_command(campaign, (*_place(plan), claim_id(prediction)), [prediction]),
        **plot_fields(answer.claim, evidence),
        **verdict_fields(answer.claim, answer.judgement, answer.looks),
    )


def build_report(
    campaign: Campaign,
    store: Store,
    answers: Sequence[Answer],
    started: datetime,
    complete: bool,
) -> Report:
    """The document of a judged campaign; each prediction's answer is followed by its rival's.

    ``complete``: it was not interrupted; ``started``: when this work on it began. Conditions, and
    when the campaign began, are those of its plan. Raises ``UnavailableError`` without one.
    """
    plan = store.plan(campaign.key)
    provenance = plan.provenance
    rivals = {answer.question.id: answer for answer in answers if answer.question.rival}
    entries = [
        _prediction(campaign, store, plan, answer, rivals.get(f"{answer.question.id}, rival"))
        for answer in answers
        if answer.question.rival is None
    ]
    return Report(
        profile=campaign.profile,
        seed=campaign.seed,
        table=None,
        images=provenance.images,
        predictions_from=next(iter(_place(plan)[1:]), None),
        engine=campaign.engine or "auto",
        code=provenance.code,
        family=len(answers),
        family_alpha=FAMILY_ALPHA,
        looks=campaign.looks,
        complete=complete,
        command=_command(campaign, provenance.patterns, campaign.predictions),
        environment=environment(campaign.device, provenance.versions),
        times=times(datetime.fromisoformat(provenance.started), started),
        predictions=entries,
    )
