"""Announced looks: replicates are appended to what is open, and every look is paid for."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from reports import RENDERERS
from reports.text import tried_again
from tests.verify.campaigns import SWEEP, groups, of, sweep_prediction, trial
from theory import (
    Cell,
    Control,
    Grid,
    Observable,
    Prediction,
    Profile,
    Regime,
    Verdict,
    residual,
)
from theory.prediction import product
from theory.quantities import BestRate, widened
from theory.scaling import ONE
from verify import Report, build_report, keep_verdicts
from verify.campaign.design import Campaign, questions
from verify.campaign.looks import judge_campaign
from verify.campaign.trials import Trials
from verify.judging.evidence import Evidence
from verify.judging.verdict import Judgement, conclude, fit_levels_of
from verify.measuring.executors import Workers
from verify.measuring.loop import measure
from verify.measuring.store import Store


@pytest.fixture
def narrow(prediction: Prediction) -> Prediction:
    """A margin that six replicates cannot decide and twenty-four can; the control always can."""
    grid = Grid(product((24,), (4, 8, 16)), 6, 6)
    return replace(prediction, margin=Fraction(1, 4), regime=Regime(quick=grid, standard=grid))


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


def test_a_look_that_was_interrupted_is_the_last(
    narrow: Prediction, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)  # each group is stored by itself
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
    other_setting = replace(prediction.setting, architecture=residual(2))
    variants = [
        (prediction, replace(prediction, regime=replace(prediction.regime, corrections=(ONE,)))),
        (prediction, replace(prediction, setting=other_setting)),
        (prediction, replace(prediction, controls=(Control("other", other_setting),))),
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
    assert "<summary>Looks" in RENDERERS["html"](report)
