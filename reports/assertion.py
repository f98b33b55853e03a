"""A verdict in the words of a failing test: what is claimed, what was measured, and what to do.

Imports ``reports`` and the standard library.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from reports.document import PredictionEntry, VerdictEntry
from reports.outcome import agrees, verdicts_of
from reports.text import estimate_text, predicted_text

_WIDTH = 88
_LABEL = 10  # columns of the widest label, and a space


def assertion_text(title: str, parts: Sequence[tuple[str, str]]) -> str:
    """A title, and below it what is said under each label; labels that say nothing are left out.

    A command stays on one line, to be copied.
    """
    lines = [title]
    for label, text in parts:
        if not text:
            continue
        head = f"  {label:<{_LABEL}}"
        if label == "command":
            lines.append(head + text)
            continue
        indent = " " * len(head)
        wrapped = textwrap.wrap(
            text, _WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False
        )
        lines += wrapped
    return "\n".join(lines)


def table_text(entry: VerdictEntry, of: str, command: str) -> str:
    """What is said of a table that is not accepted; ``of`` is what was measured."""
    title = f"{of}: [{entry.relation}] is {entry.verdict}"
    return assertion_text(
        title, [*_measured(entry), ("because", entry.reason), ("command", command)]
    )


def prediction_text(entry: PredictionEntry) -> str:
    """What is said of a prediction, or of its rival, that is not as on record."""
    parts: list[tuple[str, str]] = []
    titles = []
    for name, one in verdicts_of(entry).items():
        if agrees(one):
            continue
        record = "nothing is on record" if one.recorded is None else f"{one.recorded} on record"
        titles.append(f"{name} is {one.verdict}; {record}")
        parts += [("claim", one.sentence), *_measured(one), ("because", one.reason)]
        parts += [("source", one.citation)]
    return assertion_text("\n".join(titles), [*parts, ("command", entry.command)])


def _measured(entry: VerdictEntry) -> list[tuple[str, str]]:
    confidence = "" if entry.confidence is None else f" at confidence {entry.confidence:.4g}"
    plural = "" if entry.replicates == 1 else "s"
    measured = f"{estimate_text(entry)}{confidence}, {entry.replicates} replicate{plural}"
    return [
        ("predicted", f"{predicted_text(entry)} [{entry.relation}]"),
        ("measured", measured),
        ("margin", f"{entry.margin:g}"),
    ]
