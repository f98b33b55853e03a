"""Judging what was measured of a campaign, look by look. Imports numpy, ``theory``, ``verify``.

Measuring is separate: a store that holds every trial is judged without running a network, and
without the code that ran it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from theory.prediction import Control
from theory.verdict import Reason, ReasonKind, Verdict
from verify.campaign.design import Campaign, Question, questions
from verify.campaign.trials import Trials, trials_of
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import Evidence, Unjudged, weigh
from verify.judging.quantities import FAMILY_ALPHA
from verify.judging.verdict import Judgement, Look, conclude, fit_levels_of
from verify.measuring.store import Plan, Store
from verify.statistics.multiplicity import holm_levels


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A question with its claim and measurements, its verdict and its controls', and all looks.

    ``complete``: nothing that the last of them asked for, controls included, was missing.
    """

    question: Question
    claim: Claim
    measured: Measured
    judgement: Judgement
    controls: tuple[Judgement, ...]
    looks: tuple[Look, ...]
    complete: bool

    def is_open(self, campaign: Campaign) -> bool:
        """Undecided though all was measured, and another look is announced."""
        announced = campaign.grid(self.question.prediction).looks
        undecided = self.judgement.verdict is Verdict.INCONCLUSIVE
        return undecided and self.complete and len(self.looks) < announced

    @property
    def remaining(self) -> Question:
        """The question with the controls that are not rejected yet."""
        controls = zip(self.question.controls, self.controls, strict=True)
        missing = tuple(c for c, judged in controls if judged.verdict is not Verdict.REJECTED)
        return replace(self.question, controls=missing)

    def followed_by(self, again: Answer) -> Answer:
        """The answer, and what the next look at the remaining question says."""
        later = iter(again.controls)
        kept = (c if c.verdict is Verdict.REJECTED else next(later) for c in self.controls)
        looks = (*self.looks, *again.looks)
        return replace(again, question=self.question, controls=tuple(kept), looks=looks)


def judge_campaign(campaign: Campaign, store: Store, looks: int | None = None) -> list[Answer]:
    """Answer every question from the first ``looks`` looks (default: all that are announced).

    Controls are not members of the family of verdicts, and are judged at level 0.05 shared by the
    looks: a control that is not rejected takes a decision away (INVALID, or INCONCLUSIVE where the
    control is undecided), but never causes a wrong one. One that was rejected at some look has done
    its work, and is not looked at again. They are members of the family of fits, whose errors take
    decisions away. A look whose replicates are not all stored is the last.
    """
    plan = store.plan(campaign.key)
    answers = _look(campaign, plan, questions(campaign), 0)
    for look in range(1, campaign.looks if looks is None else looks):
        places = [i for i, answer in enumerate(answers) if answer.is_open(campaign)]
        again = _look(campaign, plan, [answers[i].remaining for i in places], look)
        for place, answer in zip(places, again, strict=True):
            answers[place] = answers[place].followed_by(answer)
    return answers


def _look(campaign: Campaign, plan: Plan, family: Sequence[Question], look: int) -> list[Answer]:
    """One look at all questions that are open.

    A control that a misfit keeps from being rejected takes a decision away as surely as a misfit of
    the question itself: fits of both are one family.
    """
    if not family:
        return []
    share = FAMILY_ALPHA / campaign.looks
    asked = [list(trials_of(campaign, plan, question, look)) for question in family]
    measured = [[trials.measured() for trials in each] for each in asked]
    weighed = [
        [weigh(*pair) for pair in zip(map(_claim, each), values, strict=True)]
        for each, values in zip(asked, measured, strict=True)
    ]
    own = [evidence for evidence, *_ in weighed]
    of_controls = [evidence for _, *controls in weighed for evidence in controls]
    levels = holm_levels(np.array([evidence.p_value for evidence in own]), share)
    fits = fit_levels_of([*own, *of_controls], share)
    fits_of_controls = iter(fits[len(family) :].tolist())
    answers = []
    for i, question in enumerate(family):
        _, *controls = weighed[i]
        judged = tuple(
            conclude(evidence, share, fit)
            for evidence, fit in zip(controls, islice(fits_of_controls, len(controls)), strict=True)
        )
        alone = conclude(own[i], float(levels[i]), float(fits[i]))
        judgement = vouched(alone, question.controls, judged)
        history = Look(alone.replicates, float(levels[i]), judgement)
        complete = not any(_interrupted(evidence) for evidence in weighed[i])
        claim, values = own[i].claim, measured[i][0]
        answers.append(Answer(question, claim, values, judgement, judged, (history,), complete))
    return answers


def _claim(trials: Trials) -> Claim:
    return trials.question.claim(trials.grid, trials.replicates)


def _interrupted(evidence: Evidence) -> bool:
    return isinstance(evidence, Unjudged) and not evidence.complete


def keep_verdicts(campaign: Campaign, store: Store, answers: Sequence[Answer]) -> None:
    """Put what became of each prediction on record beside its measurements."""
    plan = store.plan(campaign.key)
    for answer in answers:
        if answer.question.rival is None:
            plan.enter_verdict(answer.question.prediction.id, answer.judgement.verdict)


def vouched(
    judgement: Judgement, controls: tuple[Control, ...], judgements: tuple[Judgement, ...]
) -> Judgement:
    """A decision, if every control was rejected; without that an experiment decides nothing."""
    if judgement.verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        return judgement
    for control, judged in zip(controls, judgements, strict=True):
        if judged.verdict is Verdict.REJECTED:
            continue
        undecided = judged.verdict is Verdict.INCONCLUSIVE
        places = (control.name, str(judged.verdict))
        reason = Reason(ReasonKind.CONTROL_NOT_REJECTED, places, because=judged.reasons)
        verdict = Verdict.INCONCLUSIVE if undecided else Verdict.INVALID
        return replace(judgement, verdict=verdict, reasons=(reason,))
    return judgement
