"""What an experiment can decide: the triad against simulation, and against each other."""

import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from theory import Axis, ExponentAtMost, ExponentEquals, ExponentsOrdered, Prediction, rational
from theory.expectations import Band
from theory.prediction import Profile
from theory.relations import Relation
from verify.campaign.design import Campaign
from verify.campaign.power import outlooks, total_seconds
from verify.measuring.loop import run
from verify.measuring.pilot import PILOT_SEED, run_pilot
from verify.statistics.equivalence import mean_intervals
from verify.statistics.sample_size import (
    TARGET_POWER,
    cautious_spread,
    detectable_margin,
    power,
    required_replicates,
    typical_truth,
)

RELATIONS: list[Relation] = [
    ExponentEquals(Axis.DEPTH, rational("1/2"), "a test"),
    ExponentAtMost(Axis.DEPTH, rational("1/2"), "a test"),
    ExponentsOrdered(Axis.DEPTH, "plain", "a test"),
]


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("replicates", [4, 8, 20])
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.2])
def test_power_is_the_share_of_simulated_decisions(
    relation: Relation, replicates: int, shift: float
) -> None:
    """20,000 experiments; four standard errors of a share."""
    band, spread = relation.band(0.1), 0.12
    truth = typical_truth(band, 0.1) + shift
    samples = np.random.default_rng(0).normal(truth, spread, (replicates, 20_000))
    intervals = mean_intervals(samples, 0.05)
    share = (intervals.within(band) | intervals.disjoint_from(band)).mean()
    expected = power(spread, replicates, band, truth, 0.05)
    assert share == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 20_000))


@given(st.floats(0.01, 1.0), st.sampled_from(RELATIONS), st.sampled_from([0.05, 0.001]))
def test_required_replicates_are_the_fewest(
    spread: float, relation: Relation, level: float
) -> None:
    band = relation.band(0.1)
    truth = typical_truth(band, 0.1)
    needed = required_replicates(spread, band, truth, level)
    assert needed is not None
    assert power(spread, needed, band, truth, level) >= TARGET_POWER
    assert needed == 2 or power(spread, needed - 1, band, truth, level) < TARGET_POWER


@given(st.floats(0.01, 1.0), st.integers(4, 200), st.sampled_from(RELATIONS))
def test_the_detectable_margin_is_the_narrowest(
    spread: float, replicates: int, relation: Relation
) -> None:
    margin = detectable_margin(spread, replicates, relation.band, 0.05)

    def reached(width: float) -> float:
        band = relation.band(width)
        return power(spread, replicates, band, typical_truth(band, width), 0.05)

    assert reached(margin) >= TARGET_POWER
    assert reached(margin * 0.999) < TARGET_POWER


def test_several_cells_are_decided_together() -> None:
    """Bonferroni: a lower bound that one cell alone attains."""
    band = Band(0.9, 1.1)
    both = power(np.array([0.1, 0.2]), 30, band, 1.0, 0.05)
    worst = power(0.2, 30, band, 1.0, 0.025)
    assert both <= worst
    assert both == pytest.approx(worst, abs=0.01)


def test_plans_from_a_pilot_have_the_power_that_they_promise() -> None:
    """Nine plans in ten have at least the target, though the pilot sees eight replicates only."""
    band, generator = Band(-0.1, 0.1), np.random.default_rng(0)
    reached = []
    for _ in range(300):
        shown = generator.normal(0, 0.12, 8).std(ddof=1)
        spread = cautious_spread(np.array([shown]), 8)
        needed = required_replicates(spread, band, 0.0, 0.05)
        assert needed is not None
        reached.append(power(0.12, needed, band, 0.0, 0.05) >= TARGET_POWER)
    assert stats.binom.ppf(0.001, 300, 0.9) <= sum(reached) < 300


def test_without_spread_everything_is_decided_and_at_the_edge_nothing() -> None:
    assert power(0.0, 2, Band(-0.1, 0.1), 0.0, 0.05) == 1.0
    assert detectable_margin(0.0, 2, RELATIONS[0].band, 0.05) == 0.0
    assert required_replicates(0.1, Band(-0.1, 0.1), 0.1, 0.05) is None


def test_an_outlook_comes_from_a_pilot_with_a_seed_of_its_own(
    prediction: Prediction, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = set()

    def seen(seed, device, group):  # type: ignore[no-untyped-def]
        seeds.add(seed)
        return run(seed, device, group)

    monkeypatch.setattr("verify.measuring.pilot.run", seen)
    campaign = Campaign((prediction,), Profile.QUICK, seed=3)
    (outlook,) = outlooks(campaign, run_pilot(campaign))
    assert outlook.replicates == (12, 24, 48)
    assert outlook.cells == ("n=24, L=4", "n=24, L=8", "n=24, L=16")
    assert outlook.level == pytest.approx(0.05 / 3)
    assert 0 < outlook.spread < 1
    assert outlook.decided[0] <= outlook.decided[1] <= outlook.decided[2]
    assert outlook.decided[2] > 0.99
    assert outlook.controls > 0.95
    assert not outlook.underpowered
    assert outlook.required is not None
    assert (outlook.required <= 12) == (outlook.decided[0] >= TARGET_POWER)
    assert 0 < outlook.seconds[0] < outlook.seconds[1]
    assert outlook.problem == ()
    assert seeds == {PILOT_SEED}
    assert PILOT_SEED > 10**6  # nobody's first choice for a campaign


def test_what_predictions_share_is_counted_once_in_the_total(prediction: Prediction) -> None:
    twice = Campaign((prediction, replace(prediction, id="T2.twin")), Profile.QUICK, seed=3)
    pilot = run_pilot(twice)
    one, other = outlooks(twice, pilot)
    assert total_seconds(twice, pilot) == pytest.approx(one.seconds)
    assert one.seconds == other.seconds


def test_plan_says_what_is_under_powered(
    prediction: Prediction, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.verify.cli.test_cli import run

    weak = replace(prediction, id="T2.weak", margin=Fraction(1, 100))
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction, weak))
    assert run("plan") == 0
    text = capsys.readouterr().out
    assert "T2.weak: under-powered: a decision has probability" in text
    assert "T1.forward.depth: under-powered" not in text
    assert "In all: " in text
    assert run("plan", "--json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["underpowered"], second["underpowered"]) == (False, True)
    assert second["required"] > second["replicates"][-1]
    assert second["detectable"] > 0.01
    assert run("plan", "A99") == 2
