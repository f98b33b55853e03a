"""The first SGD step of convolutional ReLU chains at infinite width, to first order in the rate.

One image of N positions that are uncorrelated at the input, circular windows. Any two different
positions are then alike in every layer, and kernels (of features, slopes and gradients) are two
numbers: of a position with itself, and with another one. Second moments of how positions q reach p
and p' depend on the windows, but only their sums over p = p' and over p != p' meet the gradients,
and these do not: neither the window nor the dimensions of the grid are left, only N. Imports numpy
and ``theory``.

Positions become alike, the angle between two being 3 pi / (l + (3/2) log l + C). Meanwhile the rate
at which S(eta*) = 1 falls more steeply than in chains of vectors; behind that it falls less steeply
(from 32 to 64 layers as L^-1.39 at N = 16), for gradients of different positions lose touch at
every depth: their kernel falls as (l/L)^3 on the way down, to leading order. The power tends to
-3/2, that of vectors, as (log L) / L, and the rate stays larger (5.7 times at N = 16).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from theory.architecture import Activation
from theory.arrays import FloatArray
from theory.exact.gaussian import MOMENTS

_RELU = MOMENTS[Activation.RELU]


class Kernel(NamedTuple):
    """Of a position with itself, and of a position with another one; or a sum over such pairs."""

    same: float
    other: float

    def times(self, factor: float) -> Kernel:
        """Both numbers times a factor."""
        return Kernel(self.same * factor, self.other * factor)

    def plus(self, more: Kernel) -> Kernel:
        """The sum, entry by entry."""
        return Kernel(self.same + more.same, self.other + more.other)

    def on(self, more: Kernel) -> Kernel:
        """The product, entry by entry."""
        return Kernel(self.same * more.same, self.other * more.other)


class Chain(NamedTuple):
    """What the recursion needs to know of a chain.

    ``positions`` N and ``depth`` L; ``variance`` of a coordinate of z_1 and ``gain`` of each layer
    behind it (z_{l+1} has gain E phi phi); ``first`` and ``rate``: what SGD adds to z_1, and to
    every other z, per unit of gradient and of overlap of what enters; ``end``: the second moment of
    n df / d (mean over positions of phi(z_L)).
    """

    positions: int
    depth: int
    variance: float
    gain: float
    first: float
    rate: float
    end: float


def stream_changes(chain: Chain) -> FloatArray:
    """S_l / eta^2 for one image and |chi| = 1: the second moment of d z_l / d eta, (L,).

    The change is sum_p T_l(q, p) g_l(p), g_l(p) the gradient at position p and T_l a sum of J O J^T
    over the weights up to l, O the overlaps of the windows that they see and J the Jacobian from
    there to z_l. T_l is free of the slopes of layer l, so S_l = sum_pp' G_l(p, p') tr T_l(q, p)
    T_l(q, p')^T / n, G_l the kernel of gradients. With one position these are the second moments of
    ``theory.exact.first_step.stream_changes`` for vectors.
    """
    features, slopes = _forward(chain)
    reach = Kernel(chain.first, 0.0)
    squares = _pairs(chain.positions, reach)
    all_squares = [squares]
    for feature, slope in zip(features[:-1], slopes[:-1], strict=True):
        carried = _through_slopes(chain.positions, reach, squares, slope).times(chain.gain**2)
        reach = feature.times(chain.rate).plus(slope.on(reach).times(chain.gain))
        squares = _pairs(chain.positions, reach).plus(carried)
        all_squares.append(squares)
    gradient = slopes[-1].times(chain.end / chain.positions**2)
    gradients = [gradient]
    for slope in reversed(slopes[:-1]):
        gradient = slope.on(gradient).times(chain.gain)
        gradients.append(gradient)
    moments: FloatArray = np.array(
        [sum(g.on(s)) for g, s in zip(reversed(gradients), all_squares, strict=True)]
    )
    return moments


def _forward(chain: Chain) -> tuple[list[Kernel], list[Kernel]]:
    """E phi phi and E phi' phi' of z_1 .. z_L."""
    state = Kernel(chain.variance, 0.0)
    features, slopes = [], []
    for _ in range(chain.depth):
        q, c = state
        features.append(Kernel(float(_RELU.second_moment(q)), float(_RELU.kernel(q, q, c))))
        between = float(_RELU.derivative_kernel(q, q, c))
        slopes.append(Kernel(float(_RELU.derivative_second_moment(q)), between))
        state = features[-1].times(chain.gain)
    return features, slopes


def _pairs(positions: int, reach: Kernel) -> Kernel:
    """Sums over p = p' and over p != p' of m(q, p) m(q, p'), m the kernel, q one position."""
    others, same, other = positions - 1, reach.same, reach.other
    return Kernel(
        same**2 + others * other**2,
        others * (2 * same * other + (others - 1) * other**2),
    )


def _through_slopes(positions: int, reach: Kernel, squares: Kernel, slope: Kernel) -> Kernel:
    """The same sums of tr D_q T(q, p) D_p D_p' T(q, p')^T D_q / n, D the slopes, 0 or 1.

    T is free of D: with m m' the product of the traces of T(q, p) and T(q, p'), the trace is
    E (slopes of q, p and p') m m' + E (slope of q) E (slopes of p, p') (tr T T'^T / n - m m').
    """
    others, half = positions - 1, slope.same
    # Of three positions: 2 P(all > 0) = 1 - 3 P(one > 0) + 3 P(two > 0), signs being symmetric.
    three = (1 - 3 * half + 3 * slope.other) / 2
    met = Kernel(
        half * reach.same**2 + others * slope.other * reach.other**2,
        others
        * (2 * slope.other * reach.same * reach.other + (others - 1) * three * reach.other**2),
    )
    rest = squares.plus(_pairs(positions, reach).times(-1))
    return met.plus(slope.on(rest).times(half))
