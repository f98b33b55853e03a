"""Inputs and labels of a replicate, the same for all of its cells. Imports numpy and scikit-learn.

All inputs are scaled to |x|^2 = d, so that the first stream state has second moment 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from probes.randomness import data_generator
from theory.convolution import Convolution
from theory.errors import DomainError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SYNTHETIC_DIMENSION = 32
TOKENS = 4  # of a sequence, whatever the data
HELD_OUT = 256


def _on_sphere(rows: FloatArray) -> FloatArray:
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
    return _on_sphere(np.stack([inputs for inputs, _ in drawn])), labels.astype(np.float64)


@dataclass(frozen=True, slots=True)
class DigitBatches:
    """Training batches (steps, batch, d) with classes (steps, batch), and held-out ones."""

    inputs: FloatArray
    classes: IntArray
    held_out: FloatArray
    held_out_classes: IntArray


@cache
def _digits() -> tuple[FloatArray, IntArray]:
    images, classes = load_digits(return_X_y=True)
    centred = images - images.mean(axis=0)
    return _on_sphere(centred.astype(np.float64)), classes.astype(np.int64)


DIGIT_SIDE = 8
DIGIT_DIMENSION = DIGIT_SIDE**2
DIGIT_CLASSES = 10
DIGIT_TOKEN_DIMENSION = DIGIT_DIMENSION // TOKENS + TOKENS


def digits(seed: int, replicate: int, batch: int, steps: int) -> DigitBatches:
    """Batches of scikit-learn's 8x8 digits without repetition, drawn for one replicate.

    Pixels are centred over the data set and each image is scaled to |x|^2 = 64.
    """
    images, classes = _digits()
    if HELD_OUT + steps * batch > len(images):
        raise DomainError(
            f"{steps} steps of batch {batch}: expected at most {len(images) - HELD_OUT} images, "
            "for none is shown twice; take fewer steps or a smaller batch"
        )
    order = data_generator(seed, replicate).permutation(len(images))
    held_out, rest = order[:HELD_OUT], order[HELD_OUT : HELD_OUT + steps * batch]
    chosen = rest.reshape(steps, batch)
    return DigitBatches(images[chosen], classes[chosen], images[held_out], classes[held_out])


def digit_grid(images: FloatArray, convolution: Convolution) -> FloatArray:
    """Images on a grid: (..., 64) to (..., positions, d), |x|^2 = d at a position on average.

    The positions of one dimension are rows, with their pixels side by side. Raises ``DomainError``
    for a grid of another side.
    """
    if convolution.side != DIGIT_SIDE:
        raise DomainError(
            f"side {convolution.side} of a grid: digits have {DIGIT_SIDE}; give a convolution this"
        )
    return images.reshape(*images.shape[:-1], convolution.positions, -1)


def digit_tokens(images: FloatArray) -> FloatArray:
    """Images as sequences of pairs of rows, each with its place: (..., 64) to (..., 4, 20).

    A token is 16 pixels, of squared length 16 on average, and a one-hot place of squared length 4.
    """
    pixels = images.reshape(*images.shape[:-1], TOKENS, -1)
    places = np.broadcast_to(np.sqrt(TOKENS) * np.eye(TOKENS), (*pixels.shape[:-1], TOKENS))
    return np.concatenate([pixels, places], axis=-1)
