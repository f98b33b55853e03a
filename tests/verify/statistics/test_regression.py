"""Regressions by hand: slopes, bends, contrasts and their errors."""

import numpy as np
import pytest
from statsmodels.stats.multivariate import test_mvmean as mvmean

from theory import Axis, DomainError, Power
from theory.prediction import product
from verify.statistics.regression import PowerLaw

# log2 of the sizes is -1, 0, 1, 2 around their mean 1/2: sizes 1, 2, 4, 8 with one more above.
SIZES = np.array([1.0, 2.0, 4.0, 8.0])
LOG_TWO = np.log(2.0)
LAW = PowerLaw(SIZES, np.empty((4, 0)), "depth")


def test_an_exponent_is_the_least_squares_slope_of_every_replicate() -> None:
    """Centred log2 sizes are -1.5, -0.5, 0.5, 1.5, their squares sum to 5."""
    logs = np.array([[1.0, 0.0, 0.0, 2.0], [0.0, 4.0, 0.0, 0.0]])
    slopes = np.array([1.5 / 5, -2.0 / 5]) / LOG_TWO
    np.testing.assert_allclose(LAW.exponents(logs), slopes)
    coefficients = LAW.coefficients(logs)
    np.testing.assert_allclose(coefficients[:, 1], slopes)
    np.testing.assert_allclose(coefficients[:, 0], [0.75 - 0.3 * 1.5, 1.0 + 0.4 * 1.5])


def test_sizes_and_corrections_are_those_of_cells() -> None:
    cells = product((64, 128), (2, 4, 8))
    law = PowerLaw.of_cells(cells, Axis.DEPTH, (Power(depth=-1), Power(width=-1, depth=1)))
    np.testing.assert_array_equal(law.sizes, [cell.depth for cell in cells])
    np.testing.assert_array_equal(
        law.corrections, [[1 / cell.depth, cell.depth / cell.width] for cell in cells]
    )
    assert law.axis == "depth"
    np.testing.assert_allclose(
        law.design_matrix[:, :2], np.stack([np.ones(6), np.log(law.sizes)], 1)
    )
    assert PowerLaw.of_cells(cells, Axis.WIDTH).corrections.shape == (6, 0)


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_small_corrections_identify_and_copies_do_not(scale: float) -> None:
    small = scale * np.array([[1.0], [0], [0], [0]])
    law = PowerLaw(SIZES, small, "depth")
    # The correction takes the first cell for itself: the slope is that of the other three.
    assert law.exponents(np.array([9.0, 1.0, 2.0, 3.0])) == pytest.approx(1 / LOG_TWO)
    for useless in (0 * small, scale * np.ones((4, 1)), np.log(SIZES)[:, None] * scale):
        with pytest.raises(DomainError, match="4 cells along depth cannot identify 3 regression"):
            PowerLaw(SIZES, useless, "depth")


def test_curvature_is_the_bend_times_the_range() -> None:
    """Of a (log s)^2 the local exponent is 2 a log s: it moves by a times the whole range."""
    movement = LAW.curvature(0.5 * np.log(SIZES)[None] ** 2 + 3 * np.log(SIZES) - 1)
    assert movement == pytest.approx([0.5 * np.log(8)])


def test_curvature_needs_a_degree_of_freedom_of_its_own() -> None:
    three = PowerLaw(SIZES[:3], np.empty((3, 0)), "depth")
    assert three.curvature(np.zeros((2, 3))) is None
    assert LAW.curvature(np.zeros((2, 4))) is not None
    # Two cells a size: four cells, but two sizes, which show no bend.
    twice = PowerLaw(np.repeat(SIZES[:2], 2), np.empty((4, 0)), "depth")
    assert twice.curvature(np.zeros((2, 4))) is None


def test_the_smallest_size_is_left_out_with_all_its_cells() -> None:
    """Slopes of 0, 1, 2, 3 steps after a first size at 9: one, minus that of all."""
    sizes = np.array([1.0, 1.0, 2.0, 4.0, 8.0])
    law = PowerLaw(sizes, np.empty((5, 0)), "depth")
    logs = np.array([[9.0, 9.0, 1.0, 2.0, 3.0]])
    whole = np.polyfit(np.log(sizes), logs[0], 1)[0]
    assert law.without_smallest(logs) == pytest.approx([1 / LOG_TWO - whole])


def test_without_the_smallest_size_a_degree_of_freedom_has_to_remain() -> None:
    three = PowerLaw(SIZES[:3], np.empty((3, 0)), "depth")
    assert three.without_smallest(np.zeros((2, 3))) is None
    assert LAW.without_smallest(np.zeros((2, 4))) is not None
    # Three cells remain, of one size.
    wide = PowerLaw(np.array([1.0, 2, 2, 2]), np.empty((4, 0)), "depth")
    assert wide.without_smallest(np.zeros((2, 4))) is None
    # The correction keeps its rows: without the cell that it marks, it identifies nothing.
    marked = PowerLaw(np.append(SIZES, 16.0), np.eye(5)[:, :1], "depth")
    assert marked.without_smallest(np.zeros((2, 5))) is None
    other = PowerLaw(np.append(SIZES, 16.0), np.eye(5)[:, 4:], "depth")
    logs = np.array([[0.0, 1.0, 3.0, 5.0, 99.0]])  # slopes 2 and 17/10 a step
    assert other.without_smallest(logs) == pytest.approx([0.3 / LOG_TWO])


