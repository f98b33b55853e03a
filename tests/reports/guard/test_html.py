"""The page of a guard: self-contained, complete, with figures of what is wrong."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from reports.guard.figures import entry_keys, entry_plot
from reports.guard.html import MOST_PLOTS, render
from tests.reports.guard.documents import (
    GUARDS,
    entry,
    fault,
    guard_report,
    interval,
    rejected,
    undecided,
)
from tests.reports.markup import faults, parsed
from theory.scaling import Axis


@pytest.fixture(scope="module")
def page() -> str:
    return render(GUARDS["faulty"])


@pytest.mark.parametrize("name", GUARDS)
def test_the_page_is_one_file_that_everybody_can_read(name: str) -> None:
    """Links stay on the page, ids are unique, and tables, figures and drawings are named."""
    assert faults(render(GUARDS[name])) == []


def test_rows_carry_what_the_script_filters_by(page: str) -> None:
    rows = [row for row in parsed(page).all("tr") if "data-item" in row.attributes]
    assert [row.attributes["data-verdict"] for row in rows] == [
        *("rejected", "accepted", "accepted"),
        *("rejected", "accepted"),
    ]
    boxes = [box for box in parsed(page).all("input") if box.attributes.get("name") == "verdict"]
    assert [box.attributes["value"] for box in boxes] == ["rejected", "accepted"]


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
    assert len(parsed(page).all("figure")) == 2
    assert len(parsed(render(GUARDS["undecided"])).all("figure")) == 3
    assert parsed(render(GUARDS["healthy"])).all("figure") == []


def test_figures_are_few_and_of_what_is_rejected_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.guard.html.entry_plot", lambda one: "<svg></svg>")
    letters = "abcdefghijklmnopqrstuvwxyz"
    some = [undecided(f"{letter}.undecided") for letter in letters[:10]]
    many = [rejected(f"{letter}.rejected", axis=Axis.DEPTH) for letter in letters[:20]]
    figures = re.findall("(?s)<figure>.*?</figure>", render(guard_report([*some, *many])))
    assert len(figures) == MOST_PLOTS
    assert all("rejected</code>" in figure for figure in figures[:20])


def test_text_is_escaped() -> None:
    name = "<b>bold</b>"
    report = guard_report([entry(name)], faults=[fault(sentence=name)], notes=[name])
    assert name not in render(report)


def places(svg: str, name: str) -> list[list[tuple[float, float]]]:
    """The ends of each line of a class."""
    found = re.findall(f'<path class="{name}" d="([^"]*)"', svg)
    return [
        [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", one)] for one in found
    ]


def test_a_figure_is_an_svg_whose_keys_name_its_slopes() -> None:
    svg = entry_plot(undecided())
    name = ElementTree.fromstring(svg).attrib["aria-label"]
    assert name == "head.weight: own against width"
    assert ">width n</text>" in svg
    keys = ["measured +0.09", "expected -0.5", "expected +0"]
    assert [said for _, said in entry_keys(undecided())] == keys
    assert [name for name, _ in entry_keys(undecided())] == ["fit", "predicted", "predicted"]
    assert entry_keys(entry(expected=["at most 0"]))[1:] == [("predicted", "at most +0")]
    assert len(entry_keys(entry(expected=[]))) == 1


def test_slopes_go_through_the_middle_of_the_values() -> None:
    """The measured one, through points on a power of the size, goes through the points."""
    svg = entry_plot(rejected(expected=["-1/2"]))
    points = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)]
    ((*measured,),) = places(svg, "fit")
    np.testing.assert_allclose(measured, points, atol=0.1)
    ((*expected,),) = places(svg, "predicted")
    assert expected[1] == pytest.approx(points[1], abs=0.1)
    assert (expected[2][1] > expected[0][1]) != (points[2][1] > points[0][1])


@pytest.mark.parametrize("values", [{}, {64: 1.0}, {64: 0.0, 128: 1.0, 256: float("nan")}])
def test_nothing_is_drawn_of_fewer_than_two_values(values: dict[int, float]) -> None:
    assert entry_plot(entry(values=values)) == ""


def test_a_slope_that_is_no_number_is_not_drawn() -> None:
    unknown = rejected(interval=interval(float("nan")))
    assert places(entry_plot(unknown), "fit") == []
    assert "fit" not in dict(entry_keys(unknown))
