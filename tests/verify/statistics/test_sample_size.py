"""Power and plans, by hand and by other integrals."""

import math

import numpy as np
import pytest
from scipy import stats

from theory.expectations import Band
from verify.statistics.sample_size import (
    MOST_REPLICATES,
    PILOT_CONFIDENCE,
    TARGET_POWER,
    cautious_spread,
    detectable_margin,
    power,
    replicates_to_decide,
    required_replicates,
    typical_truth,
)

BAND = Band(-0.1, 0.1)


def within(margin: float) -> Band:
    return Band(-margin, margin)


def integrated(spread: float, replicates: int, band: Band, truth: float, level: float) -> float:
    """The same probability, a sum over the ratio of the observed to the true standard deviation."""
    degrees, error = replicates - 1, spread / math.sqrt(replicates)
    ratio = (np.arange(8000) + 0.5) / 1000
    half = stats.t.ppf(1 - level / 2, degrees) * error * ratio
    mean = stats.norm(truth, error)
    inside = np.maximum(0.0, mean.cdf(band.high - half) - mean.cdf(band.low + half))
    outside = mean.sf(band.high + half) + mean.cdf(band.low - half)
    density = stats.chi.pdf(ratio * math.sqrt(degrees), degrees) * math.sqrt(degrees)
    return float(((inside + outside) * density).sum() / 1000)


@pytest.mark.parametrize("replicates", [2, 3, 12])
@pytest.mark.parametrize("truth", [0.0, 0.07, 0.1, -0.25])
def test_power_is_an_integral_over_the_observed_spread(replicates: int, truth: float) -> None:
    for band in (BAND, Band(-math.inf, 0.1), Band(-0.1, math.inf)):
        found = power(0.1, replicates, band, truth, 0.05)
        assert found == pytest.approx(integrated(0.1, replicates, band, truth, 0.05), abs=2e-3)


def test_power_of_several_is_what_their_failures_leave_at_their_share_of_the_level() -> None:
    spreads = np.array([0.06, 0.07])
    alone = [power(spread, 12, BAND, 0.0, 0.025) for spread in spreads]
    assert 0 < power(spreads, 12, BAND, 0.0, 0.05) == pytest.approx(sum(alone) - 1)
    assert power(np.array([1.0, 1.0]), 12, BAND, 0.1, 0.05) == 0.0


def test_one_replicate_decides_nothing_and_two_may() -> None:
    assert power(1e-6, 1, BAND, 0.0, 0.05) == 0.0
    assert power(1e-6, 2, BAND, 0.0, 0.05) == pytest.approx(1.0)


def test_without_spread_all_is_decided_but_on_an_edge() -> None:
    truths = [-0.2, -0.1, 0.0, 0.1, 0.2]
    assert [power(0.0, 2, BAND, truth, 0.05) for truth in truths] == [1, 0, 1, 0, 1]


def test_an_experiment_is_planned_for_a_margin_from_the_end_of_the_band() -> None:
    assert typical_truth(BAND, 0.1) == 0.0
    assert typical_truth(Band(-math.inf, 1.5), 0.25) == 1.25
    assert typical_truth(Band(0.5, math.inf), 0.25) == 0.75


def test_a_cautious_spread_is_exceeded_by_the_truth_in_one_pilot_of_ten() -> None:
    """Of normal samples: (R - 1) s^2 / sigma^2 is chi-squared; for R = 3 its law is exponential."""
    assert PILOT_CONFIDENCE == 0.9
    tenth = -2 * math.log(0.9)
    np.testing.assert_allclose(
        cautious_spread(np.array([1.0, 3.0]), 3), np.array([1, 3]) * math.sqrt(2 / tenth)
    )


def test_plans_have_a_power_of_nineteen_in_twenty() -> None:
    assert TARGET_POWER == 0.95
    needed = required_replicates(0.1, BAND, 0.0, 0.05)
    assert needed is not None
    assert power(0.1, needed - 1, BAND, 0.0, 0.05) < 0.95 <= power(0.1, needed, BAND, 0.0, 0.05)


