"""The calibration: how often verdicts on synthetic truths are wrong, as a table in the docs.

``python -m verify.calibration.page`` (``tox run -e calibration``). Imports click and ``verify``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import click
from threadpoolctl import threadpool_limits

from verify.calibration.scenarios import (
    ALPHA,
    BIASES,
    MARGIN,
    SIZES,
    SPREAD,
    Bias,
    Calibration,
    Noise,
    Rate,
    Scenario,
    Truth,
    calibrate,
)
from verify.cli.progress import progress
from verify.statistics.sample_size import TARGET_POWER

REPLICATES, LOOKS, FAMILIES = (4, 16, 64), (1, 3), (1, 40)
PLANNED_FAMILIES = ((1, 1), (3, 40))


def scenarios() -> list[Scenario]:
    """Every setting; noise that a family shares needs a family."""
    every = product(FAMILIES, LOOKS, Bias, Noise, Truth, REPLICATES)
    return [
        Scenario(noise, replicates, bias, truth, looks, family)
        for family, looks, bias, noise, truth, replicates in every
        if noise is not Noise.SHARED or family > 1
    ]


def planned_scenarios() -> list[Scenario]:
    """Unbiased settings with as many replicates as the design requires."""
    return [
        Scenario(noise, truth=truth, looks=looks, family=family).planned()
        for looks, family in PLANNED_FAMILIES
        for noise in Noise
        for truth in (Truth.INSIDE, Truth.OUTSIDE)
        if noise is not Noise.SHARED or family > 1
    ]


def run(wanted: Sequence[Scenario], campaigns: int, workers: int) -> list[Calibration]:
    """Calibrate in processes of one thread each; the numbers do not depend on how many."""
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=threadpool_limits, initargs=(1,)
    ) as pool:
        rates: list[Calibration] = []
        with progress() as advance:
            for rate in pool.map(partial(calibrate, campaigns=campaigns), wanted):
                rates.append(rate)
                advance("calibrating", len(rates), len(wanted))
        return rates


def _percent(rate: Rate) -> str:
    return f"{100 * rate.share:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def _worst(calibrations: Sequence[Calibration]) -> list[str]:
    """The largest rates of every kind of noise, over all settings in which the model holds."""
    rows = []
    for noise in dict.fromkeys(c.scenario.noise for c in calibrations):
        held = [
            c for c in calibrations if c.scenario.noise is noise and c.scenario.declared_model_holds
        ]
        accepts = max((c.wrong_accepts for c in held), key=lambda rate: rate.share)
        rejects = max((c.wrong_rejects for c in held), key=lambda rate: rate.share)
        rows.append((noise, len(held), *map(_percent, (accepts, rejects)), *_coverage(held)))
    headings = (
        "noise",
        "settings",
        "worst wrong accepts, % of campaigns",
        "worst wrong rejects, %",
        *(f"coverage, % (R = {replicates})" for replicates in REPLICATES),
    )
    return _table(headings, rows)


def _coverage(held: Sequence[Calibration]) -> list[str]:
    """Smallest and largest share of intervals that cover, for every number of replicates.

    In the largest families, whose shares are known to a tenth of a percent.
    """
    spans = []
    for replicates in REPLICATES:
        size = (replicates, max(FAMILIES))
        large = [c for c in held if (c.scenario.replicates, c.scenario.family) == size]
        shares = [100 * c.covered.share for c in large]
        spans.append(f"{min(shares):.1f} to {max(shares):.1f}" if shares else "-")
    return spans


def _planned(calibrations: Sequence[Calibration]) -> list[str]:
    rows = []
    for c in calibrations:
        s = c.scenario
        rates = map(_percent, (c.decided, c.invalid))
        rows.append((s.family, s.looks, s.noise, s.truth, s.replicates, *rates))
    headings = ("predictions", "looks", "noise", "truth", "replicates", "decided, %", "invalid, %")
    return _table(headings, rows)


def _everything(calibrations: Sequence[Calibration]) -> list[str]:
    rows = []
    for c in calibrations:
        s = c.scenario
        wrong = map(_percent, (c.wrong_accepts, c.wrong_rejects))
        shares = (f"{100 * rate.share:.1f}" for rate in (c.decided, c.invalid, c.covered))
        rows.append((s.family, s.looks, s.bias, s.noise, s.truth, s.replicates, *wrong, *shares))
    headings = ("predictions", "looks", "bias", "noise", "truth", "R", "wrong accepts, %")
    return _table((*headings, "wrong rejects, %", "decided, %", "invalid, %", "coverage, %"), rows)


_PAGE = """# Calibration

Written by `tox run -e calibration`; do not edit.

{campaigns} synthetic campaigns per setting, with known exponents, are judged by the functions that
judge real ones. The claim is the exponent 0 at a margin of {margin:g}, at sizes {sizes}. The
noise of a logarithm has standard deviation {spread:g}. The finite-size bias is {bias:g}/L, or
{large:g}/L. The nominal family-wise error rate is {alpha:.0%}. A wrong accept or reject is a
campaign with at least one of them; *at the margin* both decisions are wrong. Brackets are 95
percent Clopper-Pearson intervals; R is the number of replicates at the first look, and every
further look doubles it. *Decided* and *invalid* are shares of predictions.

## Where the declared model holds

{worst}

Coverage is that of 95 percent intervals, in families of {largest}. Where it is above 95 (heavy
tails, few replicates) intervals are too wide: that costs decisions, not errors.

## Power at the planned replicates

Planned for {target:.0%} by normal theory, so that 90 percent are kept under skewed noise and with
the checks of the fit.

{planned}

## All settings

An *undeclared* bias is a wrong model: its wrong decisions are what the checks of the fit are for,
and *invalid* is what they caught. What the replicates cannot resolve no check can see. A bias
as large as the margin decides wrongly while it is small beside the noise: declare what is known.

The level of a misfit is shared over the family and the looks, as that of a verdict is. A family of
{largest} sees a wrong law only where it is clearer, or replicates are more, than one prediction
alone needs. That is the price of true laws that keep their verdicts (*invalid* under *none* and
*declared*). What is not acted upon is still said in the reason.

{everything}
"""


def document(
    calibrations: Sequence[Calibration], planned: Sequence[Calibration], campaigns: int
) -> str:
    """The page of the docs."""
    return _PAGE.format(
        campaigns=campaigns,
        margin=MARGIN,
        sizes=", ".join(f"{size:g}" for size in SIZES),
        spread=SPREAD,
        bias=BIASES[Bias.UNDECLARED],
        large=BIASES[Bias.UNDECLARED_LARGE],
        alpha=ALPHA,
        largest=max(FAMILIES),
        target=TARGET_POWER,
        worst="\n".join(_worst(calibrations)),
        planned="\n".join(_planned(planned)),
        everything="\n".join(_everything(calibrations)),
    )


@click.command()
@click.option("--campaigns", default=2000, show_default=True, type=click.IntRange(min=10))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=1))
@click.option(
    "--out",
    default=Path("docs/calibration.md"),
    show_default=True,
    type=click.Path(path_type=Path, dir_okay=False),
)
def main(campaigns: int, workers: int, out: Path) -> None:
    """Calibrate verdicts on synthetic campaigns, and write the table."""
    calibrations = run(scenarios(), campaigns, workers)
    planned = run(planned_scenarios(), campaigns, workers)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(document(calibrations, planned, campaigns), encoding="utf-8")
    click.echo(f"{len(calibrations) + len(planned)} settings: {out}")


if __name__ == "__main__":
    main()
