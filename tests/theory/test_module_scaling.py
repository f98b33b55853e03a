"""Exponents of healthy modules, role by role, as the tables of the sources have them."""

from fractions import Fraction
from typing import Any

import pytest

from theory.module_scaling import (
    HALF,
    Demand,
    Quantity,
    ReadRole,
    expected_of_module,
    expected_of_read,
    expected_of_scores,
)
from theory.scaling import Axis

MATRIX: dict[str, Any] = {
    "contraction_grows": True,
    "output_grows": True,
    "growing": 2,
    "fan_in": 64,
    "linear": True,
    "additive": False,
    "lookup": False,
    "dimensions": 2,
    "inner": True,
    "feeds_scores": False,
}
READOUT = MATRIX | {"output_grows": False, "growing": 1, "inner": False}
GROUPED_KEY = READOUT | {"inner": True, "feeds_scores": True}
INPUT = MATRIX | {"contraction_grows": False, "growing": 1, "fan_in": 16}
BIAS = MATRIX | {
    "contraction_grows": False,
    "growing": 1,
    "fan_in": 1,
    "additive": True,
    "linear": False,
    "dimensions": 1,
}
GAIN = BIAS | {"additive": False, "linear": True}


def expected(
    quantity: Quantity, role: dict[str, Any], axis: Axis, demand: Demand = Demand.MUP
) -> list[str] | None:
    made = expected_of_read(quantity, ReadRole(**role), axis, demand)
    return None if made is None else made.texts


@pytest.mark.parametrize(
    ("role", "gain"),
    [
        (MATRIX, ["0"]),
        (INPUT, ["0"]),
        (READOUT, ["-1/2", "0"]),
        (GROUPED_KEY, ["0", "-1/2"]),
        (BIAS, ["at most 0"]),
        (BIAS | {"dimensions": 2}, ["0"]),
        (GAIN, ["0"]),
    ],
)
def test_gains_in_width(role: dict[str, Any], gain: list[str]) -> None:
    assert expected(Quantity.GAIN, role, Axis.WIDTH) == gain


@pytest.mark.parametrize(("role", "judged"), [(MATRIX, Quantity.OWN), (BIAS, Quantity.ALONE)])
def test_matrices_move_along_the_gradient_and_vectors_alone(
    role: dict[str, Any], judged: Quantity
) -> None:
    for quantity in (Quantity.OWN, Quantity.ALONE):
        wanted = ["0"] if quantity is judged else None
        assert expected(quantity, role, Axis.WIDTH) == wanted


@pytest.mark.parametrize(
    ("more", "gain", "own"),
    [
        ({}, ["0"], ["-1/2", "0"]),
        ({"ends_branch": True}, ["-1", "-1/2"], ["-1"]),
        ({"follows_gradient": True}, ["0"], ["0", "1"]),
    ],
)
def test_blocks_in_depth(more: dict[str, bool], gain: list[str], own: list[str]) -> None:
    role = MATRIX | {"in_block": True, "has_branches": True} | more
    assert expected(Quantity.GAIN, role, Axis.DEPTH) == gain
    assert expected(Quantity.OWN, role, Axis.DEPTH) == own
    assert expected(Quantity.SHARE, role, Axis.DEPTH) == ["-1"]


def test_what_is_outside_blocks_does_not_know_the_depth() -> None:
    for quantity in (Quantity.GAIN, Quantity.OWN, Quantity.SHARE):
        assert expected(quantity, READOUT, Axis.DEPTH) == ["0"]


@pytest.mark.parametrize(
    ("role", "gain"),
    [
        (BIAS, ["at most 0"]),
        (BIAS | {"dimensions": 2}, ["0"]),  # a table of positions
        (BIAS | {"dimensions": 2, "in_block": True}, ["at most 0"]),
    ],
)
def test_gains_of_what_is_added_in_depth(role: dict[str, Any], gain: list[str]) -> None:
    assert expected(Quantity.GAIN, role, Axis.DEPTH) == gain


def test_complete_asks_for_movement_inside_blocks() -> None:
    role = MATRIX | {"in_block": True, "has_branches": True}
    assert expected(Quantity.OWN, role, Axis.DEPTH, Demand.COMPLETE) == ["0"]


def test_stable_asks_only_that_nothing_grows() -> None:
    assert expected(Quantity.OWN, MATRIX, Axis.WIDTH, Demand.STABLE) == ["at most 0"]
    moved = expected_of_module(Quantity.CHANGE, True, Axis.WIDTH, Demand.STABLE)
    assert moved.texts == ["at most 0"]


def test_scores_fall_where_heads_widen() -> None:
    widening = expected_of_scores(True, Axis.WIDTH, Demand.MUP)
    assert widening.alternatives == (-HALF,)
    assert expected_of_scores(False, Axis.WIDTH, Demand.MUP).alternatives == (Fraction(0),)
    assert expected_of_scores(True, Axis.DEPTH, Demand.MUP).alternatives == (Fraction(0),)


def test_between_two_right_exponents_the_first_is_meant() -> None:
    made = expected_of_read(Quantity.GAIN, ReadRole(**READOUT), Axis.WIDTH, Demand.MUP)
    assert made is not None
    assert [made.nearest(x) for x in (-0.6, -0.25, 0.02)] == [-HALF, -HALF, Fraction(0)]
