"""What a report amounts to: an outcome, from its verdicts and those on record."""

import pytest

from reports import Report
from reports.outcome import Outcome, judged, outcome
from theory import Verdict


def with_verdict(
    report: Report, verdict: Verdict, recorded: Verdict | None, **changes: object
) -> Report:
    """The first entry of a report with this verdict, alone."""
    entry = report.predictions[0].model_copy(update={"verdict": verdict, "recorded": recorded})
    return report.model_copy(update={"predictions": [entry], "complete": True, **changes})


@pytest.mark.parametrize(
    ("verdict", "recorded", "expected"),
    [
        (Verdict.REJECTED, Verdict.REJECTED, Outcome.AS_RECORDED),
        (Verdict.ACCEPTED, Verdict.REJECTED, Outcome.NOT_AS_RECORDED),
        (Verdict.INVALID, Verdict.ACCEPTED, Outcome.NOT_AS_RECORDED),
        (Verdict.ACCEPTED, None, Outcome.NOT_AS_RECORDED),
        (Verdict.INCONCLUSIVE, Verdict.ACCEPTED, Outcome.UNDECIDED),
    ],
)
def test_a_verdict_is_compared_with_the_record(
    verdict: Verdict, recorded: Verdict | None, expected: Outcome, report: Report
) -> None:
    assert outcome(with_verdict(report, verdict, recorded)) is expected


def test_one_contradiction_outweighs_what_is_undecided(report: Report) -> None:
    entries = [
        report.predictions[0].model_copy(update={"verdict": verdict, "recorded": Verdict.ACCEPTED})
        for verdict in (Verdict.INCONCLUSIVE, Verdict.REJECTED)
    ]
    changed = report.model_copy(update={"predictions": entries, "complete": True})
    assert outcome(changed) is Outcome.NOT_AS_RECORDED


def test_an_interrupted_campaign_is_compared_with_nothing(report: Report) -> None:
    changed = with_verdict(report, Verdict.ACCEPTED, Verdict.ACCEPTED, complete=False)
    assert outcome(changed) is Outcome.INTERRUPTED


def test_a_rival_that_changes_its_verdict_is_noticed(report: Report) -> None:
    entry = report.predictions[1]
    assert entry.rival is not None
    rival = entry.rival.model_copy(update={"verdict": Verdict.REJECTED})
    agreed = entry.model_copy(update={"verdict": entry.recorded, "rival": rival})
    changed = report.model_copy(update={"predictions": [agreed], "complete": True})
    assert list(judged(changed)) == [entry.id, f"{entry.id}, rival"]
    assert outcome(changed) is Outcome.NOT_AS_RECORDED


@pytest.mark.parametrize(
    ("verdict", "recorded", "expected"),
    [
        (Verdict.REJECTED, None, Outcome.AS_RECORDED),
        (Verdict.INVALID, None, Outcome.AS_RECORDED),
        (Verdict.INCONCLUSIVE, None, Outcome.UNDECIDED),
        (Verdict.REJECTED, Verdict.ACCEPTED, Outcome.NOT_AS_RECORDED),
    ],
)
def test_on_other_images_only_what_is_on_record_is_compared(
    verdict: Verdict, recorded: Verdict | None, expected: Outcome, report: Report
) -> None:
    changed = with_verdict(report, verdict, recorded, images="mnist5k, 5000 images")
    assert outcome(changed) is expected
