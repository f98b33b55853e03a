"""Claims C1 and B4: how the maximal-update learning rate falls with depth.

Sources: arXiv 2305.07810 (chains), arXiv 2510.04327 (residual networks). Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Role, chain, residual
from theory.catalogue import sources
from theory.experiment import Experiment, Observable, Protocol, Setting
from theory.parameterization import RoleScaling
from theory.power_counting import counted
from theory.prediction import Control, Grid, Prediction, Regime, Rival, product, ray
from theory.presets import am_mup, depth_mup, mup
from theory.relations import ExponentEquals
from theory.scaling import Axis, Power

MARGIN = Fraction(1, 10)
FIRST_STEP = Protocol(Experiment.ONE_STEP, batch=4)

_CHAIN = Setting(chain(), am_mup(), FIRST_STEP)
_BLOCKS = Setting(replace(residual(1), variance_factor=Fraction(2)), am_mup(), FIRST_STEP)
_MARGIN_REASON = "a fifth of the step between neighbouring half-integer exponents"
_PER_LAYER = (Power(depth=-1),)

# Chains fluctuate, and are biased, in L/n: along n = 16 L both stay constant, and every remaining
# finite-size term is one in 1/L.
_CHAIN_DEPTH = Regime(
    Grid(ray(16, (1, 2, 4, 8, 16)), 400, 64),
    Grid(ray(16, (1, 2, 4, 8, 16, 32)), 192, 48),
    _PER_LAYER,
)
_CHAIN_WIDTH = Regime(
    Grid(product((64, 128, 256, 512), (4,)), 64, 32),
    Grid(product((128, 256, 512, 1024), (4,)), 96, 48),
)
_BLOCKS_DEPTH = Regime(
    Grid(product((64,), (2, 4, 8, 16, 32, 64)), 192, 48),
    Grid(product((128,), (2, 4, 8, 16, 32, 64)), 256, 64),
    _PER_LAYER,
)


def _chains() -> tuple[Prediction, ...]:
    """C1: eta* of a ReLU chain goes as L^-3/2 and does not depend on n."""
    # Entries of order n^-1/2 instead of n^-1 in the readout: not a mean-field output any more.
    readout = RoleScaling(std=Power(width="-1/2"), rate=Power(width=-1))
    wide = am_mup().changed("am_mup with output entries n^-1/2", {Role.OUTPUT: readout})
    citation = sources.depth_dependence_of_mup(
        "main theorem: the maximal-update rate of ReLU MLPs (every layer bounded; here their mean)"
    )
    controls = {
        Axis.DEPTH: (
            Control("Var W = 1/fan_in instead of 2/fan_in", replace(_CHAIN, architecture=chain(1))),
            Control("residual blocks of one layer", _BLOCKS),
        ),
        Axis.WIDTH: (Control(wide.name, replace(_CHAIN, parameterization=wide)),),
    }
    relations = {
        axis: counted(_CHAIN, Observable.MAXIMAL_UPDATE_RATE, axis)
        for axis in (Axis.DEPTH, Axis.WIDTH)
    }
    regimes = {Axis.DEPTH: _CHAIN_DEPTH, Axis.WIDTH: _CHAIN_WIDTH}
    return tuple(
        Prediction(
            id=f"C1.rate.{axis}",
            sentence="In a ReLU chain with mean-field output, the maximal-update learning rate "
            f"goes as {axis.symbol}^{relations[axis].value}.",
            observable=Observable.MAXIMAL_UPDATE_RATE,
            relation=relations[axis],
            setting=_CHAIN,
            regime=regimes[axis],
            margin=MARGIN,
            margin_reason=_MARGIN_REASON,
            citation=citation,
            controls=controls[axis],
        )
        for axis in (Axis.DEPTH, Axis.WIDTH)
    )


def _residual_blocks() -> Prediction:
    """B4, read for one-layer pre-activation blocks and L = K blocks."""
    expected = counted(_BLOCKS, Observable.MAXIMAL_UPDATE_RATE, Axis.DEPTH)
    he = replace(_BLOCKS, parameterization=mup().in_variance_convention())
    return Prediction(
        id="B4.rate.depth.one-layer-blocks",
        sentence="In residual networks of one-layer pre-activation blocks with residual-aware "
        "initialization, the maximal-update learning rate goes as L^-3/2.",
        observable=Observable.MAXIMAL_UPDATE_RATE,
        relation=ExponentEquals(Axis.DEPTH, Fraction(-3, 2), "stated by the source"),
        setting=_BLOCKS,
        regime=_BLOCKS_DEPTH,
        margin=MARGIN,
        margin_reason=_MARGIN_REASON,
        citation=sources.arithmetic_mean_mup(
            "abstract: standard residual networks; read with L the number of blocks"
        ),
        controls=(Control("He initialization without the factor 1/K", he),),
        rival=Rival(
            f"Power counting: with one layer per block the rate goes as L^{expected.value}.",
            expected,
            sources.power_counting("K coherent contributions of order eta: S = eta^2 K^2"),
            Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup())),
        ),
    )


PREDICTIONS: tuple[Prediction, ...] = (_residual_blocks(), *_chains())
