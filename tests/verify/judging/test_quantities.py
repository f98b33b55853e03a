"""How each quantity is read, by hand."""

from fractions import Fraction

import numpy as np
import pytest

from theory import Axis, Setting, Training, depth_mup, mup, residual
from theory.exact.propagation import forward_second_moment
from theory.expectations import Summary
from theory.quantities import (
    BestRate,
    Curve,
    Excess,
    Observed,
    OverCurve,
    OverNumber,
    OverSetting,
    Regret,
    TunedOverSetting,
)
from theory.relations import (
    CurveEquals,
    ExcessExponentEquals,
    ExponentAtMost,
    ExponentEquals,
    TunedOrdered,
)
from theory.verdict import ReasonKind, Verdict
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import InCells, Unjudged, weigh
from verify.judging.quantities import Problem, Samples, claim_of, reading

RATES = tuple(Fraction(2) ** k for k in range(5))
GRID = np.array([float(rate) for rate in RATES])
OTHER = Setting(residual(1), mup(), Training(batch=2, steps=1))
OWN = Setting(residual(1), depth_mup(), Training(batch=2, steps=1))
LABELS = ("small", "middle", "large", "largest")
SIZES = np.array([4.0, 8.0, 16.0, 32.0])


def excess(replicates: int) -> Claim:
    relation = ExcessExponentEquals(Axis.DEPTH, -1, "a test")
    return claim_of(relation, 0.1, replicates, LABELS, SIZES)


def least_at(*places: int) -> np.ndarray:
    """Losses (1, sizes, rates) whose smallest is at these places."""
    distance = np.abs(np.arange(len(RATES)) - np.array(places)[:, None])
    return np.asarray(1.0 + distance[None])


@pytest.mark.parametrize(
    ("places", "ends"),
    [
        ((2, 2), (False, False)),
        ((1, 3), (False, False)),
        ((0, 2), (True, False)),
        ((2, 4), (False, True)),
        ((0, 4), (True, True)),
    ],
)
def test_a_grid_ends_too_early_where_any_minimum_is_at_an_end(
    places: tuple[int, ...], ends: tuple[bool, bool]
) -> None:
    sizes = np.array([4.0, 8.0])
    assert reading(BestRate(RATES)).ends_too_early(least_at(*places), GRID, sizes) == ends


def test_what_is_no_sweep_or_a_comparison_of_tuned_settings_is_never_wider() -> None:
    for quantity in (Observed(), TunedOverSetting(RATES, OTHER)):
        read = reading(quantity)
        assert read.ends_too_early(least_at(0, 4), GRID, np.array([4.0, 8.0])) == (False, False)


def test_plots_say_what_their_cells_hold() -> None:
    exponent = Summary.EXPONENT
    for quantity, words in (
        (Observed(), "y"),
        (OverNumber(2.0), "y"),
        (Excess(), "y, excess over the limit, by the largest size"),
        (Excess(from_below=True), "y, what is missing to the limit, by the largest size"),
        (OverSetting(OTHER), "y, ratio of two settings"),
        (OverSetting(OTHER, wider=2), "y, ratio of two widths"),
        (OverCurve(Curve.of(forward_second_moment)), "y, measured over predicted"),
        (BestRate(RATES), "best learning rate, by y"),
        (TunedOverSetting(RATES, OTHER), "y, ratio of two settings"),
        (Regret(RATES, Fraction(0)), "y, carried over best rate"),
    ):
        assert reading(quantity).plotted("y", exponent) == words
    curve = OverCurve(Curve.of(forward_second_moment))
    assert reading(curve).plotted("y", Summary.RATIO) == "y"


def test_tables_are_judged_by_what_a_table_can_hold() -> None:
    judged = (Observed(), OverNumber(2.0), OverSetting("theirs"), BestRate(()))
    assert all(reading(quantity).judges_tables for quantity in judged)
    refused = (Excess(), TunedOverSetting(RATES, OTHER), Regret(RATES, Fraction(0)))
    assert not any(reading(quantity).judges_tables for quantity in refused)


def test_a_sweep_may_go_below_zero_and_an_observable_may_not() -> None:
    losses = np.full((2, 3, len(RATES)), -1.0)
    assert not reading(BestRate(RATES)).is_diverged(losses).any()
    losses[0, 1, :4] = np.nan
    assert not reading(BestRate(RATES)).is_diverged(losses).any()
    losses[0, 1] = np.inf
    assert reading(BestRate(RATES)).is_diverged(losses).sum() == 1
    assert reading(Observed()).is_diverged(np.array([[1.0, 0.0, -1.0, np.nan]])).sum() == 3


