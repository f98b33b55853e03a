"""Measurements on disk: one SQLite file, keyed by content. Imports the standard library and numpy.

A measurement is found again only if everything that it depends on is the same: setting, cell,
seed, replicate, device, engine, the images themselves where they are not digits, the code of
``probes`` and ``theory`` (but for its catalogue, comments and docstrings), and the versions of
torch, numpy and scikit-learn. A campaign that was stopped continues where it was, and nothing is
counted twice.
"""

from __future__ import annotations

import ast
import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
import torch

from probes.data.images import load
from theory.arrays import FloatArray
from theory.errors import UnavailableError
from theory.experiments import Setting, images_besides_digits
from theory.observables import Observable
from theory.prediction import Prediction, Profile
from theory.relations import OfCurve, Paired, Relation
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
CREATE TABLE IF NOT EXISTS campaigns (
    prediction TEXT NOT NULL, design TEXT NOT NULL, seed INTEGER NOT NULL, profile TEXT NOT NULL,
    margin REAL NOT NULL, family INTEGER NOT NULL, verdict TEXT, PRIMARY KEY (prediction, design)
)
""",
)


def _code(folder: Traversable) -> Iterable[str]:
    """What every module does: its statements, without comments, layout and docstrings."""
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir() and entry.name != "catalogue":  # its predictions enter by setting
            yield from _code(entry)
        elif entry.name.endswith(".py"):
            yield ast.dump(_Undocumented().visit(ast.parse(entry.read_bytes())))


class _Undocumented(ast.NodeTransformer):
    """Leaves out strings that stand alone: docstrings, and others that do nothing."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if alone else node


@cache
def fingerprint() -> str:
    """A digest of the code that measures: numbers made by other code are not reused."""
    versions = (torch.__version__, np.__version__, version("scikit-learn"))
    digest = hashlib.sha256(" ".join(versions).encode())
    for package in ("probes", "theory"):
        for module in _code(files(package)):
            digest.update(module.encode())
    return digest.hexdigest()


def image_digests(settings: Iterable[Setting]) -> list[str]:
    """Of the images other than digits, which scikit-learn's version stands for."""
    return sorted(load(images).digest for images in images_besides_digits(settings))


def trial_key(setting: Setting, cell: Cell, seed: int, device: str, engine: str) -> str:
    """The content key of a cell's trials; the replicate is stored beside it."""
    parts = [fingerprint(), setting.key(), str(cell), f"{seed}", device, engine]
    return hashlib.sha256("|".join(parts + image_digests([setting])).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Design:
    """One campaign about one prediction: another seed, margin, grid or family makes another one.

    ``key`` is a digest of everything that was fixed before the run, ``family`` the number of
    predictions that were judged together.
    """

    prediction: str
    key: str
    seed: int
    profile: Profile
    margin: float
    family: int


def design_of(
    prediction: Prediction, profile: Profile, seed: int, machinery: str, family: Sequence[str]
) -> Design:
    """The design of a prediction in a campaign that judges a family of predictions together.

    ``machinery`` names the device and the engine.
    """
    rival = prediction.rival
    relations = [prediction.relation] + ([rival.relation] if rival else [])
    settings = [prediction.setting, *(control.setting for control in prediction.controls)]
    settings += [rival.control.setting] if rival else []
    others = [r.other for r in relations if isinstance(r, Paired) and isinstance(r.other, Setting)]
    parts = [fingerprint(), prediction.margin, prediction.regime.grid(profile), seed, machinery]
    # The name of a curve's function, not its address, says which curve it is.
    parts += [f"{r}; {r.origin}" if isinstance(r, OfCurve) else _text(r) for r in relations]
    parts += [
        *(setting.key() for setting in settings),
        prediction.regime.corrections,
        sorted(family),
    ]
    parts += image_digests([*settings, *others])
    key = hashlib.sha256("|".join(map(repr, parts)).encode()).hexdigest()
    return Design(prediction.id, key, seed, profile, float(prediction.margin), len(family))


def _text(relation: Relation) -> str:
    """The fields of a relation, with the key of another setting instead of the setting."""
    held = {field.name: getattr(relation, field.name) for field in fields(relation)}
    if isinstance(relation, Paired) and isinstance(relation.other, Setting):
        held["other"] = relation.other.key()
    return f"{type(relation).__name__}({held})"


class Store:
    """Measured values, and which campaigns there were; a group of trials is committed when done."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; ``UnavailableError`` when that is impossible."""
        try:
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA journal_mode=WAL")
            for table in _SCHEMA:
                self._connection.execute(table)
        except sqlite3.Error as error:
            raise UnavailableError(
                f"cannot keep measurements in {str(path)!r} ({error}); "
                "choose another folder with --out, or remove that file"
            ) from None

    def replicates(self, trial: str, among: Sequence[int]) -> set[int]:
        """Which replicates of a trial, from the first to the last of some, are already measured."""
        rows = self._connection.execute(
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
        with self._connection:
            self._connection.executemany(
                "INSERT OR IGNORE INTO measurements VALUES (?, ?, ?, ?)", rows
            )

    def values(self, trial: str, observable: Observable, replicates: int) -> FloatArray:
        """Values of the first replicates in order, ending at the first one not yet measured."""
        rows = self._connection.execute(
            "SELECT replicate, value FROM measurements WHERE trial = ? AND observable = ? "
            "AND replicate < ? ORDER BY replicate",
            (trial, str(observable), replicates),
        ).fetchall()
        # SQLite keeps nan as NULL.
        found = [
            np.nan if value is None else value
            for index, (replicate, value) in enumerate(rows)
            if replicate == index
        ]
        return np.array(found, dtype=np.float64)

    def enter(self, design: Design, verdict: Verdict | None) -> None:
        """Put a campaign on record when it begins, and its verdict when it has one.

        The same design gives the same verdict; every other design has an entry of its own.
        """
        named = (design.prediction, design.key, design.seed, design.profile)
        key = (*named, design.margin, design.family)
        with self._connection:
            self._connection.execute(
                "INSERT INTO campaigns VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET verdict = coalesce(excluded.verdict, verdict)",
                (*key, verdict),
            )

    def campaigns(self, prediction: str) -> list[tuple[Design, Verdict | None]]:
        """Every campaign about a prediction, in the order in which they were begun."""
        rows = self._connection.execute(
            "SELECT prediction, design, seed, profile, margin, family, verdict FROM campaigns "
            "WHERE prediction = ? ORDER BY rowid",
            (prediction,),
        )
        return [
            (
                Design(name, key, seed, Profile(profile), margin, family),
                verdict and Verdict(verdict),
            )
            for name, key, seed, profile, margin, family, verdict in rows
        ]

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
