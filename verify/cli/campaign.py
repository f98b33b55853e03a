"""Measure and judge a campaign behind a progress bar. Imports click and ``verify``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from reports.document import Report
from reports.exits import Exit
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign, keep_verdicts
from verify.cli.progress import Looks, progress
from verify.cli.store import FILE, failure_line, opened
from verify.documents.campaign import build_report
from verify.measuring.budget import Budget
from verify.measuring.executors import LOCAL
from verify.measuring.loop import begin, measure
from verify.measuring.shards import WHOLE, Shard
from verify.measuring.store import Store


def verified(
    campaign: Campaign,
    kept: Path,
    workers: int,
    arguments: tuple[str, ...],
    executor: str = LOCAL,
    budget: Budget | None = None,
) -> Report:
    """The report of a campaign measured into a folder; an interruption leaves it incomplete.

    ``arguments`` are those of the command line that chose the predictions. A second interruption
    leaves no report.
    """
    started = datetime.now(UTC)
    store = opened(kept / FILE)
    complete = _measured(campaign, store, workers, arguments, executor, budget=budget)
    answers = judge_campaign(campaign, store)
    complete = complete and all(answer.complete for answer in answers)
    if complete:
        keep_verdicts(campaign, store, answers)
    for failure in store.failures():
        click.echo(f"scaleproof: {failure_line(failure)}", err=True)
    left = sum(not answer.complete for answer in answers)
    if budget is not None and left:
        click.echo(
            f"The budget is spent: {left} of {len(answers)} questions were not looked at as often "
            "as announced. The same command goes on.",
            err=True,
        )
    report = build_report(campaign, store, answers, started, complete)
    store.close()
    return report


def measured_part(
    campaign: Campaign,
    kept: Path,
    workers: int,
    arguments: tuple[str, ...],
    executor: str,
    shard: Shard,
) -> int:
    """Measure one part of a campaign into a folder, and judge nothing; the exit code."""
    store = opened(kept / FILE)
    complete = _measured(campaign, store, workers, arguments, executor, shard)
    failures = store.failures()
    for failure in failures:
        click.echo(f"scaleproof: {failure_line(failure)}", err=True)
    store.close()
    if not complete or failures:
        click.echo(f"Shard {shard} is not complete: the same command goes on.", err=True)
        return Exit.STOPPED
    click.echo(
        f"Shard {shard} is measured in {kept}. When all {shard.count} are, join them with "
        "scaleproof store merge FOLDER... --out JOINED; scaleproof verify --out JOINED, without "
        "--shard, measures what the first look left open, and judges."
    )
    return 0


def _measured(
    campaign: Campaign,
    store: Store,
    workers: int,
    arguments: tuple[str, ...],
    executor: str,
    shard: Shard = WHOLE,
    budget: Budget | None = None,
) -> bool:
    """Measure what is missing; whether nobody interrupted it."""
    begin(campaign, store, arguments)
    try:
        with progress() as advance:
            looks = Looks(advance)
            measure(
                campaign,
                store,
                looks.measured,
                workers,
                arguments,
                executor,
                shard,
                budget,
                judged=looks.judged,
            )
    except KeyboardInterrupt:
        return False
    return True
