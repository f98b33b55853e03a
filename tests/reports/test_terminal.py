"""The lines at a terminal."""

import io
import re

import pytest
from rich.console import Console

from reports import RENDERERS, Report
from reports.renderers.terminal import render
from tests.reports.documents import NOT_MEASURED, REJECTED, REPORTS, prediction, report, rival
from theory.catalogue import PREDICTIONS

ORDINARY = "an ordinary report"


def test_a_line_has_estimate_interval_and_prediction() -> None:
    text = RENDERERS["terminal"](REPORTS[ORDINARY])
    (line,) = (line for line in text.splitlines() if "A1.exponent.depth  " in line)
    assert line.split("  ")[0] == "s"
    assert re.split(" {2,}", line)[1:] == [
        "A1.exponent.depth",
        "+0.012 [-0.030, +0.050]",
        "+0 ± 0.1",
    ]
    (rivals,) = (line for line in text.splitlines() if "its rival" in line)
    assert rivals.split()[:3] == ["its", "rival:", "REJECTED"]
    assert "twin: A7.rate.depth.second" in text


def test_headings_stand_above_their_columns() -> None:
    lines = RENDERERS["terminal"](REPORTS[ORDINARY]).splitlines()
    (heading,) = (line for line in lines if line.startswith("   prediction "))
    (line,) = (line for line in lines if "A1.exponent.depth  " in line)
    assert heading.index("estimate [interval]") == line.index("+0.012 [")
    assert heading.index("predicted") == line.index("+0 ± 0.1")
    assert lines.index(heading) < min(lines.index(line) for line in lines if line[:1].isupper())
    undecided = RENDERERS["terminal"](report(prediction("open", **NOT_MEASURED))).splitlines()
    (heading,) = (line for line in undecided if line.startswith("   prediction "))
    (line,) = (line for line in undecided if line.startswith("s* open "))
    assert heading.index("predicted") == line.index("+0 ± 0.1")


def test_the_worst_comes_first() -> None:
    entries = [
        prediction("held"),
        prediction("open", **NOT_MEASURED),
        prediction("failed", **REJECTED),
        prediction("void", verdict="invalid"),
    ]
    lines = RENDERERS["terminal"](report(*entries)).splitlines()
    places = [line.split()[0] for line in lines if re.fullmatch("[A-Z]+ 1", line)]
    assert places == ["REJECTED", "INVALID", "INCONCLUSIVE", "ACCEPTED"]
    names = [line.split()[1] for line in lines if re.match(r"s[*?]? ", line)]
    assert names[1:] == ["failed", "void", "open", "held"]


def test_one_line_says_what_the_marks_mean() -> None:
    lines = RENDERERS["terminal"](REPORTS[ORDINARY]).splitlines()
    legend = "s stated, r a reading, p the project's own, * not as on record, ? not on record"
    assert lines[1] == legend
    assert len(legend) <= 80
    assert any(line.startswith("s* A3.transfer.depth ") for line in lines)
    assert any(line.startswith("p? B1.own.depth ") for line in lines)
    as_recorded = RENDERERS["terminal"](report(prediction("A1"))).splitlines()
    assert as_recorded[1] == "s stated"


def test_a_table_has_no_marks() -> None:
    lines = RENDERERS["terminal"](REPORTS["the report of a table"]).splitlines()
    assert lines[0] == "scaleproof, table losses.csv"
    assert lines[1] == ""
    assert any(line.startswith("   losses ") for line in lines)


def test_what_decides_nothing_has_its_reason_below() -> None:
    lines = RENDERERS["terminal"](REPORTS["an interrupted report"]).splitlines()
    for name in ("A5.loss.depth", "its rival: INCONCLUSIVE"):
        (place,) = (i for i, line in enumerate(lines) if name in line)
        assert lines[place + 1].strip() == "interrupted after 3 of 32 replicates"


def test_shifted_controls_are_named_once() -> None:
    text = " ".join(RENDERERS["terminal"](REPORTS[ORDINARY]).split())
    line = "A1.exponent.depth and 1 more: a control is the claim's own measurement times L^1/2"
    assert text.count(line) == 1
    assert text.count("times L^1/2") == 1


def _long() -> Report:
    """Every id of the catalogue, with numbers and reasons that need room."""
    wide = {"estimate": -12.345, "interval": (-12.456, -12.234), "band": (None, 0.1)}
    entries = [
        prediction(one.id, **REJECTED | wide, rival=rival(), standing="reading", twin=one.id + "x")
        for one in PREDICTIONS
    ]
    return report(*entries, *REPORTS["a report of every verdict and reason"].predictions)


@pytest.mark.parametrize("width", [72, 80, 120])
def test_no_line_is_wider_than_asked_and_no_id_is_broken(width: int) -> None:
    known = _long()
    text = render(known, Console(file=io.StringIO(), width=width, color_system=None))
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    assert [entry.id for entry in known.predictions if entry.id not in words] == []


def test_without_a_console_eighty_columns_are_enough() -> None:
    assert max(map(len, RENDERERS["terminal"](_long()).splitlines())) <= 80


def test_a_console_says_which_colours_there_are() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system="standard", width=80)
    text = render(REPORTS[ORDINARY], console)
    assert output.getvalue() == ""
    assert "\x1b[1;31mREJECTED 3\x1b[0m" in text
    assert "\x1b" not in render(REPORTS[ORDINARY])


def test_colours_are_left_out_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    assert not re.search(r"\x1b\[[\d;]*3\d", render(REPORTS[ORDINARY], console))


def test_brackets_are_no_markup() -> None:
    changed = report(prediction("A1[red]", verdict="invalid", reason="see [bold]"))
    text = RENDERERS["terminal"](changed)
    assert "A1[red]" in text
    assert "see [bold]" in text
