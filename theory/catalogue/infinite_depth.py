"""Claim A15 along depth: how far finite networks are from their limit.

Source: arXiv 2512.21075. The system that the limit is has a module of its own,
``limiting_system``. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import Activation, residual
from theory.catalogue import sources
from theory.catalogue.settings import EXPONENT_MARGIN, FIRST_STEP_ON_ONE_INPUT, FITTING_RATE
from theory.catalogue.statements import curve_claim, exponent_claim, stated
from theory.exact.first_step import output_change
from theory.experiments import Convergence, Propagation, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Rival, Standing, product
from theory.presets import completep, depth_mup
from theory.relations import ExponentEquals
from theory.scaling import Axis, Cell, Power

# At T = 4 the terms in 1/L are an order larger than at T = 1, and stand out of the noise of width.
_STRONG = replace(residual(1), variance_factor=Fraction(4))
TO_THE_LIMIT = Regime(
    standard=Grid(product((65536,), (4, 8, 16, 32)), 192, 8),
    full=Grid(product((65536,), (4, 8, 16, 32, 64)), 384, 8),
    corrections=(Power(depth=-1),),
)
STEP_VALUES = Regime(
    quick=Grid(product((4096,), (8, 32)), 192, 16),
    standard=Grid(product((8192,), (8, 16, 32, 64)), 128, 16),
    full=Grid(product((16384,), (8, 16, 32, 64, 128, 256)), 96, 16),
)
# The distance of depth L to depth R goes as (1/L - 1/R)^1/2 along one path: R = 16 L moves its
# local exponent by 1/30. A distance is a mean over coordinates: exponents of replicates spread by a
# twentieth.
DEEPEST = Cell(48, 1024)
ON_PATH = Regime(standard=Grid(product((DEEPEST.width,), (8, 16, 32, 64)), 16, 8))
_ON_PATH_REASON = (
    "a fifth of the step between the two readings, an exponent of -1/2 and of -1; on the mean "
    "square it is 1/5"
)
_AS_ONE_OVER_DEPTH = sources.feature_learning_dynamics("finite networks approach the limit as 1/L")


def _at_initialization() -> Prediction:
    """A15 along depth at initialization.

    What is measured is the logarithm of one network's distance. At L = 64 networks of this width
    spread by half of it, which makes it fall faster from one doubling to the next than the distance
    of their mean does: a bias of the observable, that more replicates do not cure. (The exact
    recursion has exponents of -0.704, -0.826, -0.905 and -0.950 from one doubling to the next.)
    """
    start = Setting(_STRONG, depth_mup(), Propagation(batch=1))
    return exponent_claim(
        "A15.distance.depth.initialization",
        "Under depth-muP, the distance of the second moment of h_L to the infinite-depth limit "
        "falls as 1/L (T = 4).",
        Observable.LIMIT_DISTANCE,
        Axis.DEPTH,
        start,
        TO_THE_LIMIT,
        _AS_ONE_OVER_DEPTH,
        (
            Control(
                "alpha = 1, which has another limit",
                replace(start, parameterization=completep(1)),
            ),
        ),
        Standing.STATED,
    )


def _after_the_first_step() -> Prediction:
    """A15 after one step, where the fluctuations of width hide the distance itself.

    Its value at each depth is exact, and the distance of that from ``output_change_limit`` goes as
    1/L.
    """
    step = Setting(_STRONG, depth_mup(), FIRST_STEP_ON_ONE_INPUT)
    longer = replace(_STRONG, variance_factor=Fraction(5))
    return curve_claim(
        "A15.value.first-step",
        "Under depth-muP, the output's change in the first step has the exact value of its "
        "depth, at every depth (T = 4).",
        Observable.OUTPUT_CHANGE,
        output_change,
        step,
        STEP_VALUES,
        "a ninth of the distance to the limit at L = 8",
        _AS_ONE_OVER_DEPTH,
        (Control("horizon T = 5 against the value at T = 4", replace(step, architecture=longer)),),
        Standing.PROJECT,
    )


_WEIGHTS = {False: "reused", True: "independent"}


def _mean_square(id: str, twin: str, steps: int, *, independent: bool) -> Prediction:
    """A15 after k steps, coordinate by coordinate: 1/L read as a mean square.

    Under depth-muP a network is an Euler scheme of step 1/L for a diffusion that its weights drive.
    Its strong order is 1/2 where coefficients are smooth, and learning adds a drift that is as
    smooth as the slopes phi'. Hence GELU: the slopes of ReLU jump, an error of L^-1/2 in h turns
    that share of them over, and its backward pass is of order 1/4, which learning brings into h_L
    with a small constant. What is compared are networks whose weights are sums over those of the
    deepest; with weights of their own they do not approach one another, whatever their laws do.
    """
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
    return Prediction(
        id=id,
        sentence=f"After {steps} SGD step(s) with {_WEIGHTS[independent]} backward weights, the "
        "mean-square distance of h_L to that of the deepest network on its Brownian path falls as "
        "1/L: its root as L^-1/2.",
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
        standing=Standing.READING,
        twin=twin,
    )


def _distance(id: str, twin: str, steps: int, *, independent: bool) -> Prediction:
    """The same distance, with 1/L read as the power of the distance itself."""
    other = _mean_square(twin, id, steps, independent=independent)
    return replace(
        other,
        id=id,
        twin=twin,
        sentence=f"After {steps} SGD step(s) with {_WEIGHTS[independent]} backward weights, the "
        "root mean square distance of h_L to that of the deepest network on its Brownian path "
        "falls as 1/L.",
        relation=stated(Axis.DEPTH, "-1"),
        citation=_AS_ONE_OVER_DEPTH,
        rival=Rival(
            "The strong order of Euler's scheme: it falls as L^-1/2.",
            other.relation,
            sources.strong_order(),
            other.controls[0],
        ),
    )


PREDICTIONS: tuple[Prediction, ...] = (
    _at_initialization(),
    _after_the_first_step(),
    _mean_square(
        "A15.path.mean-square.reused.steps-1",
        "A15.path.distance.reused.steps-1",
        1,
        independent=False,
    ),
    _mean_square(
        "A15.path.mean-square.independent.steps-1",
        "A15.path.distance.independent.steps-1",
        1,
        independent=True,
    ),
    _distance(
        "A15.path.distance.reused.steps-1",
        "A15.path.mean-square.reused.steps-1",
        1,
        independent=False,
    ),
    _distance(
        "A15.path.distance.independent.steps-1",
        "A15.path.mean-square.independent.steps-1",
        1,
        independent=True,
    ),
    _mean_square(
        "A15.path.mean-square.reused.steps-2",
        "A15.path.distance.reused.steps-2",
        2,
        independent=False,
    ),
    _mean_square(
        "A15.path.mean-square.independent.steps-2",
        "A15.path.distance.independent.steps-2",
        2,
        independent=True,
    ),
    _distance(
        "A15.path.distance.reused.steps-2",
        "A15.path.mean-square.reused.steps-2",
        2,
        independent=False,
    ),
    _distance(
        "A15.path.distance.independent.steps-2",
        "A15.path.mean-square.independent.steps-2",
        2,
        independent=True,
    ),
    _mean_square(
        "A15.path.mean-square.reused.steps-4",
        "A15.path.distance.reused.steps-4",
        4,
        independent=False,
    ),
    _mean_square(
        "A15.path.mean-square.independent.steps-4",
        "A15.path.distance.independent.steps-4",
        4,
        independent=True,
    ),
    _distance(
        "A15.path.distance.reused.steps-4",
        "A15.path.mean-square.reused.steps-4",
        4,
        independent=False,
    ),
    _distance(
        "A15.path.distance.independent.steps-4",
        "A15.path.mean-square.independent.steps-4",
        4,
        independent=True,
    ),
)
