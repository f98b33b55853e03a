"""Sources of images, on small files in the formats of the real ones, whole and damaged."""

import errno
import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from probes.data.cifar import DISTRIBUTIONS, Distribution, read_distribution
from probes.data.images import ImageSet, load
from tests.probes.damage import cut
from theory import DomainError

GENERATOR = np.random.default_rng(7)


def image_set(pixels: np.ndarray, classes: list[int], class_count: int = 2) -> ImageSet:
    return ImageSet("test", pixels.astype(np.uint8), np.array(classes), class_count)


# ---- What a set gives.


def test_digits_are_those_of_scikit_learn_centred_and_scaled_bit_for_bit() -> None:
    """The formula with which everything on record was measured."""
    rows, classes = load_digits(return_X_y=True)
    centred = rows - rows.mean(axis=0)
    expected = centred * np.sqrt(64 / np.square(centred).sum(axis=-1, keepdims=True))
    digits = load("digits")
    assert digits.shape == (8, 8, 1, 10)
    np.testing.assert_array_equal(digits.inputs(np.arange(len(digits))), expected)
    np.testing.assert_array_equal(digits.classes, classes)


def test_images_are_centred_over_the_set_and_scaled_one_by_one() -> None:
    pixels = GENERATOR.integers(0, 256, size=(50, 4, 3, 2))
    some = image_set(pixels, [0, 1] * 25)
    inputs = some.inputs(np.array([[4, 7], [9, 9]]))
    assert inputs.shape == (2, 2, 24)
    np.testing.assert_allclose(np.square(inputs).sum(-1), 24)
    direction = (pixels[7] - pixels.mean(axis=0)).ravel()
    np.testing.assert_allclose(inputs[0, 1] / inputs[0, 1, 0], direction / direction[0])


def test_an_image_that_is_the_mean_of_all_is_refused() -> None:
    pixels = np.stack([np.full((2, 2, 1), value) for value in (0, 9, 18)])
    with pytest.raises(DomainError, match=r"test: image 1 .* is the mean of all"):
        image_set(pixels, [0, 1, 1])


def test_the_digest_is_that_of_the_content() -> None:
    pixels = GENERATOR.integers(0, 256, size=(6, 2, 2, 3))
    some = image_set(pixels, [0, 1] * 3)
    assert image_set(pixels.copy(), [0, 1] * 3).digest == some.digest
    assert replace(some, name="elsewhere").digest == some.digest
    brighter = pixels.copy()
    brighter[3, 1, 1, 2] ^= 1
    others = [
        image_set(brighter, [0, 1] * 3),
        image_set(pixels, [0, 1, 0, 1, 1, 0]),
        image_set(pixels, [0, 1] * 3, class_count=3),
        image_set(pixels.reshape(6, 4, 1, 3), [0, 1] * 3),
    ]
    assert len({some.digest, *(other.digest for other in others)}) == 5


def test_a_set_says_what_it_is() -> None:
    digits = load("digits")
    assert str(digits) == (
        f"digits, 1797 images of 8 x 8 x 1 in 10 classes, sha256 {digits.digest[:12]}"
    )


# ---- CIFAR, in the binary format of its authors.

RECORDS = 6


def small(name: str, md5: str = "") -> Distribution:
    """The real format with six records in each file."""
    return replace(DISTRIBUTIONS[name], records=RECORDS, md5=md5)


