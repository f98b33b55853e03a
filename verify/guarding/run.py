"""The guard: measure, judge at announced looks, find causes, try mends.

Imports numpy, ``reports`` and ``verify.guarding``; torch when something is measured.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.guard.document import Entry, Fault, GuardReport, RateMove, Run
from theory.errors import InputError, choices
from theory.module_scaling import CONSEQUENCES, Demand, Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.faults import faults_of, interval_of
from verify.guarding.judge import FAMILY_ALPHA, LOOKS, Judged, Name, judged_at_look, seeds_to_decide
from verify.guarding.measurements import Measurements, Plan, Powers
from verify.guarding.result import Guard
from verify.guarding.subject import Subject

WIDTHS, DEPTHS = (64, 128, 256, 512), (8, 16, 32, 64)
SEEDS, STEPS = 4, (1, 4, 10)
# Where a factory has no depth or width of its own.
_DEPTH_OF_WIDTHS, _WIDTH_OF_DEPTHS = 2, 64
# Fresh seeds of mends are far from those that found the fault.
_FRESH = 10_000
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
    """
    started = time.monotonic()
    subject = Subject.of(factory)
    demand = _demand(expect)
    plans = plans_of(subject, widths, depths, _counts("steps", steps, least=1))
    if seeds < 2:
        raise InputError(f"seeds {seeds}: expected at least 2, for one shows no spread")
    measured = {plan.axis: Measurements(subject, plan) for plan in plans}
    total = seeds * sum(len(plan.sizes) for plan in plans)
    ticks = _Ticks(progress, total)
    judged, looks = _looks(measured, demand, range(first_seed, first_seed + seeds), ticks)
    found, rescaled = faults_of(judged, list(measured))
    found = _divergences(measured) + _unowned(measured) + found
    if mend and found:
        found = _mended(subject, plans, demand, found, first_seed + _FRESH, len(looks[0]), ticks)
    moves = _rate_moves(measured, rates, ticks)
    entries = [_entry(one, rescaled) for one in judged.values()]
    faults = [fault for fault, _ in found]
    code = _exit_code(faults, entries, moves)
    return Guard(
        GuardReport(
            target=target or getattr(factory, "__qualname__", repr(factory)),
            demand=demand,
            ok=code == 0,
            exit_code=code,
            runs=[
                Run(
                    axis=plan.axis,
                    sizes=list(plan.sizes),
                    other=plan.other,
                    seeds=list(looks[-1]),
                    looks=[len(look) for look in looks],
                )
                for plan in plans
            ],
            steps=list(plans[0].steps),
            family=sum(entry.verdict is not None for entry in entries),
            family_alpha=FAMILY_ALPHA,
            looks=LOOKS,
            faults=faults,
            entries=entries,
            notes=[*_notes(measured), *_of_the_logits(judged)],
            lock=None,
            changes=[],
            rates=moves,
            versions=_versions(measured),
            seconds=time.monotonic() - started,
        )
    )


@dataclass(slots=True)
class _Ticks:
    """Cells done, of how many; looks and mends add to the total."""

    progress: Callable[[int, int], object]
    total: int
    done: int = 0

    def __call__(self) -> None:
        self.done += 1
        self.progress(self.done, max(self.total, self.done))


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


def _looks(
    measured: Mapping[Axis, Measurements], demand: Demand, seeds: range, ticks: _Ticks
) -> tuple[dict[Name, Judged], list[range]]:
    """Judge, and measure as many seeds again while that can still decide something.

    Further seeds are trained as long as what they are to decide takes.
    """
    judged: dict[Name, Judged] = {}
    looks: list[range] = []
    until = None
    for look in range(LOOKS):
        so_far = range(seeds.start, seeds.start + len(seeds) * 2**look)
        new = so_far if look == 0 else range(looks[-1].stop, so_far.stop)
        if look:
            ticks.total += len(new) * sum(len(one.plan.sizes) for one in measured.values())
        for one in measured.values():
            one.add(new, ticks, until)
        looks.append(so_far)
        series = {axis: one.series(one.lines()) for axis, one in measured.items()}
        sizes = {axis: one.plan.sizes for axis, one in measured.items()}
        judged = judged_at_look(series, sizes, demand, judged)
        open_ones = _can_be_decided(judged, len(seeds) * 2 ** (LOOKS - 1))
        if not open_ones:
            break
        until = _last_step(judged, open_ones)
    return judged, looks


def _can_be_decided(judged: Mapping[Name, Judged], most: int) -> list[Name]:
    """What is open, and what the seeds of the last look would decide.

    Where something is wrong already, only what names causes is of interest.
    """
    wrong = any(one.rejected for one in judged.values())
    open_ones = [
        (name, seeds_to_decide(one))
        for name, one in judged.items()
        if one.verdict is Verdict.INCONCLUSIVE
        and not one.note
        and not (wrong and name.quantity in CONSEQUENCES)
    ]
    return [name for name, count in open_ones if count is not None and count <= 2 * most]


def _last_step(judged: Mapping[Name, Judged], names: Sequence[Name]) -> int:
    """How many steps show these quantities: those of parameters are seen once they move."""
    of_parameters = [name.step for name in judged if name.parameter is not None]
    return max([name.step for name in names] + of_parameters)


