"""The figure of a prediction on a page: marks stand where the document's numbers say."""

import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from reports.figures import figure_keys, scaling_figure
from reports.svg import Scale, logarithmic_ticks, ticks_between
from tests.reports.documents import CELLS, CHECKS, EXACT_CELLS, NOT_MEASURED, prediction, rival
from theory.expectations import Summary

VALUE: dict[str, Any] = {
    "scale": Summary.RATIO,
    "predicted": 1.0,
    "band": (0.9, 1.1),
    "cells": EXACT_CELLS,
    "checks": None,
}


def paths(svg: str, name: str) -> list[list[tuple[float, float]]]:
    """The places of each path of a class."""
    found = re.findall(f'<path class="{name}" d="([^"]*)"', svg)
    places = [re.findall(r"(-?[\d.]+) (-?[\d.]+)", commands) for commands in found]
    return [[(float(x), float(y)) for x, y in one] for one in places]


def circles(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]


def heights(svg: str) -> tuple[float, float]:
    """By how many pixels the figure rises for each unit of the logarithm, and where 1 stands."""
    numbers = [cell.measured for cell in CELLS]
    ys = [y for _, y in circles(svg)]
    rise = (ys[0] - ys[-1]) / math.log(numbers[-1] / numbers[0])
    return rise, ys[0] + rise * math.log(numbers[0])


def test_cells_stand_at_their_sizes_and_measurements() -> None:
    svg = scaling_figure(prediction("A1"))
    ElementTree.fromstring(svg)
    (x0, y0), (x1, y1), (x2, y2) = circles(svg)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)  # 4, 8, 16 on a logarithmic axis
    measured = [math.log(cell.measured) for cell in CELLS]
    share = (measured[1] - measured[0]) / (measured[2] - measured[0])
    assert (y0 - y1) / (y0 - y2) == pytest.approx(share, abs=0.03)
    assert "<title>n=64, L=8: 1.08 [0.98, 1.18]</title>" in svg


def test_an_exponent_is_a_line_through_the_middle_of_the_measurements() -> None:
    svg = scaling_figure(prediction("A1", predicted=0.5, band=(0.4, 0.6), checks=None))
    rise, _ = heights(svg)
    (line,) = paths(svg, "predicted")
    assert (line[0][1] - line[-1][1]) / rise == pytest.approx(0.5 * math.log(4), rel=0.02)


@pytest.mark.parametrize(
    ("scale", "predicted", "band", "ends"),
    [
        (Summary.RATIO, 1.0, (0.9, 1.1), (0.9, 1.1)),
        (Summary.LOGARITHM, 0.0, (-0.1, 0.1), (math.exp(-0.1), math.exp(0.1))),
    ],
)
def test_the_band_is_on_the_scale_of_the_statistic(
    scale: Summary,
    predicted: float,
    band: tuple[float, float],
    ends: tuple[float, float],
) -> None:
    svg = scaling_figure(
        prediction("A1", **VALUE | {"scale": scale, "predicted": predicted, "band": band})
    )
    rise, one = heights(svg)
    (area,) = paths(svg, "band")
    ys = sorted({y for _, y in area}, reverse=True)
    assert [math.exp((one - y) / rise) for y in ys] == pytest.approx(ends, rel=0.01)


def test_a_bound_on_an_exponent_is_a_line() -> None:
    """No side of a line that turns about the middle is "at most"."""
    svg = scaling_figure(prediction("A1", band=(None, 0.1), checks=None))
    assert (len(paths(svg, "edge")), len(paths(svg, "band"))) == (1, 0)
    assert "accepts up to here" in dict(figure_keys(prediction("A1", band=(None, 0.1)))).values()


def test_a_one_sided_value_is_shaded_to_the_edge_of_the_figure() -> None:
    (area,) = paths(scaling_figure(prediction("A1", **VALUE | {"band": (None, 1.1)})), "band")
    assert max(y for _, y in area) == 226.0


def single(svg: str) -> list[tuple[float, float]]:
    """Where replicates stand."""
    return [place for one in paths(svg, "replicate") for place in one]


