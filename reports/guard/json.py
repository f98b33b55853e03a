"""A guard's report as JSON, in the form that its schema describes. Imports ``reports``."""

from __future__ import annotations

from reports.guard.document import GuardReport


def render(report: GuardReport) -> str:
    """Return the whole document, indented."""
    return report.model_dump_json(indent=2) + "\n"
