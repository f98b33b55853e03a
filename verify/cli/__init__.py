"""The command line ``scaleproof``. Imports click; commands import the rest.

Data goes to stdout, progress and errors to stderr. Exit codes are those of ``reports.exits``.
"""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

import click

from reports.exits import Exit
from reports.names import shortened
from theory.errors import DomainError
from verify.cli.encoding import write_what_can_be_written
from verify.cli.interrupts import heeding_sigterm

_LONGEST_LINE = 2000


class _Entry(NamedTuple):
    """Where a command is, and the first sentence of its help."""

    module: str
    function: str
    summary: str


# A command is added here, and its file beside this one.
COMMANDS = {
    "list": _Entry(
        "verify.cli.catalogue",
        "list_predictions",
        "List the predictions of the catalogue with the verdicts on record.",
    ),
    "show": _Entry(
        "verify.cli.catalogue",
        "show_prediction",
        "Show one prediction, or a claim with the verdicts on record and how to try them again.",
    ),
    "cite": _Entry(
        "verify.cli.cite",
        "cite_sources",
        "Print BibTeX of the sources of predictions, with the places they cite.",
    ),
    "plan": _Entry(
        "verify.cli.plan",
        "plan_predictions",
        "Print replicates, power, detectable margin and cost before anything is verified.",
    ),
    "verify": _Entry(
        "verify.cli.verify",
        "verify_predictions",
        "Measure finite networks and accept or reject predictions.",
    ),
    "report": _Entry(
        "verify.cli.report",
        "report_campaign",
        "Judge the latest campaign of a folder again, and write its report there.",
    ),
    "store": _Entry(
        "verify.cli.store",
        "manage_store",
        "Look into stored measurements, export, prune or merge them.",
    ),
    "guard": _Entry(
        "verify.cli.guard",
        "guard_network",
        "Judge how your own network scales, and find the parameter at fault.",
    ),
    "fuzz": _Entry(
        "verify.cli.fuzz",
        "fuzz_power_counting",
        "Draw variants, and look for exponents that power counting has wrong.",
    ),
    "judge": _Entry(
        "verify.cli.judge", "judge_table", "Judge measurements that were made elsewhere."
    ),
    "compare": _Entry(
        "verify.cli.compare",
        "compare_runs",
        "Show which verdicts changed between two runs, and which estimates moved.",
    ),
    "rate": _Entry(
        "verify.cli.rate",
        "print_rates",
        "Measure the maximal-update rate at several depths, and carry a tuned rate over to them.",
    ),
    "record": _Entry(
        "verify.cli.record",
        "record_report",
        "Put the verdicts of a campaign on record, for developers of the catalogue.",
    ),
}


class _Commands(click.Group):
    """Commands are imported when they are called, so that help does not wait for torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        entry = COMMANDS[cmd_name]
        command = getattr(import_module(entry.module), entry.function)
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """The context, where whoever reads the help may go."""
        with _unread():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """The exit code of a command, whose output nobody may read to the end."""
        with _unread():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@contextmanager
def _unread() -> Iterator[None]:
    """Whoever reads stdout may go: then no more is printed, and the work is not finished."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        piped = isinstance(error.__context__, BrokenPipeError)  # as rich ends
        if isinstance(error, SystemExit) and not piped:
            raise
        sys.stdout = io.StringIO()
        raise click.exceptions.Exit(Exit.STOPPED) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scaleproof", prog_name="scaleproof")
def scaleproof() -> None:
    """Verdicts on scaling theories of neural networks, measured on real finite networks."""


def main() -> None:
    """Run the command line; every error that a user can mend is one line and exit code 2.

    SIGTERM does what Ctrl-C does.
    """
    write_what_can_be_written()
    try:
        with heeding_sigterm():
            code = scaleproof.main(standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = Exit.USAGE
    except click.MissingParameter as error:
        code = _one_line(_missing(error), Exit.USAGE)
    except (click.ClickException, DomainError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        code = _one_line(text, Exit.USAGE)
    except click.Abort as error:
        said = str(error) or "interrupted; what verify has measured is kept"
        code = _one_line(said, Exit.STOPPED)
    except (OSError, sqlite3.Error, RuntimeError, MemoryError) as error:
        code = _one_line(f"the run failed: {type(error).__name__}: {error}", Exit.STOPPED)
    sys.exit(code)


def _missing(error: click.MissingParameter) -> str:
    """All that is missing, and not only the first of it."""
    context = error.ctx
    if context is None:
        return error.format_message()
    given = click.core.ParameterSource.COMMANDLINE
    names = [
        parameter.opts[0]
        if isinstance(parameter, click.Option)
        else parameter.make_metavar(context)
        for parameter in context.command.params
        if parameter.required and context.get_parameter_source(parameter.name or "") is not given
    ]
    return f"missing: {', '.join(names)}; see scaleproof {context.info_name} --help"


def _one_line(text: str, code: int) -> int:
    click.echo(f"scaleproof: {shortened(' '.join(text.split()), _LONGEST_LINE)}", err=True)
    return code
