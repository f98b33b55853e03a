"""``scaleproof rate``: the maximal-update rate at several depths. Imports click and rich."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from functools import partial

import click

from probes.engines import Engine
from theory.architecture import Activation
from theory.errors import InputError
from theory.experiments import Setting
from theory.scaling import Cell
from verify.cli.architecture import FORMS, NAMES, architecture_of
from verify.cli.columns import filled, in_columns, output_width
from verify.cli.options import (
    device_option,
    engine_option,
    json_option,
    processes,
    seed_option,
    workers_option,
)
from verify.cli.progress import progress
from verify.rates import (
    LEVEL,
    RateTable,
    TunedRate,
    depth_cells,
    maximal_update_setting,
    measure_rates,
    tabulate_rates,
)
from verify.statistics.equivalence import Interval

_MOST = 1_000_000
_SIZE = click.IntRange(1, _MOST)


def _depths(_context: click.Context, _option: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        depths = tuple(int(part) for part in text.split(","))
    except ValueError:
        depths = (0,)
    if not all(1 <= depth <= _MOST for depth in depths):
        raise click.BadParameter(
            f"{text!r}: expected whole numbers from 1 to {_MOST}, such as 8,16,32"
        )
    return depths


@click.command("rate", epilog=f"ARCHITECTURE is one of: {NAMES}.")
@click.argument("architecture")
@click.option(
    "--depth",
    "depths",
    required=True,
    callback=_depths,
    help="Blocks, or layers of a chain: 8,16,32.",
)
@click.option("--width", type=_SIZE, default=256, show_default=True)
@click.option("--from-depth", type=_SIZE, help="Depth at which --rate is good.")
@click.option("--rate", type=float, help="Base learning rate to carry over to every depth.")
@click.option(
    "--activation",
    type=click.Choice([str(activation) for activation in Activation]),
    default=Activation.RELU.value,
    show_default=True,
)
@click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    default=next(iter(FORMS)),
    show_default=True,
    help="Where the activation of a residual block stands.",
)
@click.option(
    "--variance-factor",
    help="c of Var W = c/fan_in, and c/(K fan_in) in K blocks.  [default: 2; for leaky_relu, abs "
    "and identity He's]",
)
@seed_option
@click.option(
    "--replicates",
    type=click.IntRange(2, 100_000),
    default=64,
    show_default=True,
    help="Networks at each depth.",
)
@device_option
@engine_option
@workers_option
@json_option
def print_rates(
    architecture: str,
    depths: tuple[int, ...],
    width: int,
    from_depth: int | None,
    rate: float | None,
    activation: str,
    form: str,
    variance_factor: str | None,
    seed: int,
    replicates: int,
    device: str,
    engine: Engine | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Measure the maximal-update rate at several depths, and carry a tuned rate over to them.

    The maximal-update rate eta* is the one at which a step of SGD moves the layers, in the mean of
    their squares and to first order, by one: the largest rate that is stable to first order, and
    not the best one. Networks are parameterized as AM-muP (arXiv 2510.04327). A rate that was tuned
    at one depth is carried over by the measured exponent of eta*, by the published rule and by
    power counting.
    """
    cells = depth_cells(width, depths)
    tuned = _tuned(from_depth, rate, cells)
    chosen = architecture_of(architecture, Activation(activation), FORMS[form], variance_factor)
    setting = maximal_update_setting(chosen)
    with progress() as advance:
        rates = measure_rates(
            setting,
            cells,
            seed,
            replicates,
            device,
            engine,
            processes(workers, device),
            partial(advance, "networks"),
        )
    table = tabulate_rates(setting, cells, rates, tuned)
    if as_json:
        click.echo(json.dumps(_document(table, setting, width, replicates, seed, tuned), indent=2))
        return
    where = f"n = {width}, {replicates} networks at each depth, seed {seed}"
    click.echo(filled(f"{setting}; {where}"))
    click.echo("\n".join(in_columns(_of_depths(table), output_width())))
    if tuned is not None:
        click.echo(f"{tuned.rate:g} of L = {tuned.depth}, carried over by the exponent of depth:")
        click.echo("\n".join(in_columns(_carried_over(table), output_width())))
    for line in _lines(table, tuned):
        click.echo(filled(line))


