"""Exponents of every observable of any parameterization, by counting powers.

Parameterization x architecture -> exponents in width and depth at initialization and after one
step at learning rate one. ``theory.diagnosis`` says what is wrong with them. Imports ``theory``.

The rules, with m = multiplier, s = multiplier * std, r = rate (all powers), X what enters a weight
and g the gradient of what it produces. A Gaussian n x n matrix maps a vector to one s n^1/2 times
as large, and a vector that came back through it to one s^2 n times as large (coherent). SGD moves a
weight by r m g X, Adam by r; either way the update meets the X that it is made of, and their n
products add up coherently:

    own change of a pre-activation      SGD r m^2 g X^2 n     Adam r m X n
    change of the stream by a role      own change x the branch behind it x L coherent blocks
    change of the output                n x readout x change of the stream along the gradient

In depth these are the exponents of arXiv 2310.02244 and 2505.01618. A plain chain has no skip path:
what a weight changes spreads over directions as L^1/2, so that its L layers change the stream by
L^3/2 (arXiv 2305.07810), but the output by L, and the input's weights change them by L^1/2 and 1.
The branches of a residual network add up as a random walk, L^1/2 of them, and where they end with
an activation their means over coordinates add up coherently: L E phi(u), which goes as u, or as u^2
where u is small and phi smooth. Powers hold for activations that are linear or homogeneous where
the signal is small, as all named ones are, and in chains at criticality: c E phi(Z)^2 = 1 for a
homogeneous phi.

What enters a normalized branch is of order one, and what comes back, from the readout too, is
divided by the size of the stream; on the way to the input the gradient grows as the stream does,
and the two cancel. Attention starts uniform, for its logits are small, and adds averages of values:
W_v and W_o are a branch like others. A query meets the gradient through n products of values with
what comes back, independent at first: its own change is smaller by n^1/2, and moves the stream in
directions that blocks do not share (L^1/2 of them add up), the output along the gradient.

Positions of a grid, and the window that a convolution sees, are constants: they change no power.

Adam's epsilon is taken as negligible, as it is in practice; ``theory.diagnosis`` says
where it would overtake the gradient, and ``with_matched_epsilon`` mends it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from theory.architecture import HOMOGENEOUS, Architecture, Family, Role
from theory.errors import NoTheoryError
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.scaling import ONE, Axis, Power

ROOT_WIDTH = Power(width="1/2")
_WIDTH = Power(width=1)


@dataclass(frozen=True, slots=True, order=True)
class Layer:
    """A weight matrix by role and place in its block (1 .. m; 0 at both ends)."""

    role: Role
    place: int = 0

    def __str__(self) -> str:
        return f"{self.role}[{self.place}]" if self.role is Role.BRANCH_INNER else str(self.role)


@dataclass(frozen=True, slots=True)
class PowerCount:
    """Exponents at initialization and of the first step, as powers of width and depth.

    ``branch``: a branch's output relative to the stream, or to what enters it where that is
    normalized; ``size``: what branches and readout divide the stream by; ``accumulated``: the sum
    of all branches (growth is exponential where its exponent of L is positive, in a residual
    network that is not normalized); ``stream_gradient``: n df/dh_0; by layer, ``gradient``: an
    entry of the weight's gradient, which alone depends on where a scale lives, ``over_epsilon``:
    the same over Adam's epsilon, ``own_change``, ``stream_change`` and ``output_change``.
    ``critical`` is false for a chain whose layers do not keep the size of every signal.
    """

    branch: Power
    size: Power
    accumulated: Power
    stream_gradient: Power
    gradient: dict[Layer, Power] = field(compare=False)
    own_change: dict[Layer, Power]
    stream_change: dict[Layer, Power]
    output_change: dict[Layer, Power]
    over_epsilon: dict[Layer, Power]
    critical: bool

    @property
    def total_stream_change(self) -> Power:
        """The change of the stream by all roles together."""
        return fastest(self.stream_change.values())

    @property
    def total_output_change(self) -> Power:
        """The change of the output by all roles together."""
        return fastest(self.output_change.values())

    @property
    def largest_stable_rate(self) -> Power:
        """The largest power of the base learning rate that keeps stream and output stable.

        Changes are of first order in the rate under both optimizers.
        """
        return ONE / fastest((self.total_stream_change, self.total_output_change))

    def stable_at_initialization(self, axis: Axis) -> bool:
        """Neither signals nor gradients grow in this direction."""
        if not self.critical:
            return False
        gradient = self.stream_gradient.along(axis)
        return self.branch.along(axis) <= 0 >= self.accumulated.along(axis) and gradient <= 0

    def stable_in_training(self, axis: Axis) -> bool:
        """Stable at initialization, and no change of stream or output grows."""
        changes = (self.total_stream_change, self.total_output_change)
        moved = max(change.along(axis) for change in changes)
        return self.stable_at_initialization(axis) and moved <= 0

    def nontrivial(self, axis: Axis) -> bool:
        """The blocks (not only the two ends) move the stream by order one or more."""
        inside = [p for layer, p in self.stream_change.items() if layer.place > 0]
        return max(power.along(axis) for power in inside) >= 0


def fastest(powers: Collection[Power]) -> Power:
    """The fastest growth among several contributions, in each direction."""
    return Power(max(power.width for power in powers), max(power.depth for power in powers))


def count_powers(architecture: Architecture, parameterization: Parameterization) -> PowerCount:
    """Count powers for a network with inputs |x|^2 = d, d fixed, and losses of order one.

    Both branches of a transformer's block count as one: they differ in constants. Raises
    ``NoTheoryError`` for a stream of fixed width.

    >>> from scaleproof import count_powers, depth_mup, residual
    >>> counted = count_powers(residual(2), depth_mup())
    >>> print(counted.branch, counted.total_stream_change)
    L^-1/2 1
    """
    if architecture.stream_width is not None:
        raise NoTheoryError(f"{architecture}: powers are counted where the stream grows in width")
    places = [Layer(role, i) for i, role in enumerate(architecture.branch_roles, start=1)]
    chain = architecture.family is Family.CHAIN
    residual = ONE if chain else parameterization.residual
    readout = parameterization[Role.OUTPUT].scale
    stream = parameterization[Role.INPUT].scale
    forward = [parameterization[layer.role].scale * ROOT_WIDTH for layer in places]
    branch = residual
    for factor in forward:
        branch = branch * factor
    spread = Power(depth="1/2") if chain else ONE  # over directions, on the way up
    blocks = Power(depth=1)
    accumulated = branch if chain else _accumulated(architecture, branch, residual)
    size, climbed = ONE, ONE
    if architecture.normalized:
        size = fastest((stream, accumulated))
        climbed, stream, readout = size / stream, ONE, readout / size

    own, moved, entry, output = {}, {}, {}, {}
    for i, layer in enumerate(places):
        entering, behind = stream, residual
        for factor in forward[:i]:
            entering = entering * factor
        for factor in forward[i + 1 :]:
            behind = behind * factor
        gradient = readout * behind
        own[layer] = _own_change(parameterization, layer.role, entering, gradient, _WIDTH)
        entry[layer] = parameterization[layer.role].multiplier * gradient * entering
        moved[layer] = own[layer] * behind * blocks * spread
    first, last = Layer(Role.INPUT), Layer(Role.OUTPUT)
    own[first] = _own_change(parameterization, Role.INPUT, ONE, readout * climbed, ONE)
    moved[first] = own[first] * spread * climbed
    entry[first] = parameterization[Role.INPUT].multiplier * readout * climbed
    entry[last] = parameterization[Role.OUTPUT].multiplier * stream
    own[last] = _own_change(parameterization, Role.OUTPUT, stream, ONE, _WIDTH)
    output = {layer: power * readout * _WIDTH / spread for layer, power in moved.items()}
    output[last] = own[last]
    if architecture.family is Family.TRANSFORMER:
        for role, other in ((Role.QUERY, Role.KEY), (Role.KEY, Role.QUERY)):
            layer, met = Layer(role, 1), parameterization[other].scale * ROOT_WIDTH
            # A logit answers by met, the stream by branch; n products are a sum of n^1/2 of them.
            gradient = readout * branch * met / ROOT_WIDTH
            own[layer] = _own_change(parameterization, role, ONE, gradient, _WIDTH)
            entry[layer] = parameterization[role].multiplier * gradient
            moved[layer] = own[layer] * met * branch * Power(depth="1/2")
            output[layer] = own[layer] * met * branch * readout * ROOT_WIDTH * blocks
    return PowerCount(
        branch=branch,
        size=size,
        accumulated=accumulated,
        stream_gradient=readout * climbed * _WIDTH,
        gradient=entry,
        own_change=own,
        stream_change=moved,
        output_change=output,
        over_epsilon={k: v / parameterization[k.role].epsilon for k, v in entry.items()},
        critical=not chain or (branch == ONE and _critical(architecture)),
    )


def _accumulated(architecture: Architecture, branch: Power, residual: Power) -> Power:
    """The sum of L branches: a random walk, and the means that add up coherently."""
    walk = branch * Power(depth="1/2")
    if not architecture.adds_coherently:
        return walk
    entering = branch / residual
    if architecture.activation not in HOMOGENEOUS:
        # E phi(u) of a smooth phi is quadratic in a small u, linear in a large one.
        powers = (p if p > 0 else 2 * p for p in (entering.width, entering.depth))
        entering = Power(*powers)
    return fastest((walk, residual * entering * Power(depth=1)))


def _critical(chain: Architecture) -> bool:
    """c E phi(Z)^2 = 1 whatever the size of the signal: homogeneous, at the right c.

    Dropout makes second moments 1 / (1 - p) times as large, zero padding takes from the edge what
    is not there, and normalization by batch makes gradients grow (arXiv 1902.08129).
    """
    if chain.activation not in HOMOGENEOUS or chain.normalized:
        return False
    if chain.convolution is not None and chain.convolution.loses_signal:
        return False
    left, right = HOMOGENEOUS[chain.activation]
    return chain.variance_factor * (left**2 + right**2) == 2 * (1 - chain.dropout)


def _own_change(
    parameterization: Parameterization,
    role: Role,
    entering: Power,
    gradient: Power,
    terms: Power,
) -> Power:
    """Change of multiplier * W x after one step, by W alone; ``terms`` products add up in it."""
    item: RoleScaling = parameterization[role]
    if parameterization.optimizer is Optimizer.ADAM:
        return item.rate * item.multiplier * entering * terms
    return item.rate * item.multiplier**2 * gradient * entering**2 * terms


def with_matched_epsilon(
    architecture: Architecture, parameterization: Parameterization
) -> Parameterization:
    """The same with Adam's epsilon following the gradient of each role.

    For parameterizations whose sources give none, and where it depends on the number of layers per
    block. Roles that the architecture does not have keep theirs.
    """
    count = count_powers(architecture, parameterization)
    roles = dict(parameterization.roles)
    for layer, gradient in count.gradient.items():  # the same for all layers of one role
        roles[layer.role] = replace(roles[layer.role], epsilon=gradient)
    return parameterization.changed(f"{parameterization.name} (matched epsilon)", roles)
