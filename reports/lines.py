"""Lines in the figure of a prediction: what its cells would hold if the statistic were a number.

Imports numpy, ``theory`` and ``reports.document``. Figures of any kind draw these.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from reports.document import CellEntry
from theory.arrays import FloatArray
from theory.expectations import Summary


class WithCells(Protocol):
    """What has cells, and a statistic that is made of them."""

    @property
    def cells(self) -> list[CellEntry]:
        """The points of its figure."""

    @property
    def scale(self) -> Summary:
        """How the statistic is made of them."""


def sizes_of(entry: WithCells) -> FloatArray:
    """The sizes of its cells, one each."""
    return np.array([cell.size for cell in entry.cells])


def line_of(entry: WithCells, sizes: FloatArray, statistic: float) -> FloatArray:
    """What the cells would hold, one number a size, if the statistic were this."""
    if entry.scale is Summary.EXPONENT:
        return _through_middle(sizes, entry.cells, statistic)
    predicted = np.array([cell.predicted for cell in entry.cells], dtype=float)
    factor = np.exp(statistic) if entry.scale is Summary.LOGARITHM else statistic
    return np.asarray(predicted * factor)


def _through_middle(sizes: FloatArray, cells: list[CellEntry], exponent: float) -> FloatArray:
    """The line of an exponent, drawn through the middle of the measurements."""
    logs = np.log([cell.measured for cell in cells])
    return np.asarray(np.exp(logs.mean() + exponent * (np.log(sizes) - np.log(sizes).mean())))


def reads_the_same(entry: WithCells, rival: WithCells) -> bool:
    """Whether a rival is about the numbers that are drawn, not a ratio of them or other rates."""
    ours, theirs = ([cell.measured for cell in cells] for cells in (entry.cells, rival.cells))
    return len(ours) == len(theirs) and bool(np.allclose(ours, theirs, rtol=1e-9, atol=0.0))
