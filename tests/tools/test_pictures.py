"""The pictures of the explanation: what is drawn is committed, and shown."""

import re

import matplotlib as mpl
import pytest
from packaging.version import Version

from tests.end_to_end.code_blocks import DOCS, ROOT
from tools.pictures import FOLDER, PICTURES, picture


@pytest.mark.skipif(
    Version(mpl.__version__) < Version("3.10"), reason="older matplotlib writes fonts otherwise"
)
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_committed_as_it_is_drawn(name: str) -> None:
    """To a tenth of a point: the last digits are those of the processor."""

    def rounded(svg: str) -> str:
        return re.sub(r"\d+\.\d+", lambda number: f"{float(number[0]):.1f}", svg)

    committed = (ROOT / FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert rounded(picture(name)) == rounded(committed), "python -m tools.pictures draws it anew"


def test_every_picture_is_shown() -> None:
    text = (DOCS / "explanation" / "scaling-theories.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(pictures/([\w-]+)\.svg\)", text) == list(PICTURES)
    assert {path.stem for path in (ROOT / FOLDER).iterdir()} == set(PICTURES)
