"""``scaleproof judge``: a verdict on a table of measurements. Imports click and ``verify``."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import pandas as pd

from reports.document import Report
from reports.outcome import FailOn, outcome
from theory.catalogue import find
from theory.errors import InputError
from theory.relations import (
    BestRateExponentEquals,
    ExponentAtMost,
    ExponentEquals,
    ExponentsEqual,
    ExponentsOrdered,
    Relation,
    SettingsEqual,
    SettingsOrdered,
    ValueAtMost,
    ValueEquals,
)
from theory.verdict import Verdict
from verify.cli.options import fail_on_option, json_option, out_option
from verify.cli.output import folder, print_report, write_report
from verify.documents.table import table_report
from verify.tables.frame import Columns, listed, named
from verify.tables.judge import Subject, conclude_task, task_of
from verify.tables.read import read_table

_OF_EXPONENTS: Mapping[str, Callable[[str, str], Relation]] = {
    "exponent": ExponentEquals,
    "exponent_at_most": ExponentAtMost,
    "best_rate_exponent": BestRateExponentEquals,
}
_OF_NUMBERS: Mapping[str, Callable[[str, float], Relation]] = {
    "value": ValueEquals,
    "value_at_most": ValueAtMost,
}
_OF_SETTINGS: Mapping[str, Callable[[str, str], Relation]] = {
    "same_exponent": ExponentsEqual,
    "smaller_exponent": ExponentsOrdered,
    "same": SettingsEqual,
    "smaller": SettingsOrdered,
}


@click.command("judge")
@click.argument("table", type=click.Path(path_type=Path))
@click.argument("prediction", required=False, metavar="[ID]")
@click.option("--x", required=True, help="Column of sizes, such as depth.")
@click.option("--y", required=True, help="Column of measurements.")
@click.option("--replicate", required=True, help="Column that names the replicate, such as seed.")
@click.option("--pair", help="Column that names one of two settings.")
@click.option("--rate", help="Column of learning rates.")
@click.option("--exponent", help="y goes as x to this power, such as -3/2.")
@click.option("--exponent-at-most", help="y grows no faster than x to this power.")
@click.option("--best-rate-exponent", help="The rate with the smallest y goes as x to this power.")
@click.option("--value", type=float, help="The mean of y is this at every x.")
@click.option("--value-at-most", type=float, help="The mean of y is at most this at every x.")
@click.option("--same-exponent", is_flag=True, help="Both settings have one exponent.")
@click.option("--smaller-exponent", metavar="SETTING", help="This setting's exponent is smaller.")
@click.option("--same", is_flag=True, help="y is the same in both settings at every x.")
@click.option("--smaller", metavar="SETTING", help="y is smaller in this setting at every x.")
@click.option("--margin", type=float, help="How far off is still right; brought along by an ID.")
@click.option(
    "--correction",
    "corrections",
    multiple=True,
    help="Finite-size column of the regression: a column, or a ratio such as 1/depth.",
)
@out_option("reports (html, json, md, junit.xml)")
@fail_on_option
@json_option
def judge_table(
    table: Path,
    prediction: str | None,
    x: str,
    y: str,
    replicate: str,
    pair: str | None,
    rate: str | None,
    margin: float | None,
    corrections: tuple[str, ...],
    out: Path | None,
    fail_on: frozenset[FailOn],
    as_json: bool,
    **claims: str | float | bool | None,
) -> int:
    """Judge measurements that were made elsewhere.

    TABLE is a CSV file, or JSON lines, with one measurement a row. What is claimed of it is a
    prediction of the catalogue (ID) or one of the options from --exponent to --smaller, with a
    --margin. An empty y is missing, nan and inf are diverged.
    """
    started = datetime.now(UTC)
    made = _the_claim(prediction, claims)
    frame = read_table(table)
    claim = find(prediction) if prediction else _relation(made, claims[made], x, frame, pair)
    subject = Subject.of(claim, margin, x, corrections)
    columns = Columns(x, y, replicate, pair, rate)
    task = task_of(frame, columns, subject)
    judgement = conclude_task(task)
    command = shlex.join(["scaleproof", *sys.argv[1:]])
    report = table_report(table, columns, task, judgement, command, started)
    _show(report, out, as_json, fail_on)
    return outcome(report, fail_on)


def _the_claim(prediction: str | None, claims: Mapping[str, object]) -> str:
    """The name of the one claim that is made; ``InputError`` for none, and for several."""
    every = {"ID": prediction, **claims}
    made = [name for name, said in every.items() if said is not None and said is not False]
    if len(made) != 1:
        options = ", ".join(["ID", *map(_option, claims)])
        said = " and ".join(map(_option, made)) if made else "none"
        raise InputError(f"claims: {said}; expected exactly one of: {options}")
    return made[0]


def _option(name: str) -> str:
    return name if name == "ID" else f"--{name.replace('_', '-')}"


def _relation(
    name: str, said: str | float | bool | None, x: str, frame: pd.DataFrame, pair: str | None
) -> Relation:
    """The relation that a claim's option states about column x."""
    if name in _OF_NUMBERS:
        number = float(said or 0.0)
        if not math.isfinite(number):
            raise InputError(f"{_option(name)} {number}: expected a finite number")
        return _OF_NUMBERS[name](x, number)
    if name in _OF_EXPONENTS:
        return _OF_EXPONENTS[name](x, str(said))
    if pair is None:
        raise InputError(f"{_option(name)} compares two settings: name their column with --pair")
    names, _ = named(frame, pair)
    # The setting that is claimed to be smaller, or the first by name.
    first = said if isinstance(said, str) and said else names[0]
    others = [other for other in names if other != first]
    if first not in names or len(others) != 1:
        raise InputError(
            f"{_option(name)} {first}: expected one of two settings in column {pair!r}, which "
            f"names {listed(names)}"
        )
    return _OF_SETTINGS[name](x, others[0])


def _show(report: Report, out: Path | None, as_json: bool, fail_on: frozenset[FailOn]) -> None:
    if out is not None:
        write_report(report, folder(out), fail_on)
    print_report(report, as_json)
    if as_json:
        return
    (entry,) = report.predictions
    if entry.verdict in (Verdict.ACCEPTED, Verdict.REJECTED):
        click.echo(entry.reason)
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}")
