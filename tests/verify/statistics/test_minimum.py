"""The minimum of a sweep, by hand."""

import numpy as np
import pytest

from theory.arrays import FloatArray
from verify.statistics.minimum import Minima, best_log_rates

RATES = np.array([3.0, 6.0, 12.0, 24.0])
OPEN = np.inf


def places(minima: Minima) -> FloatArray:
    """Best rates, counted in steps of the grid from its first rate."""
    steps: FloatArray = (minima.log_rate - np.log(3.0)) / np.log(2.0)
    return steps


@pytest.mark.parametrize(
    ("losses", "place"),
    [
        ([3.0, 1.0, 1.0, 9.0], 1.5),  # between two equal losses
        ([5.0, 2.0, 3.0, 9.0], 1.25),  # 2 + (5 - 3) / (2 (5 - 4 + 3)) of a step before the middle
        ([9.0, 5.0, 2.0, 3.0], 2.25),
        ([3.0, 1.0, OPEN, OPEN], 1.0),  # no parabola beside a diverged rate
        ([OPEN, 1.0, 2.0, 3.0], 1.0),
        ([np.nan, 1.0, 2.0, 3.0], 1.0),
    ],
)
def test_the_best_rate_is_that_of_the_parabola(losses: list[float], place: float) -> None:
    minima = best_log_rates(np.array(losses), RATES)
    assert places(minima) == pytest.approx(place)
    assert minima.edge == 0


@pytest.mark.parametrize(
    ("losses", "edge"),
    [
        ([1.0, 2.0, 3.0, 4.0], -1),
        ([4.0, 3.0, 2.0, 1.0], 1),
        ([1.0, OPEN, OPEN, OPEN], -1),
        ([OPEN, OPEN, OPEN, 1.0], 1),
        ([OPEN, np.nan, OPEN, OPEN], 0),  # nothing is known, not even where to look
    ],
)
def test_at_the_end_of_the_grid_there_is_no_best_rate(losses: list[float], edge: int) -> None:
    minima = best_log_rates(np.array(losses), RATES)
    assert np.isnan(minima.log_rate)
    assert minima.edge == edge


def test_three_rates_are_enough_and_sweeps_are_found_side_by_side() -> None:
    sweeps = np.array([[3.0, 1.0, 3.0], [5.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    minima = best_log_rates(sweeps, RATES[:3])
    np.testing.assert_allclose(places(minima), [1.0, 1.25, np.nan, np.nan])
    np.testing.assert_array_equal(minima.edge, [0, 0, -1, 1])


def test_flat_losses_have_no_minimum_between_rates() -> None:
    """Of equal losses the first rate is taken, which is an edge; a flat floor has no bend."""
    assert best_log_rates(np.ones(4), RATES).edge == -1
    wide = best_log_rates(np.array([2.0, 1.0, 1.0, 1.0]), RATES)
    assert places(wide) == pytest.approx(1.5)
