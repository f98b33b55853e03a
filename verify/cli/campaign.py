"""Measure and judge a campaign behind a progress bar. Imports ``verify``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reports.document import Report
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign, keep_verdicts
from verify.cli.progress import progress
from verify.cli.store import FILE, opened
from verify.documents.campaign import build_report
from verify.measuring.loop import begin, measure


def verified(campaign: Campaign, kept: Path, workers: int, arguments: tuple[str, ...]) -> Report:
    """The report of a campaign whose measurements are in a folder; Ctrl-C leaves it incomplete.

    ``arguments`` are those of the command line that chose the predictions.
    """
    started = datetime.now(UTC)
    store = opened(kept / FILE)
    begin(campaign, store, arguments)
    complete = True
    try:
        with progress() as advance:
            measure(
                campaign,
                store,
                lambda look, done, total: advance(f"look {look + 1}", done, total),
                workers,
                arguments,
            )
    except KeyboardInterrupt:
        complete = False
    answers = judge_campaign(campaign, store)
    complete = complete and all(answer.complete for answer in answers)
    if complete:
        keep_verdicts(campaign, store, answers)
    report = build_report(campaign, store, answers, started, complete)
    store.close()
    return report
