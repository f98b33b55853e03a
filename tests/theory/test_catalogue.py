"""Every prediction of the catalogue can be tried, can fail, and was fixed before it was tried."""

import re
from dataclasses import replace
from fnmatch import fnmatch
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from theory import (
    Activation,
    Axis,
    Cell,
    Control,
    DomainError,
    Grid,
    Observable,
    Optimizer,
    Power,
    Prediction,
    Profile,
    Regime,
    Relation,
    Rival,
    Training,
    Verdict,
    am_mup,
    residual,
)
from theory.catalogue import PREDICTIONS, find, recorded, select
from theory.catalogue.gradient_independence import VANISHES
from theory.catalogue.other_readings import law_of_layers
from theory.catalogue.settings import BY_THE_SOURCE, OURS
from theory.counted_observables import predicted_exponent
from theory.expectations import AtMost, Summary
from theory.quantities import (
    Excess,
    Observed,
    OverCurve,
    OverNumber,
    OverSetting,
    Quantity,
    Regret,
    TunedOverSetting,
)
from verify.statistics.regression import PowerLaw

UNCOUNTED = "B4.rate.depth.one-layer-post"
every_prediction = pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.id)


def is_about(relation: Relation, *quantities: type[Quantity]) -> bool:
    return isinstance(relation.quantity, quantities)


def is_exponent(relation: Relation) -> bool:
    return relation.summary is Summary.EXPONENT


def is_curve(relation: Relation) -> bool:
    """The values themselves, not their exponent."""
    return is_about(relation, OverCurve) and relation.summary is Summary.RATIO


def test_ids_are_unique() -> None:
    assert len({p.id for p in PREDICTIONS}) == len(PREDICTIONS)


def test_claims_that_are_tried() -> None:
    """X goes beyond the sources."""
    claims = {p.id.split(".")[0] for p in PREDICTIONS}
    section_a = {f"A{i}" for i in range(1, 18)}
    section_c = {f"C{i}" for i in range(1, 9)}
    section_b = {f"B{i}" for i in range(1, 13)} - {"B11"}  # other images: --data
    assert claims == section_a | section_b | section_c | {"X"}
    with_rival = {p.id.split(".")[0] for p in PREDICTIONS if p.rival}
    assert {"A4", "A6", "A8", "A9", "A14", "A17", "B4", "B9", "B10"} <= with_rival


@every_prediction
def test_margins_are_tight(prediction: Prediction) -> None:
    exact = prediction.relation.summary is Summary.RATIO
    if is_about(prediction.relation, TunedOverSetting):
        # Of a loss: the smallest difference that counts.
        assert prediction.margin == Fraction(1, 20)
        return
    if prediction.id.startswith(("B9.", "X.best-rate.")):
        assert prediction.margin == Fraction(1, 5)  # training, between -1 and -3/2
        assert prediction.margin_reason
        return
    assert prediction.margin <= (Fraction(3, 100) if exact else Fraction(1, 10))
    assert prediction.margin_reason


@every_prediction
@pytest.mark.parametrize("profile", Profile)
def test_regimes_identify_what_they_estimate(prediction: Prediction, profile: Profile) -> None:
    if not prediction.regime.is_tried(profile):
        return
    grid = prediction.regime.grid(profile)
    axis = prediction.relation.axis
    assert isinstance(axis, Axis)
    assert list(grid.cells) == sorted(grid.cells)
    law = PowerLaw.of_cells(grid.cells, axis, prediction.regime.corrections)
    relation = prediction.relation
    if is_about(relation, OverSetting) and is_exponent(relation) and len(grid.cells) == 2:
        assert re.search("falls by .* factor", prediction.sentence)  # two depths, and no law
    elif is_exponent(relation):
        assert len(grid.cells) > law.design_matrix.shape[1], (
            "no degree of freedom left to check the fit"
        )


@every_prediction
def test_controls_differ_from_the_prediction(prediction: Prediction) -> None:
    assert prediction.controls
    assert all(control.setting != prediction.setting for control in prediction.controls)


@every_prediction
def test_what_is_compared_differs(prediction: Prediction) -> None:
    """Or every number would be equal to itself."""
    quantity = prediction.relation.quantity
    other = quantity.compared_with()
    wider = quantity.wider if isinstance(quantity, OverSetting) else 1
    assert other is None or other != prediction.setting or wider > 1


def values(prediction: Prediction, relation: Relation, cells: tuple[Cell, ...]) -> np.ndarray:
    """What a curve predicts."""
    curve, setting = relation.quantity.exact_curve(), prediction.setting
    assert curve is not None
    return np.array([curve(setting.architecture, setting.parameterization, c) for c in cells])


