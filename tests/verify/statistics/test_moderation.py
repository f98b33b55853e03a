"""Moderated variances: by hand, at the limits, and what they are for."""

import numpy as np
import pytest
from scipy import special, stats

from verify.statistics.moderation import moderated


def test_variances_that_differ_by_chance_alone_become_one() -> None:
    found = moderated(np.array([1.0, 1.1, 0.9, 1.0]), np.array([3.0, 3.0, 3.0, 9.0]))
    np.testing.assert_allclose(found.variances, 1.0)
    np.testing.assert_array_equal(found.degrees, 18.0)


def test_the_prior_solves_the_equations_of_smyth() -> None:
    """Mean and spread of the logarithms are those of the fitted prior."""
    variances, degrees = np.array([0.01, 0.3, 2.0, 50.0, 900.0]), np.full(5, 4.0)
    found = moderated(variances, degrees)
    # Two posterior variances and the formula give back the prior.
    slope = np.diff(found.variances) / np.diff(variances)
    np.testing.assert_allclose(slope, slope[0])
    prior_degrees = 4.0 / slope[0] - 4.0
    prior = (found.variances[0] * (prior_degrees + 4.0) - 4.0 * variances[0]) / prior_degrees
    logs = np.log(variances) - special.digamma(2.0) + np.log(2.0)
    spread = logs.var(ddof=1) - special.polygamma(1, 2.0)
    np.testing.assert_allclose(special.polygamma(1, prior_degrees / 2), spread)
    half = prior_degrees / 2
    np.testing.assert_allclose(np.log(prior) - special.digamma(half) + np.log(half), logs.mean())
    np.testing.assert_allclose(found.degrees, 4.0 + prior_degrees)


def test_what_does_not_vary_stays_and_tells_nothing_of_others() -> None:
    variances, degrees = np.array([0.0, 1.0, 1.1, 0.9]), np.full(4, 3.0)
    found = moderated(variances, degrees)
    alone = moderated(variances[1:], degrees[1:])
    assert found.variances[0] == 0.0
    assert found.degrees[0] == 3.0
    np.testing.assert_array_equal(found.variances[1:], alone.variances)
    np.testing.assert_array_equal(found.degrees[1:], alone.degrees)


@pytest.mark.parametrize("others", [[1.0, 1.1, 0.9], [0.01, 1.0, 100.0]])
def test_a_sample_of_one_has_the_variance_of_the_others(others: list[float]) -> None:
    found = moderated(np.array([0.0, *others]), np.array([0.0, 3.0, 3.0, 3.0]))
    assert min(others) <= found.variances[0] <= max(others)
    assert 0 < found.degrees[0] <= 9.0


def test_two_variances_are_left_as_they_are() -> None:
    found = moderated(np.array([1.0, 2.0, 0.0]), np.array([3.0, 3.0, 0.0]))
    np.testing.assert_array_equal(found.variances, [1.0, 2.0, np.nan])
    np.testing.assert_array_equal(found.degrees, [3.0, 3.0, 0.0])


@pytest.mark.parametrize("prior_degrees", [3.0, 30.0])
def test_intervals_hold_what_they_promise(prior_degrees: float) -> None:
    """And are shorter than those of samples alone: 3000 samples of 3, variances drawn."""
    generator = np.random.default_rng(5)
    samples, level = 3000, 0.01
    true = prior_degrees / generator.chisquare(prior_degrees, samples)
    values = generator.normal(0.0, np.sqrt(true), (3, samples))
    variances = values.var(axis=0, ddof=1)
    found = moderated(variances, np.full(samples, 2.0))
    reach = stats.t.ppf(1 - level / 2, found.degrees) * np.sqrt(found.variances / 3)
    alone = stats.t.ppf(1 - level / 2, 2) * np.sqrt(variances / 3)
    outside = int((np.abs(values.mean(axis=0)) > reach).sum())
    assert stats.binomtest(outside, samples, level).pvalue > 0.001
    assert np.mean(reach) < np.mean(alone)
