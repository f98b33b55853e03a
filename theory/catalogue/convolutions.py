"""Claims B1 to B8 and B12 in convolutional networks: the rate at which S(eta*) = 1.

What an exact recursion says of chains is the subject of ``exact_convolutions``.

Source: arXiv 2510.04327. One image per network: S is an average over networks and positions, and
its powers do not depend on the batch. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, Architecture, BlockForm, Normalization, chain, residual
from theory.catalogue import sources
from theory.catalogue.maximal_update_rate import he_initialized, wide_readout
from theory.catalogue.statements import (
    AT_INITIALIZATION,
    EXPONENT_MARGIN,
    EXPONENT_REASON,
    FIRST_STEP,
    FIRST_STEP_ON_ONE_INPUT,
    exponent_claim,
)
from theory.convolution import Convolution, Padding
from theory.expectations import Equals, Summary
from theory.experiments import Experiment, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, product, ray
from theory.presets import am_mup, depth_mup
from theory.relations import (
    ExponentsEqual,
    ExponentsOrdered,
    Relation,
    SettingsEqual,
    SettingsOrdered,
)
from theory.scaling import Axis, Power

LINE = Convolution(dimensions=1, kernel=3, side=16)
SQUARE = Convolution(dimensions=2, kernel=3, side=8)
STATED = "stated by the source"
SLIGHT = Fraction(1, 50)
SLIGHT_REASON = "the smallest difference of exponents, or of logarithms of rates, that counts"
FACTOR_MARGIN = Fraction(1, 10)
FACTOR_REASON = "a tenth of the rate: less than the step of any sweep"

# Along n = 16 L fluctuations grow no faster than to those of a chain of vectors. Positions are
# independent at the input, and nearly equal after a few layers: the exponent is read from depth 2
# on, and moves by a twentieth.
_ALONG_RAY = Regime(
    None,
    Grid(ray(16, (2, 4, 8, 16, 32)), 256, 64),
    (),
    Grid(ray(16, (4, 8, 16, 32, 64, 128)), 256, 64),
)
_QUICK_TOO = replace(_ALONG_RAY, quick=Grid(ray(16, (2, 4, 8, 16)), 384, 96))
_WIDER = replace(_ALONG_RAY, standard=Grid(ray(16, (2, 4, 8, 16, 32)), 160, 40))
_COSTLY = replace(
    _ALONG_RAY,
    standard=Grid(ray(16, (2, 4, 8, 16, 32)), 96, 32),
    full=Grid(ray(16, (4, 8, 16, 32, 64, 128)), 64, 32),
)
_IN_BLOCKS = Regime(
    None,
    Grid(product((64,), (8, 16, 32, 64, 128)), 96, 24),
    (),
    Grid(product((256,), (8, 16, 32, 64, 128, 256)), 96, 24),
)
# With conv + MLP the exponent of GELU is larger than that of ReLU, against B7, by 0.14, 0.08, 0.04
# and 0.02 from one doubling to the next: a bend whose end decided between a rejection (nine seeds)
# and none (one, and the full profile). Behind 32 blocks the difference was expected to be 0.02, and
# the claim to be rejected, when these depths were added.
_IN_BLOCKS_FULL = replace(_IN_BLOCKS, standard=None)
_IN_DEEP_BLOCKS = Regime(None, Grid(product((64,), (32, 64, 128, 256)), 96, 24))
# Tried where power counting is known to speak for the others, and for the full profile's time.
_IN_MORE_BLOCKS = Regime(None, None, (), Grid(product((64,), (8, 16, 32, 64, 128)), 96, 24))
_IN_SQUARE_BLOCKS = Regime(None, None, (), Grid(product((64,), (8, 16, 32, 64, 128)), 48, 12))
# What the normalization of the stream changes in the shallowest networks is over at 16 blocks;
# batches of four images spread more than single ones.
_REGULARIZED = replace(_IN_BLOCKS, standard=Grid(product((64,), (16, 32, 64, 128)), 256, 32))
_REGULARIZED_FULL = replace(_REGULARIZED, standard=None)
# From 16 blocks on batch normalization's exponent differs by 0.13 to 0.20, 0.01 to 0.12 and 0.02 to
# 0.07 from one doubling to the next (six seeds), and was open at five seeds of eight, accepted at
# two, and a bend at one. What is left behind the first was expected to be accepted when this was
# added; of three seeds that tried it two accepted it, and one found a bend. The full profile has
# the replicates that tell how large that bend is. Dropout's goes along.
_REGULARIZED_DEEP = Regime(
    None,
    Grid(product((64,), (32, 64, 128, 256)), 256, 32),
    (),
    Grid(product((64,), (32, 64, 128, 256)), 1024, 32),
)
_SHALLOW = Regime(None, Grid(ray(16, (4, 8, 16)), 32, 16))
_SHALLOW_FULL = Regime(None, None, (), _SHALLOW.standard)
_DEEPER = Regime(None, Grid(ray(16, (4, 8, 16, 32)), 64, 16))
# A ratio between two depths, and no law: with what B8 adds, signals or gradients of chains change
# by a factor with each layer.
_TWO_DEPTHS = Regime(None, Grid(ray(16, (4, 16)), 64, 32))
_IN_WIDTH = Regime(None, Grid(product((64, 128, 256, 512), (4,)), 128, 32))
_FORWARD = Regime(None, Grid(product((64,), (8, 16, 32, 64)), 64, 16))


def one_step(
    architecture: Architecture, experiment: Experiment = FIRST_STEP_ON_ONE_INPUT
) -> Setting:
    """The first step under AM-muP, on one image unless an experiment is given."""
    return Setting(architecture, am_mup(), experiment)


def conv_blocks(layers: int, form: BlockForm = BlockForm.PRE_ACTIVATION) -> Architecture:
    """Convolution, or convolution and a layer at each position, with c = 2."""
    return replace(residual(layers, form=form), variance_factor=Fraction(2), convolution=LINE)


CONV_CHAIN = one_step(replace(chain(), convolution=LINE))
_HALF_VARIANCE = "Var W = 1/fan_in instead of 2/fan_in"


def altered(setting: Setting, **changes: object) -> Setting:
    """The setting with another architecture."""
    architecture = replace(setting.architecture, **changes)  # type: ignore[arg-type]
    return replace(setting, architecture=architecture)


def _chains() -> tuple[Prediction, ...]:
    """B1 and B2."""
    kinds = (
        ("B1.rate.depth.kernel-3", "1-D", LINE, _QUICK_TOO),
        ("B1.rate.depth.kernel-5", "1-D", replace(LINE, kernel=5), _WIDER),
        ("B2.rate.depth", "2-D", SQUARE, _COSTLY),
    )
    predictions = []
    for name, dimensions, convolution, regime in kinds:
        setting = altered(CONV_CHAIN, convolution=convolution)
        thinner = altered(setting, variance_factor=Fraction(1))
        predictions.append(
            exponent_claim(
                name,
                f"In convolutional ReLU chains with mean-field output ({convolution}), the "
                "maximal-update learning rate goes as L^-3/2.",
                Observable.MAXIMAL_UPDATE_RATE,
                Axis.DEPTH,
                setting,
                regime,
                sources.arithmetic_mean_mup(f"abstract: {dimensions} convolutional networks"),
                (Control(_HALF_VARIANCE, thinner),),
            )
        )
    return tuple(predictions)


def _paired(
    id: str,
    sentence: str,
    setting: Setting,
    relation: Relation,
    regime: Regime,
    where: str,
    control: Control,
) -> Prediction:
    margin, reason = SLIGHT, SLIGHT_REASON
    if isinstance(relation.expectation, Equals):
        exponents = relation.summary is Summary.EXPONENT
        margin = EXPONENT_MARGIN if exponents else FACTOR_MARGIN
        reason = EXPONENT_REASON if exponents else FACTOR_REASON
    return Prediction(
        id=id,
        sentence=sentence,
        observable=Observable.MAXIMAL_UPDATE_RATE,
        relation=relation,
        setting=setting,
        regime=regime,
        margin=margin,
        margin_reason=reason,
        citation=sources.arithmetic_mean_mup(where),
        controls=(control,),
    )


def _padding() -> tuple[Prediction, ...]:
    """B3, for grids of N = 16, 64 and 128 positions; and, in the full profile, of 32 and 256.

    Second moments walk by (k^2 - 1)/12 in the mean square with each layer, and are lost at the two
    ends: a part of order k sqrt(L) / N while that is small, and all but exp(-pi^2 (k^2 - 1) L /
    (24 N^2)) behind. How large N must be depends on the depth. (At 16 layers a third for N =
    32, and a twentieth for N = 256: the ratio was expected to be beyond a tenth there, and within.)
    """
    where = "zero padding changes constants only, when N >> k"

    def pair(positions: int) -> tuple[Setting, Setting, Control]:
        circular = altered(CONV_CHAIN, convolution=replace(LINE, side=positions))
        padded = replace(LINE, side=positions, padding=Padding.ZERO)
        zero = altered(CONV_CHAIN, convolution=padded)
        return (
            zero,
            circular,
            Control(_HALF_VARIANCE, altered(zero, variance_factor=Fraction(1))),
        )

    predictions = []
    for positions, deepest, regime in ((64, 16, _SHALLOW), (16, 32, _DEEPER)):
        zero, circular, thinner = pair(positions)
        predictions.append(
            _paired(
                f"B3.rate.depth.positions-{positions}",
                f"In convolutional chains of 4 to {deepest} layers on {positions} positions, the "
                "maximal-update learning rate has the same exponent of depth with zero and with "
                "circular padding.",
                zero,
                ExponentsEqual(Axis.DEPTH, circular, STATED),
                regime,
                where,
                thinner,
            )
        )
    ratios = []
    for positions, regime in ((32, _SHALLOW_FULL), (128, _SHALLOW), (256, _SHALLOW_FULL)):
        zero, circular, thinner = pair(positions)
        ratios.append(
            _paired(
                f"B3.ratio.positions-{positions}",
                f"In convolutional chains of 4 to 16 layers on {positions} positions, the "
                "maximal-update learning rate is the same with zero and with circular padding, "
                "within a tenth.",
                zero,
                SettingsEqual(Axis.DEPTH, circular, STATED),
                regime,
                where,
                thinner,
            )
        )
    blocks = one_step(conv_blocks(1))
    padded = altered(blocks, convolution=replace(LINE, padding=Padding.ZERO))
    return (
        *predictions,
        *ratios,
        _paired(
            "B3.rate.depth.one-layer-blocks",
            "In residual networks of one convolution a block, on 16 positions, the maximal-update "
            "learning rate has the same exponent of depth with zero and with circular padding.",
            padded,
            ExponentsEqual(Axis.DEPTH, blocks, STATED),
            _IN_BLOCKS,
            where,
            Control("depth-muP", replace(padded, parameterization=depth_mup())),
        ),
    )


def another_power(setting: Setting) -> Control:
    """Another power of depth than the published or the counted one, at any depth.

    (Without 1/K, signals leave the range of float32 behind 64 blocks.)
    """
    if setting.architecture.layers_per_block == 1:
        return Control("depth-muP", replace(setting, parameterization=depth_mup()))
    slower = am_mup().with_rates_times(Power(depth=-1), "am_mup with rates times 1/L")
    return Control(slower.name, replace(setting, parameterization=slower))


def _residual_networks() -> tuple[Prediction, ...]:
    """B4 and B12, blocks of a convolution and of a convolution + MLP.

    The depth is the number of blocks; ``other_readings`` counts layers. Blocks of one layer ending
    with an uncentred activation are tried there, of vectors.
    """
    centred = BlockForm.POST_ACTIVATION_CENTRED
    square = replace(conv_blocks(1), convolution=SQUARE)
    kinds = (
        ("conv", "one convolution", conv_blocks(1), _IN_BLOCKS),
        ("conv-2d", "one convolution (3x3)", square, _IN_SQUARE_BLOCKS),
        ("conv-mlp", "a convolution and an MLP layer", conv_blocks(2), _IN_BLOCKS),
        (
            "conv-mlp-post",
            "a convolution and an MLP layer, each before its activation,",
            conv_blocks(2, BlockForm.POST_ACTIVATION),
            _IN_MORE_BLOCKS,
        ),
        (
            "conv-post-centred",
            "one convolution, centred behind its activation,",
            conv_blocks(1, centred),
            _IN_BLOCKS,
        ),
        (
            "conv-mlp-post-centred",
            "a convolution and an MLP layer, centred behind the last activation,",
            conv_blocks(2, centred),
            _IN_BLOCKS,
        ),
    )
    rates = tuple(
        exponent_claim(
            f"B4.rate.depth.{name}",
            f"In residual networks with {what} in a block and residual-aware initialization, the "
            "maximal-update learning rate goes as L^-3/2.",
            Observable.MAXIMAL_UPDATE_RATE,
            Axis.DEPTH,
            one_step(architecture),
            regime,
            sources.arithmetic_mean_mup(
                "abstract: residual networks with general conv + MLP blocks, L the minimal depth"
            ),
            (another_power(one_step(architecture)),),
            published="-3/2",
        )
        for name, what, architecture, regime in kinds
    )
    initial = one_step(conv_blocks(1), AT_INITIALIZATION)
    forward = exponent_claim(
        "B12.forward.depth.conv",
        "With Var W = c/(K fan_in) in blocks of one convolution, the second moment of h_L does not "
        "change with depth.",
        Observable.FORWARD_SECOND_MOMENT,
        Axis.DEPTH,
        initial,
        _FORWARD,
        sources.arithmetic_mean_mup("residual-aware He fan-in keeps the forward pass stable"),
        (he_initialized(initial),),
    )
    return (*rates, forward)


def _width_and_layers() -> tuple[Prediction, ...]:
    """B5, in chains and blocks, and B6."""
    wide = wide_readout()
    blocks = one_step(conv_blocks(1))
    across = tuple(
        _paired(
            f"B5.exponent.depth.{name}",
            f"In {what} the maximal-update learning rate has the same exponent of depth as in "
            "networks four times as wide.",
            setting,
            ExponentsEqual(Axis.DEPTH, setting, STATED, wider=4),
            Regime(None, None, (), grid),
            "the law is robust in width",
            control,
        )
        for name, what, setting, grid, control in (
            (
                "conv-chains",
                "convolutional ReLU chains along n = 16 L",
                CONV_CHAIN,
                Grid(ray(16, (4, 8, 16)), 128, 32),
                Control("residual blocks of one convolution", blocks),
            ),
            (
                "conv-blocks",
                "residual networks of one convolution a block, n = 64,",
                blocks,
                Grid(product((64,), (8, 16, 32, 64)), 64, 16),
                Control("depth-muP", replace(blocks, parameterization=depth_mup())),
            ),
        )
    )
    return (
        *across,
        exponent_claim(
            "B5.rate.width.conv-chains",
            "In convolutional ReLU chains, the maximal-update learning rate does not depend on n.",
            Observable.MAXIMAL_UPDATE_RATE,
            Axis.WIDTH,
            CONV_CHAIN,
            _IN_WIDTH,
            sources.arithmetic_mean_mup("the law is robust in width"),
            (Control(wide.name, replace(CONV_CHAIN, parameterization=wide)),),
        ),
        exponent_claim(
            "B6.last-layer.depth.conv-chains",
            "In convolutional ReLU chains, the first-step change of the last layer goes as L^3/2, "
            "the inverse of the rate that the mean over layers allows.",
            Observable.STREAM_CHANGE,
            Axis.DEPTH,
            CONV_CHAIN,
            _ALONG_RAY,
            sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer"),
            (Control("residual blocks of one convolution", one_step(conv_blocks(1))),),
        ),
    )


def _activations() -> tuple[Prediction, ...]:
    """B7, of the one-step rate; that of trained networks is not tried.

    In chains GELU has no power at c = 2: signals shrink by a factor with each layer.
    """
    where = "GELU is slightly steeper than ReLU"
    predictions = []
    kinds = (
        (1, "conv", "blocks of a convolution", _IN_BLOCKS),
        (2, "conv-mlp", "blocks of conv + MLP", _IN_BLOCKS_FULL),
        (2, "deep-conv-mlp", "32 to 256 blocks of conv + MLP", _IN_DEEP_BLOCKS),
    )
    for layers, name, what, regime in kinds:
        rectified = one_step(conv_blocks(layers))
        smooth = altered(rectified, activation=Activation.GELU)
        predictions.append(
            _paired(
                f"B7.rate.depth.{name}",
                f"In residual networks with {what}, the maximal-update learning rate "
                "falls faster with depth for GELU than for ReLU.",
                smooth,
                ExponentsOrdered(Axis.DEPTH, rectified, STATED),
                regime,
                where,
                another_power(smooth),
            )
        )
    return (
        *predictions,
        _paired(
            "B7.rate.depth.chains",
            "From 4 to 16 layers of a convolutional chain, the maximal-update learning rate falls "
            "by a larger factor for GELU than for ReLU.",
            altered(CONV_CHAIN, activation=Activation.GELU),
            ExponentsOrdered(Axis.DEPTH, CONV_CHAIN, STATED),
            _TWO_DEPTHS,
            where,
            Control(
                "residual blocks of one convolution",
                altered(one_step(conv_blocks(1)), activation=Activation.GELU),
            ),
        ),
    )


def _regularized(
    name: str, what: str, experiment: Experiment, larger: bool, **changes: object
) -> tuple[Prediction, ...]:
    """B8, in blocks and in chains; ``larger`` says which way the prefactor is read."""
    where = "batch normalization and dropout change the prefactor, hardly the exponent"
    blocks, line = (
        replace(each, experiment=experiment) for each in (one_step(conv_blocks(1)), CONV_CHAIN)
    )
    changed, other = altered(blocks, **changes), altered(line, **changes)
    smaller, than = (blocks, changed) if larger else (changed, blocks)
    faster = Control("depth-muP", replace(changed, parameterization=depth_mup()))
    same = _paired(
        f"B8.{name}.depth.blocks",
        "In residual networks of one convolution a block, the maximal-update learning rate has "
        f"the same exponent of depth with {what} as without.",
        changed,
        ExponentsEqual(Axis.DEPTH, blocks, STATED),
        _REGULARIZED_FULL,
        where,
        faster,
    )
    deeper = replace(
        same,
        id=f"B8.{name}.depth.deep-blocks",
        sentence="In residual networks of 32 to 256 blocks of one convolution, the maximal-update "
        f"learning rate has the same exponent of depth with {what} as without.",
        regime=_REGULARIZED_DEEP,
    )
    return (
        same,
        deeper,
        _paired(
            f"B8.{name}.prefactor.blocks",
            "In residual networks of one convolution a block, the maximal-update learning rate is "
            f"{'larger' if larger else 'smaller'} with {what} than without.",
            smaller,
            SettingsOrdered(Axis.DEPTH, than, STATED),
            _REGULARIZED,
            where,
            Control("depth-muP", replace(smaller, parameterization=depth_mup())),
        ),
        _paired(
            f"B8.{name}.depth.chains",
            "From 4 to 16 layers of a convolutional chain, the maximal-update learning rate falls "
            f"by the same factor with {what} as without, within 15 percent.",
            other,
            ExponentsEqual(Axis.DEPTH, line, STATED),
            _TWO_DEPTHS,
            where,
            Control("residual blocks of one convolution", changed),
        ),
    )


PREDICTIONS: tuple[Prediction, ...] = (
    *_chains(),
    *_padding(),
    *_residual_networks(),
    *_width_and_layers(),
    *_activations(),
    *_regularized("dropout", "dropout", FIRST_STEP_ON_ONE_INPUT, False, dropout=Fraction(1, 10)),
    *_regularized(
        "batch-norm", "batch normalization", FIRST_STEP, True, normalization=Normalization.BATCH
    ),
)
