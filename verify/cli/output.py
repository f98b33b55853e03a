"""Where reports go. Imports click and ``reports``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reports.renderers import RENDERERS
from theory.errors import UnavailableError
from verify.cli.console import stdout_console

if TYPE_CHECKING:
    from reports.document import Report


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
    for name in ("json", "html"):
        text = RENDERERS[name](report)
        (out / f"report.{name}").write_text(text, encoding="utf-8")


def print_report(report: Report, as_json: bool) -> None:
    """The document, or the table of verdicts, on standard output."""
    from reports.renderers.terminal import render  # needs pydantic, which few commands do

    text = RENDERERS["json"](report) if as_json else render(report, stdout_console())
    click.echo(text, nl=False)
