"""Measurements on disk: one SQLite file. Imports the standard library, numpy and ``theory``.

Measurements are keyed by content (``verify.measuring.fingerprint``). Beside them stands the plan of
every campaign, written before it is measured: which trial answers for which setting and cell, on
which engine, and how far sweeps were widened. Judging reads the plan, so that it needs neither the
code that measured nor the images that were shown.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from theory.arrays import FloatArray
from theory.errors import UnavailableError
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Profile
from theory.scaling import Cell
from theory.verdict import Verdict

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS measurements (
    trial TEXT NOT NULL, replicate INTEGER NOT NULL, observable TEXT NOT NULL, value REAL,
    PRIMARY KEY (trial, replicate, observable)
) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS plans (
    id INTEGER PRIMARY KEY, campaign TEXT NOT NULL, code TEXT NOT NULL, images TEXT NOT NULL,
    provenance TEXT NOT NULL, begun INTEGER NOT NULL DEFAULT 0, UNIQUE (campaign, code, images)
)
""",
    """
CREATE TABLE IF NOT EXISTS trials (
    plan INTEGER NOT NULL, setting TEXT NOT NULL, width INTEGER NOT NULL, depth INTEGER NOT NULL,
    trial TEXT NOT NULL, engine TEXT NOT NULL, PRIMARY KEY (plan, setting, width, depth)
) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS sweeps (
    plan INTEGER NOT NULL, name TEXT NOT NULL, below INTEGER NOT NULL, above INTEGER NOT NULL,
    times INTEGER NOT NULL, PRIMARY KEY (plan, name)
) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS verdicts (
    plan INTEGER NOT NULL, prediction TEXT NOT NULL, design TEXT NOT NULL, margin REAL NOT NULL,
    verdict TEXT, PRIMARY KEY (plan, prediction)
) WITHOUT ROWID
""",
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Under which conditions a campaign was planned.

    ``predictions`` are ids, ``patterns`` what was asked for, ``data`` the images that are no digits
    by source, ``images`` the same in words, and ``versions`` those of what measures.
    """

    predictions: tuple[str, ...]
    patterns: tuple[str, ...]
    data: tuple[str, ...]
    images: str | None
    profile: Profile
    seed: int
    device: str
    engine: str | None
    code: str
    started: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sweep:
    """By how many rates a sweep was widened below and above, and how often."""

    below: int = 0
    above: int = 0
    times: int = 0


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """The key of a trial's measurements, and the engine that runs it."""

    trial: str
    engine: str


@dataclass(frozen=True, slots=True)
class PlannedDesign:
    """A prediction by id with the digest of its design, and its margin."""

    prediction: str
    design: str
    margin: float


@dataclass(frozen=True, slots=True)
class PastVerdict:
    """What became of a prediction in one campaign of a store; ``None`` while it is unfinished."""

    plan: int
    seed: int
    profile: Profile
    margin: float
    family: int
    verdict: Verdict | None


@cache
def _key_of(setting: Setting) -> str:
    """The key of a setting, and its images by name, which that leaves to whoever stores."""
    return f"{setting.key()}; {setting.experiment.images or 'no images'}"


