"""How the images of training experiments are named. Imports the standard library and ``theory``.

Reading them is the business of ``probes.data.images``.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import NamedTuple

from theory.errors import choices

DIGITS = "digits"  # what every prediction of the catalogue is on record with
SOURCES = (DIGITS, "mnist5k", "cifar10:DIR", "cifar100:DIR", "folder:DIR")


class ImageSource(NamedTuple):
    """Which images, and the folder in which they lie ("" for those that a package brings)."""

    kind: str
    folder: str

    @property
    def name(self) -> str:
        """For people: without the way to the folder, and without the folder where kind says all."""
        if self.kind == "folder":
            return f"{self.kind}:{PurePath(self.folder).name or self.folder}"
        return self.kind


def source_of(text: str) -> ImageSource:
    """The source that a text of the form of one of ``SOURCES`` names.

    Raises ``InputError``, listing them, for any other text. Nothing is read.
    """
    kind, _, folder = text.partition(":")
    if (f"{kind}:DIR" if folder else text) not in SOURCES:
        raise choices("images", text, SOURCES)
    return ImageSource(kind, folder)
