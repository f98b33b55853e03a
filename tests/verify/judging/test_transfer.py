"""Zero-shot transfer: what a carried learning rate costs, and how surely that is known.

Losses are m exp(a (log rate - log best)^2) with log best = 0.1 + q log(size / 4), so that a rate
that is carried with the exponent p costs a ((p - q) log(size / 4))^2 nats.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import verify
from reports import RENDERERS
from theory import (
    Axis,
    Cell,
    Control,
    DomainError,
    Grid,
    Observable,
    Prediction,
    Profile,
    Regime,
    Rival,
    Setting,
    Training,
    TransferRegretAtMost,
    TunedOrdered,
    Verdict,
    completep,
    depth_mup,
    residual,
)
from theory.prediction import product
from theory.quantities import Regret, widened
from verify.campaign.design import Campaign, Question, questions
from verify.campaign.looks import Answer, judge_campaign
from verify.campaign.power import _rejection
from verify.judging.claim import Claim, Measured
from verify.judging.evidence import Unjudged, weigh
from verify.judging.quantities import claim_of
from verify.judging.verdict import Judgement, conclude
from verify.measuring.loop import begin, store_groups, widen
from verify.measuring.schedule import missing, schedule
from verify.measuring.store import Store
from verify.statistics.equivalence import mean_intervals
from verify.statistics.transfer import Transfer

RATES = tuple(Fraction(2) ** k for k in range(-8, 6))
GRID = np.array([float(rate) for rate in RATES])
SIZES = np.array([4.0, 8.0, 16.0, 32.0])
LARGER = np.log(SIZES[1:] / SIZES[0])
CURVATURE, OPTIMUM = 0.2, 0.1


def sweep(exponent: float, replicates: int = 16, spread: float = 0.1, seed: int = 0) -> np.ndarray:
    """(replicates, sizes, rates); each trial has noise, each network an optimum and a level."""
    generator = np.random.default_rng(seed)
    best = OPTIMUM + exponent * np.log(SIZES / SIZES[0])
    best = best + spread * generator.standard_normal((replicates, len(SIZES)))
    level = spread * generator.standard_normal((replicates, len(SIZES), 1))
    noise = 0.2 * spread * generator.standard_normal((replicates, len(SIZES), len(GRID)))
    distance = np.log(GRID) - best[..., None]
    return np.asarray(3 * np.exp(CURVATURE * distance**2 + level + noise))


def claimed(exponent: Fraction, replicates: int = 16, bound: float = 0.0) -> Claim:
    relation = TransferRegretAtMost(Axis.DEPTH, exponent, bound, "a test", RATES)
    return claim_of(relation, 0.05, replicates, [f"L={size:g}" for size in SIZES], SIZES)


def judged(losses: np.ndarray, exponent: Fraction, bound: float = 0.0) -> Judgement:
    measured = Measured(losses, rates=GRID)
    return conclude(weigh(claimed(exponent, len(losses), bound), measured), 0.05)


HALF = Fraction(-1, 2)


@pytest.mark.parametrize("carried", [-1.0, -0.5, -0.3, 0.0, 0.25])
@pytest.mark.parametrize("best", [-0.5, -0.37])
def test_the_regret_of_a_parabola_is_its_curvature_times_the_square_of_the_shift(
    carried: float, best: float
) -> None:
    """On and between the rates of the grid; jackknifed means of copies are the copies' own."""
    losses = sweep(best, replicates=5, spread=0.0)
    found = Transfer.of(losses, GRID, SIZES, carried)
    expected = CURVATURE * ((carried - best) * LARGER) ** 2
    np.testing.assert_allclose(found.regret, np.tile(expected, (6, 1)), atol=1e-12)
    np.testing.assert_allclose(found.samples(0.05), np.tile(expected, (5, 1)), atol=1e-12)


