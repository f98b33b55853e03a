"""Rows of names and cells in the width that there is. Standard library only.

A table of rich takes as long as all the rest of a short command, and breaks names.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

_INDENT = "  "
_NARROWEST_LAST = 20


def output_width() -> int | None:
    """Columns of the terminal; ``None`` in a pipe, where a line a row is best for grep."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def in_columns(rows: Sequence[Sequence[str]], width: int | None) -> Iterator[str]:
    """The rows in lines: one each where all have room, or the name above its cells.

    The last cell is wrapped, and nothing else is broken.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if width is None or sum(widths) + 2 * (len(widths) - 1) <= width:
        for row in rows:
            yield _joined(row, widths, "  ")
        return
    others = widths[1:]
    wide = len(_INDENT) + sum(others) + 2 * (len(others) - 1) > width
    gap = " " if wide else "  "
    before = len(_INDENT) + sum(others[:-1]) + len(gap) * (len(others) - 1)
    for row in rows:
        yield row[0]
        front = _INDENT + _joined(row[1:-1], others[:-1], gap, filled=True) + gap
        last = textwrap.wrap(
            row[-1],
            max(width - before, _NARROWEST_LAST),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
        yield (front + last[0]).rstrip()
        yield from (" " * before + more for more in last[1:])


def filled(text: str) -> str:
    """A sentence in lines as wide as the terminal, or in one line in a pipe."""
    width = output_width()
    return text if width is None else textwrap.fill(text, width, break_on_hyphens=False)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines; those that go on are indented once more, and no word is broken."""
    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(
        text.strip(),
        max(width, _NARROWEST_LAST + len(indent)),
        initial_indent=indent,
        subsequent_indent=indent + _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _joined(cells: Sequence[str], widths: Sequence[int], gap: str, filled: bool = False) -> str:
    line = gap.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return line if filled else line.rstrip()
