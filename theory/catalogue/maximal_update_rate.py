"""Claims C1, B4 to B6 and B12: how the maximal-update learning rate falls with depth.

Sources: arXiv 2305.07810 (chains), arXiv 2510.04327 (residual networks). Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, BlockForm, Role, chain, residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    AT_INITIALIZATION,
    BY_THE_SOURCE,
    FIRST_STEP,
    half_variance,
    he_initialized,
    one_step,
    wide_readout,
)
from theory.catalogue.statements import curve_claim, exponent_claim, paired_claim, stated
from theory.exact.propagation import forward_second_moment
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product, ray
from theory.presets import depth_mup
from theory.relations import ExponentsEqual
from theory.scaling import Axis, Cell, Power

_PER_LAYER = (Power(depth=-1),)

# Chains fluctuate, and are biased, in L/n: along n = 16 L both stay constant, and every remaining
# finite-size term is one in 1/L.
_CHAIN_DEPTH = Regime(
    quick=Grid(ray(16, (1, 2, 4, 8, 16)), 400, 64),
    standard=Grid(ray(16, (1, 2, 4, 8, 16, 32)), 192, 48),
    full=Grid(ray(16, (4, 8, 16, 32, 64, 128, 256)), 64, 16),
    corrections=_PER_LAYER,
)
_CHAIN_WIDTH = Regime(
    quick=Grid(product((64, 128, 256, 512), (4,)), 64, 32),
    standard=Grid(product((128, 256, 512, 1024), (4,)), 96, 48),
    full=Grid(product((512, 1024, 2048, 4096), (16,)), 96, 48),
)
_BLOCKS_DEPTH = Regime(
    quick=Grid(product((64,), (2, 4, 8, 16, 32, 64)), 192, 48),
    standard=Grid(product((128,), (2, 4, 8, 16, 32, 64)), 256, 64),
    corrections=_PER_LAYER,
)
_BLOCKS_DEPTH_STANDARD = replace(_BLOCKS_DEPTH, quick=None)
# At c = 2 and one layer, q_L = (1 + 1/L)^L moves the exponent by a fortieth from L = 8 on; the
# control, 2^L, leaves the range of float32 behind L = 64.
_FORWARD_DEPTH = Regime(
    quick=Grid(product((128,), (8, 16, 32, 64)), 64, 8),
    standard=Grid(product((256,), (8, 16, 32, 64)), 64, 8),
)
_FORWARD_WIDTH = Regime(standard=Grid(product((64, 128, 256, 512), (16,)), 96, 24))
_FORWARD_VALUES = Regime(standard=Grid(product((256,), (4, 16, 64)), 512, 64))


def _of_blocks(layers: int, form: BlockForm = BlockForm.PRE_ACTIVATION) -> Architecture:
    """Residual networks at c = 2."""
    return replace(residual(layers, form=form), variance_factor=Fraction(2))


_CHAIN = one_step(chain(), FIRST_STEP)
_BLOCKS = one_step(_of_blocks(1), FIRST_STEP)
_BLOCKS_AS_CONTROL = Control("residual blocks of one layer", _BLOCKS)
# In blocks of one layer depth-muP's update rate goes as L^0, and its change of the stream as well.
_DEPTH_MUP = Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup()))


def _with_wide_readout(setting: Setting) -> Control:
    wide = wide_readout()
    return Control(wide.name, replace(setting, parameterization=wide))


def _chain(
    id: str, axis: Axis, power: str, regime: Regime, controls: tuple[Control, ...]
) -> Prediction:
    """C1: eta* of a ReLU chain goes as L^-3/2 and does not depend on n."""
    return exponent_claim(
        id,
        "In a ReLU chain with mean-field output, the maximal-update learning rate goes as "
        f"{power}.",
        Observable.MAXIMAL_UPDATE_RATE,
        axis,
        _CHAIN,
        regime,
        sources.depth_dependence_of_mup(
            "main theorem: the maximal-update rate of ReLU MLPs (every layer bounded; here their "
            "mean)"
        ),
        controls,
        Standing.STATED,
    )


_STANDARD_BLOCKS = sources.arithmetic_mean_mup(
    "abstract: standard residual networks; read with L the number of blocks"
)


def _one_layer_blocks() -> Prediction:
    """B4, for one-layer pre-activation blocks and L = K blocks."""
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
        Standing.STATED,
        claimed=stated(Axis.DEPTH, "-3/2"),
        rival_control=_DEPTH_MUP,
    )


def _other_blocks(id: str, what: str, layers: int, form: BlockForm) -> Prediction:
    """B4 in other blocks. The minimal depth is m K and a constant: it has the power of K.

    Blocks of one layer that end with an uncentred activation are in ``other_readings``: their means
    add up, and the rate follows no power.
    """
    setting = one_step(_of_blocks(layers, form), FIRST_STEP)
    return exponent_claim(
        id,
        f"In residual networks whose blocks have {what}, with "
        "residual-aware initialization, the maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        setting,
        _BLOCKS_DEPTH_STANDARD,
        _STANDARD_BLOCKS,
        (he_initialized(setting),),
        Standing.STATED,
        claimed=stated(Axis.DEPTH, "-3/2"),
    )


_ROBUST_IN_WIDTH = "the law is robust in width"


def _any_width() -> Prediction:
    """B5: the exponent of n is 0 (of chains it is C1's)."""
    return exponent_claim(
        "B5.rate.width.one-layer-blocks",
        "In residual networks of one-layer pre-activation blocks with residual-aware "
        "initialization, the maximal-update learning rate does not depend on n.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.WIDTH,
        _BLOCKS,
        replace(_CHAIN_WIDTH, quick=None),
        sources.arithmetic_mean_mup(_ROBUST_IN_WIDTH),
        (_with_wide_readout(_BLOCKS),),
        Standing.STATED,
    )


def _four_times_as_wide(
    id: str,
    what: str,
    setting: Setting,
    cells: tuple[Cell, ...],
    control: Control,
    full: Grid | None = None,
) -> Prediction:
    """B5: the exponent of L is the same at any n.

    Chains are biased in L/n: along a ray that bias cancels, at one width it does not. Both are
    tried. From 4 to 32 layers of n = 128 the bias is that of the margin: of the narrower and wider
    chains beside it the former are beyond it by their L/n, and the latter within; and so are those
    of n = 128 behind an eighth of the width, and up to it.
    """
    return paired_claim(
        id,
        f"In {what} the maximal-update learning rate has the same exponent of depth "
        "as in networks four times as wide.",
        setting,
        ExponentsEqual(Axis.DEPTH, setting, BY_THE_SOURCE, wider=4),
        Regime(standard=Grid(cells, 192, 48), full=full),
        _ROBUST_IN_WIDTH,
        control,
        Standing.STATED,
    )


def _of_one_width(id: str, width: int, depths: tuple[int, ...]) -> Prediction:
    return _four_times_as_wide(
        id,
        f"ReLU chains of one width, n = {width}, from {depths[0]} to {depths[-1]} layers",
        _CHAIN,
        product((width,), depths),
        _BLOCKS_AS_CONTROL,
    )


def _last_layer(
    id: str, what: str, power: str, setting: Setting, regime: Regime, control: Control
) -> Prediction:
    """B6: the change of the last layer alone has the power that the mean over layers implies."""
    return exponent_claim(
        id,
        f"In {what}, the first-step change of the last layer goes as L^{power}, the inverse of "
        "the rate that the mean over layers allows.",
        Observable.STREAM_CHANGE,
        Axis.DEPTH,
        setting,
        replace(regime, quick=None),
        sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer"),
        (control,),
        Standing.STATED,
    )


_FORWARD_IS_STABLE = sources.arithmetic_mean_mup(
    "residual-aware He fan-in keeps the forward pass stable"
)


def _forward(id: str, axis: Axis, layers: int) -> Prediction:
    """B12: A1's relations in the variance convention."""
    setting = one_step(_of_blocks(layers), AT_INITIALIZATION)
    along_depth = axis is Axis.DEPTH
    return exponent_claim(
        id,
        f"With Var W = c/(K fan_in) in blocks of {layers} layer(s), the second moment of h_L does "
        f"not change with {axis}.",
        Observable.FORWARD_SECOND_MOMENT,
        axis,
        setting,
        _FORWARD_DEPTH if along_depth else _FORWARD_WIDTH,
        _FORWARD_IS_STABLE,
        (he_initialized(setting) if along_depth else _growing_with_width(setting),),
        Standing.STATED,
    )


def _growing_with_width(setting: Setting) -> Control:
    """Last matrices of branches with entries n^1/4 larger."""
    usual = setting.parameterization
    last = usual[Role.BRANCH_LAST]
    larger = replace(last, std=last.std * Power(width="1/4"))
    wrong = usual.changed(f"{usual.name} with branches times n^1/4", {Role.BRANCH_LAST: larger})
    return Control(wrong.name, replace(setting, parameterization=wrong))


def _forward_value(id: str, layers: int) -> Prediction:
    """The exact value of the same moment, of which the source says only that it is stable."""
    setting = one_step(_of_blocks(layers), AT_INITIALIZATION)
    larger = replace(setting.architecture, variance_factor=Fraction(5, 2))
    return curve_claim(
        id,
        f"With Var W = c/(K fan_in) in blocks of {layers} layer(s), the second moment of h_L is "
        "that of the exact recursion at every depth.",
        Observable.FORWARD_SECOND_MOMENT,
        forward_second_moment,
        setting,
        _FORWARD_VALUES,
        "an eighth of what a variance factor wrong by a quarter would cause",
        _FORWARD_IS_STABLE,
        (Control("c = 5/2 against the recursion at c = 2", replace(setting, architecture=larger)),),
        Standing.PROJECT,
    )


_POST, _CENTRED = BlockForm.POST_ACTIVATION, BlockForm.POST_ACTIVATION_CENTRED

PREDICTIONS: tuple[Prediction, ...] = (
    _one_layer_blocks(),
    _other_blocks(
        "B4.rate.depth.one-layer-post-centred", "one post-activation layer(s), centred", 1, _CENTRED
    ),
    _other_blocks(
        "B4.rate.depth.two-layer", "two pre-activation layer(s)", 2, BlockForm.PRE_ACTIVATION
    ),
    _other_blocks("B4.rate.depth.two-layer-post", "two post-activation layer(s)", 2, _POST),
    _other_blocks(
        "B4.rate.depth.two-layer-post-centred", "two post-activation layer(s), centred", 2, _CENTRED
    ),
    _any_width(),
    _four_times_as_wide(
        "B5.exponent.depth.chains",
        "ReLU chains along n = 16 L",
        _CHAIN,
        ray(16, (4, 8, 16, 32)),
        _BLOCKS_AS_CONTROL,
        full=Grid(ray(16, (16, 64, 256)), 64, 16),
    ),
    _of_one_width("B5.exponent.depth.chains-of-width-64", 64, (4, 8, 16, 32)),
    _of_one_width("B5.exponent.depth.chains-of-width-128.shallow", 128, (4, 8, 16)),
    _of_one_width("B5.exponent.depth.chains-of-width-128.deep", 128, (16, 32, 64)),
    _of_one_width("B5.exponent.depth.chains-of-width-256", 256, (4, 8, 16, 32)),
    _four_times_as_wide(
        "B5.exponent.depth.one-layer-blocks",
        "residual networks of one-layer blocks of one width",
        _BLOCKS,
        product((128,), (4, 8, 16, 32, 64)),
        _DEPTH_MUP,
        full=Grid(product((4096,), (16, 64, 256)), 24, 8),
    ),
    _last_layer(
        "B6.last-layer.depth.chains",
        "ReLU chains",
        "3/2",
        _CHAIN,
        _CHAIN_DEPTH,
        _BLOCKS_AS_CONTROL,
    ),
    _last_layer(
        "B6.last-layer.depth.one-layer-blocks",
        "residual networks of one-layer blocks",
        "1",
        _BLOCKS,
        _BLOCKS_DEPTH,
        _DEPTH_MUP,
    ),
    _forward("B12.forward.depth.m-1", Axis.DEPTH, 1),
    _forward("B12.forward.width.m-1", Axis.WIDTH, 1),
    _forward_value("B12.forward.value.m-1", 1),
    _forward("B12.forward.depth.m-2", Axis.DEPTH, 2),
    _forward("B12.forward.width.m-2", Axis.WIDTH, 2),
    _forward_value("B12.forward.value.m-2", 2),
    _chain(
        "C1.rate.depth",
        Axis.DEPTH,
        "L^-3/2",
        _CHAIN_DEPTH,
        (
            half_variance(_CHAIN),
            _BLOCKS_AS_CONTROL,
        ),
    ),
    _chain("C1.rate.width", Axis.WIDTH, "n^0", _CHAIN_WIDTH, (_with_wide_readout(_CHAIN),)),
)
