"""How often intervals of the best learning rate are right, on synthetic sweeps.

``python -m verify.calibration.sweeps`` writes ``docs/calibration-sweeps.md``. Imports click, numpy,
scipy and ``verify``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from pathlib import Path
from zlib import crc32

import click
import numpy as np
from scipy import stats

from theory.arrays import FloatArray
from theory.relations import BestRateExponentEquals
from theory.verdict import Verdict
from verify.judging.claim import Claim, Measured
from verify.judging.line import Line
from verify.judging.quantities import FAMILY_ALPHA, claim_of
from verify.judging.sweeps import weigh_sweep
from verify.judging.verdict import conclude

SIZES = np.array([64.0, 128.0, 256.0, 512.0])
SEEDS, SHARING_SEEDS = (1, 3, 8), (2, 3, 8)
DRIFTS = (0.0, 0.25, 0.5, 1.0)
MARGIN = 0.25
PAGE = Path("docs") / "calibration-sweeps.md"


class Shape(StrEnum):
    """Log loss over the log of rate / best rate."""

    PARABOLA = "parabola"
    STEEP = "steeper above the best rate"
    PLATEAU = "plateau of two octaves"
    DIVERGING = "diverges four octaves above"
    SHALLOW = "shallow, as language models"


class Rates(StrEnum):
    """Which rates are run."""

    OCTAVES = "octaves"
    HALF_DECADES = "half decades"
    WINDOWS = "octaves, other windows at other sizes"


class Noise(StrEnum):
    """What seeds differ in."""

    POINTS = "every point by itself"
    BEST_RATES = "a best rate of its own at every size"
    DRIFTS = "a drift of its own"


# Standard deviations of what a whole sweep, or all sweeps of a seed, share; in log rate, exponent.
_OWN_RATE, _OWN_DRIFT = 0.6, 0.4


def _softplus(values: FloatArray) -> FloatArray:
    return np.logaddexp(0.0, values)


_CURVES: Mapping[Shape, tuple[Callable[[FloatArray], FloatArray], float]] = {
    Shape.PARABOLA: (lambda u: 0.25 * u**2, 0.15),
    Shape.STEEP: (lambda u: 0.8 * _softplus(-1.2 * (u + 1)) + 0.5 * _softplus(3 * (u - 1.2)), 0.15),
    Shape.PLATEAU: (
        lambda u: 0.9 * _softplus(-1.5 * (u + 2)) + 0.6 * _softplus(2.5 * (u - 1.5)),
        0.15,
    ),
    Shape.DIVERGING: (lambda u: np.where(u > 2.8, np.inf, 0.2 * u**2), 0.15),
    Shape.SHALLOW: (lambda u: 0.05 * u**2 * (1 + 0.5 * np.tanh(u)), 0.02),
}


@dataclass(frozen=True, slots=True)
class SweepScenario:
    """Sweeps with a known best rate, which goes as size^-drift."""

    shape: Shape
    rates: Rates
    seeds: int
    drift: float
    noise: Noise = Noise.POINTS

    def losses(self, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Losses (seeds, sizes, rates), and the rates, at a random place of the grid."""
        step = math.log(10) / 2 if self.rates is Rates.HALF_DECADES else math.log(2)
        reach = 2.2 if self.rates is Rates.HALF_DECADES else 4.0
        span = self.drift * np.log(SIZES[-1] / SIZES[0]) / step / 2
        count = int(2 * (reach + span)) + 1
        places = np.arange(count) - (count - 1) / 2 + generator.uniform(-0.5, 0.5)
        logs = np.log(SIZES) - np.log(SIZES).mean()
        away = step * places + self.drift * logs[:, None]
        curve, noise = _CURVES[self.shape]
        if self.noise is not Noise.POINTS:
            noise, own = 0.02, generator.standard_normal((self.seeds, len(SIZES), 1))
            away = away + (
                _OWN_RATE * own
                if self.noise is Noise.BEST_RATES
                else _OWN_DRIFT * own[:, :1] * logs[:, None]
            )
        spread = noise * np.where(away > 1, 1.5, 1.0)  # noisier where training is less stable
        shape = (self.seeds, *away.shape[-2:])
        drawn = curve(away) + spread * generator.standard_normal(shape)
        if self.rates is Rates.WINDOWS:
            shift = np.array([-1.0, 1.0, 0.0, -1.0])[:, None]
            drawn = np.where(np.abs(away / step + shift) > 4.0, np.nan, drawn)
        return np.exp(drawn), np.exp(step * places)


@dataclass(slots=True)
class SweepCalibration:
    """Of ``sweeps``: how many intervals cover the drift, and what was decided."""

    scenario: SweepScenario
    sweeps: int = 0
    covered: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))

    @property
    def wrong(self) -> int:
        """Wrong decisions; at the margin every decision is one."""
        wrong = 0
        if self.scenario.drift >= MARGIN:
            wrong += self.verdicts[Verdict.ACCEPTED]
        if self.scenario.drift <= MARGIN:
            wrong += self.verdicts[Verdict.REJECTED]
        return wrong


