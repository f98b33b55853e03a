"""Claims A15 and C6, read of means: what they miss of their limits of depth and width, after steps.

Sources: arXiv 2512.21075, arXiv 2309.16620. For the full profile's time. Imports ``theory`` only.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.architecture import residual
from theory.catalogue import sources
from theory.catalogue.statements import EXPONENT_MARGIN, EXPONENT_REASON
from theory.experiments import Fitting, Setting
from theory.observables import Observable
from theory.prediction import Control, Grid, Prediction, Regime, product
from theory.presets import completep, depth_mup
from theory.relations import ExcessExponentAtMost, ExcessExponentEquals
from theory.scaling import Axis, Power

# Means over weights differ by a term in 1/L, a fifth to a half of what one replicate spreads by on
# a common path. Eight inputs spread less than one. By pilots (seeds 900 to 902), terms of the next
# order move exponents by 0.03 to 0.06. 128 replicates leave a control of one step undecided.
TO_THE_LIMIT_ON_PATH = Regime(None, None, (), Grid(product((32,), (8, 16, 32, 128)), 32768, 1024))
# The first step closes a quarter of the distance to eight labels.
FITTING_EIGHT = Fitting(batch=8, rate=Fraction(1, 2), finest=128)
# Four blocks, for it takes many networks: there is no common path in width.
TO_THE_LIMIT_OF_WIDTH = Regime(None, None, (), Grid(product((16, 32, 64, 256), (4,)), 16384, 1024))
_MEANS = {
    Observable.FITTED_OUTPUT: ("output", "y f"),
    Observable.FITTED_SECOND_MOMENT: ("second-moment", "the second moment of h_L"),
}


def _growing(setting: Setting, axis: Axis) -> Control:
    """Rates that grow with the size: larger networks learn more, and there is no limit."""
    growth = Power(width="1/2") if axis is Axis.WIDTH else Power(depth="1/2")
    name = f"rates times {axis.symbol}^1/2, from 1/32 on"
    slow = setting.experiment.at_rate(Fraction(1, 32))
    faster = depth_mup().with_rates_times(growth, name)
    return Control(name, replace(setting, parameterization=faster, experiment=slow))


def _limits(steps: int) -> tuple[Prediction, ...]:
    """A15 after k steps, read of means: f and the second moment of h_L, reused and independent.

    An Euler scheme of step 1/L has weak order one where coefficients are smooth; of ReLU, and of
    weights that are reused, it is not proved. Under depth-muP both grow to their limits (by pilots,
    to which the claim owes that it says so), and with vanishing branches, alpha = 3/4, they fall:
    controls try that there is a limit, and on which side. Of what the second moment misses after
    one step, some four fifths are missing at initialization already.
    """
    return tuple(
        _limit(steps, independent, observable)
        for independent in (False, True)
        for observable in _MEANS
    )


def _limit(steps: int, independent: bool, observable: Observable) -> Prediction:
    experiment = replace(FITTING_EIGHT, steps=steps, independent_backward=independent)
    setting = Setting(residual(1), depth_mup(), experiment)
    weights = "independent" if independent else "reused"
    name, what = _MEANS[observable]
    return Prediction(
        id=f"A15.limit.{name}.{weights}.steps-{steps}",
        sentence=f"After {steps} SGD step(s) with {weights} backward weights, the mean of {what} "
        "over weights and data, at one width, is short of its limit of large depth by a term in "
        "1/L.",
        observable=observable,
        relation=ExcessExponentEquals(
            Axis.DEPTH, Fraction(-1), "stated by the source", from_below=True
        ),
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
    )


def _limits_in_width(steps: int) -> tuple[Prediction, ...]:
    """C6 after k steps along width: O(n^-1/2) or better, read of the same means.

    Their corrections are of order 1/n (arXiv 1909.11304), and so a bound is tried; at
    initialization the mean of the second moment has none. In depth C6 is A15.
    """
    experiment = replace(FITTING_EIGHT, steps=steps, finest=None)
    setting = Setting(residual(1), depth_mup(), experiment)
    return tuple(
        Prediction(
            id=f"C6.limit.width.{name}.steps-{steps}",
            sentence=f"After {steps} SGD step(s), the mean of {what} over weights and data is "
            "short of its limit of large width by O(n^-1/2) or less.",
            observable=observable,
            relation=ExcessExponentAtMost(
                Axis.WIDTH, Fraction(-1, 2), "stated by the source", from_below=True
            ),
            setting=setting,
            regime=TO_THE_LIMIT_OF_WIDTH,
            margin=EXPONENT_MARGIN,
            margin_reason=EXPONENT_REASON,
            citation=sources.depthwise_transfer("convergence at O(1/L) and O(n^-1/2) or better"),
            controls=(_growing(setting, Axis.WIDTH),),
        )
        for observable, (name, what) in _MEANS.items()
    )


PREDICTIONS: tuple[Prediction, ...] = tuple(
    prediction
    for limits in (_limits, _limits_in_width)
    for steps in (1, 2, 4)
    for prediction in limits(steps)
)
