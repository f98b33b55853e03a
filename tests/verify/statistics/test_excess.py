"""The excess over the largest size and its continuation, by hand."""

import numpy as np
import pytest
from scipy import stats

from verify.statistics.excess import MOST_RELATIVE_ERROR, Continuation, Excess

REFERENCE = np.array([1.0, 2.0, 3.0])
# Excesses: 1, 2, 3 (mean 2, standard error 1/root 3) and the same with the other sign.
OVER = Excess.over(REFERENCE[:, None] + np.array([[1.0, -1.0], [2, -2], [3, -3]]), REFERENCE)


def test_an_excess_is_paired_with_the_reference_of_its_replicate() -> None:
    np.testing.assert_array_equal(OVER.samples, [[1, -1], [2, -2], [3, -3]])
    np.testing.assert_allclose(OVER.relative_error, [0.5 / 3**0.5, -0.5 / 3**0.5])


def test_the_p_value_of_a_negative_mean_is_two_sided() -> None:
    """t = 2 root 3 with two degrees of freedom; a positive mean has no evidence at all."""
    np.testing.assert_allclose(OVER.negative, [1.0, 2 * stats.t.sf(2 * 3**0.5, 2)])


def test_no_spread_and_no_excess_is_no_evidence() -> None:
    nothing = Excess.over(np.ones((3, 1)), np.ones(3))
    assert nothing.negative == [1.0]
    assert not nothing.resolved


@pytest.mark.parametrize(
    ("relative_error", "resolved"),
    [
        ([0.1, MOST_RELATIVE_ERROR], True),
        ([0.1, MOST_RELATIVE_ERROR * 1.001], False),
        ([0.1, -0.1], False),
        ([0.1, 0.0], False),
        ([np.nan, 0.1], False),
    ],
)
def test_an_excess_is_resolved_when_every_mean_is_known_to_a_fifth(
    relative_error: list[float], resolved: bool
) -> None:
    nothing = np.zeros((3, 2))
    assert Excess(nothing, nothing, np.array(relative_error)).resolved is resolved


def test_a_fifth_keeps_the_logarithm_of_a_mean_within_two_hundredths() -> None:
    error = MOST_RELATIVE_ERROR**2 / 2
    assert error == pytest.approx(0.02)


def test_parts_of_a_logarithm_are_linear_in_the_deviation_from_the_mean() -> None:
    """log 2 + (1, 2, 3) / 2 - 1."""
    logs = Excess(OVER.samples[:, :1], np.zeros(1), np.zeros(1)).logs()
    np.testing.assert_allclose(logs, np.log(2) + np.array([[-0.5], [0.0], [0.5]]))


def test_a_continuation_removes_what_the_finite_reference_takes() -> None:
    """s^-1 - 8^-1 at 2 and 4 is 3/8 and 1/8: its derivative in the exponent over itself is x."""
    continued = Continuation.of(np.array([2.0, 4.0, 8.0]), -1.0)
    log_two = np.log(2.0)
    x = np.array([(1 / 2 - 3 / 8) / (3 / 8), (2 / 4 - 3 / 8) / (1 / 8)]) * log_two
    np.testing.assert_allclose(continued.sizes, np.exp(x))
    np.testing.assert_allclose(continued.factors, -x - np.log([3 / 8, 1 / 8]))
