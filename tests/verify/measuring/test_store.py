"""A store survives: older schemas, damage at any page, other processes, files of something else."""

import gc
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests.verify.campaigns import of
from theory import Observable, Prediction, UnavailableError
from verify.campaign.looks import judge_campaign, keep_verdicts
from verify.measuring import database
from verify.measuring.database import DamagedStoreWarning
from verify.measuring.loop import measure
from verify.measuring.schema import TABLES, VERSION, create
from verify.measuring.store import Store

PAGE = 4096


def contents(store: Store) -> list[tuple[object, ...]]:
    return store.read(
        "SELECT key, replicate, observable, value FROM measurements "
        "JOIN trials ON trials.id = trial ORDER BY key, replicate, observable"
    )


_MEASURED: list[bytes] = []  # the file of a small campaign, once it is measured


@pytest.fixture
def measured(prediction: Prediction, tmp_path: Path) -> Store:
    """A small campaign, judged."""
    file = tmp_path / "measurements.sqlite"
    if not _MEASURED:
        campaign, store = of(prediction), Store(file)
        measure(campaign, store)
        keep_verdicts(campaign, store, judge_campaign(campaign, store))
        store.close()
        _MEASURED.append(file.read_bytes())
    file.write_bytes(_MEASURED[0])
    return Store(file)


def as_version_0(store: Store, file: Path) -> None:
    """The same store as a version without a number wrote it."""
    with closing(sqlite3.connect(file)) as old:
        create(old, 0)
        copies = {
            "measurements": "SELECT key, replicate, observable, value FROM measurements "
            "JOIN trials ON trials.id = trial",
            "plans": "SELECT * FROM plans",
            "trials": "SELECT plan, planned.setting, planned.width, planned.depth, key, engine "
            "FROM planned JOIN trials ON trials.id = trial",
            "sweeps": "SELECT * FROM sweeps",
            "verdicts": "SELECT * FROM verdicts",
        }
        for table, query in copies.items():
            for row in store.read(query):
                old.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        old.commit()


def test_a_new_store_has_todays_version_and_a_trial_is_in_words(measured: Store) -> None:
    assert measured.read("PRAGMA user_version") == [(VERSION,)]
    words = measured.read("SELECT DISTINCT seed, engine, device, width, depth FROM trials")
    assert (1, "dense", "cpu", 24, 4) in words
    assert all(
        "architecture" in setting for (setting,) in measured.read("SELECT setting FROM trials")
    )


def test_an_older_store_is_brought_to_todays_schema_and_loses_nothing(
    measured: Store, prediction: Prediction, tmp_path: Path
) -> None:
    as_version_0(measured, tmp_path / "old.sqlite")
    again = Store(tmp_path / "old.sqlite")
    assert again.read("PRAGMA user_version") == [(VERSION,)]
    assert contents(again) == contents(measured)
    columns = "key, setting, width, depth, seed, engine, device, code"
    query = f"SELECT {columns} FROM trials ORDER BY key"
    assert again.read(query) == measured.read(query)
    assert again.past_verdicts(prediction.id) == measured.past_verdicts(prediction.id)
    (before,), (after,) = (judge_campaign(of(prediction), one) for one in (measured, again))
    assert after.judgement.interval == before.judgement.interval
    assert after.complete


def test_measurements_of_a_version_without_plans_are_kept(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as old:
        old.execute(TABLES[0]["measurements"])
        old.execute("INSERT INTO measurements VALUES ('key', 0, 'stream_change', 2.5)")
        old.commit()
    store = Store(tmp_path / "old.sqlite")
    assert list(store.values("key", Observable.STREAM_CHANGE, 1)) == [2.5]


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(file)) as new:
        new.execute(f"PRAGMA user_version = {VERSION + 1}")
        new.execute("CREATE TABLE unheard_of (x)")
    with pytest.raises(
        UnavailableError, match=r"new.sqlite' has schema 2, which a newer scaleproof"
    ):
        Store(file)
    with closing(sqlite3.connect(file)) as new:
        assert new.execute("SELECT name FROM sqlite_schema").fetchall() == [("unheard_of",)]


