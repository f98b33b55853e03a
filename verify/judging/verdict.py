"""From evidence to a verdict. Imports numpy, ``theory``, ``verify``, ``reports.reasons``.

The second pass: ``conclude`` takes the evidence of ``verify.judging.evidence`` and the levels that
its family leaves to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from reports.reasons import reason_text
from theory.arrays import FloatArray
from theory.expectations import Band, Summary
from theory.verdict import Reason, ReasonKind, Verdict
from verify.judging.claim import Claim
from verify.judging.evidence import Evidence, Exponents, InCells, Unjudged
from verify.judging.line import Line
from verify.judging.reasons import bends, fit_problem, reservations
from verify.statistics.equivalence import Interval, Intervals, mean_intervals
from verify.statistics.fit_checks import CHECK_LEVEL
from verify.statistics.multiplicity import discovery_levels
from verify.statistics.sample_size import replicates_for, replicates_to_decide

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# The t interval errs one-sidedly by about skewness / (6 sqrt(R)) (Hall 1992, section 2.6): half the
# nominal rate at 0.05.
MOST_SKEWNESS_ERROR = 0.0125


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """A verdict with its reasons; the interval is that of the worst cell where several count.

    ``groups`` of a table are judged as one family, whose judgement is that of the worst of them;
    ``left_out`` says of groups without a verdict why they have none.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    replicates: int
    interval: Interval | None = None
    replicates_needed: int | None = None
    evidence: Evidence | None = None
    groups: Mapping[str, Judgement] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The reasons in words."""
        return reason_text(self.reasons)

    def __repr__(self) -> str:
        one, claim = self.interval, None if self.evidence is None else self.evidence.claim
        said = "" if one is None else f": {one.estimate:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
        of = "" if claim is None else f", [{claim.relation}] with margin {claim.margin:g}"
        return f"Judgement({self.verdict}{said}{of}; {self.replicates} replicates)"

    def _repr_html_(self) -> str:
        """The verdict, its reason and its cells for a notebook."""
        from verify.documents.cells import html_of

        return html_of(self)

    def to_frame(self) -> pd.DataFrame:
        """One row for every cell: means with 95 percent intervals, and what is fitted there."""
        from verify.documents.cells import frame_of

        return frame_of(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The cells, the fit, and the predicted line with the band that accepts."""
        from verify.documents.cells import plot_of

        return plot_of(self, ax)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One look at the measurements, and the level at which it was judged."""

    replicates: int
    level: float
    judgement: Judgement


def fit_levels_of(family: Sequence[Evidence], share: float) -> FloatArray:
    """The level at which each member's misfit takes a decision away, among those that have a fit.

    ``share``: the look's share of the family-wise error rate. What has no fit has no use for one.
    """
    fits = [e.checks.misfit[0] if isinstance(e, Exponents) else None for e in family]
    p_values = np.array([1.0 if p is None else p for p in fits])
    return discovery_levels(p_values, share, np.array([p is not None for p in fits]))


def conclude(evidence: Evidence, level: float, fit_level: float = CHECK_LEVEL) -> Judgement:
    """The verdict at a level: where the interval lies, and whether the fit may be trusted.

    ``fit_level``: the level at which a misfit of the declared law takes a decision away; that of a
    family of one unless given.
    """
    if isinstance(evidence, Unjudged):
        # Divergence that breaks a bound waits for its level, as any other evidence does.
        waiting = evidence.verdict is Verdict.REJECTED and evidence.p_value > level
        verdict = Verdict.INCONCLUSIVE if waiting else evidence.verdict
        return Judgement(verdict, evidence.reasons, evidence.replicates, evidence=evidence)
    if isinstance(evidence, Line):
        return _conclude_line(evidence, level)
    claim, samples, notes = evidence.claim, evidence.samples, evidence.notes
    intervals = mean_intervals(samples, level / samples.shape[1])
    verdict, telling = _overall(intervals, claim.band)
    interval = intervals.at(telling)
    judgement = Judgement(verdict, (), len(samples), interval, evidence=evidence)
    worst = (claim.labels[telling],) if samples.shape[1] > 1 else ()
    if verdict is Verdict.INCONCLUSIVE:
        enough = _replicates_needed(samples, intervals, claim.band)
        numbers = {} if enough is None else {"replicates": enough}
        across = Reason(ReasonKind.ACROSS, worst, numbers)
        return replace(judgement, reasons=(across, *notes), replicates_needed=enough)
    problem = _problem(evidence, intervals, verdict, telling, fit_level)
    if problem is not None:
        return replace(judgement, verdict=Verdict.INVALID, reasons=(problem, *notes))
    kind = ReasonKind.DISJOINT if verdict is Verdict.REJECTED else ReasonKind.INSIDE
    said = _reservations(evidence, fit_level)
    return replace(judgement, reasons=(Reason(kind, worst), *said, *notes))


def _conclude_line(line: Line, level: float) -> Judgement:
    """Where the interval of a line lies; one replicate is at most inconclusive."""
    band, interval = line.claim.band, line.interval(level)
    judgement = Judgement(
        Verdict.INCONCLUSIVE, line.notes, line.replicates, interval, evidence=line
    )
    inside, outside = interval.within(band), interval.disjoint_from(band)
    if line.decides and (inside or outside):
        verdict = Verdict.ACCEPTED if inside else Verdict.REJECTED
        kind = ReasonKind.INSIDE if inside else ReasonKind.DISJOINT
        return replace(judgement, verdict=verdict, reasons=(Reason(kind), *line.notes))
    enough = None
    if min(abs(line.estimate - end) for end in band) > line.floor:
        enough = replicates_for(line.estimate, line.spread, band, level)
    numbers = {} if enough is None else {"replicates": enough}
    across = Reason(ReasonKind.UNDECIDED_LINE, (), numbers)
    return replace(judgement, reasons=(across, *line.notes), replicates_needed=enough)


def _overall(intervals: Intervals, band: Band) -> tuple[Verdict, int]:
    """One rejecting cell rejects, one undecided cell leaves open, all accepting ones accept.

    With the cell that tells most: the clearest rejection, or what comes nearest to one.
    """
    rejecting, accepting = intervals.disjoint_from(band), intervals.within(band)
    outside = np.maximum(intervals.low - band.high, band.low - intervals.high)
    if rejecting.any():
        return Verdict.REJECTED, int(np.where(rejecting, outside, -np.inf).argmax())
    reach = np.maximum(intervals.high - band.high, band.low - intervals.low)
    if accepting.all():
        return Verdict.ACCEPTED, int(reach.argmax())
    return Verdict.INCONCLUSIVE, int(np.where(accepting, -np.inf, reach).argmax())


def _replicates_needed(samples: FloatArray, intervals: Intervals, band: Band) -> int | None:
    """How many replicates would decide every open cell; ``None`` above a million."""
    needed = [
        replicates_to_decide(samples[:, cell], band, float(intervals.level[cell]))
        for cell in np.flatnonzero(~intervals.within(band))
    ]
    counts = [count for count in needed if count is not None]
    return max(counts) if len(counts) == len(needed) else None


def _problem(
    evidence: Exponents | InCells,
    intervals: Intervals,
    verdict: Verdict,
    telling: int,
    fit_level: float,
) -> Reason | None:
    """Why a decision is none: the first rule that it breaks."""
    claim = evidence.claim
    if isinstance(evidence, Exponents):
        accepted = verdict is Verdict.ACCEPTED
        return fit_problem(
            evidence.checks, intervals.estimate, claim.margin, claim.band, fit_level, accepted
        )
    cells = [telling] if verdict is Verdict.REJECTED else list(range(len(claim.labels)))
    return _skewed(claim, evidence.samples, cells)


def _skewed(claim: Claim, samples: FloatArray, cells: list[int]) -> Reason | None:
    """Values are averaged as they are, so that a skewed distribution needs many replicates."""
    if claim.relation.summary is Summary.LOGARITHM:
        return None
    count = len(samples)
    skewness = np.abs(_skewness(samples[:, cells]))
    seen = np.maximum(skewness - 2 * np.sqrt(6 / count), 0.0)  # less two standard errors
    error = seen / (6 * np.sqrt(count))
    if float(error.max()) <= MOST_SKEWNESS_ERROR:
        return None
    worst = int(error.argmax())
    numbers = {"replicates": count, "error": float(error[worst])}
    return Reason(ReasonKind.SKEWED, (claim.labels[cells[worst]],), numbers)


def _skewness(samples: FloatArray) -> FloatArray:
    """The third moment over the second to the power 3/2, of every column; 0 without a spread."""
    away = samples - samples.mean(axis=0)
    second = (away**2).mean(axis=0)
    spread = second > (np.finfo(np.float64).eps * np.abs(samples).max(axis=0)) ** 2
    scale = np.where(spread, second, 1.0) ** 1.5
    return np.where(spread, (away**3).mean(axis=0) / scale, 0.0)


def _reservations(evidence: Exponents | InCells, fit_level: float) -> tuple[Reason, ...]:
    """What a decision does not hang on, and a reader should know."""
    if isinstance(evidence, InCells):
        return ()
    checks = evidence.checks
    return *reservations(checks, fit_level), *bends(checks, evidence.claim.margin)
