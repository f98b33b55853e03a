"""``scaleproof judge``: a verdict on a table of measurements. Imports click and ``verify``."""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
import pandas as pd

from reports.document import Report
from reports.outcome import FailOn, outcome
from theory.errors import InputError
from theory.prediction import Prediction
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
from verify.tables.columns import Columns, checked, listed, named
from verify.tables.family import judge_family
from verify.tables.groups import Empty, Selection, Zeros, kept, several
from verify.tables.read import SUFFIXES, read_tables
from verify.tables.subject import Subject

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
@click.argument("arguments", nargs=-1, metavar="TABLE... [ID]")
@click.option("--x", help="Column of sizes, such as depth.")
@click.option("--y", help="Column of measurements; several, or a pattern, are groups of a family.")
@click.option("--replicate", help="Column that names the replicate, such as seed.")
@click.option(
    "--replicate-by-order", is_flag=True, help="Repeated rows are replicates, in their order."
)
@click.option("--pair", help="Column that names one of two settings.")
@click.option("--rate", help="Column of learning rates.")
@click.option(
    "--where", multiple=True, metavar="COLUMN=VALUE", help="Only rows with this value; repeatable."
)
@click.option("--by", metavar="COLUMN,...", help="A verdict for each group, as one family (Holm).")
@click.option(
    "--fold-blocks",
    is_flag=True,
    help="Modules of --by that differ in a number between dots are one group: their mean.",
)
@click.option("--control", metavar="COLUMN=VALUE", help="Rows that have to be rejected.")
@click.option(
    "--zeros",
    type=click.Choice([str(each) for each in Zeros]),
    default=Zeros.REFUSE.value,
    show_default=True,
    help="What becomes of exact zeros, which have no logarithm.",
)
@click.option(
    "--empty",
    type=click.Choice([str(each) for each in Empty]),
    default=Empty.MISSING.value,
    show_default=True,
    help="What an empty y is: pandas writes a nan that was computed as nothing.",
)
@click.option(
    "--from-path",
    metavar="REGEX",
    help="Named groups become columns, such as 'depth(?P<depth>[0-9]+)'.",
)
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
    arguments: tuple[str, ...],
    x: str | None,
    y: str | None,
    replicate: str | None,
    replicate_by_order: bool,
    pair: str | None,
    rate: str | None,
    where: tuple[str, ...],
    by: str | None,
    fold_blocks: bool,
    control: str | None,
    zeros: str,
    empty: str,
    from_path: str | None,
    margin: float | None,
    corrections: tuple[str, ...],
    out: Path | None,
    fail_on: frozenset[FailOn],
    as_json: bool,
    **claims: str | float | bool | None,
) -> int:
    """Judge measurements that were made elsewhere.

    TABLE is CSV, JSON or Parquet, or a pattern of files, with one measurement a row. What is
    claimed of it is a prediction of the catalogue (ID) or one of the options from --exponent to
    --smaller, with a --margin. An empty y is missing, nan and inf are diverged. Of several groups,
    the worst decides how the command ends.
    """
    started = datetime.now(UTC)
    tables, prediction = _tables(arguments)
    claim = None if prediction is None else _found(prediction)
    made = _the_claim(prediction, claims)
    read = read_tables(tables, from_path)
    needs = {
        "--x COLUMN (sizes, such as width)": x or claim,
        f"--y COLUMN ({_measured(claim)})": y,
        "--replicate COLUMN (such as seed), or --replicate-by-order": replicate
        or replicate_by_order,
        "--margin (how far off is still right, said before judging)": claim or margin is not None,
        "--pair COLUMN (names the two settings)": pair is not None or made not in _OF_SETTINGS,
        "--rate COLUMN (learning rates)": rate is not None or made != "best_rate_exponent",
    }
    missing = [option for option, given in needs.items() if not given]
    if missing:
        columns_there = listed(read.frame.columns)
        raise InputError(f"missing: {'; '.join(missing)}. The table has: {columns_there}")
    if replicate is not None and replicate_by_order:
        raise InputError("--replicate and --replicate-by-order: give one of them")
    assert y is not None
    frame, measured, of_names = several(read.frame, y)
    groups = (*of_names, *_columns(by, frame))
    selection = Selection(
        _one_value_each(_equation("--where", text) for text in where),
        groups,
        fold_blocks,
        None if control is None else _equation("--control", control),
        Zeros(zeros),
        Empty(empty),
    )
    frame = kept(frame, selection.where)
    stated = claim or _relation(made, claims[made], str(x), frame, pair)
    subject = Subject.of(stated, margin, x, corrections)
    columns = Columns(subject.x, measured, replicate, pair, rate)
    family = judge_family(frame, columns, subject, selection)
    command = shlex.join(["scaleproof", *sys.argv[1:]])
    name = Path(tables[0]).name if len(tables) == 1 else f"{len(tables)} files"
    report = table_report(name, columns, family, command, started)
    _show(report, out, as_json, fail_on)
    if claim is not None:
        said = f"column {y!r} is taken for {claim.observable}: {claim.observable.definition}"
        click.echo(said, err=True)
    for line in read.said:
        click.echo(f"{name}: {line}", err=True)
    return outcome(report, fail_on)


