"""Causes as faults that people read: one sentence, the mend, and what else goes with it.

Imports ``reports``, ``theory`` and ``verify.guarding``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction

from reports.guard.document import Fault, Interval, Mend
from reports.guard.rows import titled
from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.causes import causes_of, folded_names, grouped, quarter, unexplained
from verify.guarding.judge import Judged, Name
from verify.guarding.measurements import Powers
from verify.guarding.parameters import ALIKE, Cause
from verify.guarding.structure import Line

_MOST_SPOILT = 8
_SAME_RATE = 0.05
_LEAST_MISTAKE = 0.25
_OF_SMALL_SIZES = "no parameter explains it: take larger sizes"
_NAMED = "right by itself; with the others, a fault names it"
_THROUGH_BRANCHES = "no parameter explains it: it may reach the loss through branches alone"


def faults_of(
    judged: Mapping[Name, Judged], axes: Sequence[Axis]
) -> tuple[list[tuple[Fault, dict[str, Powers]]], dict[Name, tuple[Verdict, str]]]:
    """Faults with the powers that mend them, and entries of another verdict after all, with why."""
    made: list[tuple[Fault, dict[str, Powers]]] = []
    after_all: dict[Name, tuple[Verdict, str]] = {}
    for axis in axes:
        causes, right = causes_of(judged, axis)
        after_all |= {name: (Verdict.ACCEPTED, why) for name, why in right.items()}
        off = unexplained(judged, axis, right)
        groups = grouped(causes)
        own = {cause.evidence.name for cause in causes}
        after_all |= {
            cause.evidence.name: (Verdict.REJECTED, _NAMED)
            for cause in causes
            if cause.evidence.verdict is Verdict.ACCEPTED
        }
        spoilt = [_label(one) for one in off if one.name not in own]
        for place, group in enumerate(groups):
            made.append(_fault(axis, group, judged, spoilt if place == 0 else []))
        if off and not groups:
            if note := _perhaps(axis, off, judged):
                after_all |= {one.name: (Verdict.INCONCLUSIVE, note) for one in off}
            else:
                made.append((_without_cause(axis, off), {}))
    return made, after_all


def _perhaps(axis: Axis, off: Sequence[Judged], judged: Mapping[Name, Judged]) -> str:
    """What may be behind it, where every parameter is right; nothing where it is a fault."""
    if all(map(_may_be_of_small_sizes, off)):
        return _OF_SMALL_SIZES
    small = axis is Axis.DEPTH and _has_small_branches(judged)
    return _THROUGH_BRANCHES if small and all(map(_may_act_through_branches, off)) else ""


def _has_small_branches(judged: Mapping[Name, Judged]) -> bool:
    """Whether every branch is multiplied by about L^-1, and not by L^-1/2."""
    gains = [
        one.estimate
        for name, one in judged.items()
        if name.axis is Axis.DEPTH and name.quantity is Quantity.GAIN
        if one.series.line is not None and one.series.line.role.ends_branch
    ]
    return bool(gains) and max(gains) < -0.75


def _may_be_of_small_sizes(one: Judged) -> bool:
    """Whether a change is off by less than the least mistake: so much do small sizes take away."""
    nearest = min(abs(end - float(exponent)) for end in one.interval for exponent in _right(one))
    return one.name.quantity is Quantity.CHANGE and nearest < _LEAST_MISTAKE


def _may_act_through_branches(one: Judged) -> bool:
    """Whether a share falls as that of tokens may which no readout reads: those mix in branches.

    Where branches are multiplied by L^-1, what reaches the loss through their sum alone is a sum of
    L terms of random signs, and goes as L^-1/2 until training aligns them.
    """
    line = one.series.line
    outside = line is not None and not (line.role.in_block or line.role.to_fixed_outputs)
    return outside and one.name.quantity is Quantity.SHARE and -0.5 - ALIKE < one.departure < 0


def _right(one: Judged) -> tuple[Fraction, ...]:
    return () if one.expected is None else one.expected.alternatives


def interval_of(one: Judged) -> Interval:
    """The exponent with the interval that decided."""
    low, high = one.interval
    return Interval(estimate=one.estimate, low=low, high=high, confidence=1 - one.level)


def _label(one: Judged) -> str:
    name = one.name
    step = f" after {name.step}" if name.quantity is Quantity.CHANGE else ""
    return f"{name.quantity} of {name.parameter or titled(name.module)}{step}"


def _without_cause(axis: Axis, off: Sequence[Judged]) -> Fault:
    """Rejected, and no single parameter or multiplier explains it."""
    clearest = max(off, key=lambda one: abs(one.departure))
    labels = [_label(one) for one in off]
    return Fault(
        axis=axis,
        cause="unexplained",
        parameters=list(dict.fromkeys(o.name.parameter for o in off if o.name.parameter)),
        modules=list(dict.fromkeys(one.name.module for one in off)),
        quantity=clearest.name.quantity,
        exponent=clearest.departure,
        interval=interval_of(clearest),
        expected=_expected_text(clearest),
        sentence=(
            f"The {_label(clearest)} goes as {_power(axis, clearest.estimate)} "
            f"{_range(clearest)}, where {_expected_text(clearest)} is right. Every initial value, "
            "multiplier and rate is as it should be by itself."
        ),
        spoils=[label for label in labels if label != _label(clearest)][:_MOST_SPOILT],
        mend=None,
        verified=None,
        verification="",
    )


def _expected_text(one: Judged) -> str:
    return "" if one.expected is None else " or ".join(one.expected.texts)


def _power(axis: Axis, exponent: float) -> str:
    return f"{axis.symbol}^{exponent:+.2f}"


def _range(one: Judged) -> str:
    low, high = one.interval
    return f"[{low:+.2f}, {high:+.2f}]"


def _fault(
    axis: Axis, group: Sequence[Cause], judged: Mapping[Name, Judged], spoilt: Sequence[str]
) -> tuple[Fault, dict[str, Powers]]:
    clearest = max(group, key=lambda cause: abs(cause.departure))
    every = [name.parameter for name in judged if name.axis is axis and name.parameter]
    names = [cause.line.parameter for cause in group if cause.line is not None]
    parameters = folded_names(names, every)
    modules = folded_names(
        [cause.module for cause in group], [n.module for n in judged if n.axis is axis]
    )
    subjects = parameters or [titled(module) for module in modules]
    power = -quarter(clearest.departure)
    fault = Fault.model_validate(
        {
            "axis": axis,
            "cause": clearest.kind,
            "parameters": parameters,
            "modules": modules,
            "quantity": clearest.evidence.name.quantity,
            "exponent": clearest.departure,
            "interval": interval_of(clearest.evidence),
            "expected": f"{clearest.expected:+g}",
            "sentence": _sentence(axis, clearest, subjects)
            + _of_the_optimizer(axis, clearest, judged),
            "spoils": list(spoilt[:_MOST_SPOILT])
            + ([f"{len(spoilt) - _MOST_SPOILT} more"] if len(spoilt) > _MOST_SPOILT else []),
            "mend": _mend(axis, clearest.kind, power, subjects),
            "verified": None,
            "verification": "",
        }
    )
    return fault, _powers(group, power)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


_WRONG = {
    "initialization": "the initial value of {0} goes as {1} times what is right",
    "multiplier": "the output of {0} is multiplied by {1} times what is right",
    "depth multiplier": "the branch that ends in {0} is multiplied by {1} times what is right",
    "rate": "the learning rate of {0} goes as {1} times what is right",
    "depth rate": "the learning rates in blocks ({0}) go as {1} times what is right",
    "epsilon": "Adam's epsilon takes over in {0}: rms(update)/rate goes as {1}",
    "decay": "the decay per step (rate times weight decay) of {0} goes as {1}",
    "attention scale": "the attention scores of {0} go as {1} times what is right",
}


def _sentence(axis: Axis, cause: Cause, names: Sequence[str]) -> str:
    said = _WRONG[cause.kind].format(_joined(names), _power(axis, cause.departure))
    quantity = cause.evidence.name.quantity
    measured = f"{quantity} {cause.evidence.estimate:+.2f} {_range(cause.evidence)}"
    return f"{said[0].upper()}{said[1:]} ({measured}, expected {cause.expected:+g})."


def _of_the_optimizer(axis: Axis, cause: Cause, judged: Mapping[Name, Judged]) -> str:
    """How the rate of a parameter goes, where its like have another one."""
    line = cause.line
    if cause.kind != "rate" or line is None:
        return ""
    own = _rate_exponent(line)
    like = [
        exponent
        for one in _lines(judged, axis)
        if one.order != line.order
        and (one.role.contracts, one.role.growing, one.role.in_block)
        == (line.role.contracts, line.role.growing, line.role.in_block)
        and (exponent := _rate_exponent(one)) is not None
    ]
    if own is None or not like or abs(statistics.median(like) - own) < _SAME_RATE:
        return ""
    return (
        f" Its rate in the optimizer goes as {_power(axis, own)}, that of its like as "
        f"{_power(axis, statistics.median(like))}."
    )


def _lines(judged: Mapping[Name, Judged], axis: Axis) -> list[Line]:
    """Every line along an axis once."""
    lines = (one.series.line for name, one in judged.items() if name.axis is axis)
    return list({line.order: line for line in lines if line is not None}.values())


def _rate_exponent(line: Line) -> float | None:
    """The power of the size with which the optimizer's own rate goes."""
    sizes = sorted(line.rates)
    first, last = line.rates[sizes[0]], line.rates[sizes[-1]]
    if not (first > 0 and last > 0):
        return None
    return math.log(last / first) / math.log(sizes[-1] / sizes[0])


