"""Where reports go. Imports ``reports``."""

from __future__ import annotations

from pathlib import Path

import click

from reports.document import Report
from reports.html import render_html
from reports.outcome import Outcome, outcome
from reports.terminal import print_report
from theory.errors import UnavailableError
from verify.cli.console import stdout_console


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
    """The document and the page, in a folder."""
    (out / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (out / "report.html").write_text(render_html(report), encoding="utf-8")


# The exit code of each outcome, and what it means.
_EXITS = {
    Outcome.AS_RECORDED: (0, "every verdict is the one on record, if there is one for its data."),
    Outcome.NOT_AS_RECORDED: (1, "some verdict is not the one on record."),
    Outcome.UNDECIDED: (
        3,
        "nothing contradicts the record, but all announced looks were too few to decide "
        "everything; their reasons say how many replicates would.",
    ),
    Outcome.INTERRUPTED: (4, "interrupted; scaleproof verify continues where it was."),
}


def finish(report: Report, out: Path, as_json: bool) -> int:
    """Write and print the report of a campaign; the exit code that its outcome has."""
    write_report(report, out)
    if as_json:
        click.echo(report.model_dump_json(indent=2))
    else:
        print_report(report, stdout_console())
        click.echo(f"Report: {out / 'report.html'}")
    code, meaning = _EXITS[outcome(report)]
    click.echo(f"Exit code {code}: {meaning}", err=True)
    return code
