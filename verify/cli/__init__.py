"""The command line ``scaleproof``. Imports click and ``theory.errors``; commands import the rest.

Data goes to stdout, progress and errors to stderr. Exit codes: 0 every verdict is the one on
record; 1 some verdict is not; 2 usage; 3 only inconclusive ones are left; 4 the run itself failed
or was interrupted.
"""

from __future__ import annotations

import sqlite3
import sys
from importlib import import_module
from typing import NamedTuple

import click

from theory.errors import DomainError

USAGE, FAILED = 2, 4


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
        "Show one prediction: sentence, regime, margin, controls, rival and source.",
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="scaleproof", prog_name="scaleproof")
def scaleproof() -> None:
    """Verdicts on scaling theories of neural networks, measured on real finite networks."""


def main() -> None:
    """Run the command line; every error that a user can mend is one line and exit code 2."""
    try:
        code = scaleproof.main(standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = USAGE
    except (click.ClickException, DomainError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        code = _one_line(text, USAGE)
    except click.Abort:
        code = _one_line("interrupted; what verify has measured is kept", FAILED)
    except (OSError, sqlite3.Error, RuntimeError, MemoryError) as error:
        code = _one_line(f"the run failed: {type(error).__name__}: {error}", FAILED)
    sys.exit(code)


def _one_line(text: str, code: int) -> int:
    click.echo(f"scaleproof: {' '.join(text.split())}", err=True)
    return code