@pytest.mark.parametrize(
    ("version", "table"),
    [
        (0, "CREATE TABLE pets (name)"),
        (0, "CREATE TABLE measurements (trial, replicate, weight)"),
        (VERSION, "CREATE TABLE trials (id, key)"),
    ],
)
def test_a_database_of_something_else_is_one_line_and_left_alone(
    version: int, table: str, tmp_path: Path
) -> None:
    file = tmp_path / "measurements.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.execute(table)
        other.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(UnavailableError, match=r"is no store of scaleproof: .* expected columns"):
        Store(file)
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT sql FROM sqlite_schema").fetchall() == [(table,)]


def test_a_file_that_another_process_holds_is_one_line(
    measured: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.01)
    second = Store(measured.path)
    measured.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match=r"sqlite'.*locked.*wait until that ends"):
        second.add("key", [0], {Observable.STREAM_CHANGE: np.ones(1)})


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE measurements SET value = 'text' WHERE replicate = 3",
        "UPDATE verdicts SET verdict = 'maybe'",
        "UPDATE plans SET provenance = '{'",
    ],
)
def test_what_judging_cannot_read_sets_an_old_file_aside_and_keeps_the_rest(
    spoil: str, measured: Store, tmp_path: Path
) -> None:
    file = tmp_path / "old.sqlite"
    as_version_0(measured, file)
    with closing(sqlite3.connect(file)) as old:
        old.execute(spoil)
        old.commit()
    with pytest.warns(DamagedStoreWarning, match=r"rows hold text.*'old.damaged-1.sqlite'"):
        store = Store(file)
    assert (tmp_path / "old.damaged-1.sqlite").exists()
    kept = contents(store)
    assert set(kept) <= set(contents(measured))
    assert len(kept) >= 5 / 6 * len(contents(measured))  # a control has six replicates


@pytest.mark.parametrize("column", ["value = 'text'", "replicate = 'one'"])
def test_todays_tables_refuse_text_where_numbers_belong(column: str, measured: Store) -> None:
    refused = pytest.raises(UnavailableError, match="cannot store TEXT value")
    with refused, measured.writing() as connection:
        connection.execute(f"UPDATE measurements SET {column}")


@pytest.mark.parametrize(("how", "every"), [("zeros", 1), ("noise", 3)])
def test_damage_at_any_page_loses_what_that_page_held(
    how: str, every: int, measured: Store, prediction: Prediction, tmp_path: Path
) -> None:
    measured.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    intact, before = measured.path.read_bytes(), contents(measured)
    noise = np.random.default_rng(1)
    for page in range(0, len(intact) // PAGE, every):
        folder = tmp_path / f"{page}"
        folder.mkdir()
        file = folder / "measurements.sqlite"
        rubbish = bytes(PAGE) if how == "zeros" else noise.bytes(PAGE)
        damaged = intact[: page * PAGE] + rubbish + intact[(page + 1) * PAGE :]
        file.write_bytes(damaged)
        with pytest.warns(DamagedStoreWarning, match="was damaged"):
            store = Store(file)
        assert (folder / "measurements.damaged-1.sqlite").read_bytes() == damaged
        kept = contents(store)
        assert set(kept) <= set(before), f"page {page}: something was made up"
        if page and how == "zeros":
            assert len(before) - len(kept) <= 2 * PAGE / 20, f"page {page}: too much was lost"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            measure(of(prediction), store)  # what was lost is measured anew
        assert contents(store) == before
        store.close()


def test_a_second_damaged_file_gets_another_name(tmp_path: Path) -> None:
    file = tmp_path / "measurements.sqlite"
    for number in (1, 2):
        file.write_text(f"no database {number}")
        with pytest.warns(DamagedStoreWarning, match=f"damaged-{number}.sqlite"):
            Store(file).close()
    assert (tmp_path / "measurements.damaged-1.sqlite").read_text() == "no database 1"


def test_a_group_is_kept_as_a_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(ValueError, match="zip"):
        store.add_all(
            [
                ("one", [0], {Observable.STREAM_CHANGE: np.ones(1)}),
                ("two", [0, 1], {Observable.STREAM_CHANGE: np.ones(1)}),
            ]
        )
    assert contents(store) == []


def test_a_store_that_is_gone_is_closed(tmp_path: Path) -> None:
    store = Store(tmp_path / "measurements.sqlite")
    connection = store.connection
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