class Store:
    """Measured values, and the plans of campaigns; a group of trials is committed when done."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; ``UnavailableError`` when that is impossible."""
        self._begun: dict[str, int] = {}
        try:
            self.connection = sqlite3.connect(path)
            self.connection.execute("PRAGMA journal_mode=WAL")
            for table in _SCHEMA:
                self.connection.execute(table)
        except sqlite3.Error as error:
            raise UnavailableError(
                f"cannot keep measurements in {str(path)!r} ({error}); "
                "choose another folder with --out, or remove that file"
            ) from None

    def replicates(self, trial: str, among: Sequence[int]) -> set[int]:
        """Which replicates of a trial, from the first to the last of some, are already measured."""
        rows = self.connection.execute(
            "SELECT DISTINCT replicate FROM measurements WHERE trial = ? "
            "AND replicate BETWEEN ? AND ?",
            (trial, min(among), max(among)),
        )
        return {replicate for (replicate,) in rows}

    def add(
        self, trial: str, replicates: Iterable[int], measured: Mapping[Observable, FloatArray]
    ) -> None:
        """Keep a group of trials, all of it or nothing."""
        replicates = list(replicates)
        rows = [
            (trial, replicate, str(observable), float(value))
            for observable, values in measured.items()
            for replicate, value in zip(replicates, values, strict=True)
        ]
        with self.connection:
            self.connection.executemany(
                "INSERT OR IGNORE INTO measurements VALUES (?, ?, ?, ?)", rows
            )

    def values(self, trial: str, observable: Observable, replicates: int) -> FloatArray:
        """Values of the first replicates in order, ending at the first one not yet measured."""
        rows = self.connection.execute(
            "SELECT replicate, value FROM measurements WHERE trial = ? AND observable = ? "
            "AND replicate < ? ORDER BY replicate",
            (trial, str(observable), replicates),
        ).fetchall()
        # SQLite keeps nan as NULL.
        values = [
            np.nan if value is None else value
            for index, (replicate, value) in enumerate(rows)
            if replicate == index
        ]
        return np.array(values, dtype=np.float64)

    def begin(
        self, campaign: str, images: str, provenance: Provenance, designs: Sequence[PlannedDesign]
    ) -> Plan:
        """The plan of a campaign by its key, entered unless the same code has planned it before.

        What was asked for is that of the last time, and it started at the first.
        """
        identity = (campaign, provenance.code, images)
        with self.connection:
            earlier = self._identified(identity)
            if earlier is not None:
                provenance = replace(provenance, started=Plan(self, earlier).provenance.started)
            self.connection.execute(
                "INSERT INTO plans (campaign, code, images, provenance, begun) VALUES "
                "(?, ?, ?, ?, (SELECT coalesce(max(begun), 0) + 1 FROM plans)) ON CONFLICT "
                "DO UPDATE SET provenance = excluded.provenance, begun = excluded.begun",
                (*identity, json.dumps(asdict(provenance))),
            )
            row = self._identified(identity)
            assert row is not None
            self.connection.executemany(
                "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, NULL)",
                [(row, each.prediction, each.design, each.margin) for each in designs],
            )
        self._begun[campaign] = row
        return Plan(self, row)

    def _identified(self, identity: tuple[str, str, str]) -> int | None:
        """The row of the plan of a campaign, by these codes and images."""
        row = self.connection.execute(
            "SELECT id FROM plans WHERE campaign = ? AND code = ? AND images = ?", identity
        ).fetchone()
        return None if row is None else int(row[0])

    def plan(self, campaign: str) -> Plan:
        """The plan of a campaign by its key: that which was begun here, or else begun last.

        It is an empty one where there is none. Another process may begin the same campaign with
        other code meanwhile.
        """
        row = self.connection.execute(
            "SELECT id FROM plans WHERE campaign = ? ORDER BY begun DESC LIMIT 1", (campaign,)
        ).fetchone()
        return Plan(self, self._begun.get(campaign, None if row is None else row[0]))

    def latest(self) -> Plan | None:
        """The plan that was begun last, of whatever campaign, if there is any."""
        row = self.connection.execute("SELECT id FROM plans ORDER BY begun DESC").fetchone()
        return None if row is None else Plan(self, row[0])

    def past_verdicts(self, prediction: str) -> list[PastVerdict]:
        """Every campaign about a prediction, in the order in which they were begun."""
        rows = self.connection.execute(
            "SELECT plans.id, provenance, margin, verdict FROM verdicts JOIN plans "
            "ON plans.id = verdicts.plan WHERE prediction = ? ORDER BY plans.id",
            (prediction,),
        )
        return [
            _past_verdict(plan, _provenance(text), margin, verdict)
            for plan, text, margin, verdict in rows
        ]

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _past_verdict(
    plan: int, provenance: Provenance, margin: float, verdict: str | None
) -> PastVerdict:
    return PastVerdict(
        plan,
        provenance.seed,
        provenance.profile,
        margin,
        len(provenance.predictions),
        None if verdict is None else Verdict(verdict),
    )


