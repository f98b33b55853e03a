"""``pytest --scaleproof``: one item a prediction, which passes when its record is confirmed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import verify.documents.campaign
from tests.verify.testing.suites import run, suite
from theory.catalogue import Recorded, find, recorded
from theory.prediction import Prediction, Profile
from theory.verdict import Verdict

ID = "A1.forward.depth"
OTHER = "def test_other():\n    assert False\n"


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of pytest-xdist, which starts no others."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One cache, so that the campaign is measured once."""
    return f"--override-ini=cache_dir={tmp_path_factory.mktemp('cache')}"


def on_record(verdict: Verdict) -> Callable[[Prediction, Profile | None], Recorded | None]:
    """The records, had they this verdict."""

    def changed(prediction: Prediction, profile: Profile | None = None) -> Recorded | None:
        found = recorded(prediction, profile)
        return None if found is None else replace(found, verdict=verdict)

    return changed


def test_a_prediction_passes_when_its_verdict_is_the_one_on_record(
    shared: str, tmp_path: Path
) -> None:
    """Only predictions are collected, unless files are named, too."""
    folder = suite(tmp_path, test_other=OTHER)
    found = run(folder, shared, "--scaleproof", ID, "--scaleproof-profile", "quick")
    assert found.code == 0, found.output
    assert found.outcomes == {ID: "passed"}
    numbers = json.loads(str(dict(found.properties[ID])[ID]))
    low, high = numbers["interval"]
    assert low < numbers["estimate"] < high
    assert numbers["verdict"] == numbers["recorded"] == "accepted"
    assert numbers["margin"] == float(find(ID).margin)
    both = run(folder, shared, "--scaleproof", ID, "test_other.py")
    assert both.outcomes == {ID: "passed", "test_other": "failed"}


def test_another_verdict_than_the_one_on_record_fails_with_claim_and_command(
    shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify.documents.campaign, "recorded", on_record(Verdict.REJECTED))
    found = run(suite(tmp_path), shared, "--scaleproof", ID)
    assert found.code == 1
    lines = found.texts[ID].splitlines()
    assert lines[0] == f"{ID} is accepted; rejected on record"
    assert lines[1].startswith(f"  claim     {find(ID).sentence[:30]}")
    assert "Traceback" not in found.texts[ID]
    assert f"scaleproof verify {ID} --profile quick --seed 0" in lines[-1]


def test_a_mark_and_a_pattern_of_names_choose_among_predictions(
    shared: str, tmp_path: Path
) -> None:
    found = run(suite(tmp_path), shared, "--scaleproof", "A1", "--collect-only", "-q")
    assert found.output.count("scaleproof::A1.") == 3
    assert run(suite(tmp_path), shared, "--scaleproof", "A1", "-m", "not scaling").code == 5
    chosen = run(suite(tmp_path), shared, "--scaleproof", "A1", "-k", "depth", "--collect-only")
    assert "1/3 tests collected" in chosen.output


def test_a_pattern_that_no_prediction_has_is_one_line(tmp_path: Path) -> None:
    found = run(suite(tmp_path), "--scaleproof", "Z9")
    assert found.code == pytest.ExitCode.USAGE_ERROR