_ON = {"depth multiplier": "multiplier", "depth rate": "rate"}
_DO = {
    "initialization": "multiply the initial standard deviation of {0} by {1}",
    "multiplier": "multiply the output of {0} by {1}",
    "depth multiplier": "multiply the branch that ends in {0} by {1}",
    "rate": "multiply the learning rate of {0} by {1}",
    "depth rate": "multiply the learning rates in blocks by {1}",
    "epsilon": "take an epsilon of 1e-12, or let it fall as the gradient does",
    "decay": "multiply the weight decay of {0} by {1}, or decouple it from the rate",
    "attention scale": "multiply the attention scores of {0} by {1}",
}


def _mend(axis: Axis, kind: str, power: Fraction, names: Sequence[str]) -> Mend:
    text = _DO[kind].format(_joined(names), f"{axis.symbol}^({power})")
    return Mend.model_validate(
        {
            "on": _ON.get(kind, kind),
            "power": str(power),
            "sentence": f"{text[0].upper()}{text[1:]}.",
        }
    )


def _powers(group: Sequence[Cause], power: Fraction) -> dict[str, Powers]:
    """What applies the mend from outside, by name of parameter, or of the module of scores."""
    made: dict[str, Powers] = {}
    for cause in group:
        if cause.kind == "attention scale":
            made[cause.module] = Powers(scores=float(power))
        elif cause.line is not None:
            follows = cause.line.role.follows_gradient
            made[cause.line.parameter_itself] = _power_of(cause, float(power), follows)
    return made


def _power_of(cause: Cause, power: float, follows_gradient: bool) -> Powers:
    if cause.kind == "initialization":
        return Powers(initial=power)
    if cause.kind in ("multiplier", "depth multiplier"):
        # Scale in multiplier or in weight: the rate of SGD differs by its square.
        return Powers(initial=power, update=power * (2 if follows_gradient else 1))
    if cause.kind in ("rate", "depth rate"):
        return Powers(update=power)
    if cause.kind == "epsilon":
        return Powers(small_epsilon=True)
    return Powers(decay=power)
