"""What a relation is: a band of a statistic, and what cannot be said."""

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from theory import (
    Axis,
    BestRateDrifts,
    BestRateExponentEquals,
    Cell,
    CurveEquals,
    Direction,
    DomainError,
    ExcessExponentAtMost,
    ExcessExponentEquals,
    ExponentAtMost,
    ExponentEquals,
    ExponentOfCurve,
    ExponentsEqual,
    ExponentsOrdered,
    GeometricMeanEquals,
    Grid,
    Prediction,
    Profile,
    Setting,
    SettingsEqual,
    SettingsOrdered,
    Training,
    TransferRegretAtMost,
    TunedOrdered,
    ValueAtMost,
    ValueEquals,
    depth_mup,
    residual,
)
from theory.exact.propagation import forward_second_moment
from theory.expectations import AtMost, Band, Drifts, Equals, Smaller
from theory.quantities import Curve, widened
from theory.relations import Relation

HALF = Fraction(1, 2)
RATES = tuple(Fraction(2) ** k for k in range(-3, 2))
PLAIN = Setting(residual(2), depth_mup(), Training(batch=2, steps=1))


@pytest.mark.parametrize(
    ("relation", "band", "text"),
    [
        (ExponentEquals(Axis.DEPTH, HALF, ""), Band(0.4, 0.6), "exponent of L = 1/2"),
        (ExponentAtMost(Axis.WIDTH, HALF, ""), Band(-math.inf, 0.6), "exponent of n <= 1/2"),
        (ValueEquals(Axis.DEPTH, 3.0, ""), Band(0.9, 1.1), "value = 3 in every cell"),
        (ValueAtMost(Axis.DEPTH, 3.0, ""), Band(-math.inf, 1.1), "value <= 3 in every cell"),
        (
            GeometricMeanEquals(Axis.DEPTH, forward_second_moment),
            Band(-0.1, 0.1),
            "geometric mean = forward_second_moment at every cell",
        ),
        (
            ExponentOfCurve(Axis.DEPTH, forward_second_moment),
            Band(-0.1, 0.1),
            "exponent of L equal to that of forward_second_moment",
        ),
        (
            SettingsOrdered("depth", "plain", ""),
            Band(-math.inf, -0.1),
            "smaller than that in [plain]",
        ),
        (SettingsEqual("depth", "plain", ""), Band(-0.1, 0.1), "equal to that in [plain] in every"),
        (
            ExponentsEqual("depth", "plain", ""),
            Band(-0.1, 0.1),
            "equal to that in [plain]",
        ),
        (ExponentsOrdered("depth", "plain", ""), Band(-math.inf, -0.1), "smaller than that in"),
        (
            BestRateExponentEquals(Axis.DEPTH, HALF, "", RATES),
            Band(0.4, 0.6),
            "of the best learning rate = 1/2",
        ),
        (
            BestRateDrifts(Axis.DEPTH, Direction.RISES, "", RATES),
            Band(0.1, math.inf),
            "the best learning rate rises with L",
        ),
        (
            BestRateDrifts(Axis.DEPTH, Direction.FALLS, "", RATES),
            Band(-math.inf, -0.1),
            "the best learning rate falls with L",
        ),
        (
            TunedOrdered(Axis.DEPTH, PLAIN, "", RATES),
            Band(-math.inf, -0.1),
            "smaller, at the best rate, than that in [residual, m = 2",
        ),
        (
            TransferRegretAtMost(Axis.DEPTH, -HALF, 0.02, "", RATES),
            Band(-math.inf, 0.12),
            "transfer of the learning rate as L^-1/2 costs <= 0.02",
        ),
    ],
    ids=str,
)
def test_a_relation_is_a_band_of_its_statistic(relation: Relation, band: Band, text: str) -> None:
    assert relation.band(0.1) == pytest.approx(band)
    assert text in str(relation)


def test_rates_widen_in_the_same_ratio() -> None:
    wider = widened(RATES, 2, 1)
    assert wider[2:-1] == RATES
    assert (wider[0], wider[-1]) == (Fraction(1, 32), Fraction(4))
    BestRateExponentEquals(Axis.DEPTH, HALF, "", wider)


@pytest.mark.parametrize(
    "rates", [RATES[:4], RATES[::-1], (*RATES, Fraction(3)), (Fraction(1),) * 5], ids=str
)
def test_grids_of_rates_are_checked(rates: tuple[Fraction, ...]) -> None:
    relations: list[Callable[[], Relation]] = [
        lambda: BestRateExponentEquals(Axis.DEPTH, HALF, "", rates),
        lambda: BestRateDrifts(Axis.DEPTH, Direction.RISES, "", rates),
        lambda: TunedOrdered(Axis.DEPTH, PLAIN, "", rates),
        lambda: TransferRegretAtMost(Axis.DEPTH, HALF, 0.0, "", rates),
    ]
    for relation in relations:
        with pytest.raises(DomainError, match="at least five, ascending, in constant ratio"):
            relation()


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("relation", [ValueEquals, ValueAtMost])
def test_values_with_relative_margins_are_positive(
    relation: Callable[[Axis, float, str], Relation], value: float
) -> None:
    with pytest.raises(DomainError, match="a relative margin needs a positive number"):
        relation(Axis.DEPTH, value, "")