def scenarios() -> Iterator[SweepScenario]:
    """Every setting."""
    for parts in product(Shape, Rates, SEEDS, DRIFTS):
        yield SweepScenario(*parts)
    for noise, seeds, drift in product(list(Noise)[1:], SHARING_SEEDS, DRIFTS):
        yield SweepScenario(Shape.PARABOLA, Rates.OCTAVES, seeds, drift, noise)


def claim(seeds: int) -> Claim:
    """That the best rate does not depend on the size."""
    relation = BestRateExponentEquals("size", 0)
    return claim_of(relation, MARGIN, seeds, [f"size = {size:g}" for size in SIZES], SIZES)


def calibrate_sweeps(scenario: SweepScenario, sweeps: int) -> SweepCalibration:
    """Judge so many tables of a scenario, by the functions that judge real ones."""
    generator = np.random.default_rng(crc32(repr(scenario).encode()))
    found, judged = SweepCalibration(scenario, sweeps), claim(scenario.seeds)
    for _ in range(sweeps):
        losses, rates = scenario.losses(generator)
        evidence = weigh_sweep(judged, Measured(losses, rates=rates))
        found.verdicts[conclude(evidence, FAMILY_ALPHA).verdict] += 1
        if isinstance(evidence, Line):
            interval = evidence.interval(FAMILY_ALPHA)
            found.covered += interval.low <= -scenario.drift <= interval.high
    return found


def document(found: Sequence[SweepCalibration]) -> str:
    """The page of the docs."""
    lines = [
        "# Calibration of best learning rates\n",
        "Written by `python -m verify.calibration.sweeps`; do not edit.\n",
        f"The functions that judge real tables judge {found[0].sweeps} tables of synthetic sweeps "
        "per setting. The best rate",
        f"goes as size^-drift, at sizes 64 to 512. The claim is the exponent 0 at a margin of "
        f"{MARGIN:g}. One seed decides",
        "nothing. *Coverage* is the share of 95 percent intervals that hold the true exponent; "
        "what is invalid, because a",
        "best rate lies at an end, covers nothing. *Wrong* is the share of wrong decisions; at a "
        "drift of 1/4, on the margin,",
        "every decision is wrong. Brackets are 95 percent Clopper-Pearson intervals.\n",
        "| rates | seeds | drift | coverage, % | wrong, % | decided, % |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    alone = [e for e in found if e.scenario.noise is Noise.POINTS]
    for rates, seeds, drift in product(Rates, SEEDS, DRIFTS):
        wanted = (rates, seeds, drift)
        cells = [
            e for e in alone if (e.scenario.rates, e.scenario.seeds, e.scenario.drift) == wanted
        ]
        lines.append(f"| {rates} | {seeds} | {drift:g} | {_row(cells)} |")
    lines += [
        "",
        "## By shape\n",
        "| log loss over log rate | seeds | coverage, % | wrong, % | decided, % |",
        "| --- | --- | --- | --- | --- |",
    ]
    for shape, seeds in product(Shape, SEEDS):
        cells = [e for e in alone if (e.scenario.shape, e.scenario.seeds) == (shape, seeds)]
        lines.append(f"| {shape} | {seeds} | {_row(cells)} |")
    lines += [
        "",
        "## Where the points of a seed move together\n",
        f"Best rates of seeds spread by {_OWN_RATE:g} in log rate, their drifts by {_OWN_DRIFT:g}; "
        "parabolas, octaves.\n",
        "| seeds differ in | seeds | drift | coverage, % | wrong, % | decided, % |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for one in found:
        of = one.scenario
        if of.noise is not Noise.POINTS:
            lines.append(f"| {of.noise} | {of.seeds} | {of.drift:g} | {_row([one])} |")
    return "\n".join([*lines, ""])


def _row(cells: Sequence[SweepCalibration]) -> str:
    """Coverage, wrong decisions and decisions of several settings together."""
    total = sum(each.sweeps for each in cells)
    decided = sum(
        each.verdicts[Verdict.ACCEPTED] + each.verdicts[Verdict.REJECTED] for each in cells
    )
    covered, wrong = sum(each.covered for each in cells), sum(each.wrong for each in cells)
    return f"{_share(covered, total)} | {_share(wrong, total)} | {100 * decided / total:.0f}"


def _share(number: int, total: int) -> str:
    """In percent, with its interval."""
    low, high = stats.binomtest(number, total).proportion_ci(0.95, method="exact")
    return f"{100 * number / total:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


@click.command()
@click.option("--sweeps", type=click.IntRange(min=1), default=200, show_default=True)
def main(sweeps: int) -> None:
    """Calibrate every setting, and write the page."""
    found = [calibrate_sweeps(scenario, sweeps) for scenario in scenarios()]
    PAGE.write_text(document(found), encoding="utf-8")


if __name__ == "__main__":
    main()
