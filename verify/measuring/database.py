"""Opening the file of a store: checked, brought to today's schema, or set aside if it is damaged.

Imports the standard library, ``theory.errors`` and ``verify.measuring``.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from theory.errors import UnavailableError
from verify.measuring.salvage import salvage
from verify.measuring.schema import VERSION, columns, create, expected_columns, migrate, misfits

# Another process commits in milliseconds; a migration or a check takes seconds.
_PATIENCE = 30.0
MEMORY = Path(":memory:")


class DamagedStoreWarning(UserWarning):
    """A damaged file was set aside under another name, and what could be read of it was kept."""


class _Damaged(Exception):  # noqa: N818 - it never leaves this room
    """Why a file cannot be used as it is."""


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to a file of today's schema, which is made where there is none.

    An older schema is brought to today's. A damaged file gets another name, and what can be read
    of it is kept in a new one, with a ``DamagedStoreWarning`` that says so. Raises
    ``UnavailableError`` for a newer schema, and for a file that is not ours or cannot be used.
    """
    with said_plainly(path):
        try:
            return _opened(path)
        except _Damaged as damage:
            return _rescued(path, str(damage))


def _opened(path: Path) -> sqlite3.Connection:
    # Whichever thread collects a store that is gone closes it; no two use one at a time.
    connection = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        _check(connection)
        _bring_up_to_date(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if _is_damage(error):
            raise _Damaged(str(error)) from None
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raise ``_Damaged`` unless every page and every row can be read as what it should be."""
    connection.execute("PRAGMA journal_mode=WAL")
    # A commit outlives a power cut, too: there are few, one a batch of trials.
    connection.execute("PRAGMA synchronous=FULL")
    found = [str(line) for (line,) in connection.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise _Damaged(" ".join(found[0].split()))


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring older ones to today's schema, as one change or not at all."""
    if _version(connection) == VERSION:
        _refuse_other_columns(connection, path, VERSION)
        return
    with transaction(connection):
        version = _version(connection)  # another process may have been faster
        if version > VERSION:
            raise UnavailableError(
                f"{str(path)!r} has schema {version}, which a newer scaleproof wrote; this one "
                f"knows {VERSION}: use the newer one, or another folder with --out"
            )
        if version == VERSION:
            return
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            create(connection)
            return
        _refuse_other_columns(connection, path, version)
        if version == 0:
            create(connection, version)  # an early file lacks some
        wrong = misfits(connection, version)
        if wrong:
            raise _Damaged(f"{wrong} rows hold text where numbers belong, or unknown verdicts")
        migrate(connection, version)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _refuse_other_columns(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Refuse a database of something else; only version 0 may lack tables, but not all of them."""
    for table, names in expected_columns(version).items():
        found = columns(connection, table)
        if found == names or (not found and version == 0 and table != "measurements"):
            continue
        what = f"columns {', '.join(found)}" if found else "none"
        raise UnavailableError(
            f"{str(path)!r} is no store of scaleproof: of table {table!r}, expected columns "
            f"{', '.join(names)}, and it has {what}; choose another folder with --out, or move "
            "that file away"
        )


def _rescued(path: Path, damage: str) -> sqlite3.Connection:
    """Set a damaged file aside, and keep what can be read of it in a new one."""
    fresh = path.with_name(f"{path.name}.rescue-{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        kept = salvage(path, target)
    aside = _free_name(path)
    for suffix in ("-wal", "-shm", ""):
        one = path.with_name(path.name + suffix)
        if one.exists():
            one.rename(aside.with_name(aside.name + suffix))
    fresh.rename(path)
    warnings.warn(
        f"{str(path)!r} was damaged ({damage}); it is now {aside.name!r} in the same folder, and "
        f"{kept} of its measurements were read and kept",
        DamagedStoreWarning,
        stacklevel=4,
    )
    return _opened(path)


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    return aside


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of what is written inside, or nothing; nobody else writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")
        raise


_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another process holds it: wait until that ends, and run the same "
    "command again",
    sqlite3.SQLITE_LOCKED: "another process holds it: wait until that ends, and run the same "
    "command again",
    sqlite3.SQLITE_FULL: "free some space, and run the same command again: what was measured is "
    "kept",
    sqlite3.SQLITE_CORRUPT: "run the same command again: it sets the damaged file aside, and "
    "keeps what can be read",
}


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into ``UnavailableError``: the file, what is wrong, and what helps."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        remedy = _REMEDIES.get(code, "choose another folder with --out, or move that file away")
        raise UnavailableError(
            f"cannot keep measurements in {str(path)!r} ({error}); {remedy}"
        ) from None
