"""Phrases shared by the renderers of a guard's report. Imports ``theory`` and ``reports.guard``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from reports.exits import MEANINGS
from reports.guard.document import Change, Entry, Fault, GuardReport, Interval, RateMove, Run
from reports.guard.rows import Row, expected_exponents, folded_names, is_bound
from reports.names import shortened
from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict

QUANTITIES: Mapping[Quantity, str] = {
    Quantity.SIZE: "size of a module's output at initialization",
    Quantity.CHANGE: "size of what the steps change of a module's output",
    Quantity.SCORES: "size of the scores that an attention makes weights of, at initialization",
    Quantity.INPUT: "size of what a query or a key reads",
    Quantity.GAIN: "size of a parameter's output for random inputs of size one",
    Quantity.SHARE: "how much of the loss's decrease a parameter's step brings about",
    Quantity.SIGNAL: "size of the loss's gradient where a parameter puts its output",
    Quantity.OWN: "how far a parameter's step moves its output along the gradient",
    Quantity.ALONE: "how far a parameter's step moves its output in any direction",
    Quantity.EPSILON: "size of Adam's update over its rate; a large epsilon makes it smaller",
    Quantity.DECAY: "rate times weight decay",
}
VERDICTS: Mapping[Verdict | None, str] = {
    Verdict.REJECTED: "rejected",
    Verdict.INVALID: "invalid",
    Verdict.INCONCLUSIVE: "undecided",
    Verdict.ACCEPTED: "accepted",
    None: "shown only",
}
_BEST_RATE: Mapping[Verdict, str] = {
    Verdict.ACCEPTED: "stays",
    Verdict.REJECTED: "moves",
    Verdict.INCONCLUSIVE: "is undecided",
    Verdict.INVALID: "cannot be judged",
}
_WORDS = {"unexplained": "in", "optimizer": "for"}
_MOST_NAMES = 9
_LONGEST_NAME = 40
_MOST_FAULTS = 3


def number_text(number: float) -> str:
    """An exponent to two digits; nothing is -0.00."""
    return f"{round(number, 2) + 0.0:+.2f}"


def interval_text(interval: Interval) -> str:
    """Estimate and interval."""
    estimate, low, high = map(number_text, (interval.estimate, interval.low, interval.high))
    return f"{estimate} [{low}, {high}]"


def measured_text(row: Row) -> str:
    """An estimate with its interval, or the extremes of several."""
    if len(row.members) == 1:
        return interval_text(row.first.interval)
    return _range(row.extremes)


def expected_text(entry: Entry) -> str:
    """The exponents that are right, with the margin; a dash where nothing is demanded."""
    if not entry.expected:
        return "-"
    if is_bound(entry):
        return f"at most {max(expected_exponents(entry)) + entry.margin:.2g}"
    return f"{' or '.join(entry.expected)} ± {entry.margin:.2g}"


def count_text(row: Row) -> str:
    """How many entries a row has, and how many of them have its verdict, where not all do."""
    count, worst = len(row.members), len(row.worst)
    if count == 1 or row.of_all_names:
        return ""
    return f"{count}" if worst == count else f"{worst} of {count}"


def needed_text(entries: Sequence[Entry]) -> str:
    """How many seeds would decide what is undecided; nothing where a note says what is missing."""
    needed = [entry.seeds_needed for entry in entries if not entry.note]
    known = [seeds for seeds in needed if seeds is not None]
    if not needed:
        return ""
    if len(known) < len(needed):
        return "more than a million seeds would be needed to decide"
    return f"about {max(known)} seeds would decide"


def remarks(row: Row) -> list[str]:
    """What to say of a row below it: where it is, what would decide, and what was found."""
    said = []
    if len(row.worst) < len(row.members) and len(row.worst) <= 2:
        said.append("that is " + " and ".join(map(_with_its_number, row.worst)))
    if row.verdict is Verdict.INCONCLUSIVE and (needed := needed_text(row.worst)):
        said.append(needed)
    said.extend(dict.fromkeys(entry.note for entry in row.worst if entry.note))
    return said


def _with_its_number(entry: Entry) -> str:
    name, found = entry.parameter or entry.module, entry.interval
    return f"{name}, {found.estimate:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    shown = [shortened(name, _LONGEST_NAME) for name in names[:_MOST_NAMES]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _off_by(fault: Fault) -> str:
    """Measured over expected, as a power of the size, to a quarter; nothing without a power."""
    if not math.isfinite(fault.exponent) or fault.exponent == 0:
        return ""
    quarter = Fraction(round(4 * fault.exponent), 4)
    sign = "+" if quarter > 0 else ""
    number = f"{sign}{quarter}" if quarter else number_text(fault.exponent)
    return f" by {fault.axis.symbol}^{number}"


def fault_name(fault: Fault) -> str:
    """A cause, where it is, and by how much something is off."""
    names = fault.parameters or fault.modules
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    word = _WORDS.get(fault.cause, "of")
    where = f" {word} {shortened(names[0], _LONGEST_NAME)}{more}" if names else ""
    return f"{fault.cause}{where}{_off_by(fault)}"


def sentence(text: str) -> str:
    """A text with a full stop; nothing stays nothing."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def mend_text(fault: Fault) -> str:
    """What would set a fault right, and whether that was seen to work."""
    if fault.mend is None:
        return "No mend is known."
    seen = {
        True: "Fresh seeds verified this mend.",
        False: "On fresh seeds this mend did not set it right.",
        None: "On fresh seeds this mend is undecided."
        if fault.verification
        else "The guard did not try this mend.",
    }[fault.verified]
    parts = [f"Mend: {sentence(fault.mend.sentence)}", seen, sentence(fault.verification)]
    return " ".join(filter(None, parts))


