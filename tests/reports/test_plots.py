"""Figures: what is drawn is what the document says, on the scale that it names."""

import math
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.document import PredictionEntry
from reports.lines import sizes_of
from reports.plots import _draw_prediction, draw_cells, verdict_picture
from tests.reports.documents import CELLS, EXACT_CELLS, NOT_MEASURED, REJECTED, prediction, rival
from theory.errors import InputError
from theory.expectations import Summary


def drawn(entry: PredictionEntry) -> tuple[dict[str, np.ndarray], tuple[float, float] | None]:
    """Lines by label, and the lower and upper ends of the band that accepts."""
    axes = Figure().add_subplot()
    axes.set_ylim(0.5, 2.0)
    _draw_prediction(axes, entry, sizes_of(entry))
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in axes.lines}
    if not axes.collections:
        return lines, None
    extents = axes.collections[0].get_paths()[0].get_extents()
    return lines, (extents.y0, extents.y1)


def test_an_exponent_is_a_line_through_the_middle_of_the_measurements() -> None:
    lines, _ = drawn(prediction("A1", predicted=0.5, band=(0.4, 0.6)))
    (line,) = lines.values()
    slopes = np.diff(np.log(line)) / np.diff(np.log([cell.size for cell in CELLS]))
    np.testing.assert_allclose(slopes, 0.5)
    middle = np.mean(np.log([cell.measured for cell in CELLS]))
    np.testing.assert_allclose(np.log(line).mean(), middle)


@pytest.mark.parametrize(
    ("scale", "predicted", "line", "ends"),
    [
        (Summary.RATIO, 1.0, 1.0, (0.9, 1.1)),
        (Summary.LOGARITHM, 0.0, 1.0, (math.exp(-0.1), math.exp(0.1))),
        (Summary.LOGARITHM, 0.02, math.exp(0.02), (0.5, math.exp(0.12))),
    ],
)
def test_values_are_drawn_on_the_scale_of_their_statistic(
    scale: Summary, predicted: float, line: float, ends: tuple[float, float]
) -> None:
    """Where the statistic is a logarithm, the line is its exponential, and so is the band."""
    below, above = predicted - 0.1, predicted + 0.1
    band = (None, above) if ends[0] == 0.5 else (below, above)
    known: dict[str, Any] = {"scale": scale, "predicted": predicted, "band": band}
    lines, between = drawn(prediction("A1", **known, cells=EXACT_CELLS))
    (values,) = lines.values()
    np.testing.assert_allclose(values, line)
    assert between == pytest.approx(ends)


@pytest.mark.parametrize(
    ("band", "label"), [((None, 0.1), "accepts up to"), ((0.1, None), "accepts from")]
)
def test_a_bound_on_an_exponent_is_a_line(
    band: tuple[float | None, float | None], label: str
) -> None:
    """No side of a line that turns about the middle is "at most"."""
    lines, between = drawn(prediction("A1", band=band))
    assert between is None
    slopes = np.diff(np.log(lines[label])) / np.diff(np.log([cell.size for cell in CELLS]))
    np.testing.assert_allclose(slopes, 0.1)


def test_a_rival_is_drawn_where_it_is_about_the_same_numbers() -> None:
    """A rival about a ratio, or about other rates, says nothing of what is drawn."""
    same, values = rival(), {"scale": Summary.RATIO, "relation": "value = 1", "predicted": 1.0}
    others = [cell.model_copy(update={"measured": 1.0}) for cell in CELLS]
    label = "rival: exponent of L = 1/2"
    lines, _ = drawn(prediction("A1", rival=same))
    slopes = np.diff(np.log(lines[label])) / np.diff(np.log([cell.size for cell in CELLS]))
    np.testing.assert_allclose(slopes, 0.5)
    assert label not in drawn(prediction("A1", rival=rival(cells=others)))[0]
    assert label not in drawn(prediction("A1", rival=rival(cells=[])))[0]
    exact = rival(**values, cells=EXACT_CELLS)
    np.testing.assert_allclose(drawn(prediction("A1", rival=exact))[0]["rival: value = 1"], 1.0)


def test_a_dot_for_every_replicate_stands_beside_its_mean_and_within_the_figure() -> None:
    values = (0.9, 1.1, 1e9, math.nan)
    cells = [cell.model_copy(update={"values": values}) for cell in CELLS]
    axes = Figure().add_subplot()
    draw_cells(axes, prediction("A1", cells=cells))
    (dots,) = [line for line in axes.lines if line.get_label() == "a replicate"]
    across, up = np.asarray(dots.get_xdata()), np.asarray(dots.get_ydata())
    sizes = np.repeat([cell.size for cell in CELLS], 3)  # one was no number
    np.testing.assert_allclose(across, sizes, rtol=0.05)
    assert list(up[:2]) == [0.9, 1.1]
    assert axes.get_ylim()[0] < up.min() < up.max() < axes.get_ylim()[1]


def test_the_picture_of_a_verdict_shows_both_verdicts_and_their_numbers() -> None:
    svg = verdict_picture(prediction("A6.total.depth", **REJECTED, rival=rival()))
    ElementTree.fromstring(svg)
    for text in (
        "A6.total.depth",
        "REJECTED",
        "predicted: +0 ± 0.1",
        "its rival: +0.5 ± 0.1",
        "measured: +0.500 [+0.460, +0.540]",
        "exponent",
    ):
        assert f">{text}<" in svg


def test_the_picture_of_a_bound_and_of_a_value_has_its_scale() -> None:
    bound = prediction("A1", band=(None, 0.1))
    assert ">predicted: at most +0.1<" in verdict_picture(bound)
    value = {"scale": Summary.RATIO, "predicted": 1.0, "band": (0.9, 1.1), "cells": EXACT_CELLS}
    svg = verdict_picture(prediction("A2", **value, rival=rival(cells=[])))
    assert ">measured / predicted<" in svg
    assert "its rival" not in svg


def test_a_rival_on_another_scale_has_no_place_on_the_axis_of_the_picture() -> None:
    other = rival(scale=Summary.RATIO, cells=EXACT_CELLS)
    assert "its rival" not in verdict_picture(prediction("A1", rival=other))
    assert "its rival" in verdict_picture(prediction("A1", rival=rival()))


def test_the_same_entry_gives_the_same_bytes() -> None:
    entry = prediction("A1", rival=rival())
    assert verdict_picture(entry) == verdict_picture(entry)


def test_there_is_no_picture_without_an_interval() -> None:
    with pytest.raises(InputError, match=r"A5 has no interval \(interrupted after 3 of 32"):
        verdict_picture(prediction("A5", **NOT_MEASURED, cells=[]))
