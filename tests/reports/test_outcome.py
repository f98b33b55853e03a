"""What a report amounts to: an outcome, from its verdicts and those on record."""

from typing import Any

import pytest

from reports import Report
from reports.outcome import Outcome, judged, outcome
from tests.reports.documents import prediction, report, rival
from theory import Verdict

ACCEPTED, REJECTED, INCONCLUSIVE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.INCONCLUSIVE


def with_verdict(verdict: Verdict, recorded: Verdict | None, **changes: Any) -> Report:
    """A report of one prediction."""
    return report(prediction("A1", verdict=verdict, recorded=recorded), **changes)


@pytest.mark.parametrize(
    ("verdict", "recorded", "expected"),
    [
        (REJECTED, REJECTED, Outcome.AS_RECORDED),
        (ACCEPTED, REJECTED, Outcome.NOT_AS_RECORDED),
        (Verdict.INVALID, ACCEPTED, Outcome.NOT_AS_RECORDED),
        (ACCEPTED, None, Outcome.NOT_AS_RECORDED),
        (INCONCLUSIVE, ACCEPTED, Outcome.UNDECIDED),
    ],
)
def test_a_verdict_is_compared_with_the_record(
    verdict: Verdict, recorded: Verdict | None, expected: Outcome
) -> None:
    assert outcome(with_verdict(verdict, recorded)) is expected


def test_one_contradiction_outweighs_what_is_undecided() -> None:
    open_yet = prediction("A1", verdict=INCONCLUSIVE, recorded=ACCEPTED)
    contradicting = prediction("A2", verdict=REJECTED, recorded=ACCEPTED)
    assert outcome(report(open_yet)) is Outcome.UNDECIDED
    assert outcome(report(open_yet, contradicting)) is Outcome.NOT_AS_RECORDED


def test_an_interrupted_campaign_is_compared_with_nothing() -> None:
    assert outcome(with_verdict(ACCEPTED, ACCEPTED, complete=False)) is Outcome.INTERRUPTED


def test_a_rival_that_changes_its_verdict_is_noticed() -> None:
    agreed, changed = rival(), rival(verdict=ACCEPTED)
    assert outcome(report(prediction("A1", rival=agreed))) is Outcome.AS_RECORDED
    assert outcome(report(prediction("A1", rival=changed))) is Outcome.NOT_AS_RECORDED


def test_a_rival_follows_its_prediction() -> None:
    assert list(judged(report(prediction("A2", rival=rival()), prediction("A1")))) == [
        "A2",
        "A2, rival",
        "A1",
    ]


@pytest.mark.parametrize(
    ("verdict", "recorded", "expected"),
    [
        (REJECTED, None, Outcome.AS_RECORDED),
        (Verdict.INVALID, None, Outcome.AS_RECORDED),
        (INCONCLUSIVE, None, Outcome.UNDECIDED),
        (REJECTED, ACCEPTED, Outcome.NOT_AS_RECORDED),
    ],
)
def test_on_other_images_only_what_is_on_record_is_compared(
    verdict: Verdict, recorded: Verdict | None, expected: Outcome
) -> None:
    assert outcome(with_verdict(verdict, recorded, images="mnist5k, 5000 images")) is expected
