"""A budget chooses what is looked at, and changes no look, level or number."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.verify.campaigns import groups, of
from tests.verify.cli.test_cli import run
from tests.verify.measuring.test_store import contents
from theory import InputError, Prediction, Verdict
from verify.campaign.design import questions
from verify.campaign.looks import judge_campaign
from verify.measuring.budget import Budget, needed, seconds_of
from verify.measuring.executors import Workers
from verify.measuring.loop import measure
from verify.measuring.store import Store


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["10", "m", "-1m", "0s", "1e3s", "nan s", "10 m", "٣m"])
def test_what_is_no_time_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match=r"expected a time such as 90s, 10m or 1\.5h"):
        seconds_of(text)


@pytest.fixture
def two(prediction: Prediction) -> tuple[Prediction, Prediction]:
    """A prediction, and one that costs more."""
    setting = replace(
        prediction.setting, experiment=replace(prediction.setting.experiment, batch=9)
    )
    return prediction, replace(prediction, id="T2.forward.depth", setting=setting)


def test_the_likelier_decision_for_its_cost_is_bought_first(
    two: tuple[Prediction, Prediction], store: Store
) -> None:
    campaign = of(*two)
    all_of_them = groups(campaign, store)
    plan = store.plan(campaign.key)
    needs = [needed(campaign, plan, question, 0) for question in questions(campaign)]
    costs = [1.0] * len(all_of_them)
    half = len({g for g in all_of_them if g.settings[0] != two[1].setting})
    for likely in ((1.0, 0.5), (0.5, 1.0)):
        budget = Budget(half + 0.5, 1, Clock())
        bought = budget.affordable(all_of_them, costs, list(zip(needs, likely, strict=True)))
        preferred = two[likely.index(1.0)].setting
        assert len(bought) == half
        assert {g for g in all_of_them if g.settings[0] == preferred} <= set(bought)


def test_a_budget_learns_how_long_work_takes(
    two: tuple[Prediction, Prediction], store: Store
) -> None:
    campaign, clock = of(*two), Clock()
    all_of_them = groups(campaign, store)
    plan = store.plan(campaign.key)
    needs = [(needed(campaign, plan, q, 0), 1.0) for q in questions(campaign)]
    budget = Budget(100.0, 1, clock)
    assert budget.affordable(all_of_them, [1.0] * len(all_of_them), needs) == all_of_them
    clock.seconds += 50.0
    budget.measured(1.0)  # fifty seconds for an expected one
    assert budget.affordable(all_of_them, [1.0] * len(all_of_them), needs) == []
    clock.seconds += 50.0
    assert budget.spent


def test_what_was_not_bought_is_interrupted_and_the_rest_is_judged_as_ever(
    two: tuple[Prediction, Prediction], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)
    campaign, clock = of(*two), Clock()
    whole, part = Store(tmp_path / "whole.sqlite"), Store(tmp_path / "part.sqlite")
    measure(campaign, whole)
    budget = Budget(1e-9, 1, clock)
    measure(campaign, part, budget=budget)
    assert contents(part) == []
    expected = sum(g.cost for g in groups(campaign, whole) if g.settings[0] != two[1].setting)
    budget = Budget(1.01 * expected, 1, clock)
    monkeypatch.setattr(Budget, "measured", lambda *_: None)
    measure(campaign, part, budget=budget)
    bought, left = judge_campaign(campaign, part)
    assert bought.judgement.verdict is Verdict.ACCEPTED
    assert left.judgement.verdict is Verdict.INCONCLUSIVE
    assert not left.complete
    assert set(contents(part)) < set(contents(whole))
    measure(campaign, part)
    assert contents(part) == contents(whole)


def test_the_command_says_what_a_budget_left(
    prediction: Prediction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    assert run("verify", "--budget", "0.001s", "--out", tmp_path) == 4
    assert "1 of 1 questions were not looked at as often as announced" in capsys.readouterr().err
    assert run("verify", "--budget", "1h", "--out", tmp_path) == 0  # nothing is on record
    assert run("verify", "--budget", "soon", "--out", tmp_path) == 2
