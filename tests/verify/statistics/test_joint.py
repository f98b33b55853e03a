"""Joint intervals of differences: Welch's, at the levels of Holm, and seldom wrong."""

import numpy as np
import pytest
from scipy import stats

from theory.arrays import FloatArray
from verify.statistics.equivalence import mean_intervals
from verify.statistics.joint import Estimate, joint_intervals, standard_errors


def estimates(samples: FloatArray, confidence: float = 0.95) -> list[Estimate]:
    """The t intervals of samples (replicates, columns)."""
    found = mean_intervals(samples, 1 - confidence)
    rows = zip(found.estimate, found.low, found.high, strict=True)
    return [Estimate(mean, low, high, confidence, len(samples)) for mean, low, high in rows]


def test_one_difference_has_the_interval_of_welch() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(8, 1)), generator.normal(1, 3, size=(12, 1))
    expected = stats.ttest_ind(second[:, 0], first[:, 0], equal_var=False).confidence_interval(0.95)
    for confidence in (0.8, 0.999):  # at which the two were reported does not matter
        found = joint_intervals(estimates(first, confidence), estimates(second), 0.05)
        assert [found.low[0], found.high[0]] == pytest.approx(list(expected))


def test_the_error_is_that_behind_the_interval() -> None:
    samples = np.random.default_rng(2).normal(size=(9, 3))
    errors = samples.std(axis=0, ddof=1) / 3
    assert standard_errors(estimates(samples)) == pytest.approx(errors)


def test_without_spread_any_difference_is_one() -> None:
    exact = Estimate(1.0, 1.0, 1.0, 0.95, 8)
    other = exact._replace(value=2.0, low=2.0, high=2.0)
    found = joint_intervals([exact, exact], [exact, other], 0.05)
    assert list(found.low) == [0.0, 1.0]
    assert list(found.high) == [0.0, 1.0]


def test_what_has_no_interval_is_not_said_to_have_moved() -> None:
    unknown = Estimate(1.0, np.nan, np.nan, 0.95, 8)
    far = Estimate(9.0, 8.9, 9.1, 0.95, 8)
    found = joint_intervals([unknown, far], [far, far], 0.05)
    assert np.isnan([found.low[0], found.high[0]]).all()
    assert (found.low[1], found.high[1]) == pytest.approx((-0.159, 0.159), abs=0.01)


@pytest.mark.parametrize(("replicates", "columns"), [(4, 1), (8, 20)])
def test_a_family_that_did_not_move_is_seldom_said_to_have(replicates: int, columns: int) -> None:
    """In 400 pairs of runs; 20 are expected at most, and 35 have a probability of 0.001."""
    generator, wrong = np.random.default_rng(3), 0
    for _ in range(400):
        before, after = map(estimates, generator.normal(size=(2, replicates, columns)))
        found = joint_intervals(before, after, 0.05)
        wrong += bool(((found.low > 0) | (found.high < 0)).any())
    assert wrong <= 35


def test_a_move_of_six_errors_is_seen_among_twenty() -> None:
    runs = np.random.default_rng(4).normal(size=(2, 16, 20))
    runs[1, :, 7] += 6 * np.sqrt(2 / 16)
    found = joint_intervals(estimates(runs[0]), estimates(runs[1]), 0.05)
    assert np.flatnonzero((found.low > 0) | (found.high < 0)).tolist() == [7]
