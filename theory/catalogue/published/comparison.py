"""Published tables against presets, up to the abc-symmetry, and against power counting.

A factor moved from a multiplier into a weight changes its initialization and rate, and training not
at all: SGD's rate moves by its square, Adam's by itself. Tables and presets are therefore compared
where every multiplier but the residual one is 1. Imports ``theory`` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from theory.architecture import Architecture, BlockForm, Role, chain, residual, transformer
from theory.catalogue.published import Entry, ScaledQuantity, Side, Table
from theory.diagnosis import Problem, diagnose
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.power_counting import with_matched_epsilon
from theory.presets import preset
from theory.scaling import ONE, Axis, Power

NETWORKS: Mapping[str, Architecture] = {
    "chain": chain(),
    "residual-1": residual(1),
    "residual-1-post": residual(1, form=BlockForm.POST_ACTIVATION_CENTRED),
    "residual-2": residual(2),
    "transformer": transformer(),
}
_BRANCH, _ATTENTION = "residual", "attention"
# A lookup is a product with a one-hot vector: its powers of width are those of input weights.
_ALSO = {"embedding": Role.INPUT}
# Of what a multiplier would be undone in. One that is wrong is wrong in all of them.
_SHOWN_BY: Mapping[ScaledQuantity, frozenset[str]] = {
    ScaledQuantity.VARIANCE: frozenset({"initialization"}),
    ScaledQuantity.STD: frozenset({"initialization"}),
    ScaledQuantity.MULTIPLIER: frozenset({"initialization", "rate"}),
    ScaledQuantity.RATE: frozenset({"rate"}),
    ScaledQuantity.EPSILON: frozenset({"epsilon"}),
    ScaledQuantity.DECAY: frozenset({"decay per step"}),
    ScaledQuantity.DECAY_PER_STEP: frozenset({"decay per step"}),
    ScaledQuantity.RESIDUAL: frozenset({"multiplier"}),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A quantity of a role without multipliers: as the table has it, and as it should be.

    That is as the preset has it; of a decay per step, of which no preset speaks, the constant that
    power counting expects.
    """

    role: str
    quantity: str
    table: Power
    ours: Power

    @property
    def against(self) -> Side:
        """What the table differs from."""
        counted = self.quantity == "decay per step"
        return Side.POWER_COUNTING if counted else Side.PRESET


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Both sides of what a table has otherwise than theory; ``what`` is a name without numbers."""

    against: Side
    what: str
    table: str
    ours: str


def cannot_be_expressed(role: str, optimizer: str) -> str | None:
    """Why theory has no place for a cell, or ``None`` where it has one."""
    if optimizer not in set(Optimizer):
        return f"optimizer: {optimizer}"
    return None if role in {*Role, *_ALSO, _BRANCH, _ATTENTION} else f"role: {role}"


def preset_of(table: Table, optimizer: str) -> Parameterization:
    """What the table is compared with, without multipliers but the residual one."""
    return preset(table.preset, Optimizer(optimizer)).in_variance_convention()


def parameterization_of(table: Table, optimizer: str) -> Parameterization:
    """What the table says, in its convention; what it leaves out is as in its preset.

    So are axes of which it does not speak. Raises ``ValueError`` for an optimizer that theory does
    not have.
    """
    base = preset_of(table, optimizer)
    said = _said(table, optimizer)
    roles = {
        role: _role(base[role], quantities, table.axes, base.optimizer)
        for name, quantities in said.items()
        for role in _roles(table, name)
    }
    branch = _along(said.get(_BRANCH, {}).get(ScaledQuantity.RESIDUAL), base.residual, table.axes)
    scores = said.get(_ATTENTION, {}).get(ScaledQuantity.MULTIPLIER)
    attention = _along(scores, base.attention, table.axes)
    return replace(base.changed(str(table), roles, residual=branch), attention=attention)


def _said(table: Table, optimizer: str) -> dict[str, dict[ScaledQuantity, Power]]:
    """What theory has a place for, by the role as the table calls it."""
    said: dict[str, dict[ScaledQuantity, Power]] = {}
    for entry in table.entries:
        for role in entry.roles if optimizer in entry.optimizers else ():
            if entry.power is not None and cannot_be_expressed(role, optimizer) is None:
                said.setdefault(role, {})[entry.quantity] = entry.power
    return said


def _roles(table: Table, name: str) -> Iterable[Role]:
    """What a table calls by that name, in the networks that it is for."""
    if name == Role.HIDDEN:
        inside = (role for key in table.networks for role in NETWORKS[key].block_roles)
        return dict.fromkeys(inside)
    return [role for role in Role if role == _ALSO.get(name, name)]


def _along(said: Power | None, otherwise: Power, axes: tuple[Axis, ...]) -> Power:
    """What is said, along those axes."""
    if said is None:
        return otherwise
    width, depth = (
        (said if axis in axes else otherwise).along(axis) for axis in (Axis.WIDTH, Axis.DEPTH)
    )
    return Power(width, depth)


def _role(
    base: RoleScaling,
    said: Mapping[ScaledQuantity, Power],
    axes: tuple[Axis, ...],
    optimizer: Optimizer,
) -> RoleScaling:
    multiplier = _along(said.get(ScaledQuantity.MULTIPLIER), base.multiplier, axes)
    item = base.moved(ONE / multiplier, optimizer)
    std = said.get(ScaledQuantity.STD)
    if ScaledQuantity.VARIANCE in said:
        std = said[ScaledQuantity.VARIANCE] ** Fraction(1, 2)
    item = replace(
        item,
        std=_along(std, item.std, axes),
        rate=_along(said.get(ScaledQuantity.RATE), item.rate, axes),
        epsilon=_along(said.get(ScaledQuantity.EPSILON), item.epsilon, axes),
    )
    decay = said.get(ScaledQuantity.DECAY)
    if ScaledQuantity.DECAY_PER_STEP in said:
        decay = said[ScaledQuantity.DECAY_PER_STEP] / item.rate
    return item if decay is None else replace(item, decay=_along(decay, ONE / item.rate, axes))


def differences(table: Table, optimizer: str) -> list[Difference]:
    """Where a table and its preset are not one parameterization, along the table's axes."""
    said = parameterization_of(table, optimizer).in_variance_convention()
    ours = preset_of(table, optimizer)
    found = [
        Difference(name, quantity, one, other)
        for name in _said(table, optimizer)
        for role in _roles(table, name)
        for quantity, one, other in _compared(said[role], ours[role])
        if one != other
    ]
    if said.residual != ours.residual:
        found.append(Difference(_BRANCH, "multiplier", said.residual, ours.residual))
    if said.attention != ours.attention:
        found.append(Difference(_ATTENTION, "multiplier", said.attention, ours.attention))
    return list(dict.fromkeys(found))


