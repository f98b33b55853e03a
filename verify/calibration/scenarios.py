"""Campaigns about synthetic truths: do verdicts err as rarely as they say? Imports numpy, scipy.

Logarithms of measurements are drawn around a known power law and judged by the functions that judge
real campaigns, thousands at a time. Nothing here knows how a verdict comes about; it only counts
how often it is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import proportion_confint

from theory.arrays import BoolArray, FloatArray
from theory.expectations import Band
from verify.statistics.equivalence import decision_p_values, mean_intervals
from verify.statistics.fit_checks import (
    FitChecks,
    check_fit,
    spoils_acceptance,
    spoils_rejection,
)
from verify.statistics.multiplicity import discovery_levels, holm_levels
from verify.statistics.regression import PowerLaw
from verify.statistics.sample_size import required_replicates

Verdicts = npt.NDArray[np.int8]

SIZES = np.array([4.0, 8.0, 16.0, 32.0, 64.0])
ALPHA, MARGIN = 0.05, 0.1
BAND = Band(-MARGIN, MARGIN)  # what is predicted is the exponent 0
SPREAD = 0.15
INCONCLUSIVE, ACCEPTED, REJECTED, INVALID = range(4)
_CHUNK = 2**22


class Noise(StrEnum):
    """How logarithms scatter; all but intercepts have standard deviation ``SPREAD``."""

    NORMAL = "normal"
    STUDENT_T3 = "Student t3"
    LOG_NORMAL = "log-normal"
    HETEROSCEDASTIC = "heteroscedastic"
    INTERCEPTS = "replicate intercepts"
    SHARED = "shared by the family"


class Bias(StrEnum):
    """Finite-size bias in 1/L, and whether the regression has a column for it."""

    NONE = "none"
    DECLARED = "declared"
    UNDECLARED = "undeclared"
    UNDECLARED_LARGE = "undeclared, large"


class Truth(StrEnum):
    """Where the true exponents are: predicted, a margin away, or two."""

    INSIDE = "inside"
    AT = "at the margin"
    OUTSIDE = "outside"


# b of a bias b / L: an undeclared fit's exponent is off by 0.6 and by 2.4 margins.
BIASES = {Bias.NONE: 0.0, Bias.DECLARED: 0.8, Bias.UNDECLARED: 0.8, Bias.UNDECLARED_LARGE: 3.0}
_EXPONENT = {Truth.INSIDE: 0.0, Truth.AT: MARGIN, Truth.OUTSIDE: 2 * MARGIN}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One setting of a calibration: every campaign tries ``family`` predictions of one truth."""

    noise: Noise = Noise.NORMAL
    replicates: int = 16
    bias: Bias = Bias.NONE
    truth: Truth = Truth.INSIDE
    looks: int = 1
    family: int = 1

    @property
    def law(self) -> PowerLaw:
        """The declared law."""
        columns = 1 / SIZES[:, None] if self.bias is Bias.DECLARED else np.empty((len(SIZES), 0))
        return PowerLaw(SIZES, columns, "depth")

    @property
    def declared_model_holds(self) -> bool:
        """Nothing biases the fit that it does not know of."""
        return self.bias in (Bias.NONE, Bias.DECLARED)

    def planned(self) -> Scenario:
        """The same with the replicates that ``sample_size`` requires."""
        level = ALPHA / self.looks / self.family
        slope = np.linalg.pinv(self.law.design_matrix)[1]
        spread = float(np.linalg.norm(slope * _cell_spreads(self.noise)))
        count = required_replicates(spread, BAND, _EXPONENT[self.truth], level)
        assert count is not None
        return replace(self, replicates=count)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of campaigns with its 95 percent Clopper-Pearson interval."""

    share: float
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int) -> Rate:
        """From a count."""
        low, high = proportion_confint(count, total, alpha=0.05, method="beta")
        return cls(count / total, float(low), float(high))


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a scenario's verdicts were wrong, per campaign (any of its predictions).

    At the margin both decisions are wrong. ``decided`` and ``invalid`` are shares of predictions;
    ``covered`` is that of 95 percent intervals of the first look that hold the true exponent.
    """

    scenario: Scenario
    wrong_accepts: Rate
    wrong_rejects: Rate
    decided: Rate
    invalid: Rate
    covered: Rate


def _cell_spreads(noise: Noise) -> FloatArray:
    """Standard deviation of every cell's noise; an intercept moves no exponent."""
    growth = np.ones(len(SIZES))
    if noise is Noise.HETEROSCEDASTIC:
        growth = np.sqrt(SIZES / SIZES.mean())
    return SPREAD * growth


