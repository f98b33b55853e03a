"""The command line ``scaleproof``. Imports click, rich and ``verify``.

Data goes to stdout, progress and errors to stderr. Exit codes: 0 every verdict is the one on
record; 1 some verdict is not; 2 usage; 3 only inconclusive ones are left; 4 the run itself failed
or was interrupted.
"""

from __future__ import annotations

import sqlite3
import sys
from importlib import import_module

import click

from theory.errors import DomainError

USAGE, FAILED = 2, 4
_COMMANDS = {
    "list": ("verify.cli.catalogue", "list_predictions"),
    "show": ("verify.cli.catalogue", "show_prediction"),
    "plan": ("verify.cli.plan", "plan_predictions"),
    "verify": ("verify.cli.verify", "verify_predictions"),
    "report": ("verify.cli.report", "report_campaign"),
    "judge": ("verify.cli.judge", "judge_table"),
    "rate": ("verify.cli.rate", "print_rates"),
}


class _Commands(click.Group):
    """Commands are imported when they are called: only three of them need torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


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