def _divergences(
    measured: Mapping[Axis, Measurements],
) -> list[tuple[Fault, dict[str, Powers]]]:
    made: list[tuple[Fault, dict[str, Powers]]] = []
    for axis, one in measured.items():
        for size, cases in sorted(one.diverged().items()):
            step = min(step for _, step in cases)
            sentence = (
                f"The loss is not finite at {axis} {size} after {step} steps, under "
                f"{len(cases)} of {len(one.seeds)} seeds."
            )
            fault = _plain_fault(axis, "divergence", [], sentence, "a finite loss")
            made.append((fault, {}))
    return made


def _unowned(measured: Mapping[Axis, Measurements]) -> list[tuple[Fault, dict[str, Powers]]]:
    """Parameters that no optimizer trains, and parameters that two do."""
    made: list[tuple[Fault, dict[str, Powers]]] = []
    said = set[tuple[str, ...]]()
    for axis, one in measured.items():
        cell = next(iter(one.cells.values()))
        for names, text in (
            (cell.untrained, "are in no optimizer, and stay as they are"),
            (cell.twice, "are in two optimizers, and move twice"),
        ):
            if names and tuple(names) not in said:
                said.add(tuple(names))
                sentence = f"{_are(names)} {text}."
                made.append((_plain_fault(axis, "optimizer", names, sentence, "one optimizer"), {}))
    return made


def _are(names: Sequence[str]) -> str:
    few = ", ".join(names[:3])
    return few if len(names) <= 3 else f"{few} and {len(names) - 3} more"


def _plain_fault(
    axis: Axis, cause: str, parameters: Sequence[str], sentence: str, expected: str
) -> Fault:
    """A fault that is no exponent."""
    nothing = {"estimate": math.nan, "low": math.nan, "high": math.nan, "confidence": 0.95}
    return Fault.model_validate(
        {
            "axis": axis,
            "cause": cause,
            "parameters": list(parameters),
            "modules": list(dict.fromkeys(name.rpartition(".")[0] for name in parameters)),
            "quantity": Quantity.CHANGE,
            "exponent": math.nan,
            "interval": nothing,
            "expected": expected,
            "sentence": sentence,
            "spoils": [],
            "mend": None,
            "verified": None,
            "verification": "",
        }
    )


def _mended(
    subject: Subject,
    plans: Sequence[Plan],
    demand: Demand,
    found: Sequence[tuple[Fault, dict[str, Powers]]],
    first_seed: int,
    seeds: int,
    ticks: _Ticks,
) -> list[tuple[Fault, dict[str, Powers]]]:
    """Every mend at once, on fresh seeds: is anything still rejected?"""
    still: dict[Axis, set[str]] = {}
    for plan in plans:
        powers: dict[str, Powers] = {}
        for fault, some in found:
            if fault.axis is plan.axis:
                powers |= {name: _both(powers.get(name), one) for name, one in some.items()}
        if not powers:
            continue
        one = Measurements(subject, plan, mends=powers)
        ticks.total += seeds * len(plan.sizes)
        judged, _ = _looks({plan.axis: one}, demand, range(first_seed, first_seed + seeds), ticks)
        others = _without_mended(judged, powers, {f.cause for f, _ in found})
        again, _ = faults_of(others, [plan.axis])
        again = _divergences({plan.axis: one}) + again
        still[plan.axis] = {fault.sentence for fault, _ in again} | _undecided(others)
    return [(_with_verdict(fault, still), powers) for fault, powers in found]


def _undecided(judged: Mapping[Name, Judged]) -> set[str]:
    """What names causes and is open: nothing is verified as long as it is."""
    return {
        f"The {name.quantity} of {name.parameter or name.module} is undecided."
        for name, one in judged.items()
        if one.verdict is Verdict.INCONCLUSIVE and name.quantity not in CONSEQUENCES
    }


def _without_mended(
    judged: Mapping[Name, Judged], powers: Mapping[str, Powers], causes: set[str]
) -> dict[Name, Judged]:
    """What a mend from outside may be judged by.

    A multiplier is mended in the weight, so the module's own output is another one; the factor of
    scores is mended in the queries, which are other ones themselves.
    """
    names = {name for name, one in powers.items() if one.initial and one.update}
    modules = {name.rpartition(".")[0] for name in names}
    by_queries = "attention scale" in causes
    return {
        name: one
        for name, one in judged.items()
        if not (name.parameter is None and name.module in modules)
        and not (by_queries and one.series.line is not None and one.series.line.scores)
    }


def _both(first: Powers | None, second: Powers) -> Powers:
    if first is None:
        return second
    return Powers(
        first.initial + second.initial,
        first.update + second.update,
        first.small_epsilon or second.small_epsilon,
        first.decay + second.decay,
    )


def _with_verdict(fault: Fault, still: Mapping[Axis, set[str]]) -> Fault:
    if fault.mend is None or fault.axis not in still:
        return fault
    left = still[fault.axis]
    said = "" if not left else f"No single mend suffices: {sorted(left)[0]}"
    return fault.model_copy(update={"verified": not left, "verification": said})


def _entry(one: Judged, rescaled: set[Name]) -> Entry:
    verdict, note = one.verdict, one.note
    if one.name in rescaled:
        verdict, note = Verdict.ACCEPTED, "rescaled downstream"
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
        seeds_needed=seeds_to_decide(one) if verdict is Verdict.INCONCLUSIVE else None,
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


def _rate_moves(
    measured: Mapping[Axis, Measurements], rates: Sequence[float] | None, ticks: _Ticks
) -> list[RateMove]:
    if rates is None:
        return []
    from verify.guarding.rates import best_rate_moves

    ticks.total += sum(len(one.cells) for one in measured.values()) * len(rates)
    return [best_rate_moves(one, rates, ticks) for one in measured.values()]


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
