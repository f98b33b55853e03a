"""``scaleproof verify``, the main job. Imports click, rich, ``reports`` and ``verify``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from probes.engines import Engine
from reports.document import Report, agrees, judged
from reports.terminal import print_report
from theory.catalogue import select
from theory.prediction import Profile
from theory.verdict import Verdict
from verify.campaign.looks import Campaign, judge_campaign, keep_verdicts
from verify.cli.options import (
    data_option,
    device_option,
    engine_option,
    json_option,
    on_data,
    out_option,
    patterns_argument,
    processes,
    profile_option,
    seed_option,
    workers_option,
)
from verify.cli.output import folder, stdout_console, write_report
from verify.cli.progress import progress
from verify.documents.campaign import build_report
from verify.measuring.loop import check_engine, measure
from verify.measuring.store import Store

AS_RECORDED, NOT_AS_RECORDED, UNDECIDED, FAILED = 0, 1, 3, 4
_MEANING = {
    AS_RECORDED: "Exit code 0: every verdict is the one on record, if there is one for its data.",
    NOT_AS_RECORDED: "Exit code 1: some verdict is not the one on record.",
    UNDECIDED: "Exit code 3: nothing contradicts the record, but all announced looks were too few "
    "to decide everything; their reasons say how many replicates would.",
    FAILED: "Exit code 4: interrupted; the same command continues where it was.",
}


@click.command("verify")
@patterns_argument
@profile_option
@seed_option
@device_option
@engine_option
@data_option
@workers_option
@out_option("report.html, report.json and the measurements", Path("scaleproof-report"))
@json_option
def verify_predictions(
    patterns: tuple[str, ...],
    profile: Profile,
    seed: int,
    device: str,
    engine: Engine | None,
    data: str,
    workers: int | None,
    out: Path,
    as_json: bool,
) -> int:
    """Measure finite networks and accept or reject predictions.

    PATTERN is an id of the catalogue (see `scaleproof list`), its beginning, such as A1, or a
    shell pattern; without one, everything is verified. Measurements are kept in the folder: an
    interrupted campaign continues where it was.
    """
    predictions = on_data(select(patterns, profile), data)
    campaign = Campaign(predictions, profile, seed, device, engine)
    check_engine(campaign)
    started = datetime.now(UTC)
    store = Store(folder(out) / "measurements.sqlite")
    complete = True
    try:
        with progress() as advance:
            measure(
                campaign,
                store,
                lambda look, done, total: advance(f"look {look + 1}", done, total),
                processes(workers, device),
            )
    except KeyboardInterrupt:
        complete = False
    answers = judge_campaign(campaign, store)
    if complete:
        keep_verdicts(campaign, store, answers)
    report = build_report(campaign, store, patterns, answers, started, complete)
    store.close()
    write_report(report, out)
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        print_report(report, stdout_console())
        click.echo(f"Report: {out / 'report.html'}")
    code = exit_code(report)
    click.echo(_MEANING[code], err=True)
    return code


def exit_code(report: Report) -> int:
    """0 all as on record, 1 some not, 3 only inconclusive ones are left, 4 interrupted.

    On other images than digits little is on record, and what is decided but not on record counts as
    no difference.
    """
    if not report.complete:
        return FAILED
    differing = [entry for entry in judged(report).values() if not agrees(entry)]
    if report.images is not None:
        differing = [e for e in differing if e.recorded or e.verdict is Verdict.INCONCLUSIVE]
    if not differing:
        return AS_RECORDED
    undecided = all(entry.verdict is Verdict.INCONCLUSIVE for entry in differing)
    return UNDECIDED if undecided else NOT_AS_RECORDED