def test_lack_of_fit_is_hotellings_test_of_contrasts_one_column_at_a_time() -> None:
    """Residuals of a line through four cells, in the basis of two contrasts written by hand."""
    generator = np.random.default_rng(3)
    logs = generator.normal(0.02, [0.1, 0.2, 0.1, 0.3], (9, 2, 4)) + np.array([0, 0.1, 0, 0])
    contrasts = np.array([[1.0, -2, 1, 0], [0, 1, -2, 1]])
    p_values = LAW.lack_of_fit(logs)
    assert p_values is not None
    for column in range(2):
        expected = mvmean(logs[:, column] @ contrasts.T, np.zeros(2)).pvalue
        assert p_values[column] == pytest.approx(expected, rel=1e-6)
    raised = LAW.lack_of_fit(logs + 1e3)
    assert raised is not None
    np.testing.assert_allclose(raised, p_values, rtol=1e-4)


def test_lack_of_fit_needs_more_replicates_than_contrasts_and_a_contrast() -> None:
    """Two contrasts of four cells: three replicates are too few, four are enough."""
    logs = np.random.default_rng(0).normal(size=(4, 1, 4))
    assert LAW.lack_of_fit(logs[:3]) is None
    assert LAW.lack_of_fit(logs) is not None
    two = PowerLaw(SIZES[:2], np.empty((2, 0)), "depth")
    assert two.lack_of_fit(np.zeros((9, 1, 2))) is None


@pytest.mark.parametrize("height", [0.0, 1.0, 1e6])
def test_without_spread_rounding_is_no_lack_of_fit_but_a_bend_is(height: float) -> None:
    line = 0.3 * height * np.log(SIZES)
    still = np.broadcast_to(line, (9, 1, 4))
    bent = still + np.array([0, 0.01, 0, 0])
    fits, bends = LAW.lack_of_fit(still), LAW.lack_of_fit(bent)
    assert fits is not None
    assert bends is not None
    assert fits[0] > 0.05
    assert bends[0] < 1e-12


def test_columns_with_little_spread_are_not_measured_by_their_neighbours() -> None:
    """Rounding is that of a column's own logarithms."""
    small = np.random.default_rng(0).normal(0, 1e-12, (9, 1, 4)) + np.array([0, 3e-12, 0, 0])
    alone = LAW.lack_of_fit(1e3 * small)
    beside = LAW.lack_of_fit(np.concatenate([1e3 * small, np.full((9, 1, 4), 1e9)], axis=1))
    assert alone is not None
    assert beside is not None
    assert beside[0] == pytest.approx(alone[0], rel=1e-9)


def test_local_exponents_are_differences_over_differences() -> None:
    """Cells of one size are averaged: log 1 -> (0 + 2) / 2, log 2 -> 3, log 8 -> 9."""
    law = PowerLaw(np.array([8.0, 1.0, 2.0, 1.0]), np.empty((4, 0)), "depth")
    logs = np.array([[[9.0, 0.0, 3.0, 2.0]], [[0.0, 0.0, 1.0, 0.0]]])  # two replicates, one column
    sizes, samples = law.local_exponents(logs)
    np.testing.assert_array_equal(sizes, [1, 2, 8])
    expected = np.array([[[2, 6 / 2]], [[1, -1 / 2]]])
    np.testing.assert_allclose(samples, expected / LOG_TWO)


def test_what_is_extrapolated_lies_on_the_fitted_line_with_its_corrections() -> None:
    law = PowerLaw(SIZES, 1 / SIZES[:, None] ** 2, "depth")
    logs = np.array([[1.0], [2.0]]) + 0.5 * np.log(SIZES) - 3 / SIZES**2
    further = law.extrapolated(logs, 16.0, np.array([1 / 256]))
    np.testing.assert_allclose(further, np.array([1, 2]) + 0.5 * np.log(16) - 3 / 256)


def test_fitted_values_are_the_geometric_mean_over_replicates() -> None:
    logs = np.array([[1.0], [2.0]]) + np.array([[0.5], [1.0]]) * np.log(SIZES)
    np.testing.assert_allclose(LAW.fitted(logs), np.exp(1.5) * SIZES**0.75)


def test_pooled_errors_are_clustered_by_replicate() -> None:
    """For one design the sandwich is the spread of slopes, scaled by statsmodels' small samples."""
    logs = np.random.default_rng(5).normal(size=(6, 1)) * np.log(SIZES) + np.arange(6.0)[:, None]
    slopes = LAW.exponents(logs)
    pooled = LAW.cluster_robust(logs, 0.1)
    assert pooled.estimate == pytest.approx(slopes.mean())
    assert pooled.level == 0.1
    scale = (24 - 1) / (24 - 2)  # (N - 1) / (N - k), beside R / (R - 1)
    error = slopes.std(ddof=1) / np.sqrt(6) * np.sqrt(scale)
    half_width = 2.0150484 * error  # t(0.95, 5)
    assert (pooled.low, pooled.high) == pytest.approx(
        (slopes.mean() - half_width, slopes.mean() + half_width), rel=1e-6
    )


def test_two_replicates_are_pooled_and_one_is_refused() -> None:
    logs = np.array([[0.0, 1.0, 1.0, 4.0], [1.0, 1.0, 3.0, 3.0]])
    assert LAW.cluster_robust(logs, 0.05).estimate == pytest.approx(LAW.exponents(logs).mean())
    with pytest.raises(DomainError, match="at least two"):
        LAW.cluster_robust(logs[:1], 0.05)
