"""What verdicts amount to: which fail, from those expected and from what --fail-on names."""

from typing import Any

import pytest

from reports import Report
from reports.exits import Exit
from reports.outcome import FailOn, Result, expectations, judged, outcome, result
from tests.reports.documents import prediction, report, rival
from theory import Verdict

ACCEPTED, REJECTED = Verdict.ACCEPTED, Verdict.REJECTED
INCONCLUSIVE, INVALID = Verdict.INCONCLUSIVE, Verdict.INVALID
PASSED, FAILED, UNDECIDED = Exit.PASSED, Exit.FAILED, Exit.UNDECIDED


def with_verdict(verdict: Verdict, recorded: Verdict | None, **changes: Any) -> Report:
    """A report of one prediction."""
    return report(prediction("A1", verdict=verdict, recorded=recorded), **changes)


@pytest.mark.parametrize(
    ("verdict", "recorded", "code"),
    [
        (REJECTED, REJECTED, PASSED),
        (ACCEPTED, REJECTED, FAILED),
        (INVALID, ACCEPTED, FAILED),
        (INCONCLUSIVE, ACCEPTED, UNDECIDED),
        (INCONCLUSIVE, INCONCLUSIVE, PASSED),
        # Where nothing is on record, it is to be accepted.
        (ACCEPTED, None, PASSED),
        (REJECTED, None, FAILED),
        (INVALID, None, FAILED),
        (INCONCLUSIVE, None, UNDECIDED),
    ],
)
def test_a_verdict_that_is_not_the_expected_one_fails(
    verdict: Verdict, recorded: Verdict | None, code: Exit
) -> None:
    assert outcome(with_verdict(verdict, recorded)) is code
    assert outcome(with_verdict(verdict, recorded), {FailOn.CHANGED}) is code


@pytest.mark.parametrize(
    ("verdict", "recorded", "fail_on", "code"),
    [
        (REJECTED, REJECTED, {FailOn.REJECTED}, FAILED),
        (REJECTED, REJECTED, {FailOn.UNDECIDED}, PASSED),
        (INCONCLUSIVE, INCONCLUSIVE, {FailOn.REJECTED}, PASSED),
        (INCONCLUSIVE, INCONCLUSIVE, {FailOn.UNDECIDED}, FAILED),
        (INCONCLUSIVE, ACCEPTED, {FailOn.REJECTED, FailOn.UNDECIDED}, FAILED),
        (ACCEPTED, ACCEPTED, set(FailOn), PASSED),
    ],
)
def test_what_is_named_fails_although_it_is_on_record(
    verdict: Verdict, recorded: Verdict, fail_on: set[FailOn], code: Exit
) -> None:
    assert outcome(with_verdict(verdict, recorded), fail_on) is code


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("expected", [*Verdict, None])
def test_naming_more_never_makes_a_failure_pass(verdict: Verdict, expected: Verdict | None) -> None:
    least = result(verdict, expected)
    for named in ({FailOn.REJECTED}, {FailOn.UNDECIDED}, set(FailOn)):
        more = result(verdict, expected, named)
        assert more is least or more is Result.FAILS
    assert result(verdict, expected, {FailOn.CHANGED}) is least


def test_one_failure_outweighs_what_is_undecided() -> None:
    open_yet = prediction("A1", verdict=INCONCLUSIVE, recorded=ACCEPTED)
    contradicting = prediction("A2", verdict=REJECTED, recorded=ACCEPTED)
    assert outcome(report(open_yet)) is UNDECIDED
    assert outcome(report(open_yet, contradicting)) is FAILED


def test_an_interrupted_campaign_is_compared_with_nothing() -> None:
    assert outcome(with_verdict(ACCEPTED, ACCEPTED, complete=False)) is Exit.STOPPED


def test_a_rival_that_changes_its_verdict_is_noticed() -> None:
    agreed, changed = rival(), rival(verdict=ACCEPTED)
    assert outcome(report(prediction("A1", rival=agreed))) is PASSED
    assert outcome(report(prediction("A1", rival=changed))) is FAILED


@pytest.mark.parametrize("verdict", [ACCEPTED, REJECTED])
def test_nothing_is_expected_of_a_rival_that_is_not_on_record(verdict: Verdict) -> None:
    new = report(prediction("A1", rival=rival(verdict=verdict, recorded=None)))
    assert expectations(new) == {"A1": ACCEPTED, "A1, rival": None}
    assert outcome(new) is PASSED


def test_what_is_on_record_of_our_networks_is_not_expected_of_a_table() -> None:
    assert outcome(with_verdict(REJECTED, REJECTED, table="losses.csv")) is FAILED
    assert outcome(with_verdict(ACCEPTED, REJECTED, table="losses.csv")) is PASSED


def test_a_rival_follows_its_prediction() -> None:
    assert list(judged(report(prediction("A2", rival=rival()), prediction("A1")))) == [
        "A2",
        "A2, rival",
        "A1",
    ]


@pytest.mark.parametrize(
    ("verdict", "recorded", "code"),
    [
        (REJECTED, None, PASSED),
        (INVALID, None, PASSED),
        (INCONCLUSIVE, None, UNDECIDED),
        (REJECTED, ACCEPTED, FAILED),
    ],
)
def test_on_other_images_only_what_is_on_record_is_compared(
    verdict: Verdict, recorded: Verdict | None, code: Exit
) -> None:
    assert outcome(with_verdict(verdict, recorded, images="mnist5k, 5000 images")) is code
