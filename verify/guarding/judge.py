"""Verdicts on all exponents of a run: intervals, Holm's levels, looks. Imports numpy.

An interval inside an expected band accepts, one that is disjoint from all of them rejects. Every
announced look tests at an equal share of the error rate, with Holm's procedure over what is not
decided yet; a decision stands.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from theory.expectations import Band
from theory.module_scaling import (
    Demand,
    Expected,
    Quantity,
    expected_of_module,
    expected_of_read,
    expected_of_scores,
)
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.measurements import Series
from verify.guarding.slopes import Slope, quantile_of_t, slopes_of
from verify.statistics.multiplicity import holm_levels

FAMILY_ALPHA = 0.05
LOOKS = 3
# A misfit this sure, and a slope without the smallest size that says otherwise, undo a decision.
_MISFIT = 1e-3
_MOST_SEEDS = 1_000_000


class Name(NamedTuple):
    """What an exponent is of."""

    axis: Axis
    module: str
    parameter: str | None
    quantity: Quantity
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """An exponent with its verdict (``None``: shown only) and the level of its interval."""

    name: Name
    series: Series
    slope: Slope
    expected: Expected | None
    verdict: Verdict | None
    level: float
    note: str = ""

    @property
    def estimate(self) -> float:
        """The exponent."""
        return self.slope.estimate

    @property
    def interval(self) -> tuple[float, float]:
        """At its level."""
        return self.slope.interval(self.level)

    @property
    def rejected(self) -> bool:
        """Whether it is rejected."""
        return self.verdict is Verdict.REJECTED

    @property
    def departure(self) -> float:
        """The exponent less the nearest one that would be right."""
        return (
            0.0
            if self.expected is None
            else self.estimate - float(self.expected.nearest(self.estimate))
        )

    def off_from(self, exponent: float) -> bool:
        """Whether the interval has no point within the margin of an exponent."""
        low, high = self.interval
        margin = 0.1 if self.expected is None else self.expected.margin
        return low > exponent + margin or high < exponent - margin


def judged_at_look(
    series: Mapping[Axis, Sequence[Series]],
    sizes: Mapping[Axis, Sequence[int]],
    demand: Demand,
    before: Mapping[Name, Judged],
) -> dict[Name, Judged]:
    """All exponents at one look; ``before`` are those of the look before it."""
    made: dict[Name, Judged] = {}
    for axis, found in series.items():
        slopes = slopes_of(
            [one.logs for one in found],
            sizes[axis],
            [one.group for one in found],
            [f"{one.quantity} {one.step}" for one in found],
        )
        for one, slope in zip(found, slopes, strict=True):
            name = _name(axis, one)
            made[name] = Judged(name, one, slope, _expected(axis, one, demand), None, FAMILY_ALPHA)
    return _with_verdicts(made, before)


def _name(axis: Axis, series: Series) -> Name:
    parameter = None if series.line is None else series.line.parameter
    return Name(axis, series.module, parameter, series.quantity, series.step)


def _expected(axis: Axis, series: Series, demand: Demand) -> Expected | None:
    if series.line is not None:
        return expected_of_read(series.quantity, series.line.role, axis, demand)
    if series.quantity is Quantity.SCORES:
        return expected_of_scores(series.head_grows, axis, demand)
    return expected_of_module(series.quantity, series.output_grows, axis, demand)


def _with_verdicts(made: dict[Name, Judged], before: Mapping[Name, Judged]) -> dict[Name, Judged]:
    judged = [name for name, one in made.items() if one.expected is not None]
    p_values = np.array([made[name].slope.p_value(_bands(made[name].expected)) for name in judged])
    open_ones = np.array([not _decided(before.get(name)) for name in judged], dtype=bool)
    levels = holm_levels(p_values, FAMILY_ALPHA / LOOKS, open_ones) if judged else p_values
    for name, level, is_open in zip(judged, levels, open_ones, strict=True):
        one = made[name]
        if not is_open:
            # The decision stands; the numbers are those of all seeds so far.
            earlier = before[name]
            made[name] = replace(
                one, verdict=earlier.verdict, level=earlier.level, note=earlier.note
            )
        else:
            made[name] = _decide(one, float(level))
    return made


def _decided(one: Judged | None) -> bool:
    return one is not None and one.verdict in (Verdict.ACCEPTED, Verdict.REJECTED)


def _bands(expected: Expected | None) -> tuple[Band, ...]:
    assert expected is not None
    return expected.bands


def _decide(one: Judged, level: float) -> Judged:
    bands = _bands(one.expected)
    low, high = one.slope.interval(level)
    inside = any(band.low <= low and high <= band.high for band in bands)
    outside = all(high < band.low or band.high < low for band in bands)
    verdict = Verdict.ACCEPTED if inside else Verdict.REJECTED if outside else Verdict.INCONCLUSIVE
    note = ""
    limit = one.series.limit
    highest = max(band.high for band in bands)
    if verdict is Verdict.REJECTED and low > highest and limit <= highest:
        verdict = Verdict.INCONCLUSIVE
        note = f"it grows towards a limit that goes as {limit:+.2f}: take larger sizes"
    elif verdict is not Verdict.INCONCLUSIVE and _bends(one.slope, bands, inside):
        verdict = Verdict.INCONCLUSIVE
        note = f"without the smallest size the exponent is {one.slope.without_smallest:+.2f}"
    return replace(one, verdict=verdict, level=level, note=note)


def _bends(slope: Slope, bands: Sequence[Band], inside: bool) -> bool:
    """Whether the line does not fit, and the larger sizes alone say the opposite."""
    if slope.misfit > _MISFIT:
        return False
    there = any(band.low <= slope.without_smallest <= band.high for band in bands)
    return there != inside


def seeds_to_decide(one: Judged) -> int | None:
    """How many seeds would decide, were estimate and spread to stay: more are surer of these."""
    seeds = len(one.slope.by_seed)
    ends = [end for band in _bands(one.expected) for end in band if math.isfinite(end)]
    distance = min(abs(one.estimate - end) for end in ends)
    if distance == 0:
        return None

    def reach(count: int) -> float:
        degrees = one.slope.degrees * count / seeds
        return quantile_of_t(one.level, degrees) * one.slope.error * math.sqrt(seeds / count)

    candidates = range(seeds + 1, _MOST_SEEDS)
    place = bisect.bisect_left(candidates, True, key=lambda count: reach(count) <= distance)
    return None if place == len(candidates) else candidates[place]
