"""Every verdict can be reached, and each for its own reason."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from tests.verify.claims import (
    CELLS,
    CLAIM,
    CURVE,
    GEOMETRIC,
    LOG_DEPTHS,
    OTHER,
    ZERO,
    claimed,
    exact_curve,
    judged,
    measurements,
)
from theory import (
    Axis,
    BestRateDrifts,
    BestRateExponentEquals,
    Direction,
    ExponentAtMost,
    ExponentEquals,
    ExponentOfCurve,
    ExponentsEqual,
    ExponentsOrdered,
    Setting,
    SettingsEqual,
    SettingsOrdered,
    TunedOrdered,
    ValueAtMost,
    ValueEquals,
    Verdict,
    rational,
)
from theory.exact.propagation import forward_second_moment
from theory.expectations import Band
from theory.relations import Relation
from verify.documents.entries import plot_fields
from verify.judging.claim import Measured
from verify.judging.evidence import Exponents, weigh
from verify.judging.quantities import reading
from verify.judging.verdict import conclude


def test_a_flat_observable_is_accepted_and_a_growing_one_rejected() -> None:
    assert judged(CLAIM, measurements(0 * LOG_DEPTHS)).verdict is Verdict.ACCEPTED
    grown = judged(CLAIM, measurements(0.5 * LOG_DEPTHS))
    assert grown.verdict is Verdict.REJECTED
    assert "disjoint" in grown.reason


def test_an_exponent_on_the_edge_is_inconclusive_and_says_what_would_decide() -> None:
    judgement = judged(CLAIM, measurements(0.09 * LOG_DEPTHS, spread=0.3))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.replicates_needed is not None
    assert judgement.replicates_needed > 32
    assert str(judgement.replicates_needed) in judgement.reason


@pytest.mark.parametrize("bad", [np.inf, np.nan, 0.0])
def test_diverged_trials_make_a_verdict_invalid(bad: float) -> None:
    values = measurements(0 * LOG_DEPTHS)
    values[3, 2] = bad
    judgement = judged(CLAIM, values)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.reason == "1 of 160 trials diverged"
    assert judgement.interval is None


def test_missing_replicates_are_inconclusive_however_clear_the_rest() -> None:
    judgement = judged(CLAIM, measurements(0.5 * LOG_DEPTHS)[:20])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == "interrupted after 20 of 32 replicates"


def test_the_worst_cell_of_a_bound_is_the_one_nearest_to_it() -> None:
    claim = claimed(ValueAtMost(Axis.DEPTH, 2.0, "a test"))
    judgement = conclude(weigh(claim, Measured(measurements(-0.5 * LOG_DEPTHS))), 0.05)
    assert judgement.verdict is Verdict.ACCEPTED
    assert f"worst cell: {CELLS[0]}" in judgement.reason
    high = conclude(weigh(claim, Measured(4 * measurements(0.5 * LOG_DEPTHS))), 0.05)
    assert high.verdict is Verdict.REJECTED
    assert f"worst cell: {CELLS[-1]}" in high.reason


def test_the_level_widens_the_interval() -> None:
    values = measurements(0 * LOG_DEPTHS)
    wide, narrow = (judged(CLAIM, values, level).interval for level in (0.001, 0.05))
    assert wide is not None
    assert narrow is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_curve_is_accepted_when_every_cell_agrees() -> None:
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.02)
    judgement = judged(CURVE, values)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "worst cell" in judgement.reason


@pytest.mark.parametrize("cell", range(5))
def test_one_cell_that_disagrees_rejects_the_curve(cell: int) -> None:
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.02)
    values[:, cell] *= 1.06
    judgement = judged(CURVE, values)
    assert judgement.verdict is Verdict.REJECTED
    assert str(CELLS[cell]) in judgement.reason


def test_a_geometric_mean_is_that_of_a_typical_network() -> None:
    """Logarithms that spread by a half make the arithmetic mean larger by an eighth."""
    logs = np.random.default_rng(0).normal(0, 0.5, (4000, len(CELLS)))
    values = exact_curve() * np.exp(logs)
    geometric, mean = (replace(claim, margin=0.1, replicates=4000) for claim in (GEOMETRIC, CURVE))
    assert judged(geometric, values).verdict is Verdict.ACCEPTED
    assert judged(mean, values).verdict is Verdict.REJECTED
    values[:, 3] *= 1.2
    judgement = judged(geometric, values)
    assert judgement.verdict is Verdict.REJECTED
    assert str(CELLS[3]) in judgement.reason
    assert judgement.interval is not None
    assert judgement.interval.estimate == pytest.approx(np.log(1.2), abs=0.03)
    cells = plot_fields(geometric, judgement.evidence)["cells"]
    assert [cell.predicted for cell in cells] == pytest.approx(exact_curve())
    assert cells[3].measured == pytest.approx(1.2 * exact_curve()[3], rel=0.03)


def test_cells_of_a_curve_are_tested_simultaneously() -> None:
    """The interval shown is at level / cells, and p <= level exactly when the curve is decided."""
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.05)
    evidence = weigh(CURVE, Measured(values))
    for level in (0.05, 0.5):
        judgement = conclude(evidence, level)
        assert judgement.interval is not None
        assert judgement.interval.level == pytest.approx(level / len(CELLS))
    for factor, spread in ((1.0, 0.03), (1.0, 0.06), (1.05, 0.03), (1.04, 0.05)):
        for seed in range(20):
            noise = measurements(0 * LOG_DEPTHS, spread, seed)
            noise[:, 2] *= factor
            evidence = weigh(CURVE, Measured(exact_curve() * noise))
            decided = conclude(evidence, 0.05).verdict is not Verdict.INCONCLUSIVE
            assert decided == (evidence.p_value <= 0.05)


def test_the_cell_that_is_shown_is_one_that_rejects() -> None:
    """One tight cell at +6 percent decides; a noisy one at +8 percent does not."""
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.01)
    values[:, 1] *= 1.06
    values[:, 3] *= 1.08 * measurements(0 * LOG_DEPTHS, spread=0.5, seed=1)[:, 3]
    judgement = judged(CURVE, values)
    assert judgement.verdict is Verdict.REJECTED
    assert judgement.interval is not None
    assert judgement.interval.disjoint_from(Band(0.97, 1.03))
    assert str(CELLS[1]) in judgement.reason


def test_a_noisy_cell_leaves_the_curve_inconclusive() -> None:
    values = exact_curve() * measurements(0 * LOG_DEPTHS, spread=0.02)
    values[:, 2] *= measurements(0 * LOG_DEPTHS, spread=0.3, seed=1)[:, 2]
    assert judged(CURVE, values).verdict is Verdict.INCONCLUSIVE


# One relation of every kind: a truth that it holds for, and one that it does not.
def pair(first: float, second: float, spread: float = 0.05) -> Measured:
    """Two settings with the given exponents; intercepts shared by a pair are larger than noise."""
    shared = np.random.default_rng(5).normal(0, 1.0, (32, 1))
    logs = [exponent * LOG_DEPTHS + shared for exponent in (first, second)]
    return Measured(*(measurements(log, spread, seed) for seed, log in enumerate(logs)))


def sweep(exponent: float, spread: float = 0.02, centre: float = 0.3) -> Measured:
    """Losses with their minimum at exp(centre) L^exponent, on rates two apart."""
    rates = np.exp2(np.arange(-8, 4, dtype=np.float64))
    best = centre + exponent * LOG_DEPTHS
    noise = np.random.default_rng(1).normal(0, spread, (32, len(CELLS), 1))
    losses = 1 + 0.1 * (np.log(rates) - best[None, :, None] - noise) ** 2
    return Measured(losses, rates=rates)


def tuned(ratio: float) -> Measured:
    """Two settings that are best at different rates; losses there in this ratio."""
    one, other = sweep(-0.5), sweep(-1.0)
    spread = np.random.default_rng(2).normal(1, 0.05, (32, len(CELLS), 1))
    return replace(one, values=ratio * spread * one.values, other=other.values)


GRID = tuple(Fraction(2) ** k for k in range(-8, 4))
RATES = BestRateExponentEquals(Axis.DEPTH, rational("-1/2"), "a test")


@pytest.mark.parametrize(
    ("relation", "margin", "holds", "fails"),
    [
        (
            ExponentAtMost(Axis.DEPTH, ZERO, "a test"),
            0.1,
            Measured(measurements(-2 * LOG_DEPTHS)),
            Measured(measurements(0.3 * LOG_DEPTHS)),
        ),
        (
            ValueEquals(Axis.DEPTH, 2.0, "a test"),
            0.1,
            Measured(2.0 * measurements(0 * LOG_DEPTHS)),
            Measured(2.4 * measurements(0 * LOG_DEPTHS)),
        ),
        (
            ValueAtMost(Axis.DEPTH, 2.0, "a test"),
            0.1,
            Measured(0.5 * measurements(0 * LOG_DEPTHS)),
            Measured(measurements(0.4 * LOG_DEPTHS)),
        ),
        (
            SettingsOrdered(Axis.DEPTH, OTHER, "a test"),
            0.1,
            Measured(0.5 * pair(0, 0).values, pair(0, 0).other),
            Measured(*reversed([0.5 * pair(0, 0).values, pair(0, 0).values])),
        ),
        (SettingsEqual(Axis.DEPTH, OTHER, "a test"), 0.1, pair(0.7, 0.7), pair(0.7, 0.8)),
        (ExponentsEqual(Axis.DEPTH, OTHER, "a test"), 0.1, pair(0.7, 0.7), pair(0.7, 1.0)),
        (
            ExponentOfCurve(Axis.DEPTH, forward_second_moment),
            0.1,
            Measured(2.0 * exact_curve() * measurements(0 * LOG_DEPTHS)),
            Measured(exact_curve() * measurements(-0.3 * LOG_DEPTHS)),
        ),
        (ExponentsOrdered(Axis.DEPTH, OTHER, "a test"), 0.1, pair(0.4, 0.7), pair(0.7, 0.7)),
        (RATES, 0.1, sweep(-0.5), sweep(-1.0)),
        (
            BestRateDrifts(Axis.DEPTH, Direction.FALLS, "a test", GRID),
            0.1,
            sweep(-0.5),
            sweep(0.0),
        ),
        (
            BestRateDrifts(Axis.DEPTH, Direction.RISES, "a test", GRID),
            0.1,
            sweep(0.3),
            sweep(-0.5),
        ),
        (TunedOrdered(Axis.DEPTH, OTHER, "a test", GRID), 0.1, tuned(0.8), tuned(1.0)),
    ],
    ids=str,
)
def test_every_relation_is_accepted_where_it_holds_and_rejected_where_it_does_not(
    relation: Relation, margin: float, holds: Measured, fails: Measured
) -> None:
    claim = claimed(relation, margin)
    accepted, rejected = (conclude(weigh(claim, data), 0.05) for data in (holds, fails))
    assert accepted.verdict is Verdict.ACCEPTED, accepted.reason
    assert rejected.verdict is Verdict.REJECTED, rejected.reason


def test_a_curve_that_bends_is_no_bend_of_what_follows_it() -> None:
    """What is fitted is the ratio, times any constant; alone the same numbers are no power law."""
    bending = -1.5 * LOG_DEPTHS + 0.3 * (LOG_DEPTHS - LOG_DEPTHS[0]) ** 2
    claim = claimed(ExponentOfCurve(Axis.DEPTH, forward_second_moment))
    claim = replace(claim, exact_values=lambda: np.exp(bending))
    data = measurements(bending + 1.0)
    beside = conclude(weigh(claim, Measured(data)), 0.05)
    assert beside.verdict is Verdict.ACCEPTED, beside.reason
    cells = plot_fields(claim, beside.evidence)["cells"]
    assert [cell.measured for cell in cells] == pytest.approx([np.e] * len(CELLS), rel=0.05)
    assert [cell.fitted for cell in cells] == pytest.approx([np.e] * len(CELLS), rel=0.05)
    assert [cell.predicted for cell in cells] == [None] * len(CELLS)
    read = reading(claim.relation.quantity)
    assert read.plotted("x", claim.relation.summary) == "x, measured over predicted"
    steeper = conclude(weigh(claim, Measured(measurements(bending - 0.2 * LOG_DEPTHS))), 0.05)
    assert steeper.verdict is Verdict.REJECTED
    assert steeper.interval is not None
    assert steeper.interval.estimate == pytest.approx(-0.2, abs=0.02)
    slope = rational(round(float(np.polyfit(LOG_DEPTHS, bending, 1)[0]) * 100)) / 100
    alone = judged(claimed(ExponentEquals(Axis.DEPTH, slope, "a test")), data)
    assert alone.verdict is Verdict.INVALID
    assert "no power law" in alone.reason


@pytest.mark.parametrize(("relation", "ratio"), [(SettingsOrdered, 0.8), (SettingsEqual, 1.0)])
def test_pairing_removes_what_pairs_share(
    relation: Callable[[Axis, Setting, str], Relation], ratio: float
) -> None:
    """Intercepts of spread 1 leave no trace in an interval made of differences."""
    claim = claimed(relation(Axis.DEPTH, OTHER, "a test"), 0.1)
    data = Measured(ratio * pair(0, 0).values, pair(0, 0).other)
    judgement = conclude(weigh(claim, data), 0.05)
    assert judgement.verdict is Verdict.ACCEPTED
    assert judgement.interval is not None
    assert judgement.interval.high - judgement.interval.low < 0.1


@pytest.mark.parametrize("ratio", [0.8, 1.25])
def test_settings_that_are_equal_but_in_one_cell_are_not_equal(ratio: float) -> None:
    """Rejected from either side, by the cell that differs."""
    data = pair(0.7, 0.7)
    data.values[:, 2] *= ratio
    judgement = conclude(weigh(claimed(SettingsEqual(Axis.DEPTH, OTHER, "a test")), data), 0.05)
    assert judgement.verdict is Verdict.REJECTED
    assert f"worst cell: {CELLS[2]}" in judgement.reason
    assert judgement.interval is not None
    assert judgement.interval.estimate == pytest.approx(np.log(ratio), abs=0.05)


def test_the_best_rate_is_found_between_the_rates_of_the_grid() -> None:
    evidence = weigh(claimed(RATES), sweep(-0.5, spread=1e-9))
    assert isinstance(evidence, Exponents)
    np.testing.assert_allclose(evidence.logs[0], 0.3 - 0.5 * LOG_DEPTHS, atol=1e-7)


def test_what_is_tuned_at_the_edge_of_the_grid_is_not_tuned() -> None:
    data = tuned(0.8)
    assert data.other is not None
    falling = np.sort(data.other, axis=-1)[..., ::-1]
    claim = claimed(TunedOrdered(Axis.DEPTH, OTHER, "a test", GRID), 0.1)
    judgement = conclude(weigh(claim, replace(data, other=falling)), 0.05)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.reason.startswith("the best learning rate of 160 of 320 trials lies at the")


def test_rates_at_which_a_tuned_setting_diverges_do_not_count() -> None:
    data = tuned(0.8)
    diverged = data.values.copy()
    diverged[..., -1] = np.nan
    claim = claimed(TunedOrdered(Axis.DEPTH, OTHER, "a test", GRID), 0.1)
    judgement = conclude(weigh(claim, replace(data, values=diverged)), 0.05)
    assert judgement.verdict is Verdict.ACCEPTED
    diverged[0, 0] = np.nan
    judgement = conclude(weigh(claim, replace(data, values=diverged)), 0.05)
    assert judgement.reason == "1 of 320 trials diverged"


def test_pairs_that_diverge_or_miss_a_trial_in_either_setting_are_seen() -> None:
    claim = claimed(ExponentsEqual(Axis.DEPTH, OTHER, "a test"))
    data = pair(0.7, 0.7)
    assert data.other is not None
    diverged = data.other.copy()
    diverged[3, 1] = np.inf
    judgement = conclude(weigh(claim, replace(data, other=diverged)), 0.05)
    assert judgement.reason == "1 of 320 trials diverged"
    missing = np.zeros(diverged.shape, dtype=bool)
    missing[3, 1] = True
    kept = conclude(weigh(claim, replace(data, other=diverged, missing=missing)), 0.05)
    assert kept.verdict is Verdict.ACCEPTED
    assert kept.replicates == 31
    assert kept.interval is not None
    assert kept.interval.high - kept.interval.low < 0.1


def test_diverged_rates_are_no_minimum_and_a_minimum_at_the_edge_is_invalid() -> None:
    data = sweep(-0.5)
    diverging = data.values.copy()
    diverging[:, :, -2:] = [np.inf, np.nan]
    assert conclude(weigh(claimed(RATES), replace(data, values=diverging)), 0.05).verdict is (
        Verdict.ACCEPTED
    )
    edge = conclude(weigh(claimed(RATES), sweep(-0.5, centre=9.0)), 0.05)
    assert edge.verdict is Verdict.INVALID
    assert "lies at the edge of the grid" in edge.reason


def test_a_replicate_that_diverges_at_every_rate_is_divergence() -> None:
    data = sweep(-0.5)
    data.values[0, 0] = np.nan
    judgement = conclude(weigh(claimed(RATES), data), 0.05)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.reason == "1 of 160 trials diverged"


@pytest.mark.parametrize(
    ("share", "verdict"), [(3, Verdict.INVALID), (16, Verdict.INVALID), (30, Verdict.REJECTED)]
)
def test_divergence_of_most_replicates_breaks_a_bound(share: int, verdict: Verdict) -> None:
    claim = claimed(ExponentAtMost(Axis.DEPTH, ZERO, "a test"))
    values = measurements(0 * LOG_DEPTHS)
    values[:share, -1] = np.inf
    judgement = conclude(weigh(claim, Measured(values)), 0.05)
    assert judgement.verdict is verdict
    assert f"in {share} of 32 replicates" in judgement.reason


def test_a_broken_bound_waits_for_its_level() -> None:
    claim = claimed(ExponentAtMost(Axis.DEPTH, ZERO, "a test"))
    values = measurements(0 * LOG_DEPTHS)
    values[:24, -1] = np.inf
    evidence = weigh(claim, Measured(values))
    assert 0.001 < evidence.p_value < 0.05
    assert conclude(evidence, 0.05).verdict is Verdict.REJECTED
    assert conclude(evidence, 0.001).verdict is Verdict.INCONCLUSIVE


def test_a_few_missing_trials_are_left_out_and_said_and_many_are_invalid() -> None:
    values = measurements(0 * LOG_DEPTHS)
    missing = np.zeros(values.shape, dtype=bool)
    missing[:2, 1] = True
    values[missing] = np.nan
    few = conclude(weigh(CLAIM, Measured(values, missing=missing)), 0.05)
    assert few.verdict is Verdict.ACCEPTED
    assert few.replicates == 30
    assert "2 of 32 replicates miss a trial and are left out" in few.reason
    missing[:4, 2] = True
    many = conclude(weigh(CLAIM, Measured(values, missing=missing)), 0.05)
    assert many.verdict is Verdict.INVALID
    assert "may not be missing by chance" in many.reason
