"""Which exponents a parameterization should have, and which it has, as a list of checks.

Imports ``theory`` only. Healthy is: signals keep their size; branches neither vanish nor add up to
more than the stream. After a step at learning rate one, features, queries, keys and the output move
by order one, in every role. In depth, the blocks together move the stream. Queries and keys move by
n^-1/2 under SGD, whose gradients at first are sums of n random products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from theory.architecture import Architecture, Family, Role
from theory.parameterization import Parameterization
from theory.power_counting import ROOT_WIDTH, Layer, PowerCount, as_counted, count_powers, fastest
from theory.scaling import ONE, Axis, Power

_ATTENTION = (Role.QUERY, Role.KEY)


@dataclass(frozen=True, slots=True)
class Check:
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


def checks(
    architecture: Architecture, parameterization: Parameterization, axis: Axis
) -> list[Check]:
    """All but the epsilon, at initialization first."""
    count = count_powers(architecture, parameterization)
    parameterization = as_counted(architecture, parameterization)
    start = checks_at_initialization(architecture, parameterization, count, axis)
    return [*start, *_in_training(architecture, parameterization, count, axis)]


def _check(
    layer: Layer | None,
    quantity: str,
    power: Power,
    axis: Axis,
    low: Fraction | int | None,
    high: Fraction | int | None,
) -> Check:
    least, most = (None if end is None else Fraction(end) for end in (low, high))
    return Check(layer, quantity, power.along(axis), least, most)


def checks_at_initialization(
    architecture: Architecture, parameterization: Parameterization, count: PowerCount, axis: Axis
) -> Iterator[Check]:
    """Of signals, branches and gradients before the first step."""
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
    if architecture.parts.gated:
        gate = parameterization[Role.BRANCH_GATE].scale * ROOT_WIDTH
        yield _check(Layer(Role.BRANCH_GATE, 1), "the size", gate, axis, None, 0)
    yield from _on_the_way_back(architecture, parameterization, count, axis)
    if architecture.family is Family.TRANSFORMER:
        scores = parameterization.attention * ROOT_WIDTH  # of independent queries and keys
        for role in _ATTENTION:
            size = parameterization[role].scale * ROOT_WIDTH
            scores = scores * size
            yield _check(Layer(role, 1), "the size", size, axis, 0, 0)
        yield _check(None, "the attention scores", scores, axis, None, 0)
    if architecture.parts.biases and not parameterization[Role.BIAS].starts_at_zero:
        yield _check(Layer(Role.BIAS), "the size", parameterization[Role.BIAS].scale, axis, None, 0)


def _on_the_way_back(
    architecture: Architecture, parameterization: Parameterization, count: PowerCount, axis: Axis
) -> Iterator[Check]:
    """Gradients; with factors of their own they are no derivatives, and only may not explode."""
    if all(item.backward is None for _, item in parameterization.roles):
        yield _check(None, "the gradient n df/dh", count.stream_gradient, axis, None, 0)
        return
    chain = architecture.family is Family.CHAIN
    back = ONE if chain else parameterization.residual * Power(depth="1/2")
    for role in architecture.branch_roles:
        item = parameterization[role]
        back = back * item.back * item.std * ROOT_WIDTH
    yield _check(None, "the branches on the way back", back, axis, None, 0)


def _in_training(
    architecture: Architecture, parameterization: Parameterization, count: PowerCount, axis: Axis
) -> Iterator[Check]:
    for layer, own in count.own_change.items():
        changes = [count.output_change[layer]]
        if layer in count.stream_change:
            changes.append(count.stream_change[layer] / count.size)
        yield _check(layer, "the change of stream and output", fastest(changes), axis, None, 0)
        yield from _own(architecture, parameterization, count, layer, axis)
        if layer.role in _ATTENTION:
            other = _ATTENTION[layer.role is Role.QUERY]
            met = parameterization.attention * ROOT_WIDTH**2 * parameterization[other].scale
            scores = own * met * ROOT_WIDTH
            yield _check(layer, "the change of attention scores", scores, axis, None, 0)
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
    architecture: Architecture,
    parameterization: Parameterization,
    count: PowerCount,
    layer: Layer,
    axis: Axis,
) -> Iterator[Check]:
    """What a layer does by itself: as large as what it acts on, in width in every role."""
    own = count.own_change[layer]
    ends = layer.role is not Role.GAIN and layer.place == len(architecture.branch_roles)
    low: Fraction | int = 0
    high: Fraction | int | None = 0
    if layer.role is Role.INPUT:
        own = count.stream_change[layer] / count.size
        high = None  # said of the stream
    elif layer.role is Role.OUTPUT:
        high = None
    elif layer.role in _ATTENTION and parameterization.optimizer.is_linear:
        low = Fraction(-1, 2) if axis is Axis.WIDTH else 0
    elif axis is Axis.DEPTH and architecture.family is Family.CHAIN:
        return  # layers of chains are judged by what they add up to
    elif axis is Axis.DEPTH and ends and layer.role not in _ATTENTION:
        change = count.stream_change[layer] / count.size
        yield _check(layer, "the change of the stream by all", change, axis, 0, None)
        return
    yield _check(layer, "the own change", own, axis, low, high)


def checks_of_epsilon(count: PowerCount, axis: Axis) -> Iterator[Check]:
    """Whether a gradient falls below Adam's epsilon at some size."""
    for layer, power in count.over_epsilon.items():
        yield _check(layer, "the gradient relative to Adam's epsilon", power, axis, 0, None)
