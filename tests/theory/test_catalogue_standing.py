"""Whose statement a prediction is, and what a rejection says of whom."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest

from theory import (
    DomainError,
    Power,
    Prediction,
    Profile,
    Standing,
    Verdict,
)
from theory.catalogue import PREDICTIONS, find, recorded, select
from theory.catalogue.gradient_independence import VANISHES
from theory.catalogue.settings import BY_THE_SOURCE, OURS

STATED, READING, PROJECT = Standing.STATED, Standing.READING, Standing.PROJECT
READINGS = [prediction for prediction in PREDICTIONS if prediction.standing is READING]


@pytest.mark.parametrize("prediction", READINGS, ids=lambda p: p.id)
def test_the_twin_of_a_reading_is_another_reading_of_the_same_words(
    prediction: Prediction,
) -> None:
    """It names this one back, unless it is what the words say first (B4 by the count of blocks)."""
    assert prediction.twin is not None
    twin = find(prediction.twin)
    assert twin.citation.key == prediction.citation.key
    assert twin.id.partition(".")[0] == prediction.id.partition(".")[0]
    assert twin.twin == prediction.id or twin.standing is STATED


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.id)
def test_what_only_this_project_says_is_not_put_down_to_a_source(prediction: Prediction) -> None:
    if prediction.citation.key == "scaleproof":
        assert prediction.standing is PROJECT
    if prediction.relation.origin == BY_THE_SOURCE:
        assert prediction.standing is not PROJECT
    if prediction.relation.origin == OURS or prediction.id.startswith(("A8.", "X.")):
        assert prediction.standing is PROJECT


def test_a_reading_names_a_twin_and_nothing_else_does(prediction: Prediction) -> None:
    for standing, twin in (
        (READING, None),
        (READING, prediction.id),
        (STATED, "A4.own.depth"),
        (PROJECT, "A4.own.depth"),
    ):
        with pytest.raises(DomainError, match="a reading names the other reading"):
            replace(prediction, standing=standing, twin=twin)
    assert replace(prediction, standing=READING, twin="A4.own.depth").twin == "A4.own.depth"


def test_the_bound_of_vanishing_says_that_it_is_ours() -> None:
    bounded = [p for p in PREDICTIONS if p.relation is VANISHES]
    assert len(bounded) == 8
    for prediction in bounded:
        assert prediction.id.startswith("A14.")
        assert "a bound of ours" in prediction.sentence
        assert "the bound is ours" in prediction.relation.origin


def test_rejections_of_the_standard_profile_by_standing() -> None:
    """Of 63, sixteen refute no sentence of a source, and nine more have a twin that is accepted."""
    rejected = [
        p
        for p in select((), Profile.STANDARD)
        if (record := recorded(p, Profile.STANDARD)) and record.verdict is Verdict.REJECTED
    ]
    assert Counter(p.standing for p in rejected) == {STATED: 34, READING: 15, PROJECT: 14}
    twins = Counter(
        record.verdict for p in rejected if p.twin and (record := recorded(find(p.twin)))
    )
    assert twins == {Verdict.ACCEPTED: 9, Verdict.REJECTED: 6}
    # Rising and falling exclude each other: of two rejections, one was sure.
    drifts = {p.id for p in rejected if p.id.startswith("A9.rate.depth.plain.")}
    assert len(drifts) == 4


@pytest.mark.parametrize(
    ("id", "power"),
    [
        ("A4.total.depth", Power(depth="1/2")),
        ("A7.own.depth.power-1/4", Power(depth="-1/4")),
        ("A13.coupling.depth.mean-square.relu", Power(depth=1)),
        ("A9.rate.depth.plain.rises.sgd", Power(depth="1/2")),
        ("B4.rate.depth.conv-mlp", Power(depth=1)),
        ("C4.phase.alpha-1.gamma-0", Power(depth=Fraction(-1, 4))),
        ("A11.rate.width.sgd", Power(width="-1/2")),
        ("A1.forward.depth", None),
        ("A5.stream.depth", None),  # four steps at other rates are other training
        ("C2.rate.width.standard", None),  # of another claim's training
    ],
)
def test_a_control_says_where_it_is_the_claims_own_measurement(id: str, power: Power) -> None:
    assert find(id).controls[0].shifted == power