@every_prediction
def test_a_rival_says_something_else_and_has_its_own_control(prediction: Prediction) -> None:
    rival, margin = prediction.rival, float(prediction.margin)
    if rival is None:
        return
    assert rival.control.setting != prediction.setting
    cells = prediction.regime.grid(Profile.FULL).cells
    if is_curve(prediction.relation):
        ours, theirs = (
            values(prediction, r, cells[:1]) for r in (prediction.relation, rival.relation)
        )
        assert abs(np.log(ours / theirs)).max() > 2 * margin, "both could be accepted"
        return
    own, other_quantity = prediction.relation.quantity, rival.relation.quantity
    if isinstance(own, Regret):
        assert isinstance(other_quantity, Regret)
        assert own.exponent != other_quantity.exponent
        return
    if is_about(rival.relation, OverCurve):
        axis = prediction.relation.axis
        assert isinstance(axis, Axis)
        fit = PowerLaw.of_cells(cells, axis, prediction.regime.corrections)
        (implied,) = fit.exponents(np.log(values(prediction, rival.relation, cells))[None])
        band = prediction.relation.band(margin)
        assert not band.low <= implied <= band.high, "both could be accepted"
        return
    claimed, other = (r.band(margin) for r in (prediction.relation, rival.relation))
    assert claimed.high <= other.low or other.high <= claimed.low, "both could be accepted"


def _is_of_these_depths(prediction: Prediction, rival: Relation, counted: Fraction) -> bool:
    """Where counting's power lies beyond: exact sums, or the sign of that power."""
    curve = rival.quantity.exact_curve()
    if curve is not None:
        cells = tuple(Cell(128, depth) for depth in (16, 32, 64, 128, 256))
        local = np.diff(np.log2(values(prediction, rival, cells)))
        assert curve.name == str(prediction.observable)
        return bool((np.diff(local) > 0).all() and (local < float(counted)).all())
    band = rival.band(float(prediction.margin))
    return rival.origin == "power counting" and band.low <= counted <= band.high


def test_the_other_count_of_depth_is_that_of_pre_activations() -> None:
    """Of K = 4 blocks of m layers, and the input's."""
    for layers, count in ((1, 5), (2, 9)):
        law = law_of_layers(residual(layers), am_mup(), Cell(8, 4))
        assert law == pytest.approx(count**-1.5, rel=1e-12)


def test_where_power_counting_refuses_the_source_stands_alone() -> None:
    prediction = find(UNCOUNTED)
    with pytest.raises(DomainError, match="not stable in depth at initialization"):
        predicted_exponent(prediction.setting, prediction.observable, Axis.DEPTH)
    assert prediction.relation.origin == BY_THE_SOURCE
    assert prediction.rival is None


@pytest.mark.parametrize(
    "prediction", [p for p in PREDICTIONS if p.id != UNCOUNTED], ids=lambda p: p.id
)
def test_every_number_says_where_it_comes_from(prediction: Prediction) -> None:
    """An exponent is counted unless the source says otherwise, and then counting is the rival."""
    relation, rival = prediction.relation, prediction.rival
    # By an exact theory, or, of B4's other count of depth, by the published law itself.
    computed = (
        r"computed by theory\.(exact\.(propagation|first_step|feature_dynamics)|"
        r"catalogue\.other_readings)\."
    )
    if is_about(relation, OverCurve):
        assert re.match(computed, relation.origin)
        return
    bound = is_about(relation, Observed) and isinstance(relation.expectation, AtMost)
    if is_about(relation, OverNumber, TunedOverSetting, Excess) or (
        prediction.observable is Observable.TRAINED_LOSS and bound
    ):  # counting speaks of the rate of the smallest loss, not of a loss at a fixed rate
        assert relation.origin
        assert rival is None
        return
    if is_about(relation, Regret):
        other = re.match("the exponent of (power counting|width-muP)", relation.origin)
        assert (relation.origin == BY_THE_SOURCE) == (rival is not None)
        assert other or rival is not None
        return
    if relation.quantity.compared_with() is not None:
        assert relation.origin in {BY_THE_SOURCE, OURS}
        assert rival is None
        return
    if prediction.observable is Observable.REFERENCE_DISTANCE:  # powers of it are not counted
        origins = [relation.origin, *([rival.relation.origin] if rival else [])]
        assert set(origins) <= {BY_THE_SOURCE, "strong order of Euler's scheme"}
        assert len(set(origins)) == len(origins)
        return
    axis = relation.axis
    assert isinstance(axis, Axis)
    exponent = predicted_exponent(prediction.setting, prediction.observable, axis)
    if rival is None and relation.expectation.drift is not None:
        band = relation.band(float(prediction.margin))
        assert band.low <= exponent <= band.high, "power counting contradicts it"
        return
    if rival is not None and is_curve(rival.relation):
        # Counting agrees with the source: both speak of the limit, and the rival of these depths.
        assert re.match(computed, rival.relation.origin)
        rival = None
    if rival is not None and (
        rival.relation.expectation.drift is not None or is_about(rival.relation, OverCurve)
    ):
        assert relation.origin in {BY_THE_SOURCE, OURS}
        assert _is_of_these_depths(prediction, rival.relation, exponent)
        return
    counted = relation if rival is None else rival.relation
    assert counted.expected == float(exponent)
    assert counted.origin.startswith("theory.power_counting")
    if rival is not None:
        assert relation.origin in {BY_THE_SOURCE, OURS, VANISHES.origin}


