"""What can still be read of a damaged store. Imports the standard library, ``verify.measuring``.

A damaged page ends every scan that meets it. So each table is read from both ends, and of the
measurements every trial for itself: what is lost is what the damaged pages held.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from verify.measuring.schema import TABLES, VERSION, create, expected_columns, migrate

_Row = tuple[object, ...]


def salvage(damaged: Path, target: sqlite3.Connection) -> int:
    """Copy every readable row into an empty file of today's schema; how many measurements.

    The damaged file is only read.
    """
    with closing(sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=ro", uri=True)) as source:
        source.text_factory = lambda raw: raw.decode("utf-8", "replace")
        version = _version(source)
        target.execute("BEGIN")
        create(target, version)
        for table, names in expected_columns(version).items():
            if table != "measurements":
                _copy(_both_ends(source, table), target, table, names)
        names = expected_columns(version)["measurements"]
        if version == VERSION:
            # The index has ids and keys of trials whose row is lost.
            _copy(_rows(source, "SELECT id, key FROM trials ORDER BY key"), target, "trials", _IDS)
            _copy(
                _rows(source, "SELECT id, key FROM trials ORDER BY key DESC"),
                target,
                "trials",
                _IDS,
            )
        for trial in _trials(target, version):
            rows = _both_ends(source, "measurements", "WHERE trial = ?", (trial,))
            _copy(rows, target, "measurements", names)
        if version == 0:
            _copy(_both_ends(source, "measurements"), target, "measurements", names)
        migrate(target, version)
        _drop_incomplete(target)
        target.execute("COMMIT")
    return int(target.execute("SELECT count(*) FROM measurements").fetchone()[0])


_IDS = ["id", "key"]


def _version(source: sqlite3.Connection) -> int:
    """That of the damaged file, or today's where it cannot be read."""
    try:
        version = int(source.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return VERSION
    return version if version < len(TABLES) else VERSION


def _trials(target: sqlite3.Connection, version: int) -> list[object]:
    column = "DISTINCT trial" if version == 0 else "id"
    return [trial for (trial,) in target.execute(f"SELECT {column} FROM trials")]


def _both_ends(
    source: sqlite3.Connection, table: str, where: str = "", values: _Row = ()
) -> Iterator[_Row]:
    """The rows of a table until the first damage, and from the other end until the last."""
    key = [
        str(name)
        for name, place in _rows(source, f"SELECT name, pk FROM pragma_table_info('{table}')")
        if place
    ]
    if not key:
        return
    for direction in ("", " DESC"):
        order = ", ".join(f"{name}{direction}" for name in key)
        query = f"SELECT * FROM {table} {where} ORDER BY {order}"
        yield from _rows(source, query, values)


def _rows(source: sqlite3.Connection, query: str, values: _Row = ()) -> Iterator[_Row]:
    """Rows until the first one that cannot be read."""
    try:
        yield from source.execute(query, values)
    except (sqlite3.DatabaseError, OverflowError):
        return


def _copy(rows: Iterable[_Row], target: sqlite3.Connection, table: str, names: list[str]) -> None:
    """Put in what the table takes; each row once."""
    marks = ", ".join("?" * len(names))
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})"
    for row in rows:
        try:
            target.execute(insert, row)
        except (sqlite3.Error, OverflowError):
            continue


def _drop_incomplete(target: sqlite3.Connection) -> None:
    """Replicates of which an observable is lost are measured anew, and give the same numbers."""
    target.execute(
        "WITH observed AS (SELECT trial, count(DISTINCT observable) AS all_of_them "
        "FROM measurements GROUP BY trial) "
        "DELETE FROM measurements WHERE (trial, replicate) IN (SELECT trial, replicate "
        "FROM measurements JOIN observed USING (trial) GROUP BY trial, replicate "
        "HAVING count(*) < max(all_of_them))"
    )
