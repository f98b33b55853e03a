"""A campaign: what will be measured, measuring it look by look, and judging what was measured.

Imports torch through ``probes``, ``theory`` and ``verify``. Planning, measuring and judging are
separate: a store that holds every trial is judged without running a network.

A campaign looks at its measurements up to three times, as its grids announce. At every look, the
relations that are still open form one family, judged by Holm's procedure at an equal share of the
family-wise error rate; what is decided stays, and what is not gets twice the replicates. The chance
of any wrong decision at a look is at most its share, whatever earlier looks decided, so that the
shares add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from probes.trials import group_size, network_of, resolve_device, run_group
from theory.experiment import Experiment, Setting
from theory.prediction import Control, Grid, Prediction, Profile, Verdict
from theory.relations import (
    BestRateExponentEquals,
    CurveEquals,
    Exponent,
    Paired,
    Relation,
    ValueAtMost,
    ValueEquals,
)
from theory.scaling import Axis, Cell
from verify.statistics.minimum import best_log_rates
from verify.statistics.multiplicity import holm_levels
from verify.statistics.regression import PowerLaw
from verify.store import Design, Store, design_of, trial_key
from verify.verdict import FAMILY_ALPHA, Claim, Judgement, Look, Measured, conclude, weigh

FloatArray = npt.NDArray[np.float64]

# A best learning rate at the edge of its grid widens the grid by this many rates, this often.
WIDER_BY, MOST_WIDENINGS = 2, 2


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which predictions are tried, how thoroughly, from which seed, and on which device."""

    predictions: tuple[Prediction, ...]
    profile: Profile
    seed: int
    device: str = "cpu"

    def grid(self, prediction: Prediction) -> Grid:
        """The grid of a prediction in this campaign's profile."""
        return prediction.regime.grid(self.profile)

    def design(self, prediction: Prediction) -> Design:
        """What is fixed about a prediction before it is measured."""
        family = [each.id for each in self.predictions]
        return design_of(prediction, self.profile, self.seed, self.device, family)

    @property
    def looks(self) -> int:
        """The largest number of looks that a grid announces."""
        return max((self.grid(prediction).looks for prediction in self.predictions), default=0)


@dataclass(frozen=True, slots=True)
class Question:
    """One relation put to the measurements of a prediction: its own, or its rival's."""

    prediction: Prediction
    relation: Relation
    controls: tuple[Control, ...]

    def claim(self, grid: Grid, look: int) -> Claim:
        """The claim at a look (counted from 0), with everything that is fixed before the run."""
        return claim_of(self.prediction, self.relation, grid.cells, grid.replicates * 2**look)

    def control_claim(self, grid: Grid, look: int) -> Claim:
        """The same claim (its predicted values too), to be contradicted by a control's trials."""
        return replace(self.claim(grid, look), replicates=grid.control_replicates * 2**look)


def claim_of(
    prediction: Prediction, relation: Relation, cells: Sequence[Cell], replicates: int
) -> Claim:
    """A relation about a prediction's setting on a grid of cells."""
    axis, setting = relation.axis, prediction.setting
    assert isinstance(axis, Axis)
    law, predicted = None, None
    if isinstance(relation, Exponent):
        law = PowerLaw.of_cells(cells, axis, prediction.regime.corrections)
    elif isinstance(relation, CurveEquals):
        values = [relation.curve(setting.architecture, setting.parameterization, c) for c in cells]
        predicted = np.array(values)
    elif isinstance(relation, ValueEquals | ValueAtMost):
        predicted = np.full(len(cells), relation.value)
    return Claim(
        relation,
        float(prediction.margin),
        replicates,
        tuple(str(cell) for cell in cells),
        np.array([float(cell.along(axis)) for cell in cells]),
        law,
        predicted,
    )


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


