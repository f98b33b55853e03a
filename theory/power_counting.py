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

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from theory.architecture import HOMOGENEOUS, Architecture, Family, Role
from theory.errors import NoTheoryError
from theory.parameterization import Parameterization, RoleScaling
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

    Both branches of a transformer's block count as one: they differ in constants. A weight that
    starts at zero is counted as large as its first step at rate one makes it; a frozen one changes
    nothing. Raises ``NoTheoryError`` for a stream of fixed width, and where nothing inside learns.

    >>> from scaleproof import count_powers, depth_mup, residual
    >>> counted = count_powers(residual(2), depth_mup())
    >>> print(counted.branch, counted.total_stream_change)
    L^-1/2 1
    """
    if architecture.stream_width is not None:
        raise NoTheoryError(f"{architecture}: powers are counted where the stream grows in width")
    parameterization = as_counted(architecture, parameterization)
    passed = _Pass.through(architecture, parameterization)
    made = [*passed.of_branches(), *passed.of_ends()]
    if architecture.family is Family.TRANSFORMER:
        made += passed.of_attention()
    learning = [one for one in made if not parameterization[one.layer.role].frozen]
    if not any(one.layer.place for one in learning):
        raise NoTheoryError(f"{parameterization.name}: nothing inside the network learns")
    chain = architecture.family is Family.CHAIN
    by_adam = [one for one in made if passed.meets_epsilon(one.layer.role)]
    return PowerCount(
        branch=passed.branch,
        size=passed.size,
        accumulated=passed.accumulated,
        stream_gradient=passed.stream_gradient,
        gradient=_by_layer(made, "entry"),
        own_change=_by_layer(learning, "own"),
        stream_change=_by_layer(learning, "moved"),
        output_change=_by_layer(learning, "output"),
        over_epsilon={
            layer: power / parameterization[layer.role].epsilon
            for layer, power in _by_layer(by_adam, "entry").items()
        },
        critical=not chain or (passed.branch == ONE and _critical(architecture)),
    )


@dataclass(frozen=True, slots=True)
class _Learned:
    """What one weight does in a step; ``moved`` is None for one that moves no stream."""

    layer: Layer
    entry: Power
    own: Power
    moved: Power | None
    output: Power


def _by_layer(made: Collection[_Learned], part: str) -> dict[Layer, Power]:
    """One quantity by layer, of several weights of one layer the fastest."""
    found: dict[Layer, list[Power]] = {}
    for one in made:
        power = getattr(one, part)
        if power is not None:
            found.setdefault(one.layer, []).append(power)
    return {layer: fastest(powers) for layer, powers in found.items()}


@dataclass(frozen=True)
class _Pass:
    """Both passes through a network: sizes of signals, and what comes back.

    ``stream`` is what enters blocks and readout; ``readout`` and ``readout_back`` are entries of
    the readout in each direction, over the ``size`` that a normalization divides by; ``climbed`` is
    by how much a gradient grows from the readout to the embedding.
    """

    architecture: Architecture
    parameterization: Parameterization
    branch: Power
    accumulated: Power
    size: Power
    climbed: Power
    stream: Power
    readout: Power
    readout_back: Power

    @classmethod
    def through(cls, architecture: Architecture, parameterization: Parameterization) -> _Pass:
        """At initialization."""
        chain = architecture.family is Family.CHAIN
        residual = ONE if chain else parameterization.residual
        stream, last = parameterization[Role.INPUT].scale, parameterization[Role.OUTPUT]
        entering = ONE if architecture.normalized and not chain else stream
        branch = residual
        for role in architecture.branch_roles:
            branch = branch * parameterization[role].scale * ROOT_WIDTH
        if architecture.parts.gated:
            gate = parameterization[Role.BRANCH_GATE].scale * ROOT_WIDTH * entering
            of_attention = architecture.family is Family.TRANSFORMER
            branch = fastest((branch, branch * gate)) if of_attention else branch * gate
        accumulated = branch if chain else _accumulated(architecture, branch, residual)
        size, climbed = ONE, ONE
        if architecture.normalized:
            size = ONE if architecture.parts.post_norm else fastest((stream, accumulated))
            climbed, stream = size / stream, ONE
        made = last.scale / size, last.back * last.std / size
        return cls(
            architecture, parameterization, branch, accumulated, size, climbed, stream, *made
        )

    @property
    def residual(self) -> Power:
        """The multiplier of branches."""
        chain = self.architecture.family is Family.CHAIN
        return ONE if chain else self.parameterization.residual

    @property
    def stream_gradient(self) -> Power:
        """n df/dh_0; of a stream that starts normalized, behind that normalization."""
        climbed = ONE if self.architecture.parts.post_norm else self.climbed
        return self.readout_back * climbed * _WIDTH

    @property
    def spread(self) -> Power:
        """Over how many directions a chain spreads what it carries on."""
        return Power(depth="1/2") if self.architecture.family is Family.CHAIN else ONE

    def forward(self, role: Role) -> Power:
        """By how much a square matrix makes a signal larger."""
        return self.parameterization[role].scale * ROOT_WIDTH

    def backward(self, role: Role) -> Power:
        """The same on the way back."""
        item = self.parameterization[role]
        return item.back * item.std * ROOT_WIDTH

    def meets_epsilon(self, role: Role) -> bool:
        """Adam divides the gradient of this role."""
        optimizer = self.parameterization.optimizer
        return optimizer.has_epsilon and not optimizer.orthogonalizes(role)

    def of_branches(self) -> Iterator[_Learned]:
        """Weights and biases that a branch passes, and the gains before it."""
        roles = self.architecture.branch_roles
        gated = self.architecture.parts.gated
        gates = (False, True) if self.architecture.family is Family.TRANSFORMER else (gated,)
        for gate in gates if gated else (False,):
            entering, before = self.stream, ONE
            for place, role in enumerate(roles, start=1):
                rest = roles[place:]
                behind, back = self.residual, self.residual
                for later in rest:
                    behind, back = behind * self.forward(later), back * self.backward(later)
                met = [(role, ONE)]
                if gate and place == 1:  # each factor of the product meets the other one
                    first, other = (self.forward(r) * entering for r in (role, Role.BRANCH_GATE))
                    met = [(role, other), (Role.BRANCH_GATE, first)]
                for each, factor in met:
                    ways = behind * factor, back * factor
                    yield self._inside(Layer(each, place), entering, _WIDTH, *ways)
                    if self.architecture.parts.biases:
                        yield self._inside(Layer(Role.BIAS, place), ONE, ONE, *ways)
                before = before * self.forward(role)
                entering = self.stream * before
                if gate and place == 1:
                    entering = entering * self.forward(Role.BRANCH_GATE) * self.stream
        if self.architecture.parts.gains:
            back = self.residual
            for role in roles:
                back = back * self.backward(role)
            yield self._inside(Layer(Role.GAIN, 1), self.stream, ONE, self.branch, back)

    def _inside(
        self, layer: Layer, entering: Power, terms: Power, behind: Power, back: Power
    ) -> _Learned:
        """L of them move the stream coherently."""
        gradient = self.readout_back * back
        own = self._own(layer.role, entering, gradient, terms)
        entry = self.parameterization[layer.role].back * gradient * entering
        moved = own * behind * Power(depth=1) * self.spread
        return _Learned(layer, entry, own, moved, moved * self.readout * _WIDTH / self.spread)

    def of_ends(self) -> Iterator[_Learned]:
        """Embedding and readout; where they are one weight, its gradient has both parts."""
        first, last = self.parameterization[Role.INPUT], self.parameterization[Role.OUTPUT]
        came_back = self.readout_back * self.climbed
        entries = first.back * came_back, last.back * self.stream
        if self.architecture.parts.tied:
            entries = (fastest(entries),) * 2
        own = self._moved_entry(Role.INPUT, entries[0]) * first.multiplier
        moved = own * self.spread * self.climbed
        output = moved * self.readout * _WIDTH / self.spread
        yield _Learned(Layer(Role.INPUT), entries[0], own, moved, output)
        step = self._moved_entry(Role.OUTPUT, entries[1])
        own = step * last.multiplier * self.stream * _WIDTH
        yield _Learned(Layer(Role.OUTPUT), entries[1], own, None, own)

    def _moved_entry(self, role: Role, gradient: Power) -> Power:
        """By how much a step moves an entry of embedding or readout, whose gradient is given."""
        rate = self.parameterization[role].rate
        return rate * gradient if self.parameterization.optimizer.is_linear else rate

    def of_attention(self) -> Iterator[_Learned]:
        """Queries and keys, which answer by the scores."""
        scores = self.parameterization.attention * _WIDTH
        for role, other in ((Role.QUERY, Role.KEY), (Role.KEY, Role.QUERY)):
            met, back = scores * self.forward(other), scores * self.backward(other)
            # A logit answers by met, the stream by branch; n products are a sum of n^1/2 of them.
            gradient = self.readout_back * self.branch * back / ROOT_WIDTH
            own = self._own(role, ONE, gradient, _WIDTH)
            entry = self.parameterization[role].back * gradient
            moved = own * met * self.branch * Power(depth="1/2")
            output = own * met * self.branch * self.readout * ROOT_WIDTH * Power(depth=1)
            yield _Learned(Layer(role, 1), entry, own, moved, output)

    def _own(self, role: Role, entering: Power, gradient: Power, terms: Power) -> Power:
        """Change of multiplier * W x after one step, by W alone; ``terms`` products add up in it.

        An orthogonal matrix of few directions sends x, which is one of them, to a vector of the
        same length: n products make no more of it than one.
        """
        item: RoleScaling = self.parameterization[role]
        optimizer = self.parameterization.optimizer
        if optimizer.is_linear:
            return item.rate * item.multiplier * item.back * gradient * entering**2 * terms
        each = ONE if optimizer.orthogonalizes(role) else terms
        return item.rate * item.multiplier * entering * each


def as_counted(architecture: Architecture, parameterization: Parameterization) -> Parameterization:
    """With the weight of a tied readout, and matrices that start at zero as their step makes them.

    A tied readout has the embedding's weight, rate and all, behind multipliers of its own. A first
    step is coherent with the signal that it was made of: it acts on it as a random matrix does
    whose entries are n^1/2 times as large. Vectors that start at zero add nothing.
    """
    if architecture.parts.tied:
        last = parameterization[Role.OUTPUT]
        weight = replace(
            parameterization[Role.INPUT], multiplier=last.multiplier, backward=last.backward
        )
        parameterization = parameterization.changed(parameterization.name, {Role.OUTPUT: weight})
    zero = [r for r in architecture.matrix_roles if parameterization[r].starts_at_zero]
    for role in reversed(zero):  # what is behind a weight decides how it learns
        item = replace(parameterization[role], starts_at_zero=False, std=ONE)
        parameterization = parameterization.changed(parameterization.name, {role: item})
        made = _Pass.through(architecture, parameterization)
        parts = [*made.of_branches(), *made.of_ends()]
        if architecture.family is Family.TRANSFORMER:
            parts += made.of_attention()
        gradient = fastest([one.entry for one in parts if one.layer.role is role])
        optimizer = parameterization.optimizer
        step = item.rate * gradient if optimizer.is_linear else item.rate
        square = role not in (Role.INPUT, Role.OUTPUT)
        if optimizer.orthogonalizes(role):
            step = step / ROOT_WIDTH
        elif square:
            step = step * ROOT_WIDTH
        started = replace(item, std=step)
        parameterization = parameterization.changed(parameterization.name, {role: started})
    return parameterization


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
