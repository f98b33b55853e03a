"""Formulas say what the numbers of the document say."""

from typing import Any

import pytest

from reports.mathml import relation_math, with_powers
from tests.reports.documents import EXACT_CELLS, prediction
from tests.reports.markup import parsed
from theory.expectations import Summary

_PLAIN = {0x3B3: "g", 0x2212: "-"}  # gamma and minus
VALUE: dict[str, Any] = {"scale": Summary.RATIO, "predicted": 1.0, "cells": EXACT_CELLS}


def said(**changes: Any) -> list[str]:
    """What the formulas of a prediction read as, without spaces, and the words around them."""
    page = parsed(f"{relation_math(prediction('A1', **changes))}")
    formulas = ["".join(_leaves(formula)) for formula in page.all("math")]
    return [*formulas, page.text.strip()]


def _leaves(element: Any) -> list[str]:
    inner = [leaf for child in element.children for leaf in _leaves(child)]
    return [element.text.strip().translate(_PLAIN), *inner]


@pytest.mark.parametrize(
    ("changes", "formulas"),
    [
        ({}, ["y∝L0±0.1"]),
        ({"predicted": -1.5, "band": (-1.6, -1.4), "axis": "width"}, ["y∝n-3/2±0.1"]),
        ({"predicted": -0.25, "band": (None, -0.15)}, ["y∝Lg", "g≤-1/4+0.1"]),
        ({"band": (None, -0.1)}, ["y∝Lg", "g≤0-0.1"]),
        ({"band": (0.1, None)}, ["y∝Lg", "g≥0+0.1"]),
        ({"axis": "steps"}, ["y∝steps0±0.1"]),
        (VALUE | {"band": (0.9, 1.1)}, ["yy^=1±0.1", "y^"]),
        (VALUE | {"predicted": 0.0, "scale": Summary.LOGARITHM}, ["logyy^=0±0.1", "y^"]),
        (VALUE | {"band": (None, 1.1)}, ["yy^≤1+0.1", "y^"]),
    ],
)
def test_a_formula_has_statistic_prediction_margin_and_side(
    changes: dict[str, Any], formulas: list[str]
) -> None:
    assert said(**changes)[:-1] == formulas


def test_words_say_what_is_observed() -> None:
    assert said(plotted="best_rate, <b>")[-1] == ", where  is best rate, <b>."


def test_powers_of_a_sentence_become_formulas_and_the_rest_is_escaped() -> None:
    page = parsed(f"{with_powers('grows as L^-(1/2) n^2, not x^y & <b>')}")
    assert ["".join(_leaves(formula)) for formula in page.all("math")] == ["L-(1/2)", "n2"]
    assert page.text.split() == ["grows", "as", ",", "not", "x^y", "&", "<b>"]
