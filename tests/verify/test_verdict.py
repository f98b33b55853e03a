"""Every verdict can be reached, and each for its own reason."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import null_space
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.multivariate import test_mvmean as mvmean

from theory import (
    Axis,
    BestRateDrifts,
    BestRateExponentEquals,
    Cell,
    CurveEquals,
    Direction,
    Experiment,
    ExponentAtMost,
    ExponentEquals,
    ExponentsEqual,
    ExponentsOrdered,
    Protocol,
    Setting,
    SettingsEqual,
    SettingsOrdered,
    TunedOrdered,
    ValueAtMost,
    ValueEquals,
    Verdict,
    depth_mup,
    mup,
    rational,
    residual,
)
from theory.prediction import product
from theory.propagation import forward_second_moment
from theory.relations import Band, Exponent, Relation
from verify.evidence import Claim, Measured, weigh
from verify.statistics.regression import PowerLaw
from verify.verdict import Judgement, conclude, fit_levels_of

CELLS = product((64,), (4, 8, 16, 32, 64))
LOG_DEPTHS = np.log([cell.depth for cell in CELLS])
SETTING = Setting(residual(1), depth_mup(), Protocol(Experiment.PROPAGATION, batch=2))
ZERO = rational(0)


def claimed(
    relation: Relation, margin: float = 0.1, replicates: int = 32, cells: tuple[Cell, ...] = CELLS
) -> Claim:
    """A claim about a setting along depth."""
    sizes = np.array([float(cell.depth) for cell in cells])
    law, predicted = None, None
    if isinstance(relation, Exponent):
        law = PowerLaw.of_cells(cells, Axis.DEPTH)
    elif isinstance(relation, CurveEquals):
        predicted = exact_curve()
    elif isinstance(relation, ValueEquals | ValueAtMost):
        predicted = np.full(len(cells), relation.value)
    return Claim(relation, margin, replicates, tuple(map(str, cells)), sizes, law, predicted)


def exact_curve() -> np.ndarray:
    return np.array([forward_second_moment(residual(1), depth_mup(), cell) for cell in CELLS])


CLAIM = claimed(ExponentEquals(Axis.DEPTH, ZERO, "a test"))
CURVE = claimed(CurveEquals(Axis.DEPTH, forward_second_moment), margin=0.03)


def judged(claim: Claim, values: np.ndarray, level: float = 0.05) -> Judgement:
    return conclude(weigh(claim, Measured(values)), level)


def measurements(logs: np.ndarray, spread: float = 0.05, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, (32, len(CELLS)))
    return np.exp(logs + noise)


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


def test_a_bent_curve_is_not_accepted_as_a_power_law() -> None:
    """The mean slope is 0, the local one moves from -0.8 to 0.8."""
    bent = 0.3 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    judgement = judged(CLAIM, measurements(bent))
    assert judgement.verdict is Verdict.INVALID
    assert "no power law" in judgement.reason


def test_curvature_alone_invalidates_an_acceptance() -> None:
    """Symmetric in log size: leaving out the smallest moves nothing that curvature does not."""
    cells = product((64,), tuple(2**k for k in range(1, 10)))
    logs = np.log([cell.depth for cell in cells])
    bent = 0.06 * (logs - logs.mean()) ** 2
    values = np.exp(bent + np.random.default_rng(0).normal(0, 0.02, (32, len(cells))))
    evidence = weigh(claimed(CLAIM.relation, cells=cells), Measured(values))
    assert evidence.checks is not None
    assert evidence.checks.without_smallest is not None
    assert abs(evidence.checks.without_smallest.movement.estimate[0]) < CLAIM.margin
    judgement = conclude(evidence, 0.05)
    assert judgement.verdict is Verdict.INVALID
    assert "from mid-range" in judgement.reason


def test_an_unresolved_movement_is_said() -> None:
    bent = 0.08 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    values = np.concatenate([measurements(bent, spread=1.3, seed=seed) for seed in range(3)])
    judgement = judged(replace(CLAIM, replicates=96, margin=0.2), values)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "not resolved: from mid-range to its end the exponent moves by +0.3" in judgement.reason


def test_one_small_size_cannot_cause_a_rejection() -> None:
    logs = np.where(np.arange(5) == 0, -1.0, 0.0)
    assert judged(CLAIM, measurements(logs)).verdict is Verdict.INVALID
    assert judged(CLAIM, measurements(0.5 * LOG_DEPTHS + 0.2 * logs)).verdict is Verdict.REJECTED


@pytest.mark.parametrize("bias", [3.0, 5.0, 8.0])
def test_a_wrong_law_is_no_confident_rejection(bias: float) -> None:
    """exp(b / L): the exponent is 0 at the end, whatever one line through all sizes says."""
    judgement = judged(CLAIM, measurements(bias / np.exp(LOG_DEPTHS)))
    assert judgement.verdict is Verdict.INVALID
    assert "no power law" in judgement.reason or "does not fit" in judgement.reason


def test_a_fit_that_cannot_be_tested_is_said() -> None:
    cells = product((64,), tuple(2**k for k in range(1, 13)))
    values = np.exp(np.random.default_rng(0).normal(0, 0.05, (8, len(cells))))
    claim = claimed(CLAIM.relation, cells=cells, replicates=8)
    judgement = judged(claim, values)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "the fit cannot be tested with so few cells or replicates" in judgement.reason


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
OTHER = replace(SETTING, parameterization=mup())


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
    ids=lambda value: type(value).__name__,
)
def test_every_relation_is_accepted_where_it_holds_and_rejected_where_it_does_not(
    relation: Relation, margin: float, holds: Measured, fails: Measured
) -> None:
    claim = claimed(relation, margin)
    accepted, rejected = (conclude(weigh(claim, data), 0.05) for data in (holds, fails))
    assert accepted.verdict is Verdict.ACCEPTED, accepted.reason
    assert rejected.verdict is Verdict.REJECTED, rejected.reason


@pytest.mark.parametrize(("relation", "ratio"), [(SettingsOrdered, 0.8), (SettingsEqual, 1.0)])
def test_pairing_removes_what_pairs_share(
    relation: type[SettingsOrdered | SettingsEqual], ratio: float
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
    assert evidence.logs is not None
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


def test_lack_of_fit_is_that_of_statsmodels_and_is_said() -> None:
    """A bump in the middle: one exponent, but not this law."""
    bump = 0.03 * np.array([0, 1, 0, -1, 0.0])
    values = measurements(bump)
    judgement = judged(CLAIM, values)
    assert judgement.verdict is Verdict.ACCEPTED
    assert "the declared law does not fit (lack of fit: p = " in judgement.reason
    law = CLAIM.law
    assert law is not None
    contrasts = null_space(law.design.T)
    expected = mvmean(np.log(values) @ contrasts).pvalue
    found = law.lack_of_fit(np.log(values)[:, None, :])
    assert found is not None
    assert found[0] == pytest.approx(expected, rel=1e-6)
    assert found[0] < 0.01


def test_a_law_that_does_not_fit_and_moves_is_invalid_even_unresolved() -> None:
    bent = 0.09 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    values = np.concatenate([measurements(bent, spread=0.6, seed=seed) for seed in range(3)])
    judgement = judged(replace(CLAIM, replicates=96, margin=0.2), values)
    assert judgement.verdict is Verdict.INVALID
    assert (
        "the declared law does not fit (lack of fit: p = 0.0034), and it matters"
        in judgement.reason
    )


def test_a_misfit_takes_a_decision_away_at_the_level_of_its_family_and_is_said_before() -> None:
    bent = 0.09 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    values = np.concatenate([measurements(bent, spread=0.6, seed=seed) for seed in range(3)])
    evidence = weigh(replace(CLAIM, replicates=96, margin=0.2), Measured(values))
    alone, among_many = (conclude(evidence, 0.05, level) for level in (0.0035, 0.003))
    assert alone.verdict is Verdict.INVALID
    assert among_many.verdict is Verdict.ACCEPTED
    assert (
        "taken alone the declared law does not fit (lack of fit: p = 0.0034), which among all "
        "regressions of the look counts from 0.003 on: leaving out the smallest size moves"
    ) in among_many.reason


def test_a_family_shares_the_level_of_its_misfits() -> None:
    """Benjamini and Hochberg's, of the four that have a fit; a relation about values has none."""
    bump = 0.03 * np.array([0, 1, 0, -1, 0.0])
    fits = [weigh(CLAIM, Measured(measurements(k * bump, seed=k))) for k in range(4)]
    value = weigh(CURVE, Measured(exact_curve() * measurements(0 * LOG_DEPTHS)))
    assert value.checks is None
    levels = fit_levels_of([fits[0], value, *fits[1:]], 0.02)[[0, 2, 3, 4]]
    p_values = np.array([e.checks.misfit[0] for e in fits if e.checks is not None])
    rejected, _, _, _ = multipletests(p_values, 0.02, method="fdr_bh")
    np.testing.assert_array_equal(p_values <= levels, rejected)
    assert 0 < rejected.sum() < 4
    np.testing.assert_allclose(levels, rejected.sum() * 0.02 / 4)


