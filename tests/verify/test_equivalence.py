"""Equivalence decisions: p-values and intervals say the same, and err as rarely as promised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theory import DomainError, Verdict
from verify.statistics.equivalence import (
    Interval,
    decide,
    decision_p_value,
    mean_interval,
    replicates_to_decide,
)
from verify.statistics.multiplicity import holm_levels

samples = st.tuples(
    st.integers(0, 10_000), st.floats(-0.3, 0.3), st.floats(0.01, 0.5), st.integers(4, 40)
)


def normal(seed: int, mean: float, spread: float, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, count)


@given(samples, st.floats(1e-4, 0.2))
def test_p_value_and_interval_are_one_statement(
    parameters: tuple[int, float, float, int], level: float
) -> None:
    drawn = normal(*parameters)
    decided = decide(mean_interval(drawn, level), 0.0, 0.1) is not Verdict.INCONCLUSIVE
    p_value = decision_p_value(drawn, 0.0, 0.1)
    if abs(p_value - level) > 1e-9:
        assert decided == (p_value < level)


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
    assert decide(Interval((low + high) / 2, low, high, 0.05), 0.0, 0.1) is verdict


@given(samples)
def test_the_number_of_replicates_needed_is_the_smallest_one(
    parameters: tuple[int, float, float, int],
) -> None:
    drawn = normal(*parameters)
    needed = replicates_to_decide(drawn, 0.0, 0.1, 0.05)
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
        verdict = decide(mean_interval(drawn, 0.05), 0.0, 0.1)
        wrong += verdict is (Verdict.ACCEPTED if truth >= 0.1 else Verdict.REJECTED)
    assert wrong <= stats.binom.ppf(0.999, 2000, 0.05)


def test_decisions_are_made_when_they_are_clear() -> None:
    generator = np.random.default_rng(7)
    verdicts = {
        truth: [
            decide(mean_interval(generator.normal(truth, 0.05, 24), 0.05), 0.0, 0.1)
            for _ in range(200)
        ]
        for truth in (0.0, 0.25)
    }
    assert verdicts[0.0].count(Verdict.ACCEPTED) >= 198
    assert verdicts[0.25].count(Verdict.REJECTED) >= 198


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.2))
@settings(max_examples=25)  # statsmodels collects garbage at every call, 0.2 s each
def test_levels_are_those_of_holm(p_values: list[float], alpha: float) -> None:
    levels = holm_levels(p_values, alpha)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    going = True
    for rank, index in enumerate(order):
        threshold = alpha / (len(p_values) - rank)
        decided = going and p_values[index] <= threshold
        assert (p_values[index] <= levels[index]) == decided
        if going:
            assert levels[index] == pytest.approx(threshold)
        going = decided


def test_an_empty_family_has_no_levels() -> None:
    assert holm_levels([], 0.05) == []


def test_one_replicate_is_refused() -> None:
    with pytest.raises(DomainError, match="at least two"):
        mean_interval(np.array([1.0]), 0.05)
