"""``scaleproof plan``: what a campaign can decide, before it runs. Imports click and ``verify``."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial

import click

from probes.engines import Engine
from reports.reasons import reason_text
from reports.renderers.terminal import WIDTH
from theory.prediction import Profile
from verify.campaign.design import Campaign
from verify.campaign.power import Outlook, outlooks, total_seconds
from verify.cli.columns import filled, in_columns, output_width
from verify.cli.options import (
    budget_option,
    chosen,
    data_option,
    device_option,
    engine_option,
    from_option,
    json_option,
    on_data,
    patterns_argument,
    processes,
    profile_option,
    workers_option,
)
from verify.cli.progress import progress
from verify.measuring.forecast import Expected, forecast
from verify.measuring.loop import check_engine
from verify.measuring.pilot import PILOT_REPLICATES, PILOT_SEED, run_pilot
from verify.statistics.sample_size import TARGET_POWER


@click.command("plan")
@patterns_argument
@from_option
@profile_option
@device_option
@engine_option
@data_option
@workers_option
@budget_option("Also say what a campaign of so long would leave, such as 10m.")
@json_option
def plan_predictions(
    patterns: tuple[str, ...],
    place: str | None,
    profile: Profile,
    device: str,
    engine: Engine | None,
    data: str,
    workers: int | None,
    budget: float | None,
    as_json: bool,
) -> None:
    """Print replicates, power, detectable margin and cost before anything is verified.

    A pilot of a few replicates gives the spread; its seed belongs to no campaign, and nothing of it
    is kept.
    """
    predictions = on_data(chosen(place, patterns, profile).predictions, data)
    campaign = Campaign(predictions, profile, PILOT_SEED, device, engine)
    check_engine(campaign)
    count = processes(workers, device)
    with progress() as advance:
        pilot = run_pilot(campaign, partial(advance, "pilot"))
        entries = outlooks(campaign, pilot)
        looks = []
        if budget is not None:
            looks = forecast(campaign, entries, budget, count, partial(advance, "budget"))
    if as_json:
        click.echo(json.dumps([_document(outlook, looks) for outlook in entries], indent=2))
        return
    click.echo("\n".join(_lines(entries, profile)))
    first, last = total_seconds(campaign, pilot)
    said = [
        f"In all: {first:.0f} s of one core to the first look, {last:.0f} s to the last; what "
        "predictions share is counted once."
    ]
    for outlook in entries:
        if outlook.problem:
            said.append(f"{outlook.id}: the pilot says nothing: {reason_text(outlook.problem)}")
        elif outlook.underpowered:
            said.append(f"{_name(outlook)}: under-powered: {_remedy(outlook)}")
    click.echo("\n".join(map(filled, said)))
    if budget is not None:
        click.echo("\n".join(_budget_lines(looks, budget, count)))


def _document(outlook: Outlook, looks: Sequence[Expected]) -> dict[str, object]:
    problem = reason_text(outlook.problem) or None
    fields = asdict(outlook) | {"underpowered": outlook.underpowered, "problem": problem}
    finite = math.isfinite(outlook.detectable)
    fields |= {"detectable": outlook.detectable if finite else None}
    return fields | ({"left_at_look": _left_at(outlook, looks)} if looks else {})


def _left_at(outlook: Outlook, looks: Sequence[Expected]) -> int | None:
    """The look, from 1, that a budget leaves out; ``None`` where it pays for all expected ones."""
    numbers = (number for number, look in enumerate(looks, 1) if _name(outlook) in look.left)
    return next(numbers, None)


def _name(outlook: Outlook) -> str:
    return f"{outlook.id}, rival" if outlook.rival else outlook.id


def _remedy(outlook: Outlook) -> str:
    """What is missing: replicates of its own, or of its controls."""
    if max(outlook.decided) < TARGET_POWER:
        needed = "more than a million" if outlook.required is None else str(outlook.required)
        return (
            f"a decision has probability {max(outlook.decided):.2f}; {needed} replicates are "
            f"required, or a margin of {outlook.detectable:.3g}"
        )
    return f"its negative controls are rejected with probability {outlook.controls:.2f} only"


def _lines(entries: list[Outlook], profile: str) -> Iterator[str]:
    yield f"profile {profile}, from a pilot of {PILOT_REPLICATES} replicates"
    yield "replicates and P(decision) of each look; controls: P(all of them are rejected)"
    power = f"a P(decision) of {TARGET_POWER:g}"
    yield f"required: replicates for {power}; detects: the least margin for it"
    headings = (
        "prediction",
        "replicates",
        "margin",
        "spread",
        "P(decision)",
        "controls",
        "required",
        "detects",
        "seconds",
    )
    yield from in_columns([headings, *map(_row, entries)], output_width() or WIDTH)


def _row(outlook: Outlook) -> tuple[str, ...]:
    first, last = outlook.seconds
    return (
        _name(outlook),
        "/".join(map(str, outlook.replicates)),
        f"{outlook.margin:g}",
        f"{outlook.spread:.3g}",
        "/".join(f"{chance:.2f}" for chance in outlook.decided),
        f"{outlook.controls:.2f}",
        "-" if outlook.required is None else str(outlook.required),
        f"{outlook.detectable:.3g}",
        f"{first:.0f} to {last:.0f}",
    )


def _budget_lines(looks: Sequence[Expected], budget: float, workers: int) -> Iterator[str]:
    """What a budget pays for at each look, and what it leaves."""
    side_by_side = "1 worker" if workers == 1 else f"{workers} workers"
    yield f"A budget of {budget:g} s for {side_by_side}, by the cost model:"
    headings = ("look", "questions", "looked at", "seconds of one core")
    rows = [
        (
            str(number),
            str(len(look.asked)),
            str(len(look.asked) - len(look.left)),
            f"{look.paid:.0f} of {look.needed:.0f}",
        )
        for number, look in enumerate(looks, 1)
        if look.asked
    ]
    width = output_width() or WIDTH
    yield from in_columns([headings, *rows], width)
    if not any(look.left for look in looks):
        yield "It leaves nothing out."
    for number, look in enumerate(looks, 1):
        if look.left:
            what = "Not looked at" if number == 1 else f"Left undecided, without look {number}"
            yield f"{what}:"
            listed = textwrap.wrap("; ".join(look.left), width - 2, break_on_hyphens=False)
            yield from (f"  {line}" for line in listed)