def _noise(scenario: Scenario, columns: int, generator: np.random.Generator) -> FloatArray:
    """(replicates of all looks, columns, cells) with mean zero."""
    shape = (scenario.replicates * 2 ** (scenario.looks - 1), columns, len(SIZES))
    if scenario.noise is Noise.STUDENT_T3:
        return SPREAD / math.sqrt(3) * generator.standard_t(3, shape)
    normal = generator.standard_normal(shape)
    if scenario.noise is Noise.LOG_NORMAL:
        mean, spread = math.exp(0.5), math.sqrt((math.e - 1) * math.e)
        return SPREAD / spread * (np.exp(normal) - mean)
    if scenario.noise is Noise.INTERCEPTS:
        return SPREAD * (normal + 3 * generator.standard_normal((*shape[:2], 1)))
    if scenario.noise is Noise.SHARED:
        campaigns = columns // scenario.family
        common = generator.standard_normal((shape[0], campaigns, 1, len(SIZES)))
        grouped = normal.reshape(shape[0], campaigns, scenario.family, len(SIZES))
        return SPREAD * (0.6 * grouped + 0.8 * common).reshape(shape)
    return _cell_spreads(scenario.noise) * normal


def synthetic_logs(
    scenario: Scenario, campaigns: int, generator: np.random.Generator
) -> FloatArray:
    """Logarithms of measurements: (replicates of all looks, campaigns x family, cells)."""
    logs = _noise(scenario, campaigns * scenario.family, generator)
    logs += _EXPONENT[scenario.truth] * np.log(SIZES)
    logs += BIASES[scenario.bias] / SIZES
    return logs


def verdicts(scenario: Scenario, logs: FloatArray) -> Verdicts:
    """Look by look, as ``verify.campaign.looks`` does: one verdict a column, families in a row."""
    law, share = scenario.law, ALPHA / scenario.looks
    codes = np.zeros(logs.shape[1], dtype=np.int8)
    for look in range(scenario.looks):
        open_yet = codes == INCONCLUSIVE
        seen = logs[: scenario.replicates * 2**look, open_yet]
        exponents, checks = law.exponents(seen), check_fit(law, seen)
        members = open_yet.reshape(-1, scenario.family)

        def by_family(p_values: FloatArray, members: BoolArray = members) -> FloatArray:
            everywhere = np.ones(members.shape)
            everywhere[members] = p_values
            return everywhere

        p_values = by_family(decision_p_values(exponents, BAND))
        levels = holm_levels(p_values, share, members)[members]
        of_fit = discovery_levels(by_family(checks.misfit), share, members)[members]
        codes[open_yet] = _judged(checks, exponents, levels, of_fit)
    return codes


def _judged(
    checks: FitChecks, exponents: FloatArray, levels: FloatArray, of_fit: FloatArray
) -> Verdicts:
    intervals = mean_intervals(exponents, levels)
    accepted, rejected = intervals.within(BAND), intervals.disjoint_from(BAND)
    spoiled = (accepted & spoils_acceptance(checks, intervals.estimate, MARGIN, BAND, of_fit)) | (
        rejected & spoils_rejection(checks, intervals.estimate, MARGIN, BAND, of_fit)
    )
    codes = np.where(accepted, ACCEPTED, np.where(rejected, REJECTED, INCONCLUSIVE))
    return np.where(spoiled, INVALID, codes).astype(np.int8)


def calibrate(scenario: Scenario, campaigns: int, seed: int = 0) -> Calibration:
    """Judge synthetic campaigns, in chunks that fit into memory, and count."""
    generator = np.random.default_rng([seed, *str(scenario).encode()])
    most = scenario.replicates * 2 ** (scenario.looks - 1) * scenario.family * len(SIZES)
    chunk = max(1, _CHUNK // most)
    codes, covered = [], 0
    for start in range(0, campaigns, chunk):
        logs = synthetic_logs(scenario, min(chunk, campaigns - start), generator)
        codes.append(verdicts(scenario, logs).reshape(-1, scenario.family))
        first = mean_intervals(scenario.law.exponents(logs[: scenario.replicates]), 0.05)
        truth = _EXPONENT[scenario.truth]
        covered += int(((first.low <= truth) & (truth <= first.high)).sum())
    return _counted(scenario, np.concatenate(codes), covered)


def _counted(scenario: Scenario, codes: Verdicts, covered: int) -> Calibration:
    """Both decisions are wrong at the margin itself, and one of them elsewhere."""
    campaigns, total = len(codes), codes.size
    wrong = {
        ACCEPTED: scenario.truth is not Truth.INSIDE,
        REJECTED: scenario.truth is not Truth.OUTSIDE,
    }

    def campaigns_with(verdict: int) -> Rate:
        count = int((codes == verdict).any(axis=1).sum()) if wrong[verdict] else 0
        return Rate.of(count, campaigns)

    return Calibration(
        scenario,
        campaigns_with(ACCEPTED),
        campaigns_with(REJECTED),
        Rate.of(int(((codes == ACCEPTED) | (codes == REJECTED)).sum()), total),
        Rate.of(int((codes == INVALID).sum()), total),
        Rate.of(covered, total),
    )
