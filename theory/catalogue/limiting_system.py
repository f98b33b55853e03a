"""Claims A15 and A17: finite networks against the system that is their limit.

What they do after SGD steps, the law of their coordinates, and, for C6 as well, their error in
width. Sources: arXiv 2512.21075, arXiv 2309.16620. After the first step everything is exact to
first order in the learning rate. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import BlockForm, chain, residual
from theory.catalogue import sources
from theory.catalogue.settings import (
    AT_INITIALIZATION,
    FIRST_STEP_ON_ONE_INPUT,
    FITTING_RATE,
    VALUE_MARGIN,
)
from theory.catalogue.statements import curve_claim, exponent_claim
from theory.exact.feature_dynamics import Fitted
from theory.exact.first_step import stream_change, stream_change_decoupled
from theory.experiments import Fitting, Propagation, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Rival, Standing, product, ray
from theory.presets import depth_mup
from theory.relations import CurveEquals, ValueEquals
from theory.scaling import Axis

AFTER_STEPS = Regime(
    quick=Grid(product((2048,), (4, 8)), 48, 16),
    standard=Grid(product((4096,), (4, 16)), 64, 16),
    full=Grid(product((8192,), (4, 16, 32)), 64, 16),
)
AFTER_STEPS_STANDARD = replace(AFTER_STEPS, quick=None)
_FITTED_REASON = (
    "less than the distance between reused and independent backward weights, which is a fifth "
    "after one step and a twentieth after four"
)
_DEPTHS = (4, 8, 16, 32, 64, 128)
IN_WIDTH = Regime(
    quick=Grid(ray(8, _DEPTHS[:-1]), 96, 32),
    standard=Grid(ray(8, _DEPTHS), 128, 32),
    full=Grid(ray(16, (*_DEPTHS, 256)), 128, 32),
)
COORDINATES = Regime(
    quick=Grid(product((2048,), (4, 16)), 48, 16),
    standard=Grid(product((4096,), (4, 16, 64)), 48, 16),
    full=Grid(product((8192,), (4, 16, 64, 256)), 48, 16),
)
_DRIFT_DEPTHS = (8, 16, 32, 64, 128)
DRIFT = Regime(
    quick=Grid(product((1024,), _DRIFT_DEPTHS), 16, 8),
    standard=Grid(product((2048,), _DRIFT_DEPTHS), 24, 8),
    full=Grid(product((4096,), (*_DRIFT_DEPTHS, 256)), 24, 8),
)
STREAM_VALUES = Regime(
    quick=Grid(product((8192,), (4, 16)), 96, 16),
    standard=Grid(product((16384,), (4, 16, 32)), 96, 16),
    full=Grid(product((16384,), (4, 16, 64, 256)), 96, 16),
)

_DYNAMICS = sources.feature_learning_dynamics(
    "finite networks follow neural feature dynamics after SGD steps"
)
_COUPLED = sources.power_counting("the coupled system, in which reused weights respond")
_RESPONDS = "The coupled system, in which reused weights respond."


def _fitting(steps: int, *, independent: bool) -> Setting:
    experiment = Fitting(
        batch=1,
        steps=steps,
        rate=FITTING_RATE,
        independent_backward=independent,
    )
    return Setting(residual(1), depth_mup(), experiment)


def _short(setting: Setting) -> Control:
    shorter = replace(setting.architecture, variance_factor=Fraction(1, 4))
    return Control("horizon T = 1/4", replace(setting, architecture=shorter))


def _output(id: str, steps: int, *, independent: bool) -> Prediction:
    """A15 after k steps: the system of independent noises is the source's, the coupled one ours."""
    name, other = ("independent", "reused") if independent else ("reused", "independent")
    return curve_claim(
        id,
        f"After {steps} SGD step(s), the output of networks with {name} backward weights is "
        "that of the particle system with such weights.",
        Observable.FITTED_OUTPUT,
        Fitted(Observable.FITTED_OUTPUT, steps, FITTING_RATE, not independent),
        _fitting(steps, independent=independent),
        AFTER_STEPS if steps == 2 else AFTER_STEPS_STANDARD,
        _FITTED_REASON,
        _DYNAMICS if independent else _COUPLED,
        (Control(f"{other} backward weights", _fitting(steps, independent=not independent)),),
        Standing.STATED if independent else Standing.PROJECT,
    )


