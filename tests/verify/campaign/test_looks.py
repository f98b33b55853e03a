"""Announced looks: replicates are appended to what is open, and every look is paid for."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reports import RENDERERS
from reports.text import tried_again
from tests.verify.campaigns import groups, trial
from theory import (
    Activation,
    Axis,
    BestRateDrifts,
    BestRateExponentEquals,
    Cell,
    Control,
    Direction,
    ExponentsEqual,
    ExponentsOrdered,
    Grid,
    Observable,
    Prediction,
    Profile,
    Regime,
    Setting,
    Standing,
    Training,
    TunedOrdered,
    Verdict,
    depth_mup,
    mup,
    rational,
    residual,
)
from theory.prediction import product
from theory.quantities import BestRate, widened
from theory.scaling import ONE
from theory.verdict import ReasonKind
from verify import Report, build_report, keep_verdicts
from verify.campaign.design import Campaign, questions
from verify.campaign.looks import judge_campaign
from verify.campaign.power import Outlook, outlooks
from verify.campaign.trials import Trials
from verify.judging.evidence import Evidence
from verify.judging.verdict import Judgement, conclude, fit_levels_of
from verify.measuring.loop import begin, measure, run, store_group
from verify.measuring.pilot import PILOT_SEED, run_pilot
from verify.measuring.schedule import schedule
from verify.measuring.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "measurements.sqlite")


@pytest.fixture
def narrow(prediction: Prediction) -> Prediction:
    """A margin that six replicates cannot decide and twenty-four can; the control always can."""
    grid = Grid(product((24,), (4, 8, 16)), 6, 6)
    return replace(prediction, margin=Fraction(1, 4), regime=Regime(quick=grid, standard=grid))


def of(*predictions: Prediction, seed: int = 1) -> Campaign:
    return Campaign(predictions, Profile.QUICK, seed)


def report_of(campaign: Campaign, store: Store) -> Report:
    from datetime import UTC, datetime

    answers = judge_campaign(campaign, store)
    keep_verdicts(campaign, store, answers)
    return build_report(campaign, store, answers, datetime.now(UTC), complete=True)


def test_what_is_open_gets_twice_the_replicates_and_the_history_is_kept(
    narrow: Prediction, prediction: Prediction, store: Store
) -> None:
    clear = replace(prediction, id="T2.clear", margin=Fraction(1))
    campaign = of(narrow, clear)
    measure(campaign, store)
    undecided, decided = judge_campaign(campaign, store)
    replicates = [look.replicates for look in undecided.looks]
    assert replicates == [6, 12, 24][: len(replicates)]
    assert len(replicates) > 1
    assert [look.judgement.verdict for look in undecided.looks[:-1]] == [Verdict.INCONCLUSIVE] * (
        len(replicates) - 1
    )
    assert undecided.judgement.verdict is Verdict.ACCEPTED
    assert [look.replicates for look in decided.looks] == [12]
    # Two relations at the first look, one at the second; each look has a third of the rate.
    assert undecided.looks[0].level == pytest.approx(0.05 / 3)
    assert decided.looks[0].level == pytest.approx(0.05 / 6)
    assert undecided.looks[1].level == pytest.approx(0.05 / 3)


def test_replicates_are_appended_never_drawn_again(narrow: Prediction, store: Store) -> None:
    measure(of(narrow), store)
    (answer,) = judge_campaign(of(narrow), store)
    question, grid = questions(of(narrow))[0], narrow.regime.grid(Profile.QUICK)
    plan = store.plan(of(narrow).key)
    first = Trials(of(narrow), plan, question, look=0).measured()
    assert len(first.values) == grid.replicates < len(answer.measured.values)
    np.testing.assert_array_equal(answer.measured.values[: grid.replicates], first.values)


def test_a_prediction_announced_with_one_look_gets_one(narrow: Prediction, store: Store) -> None:
    grid = replace(narrow.regime.grid(Profile.QUICK), looks=1)
    single = replace(narrow, regime=Regime(quick=grid, standard=grid))
    measure(of(single), store)
    (answer,) = judge_campaign(of(single), store)
    assert len(answer.looks) == 1
    assert answer.judgement.verdict is Verdict.INCONCLUSIVE
    assert answer.looks[0].level == 0.05


def test_judging_again_from_the_store_finds_the_same_looks(
    narrow: Prediction, store: Store
) -> None:
    campaign = of(narrow)
    measure(campaign, store)
    first, second = (judge_campaign(campaign, store)[0] for _ in range(2))
    assert [look.replicates for look in first.looks] == [look.replicates for look in second.looks]
    assert first.judgement.interval == second.judgement.interval


def test_a_look_that_was_interrupted_is_the_last(narrow: Prediction, store: Store) -> None:
    campaign = of(narrow)

    def stop_in_the_second(look: int, done: float, total: float) -> None:
        if look == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(campaign, store, stop_in_the_second)
    (answer,) = judge_campaign(campaign, store)
    assert answer.judgement.verdict is Verdict.INCONCLUSIVE
    assert answer.judgement.reason.startswith("interrupted after 6 of 12 replicates")
    measure(campaign, store)
    assert judge_campaign(campaign, store)[0].judgement.verdict is Verdict.ACCEPTED


def test_another_seed_margin_or_grid_is_another_campaign_that_the_report_shows(
    prediction: Prediction, store: Store
) -> None:
    other_grid = replace(
        prediction.regime, quick=replace(prediction.regime.grid(Profile.QUICK), replicates=13)
    )
    tries = [
        of(prediction),
        of(prediction, seed=2),
        of(replace(prediction, margin=Fraction(2, 5))),
        of(replace(prediction, regime=other_grid)),
        of(prediction),
        of(prediction, replace(prediction, id="T2.another")),
    ]
    for campaign in tries:
        measure(campaign, store)
        report = report_of(campaign, store)
    entry = report.predictions[0]
    assert [(c.seed, c.margin, c.family, c.this) for c in entry.campaigns] == [
        (1, 0.5, 1, False),
        (2, 0.5, 1, False),
        (1, 0.4, 1, False),
        (1, 0.5, 1, False),
        (1, 0.5, 2, True),
    ]
    assert all(c.verdict is Verdict.ACCEPTED for c in entry.campaigns)
    assert "5 campaigns in this store: this one; seed 1" in RENDERERS["html"](report)
    (line,) = tried_again(report)
    assert line.startswith(f"{prediction.id}: 5 campaigns in this store: this one; seed 1")


def test_what_was_tried_again_in_the_same_way_is_said_once(
    prediction: Prediction, store: Store
) -> None:
    """As when a store goes on with a changed catalogue."""
    together = (prediction, replace(prediction, id="T2.another"))
    for seed in (1, 2):
        campaign = of(*together, seed=seed)
        measure(campaign, store)
        report = report_of(campaign, store)
    (line,) = tried_again(report)
    assert line == (
        f"{prediction.id} and 1 more: 2 campaigns in this store: this one; seed 1, quick, margin "
        "0.5, judged among 2: accepted"
    )


def test_everything_that_is_fixed_before_the_run_is_in_the_design(prediction: Prediction) -> None:
    sweep = sweep_prediction(SWEEP)
    wider = replace(sweep.relation, quantity=BestRate(widened(SWEEP, 0, 1)))
    variants = [
        (prediction, replace(prediction, regime=replace(prediction.regime, corrections=(ONE,)))),
        (prediction, replace(prediction, setting=prediction.controls[0].setting)),
        (prediction, replace(prediction, controls=(Control("other", prediction.setting),))),
        (sweep, replace(sweep, relation=wider)),
    ]
    for one, other in variants:
        assert of(one).designs != of(other).designs
        assert of(one).key != of(other).key


def test_looks_beyond_the_announced_are_not_taken_in_a_campaign_that_takes_more(
    narrow: Prediction, store: Store
) -> None:
    grid = replace(narrow.regime.grid(Profile.QUICK), looks=1)
    single = replace(narrow, id="T2.single", regime=Regime(quick=grid, standard=grid))
    campaign = of(narrow, single)
    measure(campaign, store)
    many, once = judge_campaign(campaign, store)
    assert len(many.looks) > 1
    assert len(once.looks) == 1
    assert once.judgement.verdict is Verdict.INCONCLUSIVE


def test_controls_share_the_rate_over_looks(prediction: Prediction, store: Store) -> None:
    measure(of(prediction), store)
    (answer,) = judge_campaign(of(prediction), store)
    assert answer.controls[0].interval is not None
    assert answer.controls[0].interval.level == pytest.approx(0.05 / 3)


def test_a_control_is_measured_until_it_is_rejected(narrow: Prediction, store: Store) -> None:
    campaign, (control,) = of(narrow), narrow.controls
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    grid = narrow.regime.grid(Profile.QUICK)
    assert len(answer.looks) > 1
    assert answer.controls[0].verdict is Verdict.REJECTED
    for cell in grid.cells:
        found = store.replicates(trial(campaign, store, control.setting, cell), range(10**6))
        assert found == set(range(grid.control_replicates))
    assert answer.question.controls == narrow.controls
    assert answer.remaining.controls == ()
    undecided = replace(answer.controls[0], verdict=Verdict.INCONCLUSIVE)
    waiting = replace(answer, controls=(undecided,))
    assert waiting.remaining == answer.question
    assert waiting.followed_by(answer).controls == answer.controls
    assert answer.followed_by(replace(answer, controls=())).controls == answer.controls


def slopes(store: Store, trial: str, cell: Cell, rows: np.ndarray) -> None:
    """Put measurements of known exponents (replicates,), with little noise, into the store."""
    noise = np.random.default_rng(cell.depth).normal(0.0, 0.01, len(rows))
    values = np.exp(rows * np.log(cell.depth) + noise)
    store.add(trial, range(len(rows)), {Observable.FORWARD_SECOND_MOMENT: values})


def with_two_controls(narrow: Prediction, store: Store, slow: int) -> Campaign:
    """Undecided until the third look; of one control six replicates are enough, of one twelve."""
    (clear,) = narrow.controls
    moved = Control("slow", replace(clear.setting, architecture=residual(2)))
    campaign = of(replace(narrow, controls=(moved, clear)))
    groups(campaign, store)
    draws = np.random.default_rng(0).standard_normal((3, 24))
    known = (
        (narrow.setting, 0.18 + 0.12 * draws[0]),
        (moved.setting, (0.45 + 0.2 * draws[1])[:slow]),
        (clear.setting, (2.0 + 0.1 * draws[2])[:6]),
    )
    for setting, rows in known:
        for cell in narrow.regime.grid(Profile.QUICK).cells:
            slopes(store, trial(campaign, store, setting, cell), cell, rows)
    return campaign


def test_each_control_is_looked_at_until_it_is_rejected(
    narrow: Prediction, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    families = []

    def counted(family: list[Evidence], share: float) -> np.ndarray:
        families.append(len(family))
        return fit_levels_of(family, share)

    monkeypatch.setattr("verify.campaign.looks.fit_levels_of", counted)
    (answer,) = judge_campaign(with_two_controls(narrow, store, slow=12), store)
    assert [look.replicates for look in answer.looks] == [6, 12, 24]
    assert answer.judgement.verdict is Verdict.ACCEPTED, answer.judgement.reason
    assert [control.name for control in answer.question.controls] == ["slow", "alpha = 0"]
    assert [control.replicates for control in answer.controls] == [12, 6]
    assert families == [3, 2, 1]  # fits of the question and of what is left of its controls


def test_a_look_that_lacks_replicates_of_a_control_is_the_last(
    narrow: Prediction, store: Store
) -> None:
    (answer,) = judge_campaign(with_two_controls(narrow, store, slow=9), store)
    assert [look.replicates for look in answer.looks] == [6, 12]
    assert not answer.complete
    assert "interrupted after 9 of 12" in answer.controls[0].reason


def test_fits_of_controls_and_questions_are_one_family_at_every_look(
    narrow: Prediction, prediction: Prediction, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with a control: four regressions at the first look; then one, the control rejected."""
    campaign = of(narrow, replace(prediction, id="T2.clear", margin=Fraction(1)))
    measure(campaign, store)
    families, at_levels = [], []

    def shared(family: list[Evidence], share: float) -> np.ndarray:
        families.append((len(family), share))
        return np.arange(1.0, len(family) + 1) / 1000

    def spied(evidence: Evidence, level: float, fit_level: float) -> Judgement:
        at_levels.append(fit_level)
        return conclude(evidence, level, fit_level)

    monkeypatch.setattr("verify.campaign.looks.fit_levels_of", shared)
    monkeypatch.setattr("verify.campaign.looks.conclude", spied)
    judge_campaign(campaign, store, looks=2)
    assert families == [(4, 0.05 / 3), (1, 0.05 / 3)]
    assert sorted(at_levels) == [0.001, 0.001, 0.002, 0.003, 0.004]