def content(distribution: Distribution) -> dict[str, bytes]:
    """Random files of a distribution: record by record, labels and then channel by channel."""
    files = {}
    for name in distribution.files:
        records = GENERATOR.integers(0, 256, size=(RECORDS, distribution.record), dtype=np.uint8)
        records[:, : distribution.labels] = 7
        records[:, distribution.labels - 1] = np.arange(RECORDS)
        files[name] = records.tobytes()
    return files


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def write_archive(
    folder: Path, distribution: Distribution, files: dict[str, bytes]
) -> Distribution:
    """The archive as it is published, and the distribution with its sum."""
    path = folder / distribution.archive
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{distribution.folder}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return replace(distribution, md5=hashlib.md5(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_published_distributions_are_described_exactly(name: str) -> None:
    """Sizes of the training files, in bytes, as they are when they are extracted."""
    published = DISTRIBUTIONS[name]
    sizes = {"cifar10": 5 * [30_730_000], "cifar100": [153_700_000]}
    assert [published.records * published.record] * len(published.files) == sizes[name]


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_pixels_and_classes_are_those_of_the_records(name: str, tmp_path: Path) -> None:
    """Of two labels, the second one is fine; red comes before green, row after row."""
    distribution = small(name)
    files = content(distribution)
    write_files(tmp_path, files)
    pixels, classes, count = read_distribution(distribution, tmp_path)
    assert count == {"cifar10": 10, "cifar100": 100}[name]
    assert pixels.shape == (RECORDS * len(files), 32, 32, 3)
    assert list(classes) == [*range(RECORDS)] * len(files)
    last = files[distribution.files[-1]]
    place = 2 * distribution.record + distribution.labels + 1 * 1024 + 5 * 32 + 17
    assert pixels[-RECORDS + 2, 5, 17, 1] == last[place]


def test_the_folder_the_files_and_the_archive_are_the_same_data(tmp_path: Path) -> None:
    distribution = small("cifar10")
    files = content(distribution)
    write_files(tmp_path / "files", files)
    write_files(tmp_path / "folder" / distribution.folder, files)
    (tmp_path / "archive").mkdir()
    packed = write_archive(tmp_path / "archive", distribution, files)
    expected, _, _ = read_distribution(distribution, tmp_path / "files")
    for place, each in (("folder", distribution), ("archive", packed)):
        np.testing.assert_array_equal(read_distribution(each, tmp_path / place)[0], expected)
    assert [path.name for path in (tmp_path / "archive").iterdir()] == [distribution.archive]


def test_the_archive_that_has_a_sum_is_read_rather_than_extracted_files(tmp_path: Path) -> None:
    distribution = small("cifar10")
    files = content(distribution)
    packed = write_archive(tmp_path, distribution, files)
    for place in (tmp_path, tmp_path / distribution.folder):
        write_files(place, {name: bytes(len(data)) for name, data in files.items()})
    pixels, classes, _ = read_distribution(packed, tmp_path)
    assert pixels.any()
    assert list(classes) == [*range(RECORDS)] * len(files)
    (tmp_path / packed.archive).write_bytes(b"half of it")
    with pytest.raises(DomainError, match=rf"has MD5 [0-9a-f]{{32}}; expected {packed.md5}"):
        read_distribution(packed, tmp_path)


def test_a_source_is_read_once_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DISTRIBUTIONS, "cifar10", small("cifar10"))
    write_files(tmp_path, content(small("cifar10")))
    first = load(f"cifar10:{tmp_path}")
    (tmp_path / "data_batch_1.bin").unlink()
    assert load(f"cifar10:{tmp_path}") is first
    assert first.name == "cifar10"


def test_a_home_that_is_not_known_is_one_clear_line() -> None:
    with pytest.raises(DomainError, match=r"^folder:~nobody-here/x: '~nobody-here' has no home"):
        load("folder:~nobody-here/x")


def test_a_device_that_fails_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such an error names no file."""

    def failing(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setitem(DISTRIBUTIONS, "cifar10", small("cifar10"))
    write_files(tmp_path, content(small("cifar10")))
    monkeypatch.setattr(Path, "read_bytes", failing)
    with pytest.raises(DomainError, match=r"^cifar10:\S+: \[Errno \d+\] Input/output error; give"):
        load(f"cifar10:{tmp_path}")


def damage_missing(folder: Path, distribution: Distribution) -> None:
    (folder / "data_batch_3.bin").unlink()


def damage_truncated(folder: Path, distribution: Distribution) -> None:
    path = folder / "data_batch_2.bin"
    path.write_bytes(path.read_bytes()[:-1])


def damage_record(folder: Path, distribution: Distribution) -> None:
    path = folder / "data_batch_4.bin"
    path.write_bytes(path.read_bytes()[: -distribution.record])


def damage_record_size(folder: Path, distribution: Distribution) -> None:
    """CIFAR-100 under the name of CIFAR-10: a label more in every record."""
    other = content(small("cifar100"))["train.bin"]
    (folder / "data_batch_1.bin").write_bytes(other)


def damage_label(folder: Path, distribution: Distribution) -> None:
    path = folder / "data_batch_5.bin"
    path.write_bytes(b"\x0a" + path.read_bytes()[1:])


def damage_all(folder: Path, distribution: Distribution) -> None:
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, r"No such file or directory: '\S*data_batch_3.bin'; give images that can"),
        (damage_truncated, r"data_batch_2.bin' has 18437 bytes; expected 18438, 6 records of 3073"),
        (damage_record, r"data_batch_4.bin' has 15365 bytes; expected 18438"),
        (damage_record_size, r"data_batch_1.bin' has 18444 bytes; expected 18438"),
        (damage_label, r"data_batch_5.bin' has label 10; expected 0 to 9"),
        (damage_all, r"holds neither cifar-10-batches-bin/data_batch_1.bin, nor data_batch_1.bin"),
    ],
)
def test_damaged_files_are_one_clear_line(
    damage: Callable[[Path, Distribution], None],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    distribution = small("cifar10")
    monkeypatch.setitem(DISTRIBUTIONS, "cifar10", distribution)
    write_files(tmp_path, content(distribution))
    damage(tmp_path, distribution)
    with pytest.raises(DomainError, match=message) as error:
        load(f"cifar10:{tmp_path}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda data: data[:-1], r"train.bin' has 18443 bytes; expected 18444, 6 records of 3074"),
        (lambda data: data[:1] + b"\x64" + data[2:], r"train.bin' has label 100; expected 0 to 99"),
    ],
)
def test_damaged_files_of_a_hundred_classes_are_one_clear_line(
    harm: Callable[[bytes], bytes], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two labels of a record, the fine one is read."""
    distribution = small("cifar100")
    monkeypatch.setitem(DISTRIBUTIONS, "cifar100", distribution)
    files = content(distribution)
    write_files(tmp_path, files | {"train.bin": harm(files["train.bin"])})
    with pytest.raises(DomainError, match=message) as error:
        load(f"cifar100:{tmp_path}")
    assert "\n" not in str(error.value)


def altered(data: bytes) -> bytes:
    return data[:200] + bytes([data[200] ^ 1]) + data[201:]


@pytest.mark.parametrize("harm", [cut, altered])
def test_a_damaged_archive_is_not_unpacked(harm: Callable[[bytes], bytes], tmp_path: Path) -> None:
    distribution = small("cifar100")
    packed = write_archive(tmp_path, distribution, content(distribution))
    path = tmp_path / packed.archive
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(DomainError, match=rf"has MD5 [0-9a-f]{{32}}; expected {packed.md5}"):
        read_distribution(packed, tmp_path)
