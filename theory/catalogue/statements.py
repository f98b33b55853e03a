"""How predictions of the catalogue are put: margins, protocols, and claims against power counting.

Imports ``theory`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from theory.architecture import Architecture
from theory.catalogue import sources
from theory.experiment import Experiment, Observable, Protocol, Setting
from theory.parameterization import Parameterization
from theory.power_counting import counted, counted_best_rate
from theory.prediction import Citation, Control, Prediction, Regime, Rival
from theory.relations import (
    BestRateDrifts,
    BestRateExponentEquals,
    CurveEquals,
    ExponentAtMost,
    ExponentEquals,
)
from theory.scaling import Axis, Cell

EXPONENT_MARGIN = Fraction(1, 10)
VALUE_MARGIN = Fraction(3, 100)
EXPONENT_REASON = "a fifth of the step between neighbouring half-integer exponents"

AT_INITIALIZATION = Protocol(Experiment.PROPAGATION, batch=4)
FIRST_STEP = Protocol(Experiment.ONE_STEP, batch=4)
# For one input the exact numbers of ``theory.first_step`` do not depend on the data.
FIRST_STEP_ON_ONE_INPUT = Protocol(Experiment.ONE_STEP, batch=1)

Curve = Callable[[Architecture, Parameterization, Cell], float]


def stated(axis: Axis, value: str) -> ExponentEquals:
    """An exponent that a source states and power counting contradicts."""
    return ExponentEquals(axis, Fraction(value), "stated by the source")


def exponent_claim(
    id: str,
    sentence: str,
    observable: Observable,
    axis: Axis,
    setting: Setting,
    regime: Regime,
    citation: Citation,
    controls: tuple[Control, ...],
    published: str | ExponentAtMost | None = None,
    rival_control: Control | None = None,
) -> Prediction:
    """A claim about an exponent: what power counting says, unless the source says otherwise.

    In that case the two are judged side by side; the rival's control is the claim's first one
    unless another is given.
    """
    expected = counted(setting, observable, axis)
    rival = None
    if published is not None:
        rival = Rival(
            f"Power counting: the {observable} goes as {axis.symbol}^{expected.value}.",
            expected,
            sources.power_counting(f"{observable} of {setting.parameterization.name}"),
            rival_control or controls[0],
        )
    relation = stated(axis, published) if isinstance(published, str) else published
    return Prediction(
        id=id,
        sentence=sentence,
        observable=observable,
        relation=relation or expected,
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=citation,
        controls=controls,
        rival=rival,
    )


def curve_claim(
    id: str,
    sentence: str,
    observable: Observable,
    curve: Curve,
    setting: Setting,
    regime: Regime,
    margin_reason: str,
    citation: Citation,
    controls: tuple[Control, ...],
) -> Prediction:
    """A claim about exact values at every depth."""
    return Prediction(
        id=id,
        sentence=sentence,
        observable=observable,
        relation=CurveEquals(Axis.DEPTH, curve),
        setting=setting,
        regime=regime,
        margin=VALUE_MARGIN,
        margin_reason=margin_reason,
        citation=citation,
        controls=controls,
    )


def _includes(relation: BestRateExponentEquals | BestRateDrifts, exponent: float) -> bool:
    band = relation.band(float(EXPONENT_MARGIN))
    return band.low <= exponent <= band.high


def best_rate_claim(
    id: str,
    sentence: str,
    axis: Axis,
    setting: Setting,
    rates: tuple[Fraction, ...],
    regime: Regime,
    citation: Citation,
    control: Control,
    published: BestRateExponentEquals | BestRateDrifts | None = None,
    rival_control: Control | None = None,
) -> Prediction:
    """A claim about the learning rate of the smallest loss, in the same way.

    A drift that power counting says as well has no rival.
    """
    expected = counted_best_rate(setting, axis, rates)
    rival = None
    if published is not None and not _includes(published, expected.expected):
        rival = Rival(
            f"Power counting: the best learning rate goes as {axis.symbol}^{expected.value}.",
            expected,
            sources.power_counting(f"largest stable rate of {setting.parameterization.name}"),
            rival_control or control,
        )
    return Prediction(
        id=id,
        sentence=sentence,
        observable=Observable.TRAINED_LOSS,
        relation=expected if published is None else published,
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=citation,
        controls=(control,),
        rival=rival,
    )
