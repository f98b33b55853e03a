"""The maximal-update rate at several depths, and a tuned rate carried over to them.

eta* solves S(eta*) = 1, S the mean over layers of the second moment of the change after one SGD
step, to first order (arXiv 2510.04327): the largest rate at which a step moves the layers by no
more than their size. Networks are parameterized as AM-muP. Imports torch, ``probes``, numpy,
``theory`` and ``verify``.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from probes.costs import COSTS, engine_of, estimate
from probes.engines import Engine
from probes.trials import network_of, resolve_device
from reports.reasons import fit_refusal_text
from theory.architecture import Architecture, Family
from theory.arrays import FloatArray
from theory.catalogue.settings import EXPONENT_MARGIN, FIRST_STEP
from theory.counted_observables import predicted_exponent
from theory.errors import InputError, NoTheoryError
from theory.expectations import Band
from theory.experiments import Setting
from theory.observables import Observable
from theory.presets import am_mup
from theory.scaling import Axis, Cell
from verify.judging.reasons import fit_problem
from verify.measuring.executors import Workers
from verify.measuring.loop import run
from verify.measuring.schedule import groups_of
from verify.statistics.equivalence import Interval, mean_interval
from verify.statistics.fit_checks import CHECK_LEVEL, FitChecks, check_fit, misfit
from verify.statistics.regression import PowerLaw

LEVEL = 0.05  # of every interval
YEAR = 365 * 24 * 3600.0  # seconds
GIB = 2**30
NUMBER = 4  # bytes
# arXiv 2305.07810 (chains) and arXiv 2510.04327 (residual and convolutional networks).
PUBLISHED_EXPONENT = Fraction(-3, 2)


def published_exponent(architecture: Architecture) -> Fraction | None:
    """That of the literature; ``None`` for networks of which its sources do not speak."""
    spoken_of = architecture.family is not Family.TRANSFORMER and not architecture.normalized
    return PUBLISHED_EXPONENT if spoken_of else None


@dataclass(frozen=True, slots=True)
class TunedRate:
    """A base learning rate that was found to be good at one depth.

    Raises ``InputError`` for a depth below 1 or a rate that is not finite and positive.
    """

    depth: int
    rate: float

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise InputError(f"a rate tuned at depth {self.depth}: expected a depth of at least 1")
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise InputError(f"tuned rate {self.rate}: expected a finite positive number")


@dataclass(frozen=True, slots=True)
class DepthExponent:
    """The power of depth by which eta* goes: measured, published and counted.

    ``measured`` is the mean of one regression of log eta* on log L per replicate; ``None`` for one
    depth, or where networks diverged. ``local`` has the exponents between neighbouring depths.
    ``published`` is ``None`` where no source speaks of such networks. ``counted`` is power
    counting's; ``None``, with the reason in ``uncounted``, where it finds no power. ``refusal``
    says why no power law fits, by the rules that make an acceptance of the exponent at the
    catalogue's margin invalid; ``notes`` what else to know of it.
    """

    measured: Interval | None
    local: tuple[float, ...]
    published: Fraction | None
    counted: Fraction | None
    uncounted: str | None
    refusal: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CarriedRate:
    """A rate tuned at depth L_0, times (L / L_0)^exponent, for each of three exponents.

    The interval of ``measured`` is that of the exponent; the tuned rate is taken as given.
    """

    measured: Interval | None
    published: float | None
    counted: float | None


@dataclass(frozen=True, slots=True)
class DepthRate:
    """eta* at one depth: the geometric mean over replicates, with a t interval on the logarithm.

    ``maximal_update`` is ``None`` where ``diverged``, the number of networks whose eta* is no
    finite positive number, is not zero.
    """

    depth: int
    maximal_update: Interval | None
    diverged: int
    carried: CarriedRate | None


@dataclass(frozen=True, slots=True)
class RateTable:
    """What was measured at every depth, and the exponent that joins them."""

    depths: tuple[DepthRate, ...]
    exponent: DepthExponent


def maximal_update_setting(architecture: Architecture) -> Setting:
    """The first step of a network under AM-muP, as the catalogue tries it.

    >>> from scaleproof import chain, maximal_update_setting
    >>> print(maximal_update_setting(chain()).parameterization.name)
    am_mup
    """
    return Setting(architecture, am_mup(), FIRST_STEP)


def depth_cells(width: int, depths: Sequence[int]) -> tuple[Cell, ...]:
    """Networks of one width; ``InputError`` unless depths ascend from at least 1."""
    if not depths:
        raise InputError("no depth: expected at least one")
    for before, after in zip((0, *depths), depths, strict=False):
        if after < 1:
            raise InputError(f"depth {after}: expected at least 1")
        if after <= before:
            raise InputError(f"depth {after} after {before}: expected ascending depths, each once")
    return tuple(Cell(width, depth) for depth in depths)


def measure_rates(
    setting: Setting,
    cells: Sequence[Cell],
    seed: int,
    replicates: int,
    device: str = "cpu",
    engine: Engine | None = None,
    workers: int = 1,
    progress: Callable[[float, float], None] = lambda _done, _total: None,
) -> FloatArray:
    """eta* of every network: shape (replicates, cells).

    What diverged is returned as it is. ``progress`` receives of the expected seconds what is done
    and what is needed. Raises ``InputError`` where a forced engine cannot run the setting, for what
    would take more than a year or more memory than there is, and ``TooLittleMemoryError``.
    """
    resolve_device(device)
    _refuse_what_never_ends(setting, cells, replicates, device, engine)
    groups = [
        group
        for cell in cells
        for group in groups_of((setting,), cell, range(replicates), device, engine)
    ]
    costs = [group.cost for group in groups]
    rates, done = np.empty((replicates, len(cells))), 0.0
    with Workers(workers) as pool:
        for group, (observables,) in pool.results(partial(run, seed, device), groups, costs):
            column = cells.index(group.cell)
            rates[list(group.replicates), column] = observables[Observable.MAXIMAL_UPDATE_RATE]
            done += group.cost
            progress(done, sum(costs))
    return rates


def _refuse_what_never_ends(
    setting: Setting,
    cells: Sequence[Cell],
    replicates: int,
    device: str,
    engine: Engine | None,
) -> None:
    """Before everything is planned, which alone would take too long."""
    for cell in cells:
        seconds, numbers = _cost(setting, cell, device, engine)
        years = replicates * seconds / YEAR
        if years > 1:
            raise InputError(
                f"{replicates} networks at {cell} would take about {years:.3g} years of one core; "
                "take fewer or smaller ones, so that it is less than one"
            )
        needed, there = numbers * NUMBER, memory(device)
        if needed > there:
            raise InputError(
                f"a network at {cell} needs about {needed / GIB:.3g} GiB, and {device} has "
                f"{there / GIB:.3g}; take a smaller one"
            )


def _cost(setting: Setting, cell: Cell, device: str, engine: Engine | None) -> tuple[float, float]:
    """Seconds and numbers of one network: those of one block, and of another one for each more."""
    few = [Cell(cell.width, depth) for depth in (1, 2)]
    chosen = engine_of(setting, few[-1], device, engine)
    one, two = (
        estimate(chosen, network_of(setting, small), setting.experiment, COSTS[device])
        for small in few
    )
    more = cell.depth - 1
    return one.work + more * (two.work - one.work), one.numbers + more * (two.numbers - one.numbers)


def memory(device: str) -> int:
    """Bytes of a device."""
    if device == "cpu":
        known = hasattr(os, "sysconf")
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if known else sys.maxsize
    return int(torch.cuda.get_device_properties(device).total_memory)


def tabulate_rates(
    setting: Setting, cells: Sequence[Cell], rates: FloatArray, tuned: TunedRate | None = None
) -> RateTable:
    """Intervals and exponents of measured rates (replicates, cells), and a tuned rate carried over.

    Raises ``InputError`` for a single replicate, and for a tuned rate with a single depth.
    """
    if tuned is not None and len(cells) < 2:
        raise InputError(
            "a rate is carried over by the exponent of depth: give at least two depths"
        )
    exponent = _exponent(setting, cells, rates)
    diverged = _diverged(rates).sum(axis=0)
    depths = tuple(
        DepthRate(
            cell.depth,
            _geometric_mean(rates[:, column]) if not diverged[column] else None,
            int(diverged[column]),
            None if tuned is None else _carried(tuned, cell.depth, exponent),
        )
        for column, cell in enumerate(cells)
    )
    return RateTable(depths, exponent)


def _diverged(rates: FloatArray) -> npt.NDArray[np.bool_]:
    """What is no finite positive number: signals that left the range of floats on their way."""
    return ~(np.isfinite(rates) & (rates > 0))


def _geometric_mean(rates: FloatArray) -> Interval:
    interval = mean_interval(np.log(rates), LEVEL)
    estimate, low, high = np.exp([interval.estimate, interval.low, interval.high])
    return Interval(float(estimate), float(low), float(high), LEVEL)


def _exponent(setting: Setting, cells: Sequence[Cell], rates: FloatArray) -> DepthExponent:
    counted, uncounted = _counted(setting)
    diverged = int(_diverged(rates).sum())
    published = published_exponent(setting.architecture)
    exponent = DepthExponent(None, (), published, counted, uncounted, None, ())
    if diverged:
        return replace(exponent, refusal=f"{diverged} of {rates.size} networks diverged")
    if len(cells) < 2:
        return exponent
    law, logs = PowerLaw.of_cells(cells, Axis.DEPTH), np.log(rates)
    measured = mean_interval(law.exponents(logs), LEVEL)
    local = tuple(float(each) for each in law.local_exponents(logs)[1].mean(axis=0))
    refusal, notes = _reading(check_fit(law, logs[:, None, :]), measured.estimate, local)
    if setting.architecture.family is Family.CHAIN:
        largest = max(cell.depth / cell.width for cell in cells)
        notes = (*notes, f"chains are biased in L/n, here up to {largest:.2g}; wider ones are less")
    return replace(exponent, measured=measured, local=local, refusal=refusal, notes=notes)


def _counted(setting: Setting) -> tuple[Fraction | None, str | None]:
    try:
        exponent = predicted_exponent(setting, Observable.MAXIMAL_UPDATE_RATE, Axis.DEPTH)
    except NoTheoryError as error:
        return None, str(error)
    return exponent, None


def _reading(
    checks: FitChecks, estimate: float, local: Sequence[float]
) -> tuple[str | None, tuple[str, ...]]:
    """Why no power law fits, or else what to know of the fit."""
    margin = float(EXPONENT_MARGIN)
    band = Band(estimate - margin, estimate + margin)
    problem = fit_problem(checks, np.array([estimate]), margin, band, CHECK_LEVEL, accepted=True)
    if problem is not None:
        return fit_refusal_text(problem), ()
    if checks.lack_of_fit is None:
        return None, ("too few depths or replicates to test whether a power law fits",)
    if not misfit(checks, CHECK_LEVEL)[0]:
        return None, ()
    said = f"lack of fit: p = {checks.misfit[0]:.2g}"
    # With three depths no exponent elsewhere in the range is left to see whether it matters.
    if not checks.elsewhere and max(local) - min(local) > margin:
        return said, ()
    return None, (f"close to a power law, and not exactly one ({said})",)


def _carried(tuned: TunedRate, depth: int, exponent: DepthExponent) -> CarriedRate:
    steps = math.log(depth) - math.log(tuned.depth)

    def times(power: float | Fraction) -> float:
        with np.errstate(over="ignore"):
            return float(tuned.rate * np.exp(float(power) * steps))

    measured = None
    if exponent.measured is not None:
        low, high = sorted((times(exponent.measured.low), times(exponent.measured.high)))
        measured = Interval(times(exponent.measured.estimate), low, high, LEVEL)
    published, counted = (
        None if power is None else times(power) for power in (exponent.published, exponent.counted)
    )
    return CarriedRate(measured, published, counted)
