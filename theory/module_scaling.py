"""What a healthy module does as it gets wider or deeper, by the role that shapes show.

Exponents are those of the maximal-update parameterization in width (Yang & Hu 2021, Table 3 of
Yang et al. 2022), and in depth those of residual branches times L^-alpha, alpha being 1/2
(depth-muP) or 1 (CompleteP). Names play no part. Imports the standard library and ``theory``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from theory.expectations import Band
from theory.scaling import Axis

HALF = Fraction(1, 2)


class Quantity(StrEnum):
    """What is measured of a module or of a parameter; ``probes.modules`` defines each."""

    SIZE = "size"
    CHANGE = "change"
    SCORES = "scores"
    INPUT = "input"
    GAIN = "gain"
    SHARE = "share"
    SIGNAL = "signal"
    OWN = "own"
    ALONE = "alone"
    EPSILON = "epsilon"
    DECAY = "decay"


# What follows from something that is wrong by itself.
CONSEQUENCES = frozenset({Quantity.SIZE, Quantity.CHANGE, Quantity.SHARE})


class Demand(StrEnum):
    """What is demanded of a network.

    MUP: features move at order one, in depth at least those of the stream. COMPLETE: those inside
    blocks, too (alpha = 1). STABLE: nothing grows.
    """

    MUP = "mup"
    COMPLETE = "complete"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class ReadRole:
    """How an operation reads a parameter, from what grows along an axis.

    ``contraction_grows``: the number of its entries that act on one output. ``output_grows``: the
    output's size. ``growing``: how many of the parameter's dimensions. ``linear``: the output goes
    as the input. ``additive``: it does not depend on the input. ``inner``: a later parameter reads
    what becomes of the output. ``feeds_scores``: a query or a key. ``follows_gradient``: the
    optimizer's update is as long as the gradient (SGD). ``on_stream``: its output is the stream
    itself, as that of a norm after the addition is.
    """

    contraction_grows: bool
    output_grows: bool
    growing: int
    fan_in: int
    linear: bool
    additive: bool
    lookup: bool
    dimensions: int
    inner: bool
    feeds_scores: bool
    in_block: bool = False
    ends_branch: bool = False
    on_stream: bool = False
    has_branches: bool = False
    follows_gradient: bool = False

    @property
    def contracts(self) -> bool:
        """A matrix, a convolution or a table, and not a vector."""
        return self.fan_in > 1 or self.lookup

    @property
    def to_fixed_outputs(self) -> bool:
        """Output-like: the contraction grows and the output does not."""
        return self.contraction_grows and not self.output_grows


@dataclass(frozen=True, slots=True)
class Expected:
    """Exponents, any of which is right to within the margin."""

    alternatives: tuple[Fraction, ...]
    margin: float
    at_most: bool = False

    @property
    def bands(self) -> tuple[Band, ...]:
        """The values that accept."""
        if self.at_most:
            return (Band(-math.inf, float(self.alternatives[0]) + self.margin),)
        return tuple(
            Band(float(one) - self.margin, float(one) + self.margin) for one in self.alternatives
        )

    @property
    def texts(self) -> list[str]:
        """Such as ``-1/2``, or ``at most 0``."""
        return [f"at most {one}" if self.at_most else str(one) for one in self.alternatives]

    def nearest(self, estimate: float) -> Fraction:
        """The alternative that is closest; the first, where it is about as close as another."""
        distances = [abs(float(one) - estimate) for one in self.alternatives]
        if distances[0] - min(distances) < _AS_CLOSE:
            return self.alternatives[0]
        return self.alternatives[distances.index(min(distances))]


_MARGIN, _CHANGE_MARGIN, _LOGIT_MARGIN = 0.10, 0.15, 0.25
_AS_CLOSE = 0.15
_EPSILON_MARGIN, _DECAY_MARGIN = 0.03, 0.05


def _exactly(*values: Fraction | int, margin: float = _MARGIN) -> Expected:
    return Expected(tuple(Fraction(value) for value in values), margin)


def _at_most(value: Fraction | int = 0, margin: float = _MARGIN) -> Expected:
    return Expected((Fraction(value),), margin, at_most=True)


def expected_of_read(
    quantity: Quantity, role: ReadRole, axis: Axis, demand: Demand
) -> Expected | None:
    """The exponent of a parameter's quantity; ``None`` where it is shown and not judged."""
    if quantity is Quantity.EPSILON:
        return _exactly(0, margin=_EPSILON_MARGIN)
    if quantity is Quantity.DECAY:
        return _exactly(0, margin=_DECAY_MARGIN)
    made = _in_width(quantity, role) if axis is Axis.WIDTH else _in_depth(quantity, role, demand)
    return _bounded(made, demand)


