"""Exponents with intervals: exact laws, known noise, and bends."""

import math

import numpy as np
import pytest

from theory.arrays import FloatArray
from theory.expectations import Band
from verify.guarding.slopes import Slope, slopes_of

SIZES = (64, 128, 256, 512)


def one(table: FloatArray) -> Slope:
    (slope,) = slopes_of([table], SIZES, ["group"], ["kind"])
    return slope


def law(exponent: float, seeds: int = 3) -> FloatArray:
    intercepts = np.arange(seeds)[:, None]
    return exponent * np.log(np.array(SIZES, dtype=np.float64))[None, :] + intercepts


def test_an_exact_law_has_no_error_and_decides_at_once() -> None:
    slope = one(law(-0.5))
    assert slope.estimate == pytest.approx(-0.5)
    assert slope.error == 0.0
    assert slope.interval(0.001) == (slope.estimate, slope.estimate)
    assert slope.p_value([Band(-0.6, -0.4)]) == 0.0


def test_what_a_seed_does_to_all_sizes_is_no_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 4))
    small, large = one(law(0.0) + noise), one(1000 * law(0.0) + noise)
    assert small.error == pytest.approx(large.error)


def test_a_bend_is_a_misfit_and_no_noise() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.001, (4, 4))
    bent = law(0.0, 4) + 0.1 * np.array([1.0, 0.0, 0.0, 1.0]) + noise
    assert one(bent).error == pytest.approx(one(law(0.0, 4) + noise).error)
    assert one(bent).misfit < 1e-6
    assert one(law(0.0, 4) + noise).misfit > 1e-3


def test_the_p_value_is_the_level_at_which_the_interval_reaches_an_edge() -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, (5, 4))
    slope = one(law(0.05, 5) + noise)
    band = Band(-0.1, 0.1)
    low, high = slope.interval(slope.p_value([band]))
    nearest = min(abs(low + 0.1), abs(high - 0.1), abs(low - 0.1), abs(high + 0.1))
    assert nearest == pytest.approx(0.0, abs=1e-9)


def test_one_sided_bands_have_one_edge() -> None:
    slope = one(law(-3.0) + np.random.default_rng(3).normal(0, 0.01, (3, 4)))
    assert slope.p_value([Band(-math.inf, 0.1)]) < 1e-6


@pytest.mark.parametrize("seeds", [3, 5])
def test_intervals_cover_as_often_as_they_say(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    covered = []
    for _ in range(200):
        tables = [law(0.0, seeds) + rng.normal(0, 0.05, (seeds, 4)) for _ in range(25)]
        names = [str(place) for place in range(25)]
        for slope in slopes_of(tables, SIZES, names, ["kind"] * 25):
            low, high = slope.interval(0.05)
            covered.append(low <= 0 <= high)
    assert 0.94 < np.mean(covered) < 0.97


@pytest.mark.parametrize("seeds", [3, 5])
def test_parameters_that_move_together_count_as_one(seeds: int) -> None:
    """Five and twenty copies of the same numbers are no more sure than one; coverage stays."""
    rng = np.random.default_rng(10 + seeds)
    covered = []
    for _ in range(150):
        table = law(0.0, seeds) + rng.normal(0, 0.05, (seeds, 4))
        names = [str(place) for place in range(20)]
        slopes = slopes_of([table] * 20, SIZES, names, ["kind"] * 20)
        (block,) = slopes_of([table] * 5, SIZES, ["group"] * 5, ["kind"] * 5)[:1]
        alone = one(table)
        np.testing.assert_allclose([slope.degrees for slope in slopes], alone.degrees)
        assert block.degrees == pytest.approx(alone.degrees)
        low, high = slopes[0].interval(0.05)
        covered.append(low <= 0 <= high)
    assert np.mean(covered) > 0.93


def test_independent_parameters_add_what_they_know() -> None:
    rng = np.random.default_rng(7)
    tables = [law(0.0, 5) + rng.normal(0, 0.05, (5, 4)) for _ in range(30)]
    slopes = slopes_of(tables, SIZES, [str(k) for k in range(30)], ["kind"] * 30)
    assert min(slope.degrees for slope in slopes) > 3 * one(tables[0]).degrees
