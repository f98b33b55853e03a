"""Where results go: the terminal, and the folder of ``--out``. Imports rich and ``reports``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from reports.outcome import Outcome, outcome
from reports.renderers import RENDERERS
from theory.errors import UnavailableError

if TYPE_CHECKING:
    from reports.document import Report

_PIPED_WIDTH = 160

# The exit code of each outcome of a report, and what it means.
EXITS = {
    Outcome.AS_RECORDED: (0, "every verdict is the one on record, if there is one for its data."),
    Outcome.NOT_AS_RECORDED: (1, "some verdict is not the one on record."),
    Outcome.UNDECIDED: (
        3,
        "nothing contradicts the record, but all announced looks were too few to decide "
        "everything; their reasons say how many replicates would.",
    ),
    Outcome.INTERRUPTED: (
        4,
        "interrupted; the same scaleproof verify goes on, if its code is the same.",
    ),
}


# Where predictions are a user's own, nothing is on record.
_OF_OWN_PREDICTIONS = {
    Outcome.AS_RECORDED: "every prediction is accepted.",
    Outcome.NOT_AS_RECORDED: "some prediction is rejected or invalid.",
    Outcome.UNDECIDED: "nothing is rejected, but all announced looks were too few to decide "
    "everything; their reasons say how many replicates would.",
}


def meant(report: Report) -> tuple[int, str]:
    """The exit code of a report, and what it means."""
    found = outcome(report)
    code, meaning = EXITS[found]
    own = report.predictions_from is not None
    return code, _OF_OWN_PREDICTIONS.get(found, meaning) if own else meaning


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


def write_report(report: Report, out: Path) -> None:
    """The document and the page, in a folder; each as a whole or not at all."""
    from verify.documents.checkout import write_files

    for name in ("json", "html"):
        text = RENDERERS[name](report)
        write_files({out / f"report.{name}": text})


def print_report(report: Report, as_json: bool) -> None:
    """The document, or the table of verdicts, on standard output."""
    from reports.renderers.terminal import render

    text = RENDERERS["json"](report) if as_json else render(report, stdout_console())
    click.echo(text, nl=False)


def finish(report: Report, out: Path, as_json: bool) -> int:
    """Write and print the report of a campaign; the exit code that its outcome has."""
    write_report(report, out)
    print_report(report, as_json)
    if not as_json:
        click.echo(f"Report: {out / 'report.html'}")
    code, meaning = meant(report)
    click.echo(f"Exit code {code}: {meaning}", err=True)
    return code