def _bounded(made: Expected | None, demand: Demand) -> Expected | None:
    if made is None or demand is not Demand.STABLE:
        return made
    return Expected((max(made.alternatives),), made.margin, at_most=True)


def _in_width(quantity: Quantity, role: ReadRole) -> Expected | None:
    if quantity is Quantity.GAIN:
        return _gain_in_width(role)
    if quantity is Quantity.SHARE:
        return _at_most(margin=_CHANGE_MARGIN)
    by_itself = Quantity.OWN if role.contracts and role.growing else Quantity.ALONE
    if quantity is not by_itself:
        return None
    # One small matrix for all channels (token mixing) sums over them, coherently or not.
    mixes = not role.growing and not role.additive and role.output_grows
    return _exactly(0, -HALF) if mixes and role.follows_gradient else _exactly(0)


def _gain_in_width(role: ReadRole) -> Expected | None:
    if role.additive:
        # A bias may start as fan-in^-1/2 (PyTorch's default); a table of positions may not.
        return _exactly(0) if role.dimensions > 1 and role.growing else _at_most()
    if role.to_fixed_outputs:
        # Shapes do not tell the logits of a router from grouped keys.
        return _exactly(0, -HALF) if role.inner else _exactly(-HALF, 0)
    return _exactly(0)


def _in_depth(quantity: Quantity, role: ReadRole, demand: Demand) -> Expected | None:
    if quantity is Quantity.SHARE:
        return _share_in_depth(role)
    if quantity is Quantity.GAIN:
        if role.additive:
            # A table of positions does not vanish against that of tokens.
            return _exactly(0) if role.dimensions > 1 and not role.in_block else _at_most()
        return _exactly(-1, -HALF) if role.ends_branch and role.in_block else _exactly(0)
    by_itself = Quantity.OWN if role.contracts else Quantity.ALONE
    if quantity is not by_itself or (role.in_block and not role.has_branches):
        return None
    if not role.in_block:
        return None if role.follows_gradient else _exactly(0)
    if role.ends_branch or role.on_stream:
        return _exactly(-1)  # L of them add up on the stream
    if role.follows_gradient:
        return _exactly(1) if demand is Demand.COMPLETE else _exactly(0, 1)
    return _exactly(0) if demand is Demand.COMPLETE else _exactly(-HALF, 0)


def _share_in_depth(role: ReadRole) -> Expected | None:
    """L blocks share a decrease of order one, whatever alpha."""
    if not role.in_block:
        return _exactly(0, margin=_CHANGE_MARGIN)
    return _exactly(-1, margin=_CHANGE_MARGIN) if role.has_branches else None


def expected_of_module(
    quantity: Quantity, output_grows: bool, axis: Axis, demand: Demand
) -> Expected:
    """The exponent of the size or the change of a module's output.

    In width features move at order one; what does not grow (logits, the output of a router) may
    move less. In depth, and with STABLE, nothing grows.
    """
    if quantity is Quantity.SIZE:
        return _at_most(margin=_CHANGE_MARGIN)
    moves = axis is Axis.WIDTH and demand is not Demand.STABLE and output_grows
    if moves:
        return _exactly(0, margin=_CHANGE_MARGIN)
    return _at_most(margin=_CHANGE_MARGIN if output_grows else _LOGIT_MARGIN)


def expected_of_scores(head_grows: bool, axis: Axis, demand: Demand) -> Expected:
    """Attention scores at initialization: q.k/d is a mean of d independent products."""
    wanted = -HALF if head_grows and axis is Axis.WIDTH else Fraction(0)
    made = _bounded(_exactly(wanted), demand)
    assert made is not None
    return made
