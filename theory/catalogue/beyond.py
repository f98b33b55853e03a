"""Beyond the sources: the same statements in blocks, batches and horizons they do not speak of.

What they name as future work, as far as the networks exist here. Power counting says what to
expect. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, BlockForm, residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    ADAM_STEP_ALONG_DEPTH,
    AT_INITIALIZATION,
    FIRST_STEP,
    START_ALONG_DEPTH,
    STEP_ALONG_DEPTH,
)
from theory.catalogue.statements import exponent_claim
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Optimizer
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product
from theory.presets import completep, depth_mup, mup
from theory.scaling import Axis, Power

STANDARD_ONLY = replace(STEP_ALONG_DEPTH, quick=None)
# At T = 4 terms in 1/L move the exponent by a tenth between depths 8 and 128.
STRONG = Regime(
    standard=Grid(product((512,), (4, 8, 16, 32, 64, 128)), 64, 8),
    full=Grid(product((4096,), (8, 16, 32, 64, 128, 256)), 64, 8),
    corrections=(Power(depth=-1),),
)
# A product with 64 inputs costs 16 times one with four.
MANY_INPUTS = Regime(
    standard=Grid(product((128,), (8, 16, 32, 64)), 48, 8),
    full=Grid(product((4096,), (16, 64, 256)), 16, 8),
)
_OWN = Setting(residual(2), depth_mup(), FIRST_STEP)


def _collapse(id: str, what: str, setting: Setting, regime: Regime = STANDARD_ONLY) -> Prediction:
    """A6 elsewhere: the own change of the first layer of a block goes as L^-1/2."""
    optimizer = setting.parameterization.optimizer
    control = replace(setting, parameterization=completep(1, optimizer))
    return exponent_claim(
        id,
        f"Under depth-muP, the own change of the first layer of a block goes as L^-1/2 {what}.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        sources.power_counting("own change of layer i: -(alpha + 2 a_i + c_i), alpha = 1/2"),
        (Control("alpha = 1", control),),
        Standing.PROJECT,
    )


def _batch(size: int) -> Setting:
    return replace(_OWN, experiment=replace(FIRST_STEP, batch=size))


def _horizon(horizon: str) -> Setting:
    return replace(_OWN, architecture=replace(residual(2), variance_factor=Fraction(horizon)))


# Post-activation blocks with the mean subtracted (arXiv 2310.02244).
_CENTRED = residual(1, form=BlockForm.POST_ACTIVATION_CENTRED)
_START = Setting(_CENTRED, depth_mup(), AT_INITIALIZATION)
_STEP = replace(_START, experiment=FIRST_STEP)
_RANDOM_WALK = sources.power_counting("branches whose mean is subtracted add up as a random walk")


def _centred(
    id: str,
    what: str,
    observable: Observable,
    setting: Setting,
    regime: Regime,
    control: Control,
) -> Prediction:
    return exponent_claim(
        id,
        f"In post-activation blocks with the mean subtracted, under depth-muP, the {what} does not "
        "change with depth.",
        observable,
        Axis.DEPTH,
        setting,
        regime,
        _RANDOM_WALK,
        (control,),
        Standing.PROJECT,
    )


def _unscaled(setting: Setting) -> Control:
    return Control("alpha = 0", replace(setting, parameterization=mup()))


def _complete() -> Prediction:
    """C7 in blocks of four layers, and ``_collapse`` its control."""
    return exponent_claim(
        "X.own.depth.m-4.alpha-1",
        "At alpha = 1, the own change of the first layer of a block does not change with depth in "
        "blocks of 4 layers.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        Setting(residual(4), completep(1), FIRST_STEP),
        STANDARD_ONLY,
        sources.power_counting("own change of layer i: -(alpha + 2 a_i + c_i), alpha = 1"),
        (Control("alpha = 1/2", Setting(residual(4), depth_mup(), FIRST_STEP)),),
        Standing.PROJECT,
    )


PREDICTIONS: tuple[Prediction, ...] = (
    _collapse("X.own.depth.m-4", "in blocks of 4 layers", replace(_OWN, architecture=residual(4))),
    _collapse(
        "X.own.depth.gelu", "with GELU", replace(_OWN, architecture=residual(2, Activation.GELU))
    ),
    _collapse(
        "X.own.depth.adam",
        "with adam",
        replace(_OWN, parameterization=depth_mup(Optimizer.ADAM)),
        ADAM_STEP_ALONG_DEPTH,
    ),
    _collapse("X.own.depth.batch-1", "with 1 input", _batch(1)),
    _collapse("X.own.depth.batch-16", "with 16 inputs", _batch(16)),
    _collapse("X.own.depth.batch-64", "with 64 inputs", _batch(64), MANY_INPUTS),
    _collapse("X.own.depth.horizon-1/4", "at horizon T = 1/4", _horizon("1/4")),
    _collapse("X.own.depth.horizon-4", "at horizon T = 4", _horizon("4"), STRONG),
    _centred(
        "X.forward.depth.centred",
        "second moment of h_L",
        Observable.FORWARD_SECOND_MOMENT,
        _START,
        START_ALONG_DEPTH,
        Control(
            "the mean not subtracted",
            replace(_START, architecture=residual(1, form=BlockForm.POST_ACTIVATION)),
        ),
    ),
    _centred(
        "X.backward.depth.centred",
        "second moment of n df/dh_0",
        Observable.BACKWARD_SECOND_MOMENT,
        _START,
        replace(START_ALONG_DEPTH, quick=None),
        _unscaled(_START),
    ),
    _centred(
        "X.stream.depth.centred",
        "first-step change of the last stream state",
        Observable.STREAM_CHANGE,
        _STEP,
        STEP_ALONG_DEPTH,
        _unscaled(_STEP),
    ),
    _complete(),
)
