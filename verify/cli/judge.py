"""``scaleproof judge``: a verdict on a table of measurements. Imports click and ``verify``."""

from __future__ import annotations

import math
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from reports.document import Report
from reports.terminal import print_report
from theory.errors import InputError
from theory.verdict import Verdict
from verify.cli.console import stdout_console
from verify.cli.output import folder, write_report
from verify.documents.table import table_report
from verify.tables.frame import Columns
from verify.tables.judge import Statement, conclude_task, task_of
from verify.tables.read import read_table

_CODES = {Verdict.ACCEPTED: 0, Verdict.REJECTED: 1, Verdict.INVALID: 1, Verdict.INCONCLUSIVE: 3}


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
@click.option("--out", type=click.Path(path_type=Path), help="Folder for report.html, report.json.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def judge_table(
    table: Path,
    prediction: str | None,
    x: str,
    y: str,
    replicate: str,
    pair: str | None,
    rate: str | None,
    exponent: str | None,
    exponent_at_most: str | None,
    best_rate_exponent: str | None,
    value: float | None,
    value_at_most: float | None,
    same_exponent: bool,
    smaller_exponent: str | None,
    same: bool,
    smaller: str | None,
    margin: float | None,
    corrections: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> int:
    """Judge measurements that were made elsewhere.

    TABLE is a CSV file, or JSON lines, with one measurement a row. What is claimed of it is a
    prediction of the catalogue (ID) or one of the options from --exponent to --smaller, with a
    --margin. An empty y is missing, nan and inf are diverged. Exit code: 0 accepted, 1 rejected or
    invalid, 3 inconclusive.
    """
    started = datetime.now(UTC)
    statement = Statement(
        prediction=prediction,
        exponent=exponent,
        exponent_at_most=exponent_at_most,
        best_rate_exponent=best_rate_exponent,
        value=_number("--value", value),
        value_at_most=_number("--value-at-most", value_at_most),
        same_exponent=same_exponent,
        smaller_exponent=smaller_exponent,
        same=same,
        smaller=smaller,
    )
    columns = Columns(x, y, replicate, pair, rate)
    task = task_of(read_table(table), columns, statement, margin, corrections)
    judgement = conclude_task(task)
    command = shlex.join(["scaleproof", *sys.argv[1:]])
    report = table_report(table, columns, task, judgement, command, started)
    _show(report, out, as_json)
    return _CODES[judgement.verdict]


def _number(option: str, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise InputError(f"{option} {value}: expected a finite number")
    return value


def _show(report: Report, out: Path | None, as_json: bool) -> None:
    if out is not None:
        write_report(report, folder(out))
    if as_json:
        click.echo(report.model_dump_json(indent=2))
        return
    print_report(report, stdout_console())
    (entry,) = report.predictions
    if entry.verdict in (Verdict.ACCEPTED, Verdict.REJECTED):
        click.echo(entry.reason)
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}")
