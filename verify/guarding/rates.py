"""Does the best rate move? Training at every rate, size and seed, judged by the project's relation.

A check of exponents can pass, and transfer of the rate can still fail. Imports numpy and pandas,
``reports``, ``theory`` and ``verify``; ``probes`` when something is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from reports.guard.document import Interval, RateMove
from theory.errors import InputError
from theory.relations import BestRateExponentEquals
from theory.verdict import Verdict
from verify.guarding.measurements import Measurements, guarded
from verify.tables.judge import judge

# The exponent of the best rate along width or depth is zero to within a quarter power.
MARGIN = 0.25
_FEWEST_RATES = 4


def grid_of(text: str) -> list[float]:
    """Rates of ``2^-10..2^-4`` (every power of two between), or of numbers with commas between."""
    first, dots, last = text.replace(" ", "").partition("..")
    try:
        if dots:
            low, high = (math.log2(_number(end)) for end in (first, last))
            count = round(high - low)
            made = [2 ** (low + step) for step in range(count + 1)]
        else:
            made = [_number(part) for part in first.split(",") if part]
    except (ValueError, OverflowError, ZeroDivisionError):
        made = []
    if len(made) < _FEWEST_RATES or any(not 0 < rate < math.inf for rate in made):
        raise InputError(
            f"--rates {text!r}: expected at least {_FEWEST_RATES} rates, such as 2^-10..2^-4 or "
            "0.001,0.003,0.01,0.03"
        )
    return sorted(made)


def _number(text: str) -> float:
    base, power, exponent = text.partition("^")
    return float(base) ** float(exponent) if power else float(base)


def best_rate_moves(
    measured: Measurements, rates: Sequence[float], progress: Callable[[], None]
) -> RateMove:
    """Train at every rate; a rate stands for that of the optimizer, groups keep their ratios."""
    plan, seeds = measured.plan, measured.seeds
    rows = []
    for seed in seeds:
        for size in plan.sizes:
            for rate in rates:
                loss = guarded(
                    lambda s=size, r=seed, x=rate: _final_loss(measured, s, r, x),  # type: ignore[misc]
                    f"{plan.axis} {size}, seed {seed}, rate {rate:g}",
                )
                rows.append({str(plan.axis): size, "seed": seed, "rate": rate, "loss": loss})
                progress()
    frame = pd.DataFrame(rows)
    finite = frame.loc[frame["loss"].apply(math.isfinite)]
    means = finite.groupby([str(plan.axis), "rate"])["loss"].mean()
    curves = {
        size: [float(means.get((size, rate), math.nan)) for rate in rates] for size in plan.sizes
    }
    relation = BestRateExponentEquals(str(plan.axis), "0")
    judgement = judge(frame, relation, y="loss", replicate="seed", rate="rate", margin=MARGIN)
    found = judgement.interval
    return RateMove(
        axis=plan.axis,
        rates=list(rates),
        verdict=Verdict(judgement.verdict),
        interval=None
        if found is None
        else Interval(
            estimate=found.estimate, low=found.low, high=found.high, confidence=1 - found.level
        ),
        curves=curves,
        reason=judgement.reason,
    )


def _final_loss(measured: Measurements, size: int, seed: int, rate: float) -> float:
    """The loss after the last step, at one rate."""
    from probes.modules.surroundings import threads_for, untouched_randomness
    from probes.modules.training import trained_loss

    with untouched_randomness():
        problem = measured.make(size, seed)
        for optimizer in problem.optimizers:
            base = float(optimizer.defaults.get("lr", math.nan))
            for group in optimizer.param_groups:
                group["lr"] = group["lr"] * rate / base
        with threads_for(problem):
            return trained_loss(problem, max(measured.plan.steps))
