"""Claims C1, B4 to B6 and B12: how the maximal-update learning rate falls with depth.

Sources: arXiv 2305.07810 (chains), arXiv 2510.04327 (residual networks). Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import BlockForm, Role, chain, residual
from theory.catalogue import sources
from theory.catalogue.statements import (
    AT_INITIALIZATION,
    EXPONENT_MARGIN,
    EXPONENT_REASON,
    FIRST_STEP,
    curve_claim,
    exponent_claim,
)
from theory.exact.propagation import forward_second_moment
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Parameterization, RoleScaling
from theory.prediction import Control, Grid, Prediction, Regime, product, ray
from theory.presets import am_mup, depth_mup, mup
from theory.relations import ExponentsEqual
from theory.scaling import Axis, Power

_CHAIN = Setting(chain(), am_mup(), FIRST_STEP)
_BLOCKS = Setting(replace(residual(1), variance_factor=Fraction(2)), am_mup(), FIRST_STEP)
_BLOCKS_AS_CONTROL = Control("residual blocks of one layer", _BLOCKS)
_PER_LAYER = (Power(depth=-1),)

# Chains fluctuate, and are biased, in L/n: along n = 16 L both stay constant, and every remaining
# finite-size term is one in 1/L.
_CHAIN_DEPTH = Regime(
    Grid(ray(16, (1, 2, 4, 8, 16)), 400, 64),
    Grid(ray(16, (1, 2, 4, 8, 16, 32)), 192, 48),
    _PER_LAYER,
    Grid(ray(16, (4, 8, 16, 32, 64, 128, 256)), 64, 16),
)
_CHAIN_WIDTH = Regime(
    Grid(product((64, 128, 256, 512), (4,)), 64, 32),
    Grid(product((128, 256, 512, 1024), (4,)), 96, 48),
    full=Grid(product((512, 1024, 2048, 4096), (16,)), 96, 48),
)
_BLOCKS_DEPTH = Regime(
    Grid(product((64,), (2, 4, 8, 16, 32, 64)), 192, 48),
    Grid(product((128,), (2, 4, 8, 16, 32, 64)), 256, 64),
    _PER_LAYER,
)
# At c = 2 and one layer, q_L = (1 + 1/L)^L moves the exponent by a fortieth from L = 8 on; the
# control, 2^L, leaves the range of float32 behind L = 64.
_FORWARD_DEPTH = Regime(
    Grid(product((128,), (8, 16, 32, 64)), 64, 8),
    Grid(product((256,), (8, 16, 32, 64)), 64, 8),
)
_FORWARD_WIDTH = Regime(None, Grid(product((64, 128, 256, 512), (16,)), 96, 24))
_FORWARD_VALUES = Regime(None, Grid(product((256,), (4, 16, 64)), 512, 64))
_STANDARD_BLOCKS = sources.arithmetic_mean_mup(
    "abstract: standard residual networks; read with L the number of blocks"
)


def wide_readout() -> Parameterization:
    """Entries of order n^-1/2 instead of n^-1 in the readout: not a mean-field output any more."""
    readout = RoleScaling(std=Power(width="-1/2"), rate=Power(width=-1))
    return am_mup().changed("am_mup with output entries n^-1/2", {Role.OUTPUT: readout})


def _chains() -> tuple[Prediction, ...]:
    """C1: eta* of a ReLU chain goes as L^-3/2 and does not depend on n."""
    wide = wide_readout()
    citation = sources.depth_dependence_of_mup(
        "main theorem: the maximal-update rate of ReLU MLPs (every layer bounded; here their mean)"
    )
    controls = {
        Axis.DEPTH: (
            Control("Var W = 1/fan_in instead of 2/fan_in", replace(_CHAIN, architecture=chain(1))),
            _BLOCKS_AS_CONTROL,
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
    return exponent_claim(
        "B4.rate.depth.one-layer-blocks",
        "In residual networks of one-layer pre-activation blocks with residual-aware "
        "initialization, the maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        _BLOCKS,
        _BLOCKS_DEPTH,
        _STANDARD_BLOCKS,
        (he_initialized(_BLOCKS),),
        published="-3/2",
        rival_control=Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup())),
    )


def he_initialized(setting: Setting) -> Control:
    """A control: signals grow by a factor with each block."""
    he = replace(setting, parameterization=mup().in_variance_convention())
    return Control("He initialization without the factor 1/K", he)


def _other_blocks() -> tuple[Prediction, ...]:
    """B4 in other blocks. The minimal depth is m K and a constant: it has the power of K.

    Blocks of one layer that end with an uncentred activation are in ``other_readings``: their means
    add up, and the rate follows no power.
    """
    blocks = (
        ("one-layer-post-centred", 1, BlockForm.POST_ACTIVATION_CENTRED, "one post-activation"),
        ("two-layer", 2, BlockForm.PRE_ACTIVATION, "two pre-activation"),
        ("two-layer-post", 2, BlockForm.POST_ACTIVATION, "two post-activation"),
        ("two-layer-post-centred", 2, BlockForm.POST_ACTIVATION_CENTRED, "two post-activation"),
    )
    predictions = []
    for name, layers, form, what in blocks:
        centred = ", centred" if form is BlockForm.POST_ACTIVATION_CENTRED else ""
        architecture = replace(residual(layers, form=form), variance_factor=Fraction(2))
        setting = replace(_BLOCKS, architecture=architecture)
        predictions.append(
            exponent_claim(
                f"B4.rate.depth.{name}",
                f"In residual networks whose blocks have {what} layer(s){centred}, with "
                "residual-aware initialization, the maximal-update learning rate goes as L^-3/2.",
                Observable.MAXIMAL_UPDATE_RATE,
                Axis.DEPTH,
                setting,
                replace(_BLOCKS_DEPTH, quick=None),
                _STANDARD_BLOCKS,
                (he_initialized(setting),),
                published="-3/2",
            )
        )
    return tuple(predictions)


def _robust_in_width() -> tuple[Prediction, ...]:
    """B5: the exponent of n is 0 (of chains it is C1's), and that of L is the same at any n.

    Chains are biased in L/n: along a ray that bias cancels, at one width it does not. Both are
    readings of the claim. From 4 to 32 layers of n = 128 the bias was found to be that of the
    margin (+0.02, +0.05 and +0.2 from one doubling to the next), and open with eleven seeds. So
    narrower and wider chains were tried, which by L/n were expected to be beyond it, and within;
    and then those of n = 128 to an eighth of the width, and behind it, with the same expectation.
    """
    wide, where = wide_readout(), sources.arithmetic_mean_mup("the law is robust in width")
    rate = exponent_claim(
        "B5.rate.width.one-layer-blocks",
        "In residual networks of one-layer pre-activation blocks with residual-aware "
        "initialization, the maximal-update learning rate does not depend on n.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.WIDTH,
        _BLOCKS,
        replace(_CHAIN_WIDTH, quick=None),
        where,
        (Control(wide.name, replace(_BLOCKS, parameterization=wide)),),
    )
    moved = Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup()))
    kinds = (
        (
            "chains",
            "ReLU chains along n = 16 L",
            _CHAIN,
            ray(16, (4, 8, 16, 32)),
            _BLOCKS_AS_CONTROL,
        ),
        *(
            (
                f"chains-of-width-{name}",
                f"ReLU chains of one width, n = {width}, from {depths[0]} to {depths[-1]} layers",
                _CHAIN,
                product((width,), depths),
                _BLOCKS_AS_CONTROL,
            )
            for name, width, depths in (
                ("64", 64, (4, 8, 16, 32)),
                ("128.shallow", 128, (4, 8, 16)),
                ("128.deep", 128, (16, 32, 64)),
                ("256", 256, (4, 8, 16, 32)),
            )
        ),
        (
            "one-layer-blocks",
            "residual networks of one-layer blocks of one width",
            _BLOCKS,
            product((128,), (4, 8, 16, 32, 64)),
            moved,
        ),
    )
    deep = {
        "chains": Grid(ray(16, (16, 64, 256)), 64, 16),
        "one-layer-blocks": Grid(product((4096,), (16, 64, 256)), 24, 8),
    }
    exponents = (
        Prediction(
            id=f"B5.exponent.depth.{name}",
            sentence=f"In {what} the maximal-update learning rate has the same exponent of depth "
            "as in networks four times as wide.",
            observable=Observable.MAXIMAL_UPDATE_RATE,
            relation=ExponentsEqual(Axis.DEPTH, setting, "stated by the source", wider=4),
            setting=setting,
            regime=Regime(None, Grid(cells, 192, 48), (), deep.get(name)),
            margin=EXPONENT_MARGIN,
            margin_reason=EXPONENT_REASON,
            citation=where,
            controls=(control,),
        )
        for name, what, setting, cells, control in kinds
    )
    return (rate, *exponents)


def _last_layer() -> tuple[Prediction, ...]:
    """B6: the change of the last layer alone has the power that the mean over layers implies."""
    return tuple(
        exponent_claim(
            f"B6.last-layer.depth.{name}",
            f"In {what}, the first-step change of the last layer goes as L^{power}, the inverse of "
            "the rate that the mean over layers allows.",
            Observable.STREAM_CHANGE,
            Axis.DEPTH,
            setting,
            replace(regime, quick=None),
            sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer"),
            (control,),
        )
        for name, what, power, setting, regime, control in (
            (
                "chains",
                "ReLU chains",
                "3/2",
                _CHAIN,
                _CHAIN_DEPTH,
                _BLOCKS_AS_CONTROL,
            ),
            (
                "one-layer-blocks",
                "residual networks of one-layer blocks",
                "1",
                _BLOCKS,
                _BLOCKS_DEPTH,
                Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup())),
            ),
        )
    )


def _forward() -> tuple[Prediction, ...]:
    """B12: A1's relations in the variance convention."""
    citation = sources.arithmetic_mean_mup("residual-aware He fan-in keeps the forward pass stable")
    predictions = []
    for layers in (1, 2):
        architecture = replace(residual(layers), variance_factor=Fraction(2))
        setting = Setting(architecture, am_mup(), AT_INITIALIZATION)
        shape = f"With Var W = c/(K fan_in) in blocks of {layers} layer(s)"
        larger = replace(architecture, variance_factor=Fraction(5, 2))
        predictions += [
            exponent_claim(
                f"B12.forward.{axis}.m-{layers}",
                f"{shape}, the second moment of h_L does not change with {axis}.",
                Observable.FORWARD_SECOND_MOMENT,
                axis,
                setting,
                regime,
                citation,
                (control,),
            )
            for axis, regime, control in (
                (Axis.DEPTH, _FORWARD_DEPTH, he_initialized(setting)),
                (Axis.WIDTH, _FORWARD_WIDTH, _growing_with_width(setting)),
            )
        ]
        predictions.append(
            curve_claim(
                f"B12.forward.value.m-{layers}",
                f"{shape}, the second moment of h_L is that of the exact recursion at every depth.",
                Observable.FORWARD_SECOND_MOMENT,
                forward_second_moment,
                setting,
                _FORWARD_VALUES,
                "an eighth of what a variance factor wrong by a quarter would cause",
                citation,
                (
                    Control(
                        "c = 5/2 against the recursion at c = 2",
                        replace(setting, architecture=larger),
                    ),
                ),
            )
        )
    return tuple(predictions)


def _growing_with_width(setting: Setting) -> Control:
    """Last matrices of branches with entries n^1/4 larger."""
    usual = setting.parameterization
    last = usual[Role.BRANCH_LAST]
    larger = replace(last, std=last.std * Power(width="1/4"))
    wrong = usual.changed(f"{usual.name} with branches times n^1/4", {Role.BRANCH_LAST: larger})
    return Control(wrong.name, replace(setting, parameterization=wrong))


PREDICTIONS: tuple[Prediction, ...] = (
    _residual_blocks(),
    *_other_blocks(),
    *_robust_in_width(),
    *_last_layer(),
    *_forward(),
    *_chains(),
)
