"""Whole sentences about a report and about its verdicts. Imports ``theory`` and ``reports``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reports.document import PredictionEntry, Report, RivalEntry, VerdictEntry
from reports.outcome import agrees, judged
from reports.reasons import reason_text
from reports.text import source_text
from theory.expectations import Summary
from theory.prediction import Standing
from theory.scaling import Axis
from theory.verdict import ReasonKind, Verdict

_SAID = {
    Verdict.ACCEPTED: "Accepted",
    Verdict.REJECTED: "Rejected",
    Verdict.INCONCLUSIVE: "Not decided yet",
    Verdict.INVALID: "Cannot be judged",
}

_OWNERS = {
    Standing.STATED: "stated by it",
    Standing.READING: "readings of it",
    Standing.PROJECT: "this project's own, about it",
}
_MOST_NAMES = 5
_OF_THE_FIT = frozenset(
    {
        ReasonKind.SMALLEST_MOVES,
        ReasonKind.END_MOVES,
        ReasonKind.RESTS_ON_SMALLEST,
        ReasonKind.MISFIT_MATTERS,
        ReasonKind.HEAVY_TAILS,
        ReasonKind.SKEWED,
        ReasonKind.MISFIT,
        ReasonKind.MISFIT_ALONE,
        ReasonKind.FIT_UNTESTED,
        ReasonKind.BEND,
        ReasonKind.BEND_UNRESOLVED,
    }
)


def source_of(entry: PredictionEntry) -> str:
    """The work that a citation names, without the place in it."""
    work, place = entry.citation.partition("), ")[::2]
    return f"{work})" if place else work


def owner_text(standing: Standing) -> str:
    """Whose statements these are, below the name of a source."""
    return _OWNERS[standing]


def asked_text(report: Report) -> str:
    """What was asked, as a question."""
    count = len(report.predictions)
    those = f"{count} prediction{'' if count == 1 else 's'}"
    if report.table is not None:
        return f"Do the measurements of {report.table} bear out {those}?"
    whose = (
        "of scaling theories"
        if report.predictions_from is None
        else (f"of {report.predictions_from}")
    )
    holds = "Does" if count == 1 else "Do"
    return f"{holds} {those} {whose} hold in finite networks ({source_text(report)})?"


def finding_text(report: Report) -> str:
    """What was found, in two or three sentences."""
    counts = Counter(entry.verdict for entry in report.predictions)
    total, held = len(report.predictions), counts[Verdict.ACCEPTED]
    parts = [f"{held} of {total} predictions hold"]
    if counts[Verdict.REJECTED]:
        failed = [e for e in report.predictions if e.verdict is Verdict.REJECTED]
        accepted = {e.id for e in report.predictions if e.verdict is Verdict.ACCEPTED}
        whose = _whose(failed, accepted)
        fail = "fails" if len(failed) == 1 else "fail"
        parts.append(f"{len(failed)} {fail}{': ' if whose else ''}{whose}")
    if counts[Verdict.INVALID]:
        parts.append(f"{counts[Verdict.INVALID]} cannot be judged")
    if counts[Verdict.INCONCLUSIVE]:
        undecided = counts[Verdict.INCONCLUSIVE]
        parts.append(f"{undecided} {'is' if undecided == 1 else 'are'} not decided yet")
    return ". ".join(parts) + "."


def _whose(failed: Sequence[PredictionEntry], accepted: set[str]) -> str:
    """Whose statements fail: where the other reading holds, the source may have meant that."""
    standings = Counter(entry.standing for entry in failed)
    other = sum(entry.twin in accepted for entry in failed)
    parts = []
    if count := standings[Standing.STATED]:
        parts.append(f"{count} that a source states")
    if count := standings[Standing.READING]:
        holds = f" (of {other}, the other reading holds)" if other else ""
        readings = "readings" if count > 1 else "reading"
        parts.append(f"{count} {readings} of an ambiguous sentence{holds}")
    if count := standings[Standing.PROJECT]:
        parts.append(f"{count} of this project's own")
    return _listed(parts)


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def record_text(report: Report) -> str:
    """How the verdicts compare with those on record; nothing of a table, which has no record."""
    entries = judged(report)
    known = [name for name, entry in entries.items() if entry.recorded is not None]
    if not known:
        return ""
    changed = [name for name in known if not agrees(entries[name])]
    missing = len(entries) - len(known)
    if changed:
        more = len(changed) - _MOST_NAMES
        names = ", ".join(changed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
        said = f"{len(changed)} of {len(known)} verdicts differ from those on record: {names}."
    else:
        said = f"All {len(known)} verdicts, of predictions and rivals, are those on record."
    is_not = "is not" if missing == 1 else "are not"
    return f"{said} {missing} {is_not} on record." if missing else said


def statistic_text(entry: PredictionEntry | RivalEntry, axis: str) -> str:
    """What an estimate is an estimate of."""
    if entry.scale is Summary.EXPONENT:
        return f"the exponent of {Axis(axis).symbol if axis in list(Axis) else axis}"
    if entry.scale is Summary.LOGARITHM:
        return "the logarithm of measured over predicted"
    return "measured over predicted"


def verdict_sentence(entry: PredictionEntry | RivalEntry, axis: str) -> str:
    """A verdict with its numbers."""
    said = _SAID[entry.verdict]
    if entry.interval is None or entry.estimate is None:
        return f"{said}: {entry.reason}."
    low, high = entry.interval
    what = statistic_text(entry, axis)
    measured = f"{what} is {entry.estimate:+.3f}, between {low:+.3f} and {high:+.3f}"
    accepts = _accepts(entry)
    if entry.verdict is Verdict.ACCEPTED:
        return f"{said}: {measured}. All of this lies {accepts}{_but_not_exactly(entry)}."
    if entry.verdict is Verdict.REJECTED:
        off = abs(entry.estimate - entry.predicted) / entry.margin
        return f"{said}: {measured}. None of this lies {accepts}; {_off(off)}."
    if entry.verdict is Verdict.INCONCLUSIVE:
        return f"{said}: {measured}. Only a part of this lies {accepts}{_needed(entry)}."
    return f"{said}: {entry.reason}. Taken at face value, {measured}."


def _but_not_exactly(entry: VerdictEntry) -> str:
    """What is accepted may be off all the same, by less than the margin."""
    if entry.interval is None or None in entry.band:
        return ""
    low, high = entry.interval
    if low <= entry.predicted <= high:
        return ""
    return f"; {entry.predicted:+.3g} itself is not among it: it is off, by less than the margin"


def _off(margins: float) -> str:
    return f"the estimate is {margins:.1f} margins from what is predicted"


def _needed(entry: VerdictEntry) -> str:
    if entry.replicates_needed is None:
        return ""
    return f"; about {entry.replicates_needed} replicates would decide"


def _accepts(entry: VerdictEntry) -> str:
    low, high = entry.band
    if low is None:
        return f"below {high:+.3g}, which accepts"
    if high is None:
        return f"above {low:+.3g}, which accepts"
    return f"between {low:+.3g} and {high:+.3g}, which accepts"


def controls_text(entry: PredictionEntry) -> str:
    """How many controls there are, and whether all were rejected."""
    controls = [*entry.controls, *([entry.rival.control] if entry.rival else [])]
    if not controls:
        return "no control: nothing shows that the test can fail"
    count, plural = len(controls), "s" if len(controls) > 1 else ""
    rejected = sum(control.verdict is Verdict.REJECTED for control in controls)
    shifted = sum(control.shifted is not None for control in controls)
    if rejected == count:
        said = f"{count} control{plural}, rejected as {'they' if plural else 'it'} must be"
    else:
        said = f"{count} control{plural}, of which {rejected} rejected; all must be"
    return f"{said}; {shifted} shifted" if shifted else said


def tally_text(entries: Iterable[VerdictEntry]) -> str:
    """How many have which verdict, in few words."""
    counts = Counter(entry.verdict for entry in entries)
    names = {
        Verdict.ACCEPTED: "hold",
        Verdict.REJECTED: "fail",
        Verdict.INVALID: "cannot be judged",
        Verdict.INCONCLUSIVE: "undecided",
    }
    return ", ".join(f"{counts[v]} {name}" for v, name in names.items() if counts[v])


def trust_text(entry: PredictionEntry) -> str:
    """What the checks on a fit say against it, and how many could say nothing."""
    against = [reason for reason in entry.reasons if reason.kind in _OF_THE_FIT]
    checks = entry.checks
    if against or checks is None:
        return reason_text(against) or "no check was made"
    needing_more = (checks.without_smallest, checks.curvature, checks.lack_of_fit)
    if unmade := needing_more.count(None):
        return f"{unmade} of 3 checks need more cells or replicates; no other speaks against it"
    return "no check speaks against it"
