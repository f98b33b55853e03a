"""Every prediction of the catalogue can be tried, can fail, and was fixed before it was tried."""

from dataclasses import replace
from fractions import Fraction

import pytest

from theory import Axis, CurveEquals, DomainError, Observable, Prediction, Profile, Verdict
from theory.catalogue import PREDICTIONS, find, recorded, select
from theory.power_counting import predicted_exponent
from verify.statistics.regression import PowerLaw

every_prediction = pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.id)


def test_ids_are_unique() -> None:
    assert len({p.id for p in PREDICTIONS}) == len(PREDICTIONS)


def test_every_claim_of_the_first_campaign_is_there() -> None:
    claims = {p.id.split(".")[0] for p in PREDICTIONS}
    assert claims == {"A1", "A2", "A3", "A5", "A6", "A7", "A8", "B4", "C1"}
    with_rival = {p.id.split(".")[0] for p in PREDICTIONS if p.rival}
    assert {"A8", "B4"} <= with_rival


@every_prediction
def test_margins_are_tight(prediction: Prediction) -> None:
    exact = isinstance(prediction.relation, CurveEquals)
    assert prediction.margin <= (Fraction(3, 100) if exact else Fraction(1, 10))
    assert prediction.margin_reason


@every_prediction
@pytest.mark.parametrize("profile", Profile)
def test_regimes_identify_what_they_estimate(prediction: Prediction, profile: Profile) -> None:
    grid = prediction.regime.grid(profile)
    axis = prediction.relation.axis
    assert isinstance(axis, Axis)
    assert list(grid.cells) == sorted(grid.cells)
    law = PowerLaw.of_cells(grid.cells, axis, prediction.regime.corrections)
    if not isinstance(prediction.relation, CurveEquals):
        assert len(grid.cells) > law.design.shape[1], "no degree of freedom left to check the fit"


@every_prediction
def test_controls_differ_from_the_prediction(prediction: Prediction) -> None:
    assert prediction.controls
    assert all(control.setting != prediction.setting for control in prediction.controls)


@every_prediction
def test_a_rival_says_something_else_and_has_its_own_control(prediction: Prediction) -> None:
    if prediction.rival is not None:
        distance = abs(prediction.rival.relation.expected - prediction.relation.expected)
        assert distance >= 2 * prediction.margin, "both could be accepted"
        assert prediction.rival.control.setting != prediction.setting


@every_prediction
def test_every_number_says_where_it_comes_from(prediction: Prediction) -> None:
    """An exponent is counted unless the source says otherwise, and then counting is the rival."""
    if isinstance(prediction.relation, CurveEquals):
        assert prediction.relation.origin.startswith("exact recursion theory.propagation.")
        return
    axis = prediction.relation.axis
    assert isinstance(axis, Axis)
    exponent = predicted_exponent(prediction.setting, prediction.observable, axis)
    if prediction.rival is None:
        assert prediction.relation.expected == float(exponent)
        assert prediction.relation.origin.startswith("theory.power_counting")
    else:
        assert prediction.rival.relation.expected == float(exponent)
        assert prediction.relation.origin == "stated by the source"


def test_an_unstable_setting_has_no_exponent() -> None:
    (control,) = find("A1.forward.depth").controls
    with pytest.raises(DomainError, match="need not follow a power of L"):
        predicted_exponent(control.setting, Observable.FORWARD_SECOND_MOMENT, Axis.DEPTH)


@every_prediction
@pytest.mark.parametrize("profile", Profile)
def test_every_verdict_is_on_record(prediction: Prediction, profile: Profile) -> None:
    record = recorded(prediction, profile)
    assert record is not None
    assert record.verdict in (Verdict.ACCEPTED, Verdict.REJECTED)
    assert (record.rival is None) == (prediction.rival is None)


def test_a_prediction_without_a_control_is_refused(prediction: Prediction) -> None:
    with pytest.raises(DomainError, match="no negative control"):
        replace(prediction, controls=())


def test_a_protocol_must_measure_the_observable(prediction: Prediction) -> None:
    other = find("A6.own.depth").setting
    with pytest.raises(DomainError, match="measured by propagation"):
        replace(prediction, setting=other)


def test_selection_by_id_prefix_and_pattern() -> None:
    assert [p.id for p in select(("A6.own.depth",))] == ["A6.own.depth"]
    assert {p.id for p in select(("A5",))} == {"A5.stream.depth", "A5.stream.width"}
    assert all(p.relation.axis is Axis.WIDTH for p in select(("*.width",)))
    assert select(()) == PREDICTIONS


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(DomainError, match=r"unknown prediction 'A99'.*A1\.forward\.depth"):
        select(("A99",))
    with pytest.raises(DomainError, match="unknown prediction 'A1'"):
        find("A1")