def _output_of_published_system(id: str, steps: int) -> Prediction:
    """A17 after k steps. After four the two systems are five percent apart: none is made then."""
    published = _output(id, steps, independent=True)
    coupled = _output(id, steps, independent=False)
    return replace(
        published,
        sentence=f"After {steps} SGD step(s), the output of networks, which reuse their weights, "
        "is that of the published system, in which forward and backward noise are independent.",
        setting=coupled.setting,
        controls=(_short(coupled.setting),),
        rival=Rival(_RESPONDS, coupled.relation, _COUPLED, coupled.controls[0]),
    )


def _second_moment(id: str, steps: int) -> Prediction:
    """A17 after k steps: the second moment of the stream's coordinates, by the coupled system."""
    reused = _fitting(steps, independent=False)
    return curve_claim(
        id,
        f"After {steps} SGD step(s), the second moment of h_L is that of the particle system in "
        "which reused weights respond.",
        Observable.FITTED_SECOND_MOMENT,
        Fitted(Observable.FITTED_SECOND_MOMENT, steps, FITTING_RATE, True),
        reused,
        AFTER_STEPS_STANDARD,
        "less than half of the distance to the system of independent noises after two steps",
        _COUPLED,
        (_short(reused),),
        Standing.PROJECT,
    )


def _second_moment_of_published_system(id: str, steps: int) -> Prediction:
    """The same by the published system; after one step the two are three percent apart."""
    coupled = _second_moment(id, steps)
    published = Fitted(Observable.FITTED_SECOND_MOMENT, steps, FITTING_RATE, False)
    return replace(
        coupled,
        sentence=f"After {steps} SGD steps, the second moment of h_L in networks, which reuse "
        "their weights, is that of the published system, in which forward and backward noise are "
        "independent.",
        relation=CurveEquals(Axis.DEPTH, published),
        citation=_DYNAMICS,
        rival=Rival(_RESPONDS, coupled.relation, _COUPLED, coupled.controls[0]),
        standing=Standing.STATED,
    )


def _kurtosis(id: str, steps: int) -> Prediction:
    """A17 after k steps: kurtosis, in which the two systems differ by less than the margin."""
    reused = _fitting(steps, independent=False)
    return curve_claim(
        id,
        f"After {steps} SGD step(s), the kurtosis of the coordinates of h_L is that of the "
        "particle system in which reused weights respond.",
        Observable.FITTED_KURTOSIS,
        Fitted(Observable.FITTED_KURTOSIS, steps, FITTING_RATE, True),
        reused,
        AFTER_STEPS_STANDARD,
        "a tenth of what branches with a mean cause",
        _COUPLED,
        (_with_a_mean(reused),),
        Standing.PROJECT,
    )


def _with_a_mean(setting: Setting) -> Control:
    coherent = residual(1, form=BlockForm.POST_ACTIVATION)
    name = "branches with a mean: post-activation, not centred"
    return Control(name, replace(setting, architecture=coherent))


def _in_width() -> Prediction:
    """A15 and C6 along width, uniformly in depth: 1/n read as the mean square, n^-1/2 its root."""
    setting = Setting(residual(1), depth_mup(), Propagation(batch=16))
    return exponent_claim(
        "A15.error.width.initialization",
        "Under depth-muP, the mean-square error of the second moment of h_L against infinite width "
        "falls as 1/n, also when depth grows in proportion to width.",
        Observable.RECURSION_ERROR,
        Axis.WIDTH,
        setting,
        IN_WIDTH,
        sources.depthwise_transfer("convergence at O(1/L) and O(n^-1/2) or better"),
        (
            Control(
                "a chain, whose fluctuations grow as L/n",
                replace(setting, architecture=chain()),
            ),
        ),
        Standing.STATED,
    )


def _coordinates(id: str, observable: Observable, value: float, sentence: str) -> Prediction:
    """A17 at initialization: Gaussian coordinates, uncorrelated increments."""
    setting = Setting(residual(1), depth_mup(), AT_INITIALIZATION)
    return Prediction(
        id=id,
        sentence=sentence,
        observable=observable,
        relation=ValueEquals(Axis.DEPTH, value, "neural feature dynamics at initialization"),
        setting=setting,
        regime=COORDINATES,
        margin=VALUE_MARGIN,
        margin_reason="a tenth of what branches with a mean cause",
        citation=sources.feature_learning_dynamics(
            "neural feature dynamics: a coupled stochastic system; at initialization diffusions"
        ),
        controls=(_with_a_mean(setting),),
        standing=Standing.STATED,
    )


