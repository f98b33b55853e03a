"""What a quantity needs and how it is read: the one room that knows. Imports numpy.

For every class of ``theory.quantities`` there is a reading: which trials it needs, which cells have
a statistic, how measurements become logarithms or ratios, and what a plot of them is called. A new
quantity is one class there and one registration here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import singledispatch
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from theory.arrays import BoolArray, FloatArray, IntArray
from theory.errors import InputError
from theory.expectations import Summary
from theory.experiments import Setting
from theory.quantities import (
    BestRate,
    Curve,
    Excess,
    Observed,
    OverCurve,
    OverNumber,
    OverSetting,
    Quantity,
    Regret,
    TunedOverSetting,
)
from theory.relations import Relation
from theory.scaling import Cell
from theory.verdict import Reason, ReasonKind, Verdict
from verify.judging.claim import Claim, Measured
from verify.statistics.distributions import half_or_more
from verify.statistics.excess import MOST_RELATIVE_ERROR, Continuation
from verify.statistics.excess import Excess as ExcessSamples
from verify.statistics.minimum import best_log_rates
from verify.statistics.regression import PowerLaw
from verify.statistics.transfer import Transfer

FAMILY_ALPHA = 0.05

AnyQuantity = TypeVar("AnyQuantity", bound=Quantity)


class Part(NamedTuple):
    """A setting, and the cells in which it is measured."""

    setting: Setting
    cells: tuple[Cell, ...]


class Column(StrEnum):
    """A further column that a table needs: of settings, or of learning rates."""

    PAIR = "pair"
    RATE = "rate"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why measurements cannot be summed up, and the verdict that this gives."""

    reasons: tuple[Reason, ...]
    verdict: Verdict = Verdict.INVALID
    p_value: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """One number for each replicate and cell: a logarithm, or a ratio where that is the summary.

    ``notes`` are said whatever the verdict.
    """

    values: FloatArray
    notes: tuple[Reason, ...] = ()


class Reading(Generic[AnyQuantity]):
    """How a quantity is read; the answers of this class are those of the observable itself."""

    judged = slice(None)  # the cells that have a statistic
    positive = True  # whether a logarithm is taken of every measurement
    column: Column | None = None  # what else a table needs
    judges_tables = True

    def __init__(self, quantity: AnyQuantity) -> None:
        self.quantity = quantity

    def parts(
        self, setting: Setting, cells: tuple[Cell, ...], rates: tuple[Fraction, ...]
    ) -> tuple[Part, ...]:
        """The trials: one setting or a pair, at one or at each of these learning rates."""
        del rates
        return (Part(setting, cells),)

    def arranged(self, parts: Sequence[FloatArray], rates: FloatArray) -> Measured:
        """The values (replicates, cells) of all parts, in their order, as measurements."""
        del rates
        return Measured(parts[0], parts[1] if len(parts) > 1 else None)

    def ends_too_early(
        self, losses: FloatArray, rates: FloatArray, sizes: FloatArray
    ) -> tuple[bool, bool]:
        """Whether the grid of rates ends too early, below and above."""
        del losses, rates, sizes
        return False, False

    def check_cells(self, labels: Sequence[str], sizes: FloatArray) -> None:
        """Raise ``InputError`` for cells that the quantity cannot be read from."""

    def law_sizes(self, sizes: FloatArray, expected: float) -> FloatArray:
        """The sizes of which the quantity is a power, of the cells that have a statistic."""
        del expected
        return sizes[self.judged]

    def predicted(self, count: int, curve_values: Callable[[Curve], FloatArray]) -> FloatArray:
        """Predicted values of cells; ones where there are none."""
        del curve_values
        return np.ones(count)

    def is_diverged(self, values: FloatArray) -> BoolArray:
        """Which trials (replicates, trials) gave no finite, positive number."""
        bad: BoolArray = np.logical_not(np.isfinite(values))
        if self.positive:
            bad |= values <= 0
        return bad

    def on_divergence(self, claim: Claim, diverged: BoolArray) -> Problem:
        """What diverged trials (replicates, trials) say of a claim."""
        del claim
        counts = {"diverged": int(diverged.sum()), "trials": diverged.size}
        return Problem((Reason(ReasonKind.DIVERGED, numbers=counts),))

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """Logarithms (replicates, cells), or ratios where these are the summary."""
        del claim
        return Samples(np.log(measured.values))

    def plotted(self, name: str, summary: Summary) -> str:
        """What the cells of a plot hold."""
        del summary
        return name


