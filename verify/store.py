"""Measurements on disk: one SQLite file, keyed by content. Imports the standard library and numpy.

A measurement is found again only if everything that it depends on is the same: setting, cell,
seed, replicate, device, the source of ``probes`` and ``theory`` (but for its catalogue), and the
versions of torch, numpy and scikit-learn. A campaign that was stopped continues where it was, and
nothing is counted twice.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from theory.errors import DomainError
from theory.prediction import Observable, Setting
from theory.scaling import Cell

FloatArray = npt.NDArray[np.float64]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS measurements (
    trial TEXT NOT NULL, replicate INTEGER NOT NULL, observable TEXT NOT NULL, value REAL,
    PRIMARY KEY (trial, replicate, observable)
) WITHOUT ROWID
"""


def _sources(folder: Traversable) -> Iterable[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.is_dir() and entry.name != "catalogue":  # its predictions enter by setting
            yield from _sources(entry)
        elif entry.name.endswith(".py"):
            yield entry.read_bytes()


@cache
def fingerprint() -> str:
    """A digest of the code that measures: numbers made by other code are not reused."""
    versions = (torch.__version__, np.__version__, version("scikit-learn"))
    digest = hashlib.sha256(" ".join(versions).encode())
    for package in ("probes", "theory"):
        for source in _sources(files(package)):
            digest.update(source)
    return digest.hexdigest()


def trial_key(setting: Setting, cell: Cell, seed: int, device: str) -> str:
    """The content key of a cell's trials; the replicate is stored beside it."""
    content = f"{fingerprint()}|{setting!r}|{cell!r}|{seed}|{device}"
    return hashlib.sha256(content.encode()).hexdigest()


class Store:
    """Measured values of a campaign; every group of trials is committed when it is done."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; ``DomainError`` when that is impossible."""
        try:
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise DomainError(
                f"cannot keep measurements in {str(path)!r} ({error}); "
                "choose another folder with --out, or remove that file"
            ) from None

    def replicates(self, trial: str) -> set[int]:
        """Which replicates of a trial are already measured."""
        rows = self._connection.execute(
            "SELECT DISTINCT replicate FROM measurements WHERE trial = ?", (trial,)
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

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