def plan(
    campaign: Campaign, store: Store, look: int = 0, asked: Sequence[Question] = ()
) -> list[Group]:
    """The trials of a look in the order in which they are measured, each once.

    Without ``asked``, those of a look at everything. The store says how far the rates of a sweep
    have been widened.
    """
    needed: dict[tuple[Setting, Cell], int] = {}

    def need(question: Question, setting: Setting, replicates: int) -> None:
        trials = Trials(campaign, store, question, setting, replicates)
        for part in trials.settings():
            for cell in trials.cells:
                needed[part, cell] = max(needed.get((part, cell), 0), replicates)

    for question in asked or questions(campaign):
        grid = campaign.grid(question.prediction)
        need(question, question.prediction.setting, grid.replicates * 2**look)
        for control in question.controls:
            need(question, control.setting, grid.control_replicates * 2**look)
    device = resolve_device(campaign.device)
    groups = []
    for (setting, cell), replicates in needed.items():
        size = group_size(setting, cell, device)
        for start in range(0, replicates, size):
            members = range(start, min(start + size, replicates))
            groups.append(Group(setting, cell, members, _cost(setting, cell) * len(members)))
    return groups


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of one question in one setting, a control's or its own, and what they gave."""

    campaign: Campaign
    store: Store
    question: Question
    setting: Setting
    replicates: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The grid's cells."""
        return self.campaign.grid(self.question.prediction).cells

    def settings(self) -> tuple[Setting, ...]:
        """All settings that the relation needs: one, a pair, or one for each learning rate."""
        relation = self.question.relation
        if isinstance(relation, BestRateExponentEquals):
            return self._at(self._rates(relation))
        if isinstance(relation, Paired) and isinstance(relation.other, Setting):
            return (self.setting, relation.other)
        return (self.setting,)

    def measured(self) -> Measured:
        """Values of the replicates that are complete in every cell of every setting."""
        relation, parts = self.question.relation, self._values(self.settings())
        if isinstance(relation, BestRateExponentEquals):
            rates = np.array([float(rate) for rate in self._rates(relation)])
            return Measured(np.stack(parts, axis=-1), rates=rates)
        return Measured(parts[0], parts[1] if len(parts) > 1 else None)

    def _at(self, rates: tuple[Fraction, ...]) -> tuple[Setting, ...]:
        protocol = self.setting.protocol
        return tuple(replace(self.setting, protocol=replace(protocol, rate=r)) for r in rates)

    def _rates(self, relation: BestRateExponentEquals) -> tuple[Fraction, ...]:
        """The grid, wider where complete measurements have their minimum at its edge."""
        below = above = 0
        for _ in range(MOST_WIDENINGS):
            rates = relation.widened(below, above)
            losses = np.stack(self._values(self._at(rates)), axis=-1)
            if len(losses) < self.replicates:
                return rates
            edge = best_log_rates(losses, np.array([float(rate) for rate in rates])).edge
            if not edge.any():
                return rates
            below += WIDER_BY * int((edge < 0).any())
            above += WIDER_BY * int((edge > 0).any())
        return relation.widened(below, above)

    def _values(self, settings: tuple[Setting, ...]) -> list[FloatArray]:
        """(complete replicates, cells) of every setting."""
        campaign, observable = self.campaign, self.question.prediction.observable
        parts = [
            [
                self.store.values(
                    trial_key(setting, cell, campaign.seed, campaign.device),
                    observable,
                    self.replicates,
                )
                for cell in self.cells
            ]
            for setting in settings
        ]
        complete = min(len(column) for part in parts for column in part)
        return [np.stack([column[:complete] for column in part], axis=1) for part in parts]


def _cost(setting: Setting, cell: Cell) -> float:
    """Passes over the weights: relative time of one trial, for the progress bar only."""
    passes = {
        Experiment.PROPAGATION: 1,
        Experiment.ONE_STEP: 3,
        Experiment.TRAINING: 1 + 3 * setting.protocol.steps,
    }
    return float(network_of(setting, cell).size * passes[setting.protocol.experiment])


