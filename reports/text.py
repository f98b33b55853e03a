"""Phrases shared by the renderers. Imports ``theory`` and ``reports.document``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reports.document import Report, VerdictEntry, agrees, judged
from theory.prediction import Verdict


def estimate_text(entry: VerdictEntry) -> str:
    """Estimate and interval, or a dash when there is none."""
    if entry.estimate is None or entry.interval is None:
        return "-"
    low, high = entry.interval
    return f"{entry.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"


def predicted_text(entry: VerdictEntry) -> str:
    """The predicted number with its margin."""
    return f"{entry.predicted:+.2f} ± {entry.margin:.2f}"


def _counted(name: str, entries: Iterable[VerdictEntry]) -> str:
    counts = Counter(entry.verdict for entry in entries)
    found = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return f"{counts.total()} {name}: {found or 'none'}"


def summary(report: Report) -> str:
    """How many predictions and rivals got which verdict, and how many are not as on record."""
    rivals = [entry.rival for entry in report.predictions if entry.rival is not None]
    parts = [_counted("predictions", report.predictions)]
    parts += [_counted("rivals", rivals)] if rivals else []
    entries = judged(report).values()
    unrecorded = sum(entry.recorded is None for entry in entries)
    changed = sum(not agrees(entry) for entry in entries) - unrecorded
    parts += [f"{changed} not as on record"] if changed else []
    parts += [f"{unrecorded} without a record"] if unrecorded else []
    return "; ".join(parts if changed or unrecorded else [*parts, "all as on record"])