@singledispatch
def reading(quantity: Quantity) -> Reading[Quantity]:
    """How a quantity is read."""
    raise TypeError(f"{type(quantity).__name__} has no reading in verify.judging.quantities")


@reading.register(Observed)
class ObservedReading(Reading[Observed]):
    """The observable itself."""

    def on_divergence(self, claim: Claim, diverged: BoolArray) -> Problem:
        """A bound on an exponent is broken where most replicates diverge."""
        bound = claim.relation.summary is Summary.EXPONENT and math.isinf(claim.band.low)
        if bound:
            return _broken_bound(ReasonKind.DIVERGED_REPLICATES, diverged)
        return super().on_divergence(claim, diverged)


class _OverPrediction(Reading[AnyQuantity]):
    """Measured over predicted."""

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """Their ratio, or its logarithm."""
        if claim.relation.summary is Summary.RATIO:
            return Samples(measured.values / claim.predicted)
        return Samples(np.log(measured.values) - np.log(claim.predicted))


@reading.register(OverNumber)
class OverNumberReading(_OverPrediction[OverNumber]):
    """Measured over one number."""

    def predicted(self, count: int, curve_values: Callable[[Curve], FloatArray]) -> FloatArray:
        """The number, in every cell."""
        del curve_values
        return np.full(count, self.quantity.value)


@reading.register(OverCurve)
class OverCurveReading(_OverPrediction[OverCurve]):
    """Measured over exact values."""

    def predicted(self, count: int, curve_values: Callable[[Curve], FloatArray]) -> FloatArray:
        """The exact values."""
        del count
        return curve_values(self.quantity.curve)

    def plotted(self, name: str, summary: Summary) -> str:
        """Of an exponent, the ratio; values are shown as they are."""
        return f"{name}, measured over predicted" if summary is Summary.EXPONENT else name


@reading.register(OverSetting)
class OverSettingReading(Reading[OverSetting]):
    """The observable over that of another setting."""

    column = Column.PAIR

    def parts(
        self, setting: Setting, cells: tuple[Cell, ...], rates: tuple[Fraction, ...]
    ) -> tuple[Part, ...]:
        """Both settings."""
        del rates
        other = self.quantity.other
        assert not isinstance(other, str)
        return Part(setting, cells), Part(other, self.quantity.cells_of_other(cells))

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """The logarithm of the ratio."""
        del claim
        assert measured.other is not None
        return Samples(np.log(measured.values) - np.log(measured.other))

    def plotted(self, name: str, summary: Summary) -> str:
        """A ratio of two settings, or widths."""
        del summary
        return f"{name}, ratio of two {'widths' if self.quantity.wider > 1 else 'settings'}"


@reading.register(Excess)
class ExcessReading(Reading[Excess]):
    """The excess of every cell over the last, the largest one; or what it lacks, from below.

    An excess that is negative in any cell contradicts the law, whatever its exponent; one that is
    not known to be positive says nothing yet.
    """

    judged = slice(None, -1)
    positive = False  # only the mean difference needs a logarithm
    judges_tables = False

    def law_sizes(self, sizes: FloatArray, expected: float) -> FloatArray:
        """Sizes of which the excess over a finite size is a power."""
        return Continuation.of(sizes, expected).sizes

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """The parts of the logarithm of the mean excess that belong to each replicate."""
        values = -measured.values if self.quantity.from_below else measured.values
        excess = ExcessSamples.over(values[:, :-1], values[:, -1])
        p_value = min(1.0, float(excess.negative.min()) * len(claim.labels))
        if p_value <= FAMILY_ALPHA:
            worst = claim.labels[int(excess.negative.argmin())]
            below = self.quantity.from_below
            kind = ReasonKind.MORE_THAN_LIMIT if below else ReasonKind.LESS_THAN_LIMIT
            reason = Reason(kind, (worst,), {"p": p_value})
            return Problem((reason,), Verdict.REJECTED, p_value)
        if not excess.resolved:
            worst = claim.labels[int(np.argmin(1.0 / excess.relative_error))]
            most = {"most": MOST_RELATIVE_ERROR}
            unknown = Reason(ReasonKind.EXCESS_UNKNOWN, (worst,), most)
            return Problem((unknown,), Verdict.INCONCLUSIVE)
        factors = Continuation.of(claim.sizes, claim.relation.expected).factors
        return Samples(excess.logs() + factors)

    def plotted(self, name: str, summary: Summary) -> str:
        """The excess, or what is missing."""
        del summary
        what = "what is missing to" if self.quantity.from_below else "excess over"
        return f"{name}, {what} the limit, by the largest size"


