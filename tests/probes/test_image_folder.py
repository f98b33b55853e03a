"""Folders of images by class, in formats of every kind, whole and damaged."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from probes.data.folder import read_folder
from probes.data.images import load
from tests.probes.damage import cut
from theory import DomainError

GENERATOR = np.random.default_rng(7)


# ---- Folders of images.


def write_folder(folder: Path, count: int = 2, side: int = 32) -> np.ndarray:
    """PNG images of classes cat and dog: (2 * count, side, side, 3)."""
    pixels = GENERATOR.integers(0, 256, size=(2 * count, side, side, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        path = folder / ("cat", "dog")[number // count] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return pixels


def test_a_folder_may_lie_in_the_home_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "pets")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load("folder:~/pets")) == 4


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
        # Pillow 10 does not say which tag it is.
        said = r"\((Tag data larger than file.* 278|Truncated File Read)"
        with pytest.raises(DomainError, match=rf"z.tif' is no .* {said}"):
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
