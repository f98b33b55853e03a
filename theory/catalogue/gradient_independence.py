"""Claims A12 to A14: what reusing weights in the backward pass does, and where it stops to matter.

Source: arXiv 2512.21075. The claims are about blocks of one layer; everything is exact to first
order in the learning rate, for the first step from initialization. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, residual
from theory.catalogue import sources
from theory.catalogue.statements import curve_claim, exponent_claim
from theory.experiment import Experiment, Observable, Protocol, Setting
from theory.first_step import output_reuse_ratio, stream_reuse_ratio
from theory.prediction import Control, Grid, Prediction, Regime, product, ray
from theory.presets import completep, depth_mup
from theory.scaling import Axis, Power

COUPLING = Protocol(Experiment.COUPLING, batch=1)
COUPLING_AT_INITIALIZATION = Protocol(Experiment.COUPLING, batch=4)
DECOUPLING = Protocol(Experiment.DECOUPLING, batch=1)
# As many inputs as coordinates, or more: what the forward pass asked spans everything.
CROWDED = Protocol(Experiment.COUPLING, batch=256)

_SHALLOW, _DEPTHS = (8, 16, 32), (8, 16, 32, 64)
_ALL_DEPTHS = (4, *_DEPTHS, 128)
# The systematic part of a block's coupling is 1/L of what enters it, and 1/L^2 at alpha = 1; the
# random part, of an unrelated direction, 1/n. Wide enough for the former to dominate.
PER_BLOCK = Regime(
    Grid(product((4096,), _ALL_DEPTHS), 24, 8),
    Grid(product((8192,), _ALL_DEPTHS), 32, 8),
    (Power(depth=-1),),
    Grid(product((16384,), (*_ALL_DEPTHS, 256)), 32, 8),
)
PER_BLOCK_STANDARD = replace(PER_BLOCK, quick=None)
AT_ONE = Regime(
    Grid(product((8192,), _SHALLOW), 48, 8),
    Grid(product((32768,), _DEPTHS), 24, 8),
    (),
    Grid(product((65536,), _DEPTHS), 32, 8),
)
AT_ONE_STANDARD = replace(AT_ONE, quick=None)
DISTANCES = Regime(
    Grid(product((4096,), _DEPTHS), 24, 8),
    Grid(product((8192,), (*_DEPTHS, 128)), 24, 8),
    (),
    Grid(product((16384,), (*_DEPTHS, 128, 256)), 24, 8),
)
_WIDTHS = (32, 64, 128, 256)
ALONG_WIDTH = Regime(
    Grid(product(_WIDTHS, (8,)), 128, 4),
    Grid(product(_WIDTHS, (32,)), 128, 4),
)
ALONG_BOTH = Regime(
    Grid(ray(8, (4, *_SHALLOW)), 128, 4),
    Grid(ray(4, _DEPTHS), 128, 4),
)
VALUES = Regime(
    Grid(product((4096,), (4, 16)), 32, 8),
    Grid(product((8192,), (4, 16, 64)), 48, 8),
    (),
    Grid(product((16384,), (4, 16, 64, 256)), 48, 8),
)

_ALPHAS = {Fraction(1, 2): depth_mup(), Fraction(1): completep(1)}
_FASTER = depth_mup().with_rates_times(Power(depth="1/2"), "depth_mup with rates times L^1/2")
_ACTIVATIONS = (Activation.IDENTITY, Activation.TANH, Activation.RELU)


def _at_initialization(layers: int) -> tuple[Prediction, ...]:
    """A12: O(1/n), uniformly in depth; read as a share of |W^T g|^2, L fixed and L growing as n."""
    setting = Setting(residual(layers), depth_mup(), COUPLING_AT_INITIALIZATION)
    control = Control("256 inputs, which span every coordinate", replace(setting, protocol=CROWDED))
    return tuple(
        exponent_claim(
            f"A12.coupling.{name}.{'one' if layers == 1 else 'two'}-layer-blocks",
            "At initialization, the share of a backward product W^T g that the forward pass has "
            f"determined goes as 1/n {where}, in blocks of {layers} layer(s).",
            Observable.BACKWARD_COUPLING,
            Axis.WIDTH,
            setting,
            regime,
            sources.feature_learning_dynamics("gradient independence at initialization"),
            (control,),
        )
        for name, where, regime in (
            ("width", "at fixed depth", ALONG_WIDTH),
            ("uniform", "when depth grows in proportion to width: uniformly in depth", ALONG_BOTH),
        )
    )


def _per_block(activation: Activation) -> tuple[Prediction, ...]:
    """A13: O(L^-2) per block, read as the mean square, and as the amplitude."""
    setting = Setting(residual(1, activation), depth_mup(), COUPLING)
    regime = PER_BLOCK if activation is Activation.RELU else PER_BLOCK_STANDARD
    faster = Control(_FASTER.name, replace(setting, parameterization=_FASTER))
    citation = sources.feature_learning_dynamics(
        "in training the forward-backward coupling is of higher order in depth, O(L^-2)"
    )
    return (
        exponent_claim(
            f"A13.coupling.depth.mean-square.{activation}",
            "In training under depth-muP, the mean square of what one block adds to the stream by "
            f"forward-backward coupling goes as L^-2 ({activation}).",
            Observable.BLOCK_COUPLING,
            Axis.DEPTH,
            setting,
            regime,
            citation,
            (faster,),
        ),
        exponent_claim(
            f"A13.coupling.depth.amplitude.{activation}",
            "In training under depth-muP, the size of what one block adds to the stream by "
            f"forward-backward coupling goes as L^-2 ({activation}).",
            Observable.BLOCK_COUPLING_AMPLITUDE,
            Axis.DEPTH,
            setting,
            regime,
            citation,
            (faster,),
            published="-2",
        ),
    )


_ACCUMULATED = {
    "stream": (Observable.STREAM_COUPLING, "the last stream state"),
    "output": (Observable.OUTPUT_COUPLING, "the output"),
}


def _accumulated(activation: Activation, alpha: Fraction, name: str) -> Prediction:
    """A14: the sum over blocks vanishes; read as an exponent of -1 at alpha = 1/2."""
    observable, what = _ACCUMULATED[name]
    half = alpha == Fraction(1, 2)
    setting = Setting(residual(1, activation), _ALPHAS[alpha], COUPLING)
    other = replace(setting, parameterization=_ALPHAS[Fraction(3, 2) - alpha])
    by_rectified = activation is Activation.RELU
    regime = PER_BLOCK if by_rectified else PER_BLOCK_STANDARD
    if not half:
        regime = AT_ONE if by_rectified else AT_ONE_STANDARD
    control = Control(_FASTER.name, replace(setting, parameterization=_FASTER))
    return exponent_claim(
        f"A14.accumulated.{name}.alpha-{alpha}.{activation}",
        f"The accumulated effect of forward-backward coupling on the change of {what} vanishes "
        f"as 1/L at alpha = {alpha} ({activation}).",
        observable,
        Axis.DEPTH,
        setting,
        regime,
        sources.feature_learning_dynamics(
            "abstract: gradient independence becomes valid again at infinite depth"
        )
        if half
        else sources.power_counting("accumulated coupling: change of the stream times L^(1 - 2a)"),
        (control,) if half else (Control("alpha = 1/2", other),),
        published="-1" if half else None,
        rival_control=Control("alpha = 1", other) if half else None,
    )


_DISTANCES = {
    "stream": (Observable.STREAM_REUSE_DISTANCE, "the size of the change of the last stream state"),
    "output": (Observable.OUTPUT_REUSE_DISTANCE, "the change of the output"),
}


def _distance(alpha: Fraction, name: str) -> Prediction:
    """A14: reused against independent backward weights."""
    observable, what = _DISTANCES[name]
    half = alpha == Fraction(1, 2)
    setting = Setting(residual(1), _ALPHAS[alpha], DECOUPLING)
    other = replace(setting, parameterization=_ALPHAS[Fraction(3, 2) - alpha])
    wrong = replace(setting, parameterization=completep("3/4"))
    return exponent_claim(
        f"A14.distance.{name}.alpha-{alpha}",
        f"The distance of {what} between reused and independent backward weights vanishes as 1/L "
        f"at alpha = {alpha}.",
        observable,
        Axis.DEPTH,
        setting,
        DISTANCES if half else AT_ONE,
        sources.feature_learning_dynamics(
            "abstract: gradient independence becomes valid again at infinite depth"
        )
        if half
        else sources.power_counting("distance from independence: L^(1 - 2 alpha)"),
        (Control("alpha = 3/4", wrong),) if half else (Control("alpha = 1/2", other),),
        published="-1" if half else None,
        rival_control=Control("alpha = 1", other) if half else None,
    )


def _values() -> tuple[Prediction, ...]:
    """A14: how much reuse matters, against first-order theory, value by value."""
    reason = (
        "an eighth of the excess over independence (1.25 for the output, 1.37 for the stream, at "
        "alpha = 1/2)"
    )
    return tuple(
        curve_claim(
            f"A14.ratio.{name}.alpha-{alpha}",
            f"The change of {what} in the first step, over that with independent backward "
            f"weights, is what the tangent-kernel sums say at every depth, at alpha = {alpha}.",
            observable,
            curve,
            setting := Setting(residual(1), parameterization, DECOUPLING),
            VALUES,
            reason,
            sources.power_counting("first-order theory: tangent-kernel sums, layer by layer"),
            (
                Control(
                    f"alpha = {Fraction(3, 2) - alpha}",
                    replace(setting, parameterization=_ALPHAS[Fraction(3, 2) - alpha]),
                ),
            ),
        )
        for alpha, parameterization in _ALPHAS.items()
        for name, observable, curve, what in (
            ("output", Observable.OUTPUT_REUSE_RATIO, output_reuse_ratio, "the output"),
            ("stream", Observable.STREAM_REUSE_RATIO, stream_reuse_ratio, "the last stream state"),
        )
    )


PREDICTIONS: tuple[Prediction, ...] = (
    *(prediction for layers in (1, 2) for prediction in _at_initialization(layers)),
    *(prediction for activation in _ACTIVATIONS for prediction in _per_block(activation)),
    *(
        _accumulated(activation, alpha, name)
        for alpha in _ALPHAS
        for activation in _ACTIVATIONS
        for name in _ACCUMULATED
    ),
    *(_distance(alpha, name) for alpha in _ALPHAS for name in _DISTANCES),
    *_values(),
)