class _OfSweep(Reading[AnyQuantity]):
    """A quantity of sweeps, which may diverge at some rates, but not at all of them."""

    positive = False

    def parts(
        self, setting: Setting, cells: tuple[Cell, ...], rates: tuple[Fraction, ...]
    ) -> tuple[Part, ...]:
        """The setting at each base learning rate."""
        return tuple(Part(at_rate(setting, rate), cells) for rate in rates)

    def arranged(self, parts: Sequence[FloatArray], rates: FloatArray) -> Measured:
        """The rates along the last axis."""
        return Measured(np.stack(parts, axis=-1), rates=rates)

    def is_diverged(self, values: FloatArray) -> BoolArray:
        """Which sweeps have no finite number."""
        bad: BoolArray = np.all(super().is_diverged(values), axis=-1)
        return bad


@reading.register(BestRate)
class BestRateReading(_OfSweep[BestRate]):
    """The learning rate of the smallest observable."""

    column = Column.RATE

    def ends_too_early(
        self, losses: FloatArray, rates: FloatArray, sizes: FloatArray
    ) -> tuple[bool, bool]:
        """Where the minimum of any sweep is at an end."""
        del sizes
        edge = best_log_rates(losses, rates).edge
        return bool((edge < 0).any()), bool((edge > 0).any())

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """The logarithm of the best rate."""
        del claim
        assert measured.rates is not None
        minima = best_log_rates(measured.values, measured.rates)
        return _at_edge(minima.edge) or Samples(minima.log_rate)

    def plotted(self, name: str, summary: Summary) -> str:
        """The best rate."""
        del summary
        return f"best learning rate, by {name}"


@reading.register(TunedOverSetting)
class TunedOverSettingReading(_OfSweep[TunedOverSetting]):
    """The observable at its best rate over that of another setting at its own."""

    judges_tables = False

    def parts(
        self, setting: Setting, cells: tuple[Cell, ...], rates: tuple[Fraction, ...]
    ) -> tuple[Part, ...]:
        """Both settings at each base learning rate."""
        other = super().parts(self.quantity.other, cells, rates)
        return *super().parts(setting, cells, rates), *other

    def arranged(self, parts: Sequence[FloatArray], rates: FloatArray) -> Measured:
        """The rates of each setting along the last axis."""
        own, other = parts[: len(rates)], parts[len(rates) :]
        return Measured(np.stack(own, axis=-1), np.stack(other, axis=-1), rates)

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """The logarithm of the ratio of the smallest values."""
        del claim
        assert measured.other is not None
        assert measured.rates is not None
        both = (measured.values, measured.other)
        problem = _at_edge(*(best_log_rates(part, measured.rates).edge for part in both))
        tuned, other = (np.log(np.nanmin(part, axis=-1)) for part in both)
        return problem or Samples(tuned - other)

    def plotted(self, name: str, summary: Summary) -> str:
        """A ratio of two settings."""
        del summary
        return f"{name}, ratio of two settings"


