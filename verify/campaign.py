"""A campaign: what will be measured, measuring it, and judging what was measured.

Imports torch through ``probes``, ``theory`` and ``verify``. Planning, measuring and judging are
separate: a store that holds every trial is judged without running a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from probes.trials import group_size, network_of, resolve_device, run_group
from theory.prediction import (
    Control,
    Experiment,
    Prediction,
    Profile,
    Relation,
    Setting,
    Verdict,
)
from theory.scaling import Cell
from verify.judge import FAMILY_ALPHA, Claim, Judgement, conclude, weigh
from verify.statistics.multiplicity import holm_levels
from verify.store import Store, trial_key

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which predictions are tried, how thoroughly, from which seed, and on which device."""

    predictions: tuple[Prediction, ...]
    profile: Profile
    seed: int
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Question:
    """One relation put to the measurements of a prediction: its own, or its rival's."""

    prediction: Prediction
    relation: Relation
    controls: tuple[Control, ...]

    def claim(self, profile: Profile) -> Claim:
        """The claim with everything that is fixed before the run."""
        grid = self.prediction.regime.grid(profile)
        return Claim(
            self.relation,
            self.prediction.setting,
            grid.cells,
            self.prediction.regime.corrections,
            float(self.prediction.margin),
            grid.replicates,
        )

    def control_claim(self, profile: Profile) -> Claim:
        """The same claim (its predicted values too), to be contradicted by a control's trials."""
        replicates = self.prediction.regime.grid(profile).control_replicates
        return replace(self.claim(profile), replicates=replicates)


def questions(campaign: Campaign) -> list[Question]:
    """The family of a campaign: every prediction, each followed by its rival."""
    family = []
    for prediction in campaign.predictions:
        family.append(Question(prediction, prediction.relation, prediction.controls))
        if prediction.rival is not None:
            rival = prediction.rival
            family.append(Question(prediction, rival.relation, (rival.control,)))
    return family


@dataclass(frozen=True, slots=True)
class Group:
    """Replicates of one cell that are measured together."""

    setting: Setting
    cell: Cell
    replicates: range
    cost: float


def plan(campaign: Campaign) -> list[Group]:
    """All trials in the order in which they are measured, each once however often it is used."""
    needed: dict[tuple[Setting, Cell], int] = {}

    def need(setting: Setting, claim: Claim) -> None:
        for cell in claim.cells:
            needed[setting, cell] = max(needed.get((setting, cell), 0), claim.replicates)

    for question in questions(campaign):
        need(question.prediction.setting, question.claim(campaign.profile))
        for control in question.controls:
            need(control.setting, question.control_claim(campaign.profile))
    device = resolve_device(campaign.device)
    groups = []
    for (setting, cell), replicates in needed.items():
        size = group_size(setting, cell, device)
        for start in range(0, replicates, size):
            members = range(start, min(start + size, replicates))
            groups.append(Group(setting, cell, members, _cost(setting, cell) * len(members)))
    return groups


def _cost(setting: Setting, cell: Cell) -> float:
    """Passes over the weights: relative time of one trial, for the progress bar only."""
    passes = {
        Experiment.PROPAGATION: 1,
        Experiment.ONE_STEP: 3,
        Experiment.TRAINING: 1 + 3 * setting.protocol.steps,
    }
    return float(network_of(setting, cell).size * passes[setting.protocol.experiment])


def measure(
    campaign: Campaign, store: Store, progress: Callable[[float], None] = lambda _: None
) -> None:
    """Measure what the store does not hold yet; ``progress`` receives each finished cost."""
    device = resolve_device(campaign.device)
    for group in plan(campaign):
        trial = trial_key(group.setting, group.cell, campaign.seed, campaign.device)
        missing = sorted(set(group.replicates) - store.replicates(trial))
        if missing:
            measured = run_group(group.setting, group.cell, campaign.seed, missing, device)
            store.add(trial, missing, measured)
        progress(group.cost)


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with its measurements (replicates, cells), its verdict and its controls'."""

    question: Question
    claim: Claim
    values: FloatArray
    judgement: Judgement
    controls: tuple[Judgement, ...]


def judge_campaign(campaign: Campaign, store: Store) -> list[Answer]:
    """Answer every question; Holm's levels run over all of them together.

    Controls are not members of the family, and are judged at level 0.05 each: a control that is
    not rejected takes a decision away (INVALID, or INCONCLUSIVE where the control is undecided),
    but never causes a wrong one.
    """

    def measured(question: Question, setting: Setting, claim: Claim) -> FloatArray:
        """Values of the replicates that are complete in every cell: (replicates, cells)."""
        trials = [trial_key(setting, c, campaign.seed, campaign.device) for c in claim.cells]
        observable = question.prediction.observable
        columns = [store.values(trial, observable, claim.replicates) for trial in trials]
        complete = min(len(column) for column in columns)
        return np.stack([column[:complete] for column in columns], axis=1)

    def judged_control(question: Question, control: Control) -> Judgement:
        claim = question.control_claim(campaign.profile)
        return conclude(weigh(claim, measured(question, control.setting, claim)), FAMILY_ALPHA)

    family = questions(campaign)
    claims = [question.claim(campaign.profile) for question in family]
    values = [
        measured(question, question.prediction.setting, claim)
        for question, claim in zip(family, claims, strict=True)
    ]
    evidence = [weigh(claim, found) for claim, found in zip(claims, values, strict=True)]
    levels = holm_levels([item.p_value for item in evidence], FAMILY_ALPHA)
    answers = []
    for question, claim, found, item, level in zip(
        family, claims, values, evidence, levels, strict=True
    ):
        controls = tuple(judged_control(question, control) for control in question.controls)
        judgement = vouched(conclude(item, level), question.controls, controls)
        answers.append(Answer(question, claim, found, judgement, controls))
    return answers


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
        return replace(
            judgement,
            verdict=Verdict.INCONCLUSIVE if undecided else Verdict.INVALID,
            reason=f"negative control {control.name!r} is {judged.verdict}, not rejected: "
            f"{judged.reason}",
        )
    return judgement