def test_the_right_exponent_is_accepted_and_others_are_rejected() -> None:
    """At size 32 the shift of exponent 0 is log 8 / 2: it costs 0.2 nats, four times the margin."""
    losses = sweep(-0.5)
    accepted = judged(losses, HALF)
    assert accepted.verdict is Verdict.ACCEPTED, accepted.reason
    for wrong in (Fraction(0), Fraction(-1)):
        rejected = judged(losses, wrong)
        assert rejected.verdict is Verdict.REJECTED, rejected.reason
        assert "worst cell: L=32" in rejected.reason
        assert rejected.interval is not None
        expected = CURVATURE * (np.log(8) / 2) ** 2
        assert rejected.interval.low < expected < rejected.interval.high
    assert judged(losses, Fraction(0), bound=0.3).verdict is Verdict.ACCEPTED


def test_a_regret_near_the_bound_is_inconclusive() -> None:
    edge = np.sqrt(0.05 / CURVATURE) / np.log(8)
    judgement = judged(sweep(-0.5 + edge, spread=0.3), HALF)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.replicates_needed is not None


def test_the_interval_of_regrets_decides_as_that_of_their_roots() -> None:
    """At every level: only its distance from the end of the band is that of a t interval."""
    found = Transfer.of(sweep(-0.2, spread=0.4), GRID, SIZES, -0.5)
    roots = np.sqrt(found.regret)
    parts = 16 * roots[0] - 15 * roots[1:]
    for end in (0.001, 0.05, 0.3):
        for level in (0.001, 0.05, 0.3, 0.7):
            ours = mean_intervals(found.samples(end), level)
            theirs = mean_intervals(parts, level)
            np.testing.assert_array_equal(ours.high <= end, theirs.high <= np.sqrt(end))
            np.testing.assert_array_equal(ours.low > end, theirs.low > np.sqrt(end))


def test_neither_an_exploding_loss_nor_its_absence_moves_what_is_read_elsewhere() -> None:
    """One replicate at 1e30, far above the carried rate 1.1; then all of them, from rate 4 on."""
    losses = sweep(-0.5, spread=0.02)
    plain = Transfer.of(losses, GRID, SIZES, 0.0).regret
    exploding = losses.copy()
    exploding[3, :, 12] = 1e30
    np.testing.assert_allclose(Transfer.of(exploding, GRID, SIZES, 0.0).regret, plain, rtol=1e-9)
    exploding[:, 1:, 10:] *= 1e8
    found = Transfer.of(exploding, GRID, SIZES, 0.0).regret
    np.testing.assert_allclose(found, plain, atol=2e-3)


@pytest.mark.parametrize("place", [slice(8, None), slice(7, 10)])
def test_divergence_of_most_replicates_at_the_carried_rate_breaks_the_bound(place: slice) -> None:
    """Carried as size^0 the rate is 1.1, between 1 and 2; what is above does not matter."""
    losses = sweep(-0.5)
    losses[:15, -1, place] = np.nan
    evidence = weigh(claimed(Fraction(0)), Measured(losses, rates=GRID))
    broken = conclude(evidence, 0.05)
    assert broken.verdict is Verdict.REJECTED
    assert broken.reason == (
        "15 of 48 trials diverged at the carried learning rate, in 15 of 16 replicates"
    )
    assert evidence.p_value == pytest.approx(2 * 17 / 2**16)
    assert conclude(evidence, 1e-4).verdict is Verdict.INCONCLUSIVE


def test_a_rate_beyond_an_end_of_the_grid_where_most_diverge_has_diverged() -> None:
    losses = sweep(-0.5)
    losses[:, -1, -1] = np.inf
    judgement = judged(losses, Fraction(2))
    assert judgement.verdict is Verdict.REJECTED
    assert "16 of 48 trials diverged at the carried learning rate" in judgement.reason
    assert not Transfer.of(losses, GRID, SIZES, 2.0).above[-1]  # a wider grid would not help
    losses[:8, -1, -1] = 1e3
    assert Transfer.of(losses, GRID, SIZES, 2.0).above[-1]


