"""Phrases shared by the renderers. Imports ``theory`` and ``reports.document``."""

from __future__ import annotations

from collections import Counter

from reports.document import Report, VerdictEntry
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


def summary(report: Report) -> str:
    """How many predictions got which verdict, in one line."""
    counts = Counter(entry.verdict for entry in report.predictions)
    found = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    changed = sum(
        entry.recorded is not None and entry.verdict != entry.recorded
        for entry in report.predictions
    )
    record = f"{changed} not as on record" if changed else "all as on record"
    if all(entry.recorded is None for entry in report.predictions):
        record = "none on record"
    return f"{len(report.predictions)} predictions: {found}; {record}"
