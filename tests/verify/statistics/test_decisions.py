"""Equivalence decisions: p-values and intervals say the same, and err as rarely as promised."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from theory import DomainError, Verdict
from theory.expectations import Band
from verify.statistics.equivalence import (
    Interval,
    decision_p_values,
    mean_interval,
    mean_intervals,
)
from verify.statistics.multiplicity import discovery_levels, holm_levels
from verify.statistics.sample_size import replicates_to_decide

BAND = Band(-0.1, 0.1)
AT_MOST = Band(-np.inf, 0.1)


def decided(interval: Interval, band: Band = BAND) -> Verdict:
    if interval.within(band):
        return Verdict.ACCEPTED
    return Verdict.REJECTED if interval.disjoint_from(band) else Verdict.INCONCLUSIVE


samples = st.tuples(
    st.integers(0, 10_000), st.floats(-0.3, 0.3), st.floats(0.01, 0.5), st.integers(4, 40)
)


def normal(seed: int, mean: float, spread: float, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, count)


@given(samples, st.floats(1e-4, 0.2), st.sampled_from([BAND, AT_MOST]))
def test_p_value_and_interval_are_one_statement(
    parameters: tuple[int, float, float, int], level: float, band: Band
) -> None:
    drawn = normal(*parameters)
    clear = decided(mean_interval(drawn, level), band) is not Verdict.INCONCLUSIVE
    (p_value,) = decision_p_values(drawn[:, None], band)
    if abs(p_value - level) > 1e-9:
        assert clear == (p_value < level)


@given(st.lists(samples.map(lambda s: (*s[:3], 12)), min_size=1, max_size=4), st.floats(0.01, 0.2))
def test_many_columns_are_one_column_many_times(
    parameters: list[tuple[int, float, float, int]], level: float
) -> None:
    """What judges a campaign and what calibrates it are the same numbers."""
    columns = np.stack([normal(*each) for each in parameters], axis=1)
    intervals = mean_intervals(columns, level)
    p_values = decision_p_values(columns, BAND)
    for i, column in enumerate(columns.T):
        found, alone = intervals.at(i), mean_interval(column, level)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=1e-12)
        assert p_values[i] == pytest.approx(decision_p_values(column[:, None], BAND)[0], abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.05, 0.05, Verdict.ACCEPTED),
        (-0.1, 0.1, Verdict.ACCEPTED),
        (0.11, 0.4, Verdict.REJECTED),
        (-0.4, -0.11, Verdict.REJECTED),
        (0.05, 0.2, Verdict.INCONCLUSIVE),
        (-0.3, 0.3, Verdict.INCONCLUSIVE),
    ],
)
def test_where_the_interval_lies_is_the_verdict(low: float, high: float, verdict: Verdict) -> None:
    assert decided(Interval((low + high) / 2, low, high, 0.05)) is verdict


@given(samples)
def test_the_number_of_replicates_needed_is_the_smallest_one(
    parameters: tuple[int, float, float, int],
) -> None:
    drawn = normal(*parameters)
    needed = replicates_to_decide(drawn, BAND, 0.05)
    distance = abs(abs(drawn.mean()) - 0.1)

    def half_width(count: int) -> float:
        return float(stats.t.ppf(0.975, count - 1) * drawn.std(ddof=1) / np.sqrt(count))

    if needed is None:
        assert half_width(1_000_000) > distance
    else:
        assert half_width(needed) <= distance
        assert needed == 2 or half_width(needed - 1) > distance


@pytest.mark.parametrize("truth", [0.1, 0.12, 0.08])
def test_wrong_decisions_at_and_near_the_margin_are_as_rare_as_promised(truth: float) -> None:
    """2000 synthetic truths; the bound is the 99.9 percent binomial one at the nominal rate."""
    generator = np.random.default_rng(7)
    wrong = 0
    for _ in range(2000):
        drawn = generator.normal(truth, 0.08, 12)
        verdict = decided(mean_interval(drawn, 0.05))
        wrong += verdict is (Verdict.ACCEPTED if truth >= 0.1 else Verdict.REJECTED)
    assert wrong <= stats.binom.ppf(0.999, 2000, 0.05)


def test_decisions_are_made_when_they_are_clear() -> None:
    generator = np.random.default_rng(7)
    verdicts = {
        truth: [decided(mean_interval(generator.normal(truth, 0.05, 24), 0.05)) for _ in range(200)]
        for truth in (0.0, 0.25)
    }
    assert verdicts[0.0].count(Verdict.ACCEPTED) >= 198
    assert verdicts[0.25].count(Verdict.REJECTED) >= 198


Procedure = Callable[..., npt.NDArray[np.float64]]

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(p_lists, st.floats(0.01, 0.2))
def test_levels_are_those_of_holm(p_values: list[float], alpha: float) -> None:
    levels = holm_levels(np.array(p_values), alpha)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    going = True
    for rank, index in enumerate(order):
        threshold = alpha / (len(p_values) - rank)
        decided = going and p_values[index] <= threshold
        assert (p_values[index] <= levels[index]) == decided
        if going:
            assert levels[index] == pytest.approx(threshold)
        going = decided


@given(p_lists, st.floats(0.01, 0.2))
def test_levels_are_those_of_benjamini_and_hochberg(p_values: list[float], share: float) -> None:
    """k share / m for the largest k with at least k p-values up to it; share / m for none."""
    m = len(p_values)
    enough = [k for k in range(1, m + 1) if sum(p <= k * share / m for p in p_values) >= k]
    np.testing.assert_allclose(
        discovery_levels(np.array(p_values), share), max(enough, default=1) * share / m
    )


PROCEDURES = pytest.mark.parametrize("procedure", [holm_levels, discovery_levels])


@pytest.mark.parametrize(
    ("procedure", "method"), [(holm_levels, "holm"), (discovery_levels, "fdr_bh")]
)
def test_decisions_are_those_of_statsmodels(procedure: Procedure, method: str) -> None:
    """Once, for its multipletests collects garbage at every call, 0.2 s each."""
    p_values = np.random.default_rng(0).beta(0.2, 2.0, 40)
    expected = multipletests(p_values, alpha=0.05, method=method)[0]
    assert 0 < expected.sum() < 40
    np.testing.assert_array_equal(p_values <= procedure(p_values, 0.05), expected)


@PROCEDURES
@given(
    families=st.lists(
        p_lists.filter(lambda p: len(p) > 4).map(lambda p: p[:5]), min_size=1, max_size=5
    )
)
def test_families_side_by_side_are_families_alone(
    procedure: Procedure, families: list[list[float]]
) -> None:
    levels = procedure(np.array(families), 0.05)
    for row, family in zip(levels, families, strict=True):
        np.testing.assert_array_equal(row, procedure(np.array(family), 0.05))


@PROCEDURES
@given(p_values=p_lists, data=st.data())
def test_members_left_out_do_not_count(
    procedure: Procedure, p_values: list[float], data: st.DataObject
) -> None:
    kept = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(p_values), max_size=len(p_values)))
    )
    array = np.array(p_values)
    levels = procedure(array, 0.05, members=kept)
    np.testing.assert_array_equal(levels[kept], procedure(array[kept], 0.05))


@PROCEDURES
def test_an_empty_family_has_no_levels(procedure: Procedure) -> None:
    assert len(procedure(np.array([]), 0.05)) == 0


def test_one_replicate_is_refused() -> None:
    with pytest.raises(DomainError, match="at least two"):
        mean_interval(np.array([1.0]), 0.05)
