"""Estimates in units of the margin: where marks stand, and what is shaded."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from reports.document import Report
from reports.forest import by_distance, distance, forest_bar, forest_groups, reach_of
from tests.reports.documents import NOT_MEASURED, REJECTED, REPORTS, prediction, report
from theory.prediction import Standing

REACH = 10.0


def marks(svg: str) -> list[tuple[str, float]]:
    """The kind of each mark and where it stands across."""
    found = re.findall(r'<use href="#mark-(\w+)" x="([\d.]+)"', svg)
    return [(kind, float(x)) for kind, x in found]


def shaded(svg: str) -> list[tuple[float, float]]:
    """The ends of each box that accepts."""
    (path,) = re.findall(r'<path class="band" d="([^"]*)"', svg)
    boxes = re.findall(r"M([\d.]+) [\d.]+H([\d.]+)v", path)
    return [(float(left), float(right)) for left, right in boxes]


def test_a_distance_is_in_margins_from_what_is_predicted() -> None:
    assert distance(prediction("A1", predicted=0.5, estimate=0.25, margin=0.1)) == pytest.approx(
        -2.5
    )
    assert distance(prediction("A1", **NOT_MEASURED)) is None


def test_a_bar_has_its_mark_inside_of_the_band_if_and_only_if_the_estimate_is() -> None:
    inside = forest_bar(prediction("A1"), REACH)
    outside = forest_bar(prediction("A1", **REJECTED), REACH)
    ((left, right),) = shaded(inside)
    ((kind, place),) = marks(inside)
    assert (kind, left < place < right) == ("accepted", True)
    ((kind, place),) = marks(outside)
    assert (kind, left < place < right) == ("rejected", False)
    assert left + right == pytest.approx(150.0)


@pytest.mark.parametrize(
    ("band", "ends"), [((None, -0.1), (6.0, None)), ((0.1, None), (None, 144.0))]
)
def test_a_one_sided_claim_accepts_up_to_the_end_of_the_scale(
    band: tuple[float | None, float | None], ends: tuple[float | None, float | None]
) -> None:
    ((left, right),) = shaded(forest_bar(prediction("A1", band=band), REACH))
    assert ends[0] in (None, left)
    assert ends[1] in (None, right)
    assert (left < 75.0) != (right > 75.0)


def test_what_has_no_interval_has_no_mark() -> None:
    assert marks(forest_bar(prediction("A1", **NOT_MEASURED), REACH)) == []
    (groups,) = forest_groups(report(prediction("A1", **NOT_MEASURED)), REACH).values()
    assert [group.svg for group in groups] == [""]


def test_the_scale_reaches_almost_all_estimates_and_marks_beyond_it_stand_at_its_end() -> None:
    def at(estimate: float) -> dict[str, Any]:
        return {"estimate": estimate, "interval": (estimate - 0.01, estimate + 0.01)}

    entries = [prediction(f"A{count}", **at(0.05 * count)) for count in range(60)]
    many = report(*entries, prediction("far", **at(1000.0)))
    assert 29.5 < reach_of(many) <= 40.0
    assert reach_of(report(prediction("A1"))) == 3.0
    ((_, place),) = marks(forest_bar(many.predictions[-1], 30.0))
    assert place == 144.0


def test_groups_are_by_source_and_standing_and_rows_ascend() -> None:
    entries = [
        prediction("P", standing="project", citation="One (1), here"),
        prediction("B", **REJECTED, citation="Two (2), there"),
        prediction("S", citation="One (1), (a), elsewhere"),
        prediction("T", citation="One (1), here", estimate=-0.02),
    ]
    groups = forest_groups(report(*entries), REACH)
    assert list(groups) == ["One (1)", "Two (2)"]
    stated, own = groups["One (1)"]
    assert (stated.standing, own.standing) == (Standing.STATED, Standing.PROJECT)
    assert re.findall(r'href="#([A-Z])"', stated.svg) == ["T", "S"]
    places = [x for _, x in marks(stated.svg)]
    assert places == sorted(places)


@pytest.mark.parametrize("name", REPORTS)
def test_every_figure_is_well_formed(name: str) -> None:
    known: Report = REPORTS[name]
    reach = reach_of(known)
    for parts in forest_groups(known, reach).values():
        for part in parts:
            if part.svg:
                ElementTree.fromstring(part.svg)
    for entry in known.predictions:
        ElementTree.fromstring(forest_bar(entry, reach))


def test_the_furthest_of_the_worst_come_first() -> None:
    entries = [
        prediction("held"),
        prediction("failed", **REJECTED),
        prediction("failed by more", **REJECTED | {"estimate": -9.0}),
        prediction("void", verdict="invalid"),
        prediction("open", verdict="inconclusive"),
    ]
    names = [entry.id for entry in by_distance(report(*entries))]
    assert names == ["failed by more", "failed", "void", "open", "held"]
