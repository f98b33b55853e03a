"""Parameterizations: how multiplier, initial scale and learning rate of each role scale.

Imports the standard library and ``theory`` only. The presets of the literature are in
``theory.presets``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from theory.architecture import Role
from theory.scaling import ONE, Power


@dataclass(frozen=True, slots=True)
class RoleScaling:
    """One role: the layer computes ``multiplier * W``, W has entries N(0, std^2), and SGD moves
    W by ``rate`` times the base learning rate times the gradient."""

    multiplier: Power = ONE
    std: Power = ONE
    rate: Power = ONE

    def moved(self, factor: Power) -> RoleScaling:
        """The equivalent scaling with ``factor`` moved from the multiplier into the weight.

        The gradient with respect to the weight shrinks by the factor while the weight has grown
        by it, so the SGD rate grows by its square; training is unchanged (the symmetry of
        abc-parametrizations, arXiv 2011.14522).
        """
        return RoleScaling(self.multiplier / factor, self.std * factor, self.rate * factor**2)

    @property
    def scale(self) -> Power:
        """Standard deviation of an entry of ``multiplier * W`` at initialization."""
        return self.multiplier * self.std


@dataclass(frozen=True, slots=True)
class Parameterization:
    """Exponents of every role of a network trained by SGD, and the residual multiplier.

    ``residual`` multiplies each branch once (L^-alpha). ``source`` cites the table or section
    from which the exponents are taken.
    """

    name: str
    residual: Power
    roles: tuple[tuple[Role, RoleScaling], ...]
    source: str

    def __getitem__(self, role: Role) -> RoleScaling:
        return dict(self.roles)[role]

    def changed(
        self, name: str, roles: Mapping[Role, RoleScaling], residual: Power | None = None
    ) -> Parameterization:
        """A variant under a name of its own, with the given roles replaced."""
        merged = dict(self.roles) | dict(roles)
        kept = self.residual if residual is None else residual
        return replace(self, name=name, roles=tuple(merged.items()), residual=kept)

    def in_variance_convention(self) -> Parameterization:
        """The equivalent parameterization in which every multiplier but the residual one is 1."""
        moved = {role: scaling.moved(scaling.multiplier) for role, scaling in self.roles}
        return self.changed(f"{self.name} (variance convention)", moved)

    def with_rates_times(self, factor: Power, name: str) -> Parameterization:
        """The same network trained with every learning rate multiplied by ``factor``."""
        return self.changed(
            name, {role: replace(item, rate=item.rate * factor) for role, item in self.roles}
        )