def test_curvature_stands_in_for_a_test_of_fit_at_the_same_level() -> None:
    """Four replicates of five sizes: the p-value is that of a t-test of the curvature."""
    values = measurements(0.1 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2)[:4]
    evidence = weigh(replace(CLAIM, replicates=4, margin=0.5), Measured(values))
    assert evidence.checks is not None
    assert evidence.checks.lack_of_fit is None
    movement = CLAIM.law.curvature(np.log(values)) if CLAIM.law else None
    expected = stats.ttest_1samp(movement, 0.0).pvalue
    assert evidence.checks.misfit[0] == pytest.approx(expected)
    counts, does_not = (conclude(evidence, 0.3, k * expected).reason for k in (1.01, 0.99))
    assert "taken alone" not in counts
    assert "taken alone the declared law does not fit (curvature: p = " in does_not


@pytest.mark.parametrize("holds", [True, False])
def test_a_bend_takes_a_one_sided_acceptance_away_only_where_it_leaves_the_band(
    holds: bool,
) -> None:
    """A falling curve that gets steeper stays under the bound; one that turns does not."""
    bend = 0.3 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    relation = ExponentAtMost(Axis.DEPTH, ZERO, "a test")
    logs = -0.5 * LOG_DEPTHS + (-bend if holds else bend)
    bound = judged(claimed(relation), measurements(logs))
    assert bound.verdict is (Verdict.ACCEPTED if holds else Verdict.INVALID)
    if holds:
        assert "no single exponent: from mid-range to its end the exponent moves" in bound.reason
    equal = ExponentEquals(Axis.DEPTH, rational("-1/2"), "a test")
    assert judged(claimed(equal, margin=0.5), measurements(logs)).verdict is Verdict.INVALID


