"""Intervals, bands and p-values, by hand."""

import numpy as np
import pytest
from scipy import stats

from theory import DomainError
from theory.expectations import Band
from verify.statistics.equivalence import (
    Interval,
    Intervals,
    decision_p_values,
    mean_interval,
    mean_intervals,
)

BAND = Band(-1.0, 2.0)
PLACES = {
    "inside": (-0.5, 1.5, True, False),
    "the band itself": (-1.0, 2.0, True, False),
    "out below": (-1.5, 1.0, False, False),
    "out above": (0.0, 2.5, False, False),
    "around it": (-3.0, 3.0, False, False),
    "below it": (-3.0, -1.5, False, True),
    "touching it from below": (-3.0, -1.0, False, False),
    "above it": (2.5, 3.0, False, True),
    "touching it from above": (2.0, 3.0, False, False),
}
# Mean 3, variance 2.5, five values: the standard error of the mean is root(1/2).
FIVE = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
ERROR = 0.5**0.5


@pytest.mark.parametrize(("low", "high", "within", "disjoint"), PLACES.values(), ids=PLACES)
def test_an_interval_lies_in_a_band_or_outside_it_or_neither(
    low: float, high: float, within: bool, disjoint: bool
) -> None:
    interval = Interval(0.0, low, high, 0.05)
    assert (interval.within(BAND), interval.disjoint_from(BAND)) == (within, disjoint)


def test_many_intervals_lie_where_each_of_them_lies() -> None:
    low, high, within, disjoint = (
        np.array(column) for column in zip(*PLACES.values(), strict=True)
    )
    intervals = Intervals(0 * low, low, high, 0 * low)
    np.testing.assert_array_equal(intervals.within(BAND), within)
    np.testing.assert_array_equal(intervals.disjoint_from(BAND), disjoint)


def test_an_interval_is_the_mean_and_a_quantile_of_t_times_its_standard_error() -> None:
    interval = mean_interval(FIVE, 0.05)
    half_width = 2.7764451 * ERROR  # t(0.975, 4)
    assert (interval.estimate, interval.level) == (3.0, 0.05)
    assert (interval.low, interval.high) == pytest.approx((3 - half_width, 3 + half_width))


def test_every_column_has_its_own_level() -> None:
    intervals = mean_intervals(np.stack([FIVE, FIVE], axis=1), np.array([0.05, 0.5]))
    half_widths = (intervals.high - intervals.low) / 2
    np.testing.assert_allclose(half_widths, np.array([2.7764451, 0.7406971]) * ERROR, rtol=1e-6)
    assert (intervals.at(0).level, intervals.at(1).level) == (0.05, 0.5)


@pytest.mark.parametrize(
    ("band", "distance"),
    [
        (Band(2.5, 4.0), 0.5),  # inside, and the nearer end counts
        (Band(1.0, 3.5), 0.5),
        (Band(-np.inf, 4.0), 1.0),
        (Band(4.0, 6.0), 1.0),  # below it
        (Band(1.0, 2.5), 0.5),  # above it
    ],
)
def test_a_p_value_is_two_sided_about_the_nearer_end_of_the_band(
    band: Band, distance: float
) -> None:
    (p_value,) = decision_p_values(FIVE[:, None], band)
    assert p_value == pytest.approx(2 * stats.t.sf(distance / ERROR, 4))


def test_a_p_value_is_one_at_most() -> None:
    """On the edge of the band each one-sided p-value is a half; beyond a point the larger rules."""
    assert decision_p_values(FIVE[:, None], Band(3.0, 9.0)) == pytest.approx([1.0])
    assert decision_p_values(FIVE[:, None], Band(3.0, 3.0)) == pytest.approx([1.0])


def test_without_spread_a_p_value_is_zero_and_on_the_edge_one() -> None:
    still = np.full((4, 1), 2.0)
    assert decision_p_values(still, Band(1.0, 3.0)) == [0.0]
    assert decision_p_values(still, Band(3.0, 4.0)) == [0.0]
    assert decision_p_values(still, Band(2.0, 3.0)) == [1.0]


def test_two_replicates_are_enough_and_one_is_not() -> None:
    interval = mean_interval(np.array([1.0, 3.0]), 0.5)  # the quartile of Cauchy's law is 1
    assert (interval.low, interval.high) == pytest.approx((1.0, 3.0))
    for decide in (mean_intervals, lambda samples, _: decision_p_values(samples, BAND)):
        with pytest.raises(DomainError, match="at least two"):
            decide(np.array([[1.0]]), 0.05)
