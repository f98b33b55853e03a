"""The report as JSON, in the form that its schema describes. Imports ``reports``."""

from __future__ import annotations

from reports.document import Report


def render(report: Report) -> str:
    """Return the whole document, indented."""
    return report.model_dump_json(indent=2) + "\n"