def test_an_unstable_setting_has_no_exponent() -> None:
    (control,) = find("A1.forward.depth").controls
    with pytest.raises(DomainError, match="need not follow a power of L"):
        predicted_exponent(control.setting, Observable.FORWARD_SECOND_MOMENT, Axis.DEPTH)


@every_prediction
@pytest.mark.parametrize("profile", [Profile.QUICK, Profile.STANDARD])
def test_every_verdict_is_on_record(prediction: Prediction, profile: Profile) -> None:
    record = recorded(prediction, profile)
    if not prediction.regime.is_tried(profile):
        assert record is None
        return
    assert record is not None
    assert (record.rival is None) == (prediction.rival is None)
    if profile is Profile.STANDARD and record.verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        findings = (Path(__file__).parents[2] / "docs" / "findings" / "index.md").read_text(
            encoding="utf-8"
        )
        assert prediction.id in findings, "what is not decided needs a stated reason"


def test_a_prediction_without_a_control_is_refused(prediction: Prediction) -> None:
    with pytest.raises(DomainError, match="no negative control"):
        replace(prediction, controls=())


def test_a_control_that_is_the_claim_is_refused(prediction: Prediction) -> None:
    """Where the sentence is true, it would not be rejected either."""
    itself = Control("itself", prediction.setting)
    with pytest.raises(DomainError, match="'itself' is the claim's own setting; give one in which"):
        replace(prediction, controls=(*prediction.controls, itself))
    with pytest.raises(DomainError, match="'itself' is the claim's own setting"):
        replace(prediction, rival=Rival("", prediction.relation, prediction.citation, itself))
    shifted = Control("shifted", prediction.setting, Power(depth=1))
    replace(prediction, controls=(shifted,))


def test_a_protocol_must_measure_the_observable(prediction: Prediction) -> None:
    other = find("A6.own.depth").setting
    with pytest.raises(DomainError, match="measured by propagation"):
        replace(prediction, setting=other)


@pytest.mark.parametrize("observable", [Observable.LIMIT_DISTANCE, Observable.RECURSION_ERROR])
def test_distances_from_a_recursion_need_one(observable: Observable) -> None:
    with pytest.raises(DomainError, match="transformer, relu, T = 1 has no exact recursion"):
        replace(find("X.forward.depth.transformer.alpha-1"), observable=observable)


def test_selection_by_id_prefix_and_pattern() -> None:
    assert [p.id for p in select(("A6.own.depth",))] == ["A6.own.depth"]
    assert {p.id for p in select(("A5",))} == {"A5.stream.depth", "A5.stream.width"}
    assert all(p.relation.axis is Axis.WIDTH for p in select(("*.width",)))
    assert select(()) == PREDICTIONS


def test_what_the_quick_profile_leaves_out_says_so() -> None:
    quick = select((), Profile.QUICK)
    assert 0 < len(quick) < len(PREDICTIONS)
    assert select((), Profile.FULL) == PREDICTIONS
    with pytest.raises(DomainError, match=r"A10: not tried in the quick profile; take --profile"):
        select(("A10",), Profile.QUICK)
    with pytest.raises(DomainError, match="take the standard one"):
        find("A10.loss.tuned").regime.grid(Profile.QUICK)


