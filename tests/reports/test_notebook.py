"""In a notebook: one line as text, one table as HTML, frames and forests of the same numbers."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.document import Report
from reports.notebook import MOST_ROWS, table_html
from reports.plots import ForestRow, draw_forest
from tests.reports.documents import REPORTS
from theory.verdict import Verdict


def row(estimate: float, band: tuple[float | None, float | None], predicted: float) -> ForestRow:
    interval = (estimate - 0.1, estimate + 0.1)
    return ForestRow("A1", Verdict.ACCEPTED, estimate, interval, predicted, 0.2, band)


@pytest.mark.parametrize(
    ("band", "predicted", "value", "margins"),
    [
        ((-0.7, -0.3), -0.5, -0.5, 0.0),
        ((-0.7, -0.3), -0.5, -0.3, 1.0),
        ((-0.7, -0.3), -0.5, -0.7, -1.0),
        ((-0.7, -0.3), -0.5, -0.1, 2.0),
        ((0.9, 1.2), 1.0, 1.1, 0.5),  # a band of ratios need not be symmetric
        ((0.9, 1.2), 1.0, 0.95, -0.5),
        ((None, 0.2), 0.0, 0.2, 1.0),
        ((None, 0.2), 0.0, -0.2, -1.0),
        ((None, -0.2), 0.0, -0.2, 1.0),  # "smaller by more than the margin"
        ((0.3, None), 0.5, 0.3, -1.0),
    ],
)
def test_what_accepts_lies_within_one_margin(
    band: tuple[float | None, float | None], predicted: float, value: float, margins: float
) -> None:
    assert row(0.0, band, predicted).in_margins(value) == pytest.approx(margins)


def test_a_forest_draws_every_estimate_at_its_place_with_its_name() -> None:
    axes = Figure().add_subplot()
    rows = [row(-0.5, (-0.7, -0.3), -0.5), row(3.0, (None, 0.2), 0.0)]
    draw_forest(axes, rows)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A1", "A1"]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    places = [np.asarray(line.get_xydata()).flatten().tolist() for line in points]
    assert places == [[0.0, 0.0], [pytest.approx(15.0), -1.0]]
    left, right = axes.get_xlim()
    assert right == -left > 15.5  # both ends of the widest interval are seen


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_one_line_a_table_a_frame_and_a_forest(name: str) -> None:
    report = REPORTS[name]
    assert "\n" not in repr(report)
    assert len(repr(report)) < 400
    assert repr(report).startswith("Report(")
    ElementTree.fromstring(f"<div>{report._repr_html_()}</div>")
    frame = report.to_frame()
    assert len(frame) >= len(report.predictions)
    axes = report.plot(Figure().add_subplot())
    drawn = sum(math.isfinite(estimate) for estimate in frame["estimate"].astype(float))
    assert len(axes.get_yticks()) == drawn


def test_a_table_escapes_everything_and_counts_what_it_leaves_out() -> None:
    html = table_html("<b>", ("a & b",), ((f"<{number}>",) for number in range(MOST_ROWS + 3)))
    assert "&lt;b&gt;" in html
    assert "a &amp; b" in html
    assert "<p>and 3 more</p>" in html
    ElementTree.fromstring(f"<div>{html}</div>")


def test_the_names_of_a_report_are_fields_and_no_others() -> None:
    """Methods for notebooks are none of the document."""
    assert {"to_frame", "plot"}.isdisjoint(Report.model_fields)