@reading.register(Regret)
class RegretReading(_OfSweep[Regret]):
    """What a carried learning rate costs."""

    judged = slice(1, None)
    judges_tables = False

    def check_cells(self, labels: Sequence[str], sizes: FloatArray) -> None:
        """A rate is tuned at the first cell, the smallest."""
        if len(sizes) < 2 or sizes[0] >= sizes[1:].min():
            raise InputError(
                "a rate is tuned at the first cell and carried to larger ones; these are "
                f"{'; '.join(labels)}"
            )

    def ends_too_early(
        self, losses: FloatArray, rates: FloatArray, sizes: FloatArray
    ) -> tuple[bool, bool]:
        """Where a best or a carried rate lies beyond an end."""
        transfer = Transfer.of(losses, rates, sizes, float(self.quantity.exponent))
        return bool(transfer.below.any()), bool(transfer.above.any())

    def samples(self, claim: Claim, measured: Measured) -> Samples | Problem:
        """Divergence of most at the carried rate breaks the bound; of few, it has its price."""
        assert measured.rates is not None
        exponent = float(self.quantity.exponent)
        transfer = Transfer.of(measured.values, measured.rates, claim.sizes, exponent)
        notes: tuple[Reason, ...] = ()
        if transfer.diverged.any():
            broken = _broken_bound(ReasonKind.DIVERGED_AT_CARRIED_RATE, transfer.diverged)
            if broken.verdict is Verdict.REJECTED:
                return broken
            notes = broken.reasons
        outside = transfer.below | transfer.above
        if outside.any():
            places = np.array(["", *claim.labels])[outside]
            return Problem((Reason(ReasonKind.CARRIED_RATE_AT_EDGE, tuple(map(str, places))),))
        return Samples(transfer.samples(claim.band.high), notes)

    def plotted(self, name: str, summary: Summary) -> str:
        """A ratio of losses."""
        del summary
        return f"{name}, carried over best rate"


def claim_of(
    relation: Relation,
    margin: float,
    replicates: int,
    labels: Sequence[str],
    sizes: FloatArray,
    corrections: FloatArray | None = None,
    curve_values: Callable[[Curve], FloatArray] | None = None,
) -> Claim:
    """A claim on cells with these labels, sizes (cells,) and corrections (cells, columns).

    ``curve_values`` gives the exact values (cells,) of a curve, when they are first needed. Raises
    ``InputError`` for cells that cannot identify an exponent, and for a rate that is not carried
    from the smallest cell.
    """
    read = reading(relation.quantity)
    read.check_cells(labels, sizes)
    declared = np.empty((len(sizes), 0)) if corrections is None else corrections
    law = None
    if relation.summary is Summary.EXPONENT:
        law = PowerLaw(sizes[read.judged], declared[read.judged], str(relation.axis))
        law = replace(law, sizes=read.law_sizes(sizes, relation.expected))

    def exact_values() -> FloatArray:
        assert curve_values is not None or relation.quantity.exact_curve() is None
        return read.predicted(len(labels[read.judged]), curve_values or _no_curve)

    judged_sizes = sizes[read.judged] if law is None else law.sizes
    return Claim(
        relation,
        margin,
        replicates,
        tuple(labels[read.judged]),
        sizes,
        judged_sizes,
        law,
        exact_values,
    )


def _no_curve(curve: Curve) -> FloatArray:
    raise TypeError(f"{curve} needs networks to be computed for")


def at_rate(setting: Setting, rate: Fraction) -> Setting:
    """The setting at another base learning rate."""
    return replace(setting, experiment=setting.experiment.at_rate(rate))


def _at_edge(*edges: IntArray) -> Problem | None:
    """What is wrong with sweeps whose minimum is at an end of the grid."""
    trials = np.concatenate(edges, axis=1)
    count = int((trials != 0).sum())
    counts = {"edge": count, "trials": trials.size}
    return Problem((Reason(ReasonKind.BEST_RATE_AT_EDGE, numbers=counts),)) if count else None


def _broken_bound(kind: ReasonKind, diverged: BoolArray) -> Problem:
    """A bound is broken when more than half of all replicates diverge, by a binomial test."""
    broken = int(np.any(diverged, axis=1).sum())
    p_value = min(1.0, 2 * half_or_more(broken, len(diverged)))
    counts = {"diverged": int(diverged.sum()), "trials": diverged.size}
    counts |= {"broken": broken, "replicates": len(diverged)}
    verdict = Verdict.REJECTED if p_value <= FAMILY_ALPHA else Verdict.INVALID
    return Problem((Reason(kind, numbers=counts),), verdict, p_value)
