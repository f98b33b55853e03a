"""Where results go: the terminal, and the folder of ``--out``. Imports rich and ``reports``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from theory.errors import UnavailableError

if TYPE_CHECKING:
    from reports.document import Report

_PIPED_WIDTH = 140


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
    """The document and the page, in a folder."""
    from reports.html import render_html  # draws with matplotlib, which few commands need

    (out / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (out / "report.html").write_text(render_html(report), encoding="utf-8")
