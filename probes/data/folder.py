"""Images that lie in one folder for each class. Imports numpy and Pillow."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from theory.errors import InputError, UnavailableError

SIDE = 32
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def read_folder(folder: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], int]:
    """Pixels (count, 32, 32, 3), classes (count,), and the number of classes.

    Classes are the folders in ``folder`` by name; what is hidden or has another suffix than those
    of images is left out. Every image becomes RGB at 32 x 32, by Pillow's bilinear filter. Raises
    ``DomainError`` for less than two classes, one without images, and a file that is no whole
    image of 8 bits, or that Pillow reads with a warning.

    Damage in the middle of a file is sure to be seen in PNG only, by its checksums. A part that is
    missing or zero is noticed in most GIF and LZW-TIFF as well; what is altered in a JPEG, a WebP,
    or an uncompressed image may give other pixels unseen, for these formats have no checksum.
    """
    if not folder.is_dir():
        raise UnavailableError(
            f"{str(folder)!r} is no folder; give one with a folder for each class"
        )
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(classes) < 2:
        names = ", ".join(repr(path.name) for path in classes) or "none"
        raise UnavailableError(
            f"{str(folder)!r} has too few folders of a class ({names}); expected at least two, "
            "with the images in them"
        )
    files = [_images_in(path) for path in classes]
    pixels = np.stack([_pixels(path) for some in files for path in some])
    return pixels, np.repeat(np.arange(len(classes)), [len(some) for some in files]), len(classes)


def _images_in(folder: Path) -> list[Path]:
    paths = (p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    images = sorted(p for p in paths if not p.name.startswith("."))
    if not images:
        raise UnavailableError(
            f"{str(folder)!r} holds no image; expected files that end in "
            f"{', '.join(SUFFIXES)}, or no such folder"
        )
    return images


def _pixels(path: Path) -> npt.NDArray[np.uint8]:
    """(32, 32, 3) of one file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of tags that cannot be read
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # of absurd sizes
            with Image.open(path) as image:
                image.verify()  # the checksums of PNG, at which load does not look
            with Image.open(path) as image:
                image.load()
    except Exception as error:  # Pillow's decoders raise whatever they meet
        raise UnavailableError(
            f"{str(path)!r} is no image that can be read whole ({error}); repair or remove it"
        ) from None
    if image.mode.startswith(("I", "F")):  # converting would clip what is above 255
        raise InputError(
            f"{str(path)!r} has pixels of more than 8 bits (mode {image.mode}); convert it"
        )
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
