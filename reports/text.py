"""Phrases shared by the renderers. Imports ``theory`` and ``reports``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from reports.document import (
    ControlEntry,
    LookEntry,
    PredictionEntry,
    Report,
    VerdictEntry,
)
from reports.outcome import agrees, judged
from theory.prediction import Standing
from theory.verdict import Verdict

_STANDINGS: Mapping[Standing, str] = {
    Standing.STATED: "a sentence of the source",
    Standing.READING: "one of two readings of the source",
    Standing.PROJECT: "the project's own; no source says so",
}


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


def standing_text(entry: PredictionEntry) -> str:
    """Whose statement it is, and the id of the other reading if it is one of two."""
    if entry.standing is None:
        return "-"
    other = "" if entry.twin is None else f"; the other one is {entry.twin}"
    return f"{_STANDINGS[entry.standing]}{other}"


def shifted_text(control: ControlEntry) -> str:
    """What a control is that measures nothing of its own; empty for others."""
    if control.shifted is None:
        return ""
    own = "training, its base rates" if control.of_rates else "measurement"
    return f"the claim's own {own} times {control.shifted}"


def shifted_controls(report: Report) -> Iterator[str]:
    """Which predictions have such controls, a line for each text."""
    ids: dict[str, list[str]] = {}
    for entry in report.predictions:
        for text in filter(None, map(shifted_text, entry.controls)):
            ids.setdefault(text, []).append(entry.id)
    for text, names in ids.items():
        yield f"{_first_of(names)}: a control is {text}"


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
    for text, names in ids.items():
        yield f"{_first_of(names)}: {text}"


def _first_of(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def engines_text(entry: PredictionEntry) -> str:
    """Which engine ran its cells; which ones, if there were two."""
    if len(entry.engines) == 1:
        return next(iter(entry.engines))
    return "; ".join(f"{engine}: {', '.join(cells)}" for engine, cells in entry.engines.items())


def family_text(report: Report) -> str:
    """How many relations were judged together, and at which error rate."""
    looks = f", shared by {report.looks} announced looks" if report.looks > 1 else ""
    plural = "" if report.family == 1 else "s"
    return (
        f"{report.family} relation{plural} judged together at a nominal family-wise error rate of "
        f"{report.family_alpha:g} (Holm){looks}"
    )


def left_out(report: Report) -> Iterator[str]:
    """Which groups of a table have no verdict, a line for each reason."""
    groups: dict[str, list[str]] = {}
    for group, why in report.left_out.items():
        groups.setdefault(why, []).append(group)
    for why, names in groups.items():
        yield f"left out, {why}: {'; '.join(names)}"


def of_controls(report: Report) -> Iterator[str]:
    """What became of the control of a table, which all of its groups share."""
    if report.table is not None and report.predictions:
        for control in report.predictions[0].controls:
            place = f"control {control.name} ({control.setting})"
            yield f"{place}: {control.verdict}, {estimate_text(control)}"


def _counted(name: str, entries: Sequence[VerdictEntry], rejected: str = "") -> str:
    counts = Counter(entry.verdict for entry in entries)
    said = {Verdict.REJECTED: rejected}
    parts = [f"{counts[v]} {v}{said.get(v, '')}" for v in Verdict if counts[v]]
    plural = "" if len(entries) == 1 else "s"
    return f"{len(entries)} {name}{plural}: {', '.join(parts) or 'none'}"


def _rejected_by_standing(predictions: Sequence[PredictionEntry]) -> str:
    """Whose statements were rejected: where a twin is accepted, its source may have meant that."""
    accepted = {entry.id for entry in predictions if entry.verdict is Verdict.ACCEPTED}
    counts = Counter(
        (entry.standing, entry.twin in accepted)
        for entry in predictions
        if entry.verdict is Verdict.REJECTED
    )
    phrases = {
        (Standing.STATED, False): "of stated sentences",
        (Standing.READING, True): "of second readings, whose twin is accepted",
        (Standing.READING, False): "of readings whose twin is not",
        (Standing.PROJECT, False): "of the project's own",
    }
    parts = [f"{counts[key]} {phrase}" for key, phrase in phrases.items() if counts[key]]
    return f" ({'; '.join(parts)})" if parts else ""


def summary(report: Report) -> str:
    """How many predictions and rivals got which verdict, and how many are not as on record."""
    rivals = [entry.rival for entry in report.predictions if entry.rival is not None]
    by_standing = _rejected_by_standing(report.predictions)
    parts = [_counted("prediction", report.predictions, by_standing)]
    parts += [_counted("rival", rivals)] if rivals else []
    entries = judged(report).values()
    unrecorded = sum(entry.recorded is None for entry in entries)
    changed = sum(not agrees(entry) for entry in entries) - unrecorded
    parts += [f"{changed} not as on record"] if changed else []
    parts += [f"{unrecorded} without a record"] if unrecorded else []
    if report.table is not None:
        return parts[0]
    return "; ".join(parts if changed or unrecorded else [*parts, "all as on record"])