def test_every_replicate_is_a_dot_beside_its_cell_and_behind_it() -> None:
    cells = [
        cell.model_copy(update={"values": (0.8 * cell.measured, 1.25 * cell.measured)})
        for cell in CELLS
    ]
    svg = scaling_figure(prediction("A1", cells=cells))
    rise, one = heights(svg)
    wanted = [math.log(value) for cell in cells for value in cell.values]
    assert [(one - y) / rise for _, y in single(svg)] == pytest.approx(wanted, abs=0.02)
    for (x, _), (middle, _) in zip(single(svg)[::2], circles(svg), strict=True):
        assert x == pytest.approx(middle, abs=8)
    assert svg.index('"replicate"') < svg.index('"predicted"') < svg.index('"cell"')
    assert figure_keys(prediction("A1", cells=cells))[0] == ("replicate", "a replicate")


def test_dots_that_fall_together_are_drawn_once_and_far_ones_at_the_edge() -> None:
    values = (*[CELLS[0].measured] * 5000, 0.0, -1.0, 1e99, math.inf, math.nan)
    cells = [CELLS[0].model_copy(update={"values": values}), *CELLS[1:]]
    found = single(scaling_figure(prediction("A1", cells=cells)))
    assert len(found) == 11 + 4
    assert {min(y for _, y in found), max(y for _, y in found)} == {8.0, 226.0}
    assert len({y for _, y in found}) == 3


def test_no_replicate_is_invented() -> None:
    assert single(scaling_figure(prediction("A1"))) == []
    assert "replicate" not in dict(figure_keys(prediction("A1")))


def test_a_rival_is_drawn_where_it_is_about_the_same_numbers() -> None:
    others = [cell.model_copy(update={"measured": 1.0}) for cell in CELLS]
    for one, drawn in ((rival(), True), (rival(cells=others), False), (None, False)):
        entry = prediction("A1", rival=one)
        assert (len(paths(scaling_figure(entry), "rival")) == 1) is drawn
        assert ("rival" in dict(figure_keys(entry))) is drawn


def test_local_exponents_stand_below_with_the_band_that_accepts() -> None:
    with_them, without = (
        scaling_figure(prediction("A1", checks=checks)) for checks in (CHECKS, None)
    )
    assert with_them.count('class="band"') == without.count('class="band"') + 1
    assert "<title>4 to 8: +0.010</title>" in with_them
    assert "exponent from each size to the next" not in without


@pytest.mark.parametrize("measured", [0.0, -1.0, math.inf, math.nan])
def test_nothing_is_drawn_of_what_has_no_logarithm(measured: float) -> None:
    cells = [CELLS[0].model_copy(update={"measured": measured}), *CELLS[1:]]
    assert scaling_figure(prediction("A1", cells=cells)) == ""
    assert scaling_figure(prediction("A1", **NOT_MEASURED, cells=[])) == ""


def test_an_interval_down_to_nothing_ends_at_the_edge_of_the_figure() -> None:
    cells = [CELLS[0].model_copy(update={"low": -0.5}), *CELLS[1:]]
    ElementTree.fromstring(scaling_figure(prediction("A1", cells=cells)))


def test_figures_say_what_they_are_and_escape_what_they_are_given() -> None:
    svg = scaling_figure(prediction('A1"<', plotted="<best_rate>"))
    name = ElementTree.fromstring(svg).attrib["aria-label"]
    assert name == 'A1"<: <best rate> against depth'


@pytest.mark.parametrize(
    ("low", "high"), [(0.9, 1.9), (0.03, 0.2), (3e-4, 2e3), (5.0, 90.0), (1e-30, 1e30)]
)
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = logarithmic_ticks(low, high)
    assert 3 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert all(float(f"{tick:.2g}") == pytest.approx(tick) for tick in ticks)
    assert ticks == sorted(ticks)


def test_ticks_of_a_linear_axis_contain_zero() -> None:
    assert ticks_between(-0.13, 0.12) == [-0.1, -0.05, 0.0, 0.05, 0.1]


def test_a_scale_ends_where_it_ends() -> None:
    scale = Scale(1.0, 100.0, 10.0, 30.0, math.log)
    assert [scale(value) for value in (0.1, 1.0, 10.0, 100.0, 1e9)] == pytest.approx(
        [10.0, 10.0, 20.0, 30.0, 30.0]
    )
