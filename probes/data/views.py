"""How networks see images: as vectors, on a grid, as tokens. Imports numpy and ``probes``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from probes.data.images import ImageShape
from probes.data.synthetic import TOKENS, on_sphere
from theory.architecture import Architecture, Family
from theory.arrays import FloatArray
from theory.convolution import Convolution


def view_of(architecture: Architecture, shape: ImageShape) -> Callable[[FloatArray], FloatArray]:
    """How networks see images (..., d) of a shape."""
    if architecture.convolution is not None:
        return partial(image_grid, shape=shape, convolution=architecture.convolution)
    return image_tokens if architecture.family is Family.TRANSFORMER else np.asarray


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
        pixels = on_sphere(pixels.reshape(*images.shape[:-1], -1))
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
