"""Two reports: other verdicts, and estimates that moved. Imports ``reports``, ``verify``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.comparison.document import Change, Difference, Kind, Side
from reports.document import CellEntry, PredictionEntry, Report, RivalEntry
from reports.outcome import judged
from theory.errors import InputError
from theory.expectations import Summary
from verify.comparing.found import ALPHA, Found, listed
from verify.statistics.equivalence import Interval
from verify.statistics.joint import Estimate, joint_intervals

RESOLUTION = 1e-4  # what is on record is rounded to it
CONFIDENCE = 0.95  # of the intervals of cells

_Entry = PredictionEntry | RivalEntry


class _Pair(NamedTuple):
    """One estimate on both sides: of a verdict, or of one of its cells."""

    name: str
    cell: str
    before: Estimate
    after: Estimate


def compare_reports(before: Report, after: Report) -> Found:
    """What a report says against an earlier one. ``InputError`` where no verdict is in both."""
    first, second = judged(before), judged(after)
    common = [name for name in first if name in second]
    if not common:
        raise InputError(
            f"the reports have no verdict in common: the first has {listed(first)}, the second "
            f"{listed(second)}"
        )
    pairs = [pair for name in common for pair in _pairs(name, first[name], second[name])]
    joint = _joint(pairs)
    changes = [
        *(_change(name, first[name], second[name], joint.get(name)) for name in common),
        *(_one_sided(name, None, second[name]) for name in second if name not in first),
        *(_one_sided(name, first[name], None) for name in first if name not in second),
    ]
    changed = [change for change in changes if change is not None]
    return Found(len(common), changed, list(_notes(before, after, common, joint)))


def _pairs(name: str, before: _Entry, after: _Entry) -> Iterator[_Pair]:
    """The exponent, or each cell: which of several cells tells most may be chance."""
    if before.scale is not after.scale:
        return
    if before.scale is Summary.EXPONENT:
        one, two = _estimate(before), _estimate(after)
        if one is not None and two is not None:
            yield _Pair(name, "", one, two)
        return
    others = {cell.label: cell for cell in after.cells}
    for cell in before.cells:
        other = others.get(cell.label)
        if other is not None:
            one = _of_cell(cell, before)
            two = _of_cell(other, after)
            if one is not None and two is not None:
                yield _Pair(name, cell.label, one, two)


def _estimate(entry: _Entry) -> Estimate | None:
    if entry.estimate is None or entry.interval is None or entry.confidence is None:
        return None
    return _finite(Estimate(entry.estimate, *entry.interval, entry.confidence, entry.replicates))


def _of_cell(cell: CellEntry, entry: _Entry) -> Estimate | None:
    """On the scale of the statistic: over what is predicted, or the logarithm of that."""
    if not cell.predicted:
        return None
    value, low, high = (end / cell.predicted for end in (cell.measured, cell.low, cell.high))
    if entry.scale is Summary.LOGARITHM:
        if min(value, low, high) <= 0:
            return None
        value, low, high = math.log(value), math.log(low), math.log(high)
    return _finite(Estimate(value, low, high, CONFIDENCE, entry.replicates))


def _finite(estimate: Estimate) -> Estimate | None:
    return estimate if all(map(math.isfinite, estimate)) and estimate.replicates > 1 else None


class _Joint(NamedTuple):
    cell: str
    interval: Interval

    @property
    def moved(self) -> bool:
        away = not self.interval.low <= 0 <= self.interval.high
        return away and abs(self.interval.estimate) > RESOLUTION


def _joint(pairs: Sequence[_Pair]) -> dict[str, _Joint]:
    """The joint interval of every name: of its cell that lies furthest from no difference."""
    if not pairs:
        return {}
    found = joint_intervals([p.before for p in pairs], [p.after for p in pairs], ALPHA)
    joint: dict[str, _Joint] = {}
    for place, pair in enumerate(pairs):
        one = _Joint(pair.cell, found.at(place))
        if pair.name not in joint or _clearer(one, joint[pair.name]):
            joint[pair.name] = one
    return joint


def _clearer(one: _Joint, other: _Joint) -> bool:
    return (one.moved, _ratio(one)) > (other.moved, _ratio(other))


def _ratio(one: _Joint) -> float:
    reach = one.interval.high - one.interval.estimate
    return abs(one.interval.estimate) / reach if reach > 0 else math.inf


def _change(name: str, before: _Entry, after: _Entry, joint: _Joint | None) -> Change | None:
    moved = joint is not None and joint.moved
    if before.verdict is after.verdict and not moved:
        return None
    return Change(
        name=name,
        kind=Kind.MOVED if before.verdict is after.verdict else Kind.VERDICT,
        before=_side(before),
        after=_side(after),
        cell=joint.cell if joint is not None and moved else "",
        difference=None if joint is None else _difference(joint.interval),
        moved=moved,
    )


def _side(entry: _Entry) -> Side:
    return Side(verdict=entry.verdict, estimate=entry.estimate)


def _difference(interval: Interval) -> Difference:
    return Difference(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=1 - interval.level,
    )


def _one_sided(name: str, before: _Entry | None, after: _Entry | None) -> Change:
    return Change(
        name=name,
        kind=Kind.NEW if before is None else Kind.GONE,
        before=None if before is None else _side(before),
        after=None if after is None else _side(after),
        cell="",
        difference=None,
        moved=False,
    )


def _notes(
    before: Report, after: Report, common: Sequence[str], joint: dict[str, _Joint]
) -> Iterator[str]:
    first, second = judged(before), judged(after)
    for place, report in (("first", before), ("second", after)):
        if not report.complete:
            yield f"The {place} campaign was interrupted."
    other = [name for name in common if _asked(first[name]) != _asked(second[name])]
    if other:
        yield f"Another relation, margin or grid is judged of {listed(other)}."
    unknown = [name for name in common if name not in joint]
    if unknown:
        yield f"A side has no interval of {listed(unknown)}: only verdicts are compared."
    if before.seed is not None and (before.seed, before.profile) == (after.seed, after.profile):
        yield (
            f"Both campaigns have seed {before.seed}, so that joint intervals are wider than need "
            "be."
        )
    versions = before.environment, after.environment
    if versions[0] != versions[1]:
        one, two = ({**side.model_dump()} for side in versions)
        parts = [f"{name} {one[name]} and {two[name]}" for name in one if one[name] != two[name]]
        yield f"They were measured by {', '.join(parts)}."


def _asked(entry: _Entry) -> tuple[object, ...]:
    return entry.relation, entry.margin, tuple(cell.label for cell in entry.cells)
