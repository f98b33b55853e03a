"""Random numbers of a campaign: one SeedSequence tree, no state, no order.

Every draw depends on (campaign seed, replicate) for data and on (campaign seed, replicate, cell)
for weights, and on nothing else: not on the parameterization, the number of workers, the group
that a replicate is computed in, or the device. Imports numpy and ``theory``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from theory.scaling import Cell

_DATA, _WEIGHTS = 0, 1
_threads = ThreadPoolExecutor()


def data_generator(seed: int, replicate: int) -> np.random.Generator:
    """The generator of a replicate's data, shared by all of its cells."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_DATA, replicate))
    return np.random.Generator(np.random.SFC64(sequence))


def weight_generator(seed: int, replicate: int, cell: Cell) -> np.random.Generator:
    """The generator of a replicate's weights at one cell."""
    key = (_WEIGHTS, replicate, cell.width, cell.depth)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def standard_normals(
    seed: int, replicates: Sequence[int], cell: Cell, count: int
) -> npt.NDArray[np.float32]:
    """``count`` standard normals per replicate: an array of shape (replicates, count)."""
    drawn = np.empty((len(replicates), count), dtype=np.float32)

    def fill(row: int) -> None:
        generator = weight_generator(seed, replicates[row], cell)
        generator.standard_normal(dtype=np.float32, out=drawn[row])

    list(_threads.map(fill, range(len(replicates))))  # numpy releases the lock while drawing
    return drawn
