"""What a campaign can decide, and what it costs, before it runs. Imports ``probes`` and ``verify``.

A pilot of a few replicates, from a seed that no campaign uses, gives every statistic's spread and
every trial's time; nothing of it is kept. Levels are those of the first step of Holm's procedure:
the least that each relation is tested at. Spreads are planned with at their upper confidence limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from probes.engines import Engine
from theory.arrays import FloatArray
from theory.experiments import Setting
from theory.prediction import Grid, Prediction, Profile, Regime
from theory.scaling import Cell
from theory.verdict import Verdict
from verify.campaign.looks import Campaign, Question, Trials, questions
from verify.judging.evidence import FAMILY_ALPHA, Claim, Evidence, weigh
from verify.measuring.loop import keep, missing, plan, run
from verify.measuring.store import Store
from verify.statistics.design import (
    TARGET_POWER,
    cautious_spread,
    detectable_margin,
    power,
    required_replicates,
    typical_truth,
)

PILOT_SEED = 987_654_321
PILOT_REPLICATES = 8


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known beforehand about one relation.

    ``replicates`` and ``decided``: at each announced look, how many, and a lower bound of the
    probability of a decision by then, for a true statistic at its predicted value. ``controls``:
    the probability that all negative controls are rejected, if they are what the pilot saw.
    ``seconds``: of the first look and of all looks, controls included, as if these were
    rejected at the first. ``problem``: why the pilot says nothing.
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
    problem: str | None = None

    @property
    def underpowered(self) -> bool:
        """Less likely to decide than the target, after all looks."""
        return max(self.decided, default=0.0) + self.controls - 1.0 < TARGET_POWER


@dataclass(frozen=True, slots=True)
class _Pilot:
    campaign: Campaign
    store: Store
    seconds: dict[tuple[Setting, Cell], float]

    def evidence(self, question: Question, setting: Setting) -> Evidence:
        claim = question.claim(self.campaign.grid(question.prediction), 0)
        trials = Trials(self.campaign, self.store, question, setting, claim.replicates)
        return weigh(claim, trials.measured())

    def time(self, question: Question, setting: Setting, replicates: int) -> float:
        trials = Trials(self.campaign, self.store, question, setting, PILOT_REPLICATES)
        each = [self.seconds[part, cell] for part, cells in trials.parts() for cell in cells]
        return replicates * sum(each)


def outlooks(
    predictions: tuple[Prediction, ...],
    profile: Profile,
    device: str,
    engine: Engine | None = None,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> list[Outlook]:
    """Run the pilot, and say for every prediction and rival what the campaign can decide."""
    campaign = Campaign(predictions, profile, PILOT_SEED, device, engine)
    small = tuple(_with_pilot_grid(prediction, profile) for prediction in predictions)
    pilot = _run(replace(campaign, predictions=small), progress)
    family = questions(campaign)
    level = FAMILY_ALPHA / max(campaign.looks, 1) / max(len(family), 1)
    return [
        _outlook(pilot, asked, campaign.grid(question.prediction), level)
        for question, asked in zip(family, questions(pilot.campaign), strict=True)
    ]


def _with_pilot_grid(prediction: Prediction, profile: Profile) -> Prediction:
    grid = Grid(prediction.regime.grid(profile).cells, PILOT_REPLICATES, PILOT_REPLICATES, looks=1)
    return replace(prediction, regime=Regime(grid, grid, prediction.regime.corrections, grid))


def _run(campaign: Campaign, progress: Callable[[float, float], None]) -> _Pilot:
    store = Store(Path(":memory:"))
    times: dict[tuple[Setting, Cell], list[float]] = {}
    done = 0.0
    while True:
        groups = [missing(campaign, store, group) for group in plan(campaign, store)]
        groups = [group for group in groups if group.replicates]
        if not groups:
            break  # a sweep may have become wider, once or twice
        total = done + sum(group.cost for group in groups)
        for group in groups:
            started = perf_counter()
            keep(campaign, store, group, run(campaign.seed, campaign.device, group))
            each = (perf_counter() - started) / group.members
            for setting in group.settings:
                times.setdefault((setting, group.cell), []).append(each)
            done += group.cost
            progress(done, total)
    seconds = {place: min(each) for place, each in times.items()}
    return _Pilot(campaign, store, seconds)


def _outlook(pilot: _Pilot, question: Question, grid: Grid, level: float) -> Outlook:
    evidence = pilot.evidence(question, question.prediction.setting)
    claim, looks = evidence.claim, range(grid.looks)
    band = claim.relation.band(claim.margin)
    shown, truth = _spread(evidence), typical_truth(band, claim.margin)
    spread = cautious_spread(shown, PILOT_REPLICATES)
    replicates = tuple(grid.replicates * 2**look for look in looks)
    usable = evidence.problem is None
    chances = [power(spread, r, band, truth, level) if usable else 0.0 for r in replicates]
    return Outlook(
        id=question.prediction.id,
        relation=str(claim.relation),
        rival=question.relation is not question.prediction.relation,
        cells=tuple(str(cell) for cell in grid.cells),
        margin=claim.margin,
        level=level,
        spread=float(shown.max(initial=0.0)),
        replicates=replicates,
        decided=tuple(float(chance) for chance in np.maximum.accumulate(chances)),
        controls=_controls(pilot, question, grid),
        required=required_replicates(spread, band, truth, level) if usable else None,
        detectable=detectable_margin(spread, replicates[-1], claim.relation.band, level)
        if usable
        else float("inf"),
        seconds=(_seconds(pilot, question, grid, 0), _seconds(pilot, question, grid, looks[-1])),
        problem=evidence.problem,
    )


def _spread(evidence: Evidence) -> FloatArray:
    if evidence.problem is not None:
        return np.zeros(1)
    spread: FloatArray = evidence.samples.std(axis=0, ddof=1)
    return spread


def _controls(pilot: _Pilot, question: Question, grid: Grid) -> float:
    """Probability that every control is rejected at the last look, by Bonferroni."""
    missed = 0.0
    for control in question.controls:
        evidence = pilot.evidence(question, control.setting)
        missed += 1.0 - _rejection(evidence, evidence.claim, grid)
    return max(0.0, 1.0 - missed)


def _rejection(evidence: Evidence, claim: Claim, grid: Grid) -> float:
    """One column that is outside the band decides; the clearest is taken. So does divergence."""
    if evidence.problem is not None:
        return float(evidence.without_data is Verdict.REJECTED)
    band, columns = claim.relation.band(claim.margin), evidence.samples
    replicates = grid.control_replicates * 2 ** (grid.looks - 1)
    level = FAMILY_ALPHA / grid.looks / columns.shape[1]
    chances = [
        power(float(column.std(ddof=1)), replicates, band, float(column.mean()), level)
        for column in columns.T
        if not band.low <= column.mean() <= band.high
    ]
    return max(chances, default=0.0)


def _seconds(pilot: _Pilot, question: Question, grid: Grid, look: int) -> float:
    own = pilot.time(question, question.prediction.setting, grid.replicates * 2**look)
    count = grid.control_replicates
    return own + sum(pilot.time(question, each.setting, count) for each in question.controls)
