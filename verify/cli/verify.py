"""``scaleproof verify``, the main job. Imports click, rich, ``reports`` and ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

from probes.engines import Engine
from reports.outcome import FailOn
from theory.prediction import Profile
from verify.campaign.design import Campaign
from verify.cli.campaign import verified
from verify.cli.options import (
    chosen,
    data_option,
    device_option,
    engine_option,
    fail_on_option,
    from_option,
    json_option,
    on_data,
    out_option,
    patterns_argument,
    processes,
    profile_option,
    seed_option,
    workers_option,
)
from verify.cli.output import finish, folder
from verify.measuring.loop import check_engine


@click.command("verify")
@patterns_argument
@from_option
@profile_option
@seed_option
@device_option
@engine_option
@data_option
@workers_option
@out_option("reports (html, json, md, junit.xml) and the measurements", Path("scaleproof-report"))
@fail_on_option
@json_option
def verify_predictions(
    patterns: tuple[str, ...],
    place: str | None,
    profile: Profile,
    seed: int,
    device: str,
    engine: Engine | None,
    data: str,
    workers: int | None,
    out: Path,
    fail_on: frozenset[FailOn],
    as_json: bool,
) -> int:
    """Measure finite networks and accept or reject predictions.

    PATTERN is an id of the catalogue (see `scaleproof list`), its beginning, such as A1, or a
    shell pattern; without one, everything is verified. Measurements are kept in the folder: an
    interrupted campaign continues where it was.
    """
    asked = chosen(place, patterns, profile)
    predictions = on_data(asked.predictions, data)
    campaign = Campaign(predictions, profile, seed, device, engine)
    check_engine(campaign)
    report = verified(campaign, folder(out), processes(workers, device), asked.arguments)
    return finish(report, out, as_json, fail_on)
