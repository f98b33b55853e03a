"""Random numbers of a campaign: one SeedSequence tree, no order.

Every draw depends on (campaign seed, replicate) for data and on (campaign seed, replicate, cell)
for weights (along a Brownian path, the cell of its deepest network), and on nothing else: not on
the parameterization, the number of workers, the group that a replicate is computed in, or the
device. Imports numpy and ``theory``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from theory.scaling import Cell

Normals = npt.NDArray[np.float32]

_DATA, _WEIGHTS, _ANSWERS, _COPIES, _MASKS = 0, 1, 2, 3, 4
_threads = ThreadPoolExecutor()


def _generator(seed: int, *key: int) -> np.random.Generator:
    sequence = np.random.SeedSequence(seed, spawn_key=key)
    return np.random.Generator(np.random.SFC64(sequence))


def data_generator(seed: int, replicate: int) -> np.random.Generator:
    """The generator of a replicate's data, shared by all of its cells."""
    return _generator(seed, _DATA, replicate)


def weight_generator(seed: int, replicate: int, cell: Cell) -> np.random.Generator:
    """The generator of a replicate's weights at one cell."""
    return _generator(seed, _WEIGHTS, replicate, cell.width, cell.depth)


def answer_generator(seed: int, replicate: int, cell: Cell) -> np.random.Generator:
    """The generator of the answers of a replicate's matrix-free weights at one cell."""
    return _generator(seed, _ANSWERS, replicate, cell.width, cell.depth)


def copy_generator(seed: int, replicate: int, cell: Cell) -> np.random.Generator:
    """The generator of independent copies of a replicate's weights, or of their answers."""
    return _generator(seed, _COPIES, replicate, cell.width, cell.depth)


def mask_generator(seed: int, replicate: int, cell: Cell) -> np.random.Generator:
    """The generator of what dropout takes from a replicate at one cell."""
    return _generator(seed, _MASKS, replicate, cell.width, cell.depth)


def standard_normals(generators: Sequence[np.random.Generator], count: int) -> Normals:
    """The next ``count`` standard normals of every generator: shape (generators, count)."""
    drawn = np.empty((len(generators), count), dtype=np.float32)
    for done in _filling(generators, drawn):
        done.result()
    return drawn


def _filling(generators: Sequence[np.random.Generator], rows: Normals) -> list[Future[None]]:
    """Fill one row by each generator, in the background: numpy releases the lock while drawing."""
    tasks = min(len(generators), os.cpu_count() or 1)
    return [
        _threads.submit(_fill, generators[first::tasks], rows[first::tasks])
        for first in range(tasks)
    ]


def _fill(generators: Sequence[np.random.Generator], rows: Normals) -> None:
    for generator, row in zip(generators, rows, strict=True):
        generator.standard_normal(dtype=np.float32, out=row)


class NormalStream:
    """Standard normals of several generators side by side, drawn ahead while others compute.

    What a generator yields does not depend on the portions, nor on the other generators.
    """

    AHEAD, LEAST = 2**16, 2**11  # numbers of all generators together, and of each

    def __init__(self, generators: Sequence[np.random.Generator]) -> None:
        self._generators = tuple(generators)
        self._portion = max(self.LEAST, self.AHEAD // max(1, len(self._generators)))
        self._ready = np.empty((len(self._generators), 0), dtype=np.float32)
        self._order()

    def __len__(self) -> int:
        return len(self._generators)

    def draw(self, count: int) -> Normals:
        """The next ``count`` of every generator: shape (generators, count)."""
        self._portion = max(self._portion, count)
        while self._ready.shape[1] < count:
            for done in self._coming:
                done.result()
            self._ready = np.concatenate([self._ready, self._ordered], axis=1)
            self._order()
        drawn, self._ready = self._ready[:, :count], self._ready[:, count:]
        return drawn

    def _order(self) -> None:
        self._ordered = np.empty((len(self), self._portion), dtype=np.float32)
        self._coming = _filling(self._generators, self._ordered)
