"""Whole stores: joined they are one, exported they are a table, pruned they keep their verdicts."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.verify.cli.test_cli import run
from tests.verify.measuring.test_store import contents, measured
from theory import Observable, Prediction
from verify.measuring import archive
from verify.measuring.store import Store

__all__ = ["measured"]


def lone(file: Path, trial: str, values: list[float], replicates: list[int]) -> Store:
    """A store with one trial and nothing else."""
    store = Store(file)
    store.add(trial, replicates, {Observable.STREAM_CHANGE: np.array(values)})
    return store


def test_a_merge_joins_trials_and_counts_nothing_twice(tmp_path: Path) -> None:
    one = lone(tmp_path / "one.sqlite", "shared", [0.0, 1.0], [0, 1])
    two = lone(tmp_path / "two.sqlite", "other", [5.0], [0])
    two.add("shared", [1, 2], {Observable.STREAM_CHANGE: np.array([1.0, 2.0])})
    done = archive.merge(one, two.path)
    assert (done.measurements, done.differing) == (2, 0)
    assert list(one.values("shared", Observable.STREAM_CHANGE, 5)) == [0.0, 1.0, 2.0]
    assert list(one.values("other", Observable.STREAM_CHANGE, 5)) == [5.0]
    assert archive.merge(one, two.path).measurements == 0


def test_a_merge_says_what_differs_and_keeps_what_was_there(tmp_path: Path) -> None:
    one = lone(tmp_path / "one.sqlite", "shared", [0.0, float("nan")], [0, 1])
    two = lone(tmp_path / "two.sqlite", "shared", [0.1, float("nan")], [0, 1])
    assert archive.merge(one, two.path).differing == 1
    assert list(one.values("shared", Observable.STREAM_CHANGE, 1)) == [0.0]


def test_a_failure_is_forgotten_where_the_other_store_has_measured(tmp_path: Path) -> None:
    one = lone(tmp_path / "one.sqlite", "shared", [0.0], [0])
    one.add_failure("shared", [1], 3, "a worker died")
    two = lone(tmp_path / "two.sqlite", "shared", [1.0], [1])
    archive.merge(one, two.path)
    assert one.failures() == []


def test_the_command_merges_folders(
    measured: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "merge", tmp_path, "--out", tmp_path / "joined") == 0
    joined = Store(tmp_path / "joined" / "measurements.sqlite")
    assert contents(joined) == contents(measured)
    assert joined.past_verdicts("T1.forward.depth") == measured.past_verdicts("T1.forward.depth")
    assert "378 new measurements" in capsys.readouterr().out
    assert run("store", "merge", tmp_path, "--out", tmp_path) == 2
    assert "is the store to merge into" in capsys.readouterr().err


def test_info_says_what_is_stored(
    measured: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ((trial,), *_) = measured.read("SELECT key FROM trials")
    measured.add_failure(trial, [99], 3, "a worker died")
    assert run("store", "info", tmp_path) == 0
    text = capsys.readouterr().out
    for fact in ("378 measurements of 54 networks in 6 trials", "quick, seed 1, cpu", "1 verdicts"):
        assert fact in text
    assert "given up after 3 attempts: replicate 99 at n=24" in text
    assert run("store", "info", tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["replicates"] == 54


def test_an_export_has_a_row_for_every_measurement(
    measured: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("store", "export", tmp_path, tmp_path / "all.csv") == 0
    with (tmp_path / "all.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    exported = [
        (row["trial"], int(row["replicate"]), row["observable"], float(row["value"]))
        for row in rows
    ]
    assert sorted(exported) == contents(measured)
    assert {row["engine"] for row in rows} == {"dense"}
    assert run("store", "export", tmp_path, tmp_path / "all.txt") == 2
    assert "expected a name that ends in one of .csv, .parquet" in capsys.readouterr().err
    assert run("store", "export", tmp_path, tmp_path / "nowhere" / "all.csv") == 2


def test_an_export_to_parquet_is_the_same_table(measured: Store, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    import pandas as pd

    run("store", "export", tmp_path, tmp_path / "all.csv")
    run("store", "export", tmp_path, tmp_path / "all.parquet")
    read = pd.read_parquet(tmp_path / "all.parquet")
    pd.testing.assert_frame_equal(read, pd.read_csv(tmp_path / "all.csv"), check_dtype=False)


def test_pruning_drops_what_other_code_measured_and_keeps_every_verdict(
    measured: Store, prediction: Prediction, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = measured.past_verdicts(prediction.id)
    assert run("store", "prune", tmp_path) == 0
    assert len(contents(measured)) == 378
    with measured.writing() as connection:
        connection.execute("UPDATE trials SET code = 'other' WHERE depth = 4")
    capsys.readouterr()
    assert run("store", "prune", tmp_path) == 0
    assert capsys.readouterr().out == "126 measurements of other code dropped\n"
    assert len(contents(measured)) == 252
    assert measured.past_verdicts(prediction.id) == verdicts


def test_parts_of_different_code_are_said_to_stay_apart(
    measured: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measured.close()
    other = tmp_path / "other"
    other.mkdir()
    (other / "measurements.sqlite").write_bytes(measured.path.read_bytes())
    with closing(sqlite3.connect(other / "measurements.sqlite")) as changed:
        changed.execute(
            "UPDATE plans SET code = 'b', provenance = json_set(provenance, '$.code', 'b')"
        )
        changed.execute("UPDATE trials SET code = 'b', key = key || 'b'")
        changed.commit()
    assert run("store", "merge", tmp_path, other, "--out", tmp_path / "joined") == 0
    assert "was measured by different code" in capsys.readouterr().err