_ONE_STEP = Setting(residual(1), depth_mup(), FIRST_STEP_ON_ONE_INPUT)


def _drift() -> Prediction:
    """A17 in training: a drift of order one along the gradient."""
    return exponent_claim(
        "A17.drift.depth",
        "In the first step, the share of the stream's change that lies along its gradient does not "
        "depend on depth: a drift of order one.",
        Observable.DRIFT_SHARE,
        Axis.DEPTH,
        _ONE_STEP,
        DRIFT,
        sources.feature_learning_dynamics(
            "neural feature dynamics: after SGD steps coordinates gain a drift along earlier "
            "gradients"
        ),
        (Control("a chain, without skip path", replace(_ONE_STEP, architecture=chain())),),
        Standing.STATED,
    )


def _law(id: str) -> Prediction:
    """A17 in training: the size of the change is that of the coupled system."""
    longer = replace(residual(1), variance_factor=Fraction(5, 4))
    return curve_claim(
        id,
        "The size of the first-step change of the last stream state is that of the coupled system "
        "in which the backward pass reuses the weights.",
        Observable.STREAM_CHANGE,
        stream_change,
        _ONE_STEP,
        STREAM_VALUES,
        "a tenth of the difference between reused and independent backward weights",
        sources.power_counting("first-order theory: the coupled system with reused weights"),
        (
            Control(
                "horizon T = 5/4 against the law at T = 1",
                replace(_ONE_STEP, architecture=longer),
            ),
        ),
        Standing.PROJECT,
    )


def _law_of_published_system(id: str) -> Prediction:
    """The same by the published system, of independent noises."""
    coupled = _law(id)
    return replace(
        coupled,
        sentence="The size of the first-step change of the last stream state is that of the "
        "published system, in which forward and backward noise are independent.",
        relation=CurveEquals(Axis.DEPTH, stream_change_decoupled),
        citation=sources.feature_learning_dynamics(
            "abstract: the gradient-independence assumption becomes valid again at infinite depth"
        ),
        rival=Rival(
            "First-order theory: the coupled system with reused weights.",
            coupled.relation,
            coupled.citation,
            coupled.controls[0],
        ),
        standing=Standing.STATED,
    )


PREDICTIONS: tuple[Prediction, ...] = (
    _output("A15.training.reused.steps-1", 1, independent=False),
    _output("A15.training.independent.steps-1", 1, independent=True),
    _output_of_published_system("A17.training.independent.steps-1", 1),
    _output("A15.training.reused.steps-2", 2, independent=False),
    _output("A15.training.independent.steps-2", 2, independent=True),
    _output_of_published_system("A17.training.independent.steps-2", 2),
    _output("A15.training.reused.steps-4", 4, independent=False),
    _output("A15.training.independent.steps-4", 4, independent=True),
    _second_moment("A17.stream.reused.steps-1", 1),
    _kurtosis("A17.kurtosis.reused.steps-1", 1),
    _second_moment("A17.stream.reused.steps-2", 2),
    _second_moment_of_published_system("A17.stream.independent.steps-2", 2),
    _kurtosis("A17.kurtosis.reused.steps-2", 2),
    _second_moment("A17.stream.reused.steps-4", 4),
    _second_moment_of_published_system("A17.stream.independent.steps-4", 4),
    _kurtosis("A17.kurtosis.reused.steps-4", 4),
    _in_width(),
    _coordinates(
        "A17.gaussian.value",
        Observable.KURTOSIS,
        3.0,
        "At initialization the coordinates of the last stream state are Gaussian: their "
        "kurtosis is 3.",
    ),
    _coordinates(
        "A17.increments.value",
        Observable.INCREMENT_RATIO,
        1.0,
        "At initialization the increments of the stream over the two halves of the depth "
        "are uncorrelated: their second moments add up.",
    ),
    _drift(),
    _law("A17.law.reused"),
    _law_of_published_system("A17.law.independent"),
)
