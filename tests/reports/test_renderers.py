"""What people read: every fact of the document, in a page that needs nothing else."""

import io
import math
import re
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from reports import Report, print_report, render_html
from reports.document import Scale
from reports.plots import _draw_prediction, _sizes, scaling_plot
from theory import (
    Axis,
    ExponentOfCurve,
    GeometricMeanEquals,
    Setting,
    SettingsEqual,
    SettingsOrdered,
    Training,
    TransferRegretAtMost,
    TunedOrdered,
    depth_mup,
    residual,
)
from theory.exact.propagation import forward_second_moment
from theory.relations import Relation


def test_the_page_is_self_contained(report: Report) -> None:
    page = render_html(report)
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_the_page_shows_every_fact_of_a_prediction(report: Report) -> None:
    page = render_html(report)
    entry, unmeasured = report.predictions
    for text in (
        entry.id,
        entry.sentence,
        entry.citation,
        entry.margin_reason,
        entry.reason,
        entry.command,
        entry.controls[0].name,
        "accepted",
        "rejected",
        f"{entry.estimate:+.3f}",
        unmeasured.rival.sentence if unmeasured.rival else "",
    ):
        assert text.replace(">", "&gt;").replace("'", "&#39;") in page
    assert page.count("<svg") == 1  # nothing is drawn of what was not measured
    assert "This campaign was interrupted" in page


def test_the_same_report_gives_the_same_page(report: Report) -> None:
    assert render_html(report) == render_html(report)


def test_the_plot_is_an_svg_with_points_fit_and_prediction(report: Report) -> None:
    svg = scaling_plot(report.predictions[0])
    ElementTree.fromstring(svg)
    for text in ("measured", "fit", "predicted: exponent of L = 0", "depth L"):
        assert f">{text}</text>" in svg or f">{text}<" in svg


PLAIN = Setting(residual(2), depth_mup(), Training(batch=2, steps=1))
RATES = tuple(Fraction(2) ** k for k in range(5))


@pytest.mark.parametrize(
    "relation",
    [
        GeometricMeanEquals(Axis.DEPTH, forward_second_moment),
        SettingsEqual(Axis.DEPTH, PLAIN, ""),
        SettingsOrdered(Axis.DEPTH, PLAIN, ""),
        TunedOrdered(Axis.DEPTH, PLAIN, "", RATES),
        TransferRegretAtMost(Axis.DEPTH, Fraction(0), 0.02, "", RATES),
    ],
    ids=lambda relation: type(relation).__name__,
)
def test_a_claim_about_the_logarithm_of_a_ratio_is_drawn_as_the_ratio(
    relation: Relation, report: Report
) -> None:
    """The predicted line is the exponential of the statistic, and so are the ends of the band."""
    low, high = relation.band(0.1)
    scale = Scale(relation.summary)
    assert scale is Scale.LOGARITHM
    known = {"relation": str(relation), "predicted": relation.expected, "scale": scale}
    band = {"band": (None if math.isinf(low) else low, high)}
    cells = [c.model_copy(update={"predicted": 1.0}) for c in report.predictions[0].cells]
    entry = report.predictions[0].model_copy(update={**known, **band, "cells": cells})
    axes = Figure().add_subplot()
    axes.set_ylim(0.5, 2.0)
    _draw_prediction(axes, entry, _sizes(entry))
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata()), np.exp(relation.expected))
    drawn = axes.collections[0].get_paths()[0].get_extents()
    assert (drawn.y0, drawn.y1) == pytest.approx((max(np.exp(low), 0.5), np.exp(high)))


def test_an_exponent_beside_a_curve_is_drawn_flat(report: Report) -> None:
    """What is measured is the ratio to the curve, of which an exponent of 0 is predicted."""
    relation = ExponentOfCurve(Axis.DEPTH, forward_second_moment)
    known = {"relation": str(relation), "predicted": relation.expected, "rival": None}
    drawn = {"plotted": "x, measured over predicted", "band": tuple(relation.band(0.1))}
    entry = report.predictions[0].model_copy(update=known | drawn)
    axes = Figure().add_subplot()
    _draw_prediction(axes, entry, _sizes(entry))
    (line,) = (np.asarray(each.get_ydata()) for each in axes.lines)
    middle = np.exp(np.mean(np.log([cell.measured for cell in entry.cells])))
    np.testing.assert_allclose(line, middle)
    assert "measured over predicted" in scaling_plot(entry)


def test_the_line_of_a_rival_is_that_of_an_exponent(report: Report) -> None:
    """A rival about values says something of other cells' numbers, or of other rates."""
    rival = report.predictions[1].rival
    exponent = report.predictions[0].model_copy(update={"rival": rival})
    cells = [cell.model_copy(update={"predicted": 1.0}) for cell in exponent.cells]
    value = exponent.model_copy(update={"cells": cells, "scale": Scale.RATIO})
    assert "rival: exponent of L = 1/2" in scaling_plot(exponent)
    assert "rival" not in scaling_plot(value)


def test_text_is_escaped(report: Report) -> None:
    entry = report.predictions[0].model_copy(update={"sentence": "<b>bold</b> [red]x[/red]"})
    changed = report.model_copy(update={"predictions": [entry]})
    assert "<b>bold</b>" not in render_html(changed)


def test_the_table_has_verdict_estimate_and_reason(report: Report) -> None:
    output = io.StringIO()
    print_report(report, Console(file=output, width=140))
    text = output.getvalue()
    entry = report.predictions[0]
    assert re.search(
        rf"{re.escape(entry.id)}\W+ACCEPTED\W+-\W+{re.escape(f'{entry.estimate:+.3f}')}", text
    )
    assert "A8.stream.depth.horizon-4: inconclusive: interrupted after 0 of 160 replicates" in text
    assert "2 predictions: 1 accepted, 1 inconclusive; 1 rivals: 1 inconclusive" in text
