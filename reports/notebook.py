"""What a notebook shows of a value: one small table. Imports markupsafe.

No script, no style sheet: a notebook has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

MOST_ROWS = 40


def table_html(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A caption and a table, everything escaped; of many rows the first ones, and how many more."""
    every = list(rows)
    parts = [Markup("<p><b>{}</b></p>").format(caption)]
    if every:
        parts += [_row("th", headings), *(_row("td", row) for row in every[:MOST_ROWS])]
        parts[1:] = [Markup("<table>"), *parts[1:], Markup("</table>")]
    if len(every) > MOST_ROWS:
        parts.append(Markup("<p>and {} more</p>").format(len(every) - MOST_ROWS))
    return str(Markup("\n").join(parts))


def _row(tag: str, cells: Sequence[str]) -> Markup:
    cell = Markup("<{0} style='text-align: left'>{1}</{0}>")
    made = (cell.format(Markup(tag), one) for one in cells)  # noqa: S704 - a name of ours
    return Markup("<tr>{}</tr>").format(Markup("").join(made))
