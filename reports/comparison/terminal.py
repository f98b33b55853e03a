"""A comparison for people at a terminal. Imports rich and ``reports.comparison``."""

from __future__ import annotations

import io

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reports.comparison.document import Comparison
from reports.comparison.text import HEADINGS, cells_of, headline, joint_text

_WIDTH = 160


def render(comparison: Comparison, console: Console | None = None) -> str:
    """Return what changed as a table, then what a reader should know.

    ``console`` says how wide the text is and which colours it has, as for reports.
    """
    target = console or Console(file=io.StringIO(), width=_WIDTH, color_system=None)
    table = Table(title=escape(f"{comparison.before} -> {comparison.after}"), title_justify="left")
    for heading in HEADINGS:
        table.add_column(escape(heading), overflow="fold")
    for change in comparison.changes:
        table.add_row(*map(escape, cells_of(change)))
    with target.capture() as capture:
        if comparison.changes:
            target.print(table)
        for line in [*comparison.notes, joint_text(comparison), headline(comparison)]:
            target.print(escape(line))
    return capture.get()
