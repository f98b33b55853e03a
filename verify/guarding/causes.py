"""From exponents that are off to causes: what is off by itself, and what follows.

Imports ``theory`` and ``verify.guarding``.

Of one parameter the earliest thing counts: its initial value (gain), the multiplier of its output
(gain and own change, by the same power), its rate (own change alone). A share, a change or a size
that is off is a consequence, unless nothing else is.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from theory.module_scaling import Quantity
from theory.scaling import Axis
from theory.verdict import Verdict
from verify.guarding.judge import Judged, Name
from verify.guarding.structure import Line, folded

# Two departures that differ by less have one exponent.
_ALIKE = 0.15
_SLIGHT = 0.2
_MUCH_MORE = math.log(4)
RESCALED, MOVED_ELSEWHERE = "rescaled downstream", "another read moves it"
_ALPHAS = (0.5, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Cause:
    """One thing that is wrong with one parameter, or with the scores of one module."""

    kind: str
    line: Line | None
    module: str
    departure: float
    evidence: Judged
    expected: float


@dataclass(frozen=True, slots=True, eq=False)
class _Parameter:
    """What was judged of one read."""

    line: Line
    found: Mapping[Quantity, Judged]
    makes_both: bool  # queries and keys, as a fused projection
    moved_elsewhere: bool  # another read of the same parameter has most of its updates

    @property
    def gain(self) -> Judged | None:
        return None if self.line.role.additive else self.found.get(Quantity.GAIN)

    @property
    def own(self) -> Judged | None:
        """Its own change: of matrices along the gradient, of vectors alone."""
        role = self.line.role
        by_itself = Quantity.OWN if role.contracts else Quantity.ALONE
        return self.found.get(by_itself) or self.found.get(Quantity.OWN)

    @property
    def power(self) -> int:
        """How often a multiplier of the output acts on the own change."""
        return 2 if self.line.role.follows_gradient else 1


def causes_of(judged: Mapping[Name, Judged], axis: Axis) -> tuple[list[Cause], dict[Name, str]]:
    """The causes along one axis, and why entries are right after all."""
    here = {name: one for name, one in judged.items() if name.axis is axis}
    parameters = _parameters(here.values())
    rescaled: list[Cause] = []
    if axis is Axis.WIDTH:
        causes = [cause for one in parameters for cause in _by_itself(one, axis, rescaled)]
    else:
        causes = _in_depth(parameters, rescaled)
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
    right |= {one.own.name: MOVED_ELSEWHERE for one in parameters if one.own and _is_aside(one)}
    if not causes and rescaled and any(o.rejected for n, o in here.items() if n not in right):
        return rescaled, {}  # what is left over says that it matters
    return causes, {name: why for name, why in right.items() if here[name].rejected}


def _of_readouts(parameters: Sequence[_Parameter], here: Mapping[Name, Judged]) -> list[Cause]:
    """Readouts whose outputs start at order one, where others then change them by too much.

    Changes of features are aligned with the readout's initial weights: those of deviation n^-1/2
    turn them into n^1/2. In muP it is n^-1 (arXiv 2203.03466, Table 3).
    """
    grows = any(
        one.rejected and one.departure > 0 and name.quantity is Quantity.SHARE
        for name, one in here.items()
    )
    return [
        _cause("initialization", one.line, one.gain, -0.5)
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


def _parameters(judged: Iterable[Judged]) -> list[_Parameter]:
    found: dict[int, tuple[Line, dict[Quantity, Judged]]] = {}
    for one in judged:
        line = one.series.line
        if line is not None:
            found.setdefault(line.order, (line, {}))[1][one.name.quantity] = one
    lines = [line for line, _ in found.values()]
    return [
        _Parameter(line, table, _is_alone(line, lines), _is_moved_elsewhere(line, found.values()))
        for line, table in found.values()
    ]


def _is_moved_elsewhere(
    line: Line, others: Iterable[tuple[Line, Mapping[Quantity, Judged]]]
) -> bool:
    """Whether another read of the parameter makes the loss fall by much more, at the largest size.

    One update is for all reads: it follows the gradient of that one.
    """
    shares = {
        other.order: table[Quantity.SHARE].slope.means[-1]
        for other, table in others
        if other.parameter_itself == line.parameter_itself and Quantity.SHARE in table
    }
    mine = shares.pop(line.order, None)
    return mine is not None and any(share - mine > _MUCH_MORE for share in shares.values())


def _is_aside(one: _Parameter) -> bool:
    """Whether its own change only falls because the updates follow another read."""
    gain_off = one.gain is not None and one.gain.rejected
    falls = one.own is not None and one.own.rejected and one.own.departure < 0
    return one.moved_elsewhere and falls and not gain_off


def _is_alone(line: Line, lines: Iterable[Line]) -> bool:
    """Whether it makes the queries and the keys of its scores, as a fused projection does."""
    feeding = {
        one.order
        for one in lines
        if not one.role.additive and not set(line.scores).isdisjoint(one.scores)
    }
    return feeding == {line.order}


def _by_itself(one: _Parameter, axis: Axis, rescaled: list[Cause]) -> list[Cause]:
    """What is wrong with a parameter that is in no block, or along width."""
    gain, own = one.gain, one.own
    gain_off = gain is not None and gain.rejected
    own_off = own is not None and own.rejected and not _is_aside(one)
    if own_off and gain is not None:
        assert own is not None
        multiplier = _as_multiplier(one, gain, own)
        if multiplier is not None:
            if _is_rescaled(one, axis, multiplier.departure):
                rescaled.append(multiplier)
                return []
            return [multiplier]
    made = []
    if gain_off:
        assert gain is not None
        made.append(_cause("initialization", one.line, gain))
    additive = one.found.get(Quantity.GAIN) if one.line.role.additive else None
    if additive is not None and additive.rejected:
        made.append(_cause("initialization", one.line, additive))
    if own_off:
        assert own is not None
        made.append(_cause("rate", one.line, own))
    return made


def _cause(kind: str, line: Line, evidence: Judged, expected: float | None = None) -> Cause:
    if expected is None:
        assert evidence.expected is not None
        expected = float(evidence.expected.nearest(evidence.estimate))
    return Cause(kind, line, line.module, evidence.estimate - expected, evidence, expected)


def _as_multiplier(one: _Parameter, gain: Judged, own: Judged) -> Cause | None:
    """Gain and own change off by one power: a factor of the output."""
    assert gain.expected is not None
    power = own.departure / one.power
    tolerance = _ALIKE if gain.rejected else gain.expected.margin
    for right in gain.expected.alternatives:
        departure = gain.estimate - float(right)
        if abs(departure - power) <= tolerance and abs(departure) > _ALIKE:
            return Cause("multiplier", one.line, one.line.module, departure, gain, float(right))
    return None


def _is_rescaled(one: _Parameter, axis: Axis, departure: float) -> bool:
    """Whether the signal falls as the output rises: then something later takes the factor out."""
    signal = one.found.get(Quantity.SIGNAL)
    if signal is None:
        return False
    moved = signal.estimate - _healthy_signal(one, signal.estimate, axis)
    return abs(moved + departure) < abs(moved)


def _healthy_signal(one: _Parameter, signal: float, axis: Axis) -> float:
    role = one.line.role
    if axis is Axis.DEPTH or (role.to_fixed_outputs and not role.inner):
        return 0.0
    if one.makes_both:  # and perhaps the values, whose signal is the larger one
        return min((-1.0, -0.5), key=lambda healthy: abs(signal - healthy))
    return -1.0 if role.feeds_scores and role.output_grows else -0.5


def _without_consequences(causes: Sequence[Cause], here: Mapping[Name, Judged]) -> list[Cause]:
    """Rates that only seem off: a factor around a bias, and an epsilon that takes over."""
    multipliers = [c for c in causes if c.kind in ("multiplier", "depth multiplier")]
    earlier = any(c.kind not in ("rate", "depth rate") for c in causes)
    made = []
    multipliers = [cause for cause in multipliers if not _by_epsilon(cause, here)]
    for cause in causes:
        around = next((m for m in multipliers if _is_around(m, cause)), None)
        if around is not None:
            made.append(replace(cause, kind=around.kind))
        elif not _by_epsilon(cause, here) and not (earlier and _is_blurred(cause)):
            made.append(cause)
    return made


def _is_around(multiplier: Cause, cause: Cause) -> bool:
    """Whether the factor of a matrix is one of the bias that is added to its output, too."""
    if cause.kind not in ("rate", "depth rate") or cause.line is None or multiplier.line is None:
        return False
    power = 2 if cause.line.role.follows_gradient else 1
    return (
        cause.line.role.additive
        and cause.module == multiplier.module
        and abs(cause.departure - power * multiplier.departure) <= _ALIKE
    )


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
        and abs(one.departure - cause.departure) <= _ALIKE
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
        both = 2 if any(_is_alone(line, feeding.values()) for line in feeding.values()) else 1
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
        if all(abs(one.departure - some) > _ALIKE for some in (behind, behind + read)):
            assert one.expected is not None
            right = float(one.expected.nearest(one.estimate))
            made.append(Cause("attention scale", None, name.module, one.departure, one, right))
    return made


def _in_depth(parameters: Sequence[_Parameter], rescaled: list[Cause]) -> list[Cause]:
    outside = [one for one in parameters if not one.line.role.in_block]
    inside = [one for one in parameters if one.line.role.in_block]
    made = [cause for one in outside for cause in _outside_blocks(one, rescaled)]
    if any(one.line.role.has_branches for one in inside):
        in_blocks = _with_alpha(inside)
        return _before_explosion(in_blocks) or made + in_blocks
    return made + [
        _cause("initialization", one.line, one.gain)
        for one in inside
        if one.gain is not None and one.gain.rejected
    ]


def _before_explosion(causes: Sequence[Cause]) -> list[Cause]:
    """Where branches are too large the stream explodes, and nothing else can be read off."""
    return [
        cause
        for cause in causes
        if cause.kind in ("depth multiplier", "initialization")
        and cause.line is not None
        and cause.line.role.ends_branch
        and cause.evidence.interval[0] > -0.3
    ]


def _outside_blocks(one: _Parameter, rescaled: list[Cause]) -> list[Cause]:
    made = _by_itself(one, Axis.DEPTH, rescaled)
    share = one.found.get(Quantity.SHARE)
    if one.line.role.follows_gradient and not made and share is not None and share.rejected:
        made.append(_cause("rate", one.line, share))
    return made


def _with_alpha(inside: Sequence[_Parameter]) -> list[Cause]:
    """Causes in blocks, read with the alpha that needs the least to be wrong.

    Where all gains agree with one alpha, it is that one: what is off then are rates.
    """
    options = {alpha: _in_blocks(inside, alpha) for alpha in _ALPHAS}
    by_gain = min(_ALPHAS, key=lambda a: _gains_off(inside, a))
    if _gains_off(inside, by_gain) == 0:
        return _depth_rates(options[by_gain], inside)
    return _depth_rates(min(options.values(), key=len), inside)


def _wanted_gain(line: Line, alpha: float) -> float:
    return -alpha if line.role.ends_branch else 0.0


def _wanted_own(line: Line, alpha: float) -> float:
    if line.role.ends_branch or line.role.on_stream:
        return -1.0
    return 2 * alpha - 1 if line.role.follows_gradient else alpha - 1


def _gains_off(inside: Sequence[_Parameter], alpha: float) -> int:
    return sum(
        one.gain is not None and one.gain.off_from(_wanted_gain(one.line, alpha)) for one in inside
    )


def _in_blocks(inside: Sequence[_Parameter], alpha: float) -> list[Cause]:
    made = []
    for one in inside:
        gain, own = one.gain, one.own
        right_gain, right_own = _wanted_gain(one.line, alpha), _wanted_own(one.line, alpha)
        gain_off = gain is not None and gain.off_from(right_gain)
        own_off = own is not None and own.off_from(right_own)
        if gain_off and own_off:
            assert gain is not None
            assert own is not None
            by_gain, by_own = gain.estimate - right_gain, (own.estimate - right_own) / one.power
            # An exploding stream blurs the own change; where it moves too, it is a factor.
            blurred = one.line.role.ends_branch and by_gain > 0.35
            if abs(by_gain - by_own) <= (0.75 * by_gain if blurred else _ALIKE):
                kind = "depth multiplier" if one.line.role.ends_branch else "multiplier"
                made.append(_cause(kind, one.line, gain, right_gain))
                continue
        if gain_off:
            assert gain is not None
            made.append(_cause("initialization", one.line, gain, right_gain))
        if own_off:
            assert own is not None
            made.append(_cause("rate", one.line, own, right_own))
    return made


def _depth_rates(causes: list[Cause], inside: Sequence[_Parameter]) -> list[Cause]:
    """Rates that are off by one power in all of a block are the depth's, not the parameter's."""
    rates = [cause for cause in causes if cause.kind == "rate"]
    if len(rates) < 2 or len(rates) < len([one for one in inside if one.own is not None]):
        return causes
    middle = statistics.median(cause.departure for cause in rates)
    if any(abs(cause.departure - middle) > _ALIKE for cause in rates):
        return causes
    return [
        replace(cause, kind="depth rate") if cause.kind == "rate" else cause for cause in causes
    ]


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
