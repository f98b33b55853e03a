"""From measurements to evidence, by hand: what is left out, what decides, at which p-value."""

import numpy as np
import pytest
from scipy import stats

from tests.verify.claims import claimed
from theory import (
    Axis,
    ExponentEquals,
    Setting,
    SettingsEqual,
    ValueEquals,
    Verdict,
    depth_mup,
    residual,
)
from theory.arrays import FloatArray
from theory.experiments import Propagation
from theory.prediction import product
from theory.scaling import rational
from theory.verdict import Reason, ReasonKind
from verify.judging.claim import Measured
from verify.judging.evidence import MOST_MISSING, Exponents, InCells, Unjudged, weigh

CELLS = product((64,), (1, 2, 4))
LOG_SIZES = np.log([1.0, 2.0, 4.0])
RATIO = claimed(ValueEquals(Axis.DEPTH, 2.0, "a test"), margin=0.5, replicates=3, cells=CELLS)
SLOPE = claimed(
    ExponentEquals(Axis.DEPTH, rational("1/2"), "a test"), margin=0.5, replicates=3, cells=CELLS
)
SIDEWAYS = np.array([-1.0, 0.0, 1.0])[:, None]  # of mean 0 and standard error 1 / root 3


def p_value(distance: float) -> float:
    """Twice the one-sided p-value of a mean so far from an end, in units of its spread."""
    return float(2 * stats.t.sf(distance * np.sqrt(3), 2))


def test_a_ratio_is_measured_over_predicted() -> None:
    evidence = weigh(RATIO, Measured(2.0 + 0.2 * SIDEWAYS + np.zeros(3)))
    assert isinstance(evidence, InCells)
    np.testing.assert_allclose(evidence.samples, 1.0 + 0.1 * SIDEWAYS + np.zeros(3))


def test_cells_accept_together_and_the_least_clear_of_them_counts() -> None:
    """Of means 1, 1.25 and 0.9 in the band [0.5, 1.5] the second is 2.5 spreads from an end."""
    evidence = weigh(RATIO, Measured(2 * (np.array([1.0, 1.25, 0.9]) + 0.1 * SIDEWAYS)))
    assert isinstance(evidence, InCells)
    assert evidence.p_value == pytest.approx(3 * p_value(2.5))


@pytest.mark.parametrize(
    ("means", "distance"),
    [
        ([1.0, 2.5, 1.75], 10.0),  # above the band: the farther one decides, those inside do not
        ([1.0, 0.25, 0.2], 3.0),  # below it
        ([1.0, 0.25, 1.6], 2.5),
    ],
)
def test_one_cell_outside_rejects_and_the_clearest_of_them_counts(
    means: list[float], distance: float
) -> None:
    evidence = weigh(RATIO, Measured(2 * (np.array(means) + 0.1 * SIDEWAYS)))
    assert isinstance(evidence, InCells)
    assert evidence.p_value == pytest.approx(3 * p_value(distance))


def test_two_cells_share_the_level_between_them() -> None:
    claim = claimed(ValueEquals(Axis.DEPTH, 2.0, "a test"), 0.5, 3, cells=CELLS[:2])
    evidence = weigh(claim, Measured(2 * (np.array([1.0, 1.25]) + 0.1 * SIDEWAYS)))
    assert isinstance(evidence, InCells)
    assert evidence.p_value == pytest.approx(2 * p_value(2.5))


def test_a_p_value_of_many_cells_is_one_at_most() -> None:
    evidence = weigh(RATIO, Measured(2 * (np.array([1.0, 1.49, 1.0]) + 0.3 * SIDEWAYS)))
    assert isinstance(evidence, InCells)
    assert evidence.p_value == 1.0


def test_an_exponent_is_judged_by_its_distance_from_the_end_of_the_band() -> None:
    """Slopes 0.8, 0.9 and 1: a mean a tenth from 1, its spread a tenth."""
    values = np.exp((0.9 + 0.1 * SIDEWAYS) * LOG_SIZES + np.array([[3.0], [1.0], [2.0]]))
    evidence = weigh(SLOPE, Measured(values))
    assert isinstance(evidence, Exponents)
    np.testing.assert_allclose(evidence.samples, 0.9 + 0.1 * SIDEWAYS)
    np.testing.assert_allclose(evidence.logs, np.log(values))
    assert evidence.p_value == pytest.approx(p_value(1.0))
    assert evidence.checks.trimmed == pytest.approx([0.9])
    clustered = evidence.clustered()
    assert clustered.estimate == pytest.approx(0.9)
    assert clustered.level == 0.05