def test_the_detectable_margin_is_the_narrowest_with_that_power() -> None:
    margin = detectable_margin(0.1, 12, within, 0.05)
    assert power(0.1, 12, within(margin), 0.0, 0.05) >= 0.95
    assert power(0.1, 12, within(margin * (1 - 2e-4)), 0.0, 0.05) < 0.95


def test_the_detectable_margin_grows_with_the_spread_and_is_nothing_without_it() -> None:
    one, ten = (detectable_margin(spread, 12, within, 0.05) for spread in (0.1, 1.0))
    assert ten == pytest.approx(10 * one, rel=1e-3)
    assert detectable_margin(0.0, 12, within, 0.05) == 0.0
    several = detectable_margin(np.array([0.01, 0.1]), 12, within, 0.05)
    assert several == pytest.approx(detectable_margin(0.1, 12, within, 0.025), rel=0.01)


def test_no_margin_is_detectable_that_a_million_spreads_are_not() -> None:
    """With two replicates at level 1e-7, t is 6 million and more."""
    assert detectable_margin(1.0, 2, within, 1e-7) == math.inf
    assert detectable_margin(1.0, 2, within, 1e-4) < 1e6


def test_replicates_that_would_decide_are_counted_from_the_nearer_end() -> None:
    """Spread one, half a unit from the end: t(0.975, R - 1) / root R is at most 1/2 at R = 18."""
    unit = np.array([-1.0, 0.0, 1.0])
    assert stats.t.ppf(0.975, 17) / math.sqrt(18) <= 0.5 < stats.t.ppf(0.975, 16) / math.sqrt(17)
    for band in (Band(-0.5, 9.0), Band(-9.0, 0.5), Band(0.5, 9.0), Band(-9.0, -0.5)):
        assert replicates_to_decide(unit, band, 0.05) == 18


def test_on_an_edge_no_count_decides_and_far_from_it_two_do() -> None:
    unit = np.array([-1.0, 0.0, 1.0])
    assert replicates_to_decide(unit, Band(0.0, 1.0), 0.05) is None
    assert replicates_to_decide(unit, Band(-9.0, 9.0), 0.05) == 2
    assert replicates_to_decide(unit, Band(-3.0, 3.0), 0.05) == 3  # 2: 8.98, 3: 2.48


def test_a_million_replicates_are_the_most() -> None:
    """1.96 root(2e6) / root R of half a width: decided by a million, and by no fewer than that."""
    assert MOST_REPLICATES == 1_000_000
    unit = np.array([-1.0, 0.0, 1.0])
    quantile = stats.t.ppf(0.975, 999_999)
    reach = quantile / 1000
    assert replicates_to_decide(unit, within(reach * (1 + 1e-9)), 0.05) == 1_000_000
    assert replicates_to_decide(unit, within(reach * (1 - 1e-9)), 0.05) is None


def fewest_that_decide(samples: np.ndarray, band: Band, level: float) -> int:
    """By trying every count until the t interval of that spread ends within the distance."""
    mean, spread = samples.mean(), samples.std(ddof=1)
    distance = min(abs(mean - band.low), abs(mean - band.high))
    counts = range(2, 10_000)
    return next(
        n for n in counts if stats.t.ppf(1 - level / 2, n - 1) * spread / math.sqrt(n) <= distance
    )


@pytest.mark.parametrize("mean", [-0.35, -0.12, 0.02, 0.17, 0.3])
@pytest.mark.parametrize("spread", [0.004, 0.05, 0.4])
def test_the_replicates_that_decide_are_the_fewest(mean: float, spread: float) -> None:
    """For a band that is not symmetric, from either side of either end."""
    noise = np.random.default_rng(0).normal(0.0, 1.0, 9)
    samples = mean + spread * (noise - noise.mean()) / noise.std(ddof=1)
    band = Band(-0.3, 0.2)
    expected = fewest_that_decide(samples, band, 0.05)
    assert replicates_to_decide(samples, band, 0.05) == expected


def test_the_largest_spread_of_several_needs_the_margin() -> None:
    """A spread of nearly nothing beside it leaves the search as wide as the largest one needs."""
    together = detectable_margin(np.array([1e-9, 1.0]), 12, within, 0.05)
    assert together == pytest.approx(detectable_margin(1.0, 12, within, 0.025), rel=0.01)
