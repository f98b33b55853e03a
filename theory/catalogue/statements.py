"""How predictions of the catalogue are put: margins, protocols, and claims against power counting.

Imports ``theory`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from theory.architecture import Architecture
from theory.catalogue import sources
from theory.counted_observables import counted, counted_best_rate, predicted_exponent
from theory.experiments import OneStep, Propagation, Setting
from theory.observables import Observable
from theory.parameterization import Parameterization
from theory.prediction import Citation, Control, Prediction, Regime, Rival
from theory.relations import (
    CurveEquals,
    ExponentEquals,
    Relation,
)
from theory.scaling import Axis, Cell

EXPONENT_MARGIN = Fraction(1, 10)
VALUE_MARGIN = Fraction(3, 100)
EXPONENT_REASON = "a fifth of the step between neighbouring half-integer exponents"

AT_INITIALIZATION = Propagation(batch=4)
FIRST_STEP = OneStep(batch=4)
# For one input the exact numbers of ``theory.exact.first_step`` do not depend on the data, or,
# where that is an image, only on how its positions are correlated.
FIRST_STEP_ON_ONE_INPUT = OneStep(batch=1)

Curve = Callable[[Architecture, Parameterization, Cell], float]


def stated(axis: Axis, value: str) -> Relation:
    """An exponent that a source states and power counting contradicts."""
    return ExponentEquals(axis, Fraction(value), "stated by the source")


def _judged_with_counting(
    prediction: Prediction, expected: Relation, power: Fraction, control: Control
) -> Prediction:
    """The prediction with power counting as its rival, if that lies outside what is claimed."""
    band = prediction.relation.band(float(prediction.margin))
    if band.low <= expected.expected <= band.high:
        return prediction
    rate = expected.quantity.swept_rates() is not None
    what = "best learning rate" if rate else str(prediction.observable)
    rival = Rival(
        f"Power counting: the {what} goes as {expected.symbol}^{power}.",
        expected,
        sources.power_counting(f"{what} of {prediction.setting.parameterization.name}"),
        control,
    )
    return replace(prediction, rival=rival)


def exponent_claim(
    id: str,
    sentence: str,
    observable: Observable,
    axis: Axis,
    setting: Setting,
    regime: Regime,
    citation: Citation,
    controls: tuple[Control, ...],
    published: str | Relation | None = None,
    rival_control: Control | None = None,
) -> Prediction:
    """A claim about an exponent: what power counting says, unless the source says otherwise.

    In that case the two are judged side by side; the rival's control is the claim's first one
    unless another is given.
    """
    expected = counted(setting, observable, axis)
    relation = stated(axis, published) if isinstance(published, str) else published
    prediction = Prediction(
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
    )
    power = predicted_exponent(setting, observable, axis)
    return _judged_with_counting(prediction, expected, power, rival_control or controls[0])


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


def best_rate_claim(
    id: str,
    sentence: str,
    axis: Axis,
    setting: Setting,
    rates: tuple[Fraction, ...],
    regime: Regime,
    citation: Citation,
    control: Control,
    published: Relation | None = None,
    rival_control: Control | None = None,
) -> Prediction:
    """A claim about the learning rate of the smallest loss, in the same way."""
    expected = counted_best_rate(setting, axis, rates)
    prediction = Prediction(
        id=id,
        sentence=sentence,
        observable=Observable.TRAINED_LOSS,
        relation=published or expected,
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=citation,
        controls=(control,),
    )
    power = predicted_exponent(setting, Observable.TRAINED_LOSS, axis)
    return _judged_with_counting(prediction, expected, power, rival_control or control)
