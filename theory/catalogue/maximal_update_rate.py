"""Claims C1 and B4: how the maximal-update learning rate falls with depth.

Sources: arXiv 2305.07810 (chains), arXiv 2510.04327 (residual networks). Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Role, chain, residual
from theory.catalogue import sources
from theory.catalogue.statements import FIRST_STEP, exponent_claim
from theory.experiment import Observable, Setting
from theory.parameterization import RoleScaling
from theory.prediction import Control, Grid, Prediction, Regime, product, ray
from theory.presets import am_mup, depth_mup, mup
from theory.scaling import Axis, Power

_CHAIN = Setting(chain(), am_mup(), FIRST_STEP)
_BLOCKS = Setting(replace(residual(1), variance_factor=Fraction(2)), am_mup(), FIRST_STEP)
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
    powers = {Axis.DEPTH: "L^-3/2", Axis.WIDTH: "n^0"}
    regimes = {Axis.DEPTH: _CHAIN_DEPTH, Axis.WIDTH: _CHAIN_WIDTH}
    return tuple(
        exponent_claim(
            f"C1.rate.{axis}",
            "In a ReLU chain with mean-field output, the maximal-update learning rate goes as "
            f"{power}.",
            Observable.MAXIMAL_UPDATE_RATE,
            axis,
            _CHAIN,
            regimes[axis],
            citation,
            controls[axis],
        )
        for axis, power in powers.items()
    )


def _residual_blocks() -> Prediction:
    """B4, read for one-layer pre-activation blocks and L = K blocks."""
    he = replace(_BLOCKS, parameterization=mup().in_variance_convention())
    return exponent_claim(
        "B4.rate.depth.one-layer-blocks",
        "In residual networks of one-layer pre-activation blocks with residual-aware "
        "initialization, the maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        _BLOCKS,
        _BLOCKS_DEPTH,
        sources.arithmetic_mean_mup(
            "abstract: standard residual networks; read with L the number of blocks"
        ),
        (Control("He initialization without the factor 1/K", he),),
        published="-3/2",
        rival_control=Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup())),
    )


PREDICTIONS: tuple[Prediction, ...] = (_residual_blocks(), *_chains())
