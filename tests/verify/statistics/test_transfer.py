"""What a carried rate costs, on sweeps small enough to be read by eye.

Rates 1, 2, 4, 8, 16 and sizes 1, 2, 4; losses are e to the power of what is written down.
"""

import numpy as np
import pytest

from theory.arrays import FloatArray
from verify.statistics.transfer import Transfer, _capped, _means, _neighbours, _read

RATES = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
SIZES = np.array([1.0, 2.0, 4.0])
BOWL = np.array([4.0, 1.0, 0.0, 1.0, 4.0])  # the square of the distance from the middle rate
LATER = np.array([9.0, 4.0, 1.0, 0.0, 1.0])
OPEN = np.inf


def transfer(*curves: np.ndarray, exponent: float = 0.0) -> Transfer:
    """Of the log losses of every size, the same in three replicates."""
    losses = np.exp(np.tile(np.stack(curves), (3, 1, 1)))
    return Transfer.of(losses, RATES, SIZES, exponent)


def test_a_rate_that_is_carried_to_the_wrong_place_costs_the_square_of_its_distance() -> None:
    """Best at the middle, one later, and there again: with exponent 1 it is one and two too far."""
    stays = transfer(BOWL, LATER, BOWL)
    np.testing.assert_allclose(stays.regret, np.tile([1.0, 0.0], (4, 1)), atol=1e-12)
    carried = transfer(BOWL, LATER, BOWL, exponent=1.0)
    np.testing.assert_allclose(carried.regret, np.tile([0.0, 4.0], (4, 1)), atol=1e-12)
    between = transfer(BOWL, BOWL, BOWL, exponent=0.5)  # half a step and one
    np.testing.assert_allclose(between.regret, np.tile([0.25, 1.0], (4, 1)), atol=1e-12)


def test_sizes_count_from_the_first_one() -> None:
    losses = np.exp(np.tile(np.stack([BOWL, BOWL, BOWL]), (3, 1, 1)))
    found = Transfer.of(losses, RATES * 3.0, SIZES * 5.0, -1.0)
    np.testing.assert_allclose(found.regret, np.tile([1.0, 4.0], (4, 1)), atol=1e-12)


def test_every_size_is_read_in_its_own_sweep() -> None:
    """Four sizes with four best rates, at 2, 3, 1 and 0.5 steps: the carried one stays at 2."""
    places = np.arange(5.0)
    curves = np.stack([(places - best) ** 2 + best for best in (2.0, 3.0, 1.0, 1.5)])
    losses = np.exp(np.tile(curves, (3, 1, 1)))
    found = Transfer.of(losses, RATES, np.array([1.0, 2.0, 4.0, 8.0]), 0.0)
    np.testing.assert_allclose(found.regret, np.tile([1.0, 1.0, 0.25], (4, 1)), atol=1e-12)


def tuned_at(*places: float) -> FloatArray:
    """Losses whose first size is best at another place in every replicate, the others at 2."""
    steps = np.arange(5.0)
    first = np.stack([(steps - place) ** 2 for place in places])
    losses: FloatArray = np.exp(np.stack([first, *[np.tile(BOWL, (len(places), 1))] * 2], axis=1))
    return losses


def test_a_rate_that_any_jackknifed_mean_carries_beyond_the_grid_is_named() -> None:
    """Best at 1.5, 2 and 2.5; the mean carried by 2 is the end, and without the first beyond it."""
    upward = Transfer.of(tuned_at(1.5, 2.0, 2.5), RATES, SIZES, 1.0)
    np.testing.assert_array_equal(upward.above, [False, False, True])
    downward = Transfer.of(tuned_at(1.5, 2.0, 2.5), RATES, SIZES, -1.0)
    np.testing.assert_array_equal(downward.below, [False, False, True])


def test_divergence_is_looked_up_at_the_rate_of_all_replicates() -> None:
    """Carried to 2.82 and 3.17; without the first replicate to 3.05, without the last to 2.9."""
    losses = tuned_at(2.0, 2.4, 3.0)
    losses[1, 1, 2:4] = np.nan
    losses[1, 2, [2, 4]] = np.nan
    found = Transfer.of(losses, RATES, SIZES, 0.35)
    np.testing.assert_array_equal(found.diverged, [[False, False], [True, False], [False, False]])
    elsewhere = tuned_at(2.0, 2.4, 3.0)
    elsewhere[0, 1, 3:] = np.nan
    elsewhere[0, 2, 2:4] = np.nan
    assert not Transfer.of(elsewhere, RATES, SIZES, 0.35).diverged.any()


