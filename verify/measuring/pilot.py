"""A pilot of a few replicates before a campaign. Imports torch through ``probes``, and ``verify``.

Its seed is one that no campaign uses; nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from theory.experiments import Setting
from theory.prediction import Grid, Prediction, Profile, Regime
from theory.scaling import Cell
from verify.campaign.design import Campaign, questions
from verify.campaign.power import Pilot
from verify.measuring.loop import begin, run, store_groups, widen
from verify.measuring.schedule import missing, schedule
from verify.measuring.store import Store

PILOT_SEED = 987_654_321
PILOT_REPLICATES = 8


def run_pilot(
    campaign: Campaign, progress: Callable[[float, float], None] = lambda _done, _total: None
) -> Pilot:
    """Measure a few replicates of everything that a campaign asks.

    ``progress`` receives of the expected seconds what is done and what is needed.
    """
    predictions = tuple(_small(each, campaign.profile) for each in campaign.predictions)
    small = replace(campaign, predictions=predictions, seed=PILOT_SEED)
    store = Store(Path(":memory:"))
    plan, asked = begin(small, store), questions(small)
    times: dict[tuple[Setting, Cell], list[float]] = {}
    done = 0.0
    while True:
        groups = [missing(plan, store, group) for group in schedule(small, plan, asked, 0)]
        groups = [group for group in groups if group.replicates]
        total = done + sum(group.cost for group in groups)
        for group in groups:
            started = perf_counter()
            store_groups(plan, store, [(group, run(small.seed, small.device, group))])
            seconds = (perf_counter() - started) / group.members
            for setting in group.settings:
                times.setdefault((setting, group.cell), []).append(seconds)
            done += group.cost
            progress(done, total)
        if not widen(small, plan, asked, 0):
            break
    fastest = {place: min(seconds) for place, seconds in times.items()}
    return Pilot(small, plan, PILOT_REPLICATES, fastest)


def _small(prediction: Prediction, profile: Profile) -> Prediction:
    grid = Grid(prediction.regime.grid(profile).cells, PILOT_REPLICATES, PILOT_REPLICATES, looks=1)
    corrections = prediction.regime.corrections
    pilot = Regime(quick=grid, standard=grid, full=grid, corrections=corrections)
    return replace(prediction, regime=pilot)
