"""Phrases that renderers share."""

from reports.text import (
    predicted_text,
    shifted_text,
    standing_text,
    summary,
)
from tests.reports.documents import REJECTED, REPORTS, control, prediction, report, rival


def test_rejections_are_counted_by_whose_statements_they_are() -> None:
    """A source that can be read in two ways is refuted where neither reading is accepted."""
    standings = [
        ("A1", "stated", None),
        ("A2", "stated", None),
        ("A3.second", "reading", "A3.first"),
        ("A4.rises", "reading", "A4.falls"),
        ("A4.falls", "reading", "A4.rises"),
        ("A5.one", "reading", "A5.that.was.not.tried"),
        ("B1", "project", None),
    ]
    rejected = [
        prediction(id, **REJECTED, recorded="rejected", standing=standing, twin=twin)
        for id, standing, twin in standings
    ]
    accepted = prediction("A3.first", standing="reading", twin="A3.second")
    assert summary(report(*rejected, accepted)) == (
        "8 predictions: 1 accepted, 7 rejected (2 of stated sentences; 1 of second readings, "
        "whose twin is accepted; 3 of readings whose twin is not; 1 of the project's own); all as "
        "on record"
    )


def test_a_rejected_rival_is_none_of_the_predictions() -> None:
    text = summary(report(prediction("A1", rival=rival())))
    assert text == "1 prediction: 1 accepted; 1 rival: 1 rejected; all as on record"


def test_what_differs_from_the_record_is_counted() -> None:
    text = summary(
        report(
            prediction("A1", recorded="rejected"),
            prediction("A2", recorded=None),
            prediction("A3", **REJECTED),
        )
    )
    assert text == (
        "3 predictions: 2 accepted, 1 rejected (1 of stated sentences); 2 not as on record; "
        "1 without a record"
    )


def test_a_table_has_no_record() -> None:
    assert summary(REPORTS["the report of a table"]) == "1 prediction: 1 accepted"


def test_a_reading_names_its_twin() -> None:
    entry = prediction("A7.first", standing="reading", twin="A7.second")
    assert standing_text(entry) == ("one of two readings of the source; the other one is A7.second")
    assert standing_text(prediction("A1")) == "a sentence of the source"


def test_a_control_says_whether_it_measures_something() -> None:
    assert shifted_text(control()) == ""
    shifted = control(shifted="L^1/2")
    assert shifted_text(shifted) == "the claim's own measurement times L^1/2"
    relabelled = control(shifted="L^-1/2", of_rates=True)
    assert shifted_text(relabelled) == "the claim's own training, its base rates times L^-1/2"


def test_a_one_sided_claim_is_told_by_its_end() -> None:
    assert predicted_text(prediction("A1", band=(None, 0.1))) == "at most +0.1"
    assert predicted_text(prediction("A1", band=(0.1, None))) == "at least +0.1"
    assert predicted_text(prediction("A1")) == "+0 ± 0.1"