def test_a_best_rate_of_the_grid_can_beat_the_parabola() -> None:
    """Read at the best rate, a floor with a bend of zero is no lower than its rates."""
    dent = np.array([4.0, 1.0, 0.0, 1.0, -0.5])
    found = transfer(BOWL, dent, BOWL)
    np.testing.assert_allclose(found.regret[:, 0], 0.5)


def test_each_row_leaves_one_replicate_out() -> None:
    logs = np.arange(24.0).reshape(3, 2, 4)
    means = _means(logs)
    np.testing.assert_allclose(means[0], logs.mean(axis=0))
    for left_out in range(3):
        others = np.delete(logs, left_out, axis=0)
        np.testing.assert_allclose(means[1 + left_out], others.mean(axis=0))


@pytest.mark.parametrize(
    ("losses", "capped"),
    [
        ([3.0, 2.0, 1.0, 2.5, 7.0], [3.0, 2.0, 1.0, 2.5, 3.0]),
        ([3.0, 4.0, 1.0, 5.0, 4.5], [3.0, 4.0, 1.0, 4.0, 4.0]),
        ([3.0, 1.0, 2.0, OPEN, np.nan], [3.0, 1.0, 2.0, 3.0, 3.0]),
        ([OPEN, 1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0, 1.0]),
        ([OPEN, OPEN, np.nan, OPEN, OPEN], [np.nan] * 5),
    ],
)
def test_no_loss_is_larger_than_the_largest_up_to_the_best(
    losses: list[float], capped: list[float]
) -> None:
    np.testing.assert_array_equal(_capped(np.array(losses)), capped)


def test_sweeps_are_capped_one_by_one() -> None:
    losses = np.array([[[3.0, 1.0, 9.0], [5.0, 1.0, 9.0]]])
    np.testing.assert_array_equal(_capped(losses), [[[3.0, 1.0, 3.0], [5.0, 1.0, 5.0]]])


@pytest.mark.parametrize(
    ("place", "lower", "upper"),
    [(0.0, 0, 0), (0.5, 0, 1), (2.0, 2, 2), (3.7, 3, 4), (4.0, 4, 4), (-1.0, 0, 0), (5.5, 4, 4)],
)
def test_neighbours_are_the_rates_on_either_side(place: float, lower: int, upper: int) -> None:
    assert _neighbours(np.array([place, np.nan]), 4)[0].tolist() == [lower, 0]
    assert _neighbours(np.array([place, np.nan]), 4)[1].tolist() == [upper, 0]


@pytest.mark.parametrize(
    ("curve", "place", "loss"),
    [
        (BOWL, 2.0, 0.0),
        (BOWL, 1.5, 0.25),  # exact for a parabola, inside and at both ends
        (BOWL, 0.25, 1.75**2),
        (BOWL, 3.75, 1.75**2),
        (BOWL, -3.0, 4.0),  # at its end beyond it
        (BOWL, 9.0, 4.0),
        (-BOWL, 1.5, -0.25),
        ([0.0, 1.0, 2.0, 3.0, 9.0], 2.5, 2.5),  # bends 0 and 5: a line
        ([0.0, 1.0, 0.0, 1.0, 0.0], 1.5, 0.5),  # bends of other signs: a line
        ([4.0, 1.0, 0.0, 2.0, 9.0], 2.5, 1.0 - 3 / 8),  # the smaller of 3 and 5
        ([9.0, 2.0, 0.0, 1.0, 4.0], 1.25, 1.5 - 3 / 32 * 3),  # of 5 and 3
        (BOWL / 4, 1.5, 1 / 16),  # bends below one
        ([0.0, 0.25, 0.0, 0.25, 0.0], 1.5, 0.125),
        ([0.0, 0.0, 0.0, 1.0, 4.0], 3.5, 2.25),  # bends 0, 1, 2, and 2 again at the end
        ([4.0, 1.0, 0.0, 0.0, 0.0], 0.5, 2.25),
    ],
)
def test_a_loss_between_rates_is_on_a_line_less_the_smaller_bend(
    curve: np.ndarray, place: float, loss: float
) -> None:
    assert _read(np.array(curve), np.array(place)) == pytest.approx(loss)
    both = _read(np.array([curve, 2 * np.array(curve)]), np.array([place, place]))
    np.testing.assert_allclose(both, [loss, 2 * loss], atol=1e-12)


