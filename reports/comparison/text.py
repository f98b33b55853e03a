"""Phrases shared by the renderers of a comparison. Imports ``reports.comparison``."""

from __future__ import annotations

from collections import Counter

from reports.comparison.document import Change, Comparison, Kind, Side

HEADINGS = ("name", "what", "before", "after", "difference [joint interval]")


def headline(comparison: Comparison) -> str:
    """How much changed."""
    counts = Counter(change.kind for change in comparison.changes)
    parts = [f"{counts[kind]} {kind}" for kind in Kind if counts[kind]]
    return f"{', '.join(parts) or 'nothing changed'}; {comparison.compared} compared"


def joint_text(comparison: Comparison) -> str:
    """How intervals were made."""
    return (
        "An estimate moved where its joint interval excludes 0; any at all is said to have moved "
        f"by mistake with probability {comparison.family_alpha:g} (Holm)."
    )


def cells_of(change: Change) -> tuple[str, ...]:
    """A change in the columns of ``HEADINGS``."""
    kind = str(change.kind)
    if change.kind is Kind.VERDICT and change.moved:
        kind = f"{kind}, {Kind.MOVED}"
    name = f"{change.name} ({change.cell})" if change.cell else change.name
    return (name, kind, _side(change.before), _side(change.after), _difference(change))


def _side(side: Side | None) -> str:
    if side is None:
        return "-"
    said = [side.verdict.value] if side.verdict is not None else []
    said += [f"{side.estimate:+.4g}"] if side.estimate is not None else []
    return ", ".join(said) or "-"


def _difference(change: Change) -> str:
    found = change.difference
    if found is None:
        return "-"
    return f"{found.estimate:+.3g} [{found.low:+.3g}, {found.high:+.3g}]"
