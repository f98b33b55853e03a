"""What comparing two sources finds. Imports ``reports``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from reports.comparison.document import Change

ALPHA = 0.05  # of any estimate at all that has not moved and is said to have
_MOST_LISTED = 5


class Found(NamedTuple):
    """How many verdicts both have, what changed of them, and what a reader should know."""

    compared: int
    changes: list[Change]
    notes: list[str]


def listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    shown = list(names)
    more = len(shown) - _MOST_LISTED
    return ", ".join(shown[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
