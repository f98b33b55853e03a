"""Colours of pages: everything that is written can be read, in both themes."""

import re
from importlib.resources import files

import pytest

STYLE = files("reports").joinpath("templates", "page.css").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\(#([0-9a-f]{6}), #([0-9a-f]{6})\)", STYLE
    )
}
WRITTEN = ("ink", "soft", "link", "accepted", "rejected", "inconclusive", "invalid", "none")
DRAWN = ("measured", "predicted", "rival")
GROUNDS = ("paper", "sheet", "shade", "band")


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_the_largest_contrast() -> None:
    assert contrast("000000", "ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", [*WRITTEN, *DRAWN])
def test_what_is_written_or_drawn_stands_out(name: str, ground: str, theme: int) -> None:
    """4.5 for words, 3 for marks and lines: WCAG 2.2, 1.4.3 and 1.4.11."""
    least = 3.0 if name in DRAWN or ground == "band" else 4.5
    assert contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= least