def test_what_is_tried_in_the_full_profile_only_says_so() -> None:
    costly = {p.id for p in PREDICTIONS} - {p.id for p in select((), Profile.STANDARD)}
    patterns = (
        "A16.excess.width",
        "A8.*.power-counting",
        "A9.rate.depth.corrected.power.*",
        "A9.rate.width.*",
        "A11.rate.width.*",
        "A12.coupling.*.alpha-*",
        "A13.coupling.depth.*.alpha-1.*",
        "A15.limit.*",
        "C6.*",
        "B*.wide",
        "B1.*.deep",
        "B2.*.deep",
        "B3.ratio.positions-32",
        "B3.ratio.positions-256",
        "B4.rate.depth.*.deep",
        "B4.rate.depth.one-layer-post",
        "B4.rate.layers.*",
        "B6.*.deep",
        "B6.ratio.*",
        "B4.rate.depth.conv-2d",
        "B4.rate.depth.conv-mlp-post",
        "B5.exponent.depth.conv-*",
        "B7.rate.depth.conv-mlp",
        "B8.*.depth.blocks",
        "B9.rate.depth.chains",
        "B9.rate.depth.conv-chains",
        "B9.rate.depth.two-layer-blocks",
        "B10.transfer.depth.*chains",
        "B10.transfer.depth.conv-blocks",
        "B10.transfer.depth.*.power-*",
        "*.training-loss",
        "X.best-rate.depth.chains.*",
        "X.best-rate.depth.transformer",
        "X.rate.depth.transformer.*",
    )
    assert costly == {p.id for pattern in patterns for p in PREDICTIONS if fnmatch(p.id, pattern)}
    claim = find("B2.rate.depth.wide")
    assert claim.regime.least is Profile.FULL
    assert recorded(claim) == recorded(claim, Profile.FULL)
    assert recorded(claim, Profile.STANDARD) is None
    for profile in (Profile.QUICK, Profile.STANDARD):
        with pytest.raises(DomainError, match=rf"in the {profile} profile; take --profile full"):
            select(("B?.*.wide",), profile)
        with pytest.raises(DomainError, match=f"in the {profile} profile; take the full one"):
            claim.regime.grid(profile)


def test_a_regime_has_a_grid_for_every_profile_behind_its_first() -> None:
    grid = Grid((Cell(8, 4), Cell(8, 8)), 8, 8)
    for quick, full in ((None, None), (grid, None), (grid, grid)):
        with pytest.raises(DomainError, match="no standard grid: expected a full one, and no qui"):
            Regime(quick=quick, full=full)
    assert Regime(standard=grid).least is Profile.STANDARD
    assert Regime(quick=grid, standard=grid).least is Profile.QUICK


def test_the_full_profile_is_wide_and_deep() -> None:
    """L = 256 and n >= 4096 for one step by SGD (128 for convolutions), L = 64 for training."""
    for prediction in PREDICTIONS:
        setting, axis = prediction.setting, prediction.relation.axis
        if prediction.regime.full is None or axis is not Axis.DEPTH:
            continue
        if not prediction.regime.is_tried(Profile.STANDARD):  # and deep enough for another profile
            continue
        cells = prediction.regime.full.cells
        if isinstance(setting.experiment, Training):
            assert max(cell.depth for cell in cells) >= 64
        elif setting.experiment.reference is not None:  # the stream is fixed, and M its inner width
            assert max(cell.depth for cell in cells) >= 16
        elif setting.architecture.convolution is not None:
            assert max(cell.depth for cell in cells) >= 128
        elif setting.parameterization.optimizer is Optimizer.SGD:
            assert max(cell.width for cell in cells) >= 4096


def test_unknown_names_are_told_the_nearest_ones() -> None:
    nearest = r"'A8.stream.depth.horizon-2'; .* ids are A8\.stream\.depth\.horizon-[14], "
    for ask in (find, lambda text: select((text,))):
        with pytest.raises(DomainError, match=nearest) as error:
            ask("A8.stream.depth.horizon-2")
        assert str(error.value).endswith("; see all of them with scaleproof list")
    with pytest.raises(DomainError, match="unknown prediction 'A18'"):
        find("A18")


def test_a_claim_in_place_of_an_id_is_answered_with_one_of_its_ids() -> None:
    words = "'C1' is the beginning of 2 ids, and this takes one of them, such as C1.rate.depth; "
    with pytest.raises(DomainError, match=f"^{words}see them with scaleproof list C1$"):
        find("C1")


@pytest.mark.parametrize(("asked", "start"), [("a1.forward", "A1.forward."), ("B4.rte", "B4.rate")])
def test_the_nearest_ids_begin_alike(asked: str, start: str) -> None:
    """Not A10 or A17, which have most letters of A1 in common."""
    with pytest.raises(DomainError, match=rf"ids are {re.escape(start)}"):
        find(asked)


def test_what_spans_every_coordinate_is_not_linear() -> None:
    """Streams of linear networks span no more than the 32 coordinates of their inputs."""
    controls = [control for p in select(("A12.*.identity",)) for control in p.controls]
    assert len(controls) == 4
    assert {c.setting.architecture.activation for c in controls} == {Activation.TANH}
