"""The page of a guard: self-contained, complete, with figures of what is wrong."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.guard.html import MOST_PLOTS, render
from reports.guard.plots import _draw, entry_plot
from tests.reports.guard.documents import (
    GUARDS,
    WIDTHS,
    entry,
    fault,
    guard_report,
    interval,
    rejected,
    undecided,
)
from theory.scaling import Axis


@pytest.fixture(scope="module")
def page() -> str:
    return render(GUARDS["faulty"])


def test_the_page_is_self_contained(page: str) -> None:
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_the_page_shows_faults_rates_notes_and_verdicts(page: str) -> None:
    for text in (
        "rate of blocks.*.q.weight by n^+1/2",
        "The rate of blocks.*.q.weight is too large by n^1/2.",
        "Mend: multiply its rate by n^-1/2. Fresh seeds verified this mend.",
        "<code>change of (output)</code>",
        "No mend is known.",
        "The best rate along width moves",
        "Dropout was left on",
        "9 accepted, 5 rejected of 14 judged; 0 shown only. Exit code 1",
        "torch 2.9.0, device cpu",
        "seeds 0, 1, 2, 3",
    ):
        assert text in page


@pytest.mark.parametrize("name", GUARDS)
def test_every_entry_is_on_the_page(name: str) -> None:
    page = render(GUARDS[name])
    assert page.endswith("</html>\n")
    names = {one.parameter or one.module for one in GUARDS[name].entries}
    assert {one for one in names if f"<code>{one}</code>" not in page} == set()


@pytest.mark.parametrize("name", ["faulty", "with changes", "empty"])
def test_the_same_report_gives_the_same_page(name: str) -> None:
    report = GUARDS[name]
    again = type(report).model_validate_json(report.model_dump_json())
    assert render(again) == render(report)


def test_changes_are_listed() -> None:
    assert "<li>width, new.weight, own after 1 step: new, +0.02</li>" in render(
        GUARDS["with changes"]
    )
    assert "Nothing moved." in render(GUARDS["unchanged"])


def test_a_figure_for_each_row_that_is_rejected_or_undecided(page: str) -> None:
    assert page.count("<svg") == 2
    assert render(GUARDS["undecided"]).count("<svg") == 3
    assert render(GUARDS["healthy"]).count("<svg") == 0


def test_figures_are_few_and_of_what_is_rejected_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.guard.html.entry_plot", lambda one: "<svg></svg>")
    letters = "abcdefghijklmnopqrstuvwxyz"
    some = [undecided(f"{letter}.undecided") for letter in letters[:10]]
    many = [rejected(f"{letter}.rejected", axis=Axis.DEPTH) for letter in letters[:20]]
    figures = re.findall("<figure>.*?</figure>", render(guard_report([*some, *many])))
    assert len(figures) == MOST_PLOTS
    assert all("rejected</code>" in figure for figure in figures[:20])


def test_text_is_escaped() -> None:
    name = "<b>bold</b>"
    report = guard_report([entry(name)], faults=[fault(sentence=name)], notes=[name])
    assert name not in render(report)


def test_a_figure_is_an_svg_with_points_and_slopes() -> None:
    svg = entry_plot(undecided())
    ElementTree.fromstring(svg)
    for text in ("measured +0.09", "expected -0.5", "expected +0", "width n", "own"):
        assert f">{text}<" in svg
    assert ">at most +0<" in entry_plot(entry(expected=["at most 0"]))
    assert "expected" not in entry_plot(entry(expected=[]))


def test_expected_slopes_go_through_the_middle_of_the_values() -> None:
    one = rejected(expected=["-1/2"])
    values = np.array(list(one.values.values()))
    axes = Figure().add_subplot()
    _draw(axes, one, np.array(WIDTHS, dtype=float), values)
    points, measured, expected = (np.log(np.asarray(line.get_ydata())) for line in axes.lines)
    np.testing.assert_allclose(points, np.log(values))
    np.testing.assert_allclose(measured, np.log(values), atol=1e-12)
    np.testing.assert_allclose(np.diff(expected) / np.diff(np.log(WIDTHS)), -0.5)
    np.testing.assert_allclose(expected.mean(), np.log(values).mean(), atol=1e-12)


@pytest.mark.parametrize("values", [{}, {64: 1.0}, {64: 0.0, 128: 1.0, 256: float("nan")}])
def test_nothing_is_drawn_of_fewer_than_two_values(values: dict[int, float]) -> None:
    assert entry_plot(entry(values=values)) == ""


def test_a_slope_that_is_no_number_is_not_drawn() -> None:
    svg = entry_plot(rejected(interval=interval(float("nan"))))
    assert "measured" not in svg
