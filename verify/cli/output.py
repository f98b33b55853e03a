"""Where results go: the terminal, and the folder of ``--out``. Imports rich and ``reports``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from reports.exits import exit_text
from reports.outcome import FailOn, outcome
from reports.renderers import RENDERERS
from theory.errors import UnavailableError

if TYPE_CHECKING:
    from reports.document import Report

_PIPED_WIDTH = 160


def stdout_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for every table in a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=_PIPED_WIDTH)


def folder(out: Path) -> Path:
    """The folder, made and proved writable before anything is measured."""
    probe = out / ".writable"
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnavailableError(
            f"cannot write to folder {str(out)!r} ({reason}); choose another one with --out"
        ) from None
    return out


def write_report(report: Report, out: Path, fail_on: Collection[FailOn] = ()) -> None:
    """The document, the page, the summary for pull requests and the one for CI, in a folder.

    Each is written as a whole or not at all.
    """
    from reports.renderers import junit, markdown
    from verify.documents.checkout import write_files

    texts = {name: RENDERERS[name](report) for name in ("json", "html")}
    texts["md"] = markdown.render(report, fail_on)
    texts["junit.xml"] = junit.render(report, fail_on)
    for name, text in texts.items():
        write_files({out / f"report.{name}": text})


def print_report(report: Report, as_json: bool) -> None:
    """The document, or the table of verdicts, on standard output."""
    click.echo(RENDERERS["json"](report) if as_json else verdicts_text(report), nl=False)


def verdicts_text(report: Report) -> str:
    """The table of verdicts: as wide as the terminal and in its colours, or plain in a pipe."""
    from reports.renderers.terminal import render

    console = stdout_console()
    return render(report, console if console.is_terminal else None)


def say_exit(code: int) -> int:
    """Say on stderr what an exit code means, and return it."""
    click.echo(exit_text(code), err=True)
    return code


def finish(report: Report, out: Path, as_json: bool, fail_on: Collection[FailOn]) -> int:
    """Write and print the report of a campaign; the exit code that its outcome has."""
    write_report(report, out, fail_on)
    print_report(report, as_json)
    if not as_json:
        click.echo(f"Report: {out / 'report.html'}")
    return say_exit(outcome(report, fail_on))