def _tuned(depth: int | None, rate: float | None, cells: Sequence[Cell]) -> TunedRate | None:
    """The rate to carry over, refused before anything is measured."""
    if depth is None and rate is None:
        return None
    if depth is None or rate is None:
        missing, given = ("--from-depth", "--rate") if depth is None else ("--rate", "--from-depth")
        raise InputError(f"{given} without {missing}: give both, or neither")
    if len(cells) < 2:
        raise InputError(
            f"--depth {cells[0].depth} with --from-depth: a rate is carried over by the exponent "
            "of depth; give at least two depths"
        )
    return TunedRate(depth, rate)


def _document(
    table: RateTable,
    setting: Setting,
    width: int,
    replicates: int,
    seed: int,
    tuned: TunedRate | None,
) -> dict[str, object]:
    """``RateTable`` with what was measured; null is what there is no number for."""
    fields = {
        "architecture": str(setting.architecture),
        "parameterization": setting.parameterization.name,
        "protocol": str(setting.experiment),
        "width": width,
        "replicates": replicates,
        "seed": seed,
        "confidence": 1 - LEVEL,
        "tuned": None if tuned is None else asdict(tuned),
        **asdict(table),
    }
    document = _plain(fields)
    assert isinstance(document, dict)
    return document


def _plain(value: object) -> object:
    """As JSON has it: fractions as numbers, and null for what is not finite."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _of_depths(table: RateTable) -> list[tuple[str, ...]]:
    rates = [
        f"{row.diverged} diverged" if row.diverged else _interval(row.maximal_update, ".4g")
        for row in table.depths
    ]
    heading = "depth", f"eta* [{1 - LEVEL:.0%} interval]"
    return [
        heading,
        *((str(row.depth), rate) for row, rate in zip(table.depths, rates, strict=True)),
    ]


def _carried_over(table: RateTable) -> list[tuple[str, ...]]:
    rows = [
        (
            str(row.depth),
            _interval(row.carried.measured, ".4g"),
            *(
                "-" if rate is None else f"{rate:.4g}"
                for rate in (row.carried.published, row.carried.counted)
            ),
        )
        for row in table.depths
        if row.carried is not None
    ]
    return [("depth", f"measured [{1 - LEVEL:.0%} interval]", "published", "power counting"), *rows]


def _interval(interval: Interval | None, style: str) -> str:
    if interval is None:
        return "-"
    return f"{interval.estimate:{style}} [{interval.low:{style}}, {interval.high:{style}}]"


def _lines(table: RateTable, tuned: TunedRate | None) -> list[str]:
    """What the numbers are, and what they are not."""
    lines = [
        "eta* solves S(eta*) = 1: the largest rate that is stable to first order, not the best one."
    ]
    if len(table.depths) > 1:
        lines += _exponent_lines(table)
    if tuned is not None:
        lines.append(
            f"Carried over: {tuned.rate:g} (L / {tuned.depth})^exponent. By the exponent of eta* a "
            "step moves the layers, to first order, as much as it did there; that the best rate "
            "does so too is an assumption, which is not tested here. The interval is that of the "
            "exponent alone."
        )
        shallowest, deepest = table.depths[0].depth, table.depths[-1].depth
        if not shallowest <= tuned.depth <= deepest:
            lines.append(
                f"Note: L = {tuned.depth} is outside of {shallowest} to {deepest}, where the "
                "exponent was measured; add it to --depth."
            )
    return lines


def _exponent_lines(table: RateTable) -> list[str]:
    exponent, depths = table.exponent, [row.depth for row in table.depths]
    published, counted = (
        "none" if power is None else f"{power}" for power in (exponent.published, exponent.counted)
    )
    lines = [
        f"Exponent of depth, L = {depths[0]} to {depths[-1]}: measured "
        f"{_interval(exponent.measured, '+.3f')}; published rule {published}; power "
        f"counting {counted}."
    ]
    if exponent.refusal is not None:
        between = ", ".join(f"{each:+.3f}" for each in exponent.local)
        where = f"; between neighbouring depths it is {between}" if between else ""
        lines.append(f"Warning: no power law fits: {exponent.refusal}{where}.")
    lines += [f"Note: {note}." for note in exponent.notes]
    if exponent.uncounted is not None:
        lines.append(f"Power counting: {exponent.uncounted}.")
    return lines
