"""Beyond the sources: normalized residual blocks and pre-norm transformers.

Power counting says what to expect; of normalized residual blocks the recursion is exact. Dividing
by the size of the stream makes up for the growth of the gradient: with homogeneous activations p_0
depends on neither depth, alpha nor horizon, but on the size of h_0 alone, so that the controls of
gradients along depth have inputs that fade with it. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture, Normalization, Role, residual, transformer
from theory.catalogue import sources
from theory.catalogue.learning_rate_transfer import TRAINED
from theory.catalogue.one_pass_training import ONE_PASS, TRAINING_MARGIN, TRAINING_REASON
from theory.catalogue.statements import (
    AT_INITIALIZATION,
    FIRST_STEP,
    FIRST_STEP_ON_ONE_INPUT,
    best_rate_claim,
    curve_claim,
    exponent_claim,
)
from theory.exact.propagation import backward_second_moment, forward_second_moment
from theory.experiments import Experiment, Propagation, Setting
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.prediction import Control, Grid, Prediction, Regime, product
from theory.presets import am_mup, completep, depth_mup, mup
from theory.scaling import Axis, Power

_DEPTHS = (8, 16, 32, 64)
_DEEPER = (*_DEPTHS, 128, 256)
NORMALIZED_START = Regime(
    Grid(product((64,), _DEPTHS), 48, 8),
    Grid(product((128,), (*_DEPTHS, 128)), 48, 8),
    (),
    Grid(product((4096,), _DEEPER), 32, 8),
)
NORMALIZED_STEP = Regime(
    None,
    Grid(product((128,), (*_DEPTHS, 128)), 64, 16),
    (),
    Grid(product((4096,), _DEEPER), 32, 8),
)
VALUES = Regime(
    None,
    Grid(product((512,), (4, 16, 64)), 128, 16),
    (),
    Grid(product((4096,), (4, 16, 64, 256)), 96, 16),
)
# At alpha = 1 branches of two kinds and tokens that become alike leave terms in 1/L several times
# those of residual blocks: q_L = 1 + O(1)/L moves its exponent by a twentieth from L = 8 on.
_FROM_16 = (16, 32, 64, 128)
TRANSFORMER_START = Regime(
    None,
    Grid(product((128,), _FROM_16), 20, 8),
    (),
    Grid(product((4096,), (*_FROM_16, 256)), 16, 8),
)
TRANSFORMER_STEP = replace(TRANSFORMER_START, standard=Grid(product((128,), _FROM_16), 20, 8))
# A training step has four tokens for every input of a residual network's, and six matrices a block.
# To 32 blocks, with 24 to 96 replicates, campaigns of the standard profile rejected transfer at
# alpha = 1/2 (three seeds of eight) or left it open, and at alpha = 1 accepted it or left it open.
# By ``scaleproof plan`` 148 of these depths decide, if the exponent is 0.
TRAINING = Regime(None, None, (), Grid(product((32,), (4, 8, 16, 32, 64)), 160, 8, looks=2))
# One pass shows more than twice the inputs of 40 steps.
ONE_PASS_TRAINING = Regime(None, None, (), Grid(product((32,), (4, 8, 16, 32, 64)), 24, 8, looks=2))
# The readout averages four tokens: its input, the gradient of a token and the change of the output
# are smaller than in a network of one token, and rates are larger by a power of two or three.
RATES = tuple(Fraction(2) ** k for k in range(-1, 7))
_ON_DIGITS = replace(TRAINED, rate=RATES[0])
# A sequence of four tokens costs what four inputs cost.
_ONE_SEQUENCE = Propagation(batch=1)

_BLOCKS, _TRANSFORMER = residual(2, normalization=Normalization.RMS), transformer()


def _kept_at_start(
    name: str, setting: Setting, forward: Regime, backward: Regime
) -> tuple[Prediction, ...]:
    """Second moments at initialization do not change with depth."""
    where = f"{setting.architecture} under {setting.parameterization.name}"
    grown = replace(setting, parameterization=mup())
    usual = setting.parameterization
    smaller = replace(usual[Role.INPUT], std=Power(depth="-1/4"))
    fading = usual.changed(f"{usual.name} with inputs times L^-1/4", {Role.INPUT: smaller})
    faded = Control(fading.name, replace(setting, parameterization=fading))
    return tuple(
        exponent_claim(
            f"X.{what}.depth.{name}",
            f"In {where}, the second moment of {signal} does not change with depth.",
            observable,
            Axis.DEPTH,
            setting,
            regime,
            sources.power_counting("normalized branches times L^-alpha add up as L^(1/2 - alpha)"),
            (control,),
        )
        for what, signal, observable, regime, control in (
            (
                "forward",
                "h_L",
                Observable.FORWARD_SECOND_MOMENT,
                forward,
                Control("alpha = 0", grown),
            ),
            ("backward", "n df/dh_0", Observable.BACKWARD_SECOND_MOMENT, backward, faded),
        )
    )


def _own_changes(
    name: str, architecture: Architecture, experiment: Experiment, regime: Regime
) -> tuple[Prediction, ...]:
    """First layers of branches: lazy at alpha = 1/2, and not at alpha = 1."""
    half = Setting(architecture, depth_mup(), experiment)
    one = replace(half, parameterization=completep(1))
    return tuple(
        exponent_claim(
            f"X.own.depth.{name}.alpha-{alpha}",
            f"In {architecture} at alpha = {alpha}, the own change of the first layers of "
            f"branches {goes}.",
            Observable.FIRST_LAYER_OWN_CHANGE,
            Axis.DEPTH,
            setting,
            regime,
            sources.power_counting(
                "own change of layer i: -(alpha + 2 a_i + c_i), c_i = 1 - 2 alpha"
            ),
            (Control(f"the rates and branches of {other.parameterization.name}", other),),
        )
        for alpha, goes, setting, other in (
            ("1/2", "goes as L^-1/2", half, one),
            ("1", "does not change with depth", one, half),
        )
    )


def _changes(
    name: str, setting: Setting, regime: Regime, observables: tuple[Observable, ...]
) -> tuple[Prediction, ...]:
    """Stream and output move by order one."""
    usual = setting.parameterization
    faster = usual.with_rates_times(Power(depth="1/2"), f"{usual.name} with rates times L^1/2")
    names = {
        Observable.STREAM_CHANGE: ("stream", "the last stream state"),
        Observable.OUTPUT_CHANGE: ("output", "the output"),
    }
    return tuple(
        exponent_claim(
            f"X.{names[observable][0]}.depth.{name}",
            f"In {setting.architecture} under {usual.name}, the first-step change of "
            f"{names[observable][1]} does not change with depth.",
            observable,
            Axis.DEPTH,
            setting,
            regime,
            sources.power_counting("change of the stream: 1 - (2 alpha + c_i), c_i = 1 - 2 alpha"),
            (Control(faster.name, replace(setting, parameterization=faster)),),
        )
        for observable in observables
    )


def _values() -> tuple[Prediction, ...]:
    """Of normalized residual blocks, by the exact recursion."""
    setting = Setting(_BLOCKS, depth_mup(), AT_INITIALIZATION)
    longer = replace(_BLOCKS, variance_factor=Fraction(5, 4))
    citation = sources.power_counting("exact propagation, theory.exact.propagation")
    return (
        curve_claim(
            "X.forward.value.normalized",
            "In normalized residual blocks under depth-muP, the second moment of h_L is 1 + T/2 at "
            "every depth.",
            Observable.FORWARD_SECOND_MOMENT,
            forward_second_moment,
            setting,
            VALUES,
            "a third of what a horizon T wrong by a quarter would cause",
            citation,
            (
                Control(
                    "horizon T = 5/4 against the recursion at T = 1",
                    replace(setting, architecture=longer),
                ),
            ),
        ),
        curve_claim(
            "X.backward.value.normalized",
            "In normalized residual blocks under depth-muP, the second moment of n df/dh_0 is 1 at "
            "every depth.",
            Observable.BACKWARD_SECOND_MOMENT,
            backward_second_moment,
            setting,
            VALUES,
            "a twentieth of what normalization does to it",
            citation,
            (
                Control(
                    "the same blocks without normalization",
                    replace(setting, architecture=residual(2)),
                ),
            ),
        ),
    )


def _normalized() -> tuple[Prediction, ...]:
    start = Setting(_BLOCKS, depth_mup(), AT_INITIALIZATION)
    step = replace(start, experiment=FIRST_STEP)
    return (
        *_kept_at_start("normalized", start, NORMALIZED_START, NORMALIZED_START),
        *_values(),
        *_own_changes("normalized", _BLOCKS, FIRST_STEP, NORMALIZED_STEP),
        *_changes("normalized", step, NORMALIZED_STEP, (Observable.STREAM_CHANGE,)),
    )


def _transfer(name: str, parameterization: Parameterization, regime: Regime) -> Prediction:
    setting = Setting(_TRANSFORMER, parameterization, _ON_DIGITS)
    slower = parameterization.with_rates_times(
        Power(depth="-1/2"), f"{parameterization.name} with rates times L^-1/2"
    )
    return best_rate_claim(
        f"X.rate.depth.{name}",
        f"In {_TRANSFORMER} under {parameterization.name} with sgd, the best learning rate "
        "transfers across depth.",
        Axis.DEPTH,
        setting,
        RATES,
        regime,
        sources.power_counting("largest stable rate: L^0"),
        Control(slower.name, replace(setting, parameterization=slower)),
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
        TRANSFORMER_STEP,
        sources.power_counting("two layers with Var W = c/(K fan_in): change of the stream L^0"),
        (Control("residual blocks of one layer", replace(setting, architecture=blocks)),),
    )


def _best_rate_of_one_pass() -> Prediction:
    """The same of the best rate, where tokens are bands of rows of a digit."""
    setting = Setting(_TRANSFORMER, am_mup(), replace(ONE_PASS, rate=RATES[0]))
    slower = am_mup().with_rates_times(Power(depth="-1/2"), "am_mup with rates times L^-1/2")
    prediction = best_rate_claim(
        "X.best-rate.depth.transformer",
        f"In {_TRANSFORMER} with AM-muP's scales, K = L in every matrix of a block, the learning "
        "rate of the smallest held-out loss after one pass does not change with depth.",
        Axis.DEPTH,
        setting,
        RATES,
        ONE_PASS_TRAINING,
        sources.power_counting("largest stable rate: L^0"),
        Control(slower.name, replace(setting, parameterization=slower)),
    )
    return replace(prediction, margin=TRAINING_MARGIN, margin_reason=TRAINING_REASON)


def _transformers() -> tuple[Prediction, ...]:
    predictions = []
    for alpha, parameterization in (("1/2", depth_mup()), ("1", completep(1))):
        name = f"transformer.alpha-{alpha}"
        start = Setting(_TRANSFORMER, parameterization, _ONE_SEQUENCE)
        step = replace(start, experiment=FIRST_STEP_ON_ONE_INPUT)
        both = (Observable.STREAM_CHANGE, Observable.OUTPUT_CHANGE)
        predictions += [
            *_kept_at_start(name, start, TRANSFORMER_START, TRANSFORMER_START),
            *_changes(name, step, TRANSFORMER_STEP, both),
            _transfer(name, parameterization, TRAINING),
        ]
    own = _own_changes("transformer", _TRANSFORMER, FIRST_STEP_ON_ONE_INPUT, TRANSFORMER_STEP)
    return *predictions, *own


PREDICTIONS: tuple[Prediction, ...] = (
    *_normalized(),
    *_transformers(),
    _update_rate(),
    _best_rate_of_one_pass(),
)
