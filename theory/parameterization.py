"""Parameterizations: how multiplier, initial scale and learning rate of each role scale.

Imports the standard library and ``theory`` only. The presets of the literature are in
``theory.presets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from theory.architecture import Role
from theory.errors import InputError
from theory.keys import NOT_IN_KEY
from theory.scaling import ONE, Cell, Power

INVERSE_WIDTH = Power(width=-1)


class Optimizer(StrEnum):
    """What turns gradients into updates; learning rates scale differently under each.

    MOMENTUM is SGD with a momentum of 0.9. ADAM has decoupled weight decay (AdamW is another name).
    LION steps by the sign of its average (arXiv 2302.06675). MUON replaces the average gradient of
    a square matrix by the nearest orthogonal matrix (Jordan 2024), which is no factor of its shape.
    """

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"
    LION = "lion"
    MUON = "muon"

    @classmethod
    def _missing_(cls, value: object) -> Optimizer | None:
        # Decay is decoupled under Adam here: the two are one.
        return cls.ADAM if value == "adamw" else None

    @property
    def is_linear(self) -> bool:
        """Steps are combinations of gradients: SGD, and its momentum."""
        return self in (Optimizer.SGD, Optimizer.MOMENTUM)

    @property
    def has_epsilon(self) -> bool:
        """Some role's gradient is divided by its own size and an epsilon."""
        return self in (Optimizer.ADAM, Optimizer.MUON)

    def orthogonalizes(self, role: Role) -> bool:
        """Muon moves n x n matrices; embedding, readout and vectors are left to Adam."""
        ends = (Role.INPUT, Role.OUTPUT, Role.BIAS, Role.GAIN)
        return self is Optimizer.MUON and role not in ends


@dataclass(frozen=True, slots=True)
class RoleScaling:
    """How one role scales.

    The layer computes ``multiplier * W``; W has entries N(0, std^2); the optimizer moves W with the
    base learning rate times ``rate``, and Adam adds its base epsilon times ``epsilon``. Weight
    decay, where there is any, is the base one times ``decay``; a step takes rate * decay * W from
    W. ``None``: nothing is said of it, and it stays the base one.

    ``backward``: what multiplies signals on their way back, and the gradient of W, where it is
    another factor than ``multiplier`` (as arXiv 2407.17465, Section 2.1, has it). A weight
    that ``starts_at_zero`` has no std, and one that is ``frozen`` no rate.
    """

    multiplier: Power = ONE
    std: Power = ONE
    rate: Power = ONE
    epsilon: Power = ONE
    decay: Power | None = None
    backward: Power | None = None
    starts_at_zero: bool = False
    frozen: bool = False

    def __post_init__(self) -> None:
        for name in ("multiplier", "std", "rate", "epsilon", "decay", "backward"):
            if name in ("decay", "backward") and getattr(self, name) is None:
                continue
            if not isinstance(getattr(self, name), Power):
                raise InputError(
                    f'{name} {getattr(self, name)!r}: expected a Power, such as Power(width="-1/2")'
                )

    def moved(self, factor: Power, optimizer: Optimizer = Optimizer.SGD) -> RoleScaling:
        """The equivalent scaling with ``factor`` moved from the multiplier into the weight.

        The gradient with respect to the weight shrinks by the factor while the weight has grown by
        it. The SGD rate therefore grows by its square, the Adam rate (whose update does not depend
        on the size of the gradient) by the factor itself, and Adam's epsilon shrinks with the
        gradient; a decay that is said keeps what a step takes. Training is unchanged (the symmetry
        of abc-parametrizations, arXiv 2011.14522; for Adam, arXiv 2308.01814).
        """
        faster = factor**2 if optimizer.is_linear else factor
        return replace(
            self,
            multiplier=self.multiplier / factor,
            std=self.std * factor,
            rate=self.rate * faster,
            epsilon=self.epsilon / factor,
            decay=None if self.decay is None else self.decay / faster,
            backward=None if self.backward is None else self.backward / factor,
        )

    @property
    def back(self) -> Power:
        """What multiplies W^T g on the way back, and the gradient g x^T of W."""
        return self.multiplier if self.backward is None else self.backward

    @property
    def scale(self) -> Power:
        """Standard deviation of an entry of ``multiplier * W`` at initialization."""
        return self.multiplier * self.std


