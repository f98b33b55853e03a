"""A comparison as one HTML page, no network, no script. Imports ``reports.comparison``."""

from __future__ import annotations

from reports.comparison.document import Comparison
from reports.comparison.text import HEADINGS, cells_of, headline, joint_text
from reports.pages import page_environment


def render(comparison: Comparison) -> str:
    """Return the page."""
    return (
        page_environment()
        .get_template("comparison.html.j2")
        .render(
            comparison=comparison,
            headings=HEADINGS,
            rows=[cells_of(change) for change in comparison.changes],
            headline=headline(comparison),
            joint=joint_text(comparison),
        )
    )
