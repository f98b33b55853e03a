"""A stored campaign is judged again without torch, by any later code, with the same verdicts."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reports import Report
from tests.verify.campaigns import groups
from tests.verify.cli.test_cli import run
from theory import Axis, CurveEquals, Prediction, Profile, UnavailableError, ValueEquals
from theory.catalogue import find
from theory.scaling import Cell
from verify.campaign.design import Campaign, questions
from verify.campaign.looks import judge_campaign
from verify.campaign.stored import stored_campaign
from verify.documents.campaign import build_report
from verify.measuring import fingerprint as fingerprints
from verify.measuring.loop import begin, measure
from verify.measuring.schedule import schedule
from verify.measuring.store import Store


def report_in(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_text())


def test_a_stored_campaign_has_the_same_report_but_for_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run("verify", "A6.own.width", "--seed", "3", "--out", tmp_path)
    first = report_in(tmp_path)
    (tmp_path / "report.json").unlink()
    capsys.readouterr()
    assert run("report", tmp_path, "--json") == code
    again = Report.model_validate_json(capsys.readouterr().out)
    assert again == report_in(tmp_path)
    assert again.times.started == first.times.started
    assert again.model_copy(update={"times": first.times}) == first
    assert (
        first.command == "scaleproof verify A6.own.width --profile quick --seed 3 --device cpu "
        "--engine auto"
    )


def test_it_is_judged_the_same_when_the_code_that_measured_has_changed(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed fingerprint means other numbers: they are measured anew, and these still judged."""
    store = Store(tmp_path / "measurements.sqlite")
    campaign = Campaign((prediction,), Profile.QUICK, seed=1)
    measure(campaign, store)
    (before,) = judge_campaign(campaign, store)
    monkeypatch.setattr(fingerprints, "fingerprint", lambda: "other code")
    (after,) = judge_campaign(campaign, store)
    assert after.judgement.interval == before.judgement.interval
    assert after.judgement.reasons == before.judgement.reasons
    monkeypatch.setattr("verify.measuring.loop.fingerprint", lambda: "other code")
    groups(campaign, store)  # planned again, and nothing of it is measured
    (anew,) = judge_campaign(campaign, store)
    assert anew.judgement.reason == "interrupted after 0 of 12 replicates"


