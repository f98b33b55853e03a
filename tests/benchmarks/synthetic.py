"""Trials that cost nothing, for what happens around them."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from math import log2

import numpy as np

from probes.trials import Measurements
from theory import Observable
from theory.experiments import Setting, Training
from verify.campaign.design import Campaign, questions
from verify.judging.quantities import at_rate
from verify.measuring.schedule import Group

SPREAD, CURVATURE = 0.1, 0.1
Middles = Mapping[str, float]  # of a sweep's rates, by the key of its setting at rate 1


def middles(campaign: Campaign) -> Middles:
    """Where the sweeps of a campaign are to have their smallest values."""
    found: dict[str, float] = {}
    for question in questions(campaign):
        rates = question.relation.quantity.swept_rates()
        settings = [question.prediction.setting, *(each.setting for each in question.controls)]
        for setting in settings if rates else ():
            assert rates is not None
            found.setdefault(_key(setting), log2(rates[len(rates) // 2]))
    return found


def synthetic(middle: Middles, seed: int, _device: str, group: Group) -> list[Measurements]:
    """What a group gives: one, times a little noise; in a sweep, more at its ends."""
    return [_values(setting, middle, seed, group) for setting in group.settings]


def _values(setting: Setting, middle: Middles, seed: int, group: Group) -> Measurements:
    experiment, cell = setting.experiment, group.cell
    bend = 0.0
    if isinstance(experiment, Training) and _key(setting) in middle:
        bend = CURVATURE * (log2(experiment.rate) - middle[_key(setting)]) ** 2
    own = int(setting.key().encode().hex(), 16) % 2**32
    chance = np.random.default_rng([seed, own, cell.width, cell.depth, group.replicates[0]])
    return {
        observable: np.exp(bend + SPREAD * chance.standard_normal(len(group.replicates)))
        for observable in Observable
        if isinstance(experiment, observable.experiment)
    }


@cache
def _key(setting: Setting) -> str:
    return at_rate(setting, Fraction(1)).key()
