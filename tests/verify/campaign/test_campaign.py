"""Campaigns: what is measured, resuming, and what a control is for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from probes.engines import Engine
from tests.verify.campaigns import groups, of
from theory import (
    Cell,
    Control,
    DomainError,
    ExponentEquals,
    Observable,
    Optimizer,
    Prediction,
    Verdict,
    mup,
    rational,
)
from theory.prediction import Citation, Rival
from theory.verdict import Reason, ReasonKind
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign, vouched
from verify.documents.campaign import build_report
from verify.judging.verdict import Judgement
from verify.measuring import fingerprint as fingerprints
from verify.measuring import loop as measuring
from verify.measuring.executors import Workers
from verify.measuring.fingerprint import trial_key
from verify.measuring.loop import check_engine, measure, run
from verify.measuring.store import Store


def all_values(campaign: Campaign, store: Store) -> np.ndarray:
    judge = judge_campaign(campaign, store)
    return np.concatenate([answer.measured.values.ravel() for answer in judge])


def test_a_true_prediction_is_accepted_and_its_control_rejected(
    prediction: Prediction, store: Store
) -> None:
    campaign = of(prediction)
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.judgement.verdict is Verdict.ACCEPTED
    assert [control.verdict for control in answer.controls] == [Verdict.REJECTED]
    assert answer.measured.values.shape == (12, 3)


def test_a_false_prediction_is_rejected(prediction: Prediction, store: Store) -> None:
    wrong = replace(
        prediction, relation=ExponentEquals(prediction.relation.axis, rational(-2), "a test")
    )
    campaign = of(wrong)
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.judgement.verdict is Verdict.REJECTED


def test_an_experiment_whose_control_passes_shows_nothing(
    prediction: Prediction, store: Store
) -> None:
    """A "control" in which the relation is true must spoil an otherwise accepted verdict."""
    same = replace(prediction.setting, experiment=replace(prediction.setting.experiment, batch=3))
    campaign = of(replace(prediction, controls=(Control("no control at all", same),)))
    measure(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.controls[0].verdict is Verdict.ACCEPTED
    assert answer.judgement.verdict is Verdict.INVALID
    assert "'no control at all' is accepted, not rejected" in answer.judgement.reason


def test_an_undecided_control_leaves_the_verdict_open(prediction: Prediction) -> None:
    decided = Judgement(Verdict.ACCEPTED, (Reason(ReasonKind.INSIDE),), 12)
    undecided = Judgement(Verdict.INCONCLUSIVE, (Reason(ReasonKind.ACROSS),), 6)
    judgement = vouched(decided, prediction.controls, (undecided,))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "'alpha = 0' is inconclusive, not rejected: the interval reaches" in judgement.reason


def test_the_levels_of_a_campaign_are_those_of_holm(prediction: Prediction, store: Store) -> None:
    """Three predictions that are all decided at the first of three looks, which has 0.05/3."""
    family = tuple(replace(prediction, id=f"T{i}") for i in range(3))
    campaign = of(*family)
    measure(campaign, store)
    intervals = [answer.judgement.interval for answer in judge_campaign(campaign, store)]
    levels = sorted(interval.level for interval in intervals if interval is not None)
    assert levels == pytest.approx([0.05 / 9, 0.05 / 6, 0.05 / 3])


def test_a_rival_is_judged_on_the_same_measurements(prediction: Prediction, store: Store) -> None:
    axis = prediction.relation.axis
    rival = Rival(
        "It decays.",
        ExponentEquals(axis, rational(-2), "a test"),
        Citation("tests", "A test", "here"),
        Control("alpha = 0", prediction.controls[0].setting),
    )
    campaign = of(replace(prediction, rival=rival))
    measure(campaign, store)
    own, other = judge_campaign(campaign, store)
    np.testing.assert_array_equal(own.measured.values, other.measured.values)
    assert own.judgement.verdict is Verdict.ACCEPTED
    assert other.judgement.verdict is Verdict.REJECTED


def test_every_trial_is_planned_once(prediction: Prediction, store: Store) -> None:
    twin = replace(prediction, id="T2.forward.depth")
    once, twice = (
        [(g.settings, g.cell, r) for g in groups(of(*ps), store) for r in g.replicates]
        for ps in ((prediction,), (prediction, twin))
    )
    assert once == twice
    assert len(set(once)) == len(once) == 3 * (12 + 6)


def test_order_does_not_matter(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = of(prediction)
    forward, backward = Store(tmp_path / "a.sqlite"), Store(tmp_path / "b.sqlite")
    measure(campaign, forward)
    single = [
        replace(g, replicates=(r,), cost=1.0)
        for g in reversed(groups(campaign, forward))
        for r in reversed(g.replicates)
    ]
    groups(campaign, backward)
    monkeypatch.setattr(measuring, "schedule", lambda *_: single)
    measure(campaign, backward)
    values = all_values(campaign, forward), all_values(campaign, backward)
    np.testing.assert_allclose(*values, rtol=1e-5)  # float32: a group may round differently


def test_a_stopped_campaign_goes_on_where_it_was(
    prediction: Prediction, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = of(prediction)
    straight = Store(tmp_path / "straight.sqlite")
    measure(campaign, straight)

    told = []

    def stop_in_the_third(look: int, done: float, total: float) -> None:
        assert look == 0
        assert 0 < done < total
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Workers, "SHORTEST_BATCH", 0.0)  # each group is stored by itself
    with pytest.raises(KeyboardInterrupt):
        measure(campaign, store, stop_in_the_third)
    (answer,) = judge_campaign(campaign, store)
    assert answer.judgement.verdict is Verdict.INCONCLUSIVE

    measured: list[Cell] = []

    def counting(seed, device, group):  # type: ignore[no-untyped-def]
        measured.append(group.cell)
        return run(seed, device, group)

    monkeypatch.setattr(measuring, "run", counting)
    measure(campaign, store)
    assert len(measured) == len(groups(campaign, store)) - 3
    np.testing.assert_array_equal(all_values(campaign, store), all_values(campaign, straight))
    measure(campaign, store)
    assert len(measured) == len(groups(campaign, store)) - 3


def test_engines_are_kept_apart_and_reach_the_same_verdicts(
    prediction: Prediction, store: Store
) -> None:
    values = []
    for engine in Engine:
        campaign = replace(of(prediction), engine=engine)
        measure(campaign, store)
        (answer,) = judge_campaign(campaign, store)
        assert answer.judgement.verdict is Verdict.ACCEPTED
        assert [control.verdict for control in answer.controls] == [Verdict.REJECTED]
        report = build_report(campaign, store, [answer], datetime.now(UTC), complete=True)
        assert report.predictions[0].engines == {
            str(engine): [str(cell) for cell in campaign.grid(prediction).cells]
        }
        assert report.command.endswith(f"--engine {engine}")
        values.append(all_values(campaign, store))
    assert not np.isclose(values[0], values[1]).any()
    assert len(store.past_verdicts(prediction.id)) == 2


def test_an_engine_that_cannot_run_every_trial_is_refused_before_the_first(
    prediction: Prediction,
) -> None:
    """Here it is a control that trains with Adam."""
    setting = replace(prediction.controls[0].setting, parameterization=mup(Optimizer.ADAM))
    mixed = replace(prediction, controls=(Control("Adam", setting),))
    with pytest.raises(DomainError, match="adam has no matrix-free weights"):
        check_engine(replace(of(mixed), engine=Engine.MATRIX_FREE))
    check_engine(of(mixed))


def test_seeds_give_different_measurements(prediction: Prediction, store: Store) -> None:
    for seed in (1, 2):
        measure(of(prediction, seed=seed), store)
    one, two = (all_values(of(prediction, seed=seed), store) for seed in (1, 2))
    assert not np.isclose(one, two).any()


def test_a_key_covers_everything_that_a_number_depends_on(prediction: Prediction) -> None:
    setting, control = prediction.setting, prediction.controls[0].setting
    keys = {
        trial_key(setting, Cell(8, 4), 0, "cpu", "dense"),
        trial_key(control, Cell(8, 4), 0, "cpu", "dense"),
        trial_key(setting, Cell(8, 8), 0, "cpu", "dense"),
        trial_key(setting, Cell(8, 4), 1, "cpu", "dense"),
        trial_key(setting, Cell(8, 4), 0, "cuda", "dense"),
        trial_key(setting, Cell(8, 4), 0, "cpu", "matrix-free"),
    }
    assert len(keys) == 6


@pytest.fixture
def key_of(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], str]]:
    """A trial's key where a package has one module, with this source."""

    def key(package: str, source: str) -> str:
        folder = tmp_path / package
        folder.mkdir(exist_ok=True)
        (folder / "module.py").write_text(source)
        changed = {package: folder}
        monkeypatch.setattr(fingerprints, "files", lambda name: changed.get(name) or files(name))
        fingerprints.fingerprint.cache_clear()
        return trial_key(prediction.setting, Cell(8, 4), 0, "cpu", "dense")

    yield key
    fingerprints.fingerprint.cache_clear()


