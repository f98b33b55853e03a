"""Inputs and labels of a replicate, the same for all of its cells. Imports numpy and ``probes``.

All inputs are scaled to |x|^2 = d, so that the first stream state has second moment 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from probes.images import ImageSet, ImageShape, load
from probes.randomness import data_generator
from theory.convolution import Convolution
from theory.errors import DomainError
from theory.experiment import Protocol

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
class Batches:
    """Numbers of images: of training batches (steps, batch), and of the held-out ones."""

    training: IntArray
    held_out: IntArray


def images_of(protocol: Protocol) -> ImageSet:
    """The images of a training experiment.

    Raises ``DomainError`` when they cannot be read, or are fewer than the protocol shows.
    """
    images = load(protocol.images)
    available = len(images) - HELD_OUT
    if protocol.steps * protocol.batch > protocol.passes * available:
        often = "once" if protocol.passes == 1 else f"{protocol.passes} times"
        raise DomainError(
            f"{protocol.steps} steps of batch {protocol.batch}: expected at most "
            f"{max(0, protocol.passes * available)} images of {images.name}, for {HELD_OUT} of "
            f"{len(images)} are held out, and none is shown more than {often}; "
            "take fewer steps, a smaller batch, or more passes or images"
        )
    return images


def batches(protocol: Protocol, seed: int, replicate: int) -> Batches:
    """Which images one replicate is trained on and tested on, drawn without repetition.

    Every further pass, where the protocol has more, goes through the same images in an order of
    its own. Raises ``DomainError`` as ``images_of`` does.
    """
    count, shown = len(images_of(protocol)), protocol.steps * protocol.batch
    generator = data_generator(seed, replicate)
    order = generator.permutation(count)
    held_out, rest = order[:HELD_OUT], order[HELD_OUT:]
    passes = [rest]
    while len(passes) * len(rest) < shown:
        passes.append(generator.permutation(rest))
    training = np.concatenate(passes)[:shown].reshape(protocol.steps, protocol.batch)
    return Batches(training, held_out)


def image_grid(images: FloatArray, shape: ImageShape, convolution: Convolution) -> FloatArray:
    """Images on the grid of a convolution: (..., d) to (..., positions, channels).

    Pixels are averaged down to the side of the grid (or repeated), and rows of other length scaled
    to |x|^2 = dimension again. Positions of one dimension are rows, their pixels side by side.
    """
    side = convolution.side
    pixels = images.reshape(*images.shape[:-1], *shape[:3])
    if shape[:2] != (side, side):
        down, across = (_averages(side, length) for length in shape[:2])
        pixels = np.einsum("ih,...hwc,jw->...ijc", down, pixels, across)
        pixels = _on_sphere(pixels.reshape(*images.shape[:-1], -1))
    return pixels.reshape(*images.shape[:-1], convolution.positions, -1)


def _averages(count: int, length: int) -> FloatArray:
    """(count, length): the means over ``count`` neighbourhoods of a row that cover it evenly."""
    places = np.arange(length)
    first = np.arange(count) * length // count
    last = -(-np.arange(1, count + 1) * length // count)
    inside = (places >= first[:, None]) & (places < last[:, None])
    means: FloatArray = inside / inside.sum(1, keepdims=True)
    return means


def image_tokens(images: FloatArray) -> FloatArray:
    """Images as sequences of bands of rows, each with its place: (..., d) to (..., 4, d / 4 + 4).

    A token is d / 4 numbers, of squared length d / 4 on average, and a one-hot place of squared
    length 4.
    """
    pixels = images.reshape(*images.shape[:-1], TOKENS, -1)
    places = np.broadcast_to(np.sqrt(TOKENS) * np.eye(TOKENS), (*pixels.shape[:-1], TOKENS))
    return np.concatenate([pixels, places], axis=-1)