def test_where_the_grid_ends_too_early_is_named() -> None:
    falling, rising = np.array([4.0, 3, 2, 1, 0]), np.array([0.0, 1, 2, 3, 4])
    np.testing.assert_array_equal(transfer(BOWL, falling, BOWL).above, [False, True, False])
    np.testing.assert_array_equal(transfer(BOWL, BOWL, rising).below, [False, False, True])
    first = transfer(falling, BOWL, BOWL)
    np.testing.assert_array_equal(first.above, [True, False, False])
    np.testing.assert_array_equal(first.below, [False, False, False])


@pytest.mark.parametrize(
    ("exponent", "below", "above"),
    [
        (1.0, [0, 0, 0], [0, 0, 0]),  # the last rate itself
        (1.25, [0, 0, 0], [0, 0, 1]),
        (2.5, [0, 0, 0], [0, 1, 1]),
        (-1.0, [0, 0, 0], [0, 0, 0]),
        (-1.25, [0, 0, 1], [0, 0, 0]),
        (-2.5, [0, 1, 1], [0, 0, 0]),
    ],
)
def test_a_rate_that_is_carried_beyond_the_grid_is_named(
    exponent: float, below: list[int], above: list[int]
) -> None:
    found = transfer(BOWL, BOWL, BOWL, exponent=exponent)
    np.testing.assert_array_equal(found.below, np.array(below, dtype=bool))
    np.testing.assert_array_equal(found.above, np.array(above, dtype=bool))


@pytest.mark.parametrize(("diverging", "widen"), [(0, True), (2, True), (3, False), (4, False)])
def test_no_wider_grid_is_asked_for_where_most_diverge_at_its_end(
    diverging: int, widen: bool
) -> None:
    """Of four replicates; the tuned size is always whole."""
    losses = np.exp(np.tile(BOWL, (4, 3, 1)))
    losses[:diverging, 1:, -1] = np.nan
    found = Transfer.of(losses, RATES, SIZES, 2.5)
    np.testing.assert_array_equal(found.above, [False, widen, widen])


def test_a_carried_rate_has_diverged_when_both_rates_beside_it_have() -> None:
    """Carried by half a step to 2.5 and by a whole one to 3; replicates diverge at one or two."""
    losses = np.exp(np.tile(BOWL, (4, 3, 1)))
    losses[1, 1:, 3] = OPEN
    losses[2, 1:, 2:4] = np.nan
    losses[3, 0, :2] = OPEN  # at the size of tuning: no matter
    found = Transfer.of(losses, RATES, SIZES, 0.5)
    np.testing.assert_array_equal(found.diverged[:, 0], [False, False, True, False])
    np.testing.assert_array_equal(found.diverged[:, 1], [False, True, True, False])


def test_parts_of_a_regret_are_those_of_the_jackknife_of_its_root() -> None:
    """Roots 3, then 2, 4 and 3 without each of three: parts 3 x 3 - 2 x root are 5, 1 and 3."""
    regret = np.array([[9.0], [4.0], [16.0], [9.0]])
    nothing = np.zeros(2, dtype=bool)
    found = Transfer(regret, nothing, nothing, np.zeros((3, 1), dtype=bool))
    parts = np.array([[5.0], [1.0], [3.0]])
    np.testing.assert_allclose(found.samples(16.0), 9 + (3 + 4) * (parts - 3))


def test_a_regret_below_zero_has_no_root_and_a_mean_below_zero_none_either() -> None:
    """Roots 0, then 0, 1 and 1: parts 0, -2 and -2, with a mean of -4/3 that counts as zero."""
    regret = np.array([[-1.0], [-4.0], [1.0], [1.0]])
    nothing = np.zeros(2, dtype=bool)
    found = Transfer(regret, nothing, nothing, np.zeros((3, 1), dtype=bool))
    parts = np.array([[0.0], [-2.0], [-2.0]])
    np.testing.assert_allclose(found.samples(0.25), 0.5 * (parts + 4 / 3))
