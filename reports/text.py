"""Phrases shared by the renderers. Imports ``theory`` and ``reports.document``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from reports.document import LookEntry, PredictionEntry, Report, VerdictEntry
from reports.outcome import agrees, judged
from theory.verdict import Verdict


def estimate_text(entry: VerdictEntry | LookEntry) -> str:
    """Estimate and interval, or a dash when there is none."""
    if entry.estimate is None or entry.interval is None:
        return "-"
    low, high = entry.interval
    return f"{entry.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"


def predicted_text(entry: VerdictEntry) -> str:
    """The prediction and its margin, or the end of a one-sided claim."""
    low, high = entry.band
    if low is None and high is not None:
        return f"at most {high:+.3g}"
    if high is None and low is not None:
        return f"at least {low:+.3g}"
    return f"{entry.predicted:+.3g} ± {entry.margin:.3g}"


def source_text(report: Report) -> str:
    """Where the measurements come from."""
    if report.table is not None:
        return f"table {report.table}"
    images = "" if report.images is None else f", training on {report.images}"
    return f"profile {report.profile}, seed {report.seed}{images}"


def campaigns_text(entry: PredictionEntry) -> str:
    """How often this prediction was tried in the same store, and what came out."""
    others = [
        f"seed {c.seed}, {c.profile}, margin {c.margin:g}, judged among {c.family}: "
        f"{c.verdict or 'unfinished'}"
        for c in entry.campaigns
        if not c.this
    ]
    return f"{len(entry.campaigns)} campaigns in this store: {'; '.join(['this one', *others])}"


def tried_again(report: Report) -> Iterator[str]:
    """What ``campaigns_text`` says of predictions that were tried more than once, each text once.

    A store that a changed catalogue goes on with says the same of every prediction.
    """
    ids: dict[str, list[str]] = {}
    for entry in report.predictions:
        if len(entry.campaigns) > 1:
            ids.setdefault(campaigns_text(entry), []).append(entry.id)
    for text, (first, *more) in ids.items():
        yield f"{first}{f' and {len(more)} more' if more else ''}: {text}"


def engines_text(entry: PredictionEntry) -> str:
    """Which engine ran its cells; which ones, if there were two."""
    if len(entry.engines) == 1:
        return next(iter(entry.engines))
    return "; ".join(f"{engine}: {', '.join(cells)}" for engine, cells in entry.engines.items())


def family_text(report: Report) -> str:
    """How many relations were judged together, and at which error rate."""
    looks = f", shared by {report.looks} announced looks" if report.looks > 1 else ""
    return (
        f"{report.family} relations judged together at a nominal family-wise error rate of "
        f"{report.family_alpha:g} (Holm){looks}"
    )


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
    if report.table is not None:
        return parts[0]
    return "; ".join(parts if changed or unrecorded else [*parts, "all as on record"])
