"""The part of a guard's report that one test answers for. Imports ``reports.guard`` and ``theory``.

The verdicts are those of the whole run: sharing them out judges nothing again. Every entry, fault
and change is in exactly one share, or explains it, so that all shares pass where the report is ok.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.assertion import assertion_text
from reports.guard.document import Change, Entry, Fault, GuardReport, RateMove
from reports.guard.rows import named, titled
from reports.guard.text import (
    changes_lines,
    expected_text,
    family_text,
    interval_text,
    mend_text,
    needed_text,
    rate_text,
    run_text,
    sentence,
    spoils_text,
    when,
)
from theory.scaling import Axis
from theory.verdict import Verdict

NETWORK = "(network)"  # what belongs to no module that has parameters
_MOST_ENTRIES, _MOST_FAULTS = 4, 3
_WRONG = (Verdict.REJECTED, Verdict.INVALID)


@dataclass(frozen=True, slots=True)
class Share:
    """What one test answers for.

    ``faults`` are its own; ``causes`` are those along the axis that may be behind what is off.
    """

    title: str
    report: GuardReport
    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    causes: tuple[Fault, ...]
    changes: tuple[Change, ...]
    rates: tuple[RateMove, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The worst of all, a fault or a change being rejected; ``None`` where nothing is."""
        found = {one.verdict for one in self.entries} | {one.verdict for one in self.rates}
        if self.faults or self.changes or found & set(_WRONG):
            return Verdict.REJECTED
        if Verdict.INCONCLUSIVE in found:
            return Verdict.INCONCLUSIVE
        return Verdict.ACCEPTED if Verdict.ACCEPTED in found else None


def whole(report: GuardReport) -> Share:
    """All of a report."""
    faults = tuple(report.faults)
    rest = (tuple(report.changes), tuple(report.rates))
    title = f"{report.target} does not scale as it should"
    return Share(title, report, tuple(report.entries), faults, faults, *rest)


def share_of(report: GuardReport, axis: Axis, module: str, modules: Sequence[str]) -> Share:
    """The part of one module along an axis; with ``NETWORK``, what no module of these has."""
    own = _owns(module, modules)
    along = tuple(fault for fault in report.faults if fault.axis is axis)
    faults = tuple(fault for fault in along if _at(fault, module, modules))
    entries = tuple(one for one in report.entries if one.axis is axis and own(one.module))
    return Share(
        title=f"{_titled(module)} does not scale with {axis}",
        report=report,
        entries=entries,
        faults=faults,
        causes=faults or along,
        changes=tuple(one for one in report.changes if one.axis is axis and own(one.module)),
        rates=tuple(r for r in report.rates if r.axis is axis) if module == NETWORK else (),
    )


def _titled(module: str) -> str:
    if module == NETWORK:
        return "the network"
    return f"module {module}" if module else titled(module)


def _owns(module: str, modules: Sequence[str]) -> Callable[[str], bool]:
    if module != NETWORK:
        return lambda name: name == module
    return lambda name: name not in modules


def _at(fault: Fault, module: str, modules: Sequence[str]) -> bool:
    """Whether a fault names a module, or its parameters; ``NETWORK`` has those that name none."""
    if module == NETWORK:
        return not any(_at(fault, one, modules) for one in modules)
    places = [*fault.modules, *(name.rpartition(".")[0] for name in fault.parameters)]
    return any(_matches(place, module) for place in places)


def _matches(pattern: str, module: str) -> bool:
    """``*`` stands for the number of a block, in a fault's name as in a module's."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(r"(?:\d+|\*)".join(parts), module) is not None


def failure_text(share: Share, command: str) -> str:
    """Claim, estimate, interval and margin of what is off; its likely cause, mend and command."""
    parts: list[tuple[str, str]] = []
    wrong = [one for one in share.entries if one.verdict in _WRONG]
    # What names a cause comes before what follows from it.
    wrong.sort(key=lambda one: one.parameter is None)
    for one in wrong[:_MOST_ENTRIES]:
        parts += _entry_parts(one)
    if len(wrong) > _MOST_ENTRIES:
        parts.append(("also", f"{len(wrong) - _MOST_ENTRIES} more exponents are off"))
    for fault in share.causes[:_MOST_FAULTS]:
        parts += [
            ("cause", sentence(fault.sentence)),
            ("", spoils_text(fault)),
            ("mend", mend_text(fault).removeprefix("Mend: ")),
        ]
    parts += [("rates", rate_text(move)) for move in share.rates if move.verdict in _WRONG]
    parts += [("moved", f"{line} (against {share.report.lock})") for line in _moved(share)]
    judged = [*map(run_text, share.report.runs), family_text(share.report)]
    parts += [("judged", "; ".join(judged)), ("command", command)]
    return assertion_text(share.title, parts)


def _entry_parts(one: Entry) -> list[tuple[str, str]]:
    about = f"{named(one)}, {when(one.quantity, one.step)}"
    confidence = f"at confidence {one.interval.confidence:.4g}, {len(one.slopes)} seeds"
    return [
        ("claim", f"{about}: exponent of {one.axis.symbol} {expected_text(one)}"),
        ("measured", f"{interval_text(one.interval)} {confidence}"),
    ]


def _moved(share: Share) -> list[str]:
    return list(changes_lines(share.changes))[:_MOST_ENTRIES]


def undecided_text(share: Share) -> str:
    """What is open, and how many seeds would decide it."""
    open_ones = [one for one in share.entries if one.verdict is Verdict.INCONCLUSIVE]
    shown = "; ".join(
        f"{named(one)}, {when(one.quantity, one.step)}: {interval_text(one.interval)}, "
        f"expected {expected_text(one)}"
        for one in open_ones[:_MOST_ENTRIES]
    )
    more = len(open_ones) - _MOST_ENTRIES
    parts = [shown, f"{more} more" if more > 0 else "", needed_text(open_ones) if shown else ""]
    parts += [rate_text(move) for move in share.rates if move.verdict is Verdict.INCONCLUSIVE]
    runs = "; ".join(run_text(run) for run in share.report.runs)
    return f"undecided: {'; '.join(filter(None, parts))} ({runs})"
