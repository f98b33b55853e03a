"""A claim shows what is fixed before a run, and computes predictions when they are asked for."""

from dataclasses import replace

import numpy as np

from theory import Axis
from theory.arrays import FloatArray
from theory.expectations import Band
from theory.relations import ExponentEquals
from verify.judging.claim import Claim
from verify.judging.quantities import claim_of

SIZES = np.array([4.0, 8.0, 16.0])
RELATION = ExponentEquals(Axis.DEPTH, -1, "a test")


def claim() -> Claim:
    return claim_of(RELATION, 0.25, 8, ("small", "middle", "large"), SIZES)


def test_the_band_is_that_of_the_relation_at_the_margin() -> None:
    assert claim().band == Band(-1.25, -0.75)


def test_predictions_are_computed_once_and_not_before_they_are_asked_for() -> None:
    calls = []

    def values() -> FloatArray:
        calls.append(1)
        return SIZES

    watched = replace(claim(), exact_values=values)
    assert not calls
    for _ in range(2):
        np.testing.assert_array_equal(watched.predicted, SIZES)
    assert len(calls) == 1


def test_a_claim_is_shown_without_the_function_behind_its_predictions() -> None:
    """Its address differs from run to run, and what is shown must not."""
    shown = repr(claim())
    assert "exact_values" not in shown
    assert "margin=0.25" in shown
