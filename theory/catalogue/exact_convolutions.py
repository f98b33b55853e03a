"""Claims B1, B2 and B6 in convolutional chains, beside what an exact recursion says of them.

Source: arXiv 2510.04327. One image per network. The recursion tends to the powers that are claimed,
but has none at depths of up to some sixty. So networks are tried in four ways: claims at one large
width, with a declared term of the next order; values; exponents beside the recursion's; and the
claims themselves so deep that they are near their limit. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from theory.catalogue import sources
from theory.catalogue.settings import (
    CONV_CHAIN,
    EXPONENT_MARGIN,
    FACTOR_MARGIN,
    IMAGE_CHAINS,
    IMAGE_CHAINS_OF_WIDE_WINDOWS,
    LINE,
    SQUARE,
    SQUARE_IMAGE_CHAINS,
    altered,
    conv_blocks,
    half_variance,
    one_step,
)
from theory.catalogue.statements import exponent_claim
from theory.convolution import Convolution
from theory.exact.first_step import maximal_update_rate, stream_change
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Rival, Standing, product, ray
from theory.quantities import CurveFunction
from theory.relations import CurveEquals, ExponentOfCurve, GeometricMeanEquals
from theory.scaling import Axis, Power

# One large width, where L/n is at most 1/32 and fluctuations are small, and the term in 1/L of
# chains of vectors. That of images goes as (log L) / L: these exponents are those of a range. In
# the standard profile they take as long as all the others of section B together.
_WIDE = Regime(
    full=Grid(product((2048,), (4, 8, 16, 32, 64)), 160, 40),
    corrections=(Power(depth=-1),),
)
_WIDE_SQUARE = replace(_WIDE, full=Grid(product((1024,), (4, 8, 16, 32)), 96, 24))
# By the recursion the rate has an exponent of -1.45 over these depths, and the last layer's change
# one of 1.47: within the margin, by half of it or more. log eta* of a network spreads by 0.45 along
# n = 16 L, and by a factor of 2^1/2 more along n = 8 L, where one with nine weights for each of
# a chain of vectors takes half the time. This many replicates tell.
_DEPTHS = (64, 128, 256, 512)
_DEEP = Regime(full=Grid(ray(16, _DEPTHS), 512, 8, looks=1))
_DEEP_SQUARE = replace(_DEEP, full=Grid(ray(8, _DEPTHS), 480, 8, looks=1))
# What wide chains follow at these depths, at widths that no other prediction is tried at.
_EXACT = Regime(standard=Grid(product((1792,), (4, 8, 16, 32)), 160, 16))
_EXACT_SQUARE = Regime(standard=Grid(product((896,), (4, 8, 16)), 160, 16))

_WIDE_WINDOWS = replace(LINE, kernel=5)
# Fewer positions become alike sooner, and of how many there are the source says nothing. (3x3
# windows see all of a 3x3 grid; to the recursion, which knows no windows, that is nothing new.)
_SHORT_LINE, _SMALL_SQUARE = replace(LINE, side=8), replace(SQUARE, side=3)
_BLOCKS = one_step(conv_blocks(1))


@dataclass(frozen=True)
class _Quantity:
    """What is measured, and what the recursion says of it."""

    name: str
    observable: Observable
    curve: CurveFunction


_RATE = _Quantity(
    "maximal-update learning rate", Observable.MAXIMAL_UPDATE_RATE, maximal_update_rate
)
_CHANGE = _Quantity("first-step change of the last layer", Observable.STREAM_CHANGE, stream_change)


def _blocks_on(convolution: Convolution) -> Control:
    blocks = altered(_BLOCKS, convolution=convolution)
    return Control("residual blocks of one convolution", blocks)


def _exponent(
    id: str, quantity: _Quantity, convolution: Convolution, regime: Regime, control: Control
) -> Prediction:
    """B1, B2 and B6: the recursion's exponents, in the networks of the claims themselves.

    An estimate is that of the claim, less the recursion's exponent (-1.500, -1.541 and 1.677 from 2
    to 32 layers). What is new is that the approach to the limit is no misfit. Finite width moves
    the exponent by a few hundredths (by 0.02 from 4 to 128 layers along n = 16 L). The exponent
    hardly depends on N, and 8 positions for 16 may be accepted as well: it is values that tell
    these apart. Vectors, N = 1, bend otherwise, and are not accepted.
    """
    return Prediction(
        id=id,
        sentence=f"In convolutional ReLU chains ({convolution}), along n = 16 L, the "
        f"{quantity.name} changes with depth as the exact recursion at infinite width does: "
        "measured over predicted goes as L^0.",
        observable=quantity.observable,
        relation=ExponentOfCurve(Axis.DEPTH, quantity.curve),
        setting=altered(CONV_CHAIN, convolution=convolution),
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason="that of the published claim, which is tried on the same networks",
        citation=sources.convolutional_recursion(),
        controls=(control,),
        standing=Standing.PROJECT,
    )


def _value(id: str, quantity: _Quantity, convolution: Convolution, regime: Regime) -> Prediction:
    """B1, B2 and B6: what the exact recursion says, of which the law is the limit.

    The recursion knows no windows, so that kernels 3 and 5 have one curve, and B6's change and B1's
    rate are measured on the same networks.
    """
    setting = altered(CONV_CHAIN, convolution=convolution)
    return Prediction(
        id=id,
        sentence=f"In wide convolutional ReLU chains ({convolution}), the geometric mean "
        f"of the {quantity.name} is that of the exact recursion at infinite width, at every depth "
        "and within a tenth.",
        observable=quantity.observable,
        relation=GeometricMeanEquals(Axis.DEPTH, quantity.curve),
        setting=setting,
        regime=regime,
        margin=FACTOR_MARGIN,
        margin_reason="a tenth of the rate or the change: less than a sweep's step",
        citation=sources.convolutional_recursion(),
        controls=(_half_the_side(setting),),
        standing=Standing.PROJECT,
    )


def _half_the_side(setting: Setting) -> Control:
    """A grid of fewer positions, all that the recursion knows of an image."""
    convolution = setting.architecture.convolution
    assert convolution is not None
    smaller = replace(convolution, side=convolution.side // 2)
    return Control(f"{smaller.positions} positions", altered(setting, convolution=smaller))


def _wide_rate(id: str, convolution: Convolution, deepest: int, regime: Regime) -> Prediction:
    """B1 and B2 again, where the claim is one about wide networks; in the full profile.

    Each beside the exact numbers of infinite width. Their power tends to -3/2 (3/2 of the last
    layer), but by the regression of these claims it is -1.37 from 4 to 64 layers of N = 16
    positions (1.39 of the last layer) and -1.33 from 4 to 32 layers of N = 64.
    """
    claim = exponent_claim(
        id,
        f"In convolutional ReLU chains of one large width ({convolution}), up to {deepest} "
        "layers, the maximal-update learning rate goes as L^-3/2, but for a term in 1/L.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        altered(CONV_CHAIN, convolution=convolution),
        regime,
        sources.arithmetic_mean_mup(f"abstract: {convolution.dimensions}-D convolutional networks"),
        (_blocks_on(LINE),),
        Standing.STATED,
    )
    return _beside_infinite_width(claim, _RATE)


_MEAN_OVER_LAYERS = sources.arithmetic_mean_mup("arithmetic mean over layers, not the last layer")


def _wide_last_layer() -> Prediction:
    """B6 in wide networks, in the same way."""
    claim = exponent_claim(
        "B6.last-layer.depth.conv-chains.wide",
        "In convolutional ReLU chains of one large width, up to 64 layers, the first-step change "
        "of the last layer goes as L^3/2, but for a term in 1/L: the inverse of the rate that the "
        "mean over layers allows.",
        Observable.STREAM_CHANGE,
        Axis.DEPTH,
        CONV_CHAIN,
        _WIDE,
        _MEAN_OVER_LAYERS,
        (_blocks_on(LINE),),
        Standing.STATED,
    )
    return _beside_infinite_width(claim, _CHANGE)


def _beside_infinite_width(prediction: Prediction, quantity: _Quantity) -> Prediction:
    """With the exact recursion as its rival, which a grid of half the side contradicts.

    Measured positions are Gaussian vectors of 32 dimensions, and not exactly uncorrelated; by the
    recursion with all pairs written out, that moves the rate by two in a thousand at most.
    """
    convolution = prediction.setting.architecture.convolution
    assert convolution is not None
    rival = Rival(
        f"Exact recursion at infinite width: the {quantity.name} at every depth, within a tenth "
        f"for what L/n = 1/32 adds, from {convolution.positions} positions that are uncorrelated "
        "at the input.",
        CurveEquals(Axis.DEPTH, quantity.curve),
        sources.convolutional_recursion(),
        _half_the_side(prediction.setting),
    )
    return replace(prediction, rival=rival)


def _deep_rate(id: str, convolution: Convolution, per_layer: int, regime: Regime) -> Prediction:
    """B1 and B2 where the recursion is near its limit: the claims are about deep networks.

    For an accelerator.
    """
    return exponent_claim(
        id,
        f"In convolutional ReLU chains ({convolution}), from 64 to 512 layers along n = "
        f"{per_layer} L, the maximal-update learning rate goes as L^-3/2.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        altered(CONV_CHAIN, convolution=convolution),
        regime,
        sources.arithmetic_mean_mup(f"abstract: {convolution.dimensions}-D convolutional networks"),
        (_blocks_on(_SHORT_LINE),),
        Standing.STATED,
    )


def _deep_last_layer() -> Prediction:
    """B6 there."""
    return exponent_claim(
        "B6.last-layer.depth.conv-chains.deep",
        f"In convolutional ReLU chains ({_SHORT_LINE}), from 64 to 512 layers along n = 16 L, the "
        "first-step change of the last layer goes as L^3/2: the inverse of the rate that the mean "
        "over layers allows.",
        Observable.STREAM_CHANGE,
        Axis.DEPTH,
        altered(CONV_CHAIN, convolution=_SHORT_LINE),
        _DEEP,
        _MEAN_OVER_LAYERS,
        (_blocks_on(_SHORT_LINE),),
        Standing.STATED,
    )


def _thinner_on(convolution: Convolution) -> Control:
    return half_variance(altered(CONV_CHAIN, convolution=convolution))


PREDICTIONS: tuple[Prediction, ...] = (
    _exponent("B1.rate.exponent.kernel-3", _RATE, LINE, IMAGE_CHAINS, _thinner_on(LINE)),
    _exponent(
        "B1.rate.exponent.kernel-5",
        _RATE,
        _WIDE_WINDOWS,
        IMAGE_CHAINS_OF_WIDE_WINDOWS,
        _thinner_on(_WIDE_WINDOWS),
    ),
    _exponent("B2.rate.exponent", _RATE, SQUARE, SQUARE_IMAGE_CHAINS, _thinner_on(SQUARE)),
    _exponent("B6.last-layer.exponent.conv-chains", _CHANGE, LINE, IMAGE_CHAINS, _blocks_on(LINE)),
    _value("B1.rate.value.kernel-3", _RATE, LINE, _EXACT),
    _value("B1.rate.value.kernel-5", _RATE, _WIDE_WINDOWS, _EXACT),
    _value("B2.rate.value", _RATE, SQUARE, _EXACT_SQUARE),
    _value("B6.last-layer.value.conv-chains", _CHANGE, LINE, _EXACT),
    _wide_rate("B1.rate.depth.kernel-3.wide", LINE, 64, _WIDE),
    _wide_rate("B1.rate.depth.kernel-5.wide", _WIDE_WINDOWS, 64, _WIDE),
    _wide_rate("B2.rate.depth.wide", SQUARE, 32, _WIDE_SQUARE),
    _wide_last_layer(),
    _deep_rate("B1.rate.depth.kernel-3.deep", _SHORT_LINE, 16, _DEEP),
    _deep_rate("B1.rate.depth.kernel-5.deep", replace(_SHORT_LINE, kernel=5), 16, _DEEP),
    _deep_rate("B2.rate.depth.deep", _SMALL_SQUARE, 8, _DEEP_SQUARE),
    _deep_last_layer(),
)
