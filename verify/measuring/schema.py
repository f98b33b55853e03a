"""The tables of a store by version, and what turns one version into the next.

A file carries its version (``PRAGMA user_version``). Version 0 is that of files that carry none.
Imports the standard library and ``theory.verdict``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from theory.verdict import Verdict

# By table, in the order in which they are made and copied; the key by which rows are read.
_VERSION_0 = {
    "measurements": """CREATE TABLE IF NOT EXISTS measurements (
        trial TEXT NOT NULL, replicate INTEGER NOT NULL, observable TEXT NOT NULL, value REAL,
        PRIMARY KEY (trial, replicate, observable)) WITHOUT ROWID""",
    "plans": """CREATE TABLE IF NOT EXISTS plans (
        id INTEGER PRIMARY KEY, campaign TEXT NOT NULL, code TEXT NOT NULL, images TEXT NOT NULL,
        provenance TEXT NOT NULL, begun INTEGER NOT NULL DEFAULT 0,
        UNIQUE (campaign, code, images))""",
    "trials": """CREATE TABLE IF NOT EXISTS trials (
        plan INTEGER NOT NULL, setting TEXT NOT NULL, width INTEGER NOT NULL,
        depth INTEGER NOT NULL, trial TEXT NOT NULL, engine TEXT NOT NULL,
        PRIMARY KEY (plan, setting, width, depth)) WITHOUT ROWID""",
    "sweeps": """CREATE TABLE IF NOT EXISTS sweeps (
        plan INTEGER NOT NULL, name TEXT NOT NULL, below INTEGER NOT NULL, above INTEGER NOT NULL,
        times INTEGER NOT NULL, PRIMARY KEY (plan, name)) WITHOUT ROWID""",
    "verdicts": """CREATE TABLE IF NOT EXISTS verdicts (
        plan INTEGER NOT NULL, prediction TEXT NOT NULL, design TEXT NOT NULL, margin REAL NOT NULL,
        verdict TEXT, PRIMARY KEY (plan, prediction)) WITHOUT ROWID""",
}
_VERDICTS = ", ".join(f"'{verdict}'" for verdict in Verdict)

# A trial is what a cell's measurements depend on, in words beside the digest that finds it; words
# are missing where an older version kept none. STRICT and CHECK keep out what judging cannot read.
_VERSION_1 = {
    "trials": """CREATE TABLE trials (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, setting TEXT, width INTEGER,
        depth INTEGER, seed INTEGER, engine TEXT, device TEXT, code TEXT) STRICT""",
    "measurements": """CREATE TABLE measurements (
        trial INTEGER NOT NULL, replicate INTEGER NOT NULL, observable TEXT NOT NULL, value REAL,
        PRIMARY KEY (trial, replicate, observable)) STRICT, WITHOUT ROWID""",
    "failures": """CREATE TABLE failures (
        trial INTEGER NOT NULL, replicate INTEGER NOT NULL, attempts INTEGER NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY (trial, replicate)) STRICT, WITHOUT ROWID""",
    "plans": """CREATE TABLE plans (
        id INTEGER PRIMARY KEY, campaign TEXT NOT NULL, code TEXT NOT NULL, images TEXT NOT NULL,
        provenance TEXT NOT NULL CHECK (json_valid(provenance)), begun INTEGER NOT NULL,
        UNIQUE (campaign, code, images)) STRICT""",
    "planned": """CREATE TABLE planned (
        plan INTEGER NOT NULL, setting TEXT NOT NULL, width INTEGER NOT NULL,
        depth INTEGER NOT NULL, trial INTEGER NOT NULL,
        PRIMARY KEY (plan, setting, width, depth)) STRICT, WITHOUT ROWID""",
    "sweeps": """CREATE TABLE sweeps (
        plan INTEGER NOT NULL, name TEXT NOT NULL, below INTEGER NOT NULL, above INTEGER NOT NULL,
        times INTEGER NOT NULL, PRIMARY KEY (plan, name)) STRICT, WITHOUT ROWID""",
    "verdicts": f"""CREATE TABLE verdicts (
        plan INTEGER NOT NULL, prediction TEXT NOT NULL, design TEXT NOT NULL, margin REAL NOT NULL,
        verdict TEXT CHECK (verdict IN ({_VERDICTS})),
        PRIMARY KEY (plan, prediction)) STRICT, WITHOUT ROWID""",
}
TABLES = (_VERSION_0, _VERSION_1)
VERSION = len(TABLES) - 1

# What no later version takes: text where numbers belong, unknown verdicts, conditions that are no
# JSON. Nothing in version 0 kept them out.
_MISFITS_0 = (
    "SELECT count(*) FROM measurements WHERE typeof(value) NOT IN ('real', 'integer', 'null') "
    "OR typeof(replicate) <> 'integer'",
    f"SELECT count(*) FROM verdicts WHERE verdict NOT IN ({_VERDICTS}) "
    "OR typeof(margin) NOT IN ('real', 'integer')",
    "SELECT count(*) FROM plans WHERE NOT json_valid(provenance)",
    "SELECT count(*) FROM sweeps WHERE typeof(below) <> 'integer' OR typeof(above) <> 'integer' "
    "OR typeof(times) <> 'integer'",
)


def misfits(connection: sqlite3.Connection, version: int) -> int:
    """How many rows hold what the next version does not take."""
    if version:
        return 0
    return sum(int(connection.execute(query).fetchone()[0]) for query in _MISFITS_0)


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """The names of a table's columns in order; none of a table that is not there."""
    rows = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return [str(name) for (name,) in rows]


