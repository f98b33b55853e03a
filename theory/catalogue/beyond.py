"""Beyond the sources: the same statements in blocks, batches and horizons they do not speak of.

What they name as future work, as far as the networks exist here. Power counting says what to
expect. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, BlockForm, residual
from theory.catalogue import sources
from theory.catalogue.depth_parameterizations import ADAM_DEPTH, AT_START, SGD_DEPTH, STANDARD_ONLY
from theory.catalogue.statements import AT_INITIALIZATION, FIRST_STEP, exponent_claim
from theory.experiments import Setting
from theory.observables import Observable
from theory.parameterization import Optimizer
from theory.prediction import Control, Grid, Prediction, Regime, product
from theory.presets import completep, depth_mup, mup
from theory.scaling import Axis, Power

# At T = 4 terms in 1/L move the exponent by a tenth between depths 8 and 128.
STRONG = Regime(
    None,
    Grid(product((512,), (4, 8, 16, 32, 64, 128)), 64, 8),
    (Power(depth=-1),),
    Grid(product((4096,), (8, 16, 32, 64, 128, 256)), 64, 8),
)
# A product with 64 inputs costs 16 times one with four.
MANY_INPUTS = Regime(
    None,
    Grid(product((128,), (8, 16, 32, 64)), 48, 8),
    (),
    Grid(product((4096,), (16, 64, 256)), 16, 8),
)
_OWN = Setting(residual(2), depth_mup(), FIRST_STEP)


def _collapse(name: str, what: str, setting: Setting, regime: Regime = SGD_DEPTH) -> Prediction:
    """A6 elsewhere: the own change of the first layer of a block goes as L^-1/2."""
    optimizer = setting.parameterization.optimizer
    control = replace(setting, parameterization=completep(1, optimizer))
    return exponent_claim(
        f"X.own.depth.{name}",
        f"Under depth-muP, the own change of the first layer of a block goes as L^-1/2 {what}.",
        Observable.FIRST_LAYER_OWN_CHANGE,
        Axis.DEPTH,
        setting,
        regime,
        sources.power_counting("own change of layer i: -(alpha + 2 a_i + c_i), alpha = 1/2"),
        (Control("alpha = 1", control),),
    )


def _batch(size: int) -> Setting:
    return replace(_OWN, experiment=replace(FIRST_STEP, batch=size))


def _horizon(horizon: str) -> Setting:
    return replace(_OWN, architecture=replace(residual(2), variance_factor=Fraction(horizon)))


def _centred() -> tuple[Prediction, ...]:
    """Post-activation blocks with the mean subtracted (arXiv 2310.02244)."""
    network = residual(1, form=BlockForm.POST_ACTIVATION_CENTRED)
    start = Setting(network, depth_mup(), AT_INITIALIZATION)
    step = replace(start, experiment=FIRST_STEP)
    citation = sources.power_counting("branches whose mean is subtracted add up as a random walk")
    return (
        exponent_claim(
            "X.forward.depth.centred",
            "In post-activation blocks with the mean subtracted, under depth-muP, the second "
            "moment of h_L does not change with depth.",
            Observable.FORWARD_SECOND_MOMENT,
            Axis.DEPTH,
            start,
            AT_START,
            citation,
            (
                Control(
                    "the mean not subtracted",
                    replace(start, architecture=residual(1, form=BlockForm.POST_ACTIVATION)),
                ),
            ),
        ),
        exponent_claim(
            "X.backward.depth.centred",
            "In post-activation blocks with the mean subtracted, under depth-muP, the second "
            "moment of n df/dh_0 does not change with depth.",
            Observable.BACKWARD_SECOND_MOMENT,
            Axis.DEPTH,
            start,
            replace(AT_START, quick=None),
            citation,
            (Control("alpha = 0", replace(start, parameterization=mup())),),
        ),
        exponent_claim(
            "X.stream.depth.centred",
            "In post-activation blocks with the mean subtracted, under depth-muP, the first-step "
            "change of the last stream state does not change with depth.",
            Observable.STREAM_CHANGE,
            Axis.DEPTH,
            step,
            SGD_DEPTH,
            citation,
            (Control("alpha = 0", replace(step, parameterization=mup())),),
        ),
    )


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
    )


PREDICTIONS: tuple[Prediction, ...] = (
    _collapse(
        "m-4", "in blocks of 4 layers", replace(_OWN, architecture=residual(4)), STANDARD_ONLY
    ),
    _collapse(
        "gelu", "with GELU", replace(_OWN, architecture=residual(2, Activation.GELU)), STANDARD_ONLY
    ),
    _collapse(
        "adam",
        "with adam",
        replace(_OWN, parameterization=depth_mup(Optimizer.ADAM)),
        ADAM_DEPTH,
    ),
    _collapse("batch-1", "with 1 input", _batch(1), STANDARD_ONLY),
    _collapse("batch-16", "with 16 inputs", _batch(16), STANDARD_ONLY),
    _collapse("batch-64", "with 64 inputs", _batch(64), MANY_INPUTS),
    _collapse("horizon-1/4", "at horizon T = 1/4", _horizon("1/4"), STANDARD_ONLY),
    _collapse("horizon-4", "at horizon T = 4", _horizon("4"), STRONG),
    *_centred(),
    _complete(),
)
