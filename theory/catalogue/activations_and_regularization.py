"""Claims B7 and B8: what GELU, dropout and batch normalization do to the maximal-update rate.

Source: arXiv 2510.04327. Of the one-step rate; that of trained networks is not tried. One image per
network, as in ``convolutions``, or four that are normalized together. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, Normalization
from theory.catalogue.settings import (
    BY_THE_SOURCE,
    CONV_CHAIN,
    FIRST_STEP,
    IN_CONV_BLOCKS,
    OURS,
    altered,
    another_power,
    conv_blocks,
    one_step,
)
from theory.catalogue.statements import paired_claim
from theory.experiments import Setting
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product, ray
from theory.presets import depth_mup
from theory.relations import ExponentsEqual, ExponentsOrdered, SettingsOrdered
from theory.scaling import Axis

# With conv + MLP the exponent of GELU is larger than that of ReLU, against B7, by less with each
# doubling: a bend. Behind 32 blocks it is nearly over.
_IN_BLOCKS_FULL = replace(IN_CONV_BLOCKS, standard=None)
_IN_DEEP_BLOCKS = Regime(standard=Grid(product((64,), (32, 64, 128, 256)), 96, 24))
# What the normalization of the stream changes in the shallowest networks is over at 16 blocks;
# batches of four images spread more than single ones.
_REGULARIZED = replace(IN_CONV_BLOCKS, standard=Grid(product((64,), (16, 32, 64, 128)), 256, 32))
_REGULARIZED_FULL = replace(_REGULARIZED, standard=None)
# From 16 blocks on batch normalization's exponent differs by less with each doubling, and behind 32
# by less than the margin. The full profile has the replicates that tell how large the rest of that
# bend is. Dropout's goes along.
_REGULARIZED_DEEP = Regime(
    standard=Grid(product((64,), (32, 64, 128, 256)), 256, 32),
    full=Grid(product((64,), (32, 64, 128, 256)), 1024, 32),
)
# A ratio between two depths, and no law: with what B8 adds, signals or gradients of chains change
# by a factor with each layer.
_TWO_DEPTHS = Regime(standard=Grid(ray(16, (4, 16)), 64, 32))
_BLOCKS = one_step(conv_blocks(1))
_STEEPER = "GELU is slightly steeper than ReLU"


def _steeper(id: str, what: str, layers: int, regime: Regime) -> Prediction:
    """B7 at c = 2; at the critical gain of GELU, 1 / E gelu^2 = 2.352, it is not tried."""
    rectified = one_step(conv_blocks(layers))
    smooth = altered(rectified, activation=Activation.GELU)
    return paired_claim(
        id,
        f"In residual networks with {what}, at Var W = 2/(K fan_in), the maximal-update learning "
        "rate falls faster with depth for GELU than for ReLU.",
        smooth,
        ExponentsOrdered(Axis.DEPTH, rectified, BY_THE_SOURCE),
        regime,
        _STEEPER,
        another_power(smooth),
        Standing.STATED,
    )


def _steeper_in_chains() -> Prediction:
    """B7 in chains, where GELU has no power at c = 2: signals shrink by a factor with each layer.

    At its critical gain, 2.352, they do not: another reading of the claim, which is not tried.
    """
    blocks = altered(_BLOCKS, activation=Activation.GELU)
    return paired_claim(
        "B7.rate.depth.chains",
        "From 4 to 16 layers of a convolutional chain, at Var W = 2/fan_in, the maximal-update "
        "learning rate falls by a larger factor for GELU than for ReLU.",
        altered(CONV_CHAIN, activation=Activation.GELU),
        ExponentsOrdered(Axis.DEPTH, CONV_CHAIN, BY_THE_SOURCE),
        _TWO_DEPTHS,
        _STEEPER,
        Control("residual blocks of one convolution", blocks),
        Standing.STATED,
    )


_HARDLY_THE_EXPONENT = "batch normalization and dropout change the prefactor, hardly the exponent"


def _with_dropout(setting: Setting) -> Setting:
    return altered(setting, dropout=Fraction(1, 10))


def _with_batch_normalization(setting: Setting) -> Setting:
    together = replace(setting, experiment=FIRST_STEP)
    return altered(together, normalization=Normalization.BATCH)


def _without(changed: Setting, usual: Setting) -> Setting:
    """The usual network, on the inputs of the changed one."""
    return replace(usual, experiment=changed.experiment)


def _depth_mup(setting: Setting) -> Control:
    return Control("depth-muP", replace(setting, parameterization=depth_mup()))


def _same_exponent(
    id: str, networks: str, what: str, changed: Setting, regime: Regime
) -> Prediction:
    """B8: the exponent of depth in residual networks stays."""
    return paired_claim(
        id,
        f"In residual networks of {networks}, the maximal-update learning rate has the same "
        f"exponent of depth with {what} as without.",
        changed,
        ExponentsEqual(Axis.DEPTH, _without(changed, _BLOCKS), BY_THE_SOURCE),
        regime,
        _HARDLY_THE_EXPONENT,
        _depth_mup(changed),
        Standing.STATED,
    )


def _prefactor(id: str, what: str, changed: Setting, *, larger: bool) -> Prediction:
    """The prefactor changes, and which way: of that the source does not speak."""
    usual = _without(changed, _BLOCKS)
    smaller, than = (usual, changed) if larger else (changed, usual)
    return paired_claim(
        id,
        "In residual networks of one convolution a block, the maximal-update learning rate is "
        f"{'larger' if larger else 'smaller'} with {what} than without.",
        smaller,
        SettingsOrdered(Axis.DEPTH, than, OURS),
        _REGULARIZED,
        _HARDLY_THE_EXPONENT,
        _depth_mup(smaller),
        Standing.PROJECT,
    )


def _same_factor_in_chains(
    id: str, what: str, changed: Setting, changed_blocks: Setting
) -> Prediction:
    """B8 in chains, of two depths."""
    return paired_claim(
        id,
        "From 4 to 16 layers of a convolutional chain, the maximal-update learning rate falls "
        f"by the same factor with {what} as without, within 15 percent.",
        changed,
        ExponentsEqual(Axis.DEPTH, _without(changed, CONV_CHAIN), BY_THE_SOURCE),
        _TWO_DEPTHS,
        _HARDLY_THE_EXPONENT,
        Control("residual blocks of one convolution", changed_blocks),
        Standing.STATED,
    )


_ALL, _DEEP = "one convolution a block", "32 to 256 blocks of one convolution"
_DROPOUT, _DROPPED = "dropout", _with_dropout(_BLOCKS)
_BATCH, _NORMALIZED = "batch normalization", _with_batch_normalization(_BLOCKS)

PREDICTIONS: tuple[Prediction, ...] = (
    _steeper("B7.rate.depth.conv", "blocks of a convolution", 1, IN_CONV_BLOCKS),
    _steeper("B7.rate.depth.conv-mlp", "blocks of conv + MLP", 2, _IN_BLOCKS_FULL),
    _steeper("B7.rate.depth.deep-conv-mlp", "32 to 256 blocks of conv + MLP", 2, _IN_DEEP_BLOCKS),
    _steeper_in_chains(),
    _same_exponent("B8.dropout.depth.blocks", _ALL, _DROPOUT, _DROPPED, _REGULARIZED_FULL),
    _same_exponent("B8.dropout.depth.deep-blocks", _DEEP, _DROPOUT, _DROPPED, _REGULARIZED_DEEP),
    _prefactor("B8.dropout.prefactor.blocks", _DROPOUT, _DROPPED, larger=False),
    _same_factor_in_chains(
        "B8.dropout.depth.chains", _DROPOUT, _with_dropout(CONV_CHAIN), _DROPPED
    ),
    _same_exponent("B8.batch-norm.depth.blocks", _ALL, _BATCH, _NORMALIZED, _REGULARIZED_FULL),
    _same_exponent(
        "B8.batch-norm.depth.deep-blocks", _DEEP, _BATCH, _NORMALIZED, _REGULARIZED_DEEP
    ),
    _prefactor("B8.batch-norm.prefactor.blocks", _BATCH, _NORMALIZED, larger=True),
    _same_factor_in_chains(
        "B8.batch-norm.depth.chains", _BATCH, _with_batch_normalization(CONV_CHAIN), _NORMALIZED
    ),
)
