"""``scaleproof guard``: does a user's own network scale? Imports click and ``verify.guarding``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reports.exits import Exit
from reports.guard.outcome import Known, outcome
from reports.names import shortened
from reports.outcome import FailOn
from theory.errors import InputError
from theory.module_scaling import Demand
from theory.scaling import Axis
from verify.cli.interrupts import judging_nothing
from verify.cli.options import Place, fail_on_option, json_option, out_option
from verify.cli.output import folder
from verify.cli.progress import progress
from verify.guarding.lock import Lock, read_lock, write_lock
from verify.guarding.moved import compare

if TYPE_CHECKING:
    from reports.guard.document import GuardReport

_STEPS = "1,4,10"
_MOST = 1_000_000  # a width, a depth or a number of steps


@click.command("guard")
@click.argument("target")
@click.option("--widths", help="Widths to judge along, such as 64,128,256,512.")
@click.option("--depths", help="Depths to judge along, such as 8,16,32,64.")
@click.option(
    "--axis",
    type=click.Choice([str(axis) for axis in Axis]),
    help="Judge along this axis alone, with sizes of its own choice.",
)
@click.option(
    "--seeds",
    type=click.IntRange(2, 10_000),
    default=4,
    show_default=True,
    help="Networks of each size at the first look; each of two more looks may double them.",
)
@click.option("--steps", default=_STEPS, show_default=True, help="When changes are judged.")
@click.option(
    "--expect",
    type=click.Choice([str(demand) for demand in Demand]),
    default=str(Demand.MUP),
    show_default=True,
    help="mup: features move; complete: inside blocks, too; stable: nothing grows.",
)
@click.option("--mend", is_flag=True, help="Try every fault's mend on fresh seeds.")
@click.option("--lock", type=Place(), help="Lock file to compare with.")
@click.option("--update", is_flag=True, help="Write the lock file.")
@click.option("--rates", help="Also judge whether the best rate moves, such as 2^-10..2^-4.")
@out_option("reports (html, json, md, junit.xml)")
@fail_on_option
@json_option
@judging_nothing()
def guard_network(
    target: str,
    widths: str | None,
    depths: str | None,
    axis: str | None,
    seeds: int,
    steps: str,
    expect: str,
    mend: bool,
    lock: Path | None,
    update: bool,
    rates: str | None,
    out: Path | None,
    fail_on: frozenset[FailOn],
    as_json: bool,
) -> int:
    """Judge how your own network scales, and find the parameter at fault.

    TARGET is FILE.py:factory or package.module:factory, with factory(width, depth, seed) ->
    (model, optimizer, batch, loss). Every module and parameter gets a verdict, every cause a
    sentence and a mend. Ctrl-C or SIGTERM ends with what is judged so far. With --lock and
    --fail-on changed, what is wrong in the lock file already is no failure.

    With a parameterization as a file, variant.toml, power counting and the project's own networks
    answer; of the options, --axis, --out, --fail-on and --json are for it.
    """
    if target.endswith(".toml"):
        _refuse_options_of_factories()
        from verify.cli.variant import guard_variant

        return guard_variant(
            Path(target), None if axis is None else Axis(axis), out, fail_on, as_json
        )
    if update and lock is None:
        raise InputError("--update writes a lock file; name it with --lock FILE")
    sizes = _sizes(widths, depths, axis)
    at_steps = _numbers("--steps", steps) or []
    if out is not None:
        folder(out)
    locked = None if lock is None or update else read_lock(lock)
    report = _report(target, sizes, seeds, at_steps, expect, mend, rates)
    stopped = report.exit_code == Exit.STOPPED
    if stopped and lock is not None:
        note = f"{lock} was not {'written' if update else 'compared'}: the run was interrupted."
        report = report.model_copy(update={"notes": [*report.notes, note]})
    elif locked is not None:
        report = against(report, os.fspath(lock or ""), locked)
    elif lock is not None:
        write_lock(report, lock)
        click.echo(f"Lock written: {lock}", err=True)
        report = report.model_copy(update={"lock": os.fspath(lock)})
    known = _known(locked) if fail_on == {FailOn.CHANGED} else {}
    if not stopped:
        report = report.model_copy(update={"exit_code": int(outcome(report, fail_on, known))})
    _show(report, out, as_json, fail_on, known)
    return report.exit_code


def _refuse_options_of_factories() -> None:
    """A variant's sizes, seeds and steps are those of its predictions."""
    context = click.get_current_context()
    for name in context.params:
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and name not in ("target", "axis", "out", "fail_on", "as_json"):
            raise InputError(
                f"--{name}: belongs to a factory; leave it out for a variant's file, or take "
                "scaleproof verify --from"
            )


def _sizes(
    widths: str | None, depths: str | None, axis: str | None
) -> tuple[list[int] | None, list[int] | None]:
    """Widths and depths; those of ``guard``, where only the axis is named."""
    sizes = _numbers("--widths", widths), _numbers("--depths", depths)
    if axis is None:
        return sizes
    if sizes != (None, None):
        raise InputError("--axis chooses the sizes itself; leave out --widths and --depths, or it")
    from verify.guarding.run import DEPTHS, WIDTHS

    return (list(WIDTHS), None) if axis == Axis.WIDTH else (None, list(DEPTHS))


def _numbers(option: str, text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.replace(" ", "").split(",") if part]
    except ValueError:
        numbers = []
    if not numbers or not all(1 <= number <= _MOST for number in numbers):
        raise InputError(
            f"{option} {shortened(repr(text), 80)}: expected whole numbers from 1 to {_MOST} with "
            "commas between, such as 64,128,256"
        )
    return numbers


def _report(
    target: str,
    sizes: tuple[list[int] | None, list[int] | None],
    seeds: int,
    steps: Sequence[int],
    expect: str,
    mend: bool,
    rates: str | None,
) -> GuardReport:
    from verify.guarding.rates import grid_of
    from verify.guarding.run import Interrupted, guard
    from verify.guarding.subject import load_factory

    grid = None if rates is None else grid_of(rates)
    factory = load_factory(target)
    with progress() as advance:
        try:
            return guard(
                factory,
                widths=sizes[0],
                depths=sizes[1],
                seeds=seeds,
                steps=steps,
                expect=expect,
                mend=mend,
                rates=grid,
                target=target,
                progress=lambda done, total: advance("guard", done, total),
            ).document
        except Interrupted as stop:
            return stop.so_far.document


def against(report: GuardReport, lock: str, locked: Lock) -> GuardReport:
    """A report with what moved since the lock file was written."""
    changes, notes = compare(locked, report)
    return report.model_copy(
        update={
            "lock": lock,
            "changes": changes,
            "notes": [*report.notes, *notes],
            "ok": report.ok and not changes,
        }
    )


def _known(locked: Lock | None) -> Known:
    """The verdicts that a lock file has."""
    return {} if locked is None else {entry.key: entry.verdict for entry in locked.entries}


def _show(
    report: GuardReport, out: Path | None, as_json: bool, fail_on: frozenset[FailOn], known: Known
) -> None:
    from reports.guard import html, json, junit, markdown, terminal

    if out is not None:
        texts = {
            "json": json.render(report),
            "html": html.render(report),
            "md": markdown.render(report),
            "junit.xml": junit.render(report, fail_on, known),
        }
        for name, text in texts.items():
            (out / f"guard.{name}").write_text(text, encoding="utf-8")
    click.echo(json.render(report) if as_json else terminal.render(report), nl=False)
    if out is not None and not as_json:
        click.echo(f"Report: {out / 'guard.html'}")
