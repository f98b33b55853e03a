"""Beyond the sources: normalized residual blocks and pre-norm transformers.

Power counting says what to expect; of normalized residual blocks the recursion is exact. Dividing
by the size of the stream makes up for the growth of the gradient: with homogeneous activations p_0
depends on neither depth, alpha nor horizon, but on the size of h_0 alone, so that the controls of
gradients along depth have inputs that fade with it. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Normalization, Role, residual, transformer
from theory.catalogue import sources
from theory.catalogue.settings import (
    AT_INITIALIZATION,
    FIRST_STEP,
    FIRST_STEP_ON_ONE_INPUT,
    FORTY_STEPS,
    ONE_PASS,
    TRAINING_MARGIN,
    TRAINING_REASON,
    powers_of_two,
    rates_times,
)
from theory.catalogue.statements import best_rate_claim, curve_claim, exponent_claim
from theory.exact.propagation import backward_second_moment, forward_second_moment
from theory.experiments import Propagation, Setting
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product
from theory.presets import am_mup, completep, depth_mup, mup
from theory.scaling import Axis, Power

_DEPTHS = (8, 16, 32, 64)
_DEEPER = (*_DEPTHS, 128, 256)
NORMALIZED_START = Regime(
    quick=Grid(product((64,), _DEPTHS), 48, 8),
    standard=Grid(product((128,), (*_DEPTHS, 128)), 48, 8),
    full=Grid(product((4096,), _DEEPER), 32, 8),
)
NORMALIZED_STEP = Regime(
    standard=Grid(product((128,), (*_DEPTHS, 128)), 64, 16),
    full=Grid(product((4096,), _DEEPER), 32, 8),
)
VALUES = Regime(
    standard=Grid(product((512,), (4, 16, 64)), 128, 16),
    full=Grid(product((4096,), (4, 16, 64, 256)), 96, 16),
)
# At alpha = 1 branches of two kinds and tokens that become alike leave terms in 1/L several times
# those of residual blocks: q_L = 1 + O(1)/L moves its exponent by a twentieth from L = 8 on.
_FROM_16 = (16, 32, 64, 128)
DEEP_TRANSFORMERS = Regime(
    standard=Grid(product((128,), _FROM_16), 20, 8),
    full=Grid(product((4096,), (*_FROM_16, 256)), 16, 8),
)
# A training step has four tokens for every input of a residual network's, and six matrices a block.
# By ``scaleproof plan`` 148 replicates of these depths decide, if the exponent is 0.
TRAINING = Regime(full=Grid(product((32,), (4, 8, 16, 32, 64)), 160, 8, looks=2))
# One pass shows more than twice the inputs of 40 steps.
ONE_PASS_TRAINING = Regime(full=Grid(product((32,), (4, 8, 16, 32, 64)), 24, 8, looks=2))
# The readout averages four tokens: its input, the gradient of a token and the change of the output
# are smaller than in a network of one token, and rates are larger by a power of two or three.
RATES = powers_of_two(-1, 6)
_ON_DIGITS = replace(FORTY_STEPS, rate=RATES[0])
# A sequence of four tokens costs what four inputs cost.
_ONE_SEQUENCE = Propagation(batch=1)

_BLOCKS, _TRANSFORMER = residual(2, normalization=Normalization.RMS), transformer()


_ADD_UP = sources.power_counting("normalized branches times L^-alpha add up as L^(1/2 - alpha)")


def _forward(id: str, setting: Setting, regime: Regime) -> Prediction:
    """The second moment of the stream at initialization does not change with depth."""
    return exponent_claim(
        id,
        f"In {setting.architecture} under {setting.parameterization.name}, the second moment of "
        "h_L does not change with depth.",
        Observable.FORWARD_SECOND_MOMENT,
        Axis.DEPTH,
        setting,
        regime,
        _ADD_UP,
        (Control("alpha = 0", replace(setting, parameterization=mup())),),
        Standing.PROJECT,
    )


def _backward(id: str, setting: Setting, regime: Regime) -> Prediction:
    """Nor does that of the gradient."""
    usual = setting.parameterization
    smaller = replace(usual[Role.INPUT], std=Power(depth="-1/4"))
    fading = usual.changed(f"{usual.name} with inputs times L^-1/4", {Role.INPUT: smaller})
    return exponent_claim(
        id,
        f"In {setting.architecture} under {usual.name}, the second moment of n df/dh_0 does not "
        "change with depth.",
        Observable.BACKWARD_SECOND_MOMENT,
        Axis.DEPTH,
        setting,
        regime,
        _ADD_UP,
        (Control(fading.name, replace(setting, parameterization=fading)),),
        Standing.PROJECT,
    )


def _own_change(id: str, alpha: str, at_half: Setting, regime: Regime) -> Prediction:
    """First layers of branches: lazy at alpha = 1/2, and not at alpha = 1."""
    one = replace(at_half, parameterization=completep(1))
    half_is_claimed = alpha == "1/2"
    goes = "goes as L^-1/2" if half_is_claimed else "does not change with depth"
    setting, other = (at_half, one) if half_is_claimed else (one, at_half)
    return exponent_claim(
        id,
        f"In {setting.architecture} at alpha = {alpha}, the own change of the first layers of "
        f"branches {goes}.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        sources.power_counting("own change of layer i: -(alpha + 2 a_i + c_i), c_i = 1 - 2 alpha"),
        (Control(f"the rates and branches of {other.parameterization.name}", other),),
        Standing.PROJECT,
    )


_CHANGES = {
    Observable.STREAM_CHANGE: "the last stream state",
    Observable.OUTPUT_CHANGE: "the output",
}


def _change(id: str, observable: Observable, setting: Setting, regime: Regime) -> Prediction:
    """Stream and output move by order one."""
    factor = Power(depth="1/2")
    return exponent_claim(
        id,
        f"In {setting.architecture} under {setting.parameterization.name}, the first-step change "
        f"of {_CHANGES[observable]} does not change with depth.",
        observable,
        Axis.DEPTH,
        setting,
        regime,
        sources.power_counting("change of the stream: 1 - (2 alpha + c_i), c_i = 1 - 2 alpha"),
        (rates_times(setting, factor, factor),),
        Standing.PROJECT,
    )


_NORMALIZED_START = Setting(_BLOCKS, depth_mup(), AT_INITIALIZATION)
_NORMALIZED_STEP = replace(_NORMALIZED_START, experiment=FIRST_STEP)
_PROPAGATION = sources.power_counting("exact propagation, theory.exact.propagation")


def _forward_value() -> Prediction:
    """Of normalized residual blocks, by the exact recursion."""
    longer = replace(_BLOCKS, variance_factor=Fraction(5, 4))
    return curve_claim(
        "X.forward.value.normalized",
        "In normalized residual blocks under depth-muP, the second moment of h_L is 1 + T/2 at "
        "every depth.",
        Observable.FORWARD_SECOND_MOMENT,
        forward_second_moment,
        _NORMALIZED_START,
        VALUES,
        "a third of what a horizon T wrong by a quarter would cause",
        _PROPAGATION,
        (
            Control(
                "horizon T = 5/4 against the recursion at T = 1",
                replace(_NORMALIZED_START, architecture=longer),
            ),
        ),
        Standing.PROJECT,
    )


def _backward_value() -> Prediction:
    """The same of the gradient."""
    usual = replace(_NORMALIZED_START, architecture=residual(2))
    return curve_claim(
        "X.backward.value.normalized",
        "In normalized residual blocks under depth-muP, the second moment of n df/dh_0 is 1 at "
        "every depth.",
        Observable.BACKWARD_SECOND_MOMENT,
        backward_second_moment,
        _NORMALIZED_START,
        VALUES,
        "a twentieth of what normalization does to it",
        _PROPAGATION,
        (Control("the same blocks without normalization", usual),),
        Standing.PROJECT,
    )


def _transfer(id: str, parameterization: Parameterization) -> Prediction:
    """The best rate of 40 steps; the control is its own training with base rates relabelled."""
    setting = Setting(_TRANSFORMER, parameterization, _ON_DIGITS)
    slower = Power(depth="-1/2")
    return best_rate_claim(
        id,
        f"In {_TRANSFORMER} under {parameterization.name} with sgd, the best learning rate "
        "transfers across depth.",
        Axis.DEPTH,
        setting,
        RATES,
        TRAINING,
        sources.power_counting("largest stable rate: L^0"),
        rates_times(setting, slower, slower),
        Standing.PROJECT,
    )


def _update_rate() -> Prediction:
    """AM-muP's rate in a transformer, of which the source does not speak."""
    setting = Setting(_TRANSFORMER, am_mup(), FIRST_STEP_ON_ONE_INPUT)
    blocks = replace(residual(1), variance_factor=Fraction(2))
    return exponent_claim(
        "X.update-rate.depth.transformer",
        f"In {_TRANSFORMER} with AM-muP's scales, K = L in every matrix of a block, the "
        "maximal-update learning rate does not change with depth.",
        Observable.MAXIMAL_UPDATE_RATE,
        Axis.DEPTH,
        setting,
        DEEP_TRANSFORMERS,
        sources.power_counting("two layers with Var W = c/(K fan_in): change of the stream L^0"),
        (Control("residual blocks of one layer", replace(setting, architecture=blocks)),),
        Standing.PROJECT,
    )


