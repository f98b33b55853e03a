"""Sweeps of learning rates become wider in a campaign, and settings are compared in pairs."""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from tests.verify.campaigns import SWEEP, groups, of, sweep_prediction, trial
from theory import (
    Axis,
    BestRateDrifts,
    Cell,
    Control,
    Direction,
    ExponentsEqual,
    ExponentsOrdered,
    Observable,
    Prediction,
    TunedOrdered,
    Verdict,
    residual,
)
from theory.verdict import ReasonKind
from verify.campaign.design import questions
from verify.campaign.looks import judge_campaign
from verify.campaign.power import Outlook, outlooks
from verify.measuring.loop import begin, measure, run, store_groups
from verify.measuring.pilot import PILOT_SEED, run_pilot
from verify.measuring.schedule import schedule
from verify.measuring.store import Store


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
        store_groups(plan, store, [(group, run(campaign.seed, campaign.device, group))])
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
