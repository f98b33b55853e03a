"""Claims A15 and C6, read of means: what they miss of their limits of depth and width, after steps.

Sources: arXiv 2512.21075, arXiv 2309.16620. For the full profile's time. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import residual
from theory.catalogue import sources
from theory.catalogue.settings import BY_THE_SOURCE, EXPONENT_MARGIN, EXPONENT_REASON
from theory.experiments import Fitting, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, Standing, product
from theory.presets import completep, depth_mup
from theory.relations import ExcessExponentAtMost, ExcessExponentEquals
from theory.scaling import Axis, Power

# Means over weights differ by a term in 1/L, a fifth to a half of what one replicate spreads by on
# a common path. Eight inputs spread less than one. Terms of the next order move exponents by 0.03
# to 0.06.
TO_THE_LIMIT_ON_PATH = Regime(full=Grid(product((32,), (8, 16, 32, 128)), 32768, 1024))
# The first step closes a quarter of the distance to eight labels.
FITTING_EIGHT = Fitting(batch=8, rate=Fraction(1, 2), finest=128)
# Four blocks, for it takes many networks: there is no common path in width.
TO_THE_LIMIT_OF_WIDTH = Regime(full=Grid(product((16, 32, 64, 256), (4,)), 16384, 1024))
_OUTPUT, _SECOND_MOMENT = Observable.FITTED_OUTPUT, Observable.FITTED_SECOND_MOMENT
_MEANS = {_OUTPUT: "y f", _SECOND_MOMENT: "the second moment of h_L"}


def _growing(setting: Setting, axis: Axis) -> Control:
    """Rates that grow with the size: larger networks learn more, and there is no limit.

    Where training is not one step, and starts from another rate, that is no measurement of the
    claim's own.
    """
    growth = Power(width="1/2") if axis is Axis.WIDTH else Power(depth="1/2")
    name = f"rates times {axis.symbol}^1/2, from 1/32 on"
    slow = setting.experiment.at_rate(Fraction(1, 32))
    faster = depth_mup().with_rates_times(growth, name)
    return Control(name, replace(setting, parameterization=faster, experiment=slow))


def _in_depth(id: str, observable: Observable, steps: int, *, independent: bool) -> Prediction:
    """A15 after k steps, read of means: f and the second moment of h_L, reused and independent.

    An Euler scheme of step 1/L has weak order one where coefficients are smooth; of ReLU, and of
    weights that are reused, it is not proved. Under depth-muP both grow to their limits, which the
    claim adds to its source, and with vanishing branches, alpha = 3/4, they fall: controls try that
    there is a limit, and on which side. Of what the second moment misses after one step, some four
    fifths are missing at initialization already.
    """
    experiment = replace(FITTING_EIGHT, steps=steps, independent_backward=independent)
    setting = Setting(residual(1), depth_mup(), experiment)
    weights = "independent" if independent else "reused"
    return Prediction(
        id=id,
        sentence=f"After {steps} SGD step(s) with {weights} backward weights, the mean of "
        f"{_MEANS[observable]} over weights and data, at one width, is short of its limit of large "
        "depth by a term in 1/L.",
        observable=observable,
        relation=ExcessExponentEquals(Axis.DEPTH, Fraction(-1), BY_THE_SOURCE, from_below=True),
        setting=setting,
        regime=TO_THE_LIMIT_ON_PATH,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.feature_learning_dynamics("finite networks approach the limit as 1/L"),
        controls=(
            _growing(setting, Axis.DEPTH),
            Control(
                "alpha = 3/4, whose branches vanish",
                replace(setting, parameterization=completep("3/4")),
            ),
        ),
        standing=Standing.STATED,
    )


def _in_width(id: str, observable: Observable, steps: int) -> Prediction:
    """C6 after k steps along width: O(n^-1/2) or better, read of the same means.

    Their corrections are of order 1/n (arXiv 1909.11304), and so a bound is tried; at
    initialization the mean of the second moment has none. In depth C6 is A15.
    """
    experiment = replace(FITTING_EIGHT, steps=steps, finest=None)
    setting = Setting(residual(1), depth_mup(), experiment)
    return Prediction(
        id=id,
        sentence=f"After {steps} SGD step(s), the mean of {_MEANS[observable]} over weights and "
        "data is short of its limit of large width by O(n^-1/2) or less.",
        observable=observable,
        relation=ExcessExponentAtMost(Axis.WIDTH, Fraction(-1, 2), BY_THE_SOURCE, from_below=True),
        setting=setting,
        regime=TO_THE_LIMIT_OF_WIDTH,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=sources.depthwise_transfer("convergence at O(1/L) and O(n^-1/2) or better"),
        controls=(_growing(setting, Axis.WIDTH),),
        standing=Standing.STATED,
    )


PREDICTIONS: tuple[Prediction, ...] = (
    _in_depth("A15.limit.output.reused.steps-1", _OUTPUT, 1, independent=False),
    _in_depth("A15.limit.second-moment.reused.steps-1", _SECOND_MOMENT, 1, independent=False),
    _in_depth("A15.limit.output.independent.steps-1", _OUTPUT, 1, independent=True),
    _in_depth("A15.limit.second-moment.independent.steps-1", _SECOND_MOMENT, 1, independent=True),
    _in_depth("A15.limit.output.reused.steps-2", _OUTPUT, 2, independent=False),
    _in_depth("A15.limit.second-moment.reused.steps-2", _SECOND_MOMENT, 2, independent=False),
    _in_depth("A15.limit.output.independent.steps-2", _OUTPUT, 2, independent=True),
    _in_depth("A15.limit.second-moment.independent.steps-2", _SECOND_MOMENT, 2, independent=True),
    _in_depth("A15.limit.output.reused.steps-4", _OUTPUT, 4, independent=False),
    _in_depth("A15.limit.second-moment.reused.steps-4", _SECOND_MOMENT, 4, independent=False),
    _in_depth("A15.limit.output.independent.steps-4", _OUTPUT, 4, independent=True),
    _in_depth("A15.limit.second-moment.independent.steps-4", _SECOND_MOMENT, 4, independent=True),
    _in_width("C6.limit.width.output.steps-1", _OUTPUT, 1),
    _in_width("C6.limit.width.second-moment.steps-1", _SECOND_MOMENT, 1),
    _in_width("C6.limit.width.output.steps-2", _OUTPUT, 2),
    _in_width("C6.limit.width.second-moment.steps-2", _SECOND_MOMENT, 2),
    _in_width("C6.limit.width.output.steps-4", _OUTPUT, 4),
    _in_width("C6.limit.width.second-moment.steps-4", _SECOND_MOMENT, 4),
)
