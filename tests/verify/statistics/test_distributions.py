"""Own quantiles, tails and intervals are those of scipy.stats and statsmodels."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.weightstats import DescrStatsW

from theory.expectations import Band
from verify.statistics.distributions import (
    chi_squared_quantile,
    fisher_above,
    half_or_more,
    normal_below,
    student_above,
    student_quantile,
)
from verify.statistics.equivalence import decision_p_values, mean_intervals
from verify.statistics.regression import PowerLaw


@pytest.mark.parametrize("degrees", [1, 2, 5, 30, 1e4])
def test_students_t(degrees: float) -> None:
    probabilities = np.array([1e-9, 0.025, 0.5, 0.975, 1 - 1e-9])
    found = student_quantile(probabilities, degrees)
    np.testing.assert_allclose(found, stats.t.ppf(probabilities, degrees), rtol=1e-9, atol=1e-9)
    values = np.array([-np.inf, -3.0, 0.0, 1.0, 40.0, np.inf])
    np.testing.assert_allclose(student_above(values, degrees), stats.t.sf(values, degrees))


def test_other_distributions() -> None:
    values = np.array([0.1, 2.0, 50.0])
    np.testing.assert_allclose(fisher_above(values, 3, 7), stats.f.sf(values, 3, 7))
    np.testing.assert_allclose(normal_below(values - 1), stats.norm.cdf(values - 1))
    assert chi_squared_quantile(0.1, 5) == pytest.approx(stats.chi2.ppf(0.1, 5))
    for successes in (0, 3, 9, 10):
        exact = stats.binomtest(successes, 10, 0.5, alternative="greater").pvalue
        assert half_or_more(successes, 10) == pytest.approx(exact)


def test_intervals_and_decisions_are_those_of_statsmodels() -> None:
    samples = np.random.default_rng(6).normal(0.1, 0.3, (7, 5))
    described, band = DescrStatsW(samples), Band(-0.2, 0.25)
    low, high = described.tconfint_mean(alpha=0.03)
    found = mean_intervals(samples, 0.03)
    np.testing.assert_allclose([found.low, found.high], [low, high])
    accepting = described.ttost_mean(band.low, band.high)[0]
    above = described.ttest_mean(band.high, alternative="larger")[1]
    below = described.ttest_mean(band.low, alternative="smaller")[1]
    smallest = np.minimum(accepting, np.minimum(above, below))
    np.testing.assert_allclose(decision_p_values(samples, band), np.minimum(1, 2 * smallest))


def test_errors_clustered_by_replicate_are_those_of_statsmodels() -> None:
    sizes = np.array([4.0, 8.0, 16.0, 32.0, 64.0])
    law = PowerLaw(sizes, 1 / sizes[:, None], "depth")
    logs = np.random.default_rng(7).normal(size=(6, 5))
    fit = OLS(logs.ravel(), np.tile(law.design_matrix, (6, 1))).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(6), 5)}, use_t=True
    )
    found = law.cluster_robust(logs, 0.05)
    assert found.estimate == pytest.approx(fit.params[1])
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int(alpha=0.05)[1]))
