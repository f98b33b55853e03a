"""Claims B4, B6 and B9 as their words can be read as well; in the full profile.

B4 in blocks of vectors to 256 of them, with depth as a count of layers and not of blocks, and in
the one kind of block of which power counting says nothing; B6 as a statement about two exponents of
the same networks; and B9's best rate by the loss of the batches that are learned. Source: arXiv
2510.04327. Imports ``theory`` only.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, BlockForm, chain, residual
from theory.catalogue import one_pass_training, sources
from theory.catalogue.convolutions import CONV_CHAIN, another_power, conv_blocks, one_step
from theory.catalogue.maximal_update_rate import he_initialized
from theory.catalogue.statements import (
    EXPONENT_MARGIN,
    EXPONENT_REASON,
    FIRST_STEP,
    exponent_claim,
    stated,
)
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.prediction import Control, Grid, Prediction, Regime, product, ray
from theory.relations import ExponentOfCurve
from theory.scaling import Axis, Cell


def _full(cells: tuple[Cell, ...], replicates: int, controls: int) -> Regime:
    return Regime(None, None, (), Grid(cells, replicates, controls))


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


def _counted_by_layers() -> tuple[Prediction, ...]:
    """B4 with the other count of depth, to which a constant belongs."""
    return tuple(
        Prediction(
            id=f"B4.rate.layers.{name}",
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
        )
        for name, what, setting in (
            ("one-layer-blocks", "one-layer blocks", _ONE_LAYER),
            ("two-layer-blocks", "two-layer blocks", _TWO_LAYERS),
            ("conv", "blocks of one convolution", _CONV),
            ("conv-mlp", "blocks of a convolution and an MLP layer", _CONV_MLP),
        )
    )


def _deep_blocks() -> tuple[Prediction, ...]:
    """B4 in blocks of vectors beyond the 64 that the controls of the other profiles can bear."""
    post, centred = BlockForm.POST_ACTIVATION, BlockForm.POST_ACTIVATION_CENTRED
    return tuple(
        exponent_claim(
            f"B4.rate.depth.{name}.deep",
            f"In residual networks of 8 to 256 blocks of {what}, with residual-aware "
            "initialization, the maximal-update learning rate goes as L^-3/2.",
            Observable.MAXIMAL_UPDATE_RATE,
            Axis.DEPTH,
            setting,
            _full(product((256,), (*_BLOCK_DEPTHS, 256)), 96, 24),
            sources.arithmetic_mean_mup("abstract: standard residual networks, L blocks"),
            (another_power(setting),),
            published="-3/2",
        )
        for name, what, setting in (
            ("one-layer-blocks", "one pre-activation layer", _ONE_LAYER),
            (
                "one-layer-post-centred",
                "one post-activation layer, centred",
                _vectors(residual(1, form=centred)),
            ),
            ("two-layer", "two pre-activation layers", _TWO_LAYERS),
            ("two-layer-post", "two post-activation layers", _vectors(residual(2, form=post))),
            (
                "two-layer-post-centred",
                "two post-activation layers, centred",
                _vectors(residual(2, form=centred)),
            ),
        )
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
    )


def _means_and_last_layers() -> tuple[Prediction, ...]:
    """B6: one exponent, measured in the mean over layers and in the last one, of each network.

    In convolutional chains the exact recursion has 1.68 for the last layer and -1.50 for the rate
    over these depths: the claim was expected to be rejected there, and accepted elsewhere. When
    both kinds of chains were on record as bends that end within the margin, deeper ones were added,
    and expected to be accepted (the recursion has 0.05 and 0.03 from 32 to 128 layers). In the
    controls signals shrink or grow by a factor with each layer, and one end of the network leads.
    """
    vectors, images = _vectors(chain()), CONV_CHAIN

    def thinner(setting: Setting, factor: str) -> Control:
        architecture = replace(setting.architecture, variance_factor=Fraction(factor))
        name = f"Var W = {factor}/fan_in instead of 2/fan_in"
        return Control(name, replace(setting, architecture=architecture))

    kinds = [
        (name, what, setting, ray(16, depths), thinner(setting, factor))
        for name, what, setting, depths, factor in (
            ("chains", "ReLU chains", vectors, (4, 8, 16, 32), "1"),
            ("conv-chains", "convolutional ReLU chains", images, (2, 4, 8, 16, 32), "1"),
            ("chains.deep", "ReLU chains of 16 to 128 layers", vectors, (16, 32, 64, 128), "7/4"),
            (
                "conv-chains.deep",
                "convolutional ReLU chains of 32 to 128 layers",
                images,
                (32, 64, 128),
                "7/4",
            ),
        )
    ]
    for name, what, setting in (
        ("one-layer-blocks", "one-layer blocks", _ONE_LAYER),
        ("two-layer-blocks", "two-layer blocks", _TWO_LAYERS),
        ("conv", "blocks of one convolution", _CONV),
        ("conv-mlp", "blocks of a convolution and an MLP layer", _CONV_MLP),
    ):
        cells = product((64,), (4, 8, 16, 32, 64))
        kinds.append((name, what, setting, cells, he_initialized(setting)))
    return tuple(
        exponent_claim(
            f"B6.ratio.depth.{name}",
            f"In {what}, the first-step change of the last layer has the exponent of depth of the "
            "root mean square over layers: their ratio goes as L^0.",
            Observable.LAST_LAYER_RATIO,
            Axis.DEPTH,
            setting,
            _full(cells, 96, 24),
            sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer"),
            (control,),
        )
        for name, what, setting, cells, control in kinds
    )


def _by_training_loss() -> tuple[Prediction, ...]:
    """B9 and ten passes, by the loss of the batches that are learned and not by a held-out one.

    In one pass every batch is new until it is learned, so that both are losses of images that were
    not seen; in ten passes they are not. The networks and steps are those of their namesakes.
    """
    return tuple(
        replace(
            prediction,
            id=f"{prediction.id}.training-loss",
            sentence=prediction.sentence.replace("held-out loss", "training loss"),
            observable=Observable.TRAINING_LOSS,
            regime=Regime(None, None, (), prediction.regime.full or prediction.regime.standard),
        )
        for prediction in one_pass_training.PREDICTIONS
        if prediction.id.startswith("B9.") or prediction.id.endswith("ten-passes")
    )


PREDICTIONS: tuple[Prediction, ...] = (
    *_deep_blocks(),
    *_counted_by_layers(),
    _uncentred(),
    *_means_and_last_layers(),
    *_by_training_loss(),
)
