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
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from reports.document import Report, agrees, judged
from reports.html import render_html
from reports.terminal import print_report
from theory.catalogue import select
from theory.errors import DomainError
from theory.prediction import Profile, Verdict
from verify.campaign import Campaign, judge_campaign, measure, plan
from verify.cli.console import stdout_console
from verify.reporting import build_report
from verify.store import Store

AS_RECORDED, NOT_AS_RECORDED, UNDECIDED, FAILED = 0, 1, 3, 4
_MEANING = {
    AS_RECORDED: "Exit code 0: every verdict is the one on record.",
    NOT_AS_RECORDED: "Exit code 1: some verdict is not the one on record.",
    UNDECIDED: "Exit code 3: nothing contradicts the record, but this campaign was too small to "
    "decide everything; a larger --profile would.",
    FAILED: "Exit code 4: interrupted; the same command continues where it was.",
}


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
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Campaign seed."
)
@click.option("--device", default="cpu", show_default=True, help="cpu or cuda.")
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
    out: Path,
    as_json: bool,
) -> int:
    """Measure finite networks and accept or reject predictions.

    PATTERN is an id of the catalogue (see `scaleproof list`), its beginning, such as A1, or a
    shell pattern; without one, everything is verified. Measurements are kept in the folder: an
    interrupted campaign continues where it was.
    """
    campaign = Campaign(select(patterns), Profile(profile), seed, device)
    groups = plan(campaign)  # refuses an unknown or absent device before anything is written
    started = datetime.now(UTC)
    store = Store(_folder(out) / "measurements.sqlite")
    complete = True
    try:
        with _progress(sum(group.cost for group in groups)) as advance:
            measure(campaign, store, advance)
    except KeyboardInterrupt:
        complete = False
    report = build_report(campaign, patterns, judge_campaign(campaign, store), started, complete)
    store.close()
    _write(report, out)
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        print_report(report, stdout_console())
        click.echo(f"Report: {out / 'report.html'}")
    code = exit_code(report)
    click.echo(_MEANING[code], err=True)
    return code


def exit_code(report: Report) -> int:
    """0 all as on record, 1 some not, 3 only inconclusive ones are left, 4 interrupted."""
    if not report.complete:
        return FAILED
    differing = [entry for entry in judged(report).values() if not agrees(entry)]
    if not differing:
        return AS_RECORDED
    undecided = all(entry.verdict is Verdict.INCONCLUSIVE for entry in differing)
    return UNDECIDED if undecided else NOT_AS_RECORDED


def _folder(out: Path) -> Path:
    """The folder, made and proved writable before anything is measured."""
    probe = out / ".writable"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DomainError(
            f"cannot write to folder {str(out)!r} ({reason}); choose another one with --out"
        ) from None
    return out


def _write(report: Report, out: Path) -> None:
    (out / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (out / "report.html").write_text(render_html(report), encoding="utf-8")


@contextmanager
def _progress(total: float) -> Iterator[Callable[[float], None]]:
    """A progress bar on stderr with the time left; silent when stderr is not a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("measuring"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring", total=total)
        yield lambda cost: progress.advance(task, cost)