def test_tuned_settings_are_compared_at_the_best_rate_of_each() -> None:
    claim = claim_of(
        TunedOrdered(Axis.DEPTH, OTHER, "a test", RATES), 0.1, 1, ("a", "b"), np.array([4.0, 8.0])
    )
    own, other = least_at(1, 2), 3.0 * least_at(3, 2)
    samples = reading(TunedOverSetting(RATES, OTHER)).samples(claim, Measured(own, other, GRID))
    assert isinstance(samples, Samples)
    np.testing.assert_allclose(samples.values, np.full((1, 2), -np.log(3.0)))


def noisy(means: tuple[float, ...], spread: tuple[float, ...]) -> np.ndarray:
    """Excesses (100, cells) with exactly these means and standard deviations, over a limit of 1."""
    noise = np.random.default_rng(0).standard_normal((100, len(means)))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    values = 1.0 + np.array(means) + np.array(spread) * noise
    return np.column_stack([values, np.ones(100)])


def test_the_cell_that_lies_on_the_wrong_side_of_the_limit_is_named() -> None:
    values = noisy((0.4, -0.3, 0.1), (0.1, 0.1, 0.1))
    problem = reading(Excess()).samples(excess(100), Measured(values))
    assert isinstance(problem, Problem)
    assert problem.verdict is Verdict.REJECTED
    assert [(reason.kind, reason.places) for reason in problem.reasons] == [
        (ReasonKind.LESS_THAN_LIMIT, ("middle",))
    ]
    below = reading(Excess(from_below=True)).samples(excess(100), Measured(2.0 - values))
    assert isinstance(below, Problem)
    assert below.reasons[0].kind is ReasonKind.MORE_THAN_LIMIT


def test_the_excess_that_is_known_least_is_named() -> None:
    values = noisy((0.4, 0.02, 0.1), (0.1, 0.1, 0.1))
    problem = reading(Excess()).samples(excess(100), Measured(values))
    assert isinstance(problem, Problem)
    assert problem.verdict is Verdict.INCONCLUSIVE
    (reason,) = problem.reasons
    assert (reason.kind, reason.places) == (ReasonKind.EXCESS_UNKNOWN, ("middle",))


def test_what_cannot_be_judged_is_no_evidence() -> None:
    """Its p-value is 1: no family spends anything on it."""
    relation = ExponentEquals(Axis.DEPTH, 0, "a test")
    claim = claim_of(relation, 0.1, 4, LABELS, SIZES)
    values = np.random.default_rng(0).lognormal(size=(4, 4))
    values[1, 2] = np.nan
    evidence = weigh(claim, Measured(values))
    assert isinstance(evidence, Unjudged)
    assert evidence.p_value == 1.0


def test_a_bound_that_few_replicates_break_has_a_p_value_of_one() -> None:
    claim = claim_of(ExponentAtMost(Axis.DEPTH, 0, "a test"), 0.1, 32, LABELS, SIZES)
    values = np.random.default_rng(0).lognormal(size=(32, 4))
    values[:3, 0] = np.inf
    evidence = weigh(claim, Measured(values))
    assert isinstance(evidence, Unjudged)
    assert evidence.p_value == 1.0
    assert evidence.verdict is Verdict.INVALID


def test_two_sizes_are_enough_to_carry_a_rate() -> None:
    read = reading(Regret(RATES, Fraction(0)))
    read.check_cells(("a", "b"), np.array([4.0, 8.0]))
    for sizes in ([4.0], [8.0, 4.0], [4.0, 4.0]):
        with pytest.raises(ValueError, match="tuned at the first cell"):
            read.check_cells(("a", "b")[: len(sizes)], np.array(sizes))


def test_a_curve_needs_somebody_who_computes_it() -> None:
    claim = claim_of(CurveEquals(Axis.DEPTH, forward_second_moment), 0.1, 2, LABELS, SIZES)
    with pytest.raises(AssertionError):
        _ = claim.predicted
    computed = claim_of(
        CurveEquals(Axis.DEPTH, forward_second_moment), 0.1, 2, LABELS, SIZES, None, lambda _: SIZES
    )
    evidence = weigh(computed, Measured(np.array([[1.0], [1.1]]) * SIZES))
    assert isinstance(evidence, InCells)
    np.testing.assert_allclose(evidence.samples, [[1.0] * 4, [1.1] * 4])
