"""What a prediction says as a formula, in MathML. Imports markupsafe, ``theory`` and ``reports``.

The formula is made of the document's numbers: the statistic, what is predicted, the margin and
which side of it accepts.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

from markupsafe import Markup, escape

from reports.document import PredictionEntry
from theory.expectations import Summary
from theory.scaling import Axis

_LARGEST_DENOMINATOR = 8
_Y = Markup("<mi>y</mi>")
_PREDICTED_Y = Markup("<mover><mi>y</mi><mo>^</mo></mover>")
_GAMMA = Markup("<mi>&#947;</mi>")
_MINUS = Markup("<mo>&#8722;</mo>")
_AT_MOST, _AT_LEAST = Markup("<mo>&#8804;</mo>"), Markup("<mo>&#8805;</mo>")
_OPERATOR, _DIGITS = Markup("<mo>{}</mo>"), Markup("<mn>{}</mn>")
_POWER = re.compile(r"\b([A-Za-z])\^(-?\(-?[0-9/]+\)|-?[0-9]+(?:/[0-9]+)?)")
_PARTS = re.compile(r"-|[()]|[0-9/]+")


def with_powers(sentence: str) -> Markup:
    """A sentence whose powers, such as L^-1/2, are ``<math>`` elements."""
    parts, end = [], 0
    for power in _POWER.finditer(sentence):
        base, exponent = power.groups()
        written = Markup("").join(map(_part, _PARTS.findall(exponent)))
        parts += [escape(sentence[end : power.start()]), _math(_power(_letter(base), written))]
        end = power.end()
    return Markup("").join([*parts, escape(sentence[end:])])


def relation_math(entry: PredictionEntry) -> Markup:
    """What is predicted of y, and what y is."""
    observed = entry.plotted.replace("_", " ")
    one_sided = None in entry.band
    about = _number(entry.predicted) + Markup("<mo>&#177;</mo>") + _number(entry.margin)
    if entry.scale is Summary.EXPONENT:
        power = _power(_axis(entry.axis), _GAMMA if one_sided else about)
        formula = _math(_Y + Markup("<mo>&#8733;</mo>") + power)
        bound = Markup(" with ") + _math(_GAMMA + _bound(entry)) if one_sided else ""
        return formula + bound + Markup(", where <var>y</var> is {}.").format(observed)
    quotient = Markup("<mfrac>{}{}</mfrac>").format(_Y, _PREDICTED_Y)
    if entry.scale is Summary.LOGARITHM:
        quotient = Markup("<mi>log</mi>") + quotient
    formula = _math(quotient + (_bound(entry) if one_sided else Markup("<mo>=</mo>") + about))
    return formula + Markup(
        " in every cell, where <var>y</var> is {} and {} what is predicted of it."
    ).format(observed, _math(_PREDICTED_Y))


def _math(inner: Markup) -> Markup:
    return Markup("<math><mrow>{}</mrow></math>").format(inner)


def _power(base: Markup, exponent: Markup) -> Markup:
    return Markup("<msup>{}<mrow>{}</mrow></msup>").format(base, exponent)


def _letter(name: str) -> Markup:
    return Markup("<mi>{}</mi>").format(name)


def _part(part: str) -> Markup:
    """A sign, a bracket or digits of an exponent."""
    if part == "-":
        return _MINUS
    return (_OPERATOR if part in "()" else _DIGITS).format(part)


def _axis(axis: str) -> Markup:
    known = axis in list(Axis)
    return _letter(Axis(axis).symbol) if known else Markup("<mtext>{}</mtext>").format(axis)


def _bound(entry: PredictionEntry) -> Markup:
    """The side that accepts: up to a bound and a margin, or beyond it by more than the margin."""
    low, high = entry.band
    sign, end = (_AT_MOST, high) if low is None else (_AT_LEAST, low)
    assert end is not None
    beyond = Markup("<mo>+</mo>") if end > entry.predicted else _MINUS
    return sign + _number(entry.predicted) + beyond + _number(entry.margin)


def _number(value: float) -> Markup:
    """A small fraction if it is one, or a decimal; a minus is an operator."""
    size, sign = abs(value), _MINUS if value < 0 else ""
    near = Fraction(size).limit_denominator(_LARGEST_DENOMINATOR)
    is_fraction = math.isclose(float(near), size, rel_tol=1e-12) and near.denominator > 1
    digits = str(near) if is_fraction else f"{size:.4g}"
    return Markup("<mrow>{}<mn>{}</mn></mrow>").format(sign, digits)
