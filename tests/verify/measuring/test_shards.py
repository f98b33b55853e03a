"""A campaign in shards is the campaign."""

import json
from pathlib import Path

import pytest

from tests.verify.campaigns import groups, of
from tests.verify.cli.test_cli import run
from tests.verify.measuring.test_store import contents
from theory import InputError, Prediction
from verify.measuring.shards import WHOLE, Shard
from verify.measuring.store import Store


@pytest.mark.parametrize("count", [1, 2, 5, 200])
def test_every_group_is_in_one_shard(count: int, prediction: Prediction, store: Store) -> None:
    everything = groups(of(prediction), store)
    parts = [Shard(number, count).part(everything) for number in range(1, count + 1)]
    assert sorted(str(g) for part in parts for g in part) == sorted(map(str, everything))
    costs = [sum(group.cost for group in part) for part in parts]
    assert max(costs) - min(costs) <= max(group.cost for group in everything)
    assert WHOLE.part(everything) == everything


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "a/4", "4", "1/4/2", "-1/4", "1/100001"])
def test_a_shard_that_is_none_is_one_line(text: str) -> None:
    with pytest.raises(InputError, match="expected K/N"):
        Shard.read(text)


def test_a_merged_campaign_is_judged_as_if_it_had_been_one(
    prediction: Prediction,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", (prediction,))
    run("verify", "--out", tmp_path / "whole")
    for number in (1, 2, 3):
        assert run("verify", "--shard", f"{number}/3", "--out", tmp_path / f"part{number}") == 0
    assert not (tmp_path / "part1" / "report.json").exists()
    assert "Shard 3/3 is measured" in capsys.readouterr().out
    parts = sorted(tmp_path.glob("part*"))
    assert run("store", "merge", *parts, "--out", tmp_path / "joined") == 0
    assert run("report", tmp_path / "joined") == 0  # nothing is on record
    stores, reports = [], []
    for name in ("whole", "joined"):
        stores.append(contents(Store(tmp_path / name / "measurements.sqlite")))
        report = json.loads((tmp_path / name / "report.json").read_text())
        report.pop("times")
        reports.append(report)
    assert stores[0] == stores[1]
    assert reports[0] == reports[1]
