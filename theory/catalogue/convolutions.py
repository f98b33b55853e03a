"""Claims B1 to B6 and B12 in convolutional networks: the rate at which S(eta*) = 1.

What an exact recursion says of chains is the subject of ``exact_convolutions``.

Source: arXiv 2510.04327. One image per network: S is an average over networks and positions, and
its powers do not depend on the batch. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace

from theory.architecture import Architecture, BlockForm
from theory.catalogue import sources
from theory.catalogue.settings import (
    AT_INITIALIZATION,
    BY_THE_SOURCE,
    CONV_CHAIN,
    IMAGE_CHAINS,
    IMAGE_CHAINS_OF_WIDE_WINDOWS,
    IN_CONV_BLOCKS,
    LINE,
    OURS,
    SQUARE,
    SQUARE_IMAGE_CHAINS,
    altered,
    another_power,
    conv_blocks,
    half_variance,
    he_initialized,
    one_step,
    wide_readout,
)
from theory.catalogue.statements import exponent_claim, paired_claim, stated
from theory.convolution import Convolution, Padding
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product, ray
from theory.presets import depth_mup
from theory.relations import ExponentsEqual, SettingsEqual
from theory.scaling import Axis

_QUICK_TOO = replace(IMAGE_CHAINS, quick=Grid(ray(16, (2, 4, 8, 16)), 384, 96))
# Tried where power counting is known to speak for the others, and for the full profile's time.
_IN_MORE_BLOCKS = Regime(full=Grid(product((64,), (8, 16, 32, 64, 128)), 96, 24))
_IN_SQUARE_BLOCKS = Regime(full=Grid(product((64,), (8, 16, 32, 64, 128)), 48, 12))
_SHALLOW = Regime(standard=Grid(ray(16, (4, 8, 16)), 32, 16))
_SHALLOW_FULL = Regime(full=_SHALLOW.standard)
_DEEPER = Regime(standard=Grid(ray(16, (4, 8, 16, 32)), 64, 16))
_IN_WIDTH = Regime(standard=Grid(product((64, 128, 256, 512), (4,)), 128, 32))
_FORWARD = Regime(standard=Grid(product((64,), (8, 16, 32, 64)), 64, 16))

_BLOCKS = one_step(conv_blocks(1))
_BLOCKS_AS_CONTROL = Control("residual blocks of one convolution", _BLOCKS)


def _chain(id: str, convolution: Convolution, regime: Regime) -> Prediction:
    """B1 and B2."""
    setting = altered(CONV_CHAIN, convolution=convolution)
    return exponent_claim(
        id,
        f"In convolutional ReLU chains with mean-field output ({convolution}), the "
        "maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        setting,
        regime,
        sources.arithmetic_mean_mup(f"abstract: {convolution.dimensions}-D convolutional networks"),
        (half_variance(setting),),
        Standing.STATED,
    )


_CONSTANTS_ONLY = "zero padding changes constants only, when N >> k"


def _padded(positions: int) -> tuple[Setting, Setting]:
    """A chain with zero padding, and the same with circular padding."""
    circular = replace(LINE, side=positions)
    padded = replace(circular, padding=Padding.ZERO)
    return altered(CONV_CHAIN, convolution=padded), altered(CONV_CHAIN, convolution=circular)


def _same_exponent(id: str, positions: int, deepest: int, regime: Regime) -> Prediction:
    """B3: zero padding leaves the exponent of depth.

    Second moments walk by (k^2 - 1)/12 in the mean square with each layer, and are lost at the two
    ends: a part of order k sqrt(L) / N while that is small, and all but exp(-pi^2 (k^2 - 1) L /
    (24 N^2)) behind. How large N must be depends on the depth.
    """
    zero, circular = _padded(positions)
    return paired_claim(
        id,
        f"In convolutional chains of 4 to {deepest} layers on {positions} positions, the "
        "maximal-update learning rate has the same exponent of depth with zero and with "
        "circular padding.",
        zero,
        ExponentsEqual(Axis.DEPTH, circular, BY_THE_SOURCE),
        regime,
        _CONSTANTS_ONLY,
        half_variance(zero),
        Standing.STATED,
    )


def _same_rate(id: str, positions: int, regime: Regime) -> Prediction:
    """More than B3, which allows for another constant: for large N the rate itself is the same.

    By theory the ratio is beyond a tenth at 16 layers for N = 32, a third, and within for N = 256,
    a twentieth.
    """
    zero, circular = _padded(positions)
    return paired_claim(
        id,
        f"In convolutional chains of 4 to 16 layers on {positions} positions, the "
        "maximal-update learning rate is the same with zero and with circular padding, "
        "within a tenth.",
        zero,
        SettingsEqual(Axis.DEPTH, circular, OURS),
        regime,
        _CONSTANTS_ONLY,
        half_variance(zero),
        Standing.PROJECT,
    )


def _padded_blocks() -> Prediction:
    """B3 in residual networks, where the source says nothing of padding."""
    padded = altered(_BLOCKS, convolution=replace(LINE, padding=Padding.ZERO))
    return paired_claim(
        "B3.rate.depth.one-layer-blocks",
        "In residual networks of one convolution a block, on 16 positions, the maximal-update "
        "learning rate has the same exponent of depth with zero and with circular padding.",
        padded,
        ExponentsEqual(Axis.DEPTH, _BLOCKS, OURS),
        IN_CONV_BLOCKS,
        _CONSTANTS_ONLY,
        Control("depth-muP", replace(padded, parameterization=depth_mup())),
        Standing.PROJECT,
    )


def _residual_network(
    id: str, what: str, architecture: Architecture, regime: Regime = IN_CONV_BLOCKS
) -> Prediction:
    """B4, blocks of a convolution and of a convolution + MLP.

    The depth is the number of blocks; ``other_readings`` counts layers. Blocks of one layer ending
    with an uncentred activation are tried there, of vectors.
    """
    setting = one_step(architecture)
    return exponent_claim(
        id,
        f"In residual networks with {what} in a block and residual-aware initialization, the "
        "maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        setting,
        regime,
        sources.arithmetic_mean_mup(
            "abstract: residual networks with general conv + MLP blocks, L the minimal depth"
        ),
        (another_power(setting),),
        Standing.STATED,
        claimed=stated(Axis.DEPTH, "-3/2"),
    )


def _forward() -> Prediction:
    """B12: the forward pass of blocks of one convolution."""
    initial = one_step(conv_blocks(1), AT_INITIALIZATION)
    return exponent_claim(
        "B12.forward.depth.conv",
        "With Var W = c/(K fan_in) in blocks of one convolution, the second moment of h_L does not "
        "change with depth.",
        Observable.FORWARD_SECOND_MOMENT,
        Axis.DEPTH,
        initial,
        _FORWARD,
        sources.arithmetic_mean_mup("residual-aware He fan-in keeps the forward pass stable"),
        (he_initialized(initial),),
        Standing.STATED,
    )


_ROBUST_IN_WIDTH = "the law is robust in width"


def _four_times_as_wide(
    id: str, what: str, setting: Setting, grid: Grid, control: Control
) -> Prediction:
    """B5: the exponent of depth is the same at any width."""
    return paired_claim(
        id,
        f"In {what} the maximal-update learning rate has the same exponent of depth as in "
        "networks four times as wide.",
        setting,
        ExponentsEqual(Axis.DEPTH, setting, BY_THE_SOURCE, wider=4),
        Regime(full=grid),
        _ROBUST_IN_WIDTH,
        control,
        Standing.STATED,
    )


def _any_width() -> Prediction:
    """B5: the rate does not depend on n."""
    wide = wide_readout()
    return exponent_claim(
        "B5.rate.width.conv-chains",
        "In convolutional ReLU chains, the maximal-update learning rate does not depend on n.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.WIDTH,
        CONV_CHAIN,
        _IN_WIDTH,
        sources.arithmetic_mean_mup(_ROBUST_IN_WIDTH),
        (Control(wide.name, replace(CONV_CHAIN, parameterization=wide)),),
        Standing.STATED,
    )


def _last_layer() -> Prediction:
    """B6: the last layer alone has the power that the mean over layers implies."""
    return exponent_claim(
        "B6.last-layer.depth.conv-chains",
        "In convolutional ReLU chains, the first-step change of the last layer goes as L^3/2, "
        "the inverse of the rate that the mean over layers allows.",
        Observable.STREAM_CHANGE,
        Axis.DEPTH,
        CONV_CHAIN,
        IMAGE_CHAINS,
        sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer"),
        (_BLOCKS_AS_CONTROL,),
        Standing.STATED,
    )


_POST, _CENTRED = BlockForm.POST_ACTIVATION, BlockForm.POST_ACTIVATION_CENTRED

PREDICTIONS: tuple[Prediction, ...] = (
    _chain("B1.rate.depth.kernel-3", LINE, _QUICK_TOO),
    _chain("B1.rate.depth.kernel-5", replace(LINE, kernel=5), IMAGE_CHAINS_OF_WIDE_WINDOWS),
    _chain("B2.rate.depth", SQUARE, SQUARE_IMAGE_CHAINS),
    _same_exponent("B3.rate.depth.positions-64", 64, 16, _SHALLOW),
    _same_exponent("B3.rate.depth.positions-16", 16, 32, _DEEPER),
    _same_rate("B3.ratio.positions-32", 32, _SHALLOW_FULL),
    _same_rate("B3.ratio.positions-128", 128, _SHALLOW),
    _same_rate("B3.ratio.positions-256", 256, _SHALLOW_FULL),
    _padded_blocks(),
    _residual_network("B4.rate.depth.conv", "one convolution", conv_blocks(1)),
    _residual_network(
        "B4.rate.depth.conv-2d",
        "one convolution (3x3)",
        replace(conv_blocks(1), convolution=SQUARE),
        _IN_SQUARE_BLOCKS,
    ),
    _residual_network("B4.rate.depth.conv-mlp", "a convolution and an MLP layer", conv_blocks(2)),
    _residual_network(
        "B4.rate.depth.conv-mlp-post",
        "a convolution and an MLP layer, each before its activation,",
        conv_blocks(2, _POST),
        _IN_MORE_BLOCKS,
    ),
    _residual_network(
        "B4.rate.depth.conv-post-centred",
        "one convolution, centred behind its activation,",
        conv_blocks(1, _CENTRED),
    ),
    _residual_network(
        "B4.rate.depth.conv-mlp-post-centred",
        "a convolution and an MLP layer, centred behind the last activation,",
        conv_blocks(2, _CENTRED),
    ),
    _forward(),
    _four_times_as_wide(
        "B5.exponent.depth.conv-chains",
        "convolutional ReLU chains along n = 16 L",
        CONV_CHAIN,
        Grid(ray(16, (4, 8, 16)), 128, 32),
        _BLOCKS_AS_CONTROL,
    ),
    _four_times_as_wide(
        "B5.exponent.depth.conv-blocks",
        "residual networks of one convolution a block, n = 64,",
        _BLOCKS,
        Grid(product((64,), (8, 16, 32, 64)), 64, 16),
        Control("depth-muP", replace(_BLOCKS, parameterization=depth_mup())),
    ),
    _any_width(),
    _last_layer(),
)
