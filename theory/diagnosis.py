"""What keeps a parameterization from scaling, and the smallest change of exponents that mends it.

Powers are those of ``theory.power_counting``, in each direction by itself. Imports numpy and
``theory`` only.

Healthy is: signals keep their size and branches neither vanish nor add up to more than the stream;
after a step at learning rate one, features, queries, keys and the output move by order one, by no
more, and in every role; in depth the blocks together move the stream. Queries and keys move by
n^-1/2 under SGD, whose gradients at first are sums of n random products.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from theory.architecture import Architecture, Family, Role
from theory.errors import InputError, NoTheoryError
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.power_counting import (
    ROOT_WIDTH,
    Layer,
    PowerCount,
    count_powers,
    fastest,
)
from theory.scaling import ONE, Axis, Power

_ATTENTION = (Role.QUERY, Role.KEY)
_MOST_CHANGES = 3
_NO_CURE = "no three changes of exponents mend it"
_STEP = Fraction(1, 64)  # so small that no other contribution overtakes the largest
_FINEST, _TINY = 48, 1e-9


@dataclass(frozen=True, slots=True)
class Problem:
    """A quantity whose exponent is outside of what is healthy.

    ``exponent`` is ``None`` where no power describes it; ``nearest`` is the closest healthy one.
    """

    layer: Layer | None
    quantity: str
    axis: Axis
    exponent: Fraction | None
    nearest: Fraction = Fraction(0)

    @property
    def excess(self) -> Fraction:
        """By how much the exponent is off."""
        return Fraction(0) if self.exponent is None else self.exponent - self.nearest

    def __str__(self) -> str:
        where = f" of {self.layer}" if self.layer else ""
        symbol = self.axis.symbol
        if self.exponent is None:
            return f"{self.quantity}{where} need not follow a power of {symbol}"
        expected = f", expected {symbol}^{self.nearest}" if self.nearest else ""
        return f"{self.quantity}{where} goes as {symbol}^{self.exponent}{expected}"


class Change(NamedTuple):
    """One exponent changed alike in some roles; the residual multiplier has no role."""

    roles: tuple[Role, ...]
    part: str  # initialization, multiplier, rate, epsilon, decay or residual multiplier
    factor: Power

    def applied(self, parameterization: Parameterization) -> Parameterization:
        """The parameterization with this change."""
        if not self.roles:
            return parameterization.changed(
                parameterization.name, {}, parameterization.residual * self.factor
            )
        name = "std" if self.part == "initialization" else self.part
        changed: dict[Role, RoleScaling] = {}
        for role in self.roles:
            item = parameterization[role]
            changed[role] = replace(item, **{name: getattr(item, name) * self.factor})
        return parameterization.changed(parameterization.name, changed)

    def __str__(self) -> str:
        of = f" of {', '.join(self.roles)}" if self.roles else ""
        return f"{self.part}{of} times {self.factor}"


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a parameterization; iterates over problems, and is false without one."""

    architecture: Architecture
    parameterization: Parameterization
    axes: tuple[Axis, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def cures(self) -> tuple[tuple[Change, ...], ...]:
        """The cures with the fewest changes; of several, any one suffices.

        None, where three changes along an axis do not suffice.
        """
        cures: list[tuple[Change, ...]] = [()]
        for axis in self.axes:
            found = _cures(self.architecture, self.parameterization, axis)
            cures = [first + second for first in cures for second in found]
        return tuple(cure for cure in cures if cure)

    def cured(self) -> Parameterization:
        """With the first cure. Raises ``NoTheoryError`` where there is none."""
        if self.problems and not self.cures:
            raise NoTheoryError(f"{self.parameterization.name}: {_NO_CURE}")
        return _after(self.cures[0] if self.cures else (), self.parameterization)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __len__(self) -> int:
        return len(self.problems)

    def __str__(self) -> str:
        if not self.problems:
            return "nothing is wrong"
        cures = [" and ".join(map(str, cure)) for cure in self.cures]
        said = [f"cure: {cures[0]}", *(f"  or: {cure}" for cure in cures[1:])] if cures else []
        return "\n".join([*map(str, self.problems), *(said or [_NO_CURE])])


def diagnose(
    architecture: Architecture, parameterization: Parameterization, axis: Axis | None = None
) -> Diagnosis:
    """Everything that keeps a parameterization from scaling, along one axis or both.

    Raises ``InputError`` for something that is no architecture or no parameterization.
    """
    for value, kind, example in (
        (architecture, Architecture, "residual(2)"),
        (parameterization, Parameterization, "depth_mup()"),
    ):
        if not isinstance(value, kind):
            raise InputError(
                f"diagnose takes an architecture and a parameterization of theory, such as "
                f"{example}; got a {type(value).__name__}. Networks are judged by scaleproof.guard"
            )
    axes = tuple(Axis) if axis is None else (axis,)
    problems = [one for each in axes for one in _problems(architecture, parameterization, each)]
    return Diagnosis(architecture, parameterization, axes, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Check:
    """A quantity and the exponents that are healthy; ``None``: any, on that side."""

    layer: Layer | None
    quantity: str
    exponent: Fraction
    low: Fraction | None
    high: Fraction | None
    any_role: bool = False  # the largest of several roles' contributions: one of them suffices

    @property
    def nearest(self) -> Fraction | None:
        """The closest healthy exponent, where this one is none."""
        if self.low is not None and self.exponent < self.low:
            return self.low
        return self.high if self.high is not None and self.exponent > self.high else None


def _problems(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[Problem]:
    count = count_powers(architecture, parameterization)
    uncritical = not count.critical and axis is Axis.DEPTH and count.branch == ONE
    start = [Problem(None, "the size of signals", axis, None)] if uncritical else []
    checks = [
        *_checks(architecture, parameterization, axis),
        *_of_epsilon(count, parameterization, axis),
    ]
    return start + [
        Problem(one.layer, one.quantity, axis, one.exponent, one.nearest)
        for one in checks
        if one.nearest is not None
    ]


def _checks(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[_Check]:
    """All but the epsilon, at initialization first."""
    count = count_powers(architecture, parameterization)
    start = _at_initialization(architecture, parameterization, count, axis)
    return [*start, *_in_training(parameterization, count, axis)]


def _check(
    layer: Layer | None,
    quantity: str,
    power: Power,
    axis: Axis,
    low: Fraction | int | None,
    high: Fraction | int | None,
) -> _Check:
    least, most = (None if end is None else Fraction(end) for end in (low, high))
    return _Check(layer, quantity, power.along(axis), least, most)


def _at_initialization(
    architecture: Architecture, parameterization: Parameterization, count: PowerCount, axis: Axis
) -> Iterator[_Check]:
    if architecture.family is Family.CHAIN:
        yield _check(None, "the factor of every layer", count.branch, axis, 0, 0)
    else:
        yield _check(None, "the sum of the branches", count.accumulated, axis, None, 0)
        least = 0 if axis is Axis.WIDTH else -1  # L of them may add up coherently once they learn
        yield _check(None, "every branch", count.branch / count.size, axis, least, None)
    stream = parameterization[Role.INPUT].scale
    low = None if architecture.normalized else 0
    yield _check(Layer(Role.INPUT), "the size", stream, axis, low, 0)
    signal = ONE
    for place, role in enumerate(architecture.branch_roles[:-1], start=1):
        signal = signal * parameterization[role].scale * ROOT_WIDTH
        yield _check(Layer(role, place), "the size", signal, axis, None, 0)
    yield _check(None, "the gradient n df/dh", count.stream_gradient, axis, None, 0)
    if architecture.family is Family.TRANSFORMER:
        for role in _ATTENTION:
            size = parameterization[role].scale * ROOT_WIDTH
            yield _check(Layer(role, 1), "the size", size, axis, 0, 0)


def _in_training(
    parameterization: Parameterization, count: PowerCount, axis: Axis
) -> Iterator[_Check]:
    for layer, own in count.own_change.items():
        changes = [count.output_change[layer]]
        if layer in count.stream_change:
            changes.append(count.stream_change[layer] / count.size)
        yield _check(layer, "the change of stream and output", fastest(changes), axis, None, 0)
        yield from _own(parameterization, count, layer, own, axis)
        item = parameterization[layer.role]
        if item.decay is not None:
            yield _check(layer, "the decay per step", item.rate * item.decay, axis, 0, 0)
    inside = [layer for layer in count.stream_change if layer.place > 0]
    lead = max(inside, key=lambda layer: count.stream_change[layer].along(axis))
    name = "the blocks' change of the stream, led by that"
    led = _check(lead, name, count.stream_change[lead] / count.size, axis, 0, None)
    through = fastest([count.output_change[layer] for layer in count.stream_change])
    name = "the change of the output through the stream"
    total = _check(None, name, through, axis, 0, None)
    yield from (replace(one, any_role=True) for one in (led, total))


def _own(
    parameterization: Parameterization, count: PowerCount, layer: Layer, own: Power, axis: Axis
) -> Iterator[_Check]:
    """What a layer does by itself: as large as what it acts on, in width in every role."""
    low: Fraction | int = 0
    high: Fraction | int | None = 0
    if layer.role is Role.INPUT:
        own = count.stream_change[layer] / count.size
        high = None  # said of the stream
    elif layer.role is Role.OUTPUT:
        high = None
    elif layer.role in _ATTENTION and parameterization.optimizer is Optimizer.SGD:
        low = Fraction(-1, 2) if axis is Axis.WIDTH else 0
    elif axis is Axis.DEPTH and layer.role is Role.HIDDEN:
        return  # layers of chains are judged by what they add up to
    elif axis is Axis.DEPTH and layer.role is Role.BRANCH_LAST:
        change = count.stream_change[layer] / count.size
        yield _check(layer, "the change of the stream by all", change, axis, 0, None)
        return
    yield _check(layer, "the own change", own, axis, low, high)


def _of_epsilon(
    count: PowerCount, parameterization: Parameterization, axis: Axis
) -> Iterator[_Check]:
    """Whether a gradient falls below Adam's epsilon at some size."""
    if parameterization.optimizer is Optimizer.ADAM:
        for layer, power in count.over_epsilon.items():
            yield _check(layer, "the gradient relative to Adam's epsilon", power, axis, 0, None)


# Cures


def _cures(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[tuple[Change, ...]]:
    """The cures with the fewest changes, and of those the ones with the smallest exponents."""
    if any(one.exponent is None for one in _problems(architecture, parameterization, axis)):
        return []
    found = (
        _shortest(architecture, parameterization, axis, range(_MOST_CHANGES))
        or _around_a_kink(architecture, parameterization, axis)
        or _shortest(architecture, parameterization, axis, [_MOST_CHANGES])
    )
    return [cure + _matched_epsilon(architecture, parameterization, cure, axis) for cure in found]


def _around_a_kink(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[tuple[Change, ...]]:
    """Mend what is wrong at initialization, and look from there, where exponents are linear."""
    found = [
        _merged(first + rest)
        for first in _shortest(
            architecture, parameterization, axis, range(_MOST_CHANGES), initially=True
        )
        if first
        for rest in _shortest(
            architecture, _after(first, parameterization), axis, range(_MOST_CHANGES)
        )
    ]
    least = min(map(_effort, found), default=None)
    return sorted({cure for cure in found if _effort(cure) == least}, key=str)


def _shortest(
    architecture: Architecture,
    parameterization: Parameterization,
    axis: Axis,
    counts: Iterable[int],
    initially: bool = False,
) -> list[tuple[Change, ...]]:
    search = _Search(architecture, parameterization, axis, initially)
    tries = (search.with_changes(count) for count in counts)
    return next((found for found in tries if found), [])


def _after(cure: Sequence[Change], parameterization: Parameterization) -> Parameterization:
    for change in cure:
        parameterization = change.applied(parameterization)
    return parameterization


def _merged(cure: Sequence[Change]) -> tuple[Change, ...]:
    """Changes of one exponent as one."""
    made: dict[_Knob, Power] = {}
    for change in cure:
        knob = (change.roles, change.part)
        made[knob] = made.get(knob, ONE) * change.factor
    return _sorted(Change(*knob, factor) for knob, factor in made.items() if factor != ONE)


def _sorted(cure: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(cure, key=str))


def _effort(cure: Sequence[Change]) -> tuple[int, Fraction]:
    return len(cure), _size(cure)


def _size(cure: Sequence[Change]) -> Fraction:
    """The sum of all exponents that are changed, of every role."""
    sizes = (
        abs(change.factor.width + change.factor.depth) * max(1, len(change.roles))
        for change in cure
    )
    return sum(sizes, Fraction(0))


_Knob: TypeAlias = tuple[tuple[Role, ...], str]


class _Search:
    """Exponents of all quantities as a linear function of changes, which holds piece by piece.

    A smallest change lies where as many quantities are at the edge of what is healthy as exponents
    are changed. Every cure is tried on the exact count.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameterization: Parameterization,
        axis: Axis,
        initially: bool,
    ) -> None:
        self._architecture, self._parameterization = architecture, parameterization
        self._axis, self._initially = axis, initially
        checks = self._checks(parameterization)
        columns: dict[tuple[int, tuple[Fraction, ...]], list[_Knob]] = {}
        for knob in _knobs(architecture, axis, _decaying(parameterization)):
            up, down = (self._slopes_of(knob, checks, step) for step in (_STEP, -_STEP))
            for sign, slopes in [(0, up)] if up == down else [(1, up), (-1, down)]:
                columns.setdefault((sign, slopes), []).append(knob)
        self._knobs = list(columns.values())
        self._signs = np.array([sign for sign, _ in columns])
        self._slopes = np.array([slopes for _, slopes in columns], dtype=np.float64).T
        edges = [
            (row, float(edge - check.exponent))
            for row, check in enumerate(checks)
            for edge in (check.low, check.high)
            if edge is not None
        ]
        self._rows = np.array([row for row, _ in edges])
        self._edges = np.array([edge for _, edge in edges])
        self._low, self._high = np.array([_room(one) for one in checks]).T

    def _slopes_of(
        self, knob: _Knob, checks: Sequence[_Check], step: Fraction
    ) -> tuple[Fraction, ...]:
        """Of every exponent, in one direction: largest contributions change at a kink."""
        moved = self._change(knob, step).applied(self._parameterization)
        after = self._checks(moved)
        return tuple((a.exponent - b.exponent) / step for a, b in zip(after, checks, strict=True))

    def _change(self, knob: _Knob, exponent: Fraction) -> Change:
        width, depth = (exponent, 0) if self._axis is Axis.WIDTH else (0, exponent)
        return Change(*knob, Power(width, depth))

    def with_changes(self, count: int) -> list[tuple[Change, ...]]:
        """The smallest cures of so many exponents; one that needs none, where nothing is wrong."""
        tried: dict[tuple[Change, ...], None] = {}
        for columns in itertools.combinations(range(len(self._knobs)), count):
            for exponents in self._edges_met(columns):
                for knobs in itertools.product(*(self._knobs[column] for column in columns)):
                    if len(set(knobs)) == count:
                        tried[_sorted(map(self._change, knobs, exponents))] = None
        found: list[tuple[Change, ...]] = []
        for cure in sorted(tried, key=lambda cure: (_size(cure), str(cure))):
            if found and _size(cure) > _size(found[0]):
                break
            if self._mends(cure):
                found.append(cure)
        return found

    def _edges_met(self, columns: tuple[int, ...]) -> set[tuple[Fraction, ...]]:
        """Healthy exponents at which as many quantities are at an edge."""
        count = len(columns)
        if not count:
            return {()}
        slopes = self._slopes[:, columns]
        picks = np.array(list(itertools.combinations(range(len(self._edges)), count)), dtype=int)
        systems = slopes[self._rows[picks]]
        regular = np.abs(np.linalg.det(systems)) > _TINY
        solved = np.linalg.solve(systems[regular], self._edges[picks][regular][..., None])[..., 0]
        values = solved @ slopes.T
        healthy = ((values > self._low - _TINY) & (values < self._high + _TINY)).all(axis=1)
        directed = (solved * self._signs[list(columns)] > -_TINY).all(axis=1)
        kept = solved[healthy & directed & (np.abs(solved) > _TINY).all(axis=1)]
        return {tuple(Fraction(float(x)).limit_denominator(_FINEST) for x in row) for row in kept}

    def _mends(self, cure: Sequence[Change]) -> bool:
        checks = self._checks(_after(cure, self._parameterization))
        return all(one.nearest is None for one in checks)

    def _checks(self, parameterization: Parameterization) -> list[_Check]:
        if not self._initially:
            return _checks(self._architecture, parameterization, self._axis)
        count = count_powers(self._architecture, parameterization)
        return list(_at_initialization(self._architecture, parameterization, count, self._axis))


def _room(check: _Check) -> tuple[float, float]:
    """How far the exponent may go; what one role of several has to do is seen in the count."""
    low = None if check.any_role else check.low
    return (
        -math.inf if low is None else float(low - check.exponent),
        math.inf if check.high is None else float(check.high - check.exponent),
    )


def _knobs(architecture: Architecture, axis: Axis, decaying: frozenset[Role]) -> Iterator[_Knob]:
    """What may be changed: an exponent of one role, of all square matrices, of all roles."""
    inside = tuple(dict.fromkeys(architecture.block_roles))
    groups: list[tuple[Role, ...]] = [(role,) for role in (Role.INPUT, *inside, Role.OUTPUT)]
    branch = tuple(dict.fromkeys(architecture.branch_roles))
    groups += [group for group in dict.fromkeys((branch, inside)) if len(group) > 1]
    for part in ("initialization", "multiplier", "rate"):
        for roles in groups:
            yield roles, part
    for roles in groups:
        if decaying.issuperset(roles):
            yield roles, "decay"
    yield (Role.INPUT, *inside, Role.OUTPUT), "rate"
    if axis is Axis.DEPTH and architecture.family is not Family.CHAIN:
        yield (), "residual multiplier"


def _decaying(parameterization: Parameterization) -> frozenset[Role]:
    """Roles that say how their decay scales: only there it may be changed."""
    return frozenset(role for role, item in parameterization.roles if item.decay is not None)


def _matched_epsilon(
    architecture: Architecture,
    parameterization: Parameterization,
    cure: Sequence[Change],
    axis: Axis,
) -> tuple[Change, ...]:
    """Changes of Adam's epsilon where the cured gradient would fall below it."""
    parameterization = _after(cure, parameterization)
    checks = _of_epsilon(count_powers(architecture, parameterization), parameterization, axis)
    made: dict[Change, None] = {}
    for one in checks:
        if one.nearest is not None and one.layer is not None:
            exponent = one.exponent - one.nearest
            factor = Power(width=exponent) if axis is Axis.WIDTH else Power(depth=exponent)
            made[Change((one.layer.role,), "epsilon", factor)] = None
    return tuple(made)