def _provenance(text: str) -> Provenance:
    fields = json.loads(text)
    for name in ("predictions", "patterns", "data"):
        fields[name] = tuple(fields[name])
    return Provenance(**fields | {"profile": Profile(fields["profile"])})


class Plan:
    """One campaign as its store has it; an empty one (``row`` is ``None``) knows no trial."""

    def __init__(self, store: Store, row: int | None) -> None:
        self._store, self.row = store, row
        select = store.connection.execute
        self._trials = {
            place: PlannedTrial(trial, engine)
            for *place_of, trial, engine in select(
                "SELECT setting, width, depth, trial, engine FROM trials WHERE plan = ?", (row,)
            )
            for place in [tuple(place_of)]
        }
        self._sweeps = {
            name: Sweep(*counts)
            for name, *counts in select(
                "SELECT name, below, above, times FROM sweeps WHERE plan = ?", (row,)
            )
        }

    @property
    def provenance(self) -> Provenance:
        """Under which conditions it was planned; ``UnavailableError`` for an empty plan."""
        row = self._store.connection.execute(
            "SELECT provenance FROM plans WHERE id = ?", (self.row,)
        ).fetchone()
        if row is None:
            raise UnavailableError("the campaign was not begun in this store; measure it first")
        return _provenance(row[0])

    def trial(self, setting: Setting, cell: Cell) -> PlannedTrial | None:
        """The trial that answers for a setting and a cell, if it is planned."""
        return self._trials.get((_key_of(setting), cell.width, cell.depth))

    def enter_trials(self, trials: Mapping[tuple[Setting, Cell], PlannedTrial]) -> None:
        """Plan trials; another process that measures the same plan enters the same ones."""
        new = {
            (_key_of(setting), cell.width, cell.depth): trial
            for (setting, cell), trial in trials.items()
        }
        new = {place: trial for place, trial in new.items() if place not in self._trials}
        rows = [(self.row, *place, trial.trial, trial.engine) for place, trial in new.items()]
        with self._store.connection:
            self._store.connection.executemany(
                "INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?, ?)", rows
            )
        self._trials |= new

    def values(
        self, setting: Setting, cell: Cell, observable: Observable, replicates: int
    ) -> FloatArray:
        """Values of the first replicates of a planned trial; none of another."""
        planned = self.trial(setting, cell)
        if planned is None:
            return np.empty(0)
        return self._store.values(planned.trial, observable, replicates)

    def sweep(self, name: str) -> Sweep:
        """How far a sweep was widened."""
        return self._sweeps.get(name, Sweep())

    def enter_sweep(self, name: str, sweep: Sweep) -> None:
        """Widen a sweep."""
        with self._store.connection:
            self._store.connection.execute(
                "INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?, ?, ?)",
                (self.row, name, sweep.below, sweep.above, sweep.times),
            )
        self._sweeps[name] = sweep

    def designs(self) -> dict[str, str]:
        """The design of each prediction, by id."""
        return dict(
            self._store.connection.execute(
                "SELECT prediction, design FROM verdicts WHERE plan = ?", (self.row,)
            ).fetchall()
        )

    def enter_verdict(self, prediction: str, verdict: Verdict) -> None:
        """Put on record what became of it: the same plan gives the same verdict."""
        with self._store.connection:
            self._store.connection.execute(
                "UPDATE verdicts SET verdict = ? WHERE plan = ? AND prediction = ?",
                (verdict, self.row, prediction),
            )