def test_exponents_of_depth_may_be_compared_at_another_width() -> None:
    relation = ExponentsEqual(Axis.DEPTH, PLAIN, "", wider=4)
    assert str(relation).endswith("], 4 times as wide")
    for axis, wider in ((Axis.DEPTH, 0), (Axis.WIDTH, 2), ("depth", 2)):
        with pytest.raises(DomainError, match="expected a positive number, and 1 unless"):
            ExponentsEqual(axis, PLAIN, "", wider)


@pytest.mark.parametrize("bound", [-0.01, math.nan, math.inf])
def test_a_regret_has_a_bound_of_nats(bound: float) -> None:
    with pytest.raises(DomainError, match="expected 0 or a positive number of nats"):
        TransferRegretAtMost(Axis.DEPTH, HALF, bound, "", RATES)


def test_predictions_name_settings_axes_and_rates(prediction: Prediction) -> None:
    for relation in (
        ExponentsEqual(Axis.DEPTH, "a name", ""),
        SettingsEqual(Axis.DEPTH, "a name", ""),
        ExponentEquals("a column", HALF, ""),
        BestRateExponentEquals(Axis.DEPTH, HALF, ""),
        TransferRegretAtMost(Axis.DEPTH, HALF, 0.0, "", ()),
    ):
        with pytest.raises(DomainError, match=r"columns of tables|no learning rates"):
            replace(prediction, relation=relation)


@pytest.mark.parametrize("looks", [0, 4])
def test_looks_are_at_most_three(looks: int, prediction: Prediction) -> None:
    with pytest.raises(DomainError, match="expected 1 to 3"):
        Grid(prediction.regime.grid(Profile.QUICK).cells, 8, 8, looks)


def test_a_curve_is_a_ratio_of_one_and_says_who_computes_it() -> None:
    relation = CurveEquals(Axis.DEPTH, forward_second_moment)
    assert relation.band(0.03) == pytest.approx(Band(0.97, 1.03))
    assert str(relation) == "value = forward_second_moment at every cell"
    assert relation.origin == "computed by theory.exact.propagation.forward_second_moment"
    curve = relation.quantity.exact_curve()
    assert curve == Curve("theory.exact.propagation", "forward_second_moment")
    named = Curve("theory.exact.propagation", "forward_second_moment")
    network = (residual(2), depth_mup(), Cell(8, 4))
    assert named(*network) == forward_second_moment(*network)


@pytest.mark.parametrize(
    ("relation", "band", "sign"),
    [
        (ExcessExponentEquals, Band(-1.1, -0.9), "="),
        (ExcessExponentAtMost, Band(-math.inf, -0.9), "<="),
    ],
)
def test_an_excess_is_over_its_limit_unless_it_is_said_to_be_missing(
    relation: Callable[..., Relation], band: Band, sign: str
) -> None:
    over = relation(Axis.WIDTH, -1, "a test")
    assert over.band(0.1) == pytest.approx(band)
    assert str(over) == f"exponent of n of the excess over the limit {sign} -1"
    missing = relation(Axis.WIDTH, -1, "a test", from_below=True)
    assert str(missing) == f"exponent of n of what is missing to the limit {sign} -1"
    relation(Axis.WIDTH, Fraction(-1, 1000), "a test")
    for power in (0, Fraction(1, 2)):
        with pytest.raises(DomainError, match="an excess over a limit needs a negative one"):
            relation(Axis.WIDTH, power, "a test")


@pytest.mark.parametrize("relation", [ExponentEquals, ExponentAtMost, BestRateExponentEquals])
def test_an_exponent_is_one_that_a_logarithm_can_have(relation: Callable[..., Relation]) -> None:
    for largest in (1000, -1000):
        assert relation("depth", largest).expected == largest
    for beyond in (Fraction(1000001, 1000), -1001, "1e400"):
        with pytest.raises(DomainError, match="expected one between -1000 and 1000"):
            relation("depth", beyond)


def test_one_sided_claims_end_where_there_is_no_difference() -> None:
    assert Smaller().expected == Drifts(Direction.RISES).expected == 0.0
    assert (Equals(HALF).expected, AtMost(HALF).expected) == (0.5, 0.5)
    assert Equals(HALF).drift is None