def measure(
    campaign: Campaign,
    store: Store,
    progress: Callable[[int, float, float], None] = lambda _look, _done, _total: None,
) -> None:
    """Measure what the store does not hold yet, look by look, until everything is decided.

    ``progress`` receives the look (from 0), and of its cost what is done and what is needed.
    """
    device = resolve_device(campaign.device)
    for prediction in campaign.predictions:
        store.enter(campaign.design(prediction), None)

    def missing(group: Group) -> list[int]:
        trial = trial_key(group.setting, group.cell, campaign.seed, campaign.device)
        return sorted(set(group.replicates) - store.replicates(trial))

    for look in range(campaign.looks):
        asked = _open_questions(campaign, store, look)
        if not asked:
            return
        groups = plan(campaign, store, look, asked)
        while True:
            total, done = sum(group.cost for group in groups), 0.0
            for group in groups:
                wanted = missing(group)
                if wanted:
                    seed = campaign.seed
                    found = run_group(group.setting, group.cell, seed, wanted, device)
                    trial = trial_key(group.setting, group.cell, seed, campaign.device)
                    store.add(trial, wanted, found)
                done += group.cost
                progress(look, done, total)
            groups = plan(campaign, store, look, asked)  # a sweep may have become wider
            if not any(missing(group) for group in groups):
                break


def _open_questions(campaign: Campaign, store: Store, look: int) -> list[Question]:
    """What has to be looked at for the (look + 1)-th time."""
    if look == 0:
        return questions(campaign)
    answers = judge_campaign(campaign, store, looks=look)
    return [answer.question for answer in answers if answer.is_open(campaign)]


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """A question with its claim and measurements, its verdict and its controls', and all looks."""

    question: Question
    claim: Claim
    measured: Measured
    judgement: Judgement
    controls: tuple[Judgement, ...]
    looks: tuple[Look, ...]

    def is_open(self, campaign: Campaign) -> bool:
        """Undecided though all was measured, and another look is announced."""
        announced = campaign.grid(self.question.prediction).looks
        complete = len(self.measured.values) >= self.claim.replicates
        undecided = self.judgement.verdict is Verdict.INCONCLUSIVE
        return undecided and complete and len(self.looks) < announced


def judge_campaign(campaign: Campaign, store: Store, looks: int | None = None) -> list[Answer]:
    """Answer every question from the first ``looks`` looks (default: all that are announced).

    Controls are not members of the family, and are judged at level 0.05 shared by the looks: a
    control that is not rejected takes a decision away (INVALID, or INCONCLUSIVE where the control
    is undecided), but never causes a wrong one. A look whose replicates are not all stored is the
    last.
    """
    answers = _look(campaign, store, questions(campaign), 0)
    for look in range(1, campaign.looks if looks is None else looks):
        places = [i for i, answer in enumerate(answers) if answer.is_open(campaign)]
        again = _look(campaign, store, [answers[i].question for i in places], look)
        for place, answer in zip(places, again, strict=True):
            answers[place] = replace(answer, looks=(*answers[place].looks, *answer.looks))
    return answers


def _look(campaign: Campaign, store: Store, family: Sequence[Question], look: int) -> list[Answer]:
    """One look at all questions that are open."""
    if not family:
        return []
    share = FAMILY_ALPHA / campaign.looks
    grids = [campaign.grid(question.prediction) for question in family]
    claims = [question.claim(grid, look) for question, grid in zip(family, grids, strict=True)]
    found = [
        Trials(campaign, store, question, question.prediction.setting, claim.replicates).measured()
        for question, claim in zip(family, claims, strict=True)
    ]
    evidence = [weigh(claim, item) for claim, item in zip(claims, found, strict=True)]
    levels = holm_levels(np.array([item.p_value for item in evidence]), share)

    def control(question: Question, setting: Setting) -> Judgement:
        claim = question.control_claim(campaign.grid(question.prediction), look)
        trials = Trials(campaign, store, question, setting, claim.replicates)
        return conclude(weigh(claim, trials.measured()), share)

    answers = []
    for question, item, measured, level in zip(family, evidence, found, levels, strict=True):
        controls = tuple(control(question, each.setting) for each in question.controls)
        judgement = vouched(conclude(item, float(level)), question.controls, controls)
        history = Look(len(measured.values), float(level), judgement)
        answers.append(Answer(question, item.claim, measured, judgement, controls, (history,)))
    return answers


def keep_verdicts(campaign: Campaign, store: Store, answers: Sequence[Answer]) -> None:
    """Put what became of each prediction on record beside its measurements."""
    for answer in answers:
        prediction = answer.question.prediction
        if answer.question.relation is prediction.relation:
            store.enter(campaign.design(prediction), answer.judgement.verdict)


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