@pytest.mark.parametrize(("count", "complete"), [(2, False), (3, True), (4, True)])
def test_fewer_replicates_than_were_announced_are_an_interruption(
    count: int, complete: bool
) -> None:
    values = 2.0 + 0.2 * np.linspace(-1, 1, count)[:, None] + np.zeros(3)
    evidence = weigh(RATIO, Measured(values))
    assert isinstance(evidence, InCells) == complete
    if isinstance(evidence, Unjudged):
        assert (evidence.verdict, evidence.replicates) == (Verdict.INCONCLUSIVE, 2)
        assert not evidence.complete
        numbers = {"measured": 2, "wanted": 3}
        assert evidence.reasons == (Reason(ReasonKind.INTERRUPTED, (), numbers),)


def missing(count: int, incomplete: int) -> tuple[FloatArray, Measured]:
    """Replicates of which the first few miss a trial in their last cell, which is nan."""
    values = 2.0 + 0.2 * np.linspace(-1, 1, count)[:, None] + np.zeros(3)
    gaps = np.zeros(values.shape, dtype=bool)
    gaps[:incomplete, 2] = True
    holes = np.where(gaps, np.nan, values)
    return values, Measured(holes, missing=gaps)


def test_a_tenth_of_the_replicates_may_miss_a_trial_and_is_left_out() -> None:
    assert MOST_MISSING == 0.1
    values, measured = missing(20, 2)
    evidence = weigh(RATIO, measured)
    assert isinstance(evidence, InCells)
    np.testing.assert_allclose(evidence.samples, values[2:] / 2)
    numbers = {"incomplete": 2, "replicates": 20}
    assert evidence.notes == (Reason(ReasonKind.LEFT_OUT, (), numbers),)


def test_more_than_a_tenth_may_not_be_missing_by_chance() -> None:
    _, measured = missing(20, 3)
    evidence = weigh(RATIO, measured)
    assert isinstance(evidence, Unjudged)
    numbers = {"incomplete": 3, "replicates": 20, "most": 0.1}
    assert evidence.reasons == (Reason(ReasonKind.MISSING_TRIALS, (), numbers),)
    assert (evidence.verdict, evidence.replicates, evidence.p_value) == (Verdict.INVALID, 20, 1.0)
    assert evidence.complete


def test_where_nothing_is_missing_nothing_is_said() -> None:
    values, measured = missing(20, 0)
    evidence = weigh(RATIO, measured)
    assert isinstance(evidence, InCells)
    assert evidence.notes == ()
    assert len(evidence.samples) == len(values)


def test_the_other_setting_loses_the_same_replicates() -> None:
    """Ratios e^0.1, e^0.2, ... of pairs: those of the first two, which miss a trial, are gone."""
    other = Setting(residual(1), depth_mup(), Propagation(batch=2))
    claim = claimed(SettingsEqual(Axis.DEPTH, other, "a test"), replicates=20, cells=CELLS)
    _, measured = missing(20, 2)
    ratios = np.exp(0.1 * np.arange(20.0))[:, None]
    pair = Measured(measured.values, measured.values / ratios, missing=measured.missing)
    evidence = weigh(claim, pair)
    assert isinstance(evidence, InCells)
    np.testing.assert_allclose(evidence.samples, 0.1 * np.arange(2.0, 20.0)[:, None] + np.zeros(3))


def test_no_spread_at_all_says_nothing_and_a_spread_in_one_cell_does() -> None:
    still = np.full((3, 3), 2.0)
    evidence = weigh(RATIO, Measured(still))
    assert isinstance(evidence, Unjudged)
    assert evidence.reasons == (Reason(ReasonKind.NO_SPREAD),)
    assert evidence.replicates == 3
    assert evidence.verdict is Verdict.INVALID
    still[1, 1] = 2.1
    assert isinstance(weigh(RATIO, Measured(still)), InCells)


def test_a_diverged_trial_of_either_setting_is_divergence() -> None:
    other = Setting(residual(1), depth_mup(), Propagation(batch=2))
    claim = claimed(SettingsEqual(Axis.DEPTH, other, "a test"), replicates=3, cells=CELLS)
    values = 2.0 + 0.2 * SIDEWAYS + np.zeros(3)
    broken = values.copy()
    broken[2, 0] = np.inf
    for pair in (Measured(values, broken), Measured(broken, values)):
        evidence = weigh(claim, pair)
        assert isinstance(evidence, Unjudged)
        assert evidence.reasons[0].numbers == {"diverged": 1, "trials": 18}