def _best_rate_of_one_pass() -> Prediction:
    """The same of the best rate, where tokens are bands of rows of a digit."""
    setting = Setting(_TRANSFORMER, am_mup(), replace(ONE_PASS, rate=RATES[0]))
    slower = Power(depth="-1/2")
    prediction = best_rate_claim(
        "X.best-rate.depth.transformer",
        f"In {_TRANSFORMER} with AM-muP's scales, K = L in every matrix of a block, the learning "
        "rate of the smallest held-out loss after one pass does not change with depth.",
        Axis.DEPTH,
        setting,
        RATES,
        ONE_PASS_TRAINING,
        sources.power_counting("largest stable rate: L^0"),
        rates_times(setting, slower, slower),
        Standing.PROJECT,
    )
    return replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)


_HALF_START, _ONE_START = (
    Setting(_TRANSFORMER, parameterization, _ONE_SEQUENCE)
    for parameterization in (depth_mup(), completep(1))
)
_HALF_STEP, _ONE_STEP = (
    replace(start, experiment=FIRST_STEP_ON_ONE_INPUT) for start in (_HALF_START, _ONE_START)
)
_STREAM, _OUTPUT = Observable.STREAM_CHANGE, Observable.OUTPUT_CHANGE

PREDICTIONS: tuple[Prediction, ...] = (
    _forward("X.forward.depth.normalized", _NORMALIZED_START, NORMALIZED_START),
    _backward("X.backward.depth.normalized", _NORMALIZED_START, NORMALIZED_START),
    _forward_value(),
    _backward_value(),
    _own_change("X.own.depth.normalized.alpha-1/2", "1/2", _NORMALIZED_STEP, NORMALIZED_STEP),
    _own_change("X.own.depth.normalized.alpha-1", "1", _NORMALIZED_STEP, NORMALIZED_STEP),
    _change("X.stream.depth.normalized", _STREAM, _NORMALIZED_STEP, NORMALIZED_STEP),
    _forward("X.forward.depth.transformer.alpha-1/2", _HALF_START, DEEP_TRANSFORMERS),
    _backward("X.backward.depth.transformer.alpha-1/2", _HALF_START, DEEP_TRANSFORMERS),
    _change("X.stream.depth.transformer.alpha-1/2", _STREAM, _HALF_STEP, DEEP_TRANSFORMERS),
    _change("X.output.depth.transformer.alpha-1/2", _OUTPUT, _HALF_STEP, DEEP_TRANSFORMERS),
    _transfer("X.rate.depth.transformer.alpha-1/2", depth_mup()),
    _forward("X.forward.depth.transformer.alpha-1", _ONE_START, DEEP_TRANSFORMERS),
    _backward("X.backward.depth.transformer.alpha-1", _ONE_START, DEEP_TRANSFORMERS),
    _change("X.stream.depth.transformer.alpha-1", _STREAM, _ONE_STEP, DEEP_TRANSFORMERS),
    _change("X.output.depth.transformer.alpha-1", _OUTPUT, _ONE_STEP, DEEP_TRANSFORMERS),
    _transfer("X.rate.depth.transformer.alpha-1", completep(1)),
    _own_change("X.own.depth.transformer.alpha-1/2", "1/2", _HALF_STEP, DEEP_TRANSFORMERS),
    _own_change("X.own.depth.transformer.alpha-1", "1", _HALF_STEP, DEEP_TRANSFORMERS),
    _update_rate(),
    _best_rate_of_one_pass(),
)
