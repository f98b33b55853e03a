"""What it costs to carry a tuned learning rate to other sizes. Imports numpy and ``verify``.

With f(size, rate) the expected loss, c the rate that is best at the first size times the factor by
which it is carried, and o the rate that is best where it arrives, the regret is log f(c) / f(o), a
function of means over replicates. Tuned and read in one replicate, a rate would suit the noise of
that replicate, and the mean of such regrets is far too large; tuned on the other replicates and
read in the one left out, it would have an error that all replicates share and no spread shows.

The jackknife (Miller, Biometrika 61, 1974) does neither: means are taken without
each replicate in turn, and R T - (R - 1) T_r is the part of a statistic T that belongs to replicate
r. T is the root of the regret, for a regret goes as the square of a distance between log rates: the
noise of its root is the same at any distance, and its own vanishes with it, so that a t interval of
regrets would accept too easily.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verify.statistics.minimum import best_log_rates

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

_ROUNDING = 1e-9  # of a step of the grid


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """A rate tuned at the first of some sizes, at all the others.

    ``regret`` (1 + replicates, sizes - 1): of the means over all replicates, then without each;
    nan where no loss can be read. ``below`` and ``above`` (sizes,): where the grid of rates ends
    too early for a minimum or a carried rate. ``diverged`` (replicates, sizes - 1): at the carried
    rate; at both neighbours between two rates of the grid, and at its end beyond it.
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
        the ``exponent``. A rate at which any replicate diverged is nobody's choice. The best rate
        is that of the parabola of ``minimum`` in log loss. Between the rates of the grid log losses
        are read from a line with a bend, continuous in rates and losses, exact for parabolas, and
        blind to a rate beside it at which the loss explodes. The smallest loss is that at the best
        rate, or at a rate of the grid where that is smaller.
        """
        bad: BoolArray = np.logical_not(np.isfinite(losses))
        usable: BoolArray = np.logical_not(np.any(bad, axis=0))
        curves = _log_means(losses, usable)
        tuned = best_log_rates(curves, rates)
        carried = tuned.log_rate[:, :1] + exponent * np.log(sizes[1:] / sizes[0])
        best, at = _places(tuned.log_rate[:, 1:], rates), _places(carried, rates)
        low: BoolArray = tuned.edge < 0
        high: BoolArray = tuned.edge > 0
        low[:, 1:] |= at < 0
        high[:, 1:] |= (at > len(rates) - 1) & usable[1:, -1]
        there = curves[:, 1:]
        smallest = np.minimum(_read(there, best), there.min(axis=-1))
        with np.errstate(invalid="ignore"):  # nothing is smallest where every rate diverged
            regret = _read(there, at) - smallest
        return cls(
            np.where(np.isfinite(regret), regret, np.nan),
            np.any(low, axis=0),
            np.any(high, axis=0),
            _diverged(bad[:, 1:], at[0]),
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


def _log_means(losses: FloatArray, usable: BoolArray) -> FloatArray:
    """Log mean losses of all replicates, then without each; infinite where one diverged.

    Sums of the others are not a total less one: beside an exploding loss nothing would be left.
    """
    count = len(losses)
    weights = np.ones((1 + count, count))
    weights[1:] -= np.eye(count)
    sums = np.tensordot(weights, np.where(usable, losses, 1.0), 1)
    logs = np.log(sums / weights.sum(axis=1)[:, None, None])
    means: FloatArray = np.where(usable, logs, np.inf)
    return means


def _places(log_rates: FloatArray, rates: FloatArray) -> FloatArray:
    """Positions in the grid, 0 for its first rate; whole ones where rounding hides them."""
    places = (log_rates - np.log(rates[0])) / np.log(rates[1] / rates[0])
    whole = np.rint(places)
    found: FloatArray = np.where(np.abs(places - whole) < _ROUNDING, whole, places)
    return found


def _read(curves: FloatArray, places: FloatArray) -> FloatArray:
    """Log losses (..., rates) at places (...): nan outside of the grid, infinite beside a gap.

    The line through the two neighbours less t (1 - t) / 2 of a bend: of the second differences at
    both, the smaller one if they agree in sign, none if they do not.
    """
    inside = (places >= 0) & (places <= curves.shape[-1] - 1)
    place = np.where(inside, places, 0.0)
    lower, upper = np.floor(place).astype(int), np.ceil(place).astype(int)
    part = place - lower
    bends = np.full_like(curves, np.inf)
    with np.errstate(invalid="ignore"):
        bends[..., 1:-1] = curves[..., :-2] - 2 * curves[..., 1:-1] + curves[..., 2:]
        left, right = _at(bends, lower), _at(bends, upper)
        smaller = np.sign(left) * np.minimum(np.abs(left), np.abs(right))
        known = (left * right > 0) & np.isfinite(smaller)
        line = np.where(part > 0, part * _at(curves, upper), 0.0) + (1 - part) * _at(curves, lower)
    found: FloatArray = line - part * (1 - part) / 2 * np.where(known, smaller, 0.0)
    return np.where(inside, found, np.nan)


def _at(curves: FloatArray, index: IntArray) -> FloatArray:
    """Elements of the last axis: (..., rates) and (...) to (...)."""
    return np.take_along_axis(curves, index[..., None], axis=-1)[..., 0]


def _diverged(bad: BoolArray, at: FloatArray) -> BoolArray:
    """Which replicates diverged at a place of the grid: bad (replicates, sizes, rates)."""
    place = np.clip(np.nan_to_num(at), 0, bad.shape[-1] - 1)
    sizes = np.arange(len(at))
    lower, upper = np.floor(place).astype(int), np.ceil(place).astype(int)
    both: BoolArray = bad[:, sizes, lower] & bad[:, sizes, upper] & (at >= 0)
    return both