def expected_columns(version: int) -> dict[str, list[str]]:
    """The columns of every table of a version."""
    connection = sqlite3.connect(":memory:")
    create(connection, version)
    found = {table: columns(connection, table) for table in TABLES[version]}
    connection.close()
    return found


def create(connection: sqlite3.Connection, version: int = VERSION) -> None:
    """Make the tables of a version in an empty file."""
    for statement in TABLES[version].values():
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring tables to today's version, inside the caller's transaction; misfits are left out."""
    for step in _STEPS[version:]:
        step(connection)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _to_version_1(connection: sqlite3.Connection) -> None:
    for table in _VERSION_0:
        connection.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in _VERSION_1.values():
        connection.execute(statement)
    for statement in _COPIES_TO_1:
        connection.execute(statement)
    for table in _VERSION_0:
        connection.execute(f"DROP TABLE old_{table}")


# A trial's words are those of a plan that has it. What no plan has keeps its key alone.
_COPIES_TO_1 = (
    "INSERT INTO plans SELECT id, campaign, code, images, provenance, begun FROM old_plans "
    "WHERE json_valid(provenance)",
    "INSERT OR IGNORE INTO trials (key, setting, width, depth, seed, engine, device, code) "
    "SELECT trial, setting, width, depth, json_extract(provenance, '$.seed'), engine, "
    "json_extract(provenance, '$.device'), code FROM old_trials JOIN plans ON plans.id = plan",
    "INSERT OR IGNORE INTO trials (key) SELECT DISTINCT trial FROM old_measurements",
    "INSERT INTO measurements SELECT id, replicate, observable, value "
    "FROM old_measurements JOIN trials ON key = trial "
    "WHERE typeof(value) IN ('real', 'integer', 'null') AND typeof(replicate) = 'integer'",
    "INSERT INTO planned SELECT plan, old.setting, old.width, old.depth, trials.id "
    "FROM old_trials AS old JOIN trials ON key = trial WHERE plan IN (SELECT id FROM plans)",
    "INSERT INTO sweeps SELECT * FROM old_sweeps WHERE typeof(below) = 'integer' "
    "AND typeof(above) = 'integer' AND typeof(times) = 'integer'",
    "INSERT INTO verdicts SELECT plan, prediction, design, margin, "
    f"CASE WHEN verdict IN ({_VERDICTS}) THEN verdict END FROM old_verdicts "
    "WHERE typeof(margin) IN ('real', 'integer')",
)
_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_to_version_1,)
