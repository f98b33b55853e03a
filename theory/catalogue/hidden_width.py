"""Claim C8: how the error of two-layer blocks goes with depth L, inner width M and stream width D.

Source: arXiv 2509.10167: after a fixed number of steps the stream is O(1/L + sqrt(D / (L M))) from
its limit, and tightly so. The width of a cell is M here, and D is fixed. The limit is stood for by
a network of the same ends with at least 30 times as many inner units (L M) in all. Imports
``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, residual
from theory.catalogue import sources
from theory.catalogue.settings import AT_INITIALIZATION, EXPONENT_MARGIN, EXPONENT_REASON
from theory.catalogue.statements import curve_claim, stated
from theory.exact.propagation import branch_second_moment
from theory.experiments import Convergence, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product, ray
from theory.presets import mean_ode
from theory.scaling import Axis, Cell

# Two steps that halve the distance to the labels: far from the start. On a stream of width 4 some
# networks explode at this rate, and none at half of it.
FITTED = Convergence(batch=4, steps=2, rate=Fraction(1), reference=Cell(1024, 128))
LARGER = replace(FITTED, rate=Fraction(1, 2), reference=Cell(2048, 128))
# Few inner units: sqrt(D / (L M)) is far above 1/L. Below M = 8 units are too few to average.
NARROW = Regime(
    standard=Grid(product((8,), (8, 16, 32, 64)), 64, 32),
    full=Grid(product((8,), (8, 16, 32, 64)), 192, 64),
)
DEEP = Regime(
    standard=Grid(product((8, 16, 32, 64), (32,)), 96, 32),
    full=Grid(product((4, 8, 16, 32, 64), (64,)), 192, 16),
)
# M in proportion to L: both terms of the error fall as 1/L. At these sizes nearly all of it is the
# second one, and the first is not isolated: that would take M >> D L at every depth. (By
# ``scaleproof plan`` half as many replicates leave every second campaign undecided.)
PROPORTIONAL = Regime(
    standard=Grid(ray(8, (4, 8, 16, 32)), 192, 16),
    full=Grid(ray(16, (2, 4, 8, 16)), 192, 16),
)
# A mean over D coordinates of L blocks: few of either fluctuate more than a margin of 3 percent.
VALUES = Regime(
    quick=Grid(product((32,), (16, 64)), 1024, 64),
    standard=Grid(product((32,), (16, 64)), 1536, 64),
)


def _stream(width: int) -> Architecture:
    return replace(residual(2), stream_width=width)


def _error(id: str, what: str, width: int, axis: Axis, value: str, regime: Regime) -> Prediction:
    setting = Setting(_stream(width), mean_ode(), LARGER if regime is PROPORTIONAL else FITTED)
    return Prediction(
        id=id,
        sentence=f"In two-layer blocks of the mean-ODE scale on a stream of width {width}, the "
        f"distance of h_L to its limit after two SGD steps goes as {axis.symbol}^{value} {what}.",
        observable=Observable.REFERENCE_DISTANCE,
        relation=stated(axis, value),
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.hidden_width("error O(1/L + sqrt(D) / sqrt(L M)), empirically tight"),
        controls=(
            Control(
                "branches (L M)^1/4 times as large, half-way to the lazy scale",
                replace(setting, parameterization=mean_ode("1/4")),
            ),
        ),
        standing=Standing.STATED,
    )


def _branch(id: str, width: int, regime: Regime) -> Prediction:
    """sqrt(D): the size of what adds up to the error at initialization, exactly.

    The scale is the source's, and this value of what it makes is worked out here.
    """
    setting = Setting(_stream(width), mean_ode(), AT_INITIALIZATION)
    wider = replace(setting, architecture=_stream(width * 5 // 4))
    return curve_claim(
        id,
        f"On a stream of width {width}, the second moment of a branch at initialization is "
        "D q / (2 L^2 M), exactly: the sqrt(D) of the scale, and of the error of L such branches.",
        Observable.BRANCH_SECOND_MOMENT,
        branch_second_moment,
        setting,
        regime,
        "an eighth of what a quarter more of D makes",
        sources.hidden_width("residual scale sqrt(D) / (L M)"),
        (Control(f"a stream of width {width * 5 // 4}", wider),),
        Standing.PROJECT,
    )


PREDICTIONS: tuple[Prediction, ...] = (
    _error("C8.error.depth", "at inner width M = 8", 16, Axis.DEPTH, "-1/2", NARROW),
    _error("C8.error.inner-width", "(the inner width M) at depth 32", 16, Axis.WIDTH, "-1/2", DEEP),
    _error(
        "C8.error.proportional",
        "when the inner width grows in proportion, M = 8 L",
        4,
        Axis.DEPTH,
        "-1",
        PROPORTIONAL,
    ),
    _branch("C8.branch.value.D-16", 16, VALUES),
    _branch("C8.branch.value.D-64", 64, replace(VALUES, quick=None)),
)
