"""What a campaign can decide, and what it costs, before it runs. Imports numpy and ``verify``.

A pilot of a few replicates (``verify.measuring.pilot``) gives every statistic's spread and every
trial's time. Levels are those of the first step of Holm's procedure: the least that each relation
is tested at. Spreads are planned with at their upper confidence limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from theory.arrays import FloatArray
from theory.experiments import Setting
from theory.prediction import Control, Grid
from theory.scaling import Cell
from theory.verdict import Reason, Verdict
from verify.campaign.design import Campaign, Question, questions
from verify.campaign.trials import Trials
from verify.judging.evidence import Unjudged, Weighed, weigh
from verify.judging.quantities import FAMILY_ALPHA
from verify.measuring.store import Plan
from verify.statistics.sample_size import (
    TARGET_POWER,
    cautious_spread,
    detectable_margin,
    power,
    required_replicates,
    typical_truth,
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known beforehand about one relation.

    ``replicates`` and ``decided``: at each announced look, how many, and a lower bound of the
    probability of a decision by then, for a true statistic at its predicted value. ``controls``:
    the probability that all negative controls are rejected, if they are what the pilot saw.
    ``seconds``: of the first look and of all looks, controls included, as if these were
    rejected at the first. ``problem``: why the pilot says nothing; empty where it says something.
    """

    id: str
    relation: str
    rival: bool
    cells: tuple[str, ...]
    margin: float
    level: float
    spread: float
    replicates: tuple[int, ...]
    decided: tuple[float, ...]
    controls: float
    required: int | None
    detectable: float
    seconds: tuple[float, float]
    problem: tuple[Reason, ...] = ()

    @property
    def underpowered(self) -> bool:
        """Less likely to decide than the target, after all looks."""
        return max(self.decided, default=0.0) + self.controls - 1.0 < TARGET_POWER


@dataclass(frozen=True, slots=True)
class Pilot:
    """A small campaign about the same predictions, measured, and the seconds of each trial."""

    campaign: Campaign
    plan: Plan
    replicates: int
    seconds: Mapping[tuple[Setting, Cell], float]

    def trials(self, question: Question, control: Control | None = None) -> Trials:
        """The trials of the pilot."""
        return Trials(self.campaign, self.plan, question, 0, control)

    def evidence(self, question: Question, control: Control | None = None) -> Weighed:
        """What the pilot says."""
        trials = self.trials(question, control)
        claim = question.claim(trials.grid, trials.replicates)
        return weigh(claim, trials.measured())

    def time(self, question: Question, replicates: int, control: Control | None = None) -> float:
        """Seconds of that many replicates."""
        parts = self.trials(question, control).parts()
        return replicates * sum(self.seconds[part.setting, c] for part in parts for c in part.cells)


def outlooks(campaign: Campaign, pilot: Pilot) -> list[Outlook]:
    """Say for every prediction and rival what the campaign can decide."""
    family = questions(campaign)
    level = FAMILY_ALPHA / max(campaign.looks, 1) / max(len(family), 1)
    return [
        _outlook(pilot, asked, campaign.grid(question.prediction), level)
        for question, asked in zip(family, questions(pilot.campaign), strict=True)
    ]


def total_seconds(campaign: Campaign, pilot: Pilot) -> tuple[float, float]:
    """Seconds of one core until the first look and until the last, of every prediction together.

    Trials that several relations share are counted once, which the sum of their outlooks does not.
    """
    asked = list(zip(questions(campaign), questions(pilot.campaign), strict=True))
    grids = [(question, campaign.grid(original.prediction)) for original, question in asked]
    looks = max((grid.looks for _, grid in grids), default=1)
    return _together(pilot, grids, 0), _together(pilot, grids, looks - 1)


def _together(pilot: Pilot, grids: Sequence[tuple[Question, Grid]], look: int) -> float:
    needed: dict[tuple[Setting, Cell], int] = {}
    for question, grid in grids:
        own = grid.replicates * 2 ** min(look, grid.looks - 1)
        trials = [(pilot.trials(question), own)]
        trials += [(pilot.trials(question, c), grid.control_replicates) for c in question.controls]
        for some, replicates in trials:
            for part in some.parts():
                for cell in part.cells:
                    before = needed.get((part.setting, cell), 0)
                    needed[part.setting, cell] = max(before, replicates)
    return sum(pilot.seconds[trial] * count for trial, count in needed.items())


def _outlook(pilot: Pilot, question: Question, grid: Grid, level: float) -> Outlook:
    evidence = pilot.evidence(question)
    claim, looks = evidence.claim, range(grid.looks)
    band, replicates = claim.band, tuple(grid.replicates * 2**look for look in looks)
    own = Outlook(
        id=question.prediction.id,
        relation=str(claim.relation),
        rival=question.rival is not None,
        cells=tuple(str(cell) for cell in grid.cells),
        margin=claim.margin,
        level=level,
        spread=0.0,
        replicates=replicates,
        decided=(0.0,) * grid.looks,
        controls=_controls(pilot, question, grid),
        required=None,
        detectable=float("inf"),
        seconds=(_seconds(pilot, question, grid, 0), _seconds(pilot, question, grid, looks[-1])),
    )
    if isinstance(evidence, Unjudged):
        return replace(own, problem=evidence.reasons)
    shown: FloatArray = evidence.samples.std(axis=0, ddof=1)
    spread, truth = cautious_spread(shown, pilot.replicates), typical_truth(band, claim.margin)
    chances = [power(spread, count, band, truth, level) for count in replicates]
    return replace(
        own,
        spread=float(shown.max(initial=0.0)),
        decided=tuple(float(chance) for chance in np.maximum.accumulate(chances)),
        required=required_replicates(spread, band, truth, level),
        detectable=detectable_margin(spread, replicates[-1], claim.relation.band, level),
    )


def _controls(pilot: Pilot, question: Question, grid: Grid) -> float:
    """Probability that every control is rejected at the last look, by Bonferroni."""
    missed = sum(
        1.0 - _rejection(pilot.evidence(question, control), grid) for control in question.controls
    )
    return max(0.0, 1.0 - missed)


def _rejection(evidence: Weighed, grid: Grid) -> float:
    """One column that is outside the band decides; the clearest is taken. So does divergence."""
    if isinstance(evidence, Unjudged):
        return float(evidence.verdict is Verdict.REJECTED)
    band, columns = evidence.claim.band, evidence.samples
    replicates = grid.control_replicates * 2 ** (grid.looks - 1)
    level = FAMILY_ALPHA / grid.looks / columns.shape[1]
    chances = [
        power(float(column.std(ddof=1)), replicates, band, float(column.mean()), level)
        for column in columns.T
        if not band.low <= column.mean() <= band.high
    ]
    return max(chances, default=0.0)


def _seconds(pilot: Pilot, question: Question, grid: Grid, look: int) -> float:
    own = pilot.time(question, grid.replicates * 2**look)
    count = grid.control_replicates
    return own + sum(pilot.time(question, count, control) for control in question.controls)
