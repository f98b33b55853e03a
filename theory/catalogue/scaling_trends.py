"""Claim A16: scaling trends persist, and returns diminish. Source: arXiv 2512.21075.

The held-out loss on digits exceeds its limit of width, or of depth, by a power of the size. The
source names no exponent; theory does. Means over the initial weights have corrections in powers of
1/n (arXiv 1909.11304), and depth-muP is an Euler scheme of step 1/L whose means are off by that
order (Talay and Tubaro 1990). The loss itself is such a mean, so that both exponents are -1.

The rate, 1/4, is a quarter of the one at which deep networks get worse and an eighth of the one at
which they diverge: it was chosen when those had been seen. In depth, all networks of a replicate
follow one Brownian path (``Learning.finest``): the differences that the law is about have a
fiftieth of the variance that they have with independent weights, so that depths can be large enough
for the next term not to decide. There is no such path in width: networks have two blocks, which
cost half of what four do, and it takes so many of them that width is tried in the full profile
only. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    BY_THE_SOURCE,
    EXPONENT_MARGIN,
    EXPONENT_REASON,
    FORTY_STEPS,
)
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product
from theory.presets import completep, depth_mup, mup
from theory.relations import ExcessExponentEquals, ExponentAtMost
from theory.scaling import Axis, Power

# A multiple of every depth below.
FINEST = 192

# Wider networks, as in other full grids, cost more for the same interval; some 19,000 replicates of
# these decide by ``scaleproof plan``, which are there at the third look.
IN_WIDTH = Regime(full=Grid(product((48, 64, 96, 128, 384), (2,)), 8192, 64))
IN_DEPTH = Regime(
    standard=Grid(product((32,), (6, 8, 12, 16, 24, 96)), 2048, 64),
    full=Grid(product((32,), (8, 12, 16, 24, 32, 64, 192)), 4096, 64),
)
DEEP = Regime(
    standard=Grid(product((32,), (4, 8, 16, 32, 64)), 64, 16),
    full=Grid(product((64,), (4, 8, 16, 32, 64, 128)), 64, 16),
)
_ORDERS = {
    Axis.WIDTH: "means over weights have corrections in 1/n (arXiv 1909.11304)",
    Axis.DEPTH: "an Euler scheme of step 1/L has weak order one (Talay and Tubaro 1990)",
}


def _trained(finest: int | None = None) -> Setting:
    experiment = replace(FORTY_STEPS, rate=Fraction(1, 4), finest=finest)
    return Setting(residual(1), depth_mup(), experiment)


def _without_limit(setting: Setting, axis: Axis, rate: str) -> Control:
    """Rates that grow with the size: larger networks learn faster, and no limit is approached.

    Forty steps from another rate: no measurement of the claim's own.
    """
    growth = Power(width="1/2") if axis is Axis.WIDTH else Power(depth="1/2")
    name = f"rates times {axis.symbol}^1/2, from {rate} on"
    faster = setting.parameterization.with_rates_times(growth, name)
    experiment = setting.experiment.at_rate(Fraction(rate))
    return Control(name, replace(setting, parameterization=faster, experiment=experiment))


def _excess(
    id: str, networks: str, axis: Axis, setting: Setting, regime: Regime, *controls: Control
) -> Prediction:
    """Returns diminish: the source says so, and the power of 1/L or 1/n is ours."""
    return Prediction(
        id=id,
        sentence=f"In {networks} under depth-muP with SGD, the loss after 40 steps exceeds "
        f"its limit of large {axis} by a term in 1/{axis.symbol}: each doubling gains half of what "
        "the doubling before it gained.",
        observable=Observable.TRAINED_LOSS,
        relation=ExcessExponentEquals(axis, Fraction(-1), _ORDERS[axis]),
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.feature_learning_dynamics(
            "abstract: scaling trends persist and returns diminish; the exponent is theory's"
        ),
        controls=controls,
        standing=Standing.PROJECT,
    )


def _in_width() -> Prediction:
    setting = _trained()
    return _excess(
        "A16.excess.width",
        "networks of two one-layer blocks",
        Axis.WIDTH,
        setting,
        IN_WIDTH,
        _without_limit(setting, Axis.WIDTH, "1/32"),
    )


def _in_depth() -> Prediction:
    setting = _trained(FINEST)
    vanishing = Control(
        "alpha = 3/4, whose branches vanish: deeper is worse",
        replace(setting, parameterization=completep("3/4")),
    )
    return _excess(
        "A16.excess.depth",
        "one-layer blocks",
        Axis.DEPTH,
        setting,
        IN_DEPTH,
        _without_limit(setting, Axis.DEPTH, "1/64"),
        vanishing,
    )


def _persists() -> Prediction:
    """Where the trend breaks: without a factor on the branches, training diverges."""
    setting = _trained()
    return Prediction(
        id="A16.trend.depth",
        sentence="In one-layer blocks under depth-muP with SGD, the loss after 40 steps at a fixed "
        "rate, 1/4, chosen when deeper networks had been seen to get worse at 1, does not grow "
        "with depth; at alpha = 0, the control, that trend breaks.",
        observable=Observable.TRAINED_LOSS,
        relation=ExponentAtMost(Axis.DEPTH, Fraction(0), BY_THE_SOURCE),
        setting=setting,
        regime=DEEP,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.feature_learning_dynamics(
            "abstract: scaling trends persist in this regime; claims A16, alpha = 0"
        ),
        controls=(Control("alpha = 0", replace(setting, parameterization=mup())),),
        standing=Standing.STATED,
    )


PREDICTIONS: tuple[Prediction, ...] = (_persists(), _in_width(), _in_depth())