def test_divergence_elsewhere_than_at_the_carried_rate_breaks_nothing() -> None:
    """From 2 on, the carried rates being 0.4 and 1.1: at one of its neighbours is beside it."""
    losses = sweep(-0.5)
    losses[:, -1, 9:] = np.inf
    assert judged(losses, HALF).verdict is Verdict.ACCEPTED
    assert not Transfer.of(losses, GRID, SIZES, 0.0).diverged.any()


@pytest.mark.parametrize("exploded", [np.nan, np.inf, 1e30])
def test_a_trial_that_explodes_is_worth_the_smallest_rate_of_its_sweep(exploded: float) -> None:
    """One of four at the carried rate 1 and above it; the rate 1/2 is the best of the others."""
    logs = CURVATURE * np.log(GRID) ** 2 + np.zeros((4, 2, 1))
    losses = np.exp(logs)
    untrained = losses[0, 0, 0]
    losses[2, 1, 8:] = exploded
    found = Transfer.of(losses, GRID, SIZES[:2], 0.0)
    expected = np.log(untrained) / 4 - CURVATURE * np.log(2) ** 2
    assert found.regret[0, 0] == pytest.approx(expected)
    assert found.diverged.sum() == (not np.isfinite(exploded))


@pytest.mark.parametrize(("few", "verdict"), [(3, Verdict.INCONCLUSIVE), (7, Verdict.REJECTED)])
def test_divergence_of_few_has_its_price_and_is_said(few: int, verdict: Verdict) -> None:
    """At size 32 the rate 0.4 is carried and best, until some of 16 diverge there."""
    losses = sweep(-0.5)
    assert judged(losses, HALF).verdict is Verdict.ACCEPTED
    losses[:few, -1, 6:] = np.nan
    judgement = judged(losses, HALF)
    assert judgement.verdict is verdict
    assert "worst cell: L=32" in judgement.reason
    assert judgement.reason.endswith(
        f"; {few} of 48 trials diverged at the carried learning rate, in {few} of 16 replicates"
    )


def test_a_sweep_that_diverges_at_every_rate_is_invalid_and_widens_nothing() -> None:
    losses = sweep(-0.5)
    losses[3, 2] = np.nan
    found = Transfer.of(losses, GRID, SIZES, -0.5)
    assert not found.below.any()
    assert not found.above.any()
    assert judged(losses, HALF).reason == "1 of 64 trials diverged"


def test_no_rate_of_the_grid_beats_the_smallest_loss() -> None:
    """Beside a cliff the parabola's minimum is half a step off, where more is lost than at best."""
    logs = CURVATURE * np.log(GRID) ** 2 + np.zeros((3, 2, 1))
    logs[:, 1, 6:11] = [0.0, -0.05, -0.1, 5.0, 9.0]
    found = Transfer.of(np.exp(logs), GRID, SIZES[:2], 0.0)
    np.testing.assert_allclose(found.regret, 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("best", "exponent", "places"),
    [
        (5.0, Fraction(5), "L=8; L=16; L=32"),  # best and carried rates above the grid
        (-0.5, Fraction(3), "L=16; L=32"),  # carried rates above the grid
        (-0.5, Fraction(-5), "L=16; L=32"),  # below it
    ],
)
def test_rates_at_the_edge_of_the_grid_or_beyond_it_are_named(
    best: float, exponent: Fraction, places: str
) -> None:
    judgement = judged(sweep(best), exponent)
    assert judgement.verdict is Verdict.INVALID
    assert judgement.reason == (
        f"at {places} the best or the carried learning rate lies at the edge of the grid"
    )
    found = Transfer.of(sweep(best), GRID, SIZES, float(exponent))
    assert bool(found.above.any()) is (exponent > 0)
    assert bool(found.below.any()) is (exponent < 0)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("size", "name"), [(0, "the size of tuning"), (2, "L=16")])
def test_a_size_without_a_minimum_is_named(order: int, size: int, name: str) -> None:
    losses = sweep(-0.5)
    losses[:, size] = np.sort(losses[:, size], axis=-1)[:, ::order]
    assert judged(losses, HALF).reason.startswith(f"at {name} the best or the carried learning")
    found = Transfer.of(losses, GRID, SIZES, -0.5)
    assert (found.below if order == 1 else found.above).tolist() == [i == size for i in range(4)]


