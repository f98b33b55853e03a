"""``scaleproof verify``, the main job. Imports click, rich, ``reports`` and ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

from probes.engines import Engine
from reports.outcome import FailOn
from theory.prediction import Profile
from verify.campaign.design import Campaign
from verify.cli.campaign import measured_part, verified
from verify.cli.options import (
    budget_option,
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
from verify.measuring.budget import Budget
from verify.measuring.executors import LOCAL, check_executor
from verify.measuring.loop import check_engine
from verify.measuring.shards import Shard


def _shard(_context: click.Context, _option: click.Parameter, text: str | None) -> Shard | None:
    return None if text is None else Shard.read(text)


def _executor(_context: click.Context, _option: click.Parameter, name: str) -> str:
    return check_executor(name)


executor_option = click.option(
    "--executor",
    metavar="WHERE",
    default=LOCAL,
    show_default=True,
    callback=_executor,
    help="Where trials run: local, dask (a cluster of this machine), or dask://HOST:PORT.",
)

shard_option = click.option(
    "--shard",
    metavar="K/N",
    callback=_shard,
    help="Measure part K of N only; scaleproof store merge joins the parts.",
)


@click.command("verify")
@patterns_argument
@from_option
@profile_option
@seed_option
@device_option
@engine_option
@data_option
@workers_option
@executor_option
@shard_option
@budget_option("Measure so long only, such as 10m, what is most likely to be decided for its cost.")
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
    executor: str,
    shard: Shard | None,
    budget: float | None,
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
    measuring = folder(out), processes(workers, device), asked.arguments, executor
    if shard is not None:
        return measured_part(campaign, *measuring, shard)
    limit = None if budget is None else Budget(budget, processes(workers, device))
    report = verified(campaign, *measuring, limit)
    return finish(report, out, as_json, fail_on)
