"""What a plan says of a budget is what a campaign with that budget does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.verify.campaigns import groups, of
from tests.verify.cli.test_cli import run
from tests.verify.measuring.test_budget import Clock
from theory import Prediction, rational
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign
from verify.campaign.power import Outlook, outlooks
from verify.measuring.budget import Budget
from verify.measuring.forecast import Expected, forecast
from verify.measuring.loop import measure
from verify.measuring.pilot import PILOT_SEED, run_pilot
from verify.measuring.store import Store

PLENTY = 1e9


@pytest.fixture
def several(prediction: Prediction) -> tuple[Prediction, ...]:
    """Three predictions of different costs that share no trial but one's rival."""

    def costlier(batch: int) -> Prediction:
        experiment = replace(prediction.setting.experiment, batch=batch)
        setting = replace(prediction.setting, experiment=experiment)
        return replace(prediction, id=f"T{batch}.forward.depth", setting=setting)

    return prediction, costlier(9), costlier(30)


@pytest.fixture
def campaign(several: tuple[Prediction, ...]) -> Campaign:
    return replace(of(*several), seed=PILOT_SEED)


@pytest.fixture
def entries(campaign: Campaign) -> list[Outlook]:
    return outlooks(campaign, run_pilot(campaign))


def total(campaign: Campaign) -> float:
    return sum(group.cost for group in groups(campaign, Store(Path(":memory:"))))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 1.01])
@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_look_is_what_verify_buys(
    share: float,
    workers: int,
    campaign: Campaign,
    entries: list[Outlook],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = share * total(campaign) / workers
    first = forecast(campaign, entries, seconds, workers)[0]
    monkeypatch.setattr(Budget, "measured", lambda *_: None)
    measure(campaign, store, budget=Budget(seconds, workers, Clock()))
    answers = judge_campaign(campaign, store, looks=1)
    assert first.left == tuple(a.question.id for a in answers if not a.complete)
    assert first.paid <= seconds * workers


def test_plenty_leaves_nothing(campaign: Campaign, entries: list[Outlook]) -> None:
    looks = forecast(campaign, entries, PLENTY, 1)
    assert [look.left for look in looks] == [()] * campaign.looks
    assert all(look.paid == look.needed for look in looks)


def test_a_later_look_is_asked_for_by_what_is_not_decided_before(
    campaign: Campaign, entries: list[Outlook]
) -> None:
    """Trials of the first look are not paid for again; what it left is not asked again."""
    unlikely = [replace(each, decided=(0.1,) * campaign.looks) for each in entries]
    sure = [replace(each, decided=(1.0,) * campaign.looks) for each in entries]
    assert [look.asked for look in forecast(campaign, sure, PLENTY, 1)[1:]] == [()] * (
        campaign.looks - 1
    )
    first, second, *_ = forecast(campaign, unlikely, PLENTY, 1)
    assert second.asked == first.asked
    assert 0 < second.needed < 1.5 * first.needed
    enough = first.needed + 0.5 * second.needed
    tight = forecast(campaign, unlikely, enough, 1)
    assert tight[0].left == ()
    assert tight[1].left
    assert not set(tight[1].left) & set(tight[2].asked)


def test_more_workers_never_leave_more(campaign: Campaign, entries: list[Outlook]) -> None:
    seconds = 0.3 * total(campaign)
    left = [len(forecast(campaign, entries, seconds, n)[0].left) for n in (1, 2, 4)]
    assert left == sorted(left, reverse=True)


def test_progress_ends_at_the_last_look(campaign: Campaign, entries: list[Outlook]) -> None:
    seen: list[tuple[float, float]] = []
    forecast(campaign, entries, PLENTY, 1, lambda *looks: seen.append(looks))
    assert seen == [(look, campaign.looks) for look in range(campaign.looks + 1)]


@pytest.fixture
def narrow(prediction: Prediction, monkeypatch: pytest.MonkeyPatch) -> Prediction:
    """A prediction that no look decides, and alone in the catalogue."""
    narrow = replace(prediction, margin=rational("1/1000"))
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (narrow,))
    return narrow


def test_the_command_says_what_a_budget_leaves(
    narrow: Prediction, capsys: pytest.CaptureFixture[str]
) -> None:
    run("plan", "--workers", "1", "--budget", "1h")
    assert "It leaves nothing out." in capsys.readouterr().out
    run("plan", "--workers", "1", "--budget", "0.001s")
    lines = capsys.readouterr().out.splitlines()
    assert "A budget of 0.001 s for 1 worker, by the cost model:" in lines
    assert lines[-2:] == ["Not looked at:", f"  {narrow.id}"]
    assert run("plan", "--budget", "soon") == 2


def test_the_document_has_the_look_that_is_left(
    narrow: Prediction, capsys: pytest.CaptureFixture[str]
) -> None:
    left = []
    for options in ([], ["--budget", "1h"], ["--budget", "0.001s"]):
        run("plan", "--json", *options)
        (entry,) = json.loads(capsys.readouterr().out)
        left.append(entry.get("left_at_look", "absent"))
    assert left == ["absent", None, 1]


def test_a_terminal_of_80_columns_has_room(
    narrow: Prediction, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("verify.cli.plan.output_width", lambda: 80)
    monkeypatch.setattr("verify.cli.columns.output_width", lambda: 80)
    names = tuple(f"A{i}.forward.depth.of-many" for i in range(20))
    many = [Expected(names, names[:15], 2e6, 1e6), Expected(names[15:], names[15:], 1e6, 0.0)]
    monkeypatch.setattr("verify.cli.plan.forecast", lambda *_: many)
    run("plan", "--budget", "10m")
    shown = capsys.readouterr().out.splitlines()
    assert "Left undecided, without look 2:" in shown
    assert max(map(len, shown)) <= 80
