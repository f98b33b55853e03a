"""The best learning rate of sweeps as people have them: few seeds, any grid. Imports numpy.

A sweep is a loss at each of some rates. The minimum of a single one follows its noise; here losses
are averaged over seeds first, and a parabola is fitted to the mean curve in log rate and log loss.
Each rate has the weight exp(-excess / scale), its excess over the smallest loss, the scale a
quarter of what sweeps fall by: one parabola through everything near the minimum, however flat it
is. A curve that moves along the rates moves its best rate by as much.

The error is that of a parametric bootstrap over points, with the spread of seeds around the mean
curve (of the curve around its parabola, where there is one seed), or that of a bootstrap over
seeds, whichever makes the longer interval: points of one seed may move together, so that seeds
count as one each. The grid of rates sets a limit of its own. ``docs/calibration-sweeps.md`` has how
often intervals are right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from theory.arrays import BoolArray, FloatArray, IntArray
from verify.statistics.distributions import student_quantile
from verify.statistics.regression import PowerLaw

# Of the fall of a sweep: narrower weights follow the noise, wider ones the far ends of the curve.
_SCALE = 0.25
_DRAWS = 500
_MOST_NUMBERS = 20_000_000
_TAILS = (0.025, 0.975)
_NORMAL = 1.959963984540054  # where a normal variable has these tails
# How far beyond its grid a drawn curve may have its minimum, in steps.
_BEYOND = 2.0
_POOLED = 4.0  # degrees of freedom that a cell's variance borrows from all cells


class BestRates(NamedTuple):
    """The best rates of mean curves: logarithms (sizes,), with ends (2, sizes) at confidence 0.95.

    ``edge`` (sizes,): -1 or 1 where the minimum lies at an end of what was run at that size.
    ``steps`` (sizes,): of the grid, beside the best rate, in log rate. ``flat`` (2, sizes): the
    ends of the rates that noise does not tell from the best one of the grid.
    """

    log_rates: FloatArray
    ends: FloatArray
    edge: IntArray
    steps: FloatArray
    flat: FloatArray


class Drift(NamedTuple):
    """The exponent of the best rate: with a standard error, degrees of freedom and a least reach.

    No interval is shorter than ``floor`` on either side: half a step of the grid at the two ends
    of the sizes.
    """

    estimate: float
    error: float
    degrees: float
    floor: float
    best: BestRates


@dataclass(frozen=True, slots=True, eq=False)
class Sweeps:
    """Log losses (replicates, sizes, rates), nan where nothing was run, at ``log_rates`` (rates,).

    What diverged or exploded counts as twice as far above the best of its sweep as where the sweep
    began, and at least twice as far as is usual: worse than all others, and no more. ``scale`` is
    that of the weights; ``diverged`` and ``run`` count trials.
    """

    logs: FloatArray
    log_rates: FloatArray
    scale: float
    diverged: int
    run: int

    @classmethod
    def of(cls, losses: FloatArray, rates: FloatArray) -> Sweeps:
        """Of losses (replicates, sizes, rates): diverged ones infinite, nan where none was run.

        Losses that are not all positive are taken as they are, without a logarithm. Every size
        must have a finite one, and three rates.
        """
        run = np.logical_not(np.isnan(losses))
        finite = np.isfinite(losses)
        positive = bool((losses[finite] > 0).all())
        logs = np.full(losses.shape, np.inf)
        logs[finite] = np.log(losses[finite]) if positive else losses[finite]
        lowest = logs.min(axis=-1, keepdims=True)
        sound = (np.arange(losses.shape[-1]) <= logs.argmin(axis=-1)[..., None]) & np.isfinite(logs)
        highest = np.where(sound, logs, -np.inf).max(axis=-1, keepdims=True)
        known = np.isfinite(lowest)
        falls = np.where(known, highest - np.where(known, lowest, 0.0), 0.0)
        usual = float(np.median(falls[falls > 0])) if (falls > 0).any() else 1.0
        # A sweep in which everything diverged has the best of its size to count from.
        floor = np.where(known, lowest, np.where(known, lowest, np.inf).min(axis=0))
        capped = np.minimum(logs, floor + 2.0 * np.maximum(falls, usual))
        return cls(
            np.where(run, capped, np.nan),
            np.log(rates),
            _SCALE * usual,
            int((run & np.logical_not(finite)).sum()),
            int(run.sum()),
        )

    @property
    def mean(self) -> FloatArray:
        """The mean curve of every size: (sizes, rates), nan where nothing was run."""
        run = np.logical_not(np.isnan(self.logs))
        total = np.where(run, self.logs, 0.0).sum(axis=0)
        return np.where(run.any(axis=0), total / np.maximum(run.sum(axis=0), 1), np.nan)

    def drift(self, law: PowerLaw) -> Drift:
        """The exponent of the best rate of the mean curves, by the regression of ``law``."""
        mean, seeds = self.mean, len(self.logs)
        best, edge = self._minima(mean)
        variance, degrees = self._noise(mean)
        generator = np.random.default_rng(0)
        draws = max(200, min(_DRAWS, _MOST_NUMBERS // mean.size))
        noise = generator.standard_normal((draws, *mean.shape))
        found = [_Drawn(self._minima(mean + noise * np.sqrt(variance))[0], degrees)]
        if seeds > 1:
            left = np.nan_to_num(self.logs - mean) / math.sqrt(seeds * (seeds - 1))
            weights = generator.standard_normal((draws, seeds))
            curves = mean + np.einsum("br,rsk->bsk", weights, left)
            found.append(_Drawn(self._minima(curves)[0], seeds - 1.0))
        longest = max(found, key=lambda one: one.reach(law.exponents(one.minima)))
        steps = self._steps(mean, best)
        reach = np.max([one.reach(one.minima) for one in found], axis=0)
        ends = np.stack([best, best]) + np.outer([-1, 1], np.ones(len(best))) * np.maximum(
            reach, steps / 2
        )
        floor = float(steps.max()) / 2 / float(np.ptp(law.log_size))
        exponent = float(law.exponents(best))
        rates = BestRates(best, ends, edge, steps, self._flat(mean, variance))
        error = float(_half(law.exponents(longest.minima))) / _NORMAL
        return Drift(exponent, error, longest.degrees, floor, rates)

    def single_minima(self) -> tuple[FloatArray, int]:
        """The best rate of every replicate's own sweep, on the grid, and how many are at an end.

        Shape (replicates, sizes), nan where nothing was run.
        """
        run = np.logical_not(np.isnan(self.logs))
        place = np.where(run, self.logs, np.inf).argmin(axis=-1)
        first = run.argmax(axis=-1)
        last = run.shape[-1] - 1 - run[..., ::-1].argmax(axis=-1)
        there = run.any(axis=-1)
        at_end = there & ((place == first) | (place == last))
        return np.where(there, self.log_rates[place], np.nan), int(at_end.sum())

    def _minima(self, curves: FloatArray) -> tuple[FloatArray, IntArray]:
        """The minimum of the weighted parabola of curves (..., sizes, rates), and its edge.

        Where the parabola opens downwards, the lowest rate of the grid.
        """
        run = np.logical_not(np.isnan(curves))
        values = np.where(run, curves, np.inf)
        lowest = self.log_rates[values.argmin(axis=-1)]
        excess = values - values.min(axis=-1, keepdims=True)
        weights = np.where(run, np.exp(-excess / self.scale), 0.0)
        away = self.log_rates - lowest[..., None]
        heights = np.where(run, excess, 0.0)
        powers = [(weights * away**k).sum(axis=-1) for k in range(5)]
        sides = [(weights * away**k * heights).sum(axis=-1) for k in range(3)]
        slope, bend = _parabola(powers, sides)
        opens = bend > 0
        vertex = np.where(opens, lowest - slope / np.where(opens, 2 * bend, 1.0), lowest)
        grid = np.where(run, self.log_rates, np.nan)
        first, last = np.nanmin(grid, axis=-1), np.nanmax(grid, axis=-1)
        edge = np.where(vertex <= first, -1, np.where(vertex >= last, 1, 0))
        step = _BEYOND * (last - first) / np.maximum(run.sum(axis=-1) - 1, 1)
        return np.clip(vertex, first - step, last + step), edge

    def _noise(self, mean: FloatArray) -> tuple[FloatArray, float]:
        """The variance of every point of the mean curve, and its degrees of freedom."""
        weights = self._weights(mean)
        if len(self.logs) == 1:
            return self._misfit(mean, weights)
        run = np.logical_not(np.isnan(self.logs))
        own_weights = np.where(run, weights, 0.0)
        left = np.where(run, self.logs - mean, 0.0)
        # A sweep that is higher as a whole moves no minimum.
        total = np.maximum(own_weights.sum(axis=-1, keepdims=True), 1e-300)
        left = left - (own_weights * left).sum(axis=-1, keepdims=True) / total
        left = np.where(run, left, 0.0)
        seeds = run.sum(axis=0)
        points = float((weights.sum(axis=-1) ** 2 / (weights**2).sum(axis=-1)).mean())
        lost = max(points - 1.0, 0.5) / max(points, 1.0) * (1.0 - 1.0 / len(self.logs))
        pooled = float((own_weights * left**2).sum() / own_weights.sum()) / lost
        own = (left**2).sum(axis=0)
        variance = (own + _POOLED * pooled) / (np.maximum(seeds - 1, 0) + _POOLED)
        degrees = max((len(self.logs) - 1) * len(mean) * (points - 1.0), 1.0)
        return variance / np.maximum(seeds, 1), degrees

    def _misfit(self, mean: FloatArray, weights: FloatArray) -> tuple[FloatArray, float]:
        """The same from the deviation of one seed's curves from their parabolas."""
        squares, free = 0.0, 0.0
        for curve, weight in zip(mean, weights, strict=True):
            run = weight > 0
            away = self.log_rates[run] - self.log_rates[run].mean()
            root = np.sqrt(weight[run])
            design = np.stack([np.ones_like(away), away, away**2], axis=-1) * root[:, None]
            base, _ = np.linalg.qr(design)
            heights = curve[run] * root
            left = heights - base @ (base.T @ heights)
            squares += float(left @ left)
            free += float((weight[run] * (1.0 - (base**2).sum(axis=-1))).sum())
        variance = squares / free if free > 1e-9 else 0.0
        return np.full(mean.shape, variance), max(free, 1.0)

    def _flat(self, mean: FloatArray, variance: FloatArray) -> FloatArray:
        """The lowest and highest rate within two standard errors of the smallest mean loss."""
        values = np.where(np.isnan(mean), np.inf, mean)
        at = values.argmin(axis=-1)[:, None]
        lowest, of_lowest = (np.take_along_axis(part, at, axis=-1) for part in (values, variance))
        alike = values - lowest <= 2.0 * np.sqrt(variance + of_lowest)
        rates = np.where(alike, self.log_rates, np.nan)
        return np.stack([np.nanmin(rates, axis=-1), np.nanmax(rates, axis=-1)])

    def _weights(self, mean: FloatArray) -> FloatArray:
        run = np.logical_not(np.isnan(mean))
        values = np.where(run, mean, np.inf)
        excess = values - values.min(axis=-1, keepdims=True)
        return np.where(run, np.exp(-excess / self.scale), 0.0)

    def _steps(self, mean: FloatArray, best: FloatArray) -> FloatArray:
        """The gap of the grid around the best rate of every size."""
        steps = []
        for curve, rate in zip(mean, best, strict=True):
            grid = self.log_rates[np.logical_not(np.isnan(curve))]
            place = int(np.clip(np.searchsorted(grid, rate), 1, len(grid) - 1))
            steps.append(float(grid[place] - grid[place - 1]))
        return np.array(steps)


