"""Where reports go. Imports ``reports``."""

from __future__ import annotations

from pathlib import Path

from reports.document import Report
from reports.html import render_html
from theory.errors import UnavailableError


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