def _tables(arguments: tuple[str, ...]) -> tuple[list[str], str | None]:
    """Files or patterns, and the id of a prediction where the last argument is no file."""
    if not arguments:
        raise InputError("no table; give a file, or a pattern of files in quotes")
    *first, last = arguments
    if first and not last:
        raise InputError("ID '': expected a prediction, such as A6.own.depth, or nothing")
    of_file = os.path.exists(last) or any(mark in last for mark in "/*?[\\")  # noqa: PTH110 - any text
    if not first or of_file or Path(last).suffix.lower() in SUFFIXES:
        return list(arguments), None
    return first, last


def _one_value_each(equations: Iterable[tuple[str, str]]) -> dict[str, str]:
    held: dict[str, str] = {}
    for column, value in equations:
        if column in held:
            raise InputError(
                f"--where {column}={value}: {column} is {held[column]} already; say one"
            )
        held[column] = value
    return held


def _found(prediction: str) -> Prediction:
    """A prediction by id; the catalogue takes a while to load, and most claims are not of it."""
    from theory.catalogue import find

    return find(prediction)


def _measured(claim: Prediction | None) -> str:
    if claim is None:
        return "measurements"
    return f"{claim.observable}: {claim.observable.definition}"


def _columns(by: str | None, frame: pd.DataFrame) -> tuple[str, ...]:
    """The columns of --by: one name, or several with commas between."""
    if by is None:
        return ()
    names = (by,) if by in frame.columns else tuple(part.strip() for part in by.split(","))
    for name in names:
        checked(frame, name)
    return names


def _equation(option: str, text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not (column and equals):
        raise InputError(f"{option} {text!r}: expected COLUMN=VALUE, such as t=3")
    return column, value


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
    assert pair is not None
    names = named(frame, pair, empty=True).names
    # The setting that is claimed to be smaller, or the first by name.
    first = said if isinstance(said, str) else names[0]
    others = [other for other in names if other != first]
    if first not in names or len(others) != 1:
        claim = f"{_option(name)} {said!r}" if isinstance(said, str) else _option(name)
        raise InputError(
            f"{claim}: expected one of two settings in column {pair!r}, which names "
            f"{listed(map(repr, names))}"
        )
    return _OF_SETTINGS[name](x, others[0])


def _show(report: Report, out: Path | None, as_json: bool, fail_on: frozenset[FailOn]) -> None:
    if out is not None:
        write_report(report, folder(out), fail_on)
    print_report(report, as_json)
    if as_json:
        return
    decided = (Verdict.ACCEPTED, Verdict.REJECTED)
    if len(report.predictions) == 1 and report.predictions[0].verdict in decided:
        click.echo(report.predictions[0].reason)
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}")