@pytest.mark.parametrize("package", ["probes", "theory"])
def test_measurements_of_other_code_are_not_found(
    package: str, prediction: Prediction, key_of: Callable[[str, str], str]
) -> None:
    now = trial_key(prediction.setting, Cell(8, 4), 0, "cpu", "dense")
    codes = ("x = 1", "x = 2", "x = 1.0", "x = 'a'", "def f():\n    return 1", "")
    assert len({now, *(key_of(package, code) for code in codes)}) == 1 + len(codes)


def test_what_is_only_said_about_code_changes_no_measurement(
    key_of: Callable[[str, str], str],
) -> None:
    plain = "def f(x):\n    return x + 1"
    said = '"""Module."""\n\n# A comment.\ndef f(x):\n    """Says."""\n    return (x +\n    1)'
    assert key_of("theory", said) == key_of("theory", plain)


def test_divergence_survives_the_store(store: Store) -> None:
    values = np.array([1.0, np.nan, np.inf])
    store.add("trial", range(3), {Observable.STREAM_CHANGE: values})
    np.testing.assert_array_equal(store.values("trial", Observable.STREAM_CHANGE, 3), values)


def test_values_end_at_the_first_missing_replicate(store: Store) -> None:
    store.add("trial", [0, 1, 3], {Observable.STREAM_CHANGE: np.array([1.0, 2.0, 4.0])})
    assert list(store.values("trial", Observable.STREAM_CHANGE, 4)) == [1.0, 2.0]
    assert store.replicates("trial", range(5)) == {0, 1, 3}
    assert store.replicates("trial", (1, 2, 3)) == {1, 3}
    assert store.replicates("another", range(5)) == set()
