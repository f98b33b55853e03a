"""Which trials answer a question, and what they gave. Imports numpy, ``theory`` and ``verify``.

A campaign's plan stands in its store: the trial of every setting and cell, and the learning rates
of every sweep. Whoever measures writes it, and judging reads it, whatever the code is by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from theory.arrays import FloatArray
from theory.experiments import Setting
from theory.prediction import Control, Grid
from theory.quantities import widened
from theory.scaling import Axis
from verify.campaign.design import Campaign, Question
from verify.judging.claim import Measured
from verify.judging.quantities import Part, reading
from verify.measuring.store import Plan, Sweep

# A best or carried learning rate at the edge of its grid widens it by this many rates, this often.
WIDER_BY, MOST_WIDENINGS = 2, 2


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials of one question at one look (counted from 0), its own or those of a control."""

    campaign: Campaign
    plan: Plan
    question: Question
    look: int
    control: Control | None = None

    @property
    def grid(self) -> Grid:
        """The cells, and how many replicates at the first look."""
        return self.campaign.grid(self.question.prediction)

    @property
    def replicates(self) -> int:
        """How many replicates the look has."""
        grid = self.grid
        first = grid.replicates if self.control is None else grid.control_replicates
        return int(first * 2**self.look)

    @property
    def setting(self) -> Setting:
        """What is measured: the prediction's setting, or the control's."""
        return self.question.prediction.setting if self.control is None else self.control.setting

    @property
    def rates(self) -> tuple[Fraction, ...]:
        """The learning rates of a sweep, as far as they are widened; none for what is no sweep."""
        rates = self.question.relation.quantity.swept_rates() or ()
        sweep = self.plan.sweep(self._name)
        return widened(rates, sweep.below, sweep.above) if sweep.times else rates

    def parts(self) -> tuple[Part, ...]:
        """All that the relation needs: one setting or a pair, at one or each learning rate."""
        read = reading(self.question.relation.quantity)
        return read.parts(self.setting, self.grid.cells, self.rates)

    def measured(self) -> Measured:
        """Values of the replicates that are complete in every cell of every setting.

        There are none of a sweep that has yet to become wider.
        """
        measured = self._at_planned_rates()
        if self._wider(measured) is None:
            return measured
        other = None if measured.other is None else measured.other[:0]
        return replace(measured, values=measured.values[:0], other=other)

    def widen(self) -> bool:
        """Whether complete measurements show that the rates end too early; they are wider then."""
        wider = self._wider(self._at_planned_rates())
        if wider is not None:
            self.plan.enter_sweep(self._name, wider)
        return wider is not None

    def _at_planned_rates(self) -> Measured:
        read = reading(self.question.relation.quantity)
        rates = np.array([float(rate) for rate in self.rates])
        return read.arranged(self._values(), rates)

    def _wider(self, measured: Measured) -> Sweep | None:
        """How far the sweep has to be widened, if complete measurements show that it ends early."""
        sweep = self.plan.sweep(self._name)
        if sweep.times == MOST_WIDENINGS or not self.rates:
            return None
        if len(measured.values) < self.replicates:
            return None
        relation = self.question.relation
        axis = relation.axis
        assert isinstance(axis, Axis)
        assert measured.rates is not None
        sizes = np.array([float(cell.along(axis)) for cell in self.grid.cells])
        read = reading(relation.quantity)
        below, above = read.ends_too_early(measured.values, measured.rates, sizes)
        if not (below or above):
            return None
        return Sweep(
            sweep.below + WIDER_BY * below, sweep.above + WIDER_BY * above, sweep.times + 1
        )

    @property
    def _name(self) -> str:
        """Under which name the plan has the sweep."""
        control = "" if self.control is None else f", control {self.control.name}"
        return f"{self.question.id}{control}, look {self.look}"

    def _values(self) -> Sequence[FloatArray]:
        """(complete replicates, cells) of every part."""
        observable = self.question.prediction.observable
        columns = [
            self.plan.values(part.setting, part.cells, observable, self.replicates)
            for part in self.parts()
        ]
        complete = min(len(values) for part in columns for values in part)
        return [np.stack([values[:complete] for values in part], axis=1) for part in columns]


def trials_of(campaign: Campaign, plan: Plan, question: Question, look: int) -> Iterator[Trials]:
    """The trials of a question and of its controls."""
    yield Trials(campaign, plan, question, look)
    for control in question.controls:
        yield Trials(campaign, plan, question, look, control)
