"""What it costs to carry a tuned learning rate to other sizes. Imports numpy and ``verify``.

With f(size, rate) the expected log loss, c the rate that is best at the first size times the factor
by which it is carried, and o the rate that is best where it arrives, the regret is f(c) - f(o), a
function of means over replicates. Tuned and read in one replicate, a rate would suit the noise of
that replicate, and the mean of such regrets is far too large; tuned on the other replicates and
read in the one left out, it would have an error that all replicates share and no spread shows.

The jackknife (Miller, Biometrika 61, 1974) does neither: means are taken without each replicate in
turn, and R T - (R - 1) T_r is the part of a statistic T that belongs to replicate r. T is the root
of the regret, for a regret goes as the square of a distance between log rates: the noise of its
root is the same at any distance, and its own vanishes with it, so that a t interval of regrets
would accept too easily. It cannot know what replicates do not show: of explosions in one trial of
twenty beside the best rate, 16 replicates often have none, and 48 seldom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theory.arrays import BoolArray, FloatArray, IntArray
from verify.statistics.minimum import best_log_rates


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """A rate tuned at the first of some sizes, at all the others.

    ``regret`` (1 + replicates, sizes - 1): of the means over all replicates, then without each.
    ``below`` and ``above`` (sizes,): where the grid of rates ends too early for a minimum or a
    carried rate, and a regret says nothing. ``diverged`` (replicates, sizes - 1): at the carried
    rate; at both neighbours between two rates of the grid, at its end beyond it.
    """

    regret: FloatArray
    below: BoolArray
    above: BoolArray
    diverged: BoolArray

    @classmethod
    def of(
        cls, losses: FloatArray, rates: FloatArray, sizes: FloatArray, exponent: float
    ) -> Transfer:
        """Of losses (replicates, sizes, rates), diverged ones infinite or nan.

        ``rates`` (rates,) are in constant ratio; the tuned one is carried as (size / first size) to
        the ``exponent``. The best rate is that of the parabola of ``minimum`` in mean log loss,
        which is read between the rates of the grid from a line with a bend, continuous in rates and
        losses and exact for parabolas. The smallest loss is that at the best rate, or at a rate of
        the grid where that is smaller.
        """
        curves, last = _means(np.log(_capped(losses))), len(rates) - 1
        tuned = best_log_rates(curves, rates)
        carried = tuned.log_rate[:, :1] + exponent * np.log(sizes[1:] / sizes[0])
        step = np.log(rates[1] / rates[0])
        best, at = ((each - np.log(rates[0])) / step for each in (tuned.log_rate[:, 1:], carried))
        bad: BoolArray = np.logical_not(np.isfinite(losses[:, 1:]))
        low: BoolArray = tuned.edge < 0
        high: BoolArray = tuned.edge > 0
        low[:, 1:] |= at < 0
        # A wider grid would not help where most diverge at its end.
        high[:, 1:] |= (at > last) & (bad[..., -1].mean(axis=0) <= 0.5)
        smallest = np.minimum(_read(curves[:, 1:], best), curves[:, 1:].min(axis=-1))
        lower, upper = _neighbours(at[0], last)
        others = np.arange(len(sizes) - 1)
        return cls(
            _read(curves[:, 1:], at) - smallest,
            np.any(low, axis=0),
            np.any(high, axis=0),
            bad[:, others, lower] & bad[:, others, upper],
        )

    def samples(self, end: float) -> FloatArray:
        """Parts of the regrets that belong to each replicate: (replicates, sizes - 1).

        They are judged against ``end``: r^2 - end is (r - root(end)) (r + root(end)), so that with
        the last factor their deviations from the square of the mean root make the t interval of
        regrets end beyond ``end`` exactly where that of roots ends beyond its root. (A mean root
        below zero is taken as zero, and the interval is longer.)
        """
        roots = np.sqrt(np.maximum(self.regret, 0.0))
        count = len(roots) - 1
        parts = count * roots[0] - (count - 1) * roots[1:]
        mean = parts.mean(axis=0)
        root = np.maximum(mean, 0.0)
        samples: FloatArray = root**2 + (root + np.sqrt(end)) * (parts - mean)
        return samples


def _capped(losses: FloatArray) -> FloatArray:
    """Losses no larger than the largest up to the best rate of their sweep; diverged ones are that.

    nan where a sweep has nothing but diverged ones.

    A sweep begins where little is learned: a trial that explodes is worth no more than that, and no
    less. At its face value a single one of 1e30 would decide about the mean of all replicates.
    """
    finite = np.where(np.isfinite(losses), losses, np.inf)
    best = finite.argmin(axis=-1)[..., None]
    sound = (np.arange(losses.shape[-1]) <= best) & np.isfinite(finite)
    ceiling = np.where(sound, finite, -np.inf).max(axis=-1, keepdims=True)
    capped: FloatArray = np.minimum(finite, np.where(np.isfinite(ceiling), ceiling, np.nan))
    return capped


def _means(logs: FloatArray) -> FloatArray:
    """Means over all replicates, then without each: (1 + replicates, sizes, rates)."""
    total = logs.sum(axis=0)
    return np.concatenate([total[None] / len(logs), (total - logs) / (len(logs) - 1)])


def _neighbours(places: FloatArray, last: int) -> tuple[IntArray, IntArray]:
    """The rates of the grid on either side of positions; its end beyond it, its first for nan."""
    inside = np.clip(np.nan_to_num(places), 0, last)
    return np.floor(inside).astype(np.intp), np.ceil(inside).astype(np.intp)


def _read(curves: FloatArray, places: FloatArray) -> FloatArray:
    """Log losses (..., rates) at positions (...) in the grid, at its end beyond it.

    The line through the two neighbours less t (1 - t) / 2 of a bend: of the second differences at
    both, the smaller one if they agree in sign, none if they do not. Beside a rate at which the
    loss explodes, a parabola through it would dip far below both.
    """
    last = curves.shape[-1] - 1
    lower, upper = _neighbours(places, last)
    part = np.clip(np.nan_to_num(places), 0, last) - lower
    inner = np.diff(curves, n=2, axis=-1)
    bends = np.concatenate([inner[..., :1], inner, inner[..., -1:]], axis=-1)

    def at(values: FloatArray, index: IntArray) -> FloatArray:
        entries: FloatArray = np.take_along_axis(values, index[..., None], axis=-1)[..., 0]
        return entries

    left, right = at(bends, lower), at(bends, upper)
    bend = np.where(left * right > 0, np.sign(left) * np.minimum(np.abs(left), np.abs(right)), 0.0)
    line = (1 - part) * at(curves, lower) + part * at(curves, upper)
    read: FloatArray = line - part * (1 - part) / 2 * bend
    return read