def _parabola(powers: list[FloatArray], sides: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Slope at the lowest rate, and half the second derivative, by least squares (Cramer's rule).

    A grid of fewer than three rates gives a bend of zero.
    """
    s0, s1, s2, s3, s4 = powers
    t0, t1, t2 = sides
    determinant = s0 * (s2 * s4 - s3**2) - s1 * (s1 * s4 - s2 * s3) + s2 * (s1 * s3 - s2**2)
    of_slope = s0 * (t1 * s4 - s3 * t2) - t0 * (s1 * s4 - s3 * s2) + s2 * (s1 * t2 - t1 * s2)
    of_bend = s0 * (s2 * t2 - t1 * s3) - s1 * (s1 * t2 - t1 * s2) + t0 * (s1 * s3 - s2**2)
    known: BoolArray = determinant > 1e-12 * np.abs(s0 * s2 * s4)
    safe = np.where(known, determinant, 1.0)
    return np.where(known, of_slope / safe, 0.0), np.where(known, of_bend / safe, 0.0)


def _half(draws: FloatArray) -> FloatArray:
    """Half the length of the 95 percent interval of draws (draws, ...)."""
    low, high = np.quantile(draws, _TAILS, axis=0)
    return np.asarray((high - low) / 2)


class _Drawn(NamedTuple):
    """Best rates (draws, sizes) of one bootstrap, and the degrees of freedom of its spread."""

    minima: FloatArray
    degrees: float

    def reach(self, draws: FloatArray) -> FloatArray:
        """Half the length of a 95 percent interval, for how well the spread is known."""
        return _half(draws) * (student_quantile(_TAILS[1], self.degrees) / _NORMAL)
