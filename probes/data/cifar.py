"""CIFAR-10 and CIFAR-100 in their binary version: records of labels and pixels. Imports numpy.

Source: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html, with the MD5 sums of the
archives. Only training files are read. No pickle is.
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from theory.errors import UnavailableError

SIDE, CHANNELS = 32, 3


@dataclass(frozen=True, slots=True)
class Distribution:
    """Files of ``records`` images each, in a folder of an archive.

    A record is ``labels`` bytes, the last of which is the class, and the pixels: all rows of red,
    then of green, then of blue.
    """

    folder: str
    archive: str
    md5: str
    files: tuple[str, ...]
    records: int
    labels: int
    classes: int

    @property
    def record(self) -> int:
        """Bytes of a record."""
        return self.labels + CHANNELS * SIDE**2


DISTRIBUTIONS = {
    "cifar10": Distribution(
        folder="cifar-10-batches-bin",
        archive="cifar-10-binary.tar.gz",
        md5="c32a1d4ab5d03f1284b67883e8d87530",
        files=tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        records=10_000,
        labels=1,
        classes=10,
    ),
    "cifar100": Distribution(
        folder="cifar-100-binary",
        archive="cifar-100-binary.tar.gz",
        md5="03b5dce01913d631647c71ecec9e9cb8",
        files=("train.bin",),
        records=50_000,
        labels=2,  # coarse, fine
        classes=100,
    ),
}


def read_distribution(
    distribution: Distribution, folder: Path
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], int]:
    """Pixels (count, 32, 32, 3), classes (count,), and the number of classes.

    The folder holds the archive, the extracted folder, or its files; they are looked for in this
    order, for only the archive has a sum: of extracted files no more is checked than their sizes
    and the range of their labels. Raises ``UnavailableError`` where there is none of them, for an
    archive with another MD5 sum, a file of another size, and a label that is no class.
    """
    parts = [
        _records(distribution, name, content) for name, content in _contents(distribution, folder)
    ]
    records = np.concatenate(parts)
    images = records[:, distribution.labels :].reshape(-1, CHANNELS, SIDE, SIDE)
    classes = records[:, distribution.labels - 1].astype(np.int64)
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)), classes, distribution.classes


def _contents(distribution: Distribution, folder: Path) -> list[tuple[str, bytes]]:
    """Path and content of each file."""
    archive = folder / distribution.archive
    if archive.is_file():
        return _unpacked(distribution, archive)
    for place in (folder / distribution.folder, folder):
        if (place / distribution.files[0]).is_file():
            paths = [place / name for name in distribution.files]
            return [(str(path), path.read_bytes()) for path in paths]
    raise UnavailableError(
        f"{str(folder)!r} holds neither {distribution.folder}/{distribution.files[0]}, nor "
        f"{distribution.files[0]}, nor {distribution.archive}; give the folder that holds the "
        "binary version"
    )


def _unpacked(distribution: Distribution, archive: Path) -> list[tuple[str, bytes]]:
    """The same from an archive, of which nothing is written to disk."""
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != distribution.md5:
        raise UnavailableError(
            f"{str(archive)!r} has MD5 {digest}; expected {distribution.md5}: it is incomplete or "
            "another file; download it again"
        )
    contents = []
    with tarfile.open(archive, "r:gz") as tar:
        for name in distribution.files:
            member = tar.extractfile(f"{distribution.folder}/{name}")
            assert member is not None  # the sum says what is in it
            contents.append((f"{archive}/{name}", member.read()))
    return contents


def _records(distribution: Distribution, name: str, content: bytes) -> npt.NDArray[np.uint8]:
    """Records of one file: (records, bytes of a record)."""
    expected = distribution.records * distribution.record
    if len(content) != expected:
        raise UnavailableError(
            f"{name!r} has {len(content)} bytes; expected {expected}, {distribution.records} "
            f"records of {distribution.record}: it is incomplete or another file"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, distribution.record)
    largest = int(records[:, distribution.labels - 1].max())
    if largest >= distribution.classes:
        raise UnavailableError(
            f"{name!r} has label {largest}; expected 0 to {distribution.classes - 1}: it is "
            "damaged or another file"
        )
    return records
