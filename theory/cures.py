"""The smallest change of exponents after which nothing is wrong. Imports numpy and ``theory``.

Exponents are linear in what is changed, piece by piece. Candidates are solved for in floating
point, made exact, and tried on the exact count.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple, TypeAlias

import numpy as np

from theory.architecture import Architecture, Family, Role
from theory.health import Check, checks, checks_at_initialization, checks_of_epsilon
from theory.parameterization import Parameterization, RoleScaling
from theory.power_counting import count_powers
from theory.scaling import ONE, Axis, Power

MOST_CHANGES = 3
ATTENTION_SCALE = "attention scale"
_STEP = Fraction(1, 64)  # so small that no other contribution overtakes the largest
_FINEST, _TINY = 48, 1e-9


class Change(NamedTuple):
    """One exponent changed alike in some roles; residual multiplier and attention have no role."""

    roles: tuple[Role, ...]
    # initialization, multiplier, rate, epsilon, decay, residual multiplier or attention scale
    part: str
    factor: Power

    def applied(self, parameterization: Parameterization) -> Parameterization:
        """The parameterization with this change."""
        if self.part == ATTENTION_SCALE:
            return replace(parameterization, attention=parameterization.attention * self.factor)
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


def shortest_cures(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[tuple[Change, ...]]:
    """The cures with the fewest changes, and of those the ones with the smallest exponents."""
    found = (
        _shortest(architecture, parameterization, axis, range(MOST_CHANGES))
        or _around_a_kink(architecture, parameterization, axis)
        or _shortest(architecture, parameterization, axis, [MOST_CHANGES])
    )
    return [cure + _matched_epsilon(architecture, parameterization, cure, axis) for cure in found]


def _around_a_kink(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[tuple[Change, ...]]:
    """Mend what is wrong at initialization, and look from there, where exponents are linear."""
    found = [
        _merged(first + rest)
        for first in _shortest(
            architecture, parameterization, axis, range(MOST_CHANGES), initially=True
        )
        if first
        for rest in _shortest(
            architecture, after(first, parameterization), axis, range(MOST_CHANGES)
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


def after(cure: Sequence[Change], parameterization: Parameterization) -> Parameterization:
    """With every change of a cure."""
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
        self, knob: _Knob, checks: Sequence[Check], step: Fraction
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
        checks = self._checks(after(cure, self._parameterization))
        return all(one.nearest is None for one in checks)

    def _checks(self, parameterization: Parameterization) -> list[Check]:
        if not self._initially:
            return checks(self._architecture, parameterization, self._axis)
        count = count_powers(self._architecture, parameterization)
        return list(
            checks_at_initialization(self._architecture, parameterization, count, self._axis)
        )


def _room(check: Check) -> tuple[float, float]:
    """How far the exponent may go; what one role of several has to do is seen in the count."""
    low = None if check.any_role else check.low
    return (
        -math.inf if low is None else float(low - check.exponent),
        math.inf if check.high is None else float(check.high - check.exponent),
    )


def _knobs(architecture: Architecture, axis: Axis, decaying: frozenset[Role]) -> Iterator[_Knob]:
    """What may be changed: an exponent of one role, of all square matrices, of everything."""
    groups: list[tuple[Role, ...]] = [(role,) for role in architecture.roles]
    inside = tuple(dict.fromkeys(architecture.block_roles))
    branch = tuple(dict.fromkeys(architecture.branch_roles))
    groups += [group for group in dict.fromkeys((branch, inside)) if len(group) > 1]
    for part in ("initialization", "multiplier", "rate"):
        for roles in groups:
            yield roles, part
    for roles in groups:
        if decaying.issuperset(roles):
            yield roles, "decay"
    yield architecture.roles, "rate"
    if architecture.family is Family.TRANSFORMER:
        yield (), ATTENTION_SCALE
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
    parameterization = after(cure, parameterization)
    checks = checks_of_epsilon(count_powers(architecture, parameterization), axis)
    made: dict[Change, None] = {}
    for one in checks:
        if one.nearest is not None and one.layer is not None:
            exponent = one.exponent - one.nearest
            factor = Power(width=exponent) if axis is Axis.WIDTH else Power(depth=exponent)
            made[Change((one.layer.role,), "epsilon", factor)] = None
    return tuple(made)
