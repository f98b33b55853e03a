"""The page: every fact of the document, in one file that needs nothing else."""

import pytest

from reports import RENDERERS, Report
from tests.reports.documents import (
    CELLS,
    REPORTS,
    because,
    control,
    prediction,
    report,
    rival,
    whole_catalogue,
)
from tests.reports.markup import Element, faults, parsed
from theory.verdict import Reason, ReasonKind


@pytest.fixture(scope="module")
def page() -> str:
    return RENDERERS["html"](REPORTS["an ordinary report"])


def escaped(text: str) -> str:
    return text.replace(">", "&gt;").replace("<", "&lt;").replace("'", "&#39;")


def cards(page: str) -> dict[str, Element]:
    """The card of each prediction, by its id, in the order of the page."""
    return {card.attributes["id"]: card for card in parsed(page).all("article")}


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_one_file_that_everybody_can_read(name: str) -> None:
    """Links stay on the page, ids are unique, and tables, figures and drawings are named."""
    assert faults(RENDERERS["html"](REPORTS[name])) == []


def test_a_fault_of_a_page_would_be_seen() -> None:
    broken = (
        '<figure id="a"></figure><p id="a"></p><a href="x.html">x</a><table></table><svg></svg>'
    )
    assert len(faults(f"{broken}<th>url(</th>")) == 10


def test_the_page_forbids_every_request(page: str) -> None:
    assert "Content-Security-Policy\" content=\"default-src 'none';" in page


def test_the_first_words_say_what_was_found_and_what_was_asked(page: str) -> None:
    (header,) = parsed(page).all("header")
    (heading,) = header.all("h1")
    assert heading.content == (
        "3 of 6 predictions hold. 3 fail: 1 that a source states, 1 reading of an ambiguous "
        "sentence (of 1, the other reading holds) and 1 of this project's own."
    )
    assert "Do 6 predictions of scaling theories hold in finite networks (" in header.content
    changed = (
        "2 of 6 verdicts differ from those on record: A3.transfer.depth, A7.rate.depth.second."
    )
    assert f"{changed} 1 is not on record." in header.content


def test_the_worst_comes_first(page: str) -> None:
    names = list(cards(page))
    verdicts = [card.attributes["data-verdict"] for card in cards(page).values()]
    assert verdicts == ["rejected"] * 3 + ["accepted"] * 3
    rows = [row.attributes["data-item"] for row in parsed(page).all("tbody") if row.attributes]
    assert rows == names


def test_a_card_and_a_row_carry_what_the_script_filters_and_orders_by(page: str) -> None:
    items = [one for one in parsed(page).everything() if "data-item" in one.attributes]
    assert [one.name for one in items] == ["tbody"] * 6 + ["article"] * 6
    (one, *_) = (item for item in items if item.attributes["data-item"] == "A2.value")
    assert one.attributes["data-standing"] == "stated"
    assert one.attributes["data-source"] == "A source (1234.5678)"
    assert one.attributes["data-listed"] == "1"
    orders = [item.attributes["data-far"] for item in items[:6]]
    assert sorted(orders) == list("012345")


def test_powers_in_a_sentence_are_mathematics() -> None:
    page = RENDERERS["html"](report(prediction("A1", sentence="The change goes as L^-1/2 & n^0.")))
    power = (
        "<math><mrow><msup><mi>L</mi><mrow><mo>&#8722;</mo><mn>1/2</mn></mrow></msup></mrow></math>"
    )
    assert f"The change goes as {power} &amp; <math>" in page


def test_diagnostics_say_in_a_line_whether_a_fit_deserves_trust() -> None:
    bent = because(Reason(ReasonKind.INSIDE), Reason(ReasonKind.FIT_UNTESTED))
    page = RENDERERS["html"](report(prediction("A1", **bent), prediction("A2")))
    assert "the fit cannot be tested" in cards(page)["A1"].all("summary")[0].content
    assert "1 of 3 checks need more cells" in cards(page)["A2"].all("summary")[0].content


def test_controls_say_in_a_line_whether_all_were_rejected() -> None:
    failed = control(verdict="accepted")
    page = RENDERERS["html"](
        report(prediction("A1", controls=[control(), failed]), prediction("A2", rival=rival()))
    )
    assert "2 controls, of which 1 rejected; all must be" in cards(page)["A1"].content
    assert "2 controls, rejected as they must be; rival rejected" in cards(page)["A2"].content


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


def test_what_a_rival_reads_of_a_cell_is_shown_where_it_reads_something_else() -> None:
    other = [cell.model_copy(update={"measured": 7.5}) for cell in CELLS[:2]]
    page = RENDERERS["html"](
        report(prediction("A1", rival=rival()), prediction("A2", rival=rival(cells=other)))
    )
    same, different = (cards(page)[name].content for name in ("A1", "A2"))
    assert "What its rival reads of each cell." not in same
    assert "What its rival reads of each cell." in different
    assert different.count("7.5 [") == 2


def test_the_page_says_whose_statement_a_prediction_is(page: str) -> None:
    assert "a sentence of the source" in page
    assert "one of two readings of the source; the other one is A7.rate.depth.second" in page
    assert escaped("the project's own; no source says so") in page
    assert "(twin: A7.rate.depth.first)" in page


def test_the_page_says_which_control_measures_nothing_of_its_own(page: str) -> None:
    assert page.count(escaped("the claim's own measurement times L^1/2")) == 2


def test_a_table_has_no_standing() -> None:
    page = RENDERERS["html"](REPORTS["the report of a table"])
    assert "data-standing" not in page
    assert "standing" not in cards(page)["losses"].content


def test_nothing_is_drawn_of_what_was_not_measured() -> None:
    page = RENDERERS["html"](REPORTS["an interrupted report"])
    figures = {name: card.all("figure") for name, card in cards(page).items()}
    assert {name: len(found) for name, found in figures.items()} == {
        "A5.loss.depth": 0,
        "A1.exponent.depth": 1,
    }
    assert "This campaign was interrupted" in page


def test_a_measured_report_has_its_page(report: Report) -> None:
    page = RENDERERS["html"](report)
    assert [entry.id for entry in report.predictions if entry.id not in page] == []


def test_text_is_escaped() -> None:
    changed = report(prediction("A1", sentence="<b>bold</b> [red]x[/red]"))
    assert "<b>bold</b>" not in RENDERERS["html"](changed)


def test_a_page_of_the_whole_catalogue_is_small() -> None:
    assert len(RENDERERS["html"](whole_catalogue()).encode()) < 5_000_000