def test_a_one_sided_acceptance_under_a_wrong_law_needs_the_estimate_elsewhere_in_the_band() -> (
    None
):
    """Unresolved movements: by more than the margin, within the band and out of it."""
    bend = 0.09 * (LOG_DEPTHS - LOG_DEPTHS.mean()) ** 2
    relation = ExponentAtMost(Axis.DEPTH, ZERO, "a test")
    claim = replace(claimed(relation), replicates=96, margin=0.2)
    for slope, verdict in ((-0.4, Verdict.ACCEPTED), (-0.0, Verdict.INVALID)):
        logs = bend + slope * LOG_DEPTHS
        values = np.concatenate([measurements(logs, spread=0.6, seed=seed) for seed in range(3)])
        judgement = judged(claim, values)
        assert judgement.verdict is verdict, judgement.reason
        assert "the declared law does not fit" in judgement.reason


def test_a_few_wild_replicates_cannot_decide() -> None:
    """Three of 32 exponents at +4: the mean is outside the margin, most replicates are not."""
    values = measurements(0 * LOG_DEPTHS, spread=0.01)
    values[:3] *= np.exp(4.0 * LOG_DEPTHS)
    wide = replace(CLAIM, margin=0.02)
    judgement = conclude(weigh(wide, Measured(values)), 0.2)
    assert judgement.verdict is Verdict.INVALID
    assert "heavy tails: the trimmed mean" in judgement.reason


def test_values_too_skewed_for_a_t_interval_are_invalid() -> None:
    generator = np.random.default_rng(3)
    noise = np.exp(1.2 * generator.standard_normal((64, len(CELLS))) - 0.72)
    claim = claimed(ValueAtMost(Axis.DEPTH, 1.0, "a test"), margin=1.0, replicates=64)
    judgement = conclude(weigh(claim, Measured(0.2 * noise)), 0.05)
    assert judgement.verdict is Verdict.INVALID
    assert "too skewed for 64 replicates" in judgement.reason


@pytest.mark.parametrize("relation", [SettingsOrdered, SettingsEqual])
def test_ratios_of_settings_are_skewed_but_their_logarithms_are_judged(
    relation: type[SettingsOrdered | SettingsEqual],
) -> None:
    """A logarithm with skewness 2, the mean of which is tried, not that of the values."""
    noise = 0.1 * (np.random.default_rng(3).exponential(size=(64, len(CELLS))) - 1)
    claim = claimed(relation(Axis.DEPTH, OTHER, "a test"), margin=0.1, replicates=64)
    ratio = 1.0 if relation is SettingsEqual else 0.8
    judgement = conclude(weigh(claim, Measured(ratio * np.exp(noise), np.ones_like(noise))), 0.05)
    assert judgement.verdict is Verdict.ACCEPTED, judgement.reason


def test_the_means_of_log_normal_values_are_judged_with_the_nominal_error() -> None:
    """2000 campaigns about a true mean at the margin: the skewed case of a t interval."""
    claim = claimed(ValueEquals(Axis.DEPTH, 1.0, "a test"), margin=0.1, cells=CELLS[:1])
    wrong = 0
    for seed in range(2000):
        generator = np.random.default_rng(seed)
        noise = np.exp(0.5 * generator.standard_normal((32, 1)) - 0.125)
        wrong += conclude(weigh(claim, Measured(1.1 * noise)), 0.05).verdict is Verdict.ACCEPTED
    assert wrong <= stats.binom.ppf(0.999, 2000, 0.05)