def _compared(said: RoleScaling, ours: RoleScaling) -> Iterator[tuple[str, Power, Power]]:
    yield "initialization", said.std, ours.std
    yield "rate", said.rate, ours.rate
    yield "epsilon", said.epsilon, ours.epsilon
    if said.decay is not None:
        yield "decay per step", said.rate * said.decay, ONE


def problems(table: Table, optimizer: str, axis: Axis) -> dict[str, list[Problem]]:
    """What power counting finds wrong with a table along an axis, by network.

    An epsilon of which the table does not speak follows the gradients. Decay is not asked for here:
    ``differences`` has it.
    """
    said = parameterization_of(table, optimizer)
    silent = {role: replace(item, decay=None) for role, item in said.roles}
    kept = {
        role: silent[role]
        for name, quantities in _said(table, optimizer).items()
        for role in (_roles(table, name) if ScaledQuantity.EPSILON in quantities else ())
    }
    found = {}
    for key in table.networks:
        network = NETWORKS[key]
        matched = with_matched_epsilon(network, said.changed(said.name, silent))
        asked = matched.changed(said.name, kept)
        found[key] = list(diagnose(network, asked, axis))
    return found


def disagreements(table: Table, optimizer: str) -> list[Disagreement]:
    """Every cell that is not as in the preset, and every claim that power counting denies.

    A table of which its source does not say that it fails is taken to be meant to work.
    """
    found = [
        Disagreement(one.against, f"{one.quantity} of {one.role}", str(one.table), str(one.ours))
        for one in differences(table, optimizer)
    ]
    for axis in table.axes:
        by_network = problems(table, optimizer, axis)
        if table.scales.get(axis, True):
            said = "is meant to work" if axis not in table.scales else "works"
            wrong = dict.fromkeys(one for some in by_network.values() for one in some)
            found += [_denied(one, f"{said} in {axis}") for one in wrong]
        else:
            found += [
                Disagreement(Side.POWER_COUNTING, f"{axis} of {key}", "fails", "nothing is wrong")
                for key, some in by_network.items()
                if not some
            ]
    return found


def _denied(problem: Problem, said: str) -> Disagreement:
    where = f" of {problem.layer}" if problem.layer else ""
    exponent = problem.exponent
    goes = "no power" if exponent is None else f"{problem.axis.symbol}^{exponent}"
    what = f"{problem.quantity}{where}, in {problem.axis}"
    return Disagreement(Side.POWER_COUNTING, what, said, goes)


def agreement(table: Table, entry: Entry, role: str, optimizer: str) -> str:
    """Of one cell, for one role and optimizer: agrees, differs, open, or why it has no place."""
    reason = cannot_be_expressed(role, optimizer)
    if reason is not None:
        return reason
    if entry.power is None:
        return "open"
    wrong = {one.quantity for one in differences(table, optimizer) if one.role == role}
    shown = {"multiplier"} if role == _ATTENTION else _SHOWN_BY[entry.quantity]
    return "differs" if shown <= wrong else "agrees"
