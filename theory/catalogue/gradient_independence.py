"""Claims A12 to A14: what reusing weights in the backward pass does, and where it stops to matter.

Source: arXiv 2512.21075. The claims are about blocks of one layer at alpha = 1/2; everything is
exact to first order in the learning rate, for the first step from initialization. "Vanishes", of
which the source gives no power, is tried as at least as fast as L^-1/4, a bound of ours. The
control "rates times L^1/2" is the measurement times a known power: it shows that the margin can
reject, not that anything else would. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, residual
from theory.catalogue import sources
from theory.catalogue.settings import rates_times
from theory.catalogue.statements import curve_claim, exponent_claim
from theory.exact.first_step import output_reuse_ratio, stream_reuse_ratio
from theory.experiments import Coupling, Decoupling, Experiment, Setting
from theory.observables import Observable
from theory.prediction import (
    Control,
    Grid,
    Prediction,
    Profile,
    Regime,
    Standing,
    product,
    ray,
)
from theory.presets import completep, depth_mup
from theory.quantities import CurveFunction
from theory.relations import ExponentAtMost
from theory.scaling import Axis, Power

COUPLING = Coupling(batch=1)
COUPLING_AT_INITIALIZATION = Coupling(batch=4)
DECOUPLING = Decoupling(batch=1)
# As many inputs as coordinates, or more: what the forward pass asked spans everything.
CROWDED = Coupling(batch=256)

_SHALLOW, _DEPTHS = (8, 16, 32), (8, 16, 32, 64)
_ALL_DEPTHS = (4, *_DEPTHS, 128)
# Of the square of what enters a block, the systematic part of its coupling is 1/L, and 1/L^2 at
# alpha = 1; the random part, along an unrelated direction, 1/n. Wide enough for the former.
PER_BLOCK = Regime(
    quick=Grid(product((4096,), _ALL_DEPTHS), 24, 8),
    standard=Grid(product((8192,), _ALL_DEPTHS), 32, 8),
    full=Grid(product((16384,), (*_ALL_DEPTHS, 256)), 32, 8),
    corrections=(Power(depth=-1),),
)
PER_BLOCK_STANDARD = replace(PER_BLOCK, quick=None)
AT_ONE = Regime(
    quick=Grid(product((8192,), _SHALLOW), 48, 8),
    standard=Grid(product((32768,), _DEPTHS), 24, 8),
    full=Grid(product((65536,), _DEPTHS), 32, 8),
)
AT_ONE_STANDARD = replace(AT_ONE, quick=None)
# The random part is L^2/n of the systematic one: undeclared, and on the grid of AT_ONE, it bends
# the law.
PER_BLOCK_AT_ONE = Regime(
    full=Grid(product((65536,), (8, 12, 16, 24, 32, 48, 64)), 24, 8),
    corrections=(Power(depth=2, width=-1),),
)
DISTANCES = Regime(
    quick=Grid(product((4096,), _DEPTHS), 24, 8),
    standard=Grid(product((8192,), (*_DEPTHS, 128)), 24, 8),
    full=Grid(product((16384,), (*_DEPTHS, 128, 256)), 24, 8),
)
_WIDTHS = (32, 64, 128, 256)
ALONG_WIDTH = Regime(
    quick=Grid(product(_WIDTHS, (8,)), 128, 4),
    standard=Grid(product(_WIDTHS, (32,)), 128, 4),
)
ALONG_BOTH = Regime(
    quick=Grid(ray(8, (4, *_SHALLOW)), 128, 4),
    standard=Grid(ray(4, _DEPTHS), 128, 4),
)
VALUES = Regime(
    quick=Grid(product((4096,), (4, 16)), 32, 8),
    standard=Grid(product((8192,), (4, 16, 64)), 48, 8),
    full=Grid(product((16384,), (4, 16, 64, 256)), 48, 8),
)
VALUES_AT_ONE = Regime(
    quick=Grid(product((4096,), (2, 4)), 32, 8),
    standard=Grid(product((8192,), (2, 4)), 48, 8),
    full=Grid(product((16384,), (2, 4, 64, 256)), 48, 8),
)

_HALF, _ONE = Fraction(1, 2), Fraction(1)
_ALPHAS = {_HALF: depth_mup(), _ONE: completep(1)}
_IDENTITY, _TANH, _RELU = Activation.IDENTITY, Activation.TANH, Activation.RELU


def _setting(
    experiment: Experiment, alpha: Fraction, activation: Activation = _RELU, layers: int = 1
) -> Setting:
    return Setting(residual(layers, activation), _ALPHAS[alpha], experiment)


def _at_the_other_alpha(setting: Setting) -> Control:
    """alpha = 1 in place of 1/2, or 1/2 in place of 1."""
    (other,) = (alpha for alpha, usual in _ALPHAS.items() if usual != setting.parameterization)
    return Control(f"alpha = {other}", replace(setting, parameterization=_ALPHAS[other]))


def _faster(setting: Setting, power: int = 1) -> Control:
    """Rates times L^1/2, of what goes as a power of the rate."""
    factor = Power(depth="1/2")
    return rates_times(setting, factor, factor**power)


def _crowded(setting: Setting) -> Control:
    """Streams that span every coordinate; linear ones span 32, as their inputs do: tanh instead."""
    crowded, of = replace(setting, experiment=CROWDED), ""
    if setting.architecture.activation is Activation.IDENTITY:
        curved = replace(setting.architecture, activation=Activation.TANH)
        crowded, of = replace(crowded, architecture=curved), " of tanh blocks"
    return Control(f"256 inputs{of}, which span every coordinate", crowded)


# How depth goes along with width; spans of 256 inputs, the control, take a minute for each, so that
# other activations are left to the full profile.
_Along = tuple[str, Regime]
_FIXED: _Along = ("at fixed depth", ALONG_WIDTH)
_GROWING: _Along = ("when depth grows in proportion to width: uniformly in depth", ALONG_BOTH)
_FIXED_IN_FULL, _GROWING_IN_FULL = (
    (where, Regime(full=regime.grid(Profile.STANDARD))) for where, regime in (_FIXED, _GROWING)
)


def _share(id: str, blocks: str, setting: Setting, along: _Along, standing: Standing) -> Prediction:
    """A12: O(1/n), uniformly in depth; read as a share of |W^T g|^2, L fixed and L growing as n."""
    where, regime = along
    return exponent_claim(
        id,
        "At initialization, the share of a backward product W^T g that the forward pass has "
        f"determined goes as 1/n {where}, in blocks of {blocks}.",
        Observable.BACKWARD_COUPLING,
        Axis.WIDTH,
        setting,
        regime,
        sources.feature_learning_dynamics("gradient independence at initialization"),
        (_crowded(setting),),
        standing,
    )


def _share_of_rectified(id: str, layers: int, along: _Along, standing: Standing) -> Prediction:
    """A12 at alpha = 1/2 with ReLU, in blocks of one layer and, which are not claimed, of two."""
    setting = _setting(COUPLING_AT_INITIALIZATION, _HALF, layers=layers)
    return _share(id, f"{layers} layer(s)", setting, along, standing)


def _share_at(id: str, alpha: Fraction, activation: Activation, along: _Along) -> Prediction:
    """A12 with other activations, and at alpha = 1, which is not claimed; in the full profile."""
    return _share(
        id,
        f"1 layer(s) at alpha = {alpha} ({activation})",
        _setting(COUPLING_AT_INITIALIZATION, alpha, activation),
        along,
        Standing.STATED if alpha == _HALF else Standing.PROJECT,
    )


_SIZES = {
    Observable.BLOCK_COUPLING: ("mean square", 2),
    Observable.BLOCK_COUPLING_AMPLITUDE: ("size", 1),
}


def _per_block(id: str, observable: Observable, activation: Activation) -> Prediction:
    """A13: O(L^-2) per block in the mean square, and so O(L^-1) in size."""
    setting = _setting(COUPLING, _HALF, activation)
    what, power = _SIZES[observable]
    return exponent_claim(
        id,
        f"In the first step of training under depth-muP, the {what} of what one block adds to "
        f"the change of the stream by forward-backward coupling goes as L^{-power} "
        f"({activation}).",
        observable,
        Axis.DEPTH,
        setting,
        PER_BLOCK if activation is Activation.RELU else PER_BLOCK_STANDARD,
        sources.feature_learning_dynamics(
            "in training the forward-backward coupling is of higher order in depth, O(L^-2)"
        ),
        (_faster(setting, power),),
        Standing.STATED,
    )


def _per_block_at_one(id: str, observable: Observable, activation: Activation) -> Prediction:
    """The same at alpha = 1, of which the source gives no power."""
    setting = _setting(COUPLING, _ONE, activation)
    what, power = _SIZES[observable]
    return exponent_claim(
        id,
        f"In the first step of training at alpha = 1, the {what} of what one block adds to the "
        f"change of the stream by forward-backward coupling goes as L^{-2 * power}, but for a term "
        f"in L^2/n ({activation}).",
        observable,
        Axis.DEPTH,
        setting,
        PER_BLOCK_AT_ONE,
        sources.power_counting("coupling of a block: change of the stream times L^(-2 alpha)"),
        (_at_the_other_alpha(setting),),
        Standing.PROJECT,
    )


# The source says that it vanishes; how fast it must fall to be said to is ours.
VANISHES = ExponentAtMost(
    Axis.DEPTH, Fraction(-1, 4), "vanishing is stated by the source, the bound is ours"
)
_INDEPENDENCE_IS_VALID = sources.feature_learning_dynamics(
    "abstract: gradient independence becomes valid again at infinite depth"
)
_ACCUMULATED = {
    Observable.STREAM_COUPLING: "the last stream state",
    Observable.OUTPUT_COUPLING: "the output",
}


def _accumulated(id: str, observable: Observable, activation: Activation) -> Prediction:
    """A14: the sum over blocks of what each adds (not carried through the blocks above)."""
    setting = _setting(COUPLING, _HALF, activation)
    return exponent_claim(
        id,
        "In the first step, the sum over blocks of what forward-backward coupling adds to the "
        f"change of {_ACCUMULATED[observable]} vanishes as depth grows, at least as fast as L^-1/4 "
        f"(a bound of ours), at alpha = 1/2 ({activation}).",
        observable,
        Axis.DEPTH,
        setting,
        PER_BLOCK if activation is Activation.RELU else PER_BLOCK_STANDARD,
        _INDEPENDENCE_IS_VALID,
        (_faster(setting),),
        Standing.STATED,
        claimed=VANISHES,
        rival_control=_at_the_other_alpha(setting),
    )


def _accumulated_at_one(id: str, observable: Observable, activation: Activation) -> Prediction:
    """The same sum at alpha = 1, of which the source does not speak."""
    setting = _setting(COUPLING, _ONE, activation)
    return exponent_claim(
        id,
        "In the first step, the sum over blocks of what forward-backward coupling adds to the "
        f"change of {_ACCUMULATED[observable]} vanishes as 1/L as depth grows, at alpha = 1 "
        f"({activation}).",
        observable,
        Axis.DEPTH,
        setting,
        AT_ONE if activation is Activation.RELU else AT_ONE_STANDARD,
        sources.power_counting("accumulated coupling: change of the stream times L^(1 - 2a)"),
        (_at_the_other_alpha(setting),),
        Standing.PROJECT,
    )


_DISTANCES = {
    Observable.STREAM_REUSE_DISTANCE: "the size of the change of the last stream state",
    Observable.OUTPUT_REUSE_DISTANCE: "the change of the output",
}


def _distance(id: str, observable: Observable) -> Prediction:
    """A14: reused against independent backward weights."""
    setting = _setting(DECOUPLING, _HALF)
    # Inside a block, an independent backward pass loses the first layer's update entirely.
    wrong = replace(setting, architecture=residual(2))
    return exponent_claim(
        id,
        f"In the first step, the distance of {_DISTANCES[observable]} between reused and "
        "independent backward weights vanishes as depth grows, at least as fast as L^-1/4 (a bound "
        "of ours), at alpha = 1/2.",
        observable,
        Axis.DEPTH,
        setting,
        DISTANCES,
        _INDEPENDENCE_IS_VALID,
        (Control("blocks of two layers", wrong),),
        Standing.STATED,
        claimed=VANISHES,
        rival_control=_at_the_other_alpha(setting),
    )


def _distance_at_one(id: str, observable: Observable) -> Prediction:
    """The same distance at alpha = 1, of which the source does not speak."""
    setting = _setting(DECOUPLING, _ONE)
    return exponent_claim(
        id,
        f"In the first step, the distance of {_DISTANCES[observable]} between reused and "
        "independent backward weights vanishes as 1/L as depth grows, at alpha = 1.",
        observable,
        Axis.DEPTH,
        setting,
        AT_ONE,
        sources.power_counting("distance from independence: L^(1 - 2 alpha)"),
        (_at_the_other_alpha(setting),),
        Standing.PROJECT,
    )


_VALUE_REASONS = {
    _HALF: "an eighth of what reuse adds (0.25 to the output, 0.37 to the stream)",
    _ONE: "a quarter of what reuse adds at L = 2; it falls as 1/L",
}
_RATIOS: dict[Observable, tuple[str, CurveFunction]] = {
    Observable.OUTPUT_REUSE_RATIO: ("the output", output_reuse_ratio),
    Observable.STREAM_REUSE_RATIO: ("the last stream state", stream_reuse_ratio),
}


def _ratio(id: str, observable: Observable, alpha: Fraction) -> Prediction:
    """A14: how much reuse matters, against first-order theory, value by value."""
    setting = _setting(DECOUPLING, alpha)
    what, curve = _RATIOS[observable]
    return curve_claim(
        id,
        f"The change of {what} in the first step, over that with independent backward "
        f"weights, is what the tangent-kernel sums say at every depth, at alpha = {alpha}.",
        observable,
        curve,
        setting,
        VALUES if alpha < 1 else VALUES_AT_ONE,
        _VALUE_REASONS[alpha],
        sources.power_counting("first-order theory: tangent-kernel sums, layer by layer"),
        (_at_the_other_alpha(setting),),
        Standing.PROJECT,
    )


_MEAN_SQUARE, _AMPLITUDE = Observable.BLOCK_COUPLING, Observable.BLOCK_COUPLING_AMPLITUDE
_STREAM, _OUTPUT = Observable.STREAM_COUPLING, Observable.OUTPUT_COUPLING

PREDICTIONS: tuple[Prediction, ...] = (
    _share_of_rectified("A12.coupling.width.one-layer-blocks", 1, _FIXED, Standing.STATED),
    _share_of_rectified("A12.coupling.uniform.one-layer-blocks", 1, _GROWING, Standing.STATED),
    _share_of_rectified("A12.coupling.width.two-layer-blocks", 2, _FIXED, Standing.PROJECT),
    _share_of_rectified("A12.coupling.uniform.two-layer-blocks", 2, _GROWING, Standing.PROJECT),
    _share_at("A12.coupling.width.alpha-1/2.identity", _HALF, _IDENTITY, _FIXED_IN_FULL),
    _share_at("A12.coupling.uniform.alpha-1/2.identity", _HALF, _IDENTITY, _GROWING_IN_FULL),
    _share_at("A12.coupling.width.alpha-1/2.tanh", _HALF, _TANH, _FIXED_IN_FULL),
    _share_at("A12.coupling.uniform.alpha-1/2.tanh", _HALF, _TANH, _GROWING_IN_FULL),
    _share_at("A12.coupling.width.alpha-1.identity", _ONE, _IDENTITY, _FIXED_IN_FULL),
    _share_at("A12.coupling.uniform.alpha-1.identity", _ONE, _IDENTITY, _GROWING_IN_FULL),
    _share_at("A12.coupling.width.alpha-1.tanh", _ONE, _TANH, _FIXED_IN_FULL),
    _share_at("A12.coupling.uniform.alpha-1.tanh", _ONE, _TANH, _GROWING_IN_FULL),
    _share_at("A12.coupling.width.alpha-1.relu", _ONE, _RELU, _FIXED_IN_FULL),
    _share_at("A12.coupling.uniform.alpha-1.relu", _ONE, _RELU, _GROWING_IN_FULL),
    _per_block("A13.coupling.depth.mean-square.identity", _MEAN_SQUARE, _IDENTITY),
    _per_block("A13.coupling.depth.amplitude.identity", _AMPLITUDE, _IDENTITY),
    _per_block("A13.coupling.depth.mean-square.tanh", _MEAN_SQUARE, _TANH),
    _per_block("A13.coupling.depth.amplitude.tanh", _AMPLITUDE, _TANH),
    _per_block("A13.coupling.depth.mean-square.relu", _MEAN_SQUARE, _RELU),
    _per_block("A13.coupling.depth.amplitude.relu", _AMPLITUDE, _RELU),
    _per_block_at_one("A13.coupling.depth.mean-square.alpha-1.identity", _MEAN_SQUARE, _IDENTITY),
    _per_block_at_one("A13.coupling.depth.amplitude.alpha-1.identity", _AMPLITUDE, _IDENTITY),
    _per_block_at_one("A13.coupling.depth.mean-square.alpha-1.tanh", _MEAN_SQUARE, _TANH),
    _per_block_at_one("A13.coupling.depth.amplitude.alpha-1.tanh", _AMPLITUDE, _TANH),
    _per_block_at_one("A13.coupling.depth.mean-square.alpha-1.relu", _MEAN_SQUARE, _RELU),
    _per_block_at_one("A13.coupling.depth.amplitude.alpha-1.relu", _AMPLITUDE, _RELU),
    _accumulated("A14.accumulated.stream.alpha-1/2.identity", _STREAM, _IDENTITY),
    _accumulated("A14.accumulated.output.alpha-1/2.identity", _OUTPUT, _IDENTITY),
    _accumulated("A14.accumulated.stream.alpha-1/2.tanh", _STREAM, _TANH),
    _accumulated("A14.accumulated.output.alpha-1/2.tanh", _OUTPUT, _TANH),
    _accumulated("A14.accumulated.stream.alpha-1/2.relu", _STREAM, _RELU),
    _accumulated("A14.accumulated.output.alpha-1/2.relu", _OUTPUT, _RELU),
    _accumulated_at_one("A14.accumulated.stream.alpha-1.identity", _STREAM, _IDENTITY),
    _accumulated_at_one("A14.accumulated.output.alpha-1.identity", _OUTPUT, _IDENTITY),
    _accumulated_at_one("A14.accumulated.stream.alpha-1.tanh", _STREAM, _TANH),
    _accumulated_at_one("A14.accumulated.output.alpha-1.tanh", _OUTPUT, _TANH),
    _accumulated_at_one("A14.accumulated.stream.alpha-1.relu", _STREAM, _RELU),
    _accumulated_at_one("A14.accumulated.output.alpha-1.relu", _OUTPUT, _RELU),
    _distance("A14.distance.stream.alpha-1/2", Observable.STREAM_REUSE_DISTANCE),
    _distance("A14.distance.output.alpha-1/2", Observable.OUTPUT_REUSE_DISTANCE),
    _distance_at_one("A14.distance.stream.alpha-1", Observable.STREAM_REUSE_DISTANCE),
    _distance_at_one("A14.distance.output.alpha-1", Observable.OUTPUT_REUSE_DISTANCE),
    _ratio("A14.ratio.output.alpha-1/2", Observable.OUTPUT_REUSE_RATIO, _HALF),
    _ratio("A14.ratio.stream.alpha-1/2", Observable.STREAM_REUSE_RATIO, _HALF),
    _ratio("A14.ratio.output.alpha-1", Observable.OUTPUT_REUSE_RATIO, _ONE),
    _ratio("A14.ratio.stream.alpha-1", Observable.STREAM_REUSE_RATIO, _ONE),
)
