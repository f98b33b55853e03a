"""The table at a terminal."""

import io

import pytest
from rich.console import Console

from reports import RENDERERS
from reports.renderers.terminal import render
from tests.reports.documents import REPORTS, prediction, report
from theory.catalogue import PREDICTIONS


def row_of(text: str, name: str) -> list[str]:
    """The cells of the first row that begins with a name."""
    (line, *_) = (line for line in text.splitlines() if line.startswith(f"│ {name} "))
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_a_row_has_verdict_record_estimate_prediction_and_standing() -> None:
    text = RENDERERS["terminal"](REPORTS["an ordinary report"])
    assert row_of(text, "A1.exponent.depth") == [
        "A1.exponent.depth",
        "ACCEPTED",
        "accepted",
        "+0.012 [-0.030, +0.050]",
        "+0 ± 0.1",
        "stated",
        "32",
    ]
    assert row_of(text, "  its rival")[1] == "REJECTED"
    assert row_of(text, "B1.own.depth")[1:3] == ["REJECTED", "-"]
    assert "twin: A7.rate.depth.second" in text


def test_a_table_has_no_column_of_standings() -> None:
    assert "standing" not in RENDERERS["terminal"](REPORTS["the report of a table"])


def test_what_decides_nothing_has_its_reason_below() -> None:
    text = RENDERERS["terminal"](REPORTS["an interrupted report"])
    assert "A5.loss.depth: inconclusive: interrupted after 3 of 32 replicates" in text
    assert "A5.loss.depth, rival: inconclusive: interrupted after 3 of 32 replicates" in text


def test_shifted_controls_are_named_once() -> None:
    text = RENDERERS["terminal"](REPORTS["an ordinary report"])
    line = "A1.exponent.depth and 1 more: a control is the claim's own measurement times L^1/2"
    assert text.count(line) == 1
    assert text.count("times L^1/2") == 1


def test_no_id_of_the_catalogue_is_folded() -> None:
    longest = max((p.id for p in PREDICTIONS), key=len)
    assert longest in RENDERERS["terminal"](report(prediction(longest)))


@pytest.mark.parametrize("width", [120, 200])
def test_a_console_says_how_wide_the_text_is_and_which_colours_it_has(width: int) -> None:
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=True, color_system="standard")
    text = render(REPORTS["an ordinary report"], console)
    assert output.getvalue() == ""
    assert "\x1b[1;32mACCEPTED" in text
    assert "\x1b" not in render(REPORTS["an ordinary report"])
    (top, *_) = (line for line in text.splitlines() if "┏" in line)
    assert len(top) <= width


def test_brackets_are_no_markup() -> None:
    changed = report(prediction("A1[red]", verdict="invalid", reason="see [bold]"))
    text = RENDERERS["terminal"](changed)
    assert "A1[red]" in text
    assert "A1[red]: invalid: see [bold]" in text
