"""How predictions of the catalogue are put: constructors, with power counting as a rival.

Imports ``theory`` only, and of the catalogue what its modules share.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from theory.catalogue import sources
from theory.catalogue.settings import (
    BY_THE_SOURCE,
    EXPONENT_MARGIN,
    EXPONENT_REASON,
    FACTOR_MARGIN,
    FACTOR_REASON,
    OURS,
    SLIGHT_MARGIN,
    SLIGHT_REASON,
    VALUE_MARGIN,
)
from theory.counted_observables import counted, counted_best_rate, predicted_exponent
from theory.expectations import Equals, Summary
from theory.experiments import Setting
from theory.observables import Observable
from theory.prediction import Citation, Control, Prediction, Regime, Rival, Standing
from theory.quantities import CurveFunction
from theory.relations import CurveEquals, ExponentEquals, Relation
from theory.scaling import Axis


def stated(axis: Axis, value: str) -> Relation:
    """An exponent that a source states."""
    return ExponentEquals(axis, Fraction(value), BY_THE_SOURCE)


def asked(axis: Axis, value: str) -> Relation:
    """An exponent that no source states."""
    return ExponentEquals(axis, Fraction(value), OURS)


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
    standing: Standing,
    *,
    twin: str | None = None,
    claimed: Relation | None = None,
    rival_control: Control | None = None,
) -> Prediction:
    """A claim about an exponent: what power counting says, unless something else is ``claimed``.

    In that case the two are judged side by side; the rival's control is the claim's first one
    unless another is given.
    """
    expected = counted(setting, observable, axis)
    prediction = Prediction(
        id=id,
        sentence=sentence,
        observable=observable,
        relation=claimed or expected,
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=citation,
        controls=controls,
        standing=standing,
        twin=twin,
    )
    power = predicted_exponent(setting, observable, axis)
    return _judged_with_counting(prediction, expected, power, rival_control or controls[0])


def curve_claim(
    id: str,
    sentence: str,
    observable: Observable,
    curve: CurveFunction,
    setting: Setting,
    regime: Regime,
    margin_reason: str,
    citation: Citation,
    controls: tuple[Control, ...],
    standing: Standing,
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
        standing=standing,
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
    standing: Standing,
    *,
    twin: str | None = None,
    claimed: Relation | None = None,
    rival_control: Control | None = None,
) -> Prediction:
    """A claim about the learning rate of the smallest loss, in the same way."""
    expected = counted_best_rate(setting, axis, rates)
    prediction = Prediction(
        id=id,
        sentence=sentence,
        observable=Observable.TRAINED_LOSS,
        relation=claimed or expected,
        setting=setting,
        regime=regime,
        margin=EXPONENT_MARGIN,
        margin_reason=EXPONENT_REASON,
        citation=citation,
        controls=(control,),
        standing=standing,
        twin=twin,
    )
    power = predicted_exponent(setting, Observable.TRAINED_LOSS, axis)
    return _judged_with_counting(prediction, expected, power, rival_control or control)


def paired_claim(
    id: str,
    sentence: str,
    setting: Setting,
    relation: Relation,
    regime: Regime,
    where: str,
    control: Control,
    standing: Standing,
) -> Prediction:
    """A claim of AM-muP's source about the maximal-update rates of two settings."""
    margin, reason = SLIGHT_MARGIN, SLIGHT_REASON
    if isinstance(relation.expectation, Equals):
        exponents = relation.summary is Summary.EXPONENT
        margin = EXPONENT_MARGIN if exponents else FACTOR_MARGIN
        reason = EXPONENT_REASON if exponents else FACTOR_REASON
    return Prediction(
        id=id,
        sentence=sentence,
        observable=Observable.MAXIMAL_UPDATE_RATE,
        relation=relation,
        setting=setting,
        regime=regime,
        margin=margin,
        margin_reason=reason,
        citation=sources.arithmetic_mean_mup(where),
        controls=(control,),
        standing=standing,
    )
