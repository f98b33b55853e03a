"""``scaleproof verify``, the main job. Imports click, rich, ``reports`` and ``verify``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from probes.trials import resolve_device
from theory.catalogue import select
from theory.prediction import Profile
from verify.campaign.design import Campaign
from verify.campaign.looks import judge_campaign, keep_verdicts
from verify.cli.data import data_option, on_data
from verify.cli.engine import engine_option, resolve_engine
from verify.cli.output import finish, folder
from verify.documents.campaign import build_report
from verify.measuring.executors import available
from verify.measuring.loop import check_engine, measure
from verify.measuring.store import Store


@click.command("verify")
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option(
    "--profile",
    type=click.Choice([str(profile) for profile in Profile]),
    default=Profile.QUICK.value,
    show_default=True,
    help="How much work to do.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Campaign seed."
)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
@engine_option
@data_option
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    help="Processes that measure.  [default: one for each core; one on a GPU]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("scaleproof-report"),
    show_default=True,
    help="Folder for report.html, report.json and the measurements.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify_predictions(
    patterns: tuple[str, ...],
    profile: str,
    seed: int,
    device: str,
    engine: str,
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
    resolve_device(device)  # refuses an unknown or absent one before anything is written
    predictions = on_data(select(patterns, Profile(profile)), data)
    campaign = Campaign(predictions, Profile(profile), seed, device, resolve_engine(engine))
    check_engine(campaign)
    processes = workers or (available() if device == "cpu" else 1)
    started = datetime.now(UTC)
    store = Store(folder(out) / "measurements.sqlite")
    complete = True
    try:
        with _progress() as advance:
            measure(campaign, store, advance, processes, patterns)
    except KeyboardInterrupt:
        complete = False
    answers = judge_campaign(campaign, store)
    if complete:
        keep_verdicts(campaign, store, answers)
    report = build_report(campaign, store, answers, started, complete)
    store.close()
    return finish(report, out, as_json)


@contextmanager
def _progress() -> Iterator[Callable[[int, float, float], None]]:
    """A progress bar on stderr, one for each look; silent when stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[int, TaskID] = {}

        def advance(look: int, done: float, total: float) -> None:
            if look not in tasks:
                tasks[look] = progress.add_task(f"look {look + 1}")
            progress.update(tasks[look], completed=done, total=total)

        yield advance
