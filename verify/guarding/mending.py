"""Try the mends of all faults at once, on fresh seeds.

Imports ``reports`` and ``verify.guarding``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.guard.document import Fault
from reports.guard.rows import titled
from theory.module_scaling import CONSEQUENCES
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.breaches import divergences
from verify.guarding.faults import faults_of
from verify.guarding.judge import Judged, Name
from verify.guarding.looks import Looks
from verify.guarding.measurements import Measurements, Plan, Powers
from verify.guarding.subject import Subject


def mended(
    subject: Subject,
    plans: Sequence[Plan],
    looks: Looks,
    found: Sequence[tuple[Fault, dict[str, Powers]]],
    seeds: range,
) -> list[tuple[Fault, dict[str, Powers]]]:
    """Every mend at once, on fresh seeds: is anything still rejected, or undecided?"""
    still: dict[Axis, tuple[set[str], set[str]]] = {}
    for plan in plans:
        powers: dict[str, Powers] = {}
        for fault, some in found:
            if fault.axis is plan.axis:
                powers |= {name: _both(powers.get(name), one) for name, one in some.items()}
        if not powers:
            continue
        one = Measurements(subject, plan, mends=powers)
        judged = Looks({plan.axis: one}, looks.demand, seeds, looks.ticks).take()
        if one.unreached:
            scores = f"the scores of {titled(one.unreached[0])}"
            still[plan.axis] = set(), {f"The guard cannot reach {scores}: mend them in the code."}
            continue
        others = _without_mended(judged, powers)
        again, _ = faults_of(others, [plan.axis])
        again = divergences({plan.axis: one}) + again
        still[plan.axis] = {fault.sentence for fault, _ in again}, _undecided(others)
    return [(_with_verdict(fault, still), powers) for fault, powers in found]


def _undecided(judged: Mapping[Name, Judged]) -> set[str]:
    """What names causes and is open: nothing is verified as long as it is."""
    return {
        f"The {name.quantity} of {name.parameter or titled(name.module)} is undecided; more "
        "--seeds may decide it."
        for name, one in judged.items()
        if one.verdict is Verdict.INCONCLUSIVE and name.quantity not in CONSEQUENCES
    }


def _without_mended(
    judged: Mapping[Name, Judged], powers: Mapping[str, Powers]
) -> dict[Name, Judged]:
    """What a mend from outside may be judged by.

    A multiplier is mended in the weight, so the module's own output is another one.
    """
    names = {name for name, one in powers.items() if one.initial and one.update}
    modules = {name.rpartition(".")[0] for name in names}
    return {
        name: one
        for name, one in judged.items()
        if not (name.parameter is None and name.module in modules)
    }


def _both(first: Powers | None, second: Powers) -> Powers:
    if first is None:
        return second
    return Powers(
        first.initial + second.initial,
        first.update + second.update,
        first.small_epsilon or second.small_epsilon,
        first.decay + second.decay,
        first.scores + second.scores,
    )


def _with_verdict(fault: Fault, still: Mapping[Axis, tuple[set[str], set[str]]]) -> Fault:
    if fault.mend is None or fault.axis not in still:
        return fault
    wrong, undecided = still[fault.axis]
    seen: dict[str, object] = {"verified": True, "verification": ""}
    if wrong:
        seen = {"verified": False, "verification": f"No single mend suffices: {min(wrong)}"}
    elif undecided:
        seen = {"verified": None, "verification": min(undecided)}
    return fault.model_copy(update=seen)
