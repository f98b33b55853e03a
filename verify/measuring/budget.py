"""What to measure when not everything can be. Imports numpy, ``theory`` and ``verify``.

Looks, replicates and levels stay as announced: a budget chooses which questions are looked at. A
question that is not looked at has p = 1 in its family, which makes no other decision easier.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeAlias

import numpy as np

from theory.errors import InputError
from theory.experiments import Setting
from theory.scaling import Cell
from verify.campaign.design import Campaign, Question
from verify.campaign.looks import Answer
from verify.campaign.trials import trials_of
from verify.judging.evidence import Unjudged
from verify.judging.line import Line
from verify.measuring.schedule import Group
from verify.measuring.store import Plan
from verify.statistics.sample_size import power

# How many replicates of which setting in which cell.
Needed: TypeAlias = dict[tuple[Setting, Cell], int]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LEAST_CHANCE = 1e-3  # of a decision, so that the cheaper one goes first where neither has any


def seconds_of(text: str) -> float:
    """The seconds of a text such as 10m; ``InputError`` for what is no time."""
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smh])", text)
    if found is None or not float(found[1]):
        raise InputError(f"budget {text!r}: expected a time such as 90s, 10m or 1.5h")
    return float(found[1]) * _UNITS[found[2]]


class Budget:
    """So many seconds from now, of ``workers`` side by side.

    ``clock`` gives seconds. How long an expected second takes is learned from what is measured.
    """

    def __init__(
        self, seconds: float, workers: int, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock, self._began, self._end = clock, clock(), clock() + seconds
        self._pace, self._done = 1.0 / workers, 0.0

    @property
    def spent(self) -> bool:
        """Whether nothing of it is left."""
        return self._clock() >= self._end

    def measured(self, cost: float) -> None:
        """Learn from so many expected seconds that are done."""
        self._done += cost
        self._pace = (self._clock() - self._began) / self._done

    def affordable(
        self,
        groups: Sequence[Group],
        missing: Sequence[float],
        asked: Sequence[tuple[Needed, float]],
    ) -> list[Group]:
        """The groups of the questions that are most likely to be decided for their cost.

        ``missing`` are the expected seconds that each group still takes; ``asked`` says of every
        question what it needs, and how likely it is to be decided.
        """
        return [groups[i] for i in sorted(self.bought(groups, missing, asked))]

    def bought(
        self,
        groups: Sequence[Group],
        missing: Sequence[float],
        asked: Sequence[tuple[Needed, float]],
    ) -> set[int]:
        """The places of what is ``affordable``."""
        wants = wanted(groups, [need for need, _ in asked])
        chances = [max(chance, _LEAST_CHANCE) for _, chance in asked]
        left = max(0.0, self._end - self._clock()) / self._pace if self._pace else np.inf
        bought: set[int] = set()
        open_costs = {question: sum(missing[i] for i in own) for question, own in enumerate(wants)}
        while open_costs:
            best = min(open_costs, key=lambda q: (open_costs[q] / chances[q], q))
            cost = open_costs.pop(best)
            if cost > left:
                continue
            left -= cost
            new, bought = wants[best] - bought, bought | wants[best]
            for question in open_costs:  # what is bought already costs others nothing
                if not new.isdisjoint(wants[question]):
                    open_costs[question] = sum(missing[i] for i in wants[question] - bought)
        return bought


def wanted(groups: Sequence[Group], needs: Sequence[Needed]) -> list[set[int]]:
    """Of every question, by what it needs, the places of the groups that serve it."""
    places: dict[tuple[Setting, Cell], list[int]] = {}
    for i, group in enumerate(groups):
        for setting in group.settings:
            places.setdefault((setting, group.cell), []).append(i)
    return [
        {
            i
            for place, replicates in need.items()
            for i in places.get(place, ())
            if groups[i].replicates[0] < replicates
        }
        for need in needs
    ]


def needed(campaign: Campaign, plan: Plan, question: Question, look: int) -> Needed:
    """What a question and its controls need at a look."""
    most: Needed = {}
    for trials in trials_of(campaign, plan, question, look):
        for part in trials.parts():
            for cell in part.cells:
                place = part.setting, cell
                most[place] = max(most.get(place, 0), trials.replicates)
    return most


def chance(answer: Answer) -> float:
    """How likely twice the replicates decide what is open, if they spread as the first did."""
    evidence = answer.judgement.evidence
    if evidence is None or isinstance(evidence, Unjudged | Line):
        return 0.0
    band, samples = answer.claim.band, evidence.samples
    means = samples.mean(axis=0)
    nearest = np.minimum(np.abs(means - band.low), np.abs(means - band.high)).argmin()
    count, level = 2 * len(samples), answer.looks[-1].level
    return power(samples.std(axis=0, ddof=1), count, band, float(means[nearest]), level)
