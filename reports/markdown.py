"""Markdown as pull requests and job summaries show it: safe cells, and never too much of it.

Imports the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.names import shortened

LONGEST = 64_000  # bytes; a comment on GitHub has at most 65,536 characters
_LONGEST_CELL = 300
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~])")
_NO_MENTION = "@&#8203;"  # a space of no width: nobody is notified


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together: of ``lines`` the last are left out where there is no room.

    ``head`` and ``foot`` stand around what is left of them.
    """

    lines: Sequence[str]
    head: Sequence[str] = ()
    foot: Sequence[str] = ()


def plain(text: str) -> str:
    """Text in which nothing is markup, on one line."""
    return _SPECIAL.sub(r"\\\1", _cut(text)).replace("@", _NO_MENTION)


def code(text: str) -> str:
    """A name or a command as code, also in a table."""
    return f"`{_cut(text).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _cut(text: str) -> str:
    return shortened(" ".join(text.split()), _LONGEST_CELL)


def row(cells: Sequence[str]) -> str:
    """A row of a table; its cells are made by ``plain`` or ``code``."""
    return f"| {' | '.join(cells)} |"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Block:
    """A table, of which the last rows may be left out."""
    return Block(
        [row(cells) for cells in rows],
        ["", row(headings), row(["---"] * len(headings))],
    )


def folded(block: Block, summary: str) -> Block:
    """A block that is shown on a click."""
    opened = ["", f"<details><summary>{plain(summary)}</summary>", *block.head]
    return Block(block.lines, opened, [*block.foot, "", "</details>"])


def document(blocks: Sequence[Block], end: Sequence[str]) -> str:
    """The blocks in order, then the end, in at most ``LONGEST`` bytes."""
    left = LONGEST - _bytes(end)
    lines: list[str] = []
    for block in blocks:
        left -= _bytes([*block.head, *block.foot, "", _more(len(block.lines))])
        kept = _fitting(block.lines, left)
        if left < 0 or not block.lines:
            continue
        left -= _bytes(block.lines[:kept])
        dropped = len(block.lines) - kept
        lines += [*block.head, *block.lines[:kept], *block.foot]
        lines += ["", _more(dropped)] if dropped else []
    return "\n".join([*lines, *end]) + "\n"


def _fitting(lines: Sequence[str], room: int) -> int:
    """How many of the first lines fit."""
    for count, line in enumerate(lines):
        room -= _bytes([line])
        if room < 0:
            return count
    return len(lines)


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _more(count: int) -> str:
    return f"*{count} more are in the report.*"