# ---- Campaigns: losses as above are put where networks would be measured.
CELLS = product((8,), (4, 8, 16, 32))
PROTOCOL = Training(batch=2, steps=1)
OWN = Setting(residual(2), depth_mup(), PROTOCOL)
OTHER = Setting(residual(2), completep(1), PROTOCOL)
TRUTH = {OWN.parameterization: -0.5, OTHER.parameterization: 0.0}


@pytest.fixture
def transfer(prediction: Prediction) -> Prediction:
    """Carried as L^-1/2, which is true of the setting and not of its control; with a rival."""
    grid = Grid(CELLS, 16, 16, looks=1)
    relation = TransferRegretAtMost(Axis.DEPTH, HALF, 0.0, "a test", RATES)
    return replace(
        prediction,
        observable=Observable.TRAINED_LOSS,
        relation=relation,
        setting=OWN,
        regime=Regime(quick=grid, standard=grid),
        margin=Fraction(1, 20),
        controls=(Control("transfers as L^0", OTHER),),
        rival=Rival(
            "The best rate does not depend on depth.",
            replace(relation, quantity=Regret(RATES, Fraction(0))),
            prediction.citation,
            Control("a shorter batch", replace(OWN, experiment=replace(PROTOCOL, batch=1))),
        ),
    )


def trial(setting: Setting, cell: Cell, replicates: Sequence[int]) -> np.ndarray:
    best = OPTIMUM + TRUTH[setting.parameterization] * np.log(cell.depth / 4)
    curve = CURVATURE * (np.log(float(setting.experiment.rate)) - best) ** 2
    noise = [np.random.default_rng([r, cell.depth]).standard_normal() for r in replicates]
    return np.asarray(3 * np.exp(curve + 0.05 * np.array(noise)))


def answers(prediction: Prediction, store: Store) -> tuple[Campaign, list[Answer]]:
    """Measured as campaigns are, group by group, until no sweep becomes wider."""
    campaign = Campaign((prediction,), Profile.QUICK, seed=1)
    plan, asked = begin(campaign, store), questions(campaign)
    while True:
        groups = [missing(plan, store, group) for group in schedule(campaign, plan, asked, 0)]
        for group in (group for group in groups if group.replicates):
            losses = [trial(setting, group.cell, group.replicates) for setting in group.settings]
            store_groups(
                plan, store, [(group, [{Observable.TRAINED_LOSS: each} for each in losses])]
            )
        if not widen(campaign, plan, asked, 0):
            return campaign, judge_campaign(campaign, store)


def test_a_prediction_a_control_and_a_rival_of_another_exponent_are_told_apart(
    transfer: Prediction, store: Store
) -> None:
    """The rival is judged on the same trials, at other carried rates; so is its own control."""
    _, (own, rival) = answers(transfer, store)
    assert own.judgement.verdict is Verdict.ACCEPTED, own.judgement.reason
    assert own.controls[0].verdict is Verdict.REJECTED, own.controls[0].reason
    np.testing.assert_array_equal(own.measured.values, rival.measured.values)
    rejected = rival.judgement.interval
    assert rejected is not None
    assert rejected.estimate == pytest.approx(CURVATURE * (np.log(8) / 2) ** 2, abs=0.01)
    assert rival.controls[0].verdict is Verdict.REJECTED
    assert rival.judgement.verdict is Verdict.REJECTED


def test_the_report_shows_the_regret_of_every_size_but_the_first(
    transfer: Prediction, store: Store
) -> None:
    relation = TransferRegretAtMost(Axis.DEPTH, Fraction(0), 0.0, "a test", RATES)
    campaign, found = answers(replace(transfer, relation=relation, rival=None), store)
    report = verify.build_report(campaign, store, found, datetime.now(UTC), complete=True)
    (entry,) = report.predictions
    assert entry.relation == "transfer of the learning rate as L^0 costs <= 0"
    assert entry.plotted == "trained_loss, carried over best rate"
    assert entry.band == (None, 0.05)
    assert [(cell.label, cell.size) for cell in entry.cells] == [
        (str(cell), cell.depth) for cell in CELLS[1:]
    ]
    for cell, expected in zip(entry.cells, CURVATURE * (LARGER / 2) ** 2, strict=True):
        assert cell.low < cell.measured < cell.high
        assert cell.measured == pytest.approx(np.exp(expected), abs=0.01)
        assert cell.predicted == 1.0
    assert "at most +0.05" in RENDERERS["html"](report)


