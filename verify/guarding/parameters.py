"""What is wrong with one parameter, by what was judged of it.

Imports ``theory`` and ``verify.guarding``.

The earliest thing counts: its initial value (gain), the multiplier of its output (gain and own
change, by the same power), its rate (own change alone).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from theory.module_scaling import Quantity
from theory.scaling import Axis
from verify.guarding.judge import Judged
from verify.guarding.structure import Line

# Two departures that differ by less have one exponent.
ALIKE = 0.15
_MUCH_MORE = math.log(4)


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
class Parameter:
    """What was judged of one read."""

    line: Line
    found: Mapping[Quantity, Judged]
    makes_both: bool  # queries and keys, as a fused projection
    moved_elsewhere: bool  # another read of the same parameter has most of its updates

    @property
    def gain(self) -> Judged | None:
        """Its output over its input, of what is no bias."""
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


def parameters_of(judged: Iterable[Judged]) -> list[Parameter]:
    """What was judged, by the read that it is of."""
    found: dict[int, tuple[Line, dict[Quantity, Judged]]] = {}
    for one in judged:
        line = one.series.line
        if line is not None:
            found.setdefault(line.order, (line, {}))[1][one.name.quantity] = one
    lines = [line for line, _ in found.values()]
    return [
        Parameter(line, table, is_alone(line, lines), _is_moved_elsewhere(line, found.values()))
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


def is_aside(one: Parameter) -> bool:
    """Whether its own change only falls because the updates follow another read."""
    gain_off = one.gain is not None and one.gain.rejected
    falls = one.own is not None and one.own.rejected and one.own.departure < 0
    return one.moved_elsewhere and falls and not gain_off


def is_alone(line: Line, lines: Iterable[Line]) -> bool:
    """Whether it makes the queries and the keys of its scores, as a fused projection does."""
    feeding = {
        one.order
        for one in lines
        if not one.role.additive and not set(line.scores).isdisjoint(one.scores)
    }
    return feeding == {line.order}


def by_itself(one: Parameter, axis: Axis, rescaled: list[Cause]) -> list[Cause]:
    """What is wrong with a parameter that is in no block, or along width."""
    gain, own = one.gain, one.own
    gain_off = gain is not None and gain.rejected
    own_off = own is not None and own.rejected and not is_aside(one)
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
        made.append(cause_of("initialization", one.line, gain))
    additive = one.found.get(Quantity.GAIN) if one.line.role.additive else None
    if additive is not None and additive.rejected:
        made.append(cause_of("initialization", one.line, additive))
    if own_off:
        assert own is not None
        made.append(cause_of("rate", one.line, own))
    return made


def cause_of(kind: str, line: Line, evidence: Judged, expected: float | None = None) -> Cause:
    """The cause that evidence shows, off from what is expected: its nearest, unless given."""
    if expected is None:
        assert evidence.expected is not None
        expected = float(evidence.expected.nearest(evidence.estimate))
    return Cause(kind, line, line.module, evidence.estimate - expected, evidence, expected)


def _as_multiplier(one: Parameter, gain: Judged, own: Judged) -> Cause | None:
    """Gain and own change off by one power: a factor of the output."""
    assert gain.expected is not None
    power = own.departure / one.power
    tolerance = ALIKE if gain.rejected else gain.expected.margin
    for right in gain.expected.alternatives:
        departure = gain.estimate - float(right)
        if abs(departure - power) <= tolerance and abs(departure) > ALIKE:
            return Cause("multiplier", one.line, one.line.module, departure, gain, float(right))
    return None


def _is_rescaled(one: Parameter, axis: Axis, departure: float) -> bool:
    """Whether the signal falls as the output rises: then something later takes the factor out."""
    signal = one.found.get(Quantity.SIGNAL)
    if signal is None:
        return False
    moved = signal.estimate - _healthy_signal(one, signal.estimate, axis)
    return abs(moved + departure) < abs(moved)


def _healthy_signal(one: Parameter, signal: float, axis: Axis) -> float:
    role = one.line.role
    if axis is Axis.DEPTH or (role.to_fixed_outputs and not role.inner):
        return 0.0
    if one.makes_both:  # and perhaps the values, whose signal is the larger one
        return min((-1.0, -0.5), key=lambda healthy: abs(signal - healthy))
    return -1.0 if role.feeds_scores and role.output_grows else -0.5


def is_around(multiplier: Cause, cause: Cause) -> bool:
    """Whether the factor of a matrix is one of the bias that is added to its output, too."""
    if cause.kind not in ("rate", "depth rate") or cause.line is None or multiplier.line is None:
        return False
    power = 2 if cause.line.role.follows_gradient else 1
    return (
        cause.line.role.additive
        and cause.module == multiplier.module
        and abs(cause.departure - power * multiplier.departure) <= ALIKE
    )