def test_a_campaign_that_was_begun_is_on_record_before_it_ends(
    prediction: Prediction, store: Store
) -> None:
    def stop(look: int, done: float, total: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(of(prediction), store, stop)
    (past,) = store.past_verdicts(prediction.id)
    assert past.plan == store.plan(of(prediction).key).row
    assert (past.seed, past.margin, past.family) == (1, 0.5, 1)
    assert past.verdict is None


def test_the_report_shows_every_look(narrow: Prediction, store: Store) -> None:
    measure(of(narrow), store)
    report = report_of(of(narrow), store)
    (entry,) = report.predictions
    assert [look.replicates for look in entry.looks][:2] == [6, 12]
    assert entry.looks[0].verdict is Verdict.INCONCLUSIVE
    assert "<th>look</th>" in RENDERERS["html"](report)


SWEEP = tuple(Fraction(2) ** k for k in range(-12, -7))


def sweep_prediction(rates: tuple[Fraction, ...]) -> Prediction:
    """The best rate of tiny networks after three steps; the grid starts far too low."""
    experiment = Training(batch=16, steps=3)
    setting = Setting(residual(1, Activation.TANH), depth_mup(), experiment)
    grid = Grid((Cell(8, 1), Cell(8, 2), Cell(8, 4)), 3, 2, looks=1)
    from theory.prediction import Citation

    return Prediction(
        id="T3.best.depth",
        sentence="The best learning rate does not depend on depth.",
        observable=Observable.TRAINED_LOSS,
        relation=BestRateExponentEquals(Axis.DEPTH, rational(0), "a test", rates),
        setting=setting,
        regime=Regime(quick=grid, standard=grid),
        margin=Fraction(3),
        margin_reason="wide, for tiny networks",
        citation=Citation("tests", "A test", "here"),
        controls=(Control("no residual multiplier", replace(setting, parameterization=mup())),),
        standing=Standing.PROJECT,
    )


def test_a_minimum_at_the_edge_widens_the_grid_and_then_is_invalid(store: Store) -> None:
    """Losses still fall at the largest of these rates: two widenings up, then no verdict."""
    tried = sweep_prediction(SWEEP)
    campaign = of(tried)
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.measured.rates is not None
    assert len(answer.measured.rates) == len(SWEEP) + 2 * 2
    assert answer.measured.rates[0] == float(SWEEP[0])
    assert answer.judgement.verdict is Verdict.INVALID
    assert "lies at the edge of the grid" in answer.judgement.reason
    measured = len(groups(campaign, store))
    measure(campaign, store)
    assert len(groups(campaign, store)) == measured


def test_a_sweep_that_has_yet_to_become_wider_is_not_judged(store: Store) -> None:
    """As when Ctrl-C comes between the last trial of a grid and the next, wider one."""
    campaign = of(sweep_prediction(SWEEP))
    plan = begin(campaign, store)
    for group in schedule(campaign, plan, questions(campaign), 0):
        store_group(plan, store, group, run(campaign.seed, campaign.device, group))
    (answer,) = judge_campaign(campaign, store)
    assert not answer.complete
    assert answer.judgement.reason == "interrupted after 0 of 3 replicates"
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.complete


def test_a_minimum_at_the_lower_edge_widens_the_grid_downwards(store: Store) -> None:
    high = tuple(Fraction(2) ** k for k in range(6, 11))
    campaign = of(sweep_prediction(high))
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.measured.rates is not None
    assert answer.measured.rates[0] < float(high[0])


def outlook_on(tried: Prediction) -> Outlook:
    campaign = of(tried, seed=PILOT_SEED)
    (outlook,) = outlooks(campaign, run_pilot(campaign))
    return outlook


def test_a_plan_of_a_sweep_at_the_edge_says_why_it_says_nothing() -> None:
    outlook = outlook_on(sweep_prediction(SWEEP))
    assert [reason.kind for reason in outlook.problem] == [ReasonKind.BEST_RATE_AT_EDGE]
    assert outlook.underpowered


def test_the_losses_of_a_sweep_are_those_of_its_rates(store: Store) -> None:
    rates = tuple(Fraction(4) ** k for k in range(-3, 5))
    tried = sweep_prediction(rates)
    campaign = of(tried)
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    losses = answer.measured.values
    assert losses.shape[:2] == (3, 3)
    assert losses.shape[2] >= len(rates)
    rate = rates[3]
    setting = replace(tried.setting, experiment=tried.setting.experiment.at_rate(rate))
    key = trial(campaign, store, setting, Cell(8, 2))
    stored = store.values(key, Observable.TRAINED_LOSS, 3)
    assert answer.measured.rates is not None
    place = list(answer.measured.rates).index(float(rate))
    np.testing.assert_array_equal(losses[:, 1, place], stored)


def test_a_drift_is_planned_in_either_direction() -> None:
    """For a truth a margin away from the end of the band, on its inner side."""
    found = []
    for direction in Direction:
        base = sweep_prediction(tuple(Fraction(4) ** k for k in range(-3, 5)))
        rates = base.relation.quantity.swept_rates() or ()
        drift = BestRateDrifts(Axis.DEPTH, direction, "a test", rates)
        found.append(outlook_on(replace(base, relation=drift)))
    rises, falls = found
    assert rises.decided == falls.decided
    assert rises.required == falls.required is not None
    assert rises.detectable == falls.detectable < float("inf")


def test_two_settings_are_tuned_over_the_same_rates(store: Store) -> None:
    """Each at its own best rate; the grid of rates is not widened for either."""
    rates = tuple(Fraction(4) ** k for k in range(-3, 5))
    base = sweep_prediction(rates)
    other = replace(base.setting, architecture=residual(2))
    tried = replace(base, relation=TunedOrdered(Axis.DEPTH, other, "a test", rates))
    campaign = of(tried)
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    found = answer.measured
    assert found.rates is not None
    assert found.other is not None
    assert list(found.rates) == [float(rate) for rate in rates]
    assert found.values.shape == found.other.shape == (3, 3, len(rates))
    setting = replace(other, experiment=other.experiment.at_rate(rates[2]))
    stored = store.values(trial(campaign, store, setting, Cell(8, 2)), Observable.TRAINED_LOSS, 3)
    np.testing.assert_array_equal(found.other[:, 1, 2], stored)


def test_a_pair_of_settings_is_measured_and_compared(prediction: Prediction, store: Store) -> None:
    blows_up = prediction.controls[0].setting
    axis = Axis.DEPTH
    smaller = replace(
        prediction,
        relation=ExponentsOrdered(axis, blows_up, "a test"),
        controls=(Control("the same setting twice", blows_up),),
    )
    equal = replace(
        prediction, id="T2.equal", relation=ExponentsEqual(axis, prediction.setting, "a test")
    )
    campaign = of(smaller, equal)
    measure(campaign, store)
    ordered, same = judge_campaign(campaign, store)
    assert ordered.measured.other is not None
    assert ordered.judgement.verdict is Verdict.ACCEPTED, ordered.judgement.reason
    assert ordered.controls[0].verdict is Verdict.REJECTED
    # A setting equals itself, without spread; its control blows up.
    assert same.judgement.verdict is Verdict.ACCEPTED, same.judgement.reason


def test_exponents_are_compared_at_other_widths(prediction: Prediction, store: Store) -> None:
    """A setting and itself three times as wide, both paired with the replicates of the other."""
    relation = ExponentsEqual(Axis.DEPTH, prediction.setting, "a test", wider=3)
    campaign = of(replace(prediction, relation=relation))
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.judgement.verdict is Verdict.ACCEPTED, answer.judgement.reason
    assert answer.measured.other is not None
    for found, width in ((answer.measured.values, 24), (answer.measured.other, 72)):
        key = trial(campaign, store, prediction.setting, Cell(width, 8))
        stored = store.values(key, prediction.observable, 12)
        np.testing.assert_array_equal(found[:, 1], stored)