def test_the_report_shows_what_a_rival_costs_at_every_size(
    transfer: Prediction, store: Store
) -> None:
    """The claim's exponent is right, and the rival's off by a half: 2^-1/2, 4^-1/2 and 8^-1/2."""
    campaign, found = answers(transfer, store)
    report = verify.build_report(campaign, store, found, datetime.now(UTC), complete=True)
    (entry,) = report.predictions
    assert entry.rival is not None
    costs = CURVATURE * (LARGER / 2) ** 2
    for cell, own, expected in zip(entry.rival.cells, entry.cells, costs, strict=True):
        assert own.label == cell.label
        assert own.measured == pytest.approx(1.0, abs=0.01)
        assert cell.low < cell.measured < cell.high
        assert cell.measured == pytest.approx(np.exp(expected), abs=0.01)
        row = f'{cell.label}</th><td class="number">{cell.measured:.4g} ['
        assert row in RENDERERS["html"](report)


@pytest.mark.parametrize(("exponent", "by"), [("2", (0, 2)), ("-7/2", (4, 0)), ("9", (0, 4))])
def test_a_carried_rate_beyond_the_grid_widens_it_twice_at_most(
    exponent: str, by: tuple[int, int], transfer: Prediction, store: Store
) -> None:
    """The grid ends at 2^-8 and 2^5, and the rate 1.1 is carried to 8 times the first depth."""
    relation = TransferRegretAtMost(Axis.DEPTH, Fraction(exponent), 0.0, "a test", RATES)
    _, (own,) = answers(replace(transfer, relation=relation, rival=None), store)
    assert own.measured.rates is not None
    assert own.measured.rates.tolist() == [float(rate) for rate in widened(RATES, *by)]
    outside = own.judgement.verdict is Verdict.INVALID
    assert outside == (exponent == "9")


def test_a_rate_is_tuned_at_the_smallest_cell(transfer: Prediction) -> None:
    for cells in (CELLS[:1], CELLS[::-1], (CELLS[0], *CELLS)):
        with pytest.raises(DomainError, match="tuned at the first cell and carried to larger ones"):
            Question(transfer, ()).claim(Grid(cells, 16, 16), 16)


def test_a_control_that_diverges_is_expected_to_be_rejected(transfer: Prediction) -> None:
    """A plan counts on it as on a control whose regret is clear, and not on a sweep without end."""
    losses = sweep(-0.5)
    losses[:, -1, 8:] = np.nan
    grid = transfer.regime.grid(Profile.QUICK)
    for exponent, chance in ((Fraction(0), 1.0), (Fraction(9), 0.0)):
        evidence = weigh(
            claimed(exponent), Measured(sweep(-0.5) if exponent else losses, rates=GRID)
        )
        assert isinstance(evidence, Unjudged)
        assert _rejection(evidence, grid) == chance


@pytest.mark.parametrize("relation", ["transfer", "tuned"])
def test_no_table_is_judged_by_losses_at_tuned_rates(relation: str, transfer: Prediction) -> None:
    """Neither by a regret nor by two tuned settings: no option states either claim."""
    tuned = replace(transfer, relation=TunedOrdered(Axis.DEPTH, OTHER, "a test", RATES))
    found = {"transfer": transfer, "tuned": tuned}[relation]
    frame = pd.DataFrame({"depth": [4, 8], "seed": [0, 1], "loss": [1.0, 2.0]})
    with pytest.raises(DomainError, match="losses at tuned rates; no table is judged by it"):
        verify.judge(frame, found, y="loss", replicate="seed")
