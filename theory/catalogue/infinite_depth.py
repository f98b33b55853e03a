"""Claims A15 and A17 (and C6): the distance to the limit of depth, and its law of coordinates.

Sources: arXiv 2512.21075, arXiv 2309.16620. After the first step everything is exact to first order
in the learning rate. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, BlockForm, chain, residual
from theory.catalogue import sources
from theory.catalogue.statements import (
    AT_INITIALIZATION,
    EXPONENT_MARGIN,
    FIRST_STEP_ON_ONE_INPUT,
    VALUE_MARGIN,
    curve_claim,
    exponent_claim,
    stated,
)
from theory.exact.feature_dynamics import Fitted
from theory.exact.first_step import output_change, stream_change, stream_change_decoupled
from theory.experiments import Convergence, Fitting, Propagation, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Rival, product, ray
from theory.presets import completep, depth_mup
from theory.relations import CurveEquals, ExponentEquals, ValueEquals
from theory.scaling import Axis, Cell, Power

# At T = 4 the terms in 1/L are an order larger than at T = 1, and stand out of the noise of width.
_STRONG = replace(residual(1), variance_factor=Fraction(4))
TO_THE_LIMIT = Regime(
    None,
    Grid(product((65536,), (4, 8, 16, 32)), 192, 8),
    (Power(depth=-1),),
    Grid(product((65536,), (4, 8, 16, 32, 64)), 384, 8),
)
STEP_VALUES = Regime(
    Grid(product((4096,), (8, 32)), 192, 16),
    Grid(product((8192,), (8, 16, 32, 64)), 128, 16),
    (),
    Grid(product((16384,), (8, 16, 32, 64, 128, 256)), 96, 16),
)
# The first step closes half of the distance to the label.
FITTING_RATE = Fraction(1, 8)
AFTER_STEPS = Regime(
    Grid(product((2048,), (4, 8)), 48, 16),
    Grid(product((4096,), (4, 16)), 64, 16),
    (),
    Grid(product((8192,), (4, 16, 32)), 64, 16),
)
_FITTED_REASON = (
    "less than the distance between reused and independent backward weights, which is a fifth "
    "after one step and a twentieth after four"
)
AFTER_STEPS_STANDARD = replace(AFTER_STEPS, quick=None)
# The distance of depth L to depth R goes as (1/L - 1/R)^1/2 along one path: R = 16 L moves its
# local exponent by 1/30. A distance is a mean over coordinates: exponents of replicates spread by a
# twentieth in a pilot on another seed.
DEEPEST = Cell(48, 1024)
ON_PATH = Regime(None, Grid(product((DEEPEST.width,), (8, 16, 32, 64)), 16, 8))
_ON_PATH_REASON = (
    "a fifth of the step between the two readings, an exponent of -1/2 and of -1; on the mean "
    "square it is 1/5"
)
_DEPTHS = (4, 8, 16, 32, 64, 128)
IN_WIDTH = Regime(
    Grid(ray(8, _DEPTHS[:-1]), 96, 32),
    Grid(ray(8, _DEPTHS), 128, 32),
    (),
    Grid(ray(16, (*_DEPTHS, 256)), 128, 32),
)
COORDINATES = Regime(
    Grid(product((2048,), (4, 16)), 48, 16),
    Grid(product((4096,), (4, 16, 64)), 48, 16),
    (),
    Grid(product((8192,), (4, 16, 64, 256)), 48, 16),
)
_DRIFT_DEPTHS = (8, 16, 32, 64, 128)
DRIFT = Regime(
    Grid(product((1024,), _DRIFT_DEPTHS), 16, 8),
    Grid(product((2048,), _DRIFT_DEPTHS), 24, 8),
    (),
    Grid(product((4096,), (*_DRIFT_DEPTHS, 256)), 24, 8),
)
STREAM_VALUES = Regime(
    Grid(product((8192,), (4, 16)), 96, 16),
    Grid(product((16384,), (4, 16, 32)), 96, 16),
    (),
    Grid(product((16384,), (4, 16, 64, 256)), 96, 16),
)
ONE_INPUT = Propagation(batch=1)
MANY_INPUTS = Propagation(batch=16)


def _distances() -> tuple[Prediction, ...]:
    """A15 along depth: at initialization measured, after the first step against exact sums.

    The fluctuations of width are too large to see the distance after a step directly; its value at
    each depth is exact, and the distance of that from ``output_change_limit`` goes as 1/L.
    """
    citation = sources.feature_learning_dynamics("finite networks approach the limit as 1/L")
    start = Setting(_STRONG, depth_mup(), ONE_INPUT)
    step = replace(start, experiment=FIRST_STEP_ON_ONE_INPUT)
    return (
        exponent_claim(
            "A15.distance.depth.initialization",
            "Under depth-muP, the distance of the second moment of h_L to the infinite-depth limit "
            "falls as 1/L (T = 4).",
            Observable.LIMIT_DISTANCE,
            Axis.DEPTH,
            start,
            TO_THE_LIMIT,
            citation,
            (
                Control(
                    "alpha = 1, which has another limit",
                    replace(start, parameterization=completep(1)),
                ),
            ),
        ),
        curve_claim(
            "A15.value.first-step",
            "Under depth-muP, the output's change in the first step has the exact value of its "
            "depth, at every depth (T = 4).",
            Observable.OUTPUT_CHANGE,
            output_change,
            step,
            STEP_VALUES,
            "a ninth of the distance to the limit at L = 8",
            citation,
            (
                Control(
                    "horizon T = 5 against the value at T = 4",
                    replace(step, architecture=replace(_STRONG, variance_factor=Fraction(5))),
                ),
            ),
        ),
    )


def _after_steps(steps: int) -> tuple[Prediction, ...]:
    """A15 and A17 after k steps: finite networks against the system, in both readings."""
    reused = _fitting(steps, independent_backward=False)
    independent = _fitting(steps, independent_backward=True)
    of_reused, of_independent = (
        Control(f"{name} backward weights", setting)
        for name, setting in (("reused", reused), ("independent", independent))
    )
    dynamics = sources.feature_learning_dynamics(
        "finite networks follow neural feature dynamics after SGD steps"
    )
    coupled = sources.power_counting("the coupled system, in which reused weights respond")
    regime = AFTER_STEPS if steps == 2 else AFTER_STEPS_STANDARD
    both = {
        flag: curve_claim(
            f"A15.training.{name}.steps-{steps}",
            f"After {steps} SGD step(s), the output of networks with {name} backward weights is "
            "that of the particle system with such weights.",
            Observable.FITTED_OUTPUT,
            Fitted(Observable.FITTED_OUTPUT, steps, FITTING_RATE, flag),
            setting,
            regime,
            _FITTED_REASON,
            citation,
            (control,),
        )
        for flag, name, setting, citation, control in (
            (True, "reused", reused, coupled, of_independent),
            (False, "independent", independent, dynamics, of_reused),
        )
    }
    if steps == 4:  # the two systems are five percent apart: both could be accepted
        return tuple(both.values())
    published = replace(
        both[False],
        id=f"A17.training.independent.steps-{steps}",
        sentence=f"After {steps} SGD step(s), the output of networks, which reuse their weights, "
        "is that of the published system, in which forward and backward noise are independent.",
        setting=reused,
        controls=(Control("horizon T = 1/4", _short(reused)),),
        rival=Rival(
            "The coupled system, in which reused weights respond.",
            both[True].relation,
            coupled,
            of_independent,
        ),
    )
    return *both.values(), published


def _moments_after_steps(steps: int) -> tuple[Prediction, ...]:
    """A17 after k steps: second moment and kurtosis of the stream's coordinates, by the system.

    After one step the two systems are three percent apart in the second moment, and no prediction
    is made of the published one; kurtoses differ by less than the margin.
    """
    reused = _fitting(steps, independent_backward=False)
    coherent = replace(reused, architecture=residual(1, form=BlockForm.POST_ACTIVATION))
    short = Control("horizon T = 1/4", _short(reused))
    coupled = sources.power_counting("the coupled system, in which reused weights respond")
    values = {
        flag: Fitted(Observable.FITTED_SECOND_MOMENT, steps, FITTING_RATE, flag)
        for flag in (True, False)
    }
    second = curve_claim(
        f"A17.stream.reused.steps-{steps}",
        f"After {steps} SGD step(s), the second moment of h_L is that of the particle system in "
        "which reused weights respond.",
        Observable.FITTED_SECOND_MOMENT,
        values[True],
        reused,
        AFTER_STEPS_STANDARD,
        "less than half of the distance to the system of independent noises after two steps",
        coupled,
        (short,),
    )
    fourth = curve_claim(
        f"A17.kurtosis.reused.steps-{steps}",
        f"After {steps} SGD step(s), the kurtosis of the coordinates of h_L is that of the "
        "particle system in which reused weights respond.",
        Observable.FITTED_KURTOSIS,
        Fitted(Observable.FITTED_KURTOSIS, steps, FITTING_RATE, True),
        reused,
        AFTER_STEPS_STANDARD,
        "a tenth of what branches with a mean cause",
        coupled,
        (Control("branches with a mean: post-activation, not centred", coherent),),
    )
    if steps == 1:
        return second, fourth
    published = replace(
        second,
        id=f"A17.stream.independent.steps-{steps}",
        sentence=f"After {steps} SGD steps, the second moment of h_L in networks, which reuse "
        "their weights, is that of the published system, in which forward and backward noise are "
        "independent.",
        relation=CurveEquals(Axis.DEPTH, values[False]),
        citation=sources.feature_learning_dynamics(
            "finite networks follow neural feature dynamics after SGD steps"
        ),
        rival=Rival(
            "The coupled system, in which reused weights respond.", second.relation, coupled, short
        ),
    )
    return second, published, fourth


def _on_path(steps: int) -> tuple[Prediction, ...]:
    """A15 after k steps, coordinate by coordinate: 1/L read as a mean square, and as a distance.

    Under depth-muP a network is an Euler scheme of step 1/L for a diffusion that its weights drive.
    Its strong order is 1/2 where coefficients are smooth, and learning adds a drift that is as
    smooth as the slopes phi'. Hence GELU: the slopes of ReLU jump, an error of L^-1/2 in h turns
    that share of them over, and its backward pass is of order 1/4, which learning brings into h_L
    with a small constant. What is compared are networks whose weights are sums over those of the
    deepest; with weights of their own they do not approach one another, whatever their laws do.
    """
    mean_squares = [_approaches(steps, independent) for independent in (False, True)]
    distances = (
        replace(
            each,
            id=f"A15.path.distance.{name}.steps-{steps}",
            sentence=f"After {steps} SGD step(s) with {name} backward weights, the root mean "
            "square distance of h_L to that of the deepest network on its Brownian path falls as "
            "1/L.",
            relation=stated(Axis.DEPTH, "-1"),
            citation=sources.feature_learning_dynamics("finite networks approach the limit as 1/L"),
            rival=Rival(
                "The strong order of Euler's scheme: it falls as L^-1/2.",
                each.relation,
                sources.strong_order(),
                each.controls[0],
            ),
        )
        for each, name in zip(mean_squares, ("reused", "independent"), strict=True)
    )
    return *mean_squares, *distances


def _approaches(steps: int, independent: bool) -> Prediction:
    experiment = Convergence(
        batch=4,
        steps=steps,
        rate=FITTING_RATE,
        independent_backward=independent,
        reference=DEEPEST,
        finest=DEEPEST.depth,
    )
    setting = Setting(residual(1, activation=Activation.GELU), depth_mup(), experiment)
    apart = replace(setting, experiment=replace(experiment, finest=None))
    name = "independent" if independent else "reused"
    return Prediction(
        id=f"A15.path.mean-square.{name}.steps-{steps}",
        sentence=f"After {steps} SGD step(s) with {name} backward weights, the mean-square "
        "distance of h_L to that of the deepest network on its Brownian path falls as 1/L: its "
        "root as L^-1/2.",
        observable=Observable.REFERENCE_DISTANCE,
        relation=ExponentEquals(Axis.DEPTH, Fraction(-1, 2), "strong order of Euler's scheme"),
        setting=setting,
        regime=ON_PATH,
        margin=EXPONENT_MARGIN,
        margin_reason=_ON_PATH_REASON,
        citation=sources.feature_learning_dynamics(
            "finite networks approach the limit as 1/L, read as a mean square"
        ),
        controls=(Control("blocks with weights of their own", apart),),
    )


def _fitting(steps: int, independent_backward: bool) -> Setting:
    experiment = Fitting(
        batch=1,
        steps=steps,
        rate=FITTING_RATE,
        independent_backward=independent_backward,
    )
    return Setting(residual(1), depth_mup(), experiment)


def _short(setting: Setting) -> Setting:
    shorter = replace(setting.architecture, variance_factor=Fraction(1, 4))
    return replace(setting, architecture=shorter)


def _in_width() -> Prediction:
    """A15 and C6 along width, uniformly in depth: 1/n read as the mean square, n^-1/2 its root."""
    setting = Setting(residual(1), depth_mup(), MANY_INPUTS)
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
    )


def _coordinates() -> tuple[Prediction, ...]:
    """A17 at initialization: Gaussian coordinates, uncorrelated increments."""
    setting = Setting(residual(1), depth_mup(), AT_INITIALIZATION)
    coherent = replace(setting, architecture=residual(1, form=BlockForm.POST_ACTIVATION))
    control = Control("branches with a mean: post-activation, not centred", coherent)
    return tuple(
        Prediction(
            id=f"A17.{name}.value",
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
            controls=(control,),
        )
        for name, observable, value, sentence in (
            (
                "gaussian",
                Observable.KURTOSIS,
                3.0,
                "At initialization the coordinates of the last stream state are Gaussian: their "
                "kurtosis is 3.",
            ),
            (
                "increments",
                Observable.INCREMENT_RATIO,
                1.0,
                "At initialization the increments of the stream over the two halves of the depth "
                "are uncorrelated: their second moments add up.",
            ),
        )
    )


def _drift() -> tuple[Prediction, ...]:
    """A17 in training: a drift of order one along the gradient, and the law of the change."""
    setting = Setting(residual(1), depth_mup(), FIRST_STEP_ON_ONE_INPUT)
    citation = sources.feature_learning_dynamics(
        "neural feature dynamics: after SGD steps coordinates gain a drift along earlier gradients"
    )
    share = exponent_claim(
        "A17.drift.depth",
        "In the first step, the share of the stream's change that lies along its gradient does not "
        "depend on depth: a drift of order one.",
        Observable.DRIFT_SHARE,
        Axis.DEPTH,
        setting,
        DRIFT,
        citation,
        (Control("a chain, without skip path", replace(setting, architecture=chain())),),
    )
    reused = curve_claim(
        "A17.law.reused",
        "The size of the first-step change of the last stream state is that of the coupled system "
        "in which the backward pass reuses the weights.",
        Observable.STREAM_CHANGE,
        stream_change,
        setting,
        STREAM_VALUES,
        "a tenth of the difference between reused and independent backward weights",
        sources.power_counting("first-order theory: the coupled system with reused weights"),
        (
            Control(
                "horizon T = 5/4 against the law at T = 1",
                replace(setting, architecture=replace(residual(1), variance_factor=Fraction(5, 4))),
            ),
        ),
    )
    independent = Prediction(
        id="A17.law.independent",
        sentence="The size of the first-step change of the last stream state is that of the "
        "published system, in which forward and backward noise are independent.",
        observable=Observable.STREAM_CHANGE,
        relation=CurveEquals(Axis.DEPTH, stream_change_decoupled),
        setting=setting,
        regime=STREAM_VALUES,
        margin=VALUE_MARGIN,
        margin_reason=reused.margin_reason,
        citation=sources.feature_learning_dynamics(
            "abstract: the gradient-independence assumption becomes valid again at infinite depth"
        ),
        controls=reused.controls,
        rival=Rival(
            "First-order theory: the coupled system with reused weights.",
            reused.relation,
            reused.citation,
            reused.controls[0],
        ),
    )
    return share, reused, independent


PREDICTIONS: tuple[Prediction, ...] = (
    *_distances(),
    *(prediction for steps in (1, 2, 4) for prediction in _on_path(steps)),
    *(prediction for steps in (1, 2, 4) for prediction in _after_steps(steps)),
    *(prediction for steps in (1, 2, 4) for prediction in _moments_after_steps(steps)),
    _in_width(),
    *_coordinates(),
    *_drift(),
)
