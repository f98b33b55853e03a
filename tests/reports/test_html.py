"""The page: every fact of the document, in one file that needs nothing else."""

import re

import pytest

from reports import RENDERERS, Report
from tests.reports.documents import REPORTS, prediction, report


@pytest.fixture(scope="module")
def page() -> str:
    return RENDERERS["html"](REPORTS["an ordinary report"])


def escaped(text: str) -> str:
    return text.replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;")


def test_the_page_is_self_contained(page: str) -> None:
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "@import" not in page
    assert "url(http" not in page


def test_the_page_shows_every_fact_of_a_prediction(page: str) -> None:
    entry = REPORTS["an ordinary report"].predictions[0]
    assert entry.rival is not None
    for text in (
        entry.id,
        entry.sentence,
        entry.citation,
        entry.relation,
        entry.margin_reason,
        entry.reason,
        entry.command,
        entry.controls[0].name,
        entry.rival.sentence,
        entry.rival.control.name,
        "accepted",
        "rejected",
        f"{entry.estimate:+.3f}",
        *(look.reason for look in entry.looks),
    ):
        assert escaped(text) in page


def test_the_page_says_whose_statement_a_prediction_is(page: str) -> None:
    assert "a sentence of the source" in page
    assert "one of two readings of the source; the other one is A7.rate.depth.second" in page
    assert escaped("the project's own; no source says so") in page
    assert "(twin: A7.rate.depth.first)" in page


def test_the_page_says_which_control_measures_nothing_of_its_own(page: str) -> None:
    assert page.count(escaped("the claim's own measurement times L^1/2")) == 2


def test_a_table_has_no_standing() -> None:
    assert "standing" not in RENDERERS["html"](REPORTS["the report of a table"])


def test_nothing_is_drawn_of_what_was_not_measured() -> None:
    page = RENDERERS["html"](REPORTS["an interrupted report"])
    assert page.count("<svg") == 1
    assert "This campaign was interrupted" in page


def test_a_measured_report_has_its_page(report: Report) -> None:
    page = RENDERERS["html"](report)
    assert [entry.id for entry in report.predictions if entry.id not in page] == []


def test_text_is_escaped() -> None:
    changed = report(prediction("A1", sentence="<b>bold</b> [red]x[/red]"))
    assert "<b>bold</b>" not in RENDERERS["html"](changed)
