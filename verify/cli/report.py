"""``scaleproof report``: judge a stored campaign again. Imports click, ``reports``, ``verify``.

Never imports torch: no network is run, and no code that ran one is needed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from reports.outcome import FailOn
from verify.campaign.looks import judge_campaign, keep_verdicts
from verify.campaign.stored import stored_campaign
from verify.cli.options import Place, fail_on_option, json_option
from verify.cli.output import finish, folder
from verify.cli.store import store_in
from verify.documents.campaign import build_report


@click.command("report")
@click.argument("measured", metavar="FOLDER", type=Place())
@fail_on_option
@json_option
def report_campaign(measured: Path, fail_on: frozenset[FailOn], as_json: bool) -> int:
    """Judge the latest campaign of a folder again, and write its report there.

    FOLDER is that of scaleproof verify. Nothing is measured: verdicts follow from what is stored,
    also when the code that measured it has changed since.
    """
    started = datetime.now(UTC)
    store = store_in(measured)
    campaign = stored_campaign(store)
    answers = judge_campaign(campaign, store)
    complete = all(answer.complete for answer in answers)
    if complete:
        keep_verdicts(campaign, store, answers)
    report = build_report(campaign, store, answers, started, complete)
    store.close()
    return finish(report, folder(measured), as_json, fail_on)
