"""Measurements on disk: one SQLite file. Imports the standard library, numpy and ``theory``.

Measurements are keyed by content (``verify.measuring.fingerprint``); what a trial is stands beside
its key in words. The plan of every campaign is written before it is measured: which trial answers
for which setting and cell, on which engine, and how far sweeps were widened. Judging reads the
plan, so that it needs neither the code that measured nor the images that were shown.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from theory.arrays import FloatArray
from theory.errors import UnavailableError
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Profile
from theory.scaling import Cell
from theory.verdict import Verdict
from verify.measuring.database import open_database, said_plainly, transaction


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


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that was given up after some attempts, by its specification, and why."""

    setting: str
    width: int
    depth: int
    seed: int
    engine: str
    device: str
    replicate: int
    attempts: int
    reason: str


@cache
def _key_of(setting: Setting) -> str:
    """The key of a setting, and its images by name, which that leaves to whoever stores."""
    return f"{setting.key()}; {setting.experiment.images or 'no images'}"


class Store:
    """Measured values, and the plans of campaigns; a batch of trials is committed when done."""

    def __init__(self, path: Path) -> None:
        """Open or create the file, as ``verify.measuring.database.open_database`` does."""
        self._begun: dict[str, int] = {}
        self.path = path
        self.connection = open_database(path)
        # A store that nobody closes, as one in memory, is closed when it is gone.
        weakref.finalize(self, self.connection.close)

    def read(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; ``UnavailableError`` where the file does not give them."""
        with said_plainly(self.path):
            return self.connection.execute(query, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection on which all is written or nothing; ``UnavailableError`` if it cannot be."""
        with said_plainly(self.path), transaction(self.connection):
            yield self.connection

    def replicates(self, trial: str, among: Sequence[int]) -> set[int]:
        """Which replicates of a trial, from the first to the last of some, are already measured."""
        rows = self.read(
            "SELECT DISTINCT replicate FROM measurements JOIN trials ON trials.id = trial "
            "WHERE key = ? AND replicate BETWEEN ? AND ?",
            (trial, min(among), max(among)),
        )
        return {replicate for (replicate,) in rows}

    def add(
        self, trial: str, replicates: Iterable[int], measured: Mapping[Observable, FloatArray]
    ) -> None:
        """Keep a group of trials, all of it or nothing."""
        self.add_all([(trial, replicates, measured)])

    def add_all(
        self, groups: Iterable[tuple[str, Iterable[int], Mapping[Observable, FloatArray]]]
    ) -> None:
        """Keep several groups, each a trial's key, replicates and values: all or nothing.

        What was measured before stays, and what had failed before has not failed any more.
        """
        with self.writing() as connection:
            for key, replicates, measured in groups:
                connection.execute("INSERT OR IGNORE INTO trials (key) VALUES (?)", (key,))
                select = "SELECT id FROM trials WHERE key = ?"
                (trial,) = connection.execute(select, (key,)).fetchone()
                held = list(replicates)
                connection.executemany(
                    "INSERT OR IGNORE INTO measurements VALUES (?, ?, ?, ?)",
                    [
                        (trial, replicate, str(observable), float(value))
                        for observable, values in measured.items()
                        for replicate, value in zip(held, values, strict=True)
                    ],
                )
                connection.executemany(
                    "DELETE FROM failures WHERE trial = ? AND replicate = ?",
                    [(trial, replicate) for replicate in held],
                )

    def add_failure(
        self, trial: str, replicates: Iterable[int], attempts: int, reason: str
    ) -> None:
        """Record trials that were given up: how often they were tried, and what happened."""
        with self.writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO failures SELECT id, ?, ?, ? FROM trials WHERE key = ?",
                [(replicate, attempts, reason, trial) for replicate in replicates],
            )

    def failures(self) -> list[Failure]:
        """The trials that were given up, and have not been measured since."""
        rows = self.read(
            "SELECT setting, width, depth, seed, engine, device, replicate, attempts, reason "
            "FROM failures JOIN trials ON trials.id = trial ORDER BY trial, replicate"
        )
        return [Failure(*row) for row in rows]

    def values(self, trial: str, observable: Observable, replicates: int) -> FloatArray:
        """Values of the first replicates in order, ending at the first one not yet measured."""
        rows = self.read(
            "SELECT replicate, value FROM measurements JOIN trials ON trials.id = trial "
            "WHERE key = ? AND observable = ? AND replicate < ? ORDER BY replicate",
            (trial, str(observable), replicates),
        )
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
        with self.writing() as connection:
            earlier = self._identified(identity)
            if earlier is not None:
                provenance = replace(provenance, started=Plan(self, earlier).provenance.started)
            connection.execute(
                "INSERT INTO plans (campaign, code, images, provenance, begun) VALUES "
                "(?, ?, ?, ?, (SELECT coalesce(max(begun), 0) + 1 FROM plans)) ON CONFLICT "
                "DO UPDATE SET provenance = excluded.provenance, begun = excluded.begun",
                (*identity, json.dumps(asdict(provenance))),
            )
            row = self._identified(identity)
            assert row is not None
            connection.executemany(
                "INSERT OR IGNORE INTO verdicts VALUES (?, ?, ?, ?, NULL)",
                [(row, each.prediction, each.design, each.margin) for each in designs],
            )
        self._begun[campaign] = row
        return Plan(self, row)

    def _identified(self, identity: tuple[str, str, str]) -> int | None:
        """The row of the plan of a campaign, by these codes and images."""
        rows = self.read(
            "SELECT id FROM plans WHERE campaign = ? AND code = ? AND images = ?", identity
        )
        return int(rows[0][0]) if rows else None

    def plan(self, campaign: str) -> Plan:
        """The plan of a campaign by its key: that which was begun here, or else begun last.

        It is an empty one where there is none. Another process may begin the same campaign with
        other code meanwhile.
        """
        rows = self.read(
            "SELECT id FROM plans WHERE campaign = ? ORDER BY begun DESC LIMIT 1", (campaign,)
        )
        return Plan(self, self._begun.get(campaign, rows[0][0] if rows else None))

    def latest(self) -> Plan | None:
        """The plan that was begun last, of whatever campaign, if there is any."""
        rows = self.read("SELECT id FROM plans ORDER BY begun DESC LIMIT 1")
        return Plan(self, rows[0][0]) if rows else None

    def past_verdicts(self, prediction: str) -> list[PastVerdict]:
        """Every campaign about a prediction, in the order in which they were begun."""
        rows = self.read(
            "SELECT plans.id, provenance, margin, verdict FROM verdicts JOIN plans "
            "ON plans.id = verdicts.plan WHERE prediction = ? ORDER BY plans.id",
            (prediction,),
        )
        return [
            _past_verdict(plan, provenance_of(text), margin, verdict)
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


def provenance_of(text: str) -> Provenance:
    """The conditions of a campaign, from the text under which they are kept."""
    fields = json.loads(text)
    for name in ("predictions", "patterns", "data"):
        fields[name] = tuple(fields[name])
    return Provenance(**fields | {"profile": Profile(fields["profile"])})


class Plan:
    """One campaign as its store has it; an empty one (``row`` is ``None``) knows no trial."""

    def __init__(self, store: Store, row: int | None) -> None:
        self._store, self.row = store, row
        self._trials = {
            (setting, width, depth): PlannedTrial(key, engine)
            for setting, width, depth, key, engine in store.read(
                "SELECT planned.setting, planned.width, planned.depth, key, engine "
                "FROM planned JOIN trials ON trials.id = trial WHERE plan = ?",
                (row,),
            )
        }
        self._sweeps = {
            name: Sweep(*counts)
            for name, *counts in store.read(
                "SELECT name, below, above, times FROM sweeps WHERE plan = ?", (row,)
            )
        }

    @property
    def provenance(self) -> Provenance:
        """Under which conditions it was planned; ``UnavailableError`` for an empty plan."""
        rows = self._store.read("SELECT provenance FROM plans WHERE id = ?", (self.row,))
        if not rows:
            raise UnavailableError("the campaign was not begun in this store; measure it first")
        return provenance_of(rows[0][0])

    def trial(self, setting: Setting, cell: Cell) -> PlannedTrial | None:
        """The trial that answers for a setting and a cell, if it is planned."""
        return self.trials(setting, (cell,))[0]

    def trials(self, setting: Setting, cells: Iterable[Cell]) -> list[PlannedTrial | None]:
        """The same of several cells: to look a setting up takes longer than all the rest."""
        key = _key_of(setting)
        return [self._trials.get((key, cell.width, cell.depth)) for cell in cells]

    def enter_trials(self, trials: Mapping[tuple[Setting, Cell], PlannedTrial]) -> None:
        """Plan trials; another process that measures the same plan enters the same ones."""
        new = {
            (_key_of(setting), cell.width, cell.depth): trial
            for (setting, cell), trial in trials.items()
        }
        new = {place: trial for place, trial in new.items() if place not in self._trials}
        if not new:
            return
        asked = self.provenance
        with self._store.writing() as connection:
            for place, trial in new.items():
                connection.execute(
                    "INSERT INTO trials (key, setting, width, depth, engine, seed, device, code) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
                    "setting = excluded.setting, width = excluded.width, depth = excluded.depth, "
                    "engine = excluded.engine, seed = excluded.seed, device = excluded.device, "
                    "code = excluded.code WHERE setting IS NULL",
                    (trial.trial, *place, trial.engine, asked.seed, asked.device, asked.code),
                )
                connection.execute(
                    "INSERT OR IGNORE INTO planned SELECT ?, ?, ?, ?, id FROM trials WHERE key = ?",
                    (self.row, *place, trial.trial),
                )
        self._trials |= new

    def values(
        self, setting: Setting, cells: Iterable[Cell], observable: Observable, replicates: int
    ) -> list[FloatArray]:
        """Values of the first replicates of the planned trials of some cells; none of others."""
        return [
            np.empty(0)
            if planned is None
            else self._store.values(planned.trial, observable, replicates)
            for planned in self.trials(setting, cells)
        ]

    def sweep(self, name: str) -> Sweep:
        """How far a sweep was widened."""
        return self._sweeps.get(name, Sweep())

    def enter_sweep(self, name: str, sweep: Sweep) -> None:
        """Widen a sweep."""
        with self._store.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?, ?, ?)",
                (self.row, name, sweep.below, sweep.above, sweep.times),
            )
        self._sweeps[name] = sweep

    def designs(self) -> dict[str, str]:
        """The design of each prediction, by id."""
        return dict(
            self._store.read("SELECT prediction, design FROM verdicts WHERE plan = ?", (self.row,))
        )

    def enter_verdict(self, prediction: str, verdict: Verdict) -> None:
        """Put on record what became of it: the same plan gives the same verdict."""
        with self._store.writing() as connection:
            connection.execute(
                "UPDATE verdicts SET verdict = ? WHERE plan = ? AND prediction = ?",
                (verdict, self.row, prediction),
            )