def test_code_that_comes_back_finds_its_plan_again(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "measurements.sqlite")
    campaign = Campaign((prediction,), Profile.QUICK, seed=1)
    measure(campaign, store)
    with monkeypatch.context() as changed:
        changed.setattr("verify.measuring.loop.fingerprint", lambda: "other code")
        groups(campaign, store)
    groups(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.complete


NO_TORCH = """
import sys
class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "probes"):
            raise AssertionError(f"{name} is imported")
sys.meta_path.insert(0, Refuses())
sys.argv = ["scaleproof", "report", sys.argv[1]]
from verify.cli import main
main()
"""


def test_judging_again_imports_neither_torch_nor_probes(tmp_path: Path) -> None:
    code = run("verify", "A6.own.width", "--out", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, str(tmp_path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert "A6.own.width" in done.stdout


def test_another_design_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("verify", "A6.own.width", "--out", tmp_path)
    from theory import catalogue

    index = next(i for i, p in enumerate(catalogue.PREDICTIONS) if p.id == "A6.own.width")
    wider = replace(catalogue.PREDICTIONS[index], margin=Fraction(1, 5))
    changed = (*catalogue.PREDICTIONS[:index], wider, *catalogue.PREDICTIONS[index + 1 :])
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("theory.catalogue.PREDICTIONS", changed)
        assert run("report", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "another design of A6.own.width" in error


def test_a_folder_without_a_campaign_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("report", tmp_path) == 2
    Store(tmp_path / "measurements.sqlite").close()
    assert run("report", tmp_path) == 2
    absent, empty = capsys.readouterr().err.splitlines()
    assert "is not there; give the folder of scaleproof verify" in absent
    assert "no campaign is stored there" in empty


def test_what_is_stored_of_a_campaign_is_the_campaign(
    prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    store = Store(tmp_path / "measurements.sqlite")
    for seed in (2, 1):
        groups(Campaign((prediction,), Profile.QUICK, seed), store)
    again = stored_campaign(store)
    assert again == Campaign((prediction,), Profile.QUICK, seed=1)
    assert again.key == Campaign((prediction,), Profile.QUICK, seed=1).key


def test_no_curve_is_computed_for_trials_that_were_not_measured(
    prediction: Prediction, tmp_path: Path
) -> None:
    """Ctrl-C judges what there is: a curve may take longer than all of it."""

    def slow(*_: object) -> float:
        raise AssertionError("a curve is computed")

    curve = replace(prediction, relation=CurveEquals(Axis.DEPTH, slow))
    store = Store(tmp_path / "measurements.sqlite")
    campaign = Campaign((curve,), Profile.QUICK, seed=1)
    groups(campaign, store)
    (answer,) = judge_campaign(campaign, store)
    assert answer.judgement.reason == "interrupted after 0 of 12 replicates"
    measure_all(campaign, store)
    with pytest.raises(AssertionError, match="a curve is computed"):
        judge_campaign(campaign, store)


def measure_all(campaign: Campaign, store: Store) -> None:
    """Put numbers into the store for everything that the first look asks for."""
    plan = store.plan(campaign.key)
    for group in groups(campaign, store):
        for setting in group.settings:
            planned = plan.trial(setting, Cell(group.cell.width, group.cell.depth))
            assert planned is not None
            observable = campaign.predictions[0].observable
            numbers = [1.0 + 0.01 * replicate for replicate in group.replicates]
            store.add(planned.trial, group.replicates, {observable: np.array(numbers)})


def test_the_plan_says_which_engine_ran_what(tmp_path: Path) -> None:
    run("verify", "A6.own.width", "--engine", "dense", "--out", tmp_path)
    (entry,) = json.loads((tmp_path / "report.json").read_text())["predictions"]
    assert list(entry["engines"]) == ["dense"]
    assert entry["engines"]["dense"][0] == "n=64, L=8"


def test_two_processes_may_begin_the_same_campaign(prediction: Prediction, tmp_path: Path) -> None:
    campaign, file = Campaign((prediction,), Profile.QUICK, seed=1), tmp_path / "m.sqlite"
    one, other = Store(file), Store(file)
    plans = [begin(campaign, store) for store in (one, other)]
    asked = questions(campaign)
    first, second = (schedule(campaign, plan, asked, 0) for plan in plans)
    assert first == second
    measure(campaign, one)
    (answer,) = judge_campaign(campaign, other)
    assert answer.complete


def test_another_process_with_other_code_does_not_take_a_campaign_away(
    prediction: Prediction, tmp_path: Path
) -> None:
    campaign, file = Campaign((prediction,), Profile.QUICK, seed=1), tmp_path / "m.sqlite"
    store = Store(file)
    measure(campaign, store)
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(fingerprints, "fingerprint", lambda: "other code")
        changed.setattr("verify.measuring.loop.fingerprint", lambda: "other code")
        groups(campaign, Store(file))
    (answer,) = judge_campaign(campaign, store)
    assert answer.complete
    (later,) = judge_campaign(campaign, Store(file))
    assert later.judgement.reason == "interrupted after 0 of 12 replicates"


def test_a_campaign_of_python_says_the_command_that_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "measurements.sqlite")
    campaign = Campaign((find("A6.own.width"),), Profile.QUICK, seed=3)
    begin(campaign, store)
    assert run("report", tmp_path, "--json") == 4
    report = Report.model_validate_json(capsys.readouterr().out)
    assert report.command.startswith("scaleproof verify A6.own.width --profile quick --seed 3")
    begin(campaign, store, patterns=["A6.own.*"])
    run("report", tmp_path, "--json")
    again = Report.model_validate_json(capsys.readouterr().out)
    assert again.command.startswith("scaleproof verify 'A6.own.*' --profile quick --seed 3")


def test_conditions_are_those_of_the_plan_and_not_of_whoever_judges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("verify", "A6.own.width", "--out", tmp_path)
    first = report_in(tmp_path)
    monkeypatch.setattr("platform.python_version", lambda: "4.0.0")
    run("report", tmp_path)
    again = report_in(tmp_path)
    assert again.times.started == first.times.started
    assert again.environment == first.environment


def test_without_a_plan_there_is_no_report(prediction: Prediction, tmp_path: Path) -> None:
    store = Store(tmp_path / "measurements.sqlite")
    campaign = Campaign((prediction,), Profile.QUICK, seed=1)
    answers = judge_campaign(campaign, store)
    with pytest.raises(UnavailableError, match="was not begun in this store"):
        build_report(campaign, store, answers, datetime.now(UTC), complete=False)


def test_words_are_no_design_and_numbers_are_to_the_last_digit(prediction: Prediction) -> None:
    def key(changed: Prediction) -> str:
        return Campaign((changed,), Profile.QUICK, seed=1).key

    relation = ValueEquals(Axis.DEPTH, 1.0, "a test")
    valued = replace(prediction, relation=relation)
    assert key(replace(valued, relation=replace(relation, origin="other words"))) == key(valued)
    assert key(replace(valued, sentence="Other words.")) == key(valued)
    nearly = ValueEquals(Axis.DEPTH, 1.0 + 1e-12, "a test")
    assert key(replace(valued, relation=nearly)) != key(valued)
