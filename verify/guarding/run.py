"""The guard: measure, judge at announced looks, find causes, try mends.

Imports numpy, ``reports`` and ``verify.guarding``; torch when something is measured.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from reports.guard.document import Entry, Fault, GuardReport, RateMove, Run
from theory.errors import InputError, choices
from theory.module_scaling import Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.breaches import divergences, unowned
from verify.guarding.faults import faults_of, interval_of
from verify.guarding.judge import FAMILY_ALPHA, LOOKS, Judged, Name, seeds_to_decide
from verify.guarding.looks import Looks, Ticks
from verify.guarding.measurements import Measurements, Plan, Powers
from verify.guarding.mending import mended
from verify.guarding.result import Guard
from verify.guarding.subject import Subject

WIDTHS, DEPTHS = (64, 128, 256, 512), (8, 16, 32, 64)
SEEDS, STEPS = 4, (1, 4, 10)
# Where a factory has no depth or width of its own.
_DEPTH_OF_WIDTHS, _WIDTH_OF_DEPTHS = 2, 64
# Fresh seeds of mends are far from those that found the fault.
_FRESH = 10_000
_INTERRUPTED = 4
_FALLS = 0.25


def guard(
    factory: Callable[..., Any],
    *,
    widths: Sequence[int] | None = None,
    depths: Sequence[int] | None = None,
    seeds: int = SEEDS,
    steps: Sequence[int] = STEPS,
    expect: str | Demand = Demand.MUP,
    mend: bool = False,
    rates: Sequence[float] | None = None,
    first_seed: int = 0,
    target: str = "",
    progress: Callable[[int, int], object] = divmod,
) -> Guard:
    """Judge how ``factory(width, depth, seed) -> (model, optimizer, batch, loss)`` scales.

    ``widths`` and ``depths`` choose what is judged; with neither, all that the factory takes is.
    ``seeds`` are the networks of each size at the first look; up to two more looks double them
    while something can still be decided. Raises ``InputError`` where the contract is broken.
    Ctrl-C raises ``Interrupted``, a ``KeyboardInterrupt`` with what is judged so far.
    """
    started = time.monotonic()
    subject = Subject.of(factory)
    demand = _demand(expect)
    plans = plans_of(subject, widths, depths, _counts("steps", steps, least=1))
    if seeds < 2:
        raise InputError(f"seeds {seeds}: expected at least 2, for one shows no spread")
    measured = {plan.axis: Measurements(subject, plan) for plan in plans}
    looks = Looks(measured, demand, range(first_seed, first_seed + seeds), Ticks(progress))
    name = target or getattr(factory, "__qualname__", repr(factory))
    work = _Work(subject, plans, looks, mend, rates, name, started)
    try:
        work.measure()
    except KeyboardInterrupt:
        raise work.interrupted() from None
    return Guard(work.document())


class Interrupted(KeyboardInterrupt):
    """Somebody interrupted a guard; ``so_far`` judges what was measured until then."""

    def __init__(self, so_far: Guard) -> None:
        super().__init__("interrupted; what was measured so far is judged")
        self.so_far = so_far


@dataclass(slots=True)
class _Work:
    """A run of the guard: what is asked, and what was found so far."""

    subject: Subject
    plans: Sequence[Plan]
    looks: Looks
    mend: bool
    rates: Sequence[float] | None
    target: str
    started: float
    found: list[tuple[Fault, dict[str, Powers]]] = field(default_factory=list)
    after_all: dict[Name, tuple[Verdict, str]] = field(default_factory=dict)
    moves: list[RateMove] = field(default_factory=list)
    stage: Literal["looks", "mends", "rates"] = "looks"

    def measure(self) -> None:
        """Look, find causes, try mends and rates; an interruption leaves what is there."""
        self.looks.take()
        self._find()
        self.stage = "mends"
        if self.mend and self.found:
            seeds = self.looks.seeds
            fresh = range(seeds.start + _FRESH, seeds.stop + _FRESH)
            self.found = mended(self.subject, self.plans, self.looks, self.found, fresh)
        self.stage = "rates"
        if self.rates is not None:
            self.moves = _rate_moves(self.looks, self.rates)

    def interrupted(self) -> KeyboardInterrupt:
        """What ends an interrupted run: ``Interrupted``, unless nothing can be judged."""
        missing = ["Interrupted"]
        if self.stage == "looks":
            missing += self.looks.cut()
            if not self.looks.measured:
                return KeyboardInterrupt(
                    "interrupted before two seeds of every size were measured; nothing is judged"
                )
            self._find()
        if self.mend and self.found and self.stage != "rates":
            missing.append("mends were not tried")
        if self.rates is not None:
            missing.append("best rates were not judged")
        return Interrupted(Guard(self.document("; ".join(missing) + ".")))

    def _find(self) -> None:
        measured = self.looks.measured
        found, self.after_all = faults_of(self.looks.judged, list(measured))
        self.found = divergences(measured) + unowned(measured) + found

    def document(self, interruption: str = "") -> GuardReport:
        """All that was found; ``interruption`` says what is missing."""
        measured, judged = self.looks.measured, self.looks.judged
        entries = [_entry(one, self.after_all) for one in judged.values()]
        faults = [fault for fault, _ in self.found]
        code = _INTERRUPTED if interruption else _exit_code(faults, entries, self.moves)
        notes = [interruption] if interruption else []
        return GuardReport(
            target=self.target,
            demand=self.looks.demand,
            ok=code == 0,
            exit_code=code,
            runs=[
                Run(
                    axis=axis,
                    sizes=list(one.plan.sizes),
                    other=one.plan.other,
                    seeds=one.seeds,
                    looks=self.looks.counts[axis],
                )
                for axis, one in measured.items()
            ],
            steps=list(self.plans[0].steps),
            family=sum(entry.verdict is not None for entry in entries),
            family_alpha=FAMILY_ALPHA,
            looks=LOOKS,
            faults=faults,
            entries=entries,
            notes=[*notes, *_notes(measured), *_of_the_logits(judged)],
            lock=None,
            changes=[],
            rates=self.moves,
            versions=_versions(measured),
            seconds=time.monotonic() - self.started,
        )


def _demand(expect: str | Demand) -> Demand:
    try:
        return Demand(expect)
    except ValueError:
        raise choices("expectation", expect, Demand) from None


def _counts(name: str, values: Sequence[int], least: int) -> tuple[int, ...]:
    made = tuple(sorted(set(values)))
    bad = [value for value in made if isinstance(value, bool) or not isinstance(value, int)]
    if bad or not made or made[0] < least:
        raise InputError(f"{name} {list(values)}: expected whole numbers of at least {least}")
    return made


def plans_of(
    subject: Subject,
    widths: Sequence[int] | None,
    depths: Sequence[int] | None,
    steps: tuple[int, ...] = STEPS,
) -> list[Plan]:
    """What a guard measures along each axis; ``InputError`` where that cannot be."""
    asked = {Axis.WIDTH: widths, Axis.DEPTH: depths}
    for axis, sizes in asked.items():
        if sizes is not None and axis not in subject.axes:
            raise InputError(f"{axis}s were given, and the factory takes no {axis}; leave them out")
    if widths is None and depths is None:
        asked = {
            axis: (WIDTHS if axis is Axis.WIDTH else DEPTHS) if axis in subject.axes else None
            for axis in Axis
        }
    plans = []
    for axis, sizes in asked.items():
        if sizes is None:
            continue
        made = _counts(f"{axis}s", sizes, least=1)
        if len(made) < 3:
            raise InputError(f"{axis}s {list(sizes)}: expected at least 3 different sizes")
        plans.append(Plan(axis, made, _other(subject, axis, widths, depths), steps))
    return plans


def _other(
    subject: Subject, axis: Axis, widths: Sequence[int] | None, depths: Sequence[int] | None
) -> int | None:
    """The size along the other axis, which stays."""
    if axis is Axis.WIDTH:
        if not subject.takes["depth"]:
            return None
        return subject.depth or (min(depths) if depths else _DEPTH_OF_WIDTHS)
    return (min(widths) if widths else _WIDTH_OF_DEPTHS) if subject.takes["width"] else None


def _entry(one: Judged, after_all: Mapping[Name, tuple[Verdict, str]]) -> Entry:
    verdict, note = one.verdict, one.note
    if one.name in after_all:
        verdict, note = after_all[one.name]
    elif verdict is Verdict.ACCEPTED and _is_lazy(one):
        note = "lazy inside blocks (alpha = 1/2)"
    sizes = one.series
    return Entry(
        axis=one.name.axis,
        module=one.name.module,
        parameter=one.name.parameter,
        quantity=one.name.quantity,
        step=one.name.step,
        verdict=verdict,
        interval=interval_of(one),
        expected=[] if one.expected is None else one.expected.texts,
        margin=0.0 if one.expected is None else one.expected.margin,
        slopes={
            seed: float(slope) for seed, slope in zip(sizes.seeds, one.slope.by_seed, strict=True)
        },
        values={
            size: float(np.exp(mean))
            for size, mean in zip(sizes.sizes, one.slope.means, strict=True)
        },
        seeds_needed=seeds_to_decide(one) if one.verdict is Verdict.INCONCLUSIVE else None,
        note=note,
    )


def _is_lazy(one: Judged) -> bool:
    """Whether features inside blocks move less with depth, as they do at alpha = 1/2."""
    line = one.series.line
    inside = line is not None and line.role.in_block and not line.role.ends_branch
    own = one.name.quantity in (Quantity.OWN, Quantity.ALONE)
    if not (inside and own and one.expected is not None and len(one.expected.alternatives) > 1):
        return False
    return one.expected.nearest(one.estimate) == min(one.expected.alternatives)


def _exit_code(faults: Sequence[Fault], entries: Sequence[Entry], moves: Sequence[RateMove]) -> int:
    verdicts = {one.verdict for one in entries} | {one.verdict for one in moves}
    if faults or verdicts & {Verdict.REJECTED, Verdict.INVALID}:
        return 1
    return 3 if Verdict.INCONCLUSIVE in verdicts else 0


def _rate_moves(looks: Looks, rates: Sequence[float]) -> list[RateMove]:
    from verify.guarding.rates import best_rate_moves

    looks.ticks.total += sum(len(one.cells) for one in looks.measured.values()) * len(rates)
    return [best_rate_moves(one, rates, looks.ticks) for one in looks.measured.values()]


def _notes(measured: Mapping[Axis, Measurements]) -> list[str]:
    return list(dict.fromkeys(note for one in measured.values() for note in one.notes))


def _of_the_logits(judged: Mapping[Name, Judged]) -> list[str]:
    """Where the output moves ever less, widths may be too small to tell."""
    return [
        f"The change of {name.module} after {name.step} steps falls as "
        f"{name.axis.symbol}^{one.estimate:+.2f}: take larger sizes, or the network is lazy."
        for name, one in judged.items()
        if name.module == "(output)" and name.quantity is Quantity.CHANGE and one.estimate < -_FALLS
    ]


def _versions(measured: Mapping[Axis, Measurements]) -> dict[str, str]:
    import torch

    devices = {cell.device for one in measured.values() for cell in one.cells.values()}
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "device": ", ".join(sorted(devices)),
    }