@dataclass(frozen=True, slots=True)
class Parameterization:
    """Exponents of every role of a network, and the residual multiplier.

    ``residual`` multiplies each branch once (L^-alpha). ``source`` cites the table or section from
    which the exponents are taken. With a ``base`` cell, every quantity is that of the standard
    parameterization there, and scales away from it: the network at the base cell is the standard
    one.
    """

    name: str = field(metadata=NOT_IN_KEY)
    residual: Power
    roles: tuple[tuple[Role, RoleScaling], ...]
    source: str = field(metadata=NOT_IN_KEY)
    optimizer: Optimizer = Optimizer.SGD
    base: Cell | None = None
    attention: Power = INVERSE_WIDTH

    def __getitem__(self, role: Role) -> RoleScaling:
        try:
            return dict(self.roles)[role]
        except KeyError:
            known = ", ".join(role for role, _ in self.roles)
            raise InputError(f"unknown role {str(role)!r}; choose one of: {known}") from None

    def _relative(self, power: Power, cell: Cell) -> float:
        return power.at(cell) if self.base is None else power.at(cell) / power.at(self.base)

    def multiplier(self, role: Role, cell: Cell) -> float:
        """The explicit factor in front of a weight."""
        return self._relative(self[role].multiplier, cell)

    def backward(self, role: Role, cell: Cell) -> float:
        """The explicit factor in front of a weight on the way back."""
        return self._relative(self[role].back, cell)

    def attention_scale(self, cell: Cell, heads: int) -> float:
        """What multiplies q.k in each of so many heads; at a base cell, 1 / head width."""
        head = Cell(cell.width // heads, cell.depth)
        if self.base is None:
            return self.attention.at(head)
        base = Cell(self.base.width // heads, self.base.depth)
        return float(self.attention.at(head) / self.attention.at(base) / base.width)

    def std(self, role: Role, cell: Cell) -> float:
        """The standard deviation of a weight's entries; at a base cell, 1/sqrt(fan-in)."""
        if self[role].starts_at_zero:
            return 0.0
        relative = self._relative(self[role].std, cell)
        if self.base is None or role in (Role.INPUT, Role.BIAS, Role.GAIN):
            return relative
        return float(relative * self.base.width**-0.5)

    def rate(self, role: Role, cell: Cell) -> float:
        """The factor of the base learning rate."""
        if self[role].frozen:
            return 0.0
        return self._relative(self[role].rate, cell)

    def epsilon(self, role: Role, cell: Cell) -> float:
        """The factor of Adam's base epsilon."""
        return self._relative(self[role].epsilon, cell)

    def decay(self, role: Role, cell: Cell) -> float:
        """The factor of the base weight decay."""
        power = self[role].decay
        return 1.0 if power is None else self._relative(power, cell)

    def residual_multiplier(self, cell: Cell) -> float:
        """The factor of every branch."""
        return self._relative(self.residual, cell)

    def scale(self, role: Role, cell: Cell) -> float:
        """Standard deviation of an entry of ``multiplier * W`` at initialization."""
        return self.multiplier(role, cell) * self.std(role, cell)

    def changed(
        self, name: str, roles: Mapping[Role, RoleScaling], residual: Power | None = None
    ) -> Parameterization:
        """A variant under a name of its own, with the given roles replaced."""
        merged = dict(self.roles) | dict(roles)
        kept = self.residual if residual is None else residual
        return replace(self, name=name, roles=tuple(merged.items()), residual=kept)

    def moved(self, factors: Mapping[Role, Power], name: str) -> Parameterization:
        """The equivalent parameterization with a factor moved into the weight of each role."""
        roles = {role: self[role].moved(factor, self.optimizer) for role, factor in factors.items()}
        return self.changed(name, roles)

    def in_variance_convention(self) -> Parameterization:
        """The equivalent parameterization in which every multiplier but the residual one is 1."""
        factors = {role: scaling.multiplier for role, scaling in self.roles}
        return self.moved(factors, f"{self.name} (variance convention)")

    def in_multiplier_convention(self) -> Parameterization:
        """The equivalent parameterization in which every initial standard deviation is 1."""
        factors = {role: ONE / scaling.std for role, scaling in self.roles}
        return self.moved(factors, f"{self.name} (multiplier convention)")

    def with_rates_times(self, factor: Power, name: str) -> Parameterization:
        """The same network trained with every learning rate multiplied by ``factor``.

        Raises ``InputError`` when the factor is no Power.
        """
        if not isinstance(factor, Power):
            raise InputError(f"factor {factor!r}: expected a Power, such as Power(depth=-1)")
        return self.changed(
            name, {role: replace(item, rate=item.rate * factor) for role, item in self.roles}
        )

    def from_base(self, base: Cell) -> Parameterization:
        """The same exponents, with the standard parameterization at ``base`` as the start."""
        return replace(self, name=f"{self.name} from {base}", base=base)
