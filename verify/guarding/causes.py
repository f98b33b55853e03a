"""From exponents that are off to causes: what is off by itself, and what follows.

Imports ``theory`` and ``verify.guarding``.

A share, a change or a size that is off is a consequence, unless nothing else is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.in_depth import in_depth
from verify.guarding.judge import Judged, Name
from verify.guarding.parameters import (
    ALIKE,
    Cause,
    Parameter,
    by_itself,
    cause_of,
    is_alone,
    is_around,
    is_aside,
    parameters_of,
)
from verify.guarding.structure import folded

_SLIGHT = 0.2
RESCALED, MOVED_ELSEWHERE = "rescaled downstream", "another read moves it"


def causes_of(judged: Mapping[Name, Judged], axis: Axis) -> tuple[list[Cause], dict[Name, str]]:
    """The causes along one axis, and why entries are right after all."""
    here = {name: one for name, one in judged.items() if name.axis is axis}
    parameters = parameters_of(here.values())
    rescaled: list[Cause] = []
    if axis is Axis.WIDTH:
        causes = [cause for one in parameters for cause in by_itself(one, axis, rescaled)]
    else:
        causes = in_depth(parameters, rescaled)
    causes = _without_consequences(causes, here)
    if axis is Axis.WIDTH and not causes:
        causes = _of_readouts(parameters, here)
    causes += _of_scores(here, [*causes, *rescaled])
    causes += [
        Cause(name.quantity.value, one.series.line, name.module, one.departure, one, 0.0)
        for name, one in here.items()
        if one.rejected and name.quantity in (Quantity.EPSILON, Quantity.DECAY)
    ]
    right = {name: RESCALED for name in here if any(_is_of(name, cause) for cause in rescaled)}
    right |= {one.own.name: MOVED_ELSEWHERE for one in parameters if one.own and is_aside(one)}
    if not causes and rescaled and any(o.rejected for n, o in here.items() if n not in right):
        return rescaled, {}  # what is left over says that it matters
    return causes, {name: why for name, why in right.items() if here[name].rejected}


def _of_readouts(parameters: Sequence[Parameter], here: Mapping[Name, Judged]) -> list[Cause]:
    """Readouts whose outputs start at order one, where others then change them by too much.

    Changes of features are aligned with the readout's initial weights: those of deviation n^-1/2
    turn them into n^1/2. In muP it is n^-1 (arXiv 2203.03466, Table 3).
    """
    grows = any(
        one.rejected and one.departure > 0 and name.quantity is Quantity.SHARE
        for name, one in here.items()
    )
    return [
        cause_of("initialization", one.line, one.gain, -0.5)
        for one in parameters
        if grows and one.line.role.to_fixed_outputs and not one.line.role.inner
        if one.gain is not None and one.gain.estimate > -0.25
    ]


def _is_of(name: Name, cause: Cause) -> bool:
    """Whether an entry is of the parameter, or of the output of its module."""
    if name.parameter is None:
        return name.module == cause.module
    of_it = cause.line is not None and name.parameter == cause.line.parameter
    return of_it and name.quantity in (Quantity.GAIN, Quantity.OWN, Quantity.ALONE)


def _without_consequences(causes: Sequence[Cause], here: Mapping[Name, Judged]) -> list[Cause]:
    """Rates that only seem off: a factor around a bias, and an epsilon that takes over."""
    multipliers = [c for c in causes if c.kind in ("multiplier", "depth multiplier")]
    earlier = any(c.kind not in ("rate", "depth rate") for c in causes)
    made = []
    multipliers = [cause for cause in multipliers if not _by_epsilon(cause, here)]
    for cause in causes:
        around = next((m for m in multipliers if is_around(m, cause)), None)
        if around is not None:
            # The factor acts on the rate of SGD twice.
            made.append(replace(cause, kind=around.kind, departure=around.departure))
        elif not _by_epsilon(cause, here) and not (earlier and _is_blurred(cause)):
            made.append(cause)
    return made


def _is_blurred(cause: Cause) -> bool:
    """Whether an earlier cause may have moved the own change.

    It is off by less than a power that would mend it, or the update is as large as it should be.
    """
    if cause.kind not in ("rate", "depth rate"):
        return False
    limit = cause.evidence.series.limit
    return abs(cause.departure) < _SLIGHT or abs(limit - cause.expected) < _SLIGHT / 2


def _by_epsilon(cause: Cause, here: Mapping[Name, Judged]) -> bool:
    """Whether an own change is off by what the epsilon takes away."""
    seems = cause.kind in ("rate", "depth rate") or (
        cause.kind == "multiplier" and not cause.evidence.rejected
    )
    if not seems or cause.line is None:
        return False
    return any(
        one.rejected
        and name.quantity is Quantity.EPSILON
        and name.parameter == cause.line.parameter
        and abs(one.departure - cause.departure) <= ALIKE
        for name, one in here.items()
    )


def _of_scores(here: Mapping[Name, Judged], causes: Sequence[Cause]) -> list[Cause]:
    """Scores that are off by more than their queries and keys explain."""
    made = []
    for name, one in here.items():
        if name.quantity is not Quantity.SCORES or not one.rejected:
            continue
        feeding = {
            line.order: line
            for other in here.values()
            if (line := other.series.line) is not None and name.module in line.scores
        }
        both = 2 if any(is_alone(line, feeding.values()) for line in feeding.values()) else 1
        behind = both * sum(
            cause.departure
            for cause in causes
            if cause.line is not None
            and name.module in cause.line.scores
            and cause.kind in ("initialization", "multiplier")
        )
        # Queries and keys go as what they read, unless a norm is between.
        read = both * sum(
            other.estimate
            for there, other in here.items()
            if there.quantity is Quantity.INPUT
            and other.series.line is not None
            and name.module in other.series.line.scores
            and not other.series.line.role.additive
        )
        if all(abs(one.departure - some) > ALIKE for some in (behind, behind + read)):
            assert one.expected is not None
            right = float(one.expected.nearest(one.estimate))
            made.append(Cause("attention scale", None, name.module, one.departure, one, right))
    return made


def grouped(causes: Sequence[Cause]) -> list[list[Cause]]:
    """Causes of one kind and one exponent: one fault each, in the order in which they act."""
    order = (
        *("initialization", "multiplier", "depth multiplier", "rate", "depth rate"),
        *("epsilon", "decay", "attention scale"),
    )
    groups: list[list[Cause]] = []
    for cause in sorted(causes, key=lambda c: order.index(c.kind)):
        for group in groups:
            first = group[0]
            if first.kind == cause.kind and quarter(first.departure) == quarter(cause.departure):
                group.append(cause)
                break
        else:
            groups.append([cause])
    return groups


def quarter(exponent: float) -> Fraction:
    """The nearest quarter that is not zero."""
    made = Fraction(round(4 * exponent), 4)
    return made or Fraction(1 if exponent > 0 else -1, 4)


def folded_names(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """Names, with ``*`` for the number where the same of every block is among them."""
    made: dict[str, None] = {}
    for name in names:
        pattern = folded(name)
        all_of_it = {one for one in every if folded(one) == pattern}
        made[pattern if len(all_of_it) > 1 and all_of_it <= set(names) else name] = None
    return list(made)


def unexplained(judged: Mapping[Name, Judged], axis: Axis, right: Collection[Name]) -> list[Judged]:
    """What is rejected along an axis, apart from what was found to be right after all."""
    return [
        one
        for name, one in judged.items()
        if name.axis is axis and one.verdict is Verdict.REJECTED and name not in right
    ]