def spoils_text(fault: Fault) -> str:
    """What else is off because of a fault; nothing where nothing is."""
    return f"It also spoils {listed(fault.spoils)}." if fault.spoils else ""


def run_text(run: Run) -> str:
    """What was measured along an axis."""
    other = Axis.DEPTH if run.axis is Axis.WIDTH else Axis.WIDTH
    sizes = f"{run.axis} {', '.join(map(str, run.sizes))}"
    at = "" if run.other is None else f" at {other} {run.other}"
    looks = f", looks after {', '.join(map(str, run.looks))}" if len(run.looks) > 1 else ""
    plural = "" if len(run.seeds) == 1 else "s"
    return f"{sizes}{at}; {len(run.seeds)} seed{plural}{looks}"


def family_text(report: GuardReport) -> str:
    """How many exponents were judged together, and at which error rate."""
    looks = f", shared by {report.looks} announced looks" if report.looks > 1 else ""
    return (
        f"{report.family} exponents judged together at a family-wise error rate of "
        f"{report.family_alpha:g} (Holm){looks}"
    )


def headline(report: GuardReport) -> str:
    """What came out, in a few words."""
    if report.faults:
        return f"{len(report.faults)} fault{'' if len(report.faults) == 1 else 's'}"
    counts = Counter(entry.verdict for entry in report.entries)
    bad = (Verdict.REJECTED, Verdict.INVALID, Verdict.INCONCLUSIVE)
    parts = [f"{counts[v]} {VERDICTS[v]}" for v in bad if counts[v]]
    if parts:
        return ", ".join(parts)
    if not counts.total() - counts[None]:
        return "nothing judged"
    return "healthy" if report.ok else MEANINGS.get(report.exit_code, "not healthy")


def accepted_text(report: GuardReport) -> str:
    """How many of those that are judged were accepted."""
    judged = [entry.verdict for entry in report.entries if entry.verdict is not None]
    return f"{judged.count(Verdict.ACCEPTED)} of {len(judged)} accepted"


def counts_text(report: GuardReport) -> str:
    """How many entries got which verdict."""
    counts = Counter(entry.verdict for entry in report.entries)
    judged = counts.total() - counts[None]
    order = (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.INCONCLUSIVE, Verdict.INVALID)
    always = order[:1]
    parts = [f"{counts[v]} {VERDICTS[v]}" for v in order if counts[v] or v in always]
    return f"{', '.join(parts)} of {judged} judged; {counts[None]} shown only"


def faults_in_brief(report: GuardReport) -> list[str]:
    """The first faults by name, and how many more there are."""
    shown = [fault_name(fault) for fault in report.faults[:_MOST_FAULTS]]
    more = len(report.faults) - len(shown)
    return [*shown, *([f"{more} more"] if more else [])]


def when(quantity: Quantity, step: int) -> str:
    """A quantity and after how many steps it was measured."""
    if step == 0:
        return f"{quantity} at initialization"
    return f"{quantity} after {step} step{'' if step == 1 else 's'}"


def _about(change: Change) -> str:
    return change.module if change.parameter is None else change.parameter


def changes_lines(changes: Sequence[Change]) -> Iterator[str]:
    """A line for each change against the lock file, blocks in one; what is rejected now first."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for axis in Axis:
        along = [change for change in changes if change.axis is axis]
        names = folded_names(map(_about, along))
        for change in along:
            presence = (change.before is None, change.after is None)
            found = (names[_about(change)], change.quantity, change.step, change.paired)
            groups.setdefault((axis, *found, presence, change.is_fault), []).append(change)
    ranked = sorted(groups.items(), key=lambda item: not item[1][0].is_fault)
    for (_, name, *_), members in ranked:
        only = str(name) if len(members) > 1 else _about(members[0])
        yield change_text(members, shortened(only, _LONGEST_NAME))


def change_text(members: Sequence[Change], name: str) -> str:
    """What a change is: of one entry, or of those of all blocks."""
    first, count = members[0], len(members)
    many = f" ({count} of them)" if count > 1 else ""
    head = f"{first.axis}, {name}{many}, {when(first.quantity, first.step)}"
    fault = "; rejected now" if first.is_fault else ""
    if first.before is None:
        found = [change.after for change in members if change.after is not None]
        return f"{head}: new, {_range(found)}{fault}"
    if first.after is None:
        return f"{head}: not measured any more"
    unpaired = "" if first.paired else ", unpaired"
    moved = [c.after - c.before for c in members if c.after is not None and c.before is not None]
    if count > 1:
        return f"{head}: moved by {_range(moved)}{unpaired}{fault}"
    by = "" if first.interval is None else f", by {interval_text(first.interval)}"
    ends = f"from {number_text(first.before)} to {number_text(first.after)}"
    return f"{head}: moved {ends}{by}{unpaired}{fault}"


def _range(numbers: Sequence[float]) -> str:
    low, high = number_text(min(numbers)), number_text(max(numbers))
    return low if low == high else f"{low} to {high}"


def rate_text(move: RateMove) -> str:
    """Whether the best rate moves along an axis, and how."""
    at = "" if move.interval is None else f", as {move.axis.symbol}^{interval_text(move.interval)}"
    why = f": {move.reason}" if move.reason else ""
    return sentence(f"The best rate along {move.axis} {_BEST_RATE[move.verdict]}{at}{why}")
