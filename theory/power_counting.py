"""Exponents of every observable of any parameterization, by counting powers.

Parameterization x architecture -> exponents in width and depth at initialization and after one
step at learning rate one, and what is wrong with them. Imports ``theory`` only.

The rules, with m = multiplier, s = multiplier * std, r = rate (all powers), X what enters a weight
and g the gradient of what it produces. A Gaussian n x n matrix maps a vector to one s n^1/2 times
as large, and a vector that came back through it to one s^2 n times as large (coherent). SGD moves a
weight by r m g X, Adam by r; either way the update meets the X that it is made of, and their n
products add up coherently:

    own change of a pre-activation      SGD r m^2 g X^2 n     Adam r m X n
    change of the stream by a role      own change x the branch behind it x L coherent blocks
    change of the output                n x readout x change of the stream

In depth these are the exponents of arXiv 2310.02244 and 2505.01618; a plain chain has no skip path,
and its L contributions spread as L^3/2 (arXiv 2305.07810). Activations are taken as homogeneous;
putting them after the sum instead of before the weight changes no power, so pre- and
post-activation blocks count alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from theory.architecture import Architecture, Family, Role
from theory.errors import DomainError
from theory.parameterization import Optimizer, Parameterization, RoleScaling
from theory.prediction import ExponentEquals, Observable, Setting
from theory.scaling import ONE, Axis, Power

_ROOT_WIDTH = Power(width="1/2")
_WIDTH = Power(width=1)


@dataclass(frozen=True, slots=True, order=True)
class Layer:
    """A weight matrix by role and place in its block (1 .. m; 0 at both ends)."""

    role: Role
    place: int = 0

    def __str__(self) -> str:
        return f"{self.role}[{self.place}]" if self.role is Role.BRANCH_INNER else str(self.role)


@dataclass(frozen=True, slots=True)
class Problem:
    """A way in which a parameterization does not scale: where, how fast, and what would mend it.

    ``exponent`` is that of the offending quantity and ``excess`` how far it is from what is
    allowed; ``rate_factor`` is the exponent by which the role's learning rate would have to be
    multiplied, or ``None`` where no rate mends it.
    """

    layer: Layer | None
    quantity: str
    axis: Axis
    exponent: Fraction
    excess: Fraction
    rate_factor: Fraction | None

    def __str__(self) -> str:
        where = f" of {self.layer}" if self.layer else ""
        symbol = self.axis.symbol
        text = f"{self.quantity}{where} goes as {symbol}^{self.exponent}"
        if self.rate_factor is None:
            return f"{text}, off by {symbol}^{self.excess}; no learning rate mends it"
        return f"{text}; multiply its learning rate by {symbol}^{self.rate_factor}"


@dataclass(frozen=True, slots=True)
class PowerCount:
    """Exponents at initialization and of the first step, as powers of width and depth.

    ``branch``: a branch's output relative to the stream; ``accumulated``: the random sum of all
    branches (growth is exponential where its exponent of L is positive, in a residual network);
    ``stream_gradient``: n df/dh; ``own_change``, ``stream_change``, ``output_change``: by layer.
    """

    branch: Power
    accumulated: Power
    stream_gradient: Power
    own_change: dict[Layer, Power]
    stream_change: dict[Layer, Power]
    output_change: dict[Layer, Power]

    def largest(self, changes: dict[Layer, Power]) -> Power:
        """The fastest growth among several contributions, in each direction."""
        return Power(
            max(power.width for power in changes.values()),
            max(power.depth for power in changes.values()),
        )

    @property
    def total_stream_change(self) -> Power:
        """The change of the stream by all roles together."""
        return self.largest(self.stream_change)

    @property
    def total_output_change(self) -> Power:
        """The change of the output by all roles together."""
        return self.largest(self.output_change)

    @property
    def largest_stable_rate(self) -> Power:
        """The largest power of the base learning rate that keeps stream and output stable.

        Changes are of first order in the rate under both optimizers.
        """
        return ONE / self.largest(self.stream_change | _renamed(self.output_change))

    def stable_at_initialization(self, axis: Axis) -> bool:
        """Neither signals nor gradients grow in this direction."""
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


def _renamed(changes: dict[Layer, Power]) -> dict[Layer, Power]:
    """The same powers under keys that do not collide with those of the stream."""
    return {Layer(layer.role, -1 - layer.place): power for layer, power in changes.items()}


def count_powers(architecture: Architecture, parameterization: Parameterization) -> PowerCount:
    """Count powers for a network with inputs |x|^2 = d, d fixed, and losses of order one."""
    places = [Layer(role, i) for i, role in enumerate(architecture.block_roles, start=1)]
    chain = architecture.family is Family.CHAIN
    residual = ONE if chain else parameterization.residual
    readout = parameterization[Role.OUTPUT].scale
    stream = parameterization[Role.INPUT].scale
    forward = [parameterization[layer.role].scale * _ROOT_WIDTH for layer in places]
    branch = residual
    for factor in forward:
        branch = branch * factor
    blocks = Power(depth="3/2" if chain else 1)

    own, moved = {}, {}
    for i, layer in enumerate(places):
        entering, behind = stream, residual
        for factor in forward[:i]:
            entering = entering * factor
        for factor in forward[i + 1 :]:
            behind = behind * factor
        gradient = readout * behind
        own[layer] = _own_change(parameterization, layer.role, entering, gradient, _WIDTH)
        moved[layer] = own[layer] * behind * blocks
    first, last = Layer(Role.INPUT), Layer(Role.OUTPUT)
    own[first] = _own_change(parameterization, Role.INPUT, ONE, readout, ONE)
    moved[first] = own[first]
    own[last] = _own_change(parameterization, Role.OUTPUT, stream, ONE, _WIDTH)
    output = {layer: power * readout * _WIDTH for layer, power in moved.items()}
    output[last] = own[last]
    spread = ONE if chain else Power(depth="1/2")
    return PowerCount(branch, branch * spread, readout * _WIDTH, own, moved, output)


def _own_change(
    parameterization: Parameterization,
    role: Role,
    entering: Power,
    gradient: Power,
    terms: Power,
) -> Power:
    """Change of multiplier * W x after one step, by W alone; ``terms`` products add up in it."""
    item: RoleScaling = parameterization[role]
    sgd = item.rate * item.multiplier**2 * gradient * entering**2 * terms
    if parameterization.optimizer is Optimizer.SGD:
        return sgd
    # Adam divides by the gradient's entry, or by epsilon where that is larger.
    entry = item.multiplier * gradient * entering
    damping = Power(
        min(Fraction(0), (entry / item.epsilon).width),
        min(Fraction(0), (entry / item.epsilon).depth),
    )
    return item.rate * item.multiplier * entering * terms * damping


def diagnose(architecture: Architecture, parameterization: Parameterization) -> list[Problem]:
    """Everything that keeps a parameterization from scaling, and the rate that would mend it.

    At initialization: branches or gradients that grow. In training: a role whose change of stream
    or output grows, and a layer inside a block whose own change decays (it stops learning).
    """
    count = count_powers(architecture, parameterization)
    problems = []
    for axis in Axis:
        for name, power in (
            ("the sum of the branches", count.accumulated),
            ("the gradient n df/dh", count.stream_gradient),
        ):
            exponent = power.along(axis)
            if exponent > 0:
                problems.append(Problem(None, name, axis, exponent, exponent, None))
        for layer in count.own_change:
            grown = count.output_change[layer].along(axis)
            if layer in count.stream_change:
                grown = max(grown, count.stream_change[layer].along(axis))
            if grown > 0:
                name = "the change of stream and output"
                problems.append(Problem(layer, name, axis, grown, grown, -grown))
            own = count.own_change[layer].along(axis)
            inside = layer.role in (Role.BRANCH_FIRST, Role.BRANCH_INNER)
            if own < 0 and inside:
                problems.append(Problem(layer, "the own change", axis, own, own, -own))
    return problems


def predicted_exponent(setting: Setting, observable: Observable, axis: Axis) -> Fraction:
    """The exponent of an observable in a setting, for any parameterization.

    Raises ``DomainError`` where no power describes it: signals that grow exponentially with depth,
    or an observable that the architecture does not have.
    """
    count = count_powers(setting.architecture, setting.parameterization)
    if count.accumulated.along(axis) > 0:
        raise DomainError(
            f"{setting.parameterization.name} is unstable in {axis} at initialization: "
            f"{observable} follows no power of {axis.symbol}"
        )
    if observable is Observable.FIRST_LAYER_OWN_CHANGE:
        first = Layer(Role.BRANCH_FIRST, 1)
        if first not in count.own_change:
            raise DomainError(f"{setting.architecture} has no first layer inside its blocks")
        return count.own_change[first].along(axis)
    moved = count.total_stream_change.along(axis)
    return {
        Observable.FORWARD_SECOND_MOMENT: (
            2 * setting.parameterization[Role.INPUT].scale.along(axis)
        ),
        Observable.BACKWARD_SECOND_MOMENT: 2 * count.stream_gradient.along(axis),
        Observable.STREAM_CHANGE: moved,
        Observable.TRAINED_STREAM_CHANGE: moved,
        Observable.OUTPUT_CHANGE: count.total_output_change.along(axis),
        Observable.MAXIMAL_UPDATE_RATE: -moved,
    }[observable]


def counted(setting: Setting, observable: Observable, axis: Axis) -> ExponentEquals:
    """What power counting predicts, as a relation that says so."""
    origin = f"theory.power_counting, {observable} under {setting.parameterization.name}"
    return ExponentEquals(axis, predicted_exponent(setting, observable, axis), origin)
