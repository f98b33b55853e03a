"""Claims B4 and B6 as their words can be read as well; in the full profile.

B4 in blocks of vectors to 256 of them, with depth as a count of layers and not of blocks, and in
the one kind of block of which power counting says nothing; and B6 as a statement about two
exponents of the same networks. (The other reading of B9 is in ``one_pass_training``.) Source: arXiv
2510.04327. Imports ``theory`` only.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, BlockForm, chain, residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    CONV_CHAIN,
    EXPONENT_MARGIN,
    EXPONENT_REASON,
    FIRST_STEP,
    altered,
    another_power,
    conv_blocks,
    he_initialized,
    one_step,
)
from theory.catalogue.statements import exponent_claim, stated
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product, ray
from theory.relations import ExponentOfCurve
from theory.scaling import Axis, Cell


def _full(cells: tuple[Cell, ...], replicates: int, controls: int) -> Regime:
    return Regime(full=Grid(cells, replicates, controls))


def _vectors(architecture: Architecture) -> Setting:
    """The first step of a network of vectors, at c = 2."""
    return one_step(replace(architecture, variance_factor=Fraction(2)), FIRST_STEP)


_BLOCK_DEPTHS = (8, 16, 32, 64, 128)
_ONE_LAYER, _TWO_LAYERS = _vectors(residual(1)), _vectors(residual(2))
_CONV, _CONV_MLP = one_step(conv_blocks(1)), one_step(conv_blocks(2))


def law_of_layers(
    architecture: Architecture, _parameterization: Parameterization, cell: Cell
) -> float:
    """L^-3/2 with L the number of pre-activations on the longest path, m K + 1.

    The reading of arXiv 2510.04327's minimal depth that gives chains their L.
    """
    layers: float = architecture.layers_per_block * cell.depth + 1
    return math.pow(layers, -1.5)


def _counted_by_layers(id: str, twin: str, what: str, setting: Setting) -> Prediction:
    """B4 with the other count of depth, to which a constant belongs.

    Where depth is read as the number of blocks, a power has no constant, and is stated: that is the
    twin.
    """
    return Prediction(
        id=id,
        sentence=f"In residual networks of {what}, the maximal-update learning rate goes as "
        "L^-3/2 with L = m K + 1, the pre-activations of K blocks of m layers and the input's: "
        "measured over that law goes as K^0.",
        observable=Observable.MAXIMAL_UPDATE_RATE,
        relation=ExponentOfCurve(Axis.DEPTH, law_of_layers),
        setting=setting,
        regime=_full(product((64,), _BLOCK_DEPTHS), 48, 12),
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.arithmetic_mean_mup("abstract: L the minimal depth"),
        controls=(another_power(setting),),
        standing=Standing.READING,
        twin=twin,
    )


def _deep_blocks(id: str, what: str, setting: Setting) -> Prediction:
    """B4 in blocks of vectors beyond the 64 that the controls of the other profiles can bear."""
    return exponent_claim(
        id,
        f"In residual networks of 8 to 256 blocks of {what}, with residual-aware "
        "initialization, the maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        setting,
        _full(product((256,), (*_BLOCK_DEPTHS, 256)), 96, 24),
        sources.arithmetic_mean_mup("abstract: standard residual networks, L blocks"),
        (another_power(setting),),
        Standing.STATED,
        claimed=stated(Axis.DEPTH, "-3/2"),
    )


def _uncentred() -> Prediction:
    """B4 in the one kind of block for which power counting refuses to answer.

    The means of what the blocks add are alike, and add up: signals grow as exp((K / pi)^1/2).
    """
    architecture = residual(1, form=BlockForm.POST_ACTIVATION)
    setting = _vectors(architecture)
    return Prediction(
        id="B4.rate.depth.one-layer-post",
        sentence="In residual networks whose blocks have one post-activation layer, not centred, "
        "with residual-aware initialization, the maximal-update learning rate goes as L^-3/2.",
        observable=Observable.MAXIMAL_UPDATE_RATE,
        relation=stated(Axis.DEPTH, "-3/2"),
        setting=setting,
        regime=_full(product((64,), (4, 8, 16, 32, 64)), 48, 12),
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.arithmetic_mean_mup("abstract: standard residual networks"),
        controls=(another_power(_ONE_LAYER),),
        standing=Standing.STATED,
    )


def _ratio(
    id: str, what: str, setting: Setting, cells: tuple[Cell, ...], control: Control
) -> Prediction:
    """B6: one exponent, measured in the mean over layers and in the last one, of each network.

    In convolutional chains the exact recursion has 1.68 for the last layer and -1.50 for the rate
    over 2 to 32 layers; from 32 to 128 its ratio has 0.05, and 0.03. In the controls signals shrink
    or grow by a factor with each layer, and one end of the network leads.
    """
    return exponent_claim(
        id,
        f"In {what}, the first-step change of the last layer has the exponent of depth of the "
        "root mean square over layers: their ratio goes as L^0.",
        Observable.LAST_LAYER_RATIO,
        Axis.DEPTH,
        setting,
        _full(cells, 96, 24),
        sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer"),
        (control,),
        Standing.STATED,
    )


def _thinner(setting: Setting, factor: str) -> Control:
    name = f"Var W = {factor}/fan_in instead of 2/fan_in"
    return Control(name, altered(setting, variance_factor=Fraction(factor)))


def _ratio_in_blocks(id: str, what: str, setting: Setting) -> Prediction:
    cells = product((64,), (4, 8, 16, 32, 64))
    return _ratio(id, what, setting, cells, he_initialized(setting))


_CHAIN = _vectors(chain())
_POST, _CENTRED = BlockForm.POST_ACTIVATION, BlockForm.POST_ACTIVATION_CENTRED

PREDICTIONS: tuple[Prediction, ...] = (
    _deep_blocks("B4.rate.depth.one-layer-blocks.deep", "one pre-activation layer", _ONE_LAYER),
    _deep_blocks(
        "B4.rate.depth.one-layer-post-centred.deep",
        "one post-activation layer, centred",
        _vectors(residual(1, form=_CENTRED)),
    ),
    _deep_blocks("B4.rate.depth.two-layer.deep", "two pre-activation layers", _TWO_LAYERS),
    _deep_blocks(
        "B4.rate.depth.two-layer-post.deep",
        "two post-activation layers",
        _vectors(residual(2, form=_POST)),
    ),
    _deep_blocks(
        "B4.rate.depth.two-layer-post-centred.deep",
        "two post-activation layers, centred",
        _vectors(residual(2, form=_CENTRED)),
    ),
    _counted_by_layers(
        "B4.rate.layers.one-layer-blocks",
        "B4.rate.depth.one-layer-blocks",
        "one-layer blocks",
        _ONE_LAYER,
    ),
    _counted_by_layers(
        "B4.rate.layers.two-layer-blocks",
        "B4.rate.depth.two-layer",
        "two-layer blocks",
        _TWO_LAYERS,
    ),
    _counted_by_layers(
        "B4.rate.layers.conv", "B4.rate.depth.conv", "blocks of one convolution", _CONV
    ),
    _counted_by_layers(
        "B4.rate.layers.conv-mlp",
        "B4.rate.depth.conv-mlp",
        "blocks of a convolution and an MLP layer",
        _CONV_MLP,
    ),
    _uncentred(),
    _ratio(
        "B6.ratio.depth.chains",
        "ReLU chains",
        _CHAIN,
        ray(16, (4, 8, 16, 32)),
        _thinner(_CHAIN, "1"),
    ),
    _ratio(
        "B6.ratio.depth.conv-chains",
        "convolutional ReLU chains",
        CONV_CHAIN,
        ray(16, (2, 4, 8, 16, 32)),
        _thinner(CONV_CHAIN, "1"),
    ),
    _ratio(
        "B6.ratio.depth.chains.deep",
        "ReLU chains of 16 to 128 layers",
        _CHAIN,
        ray(16, (16, 32, 64, 128)),
        _thinner(_CHAIN, "7/4"),
    ),
    _ratio(
        "B6.ratio.depth.conv-chains.deep",
        "convolutional ReLU chains of 32 to 128 layers",
        CONV_CHAIN,
        ray(16, (32, 64, 128)),
        _thinner(CONV_CHAIN, "7/4"),
    ),
    _ratio_in_blocks("B6.ratio.depth.one-layer-blocks", "one-layer blocks", _ONE_LAYER),
    _ratio_in_blocks("B6.ratio.depth.two-layer-blocks", "two-layer blocks", _TWO_LAYERS),
    _ratio_in_blocks("B6.ratio.depth.conv", "blocks of one convolution", _CONV),
    _ratio_in_blocks(
        "B6.ratio.depth.conv-mlp", "blocks of a convolution and an MLP layer", _CONV_MLP
    ),
)
