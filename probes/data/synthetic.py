"""Gaussian inputs and labels of a replicate, the same for all of its cells. Imports ``probes``.

All inputs are scaled to |x|^2 = d, so that the first stream state has second moment 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from probes.randomness import data_generator
from theory.arrays import FloatArray, IntArray

SYNTHETIC_DIMENSION = 32
TOKENS = 4  # of a sequence, whatever the data


def on_sphere(rows: FloatArray) -> FloatArray:
    """Rows scaled to squared length d."""
    scaled: FloatArray = rows * np.sqrt(
        rows.shape[-1] / np.square(rows).sum(axis=-1, keepdims=True)
    )
    return scaled


@lru_cache(maxsize=2**14)  # the replicates of one campaign meet every setting and cell
def _drawn(seed: int, replicate: int, *shape: int) -> tuple[FloatArray, IntArray]:
    generator = data_generator(seed, replicate)
    inputs = generator.standard_normal((*shape, SYNTHETIC_DIMENSION))
    return inputs, generator.integers(0, 2, size=shape[0])


def synthetic(seed: int, replicates: Sequence[int], batch: int) -> tuple[FloatArray, FloatArray]:
    """Gaussian inputs of shape (R, batch, d), and labels +-1 of shape (R, batch)."""
    return _labelled(seed, replicates, batch)


def sequences(
    seed: int, replicates: Sequence[int], batch: int, length: int = TOKENS
) -> tuple[FloatArray, FloatArray]:
    """Sequences of Gaussian vectors: (R, batch, length, d), and labels +-1 of shape (R, batch)."""
    return _labelled(seed, replicates, batch, length)


def _labelled(seed: int, replicates: Sequence[int], *shape: int) -> tuple[FloatArray, FloatArray]:
    drawn = [_drawn(seed, replicate, *shape) for replicate in replicates]
    labels = np.stack([2.0 * signs - 1.0 for _, signs in drawn])
    return on_sphere(np.stack([inputs for inputs, _ in drawn])), labels.astype(np.float64)
