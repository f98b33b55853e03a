"""Sentences of a report: what was asked, what was found, and what a verdict says."""

from typing import Any

import pytest

from reports.glossary import GLOSSARY, anchor
from reports.sentences import (
    asked_text,
    controls_text,
    finding_text,
    record_text,
    source_of,
    tally_text,
    trust_text,
    verdict_sentence,
)
from tests.reports.documents import (
    CHECKS,
    EXACT_CELLS,
    NOT_MEASURED,
    REJECTED,
    REPORTS,
    because,
    control,
    prediction,
    report,
)
from theory.catalogue import PREDICTIONS
from theory.expectations import Summary
from theory.verdict import Reason, ReasonKind, Verdict


def test_the_source_of_a_citation_is_the_work_without_the_place() -> None:
    for known in PREDICTIONS:
        entry = prediction(known.id, citation=str(known.citation))
        assert source_of(entry) == f"{known.citation.title} ({known.citation.key})"
    assert source_of(prediction("t", citation="stated with the table")) == "stated with the table"


def test_a_question_names_what_is_held_against_what() -> None:
    assert asked_text(report(prediction("A1"))) == (
        "Does 1 prediction of scaling theories hold in finite networks (profile quick, seed 0)?"
    )
    own = report(prediction("A1"), prediction("A2"), predictions_from="mine.toml")
    assert asked_text(own).startswith("Do 2 predictions of mine.toml hold")
    table = asked_text(REPORTS["the report of a table"])
    assert table == "Do the measurements of losses.csv bear out 1 prediction?"


def test_what_was_found_is_said_by_verdict_and_by_whose_statement_failed() -> None:
    assert finding_text(report(prediction("A1"))) == "1 of 1 predictions hold."
    some = report(
        prediction("A1", **REJECTED),
        prediction("A2", verdict="invalid"),
        prediction("A3", **NOT_MEASURED),
        prediction("A4", **NOT_MEASURED),
    )
    assert finding_text(some) == (
        "0 of 4 predictions hold. 1 fails: 1 that a source states. 1 cannot be judged. "
        "2 are not decided yet."
    )
    own = report(prediction("t", **REJECTED | {"standing": None}))
    assert finding_text(own) == "0 of 1 predictions hold. 1 fails."


def test_the_record_is_compared_where_there_is_one() -> None:
    assert record_text(report(prediction("A1"))).startswith("All 1 verdicts")
    assert record_text(report(prediction("A1", recorded=None))) == ""
    many = [prediction(f"A{count}", **REJECTED) for count in range(8)]
    assert record_text(report(*many, prediction("B1", recorded=None))) == (
        "8 of 8 verdicts differ from those on record: A0, A1, A2, A3, A4 and 3 more. "
        "1 is not on record."
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {},
            "Accepted: the exponent of L is +0.012, between -0.030 and +0.050. "
            "All of this lies between -0.1 and +0.1, which accepts.",
        ),
        (
            {"interval": (0.004, 0.050)},
            "Accepted: the exponent of L is +0.012, between +0.004 and +0.050. All of this lies "
            "between -0.1 and +0.1, which accepts; +0 itself is not among it: it is off, by less "
            "than the margin.",
        ),
        (
            REJECTED | {"band": (None, 0.1), "axis": "width"},
            "Rejected: the exponent of n is +0.500, between +0.460 and +0.540. None of this lies "
            "below +0.1, which accepts; the estimate is 5.0 margins from what is predicted.",
        ),
        (
            {"verdict": Verdict.INCONCLUSIVE, "replicates_needed": 70, "axis": "steps"},
            "Not decided yet: the exponent of steps is +0.012, between -0.030 and +0.050. Only a "
            "part of this lies between -0.1 and +0.1, which accepts; about 70 replicates would "
            "decide.",
        ),
        (
            {"verdict": Verdict.INVALID, **because(Reason(ReasonKind.NO_SPREAD))},
            "Cannot be judged: no spread at all: the replicates are copies of one another. Taken "
            "at face value, the exponent of L is +0.012, between -0.030 and +0.050.",
        ),
        (NOT_MEASURED, "Not decided yet: interrupted after 3 of 32 replicates."),
        (
            {"scale": Summary.RATIO, "cells": EXACT_CELLS, "band": (0.1, None)},
            "Accepted: measured over predicted is +0.012, between -0.030 and +0.050. "
            "All of this lies above +0.1, which accepts.",
        ),
    ],
)
def test_a_verdict_is_a_sentence_with_its_numbers(changes: dict[str, Any], sentence: str) -> None:
    entry = prediction("A1", **changes)
    assert verdict_sentence(entry, entry.axis) == sentence


def test_controls_are_counted_with_those_that_are_shifted() -> None:
    shifted = control(shifted="L^1/2")
    assert controls_text(prediction("A1")) == "1 control, rejected as it must be"
    assert controls_text(prediction("A1", controls=[control(), shifted])) == (
        "2 controls, rejected as they must be; 1 shifted"
    )
    assert controls_text(prediction("A1", controls=[])).startswith("no control")


def test_a_tally_counts_verdicts() -> None:
    entries = [prediction("A1"), prediction("A2"), prediction("A3", **REJECTED)]
    assert tally_text(entries) == "2 hold, 1 fail"


def test_every_verdict_is_in_the_glossary_and_an_unknown_word_is_an_error() -> None:
    assert set(GLOSSARY["Verdicts"]) == set(Verdict)
    assert anchor("lack of fit") == "word-lack-of-fit"
    with pytest.raises(KeyError):
        anchor("carrier pigeon")


def test_checks_that_could_not_be_made_are_counted() -> None:
    complete = CHECKS.model_copy(update={"curvature": CHECKS.without_smallest})
    assert trust_text(prediction("A1", checks=complete)) == "no check speaks against it"
    few = CHECKS.model_copy(update={"without_smallest": None})
    assert trust_text(prediction("A1", checks=few)) == (
        "2 of 3 checks need more cells or replicates; no other speaks against it"
    )
    bent = because(Reason(ReasonKind.FIT_UNTESTED))
    assert "need more" not in trust_text(prediction("A1", checks=few, **bent))
