"""A campaign: its questions, which trials answer them, and judging what was measured.

Imports torch through ``probes``, ``theory`` and ``verify``. Measuring is separate: a store that
holds every trial is judged without running a network.

A campaign looks at its measurements up to three times, as its grids announce. At every look, the
relations that are still open form one family, judged by Holm's procedure at an equal share of the
family-wise error rate; what is decided stays, and what is not gets twice the replicates. The chance
of any wrong decision at a look is at most its share, whatever earlier looks decided, so that the
shares add up to the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from probes.costs import engine_of
from probes.engines import Engine
from theory.arrays import FloatArray
from theory.errors import InputError
from theory.experiments import Setting
from theory.prediction import Control, Grid, Prediction, Profile
from theory.relations import (
    BestRate,
    ExcessExponent,
    Exponent,
    ExponentsEqual,
    OfCurve,
    Paired,
    Relation,
    Sweep,
    TransferRegretAtMost,
    TunedOrdered,
    ValueAtMost,
    ValueEquals,
)
from theory.scaling import Axis, Cell
from theory.verdict import Verdict
from verify.judging.evidence import FAMILY_ALPHA, Claim, Evidence, Measured, weigh
from verify.judging.verdict import Judgement, Look, conclude, fit_levels_of
from verify.measuring.store import Design, Store, design_of, trial_key
from verify.statistics.excess import Continuation
from verify.statistics.minimum import best_log_rates
from verify.statistics.multiplicity import holm_levels
from verify.statistics.regression import PowerLaw
from verify.statistics.transfer import Transfer

# A best or carried learning rate at the edge of its grid widens it by this many rates, this often.
WIDER_BY, MOST_WIDENINGS = 2, 2


@dataclass(frozen=True, slots=True)
class Campaign:
    """Which predictions are tried, how thoroughly, from which seed, on which device and engine.

    ``engine`` forces one upon every trial; ``None`` takes the cheaper one that can run it.
    """

    predictions: tuple[Prediction, ...]
    profile: Profile
    seed: int
    device: str = "cpu"
    engine: Engine | None = None

    def grid(self, prediction: Prediction) -> Grid:
        """The grid of a prediction in this campaign's profile."""
        return prediction.regime.grid(self.profile)

    def design(self, prediction: Prediction) -> Design:
        """What is fixed about a prediction before it is measured."""
        family = [each.id for each in self.predictions]
        engine = self.engine or "auto"
        return design_of(prediction, self.profile, self.seed, f"{self.device}|{engine}", family)

    def engine_of(self, setting: Setting, cell: Cell) -> Engine:
        """The engine of a trial; ``InputError`` where a forced one cannot run it."""
        return engine_of(setting, cell, self.device, self.engine)

    def trial(self, setting: Setting, cell: Cell) -> str:
        """The key of a trial's replicates in a store."""
        return trial_key(setting, cell, self.seed, self.device, self.engine_of(setting, cell))

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
    """A relation about a prediction's setting on a grid of cells.

    Raises ``InputError`` for a transfer that does not start from the smallest cell, or ends there.
    """
    axis, setting = relation.axis, prediction.setting
    assert isinstance(axis, Axis)
    law, predicted = None, None
    sizes = np.array([float(cell.along(axis)) for cell in cells])
    if isinstance(relation, ExcessExponent):
        # The last cell is the reference that the others are compared with.
        cells = cells[:-1]
        law = replace(
            PowerLaw.of_cells(cells, axis, prediction.regime.corrections),
            sizes=Continuation.of(sizes, relation.expected).sizes,
        )
    elif isinstance(relation, TransferRegretAtMost):
        if len(cells) < 2 or sizes[0] >= sizes[1:].min():
            raise InputError(
                f"{prediction.id}: a rate is tuned at the first cell and carried to larger ones; "
                f"these are {'; '.join(map(str, cells))}"
            )
        cells = cells[1:]
    elif isinstance(relation, Exponent):
        law = PowerLaw.of_cells(cells, axis, prediction.regime.corrections)
    if isinstance(relation, OfCurve):
        values = [relation.curve(setting.architecture, setting.parameterization, c) for c in cells]
        predicted = np.array(values)
    elif isinstance(relation, ValueEquals | ValueAtMost):
        predicted = np.full(len(cells), relation.value)
    return Claim(
        relation,
        float(prediction.margin),
        replicates,
        tuple(str(cell) for cell in cells),
        sizes,
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


class Part(NamedTuple):
    """A setting, and the cells in which it is measured."""

    setting: Setting
    cells: tuple[Cell, ...]


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

    def parts(self) -> tuple[Part, ...]:
        """All that the relation needs: one setting or a pair, at one or each learning rate."""
        relation, cells = self.question.relation, self.cells
        if isinstance(relation, TunedOrdered):
            other = _at(relation.other, relation.rates, cells)
            return (*_at(self.setting, relation.rates, cells), *other)
        if isinstance(relation, Sweep):
            return _at(self.setting, self._rates(relation), cells)
        own = Part(self.setting, cells)
        if isinstance(relation, Paired) and isinstance(relation.other, Setting):
            if isinstance(relation, ExponentsEqual):
                cells = relation.cells_of_other(cells)
            return (own, Part(relation.other, cells))
        return (own,)

    def measured(self) -> Measured:
        """Values of the replicates that are complete in every cell of every setting."""
        relation, parts = self.question.relation, self._values(self.parts())
        if isinstance(relation, Sweep):
            grid = relation.rates if isinstance(relation, TunedOrdered) else self._rates(relation)
            rates = np.array([float(rate) for rate in grid])
            own, other = parts[: len(rates)], parts[len(rates) :]
            compared = np.stack(other, axis=-1) if other else None
            return Measured(np.stack(own, axis=-1), compared, rates=rates)
        return Measured(parts[0], parts[1] if len(parts) > 1 else None)

    def _rates(self, relation: BestRate | TransferRegretAtMost) -> tuple[Fraction, ...]:
        """The grid, wider where complete measurements show that it ends too early."""
        below = above = 0
        for _ in range(MOST_WIDENINGS):
            rates = relation.widened(below, above)
            losses = np.stack(self._values(_at(self.setting, rates, self.cells)), axis=-1)
            if len(losses) < self.replicates:
                return rates
            ends = self._ends(relation, losses, np.array([float(rate) for rate in rates]))
            if not any(ends):
                return rates
            below += WIDER_BY * ends[0]
            above += WIDER_BY * ends[1]
        return relation.widened(below, above)

    def _ends(
        self, relation: BestRate | TransferRegretAtMost, losses: FloatArray, rates: FloatArray
    ) -> tuple[bool, bool]:
        """Whether the grid ends too early, below and above."""
        if isinstance(relation, TransferRegretAtMost):
            sizes = np.array([float(cell.along(relation.axis)) for cell in self.cells])
            found = Transfer.of(losses, rates, sizes, float(relation.exponent))
            return bool(found.below.any()), bool(found.above.any())
        edge = best_log_rates(losses, rates).edge
        return bool((edge < 0).any()), bool((edge > 0).any())

    def _values(self, needed: Sequence[Part]) -> list[FloatArray]:
        """(complete replicates, cells) of every part."""
        campaign, observable = self.campaign, self.question.prediction.observable
        parts = [
            [
                self.store.values(campaign.trial(setting, cell), observable, self.replicates)
                for cell in cells
            ]
            for setting, cells in needed
        ]
        complete = min(len(column) for part in parts for column in part)
        return [np.stack([column[:complete] for column in part], axis=1) for part in parts]


def _at(setting: Setting, rates: tuple[Fraction, ...], cells: tuple[Cell, ...]) -> tuple[Part, ...]:
    """The setting at each base learning rate."""
    experiments = (setting.experiment.at_rate(rate) for rate in rates)
    return tuple(Part(replace(setting, experiment=each), cells) for each in experiments)


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
        found = iter(again.controls)
        kept = (c if c.verdict is Verdict.REJECTED else next(found) for c in self.controls)
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
    answers = _look(campaign, store, questions(campaign), 0)
    for look in range(1, campaign.looks if looks is None else looks):
        places = [i for i, answer in enumerate(answers) if answer.is_open(campaign)]
        again = _look(campaign, store, [answers[i].remaining for i in places], look)
        for place, answer in zip(places, again, strict=True):
            answers[place] = answers[place].followed_by(answer)
    return answers


def _look(campaign: Campaign, store: Store, family: Sequence[Question], look: int) -> list[Answer]:
    """One look at all questions that are open.

    A control that a misfit keeps from being rejected takes a decision away as surely as a misfit of
    the question itself: fits of both are one family.
    """
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
    of_controls = [
        [_of_control(campaign, store, question, each, look) for each in question.controls]
        for question in family
    ]
    levels = holm_levels(np.array([item.p_value for item in evidence]), share)
    fits = fit_levels_of([*evidence, *(each for some in of_controls for each in some)], share)
    of_fit, of_control_fits = fits[: len(family)], iter(fits[len(family) :].tolist())
    answers = []
    for i, question in enumerate(family):
        controls = tuple(conclude(e, share, next(of_control_fits)) for e in of_controls[i])
        own = conclude(evidence[i], float(levels[i]), float(of_fit[i]))
        judgement = vouched(own, question.controls, controls)
        history = Look(len(found[i].values), float(levels[i]), judgement)
        complete = all(item.complete for item in [evidence[i], *of_controls[i]])
        answers.append(
            Answer(question, claims[i], found[i], judgement, controls, (history,), complete)
        )
    return answers


def _of_control(
    campaign: Campaign, store: Store, question: Question, control: Control, look: int
) -> Evidence:
    claim = question.control_claim(campaign.grid(question.prediction), look)
    trials = Trials(campaign, store, question, control.setting, claim.replicates)
    return weigh(claim, trials.measured())


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
