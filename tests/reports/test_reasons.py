"""The words of reasons: one sentence a kind, the same for a judgement and for a report of it."""

import pytest

from reports.document import ReasonEntry
from reports.reasons import fit_refusal_text, reason_text
from tests.reports.documents import entry_of
from tests.reports.reasons import END, SENTENCES, SMALLEST
from theory.verdict import Reason, ReasonKind


@pytest.mark.parametrize(("reason", "sentence"), SENTENCES)
def test_a_reason_has_its_sentence(reason: Reason, sentence: str) -> None:
    assert reason_text([reason]) == sentence
    assert reason_text([entry_of(reason)]) == sentence


def test_every_kind_has_a_sentence_of_its_own() -> None:
    assert {reason.kind for reason, _ in SENTENCES} == set(ReasonKind)
    assert len({sentence for _, sentence in SENTENCES}) == len(SENTENCES)


def test_reasons_are_joined_in_their_order() -> None:
    inside, untested = Reason(ReasonKind.INSIDE), Reason(ReasonKind.FIT_UNTESTED)
    assert reason_text([inside, untested]) == (
        "the interval lies inside the margin; the fit cannot be tested with so few cells or "
        "replicates"
    )
    assert reason_text([]) == ""


def test_a_refused_fit_is_told_without_saying_that_it_is_one() -> None:
    assert (
        fit_refusal_text(SMALLEST) == "leaving out the smallest size moves the exponent by +0.123"
    )
    assert fit_refusal_text(END) == "from mid-range to its end the exponent moves by -0.050"
    rests = Reason(ReasonKind.RESTS_ON_SMALLEST, numbers={"movement": 0.2})
    assert fit_refusal_text(rests).startswith("leaving out the smallest size moves the exponent")
    heavy = Reason(ReasonKind.HEAVY_TAILS, numbers={"trimmed": 0.25})
    assert fit_refusal_text(heavy) == reason_text([heavy])


def test_a_reason_survives_the_document() -> None:
    for reason, _ in SENTENCES:
        entry = entry_of(reason)
        assert ReasonEntry.model_validate_json(entry.model_dump_json()) == entry
