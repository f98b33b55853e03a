"""A comparison for pull requests and job summaries. Imports ``reports.comparison``."""

from __future__ import annotations

from reports.comparison.document import Comparison
from reports.comparison.text import HEADINGS, cells_of, headline, joint_text
from reports.markdown import Block, code, document, plain, table


def render(comparison: Comparison) -> str:
    """Return at most 64 kB, other verdicts first."""
    rows = [
        [code(name), *map(plain, others)] for name, *others in map(cells_of, comparison.changes)
    ]
    sides = f"{code(comparison.before)} to {code(comparison.after)}"
    blocks = [
        Block([f"### scaleproof compare: {headline(comparison)}", "", sides]),
        table(HEADINGS, rows),
        Block([f"- {plain(note)}" for note in comparison.notes], head=[""]),
    ]
    return document(blocks, ["", plain(joint_text(comparison))])
