"""Levels of families, by hand: rates and p-values in binary fractions, to hit bounds exactly."""

from collections.abc import Callable

import numpy as np
import pytest

from theory.arrays import FloatArray
from verify.statistics.multiplicity import discovery_levels, holm_levels

Procedure = Callable[..., FloatArray]
RATE = 3 / 16
PROCEDURES = pytest.mark.parametrize("procedure", [holm_levels, discovery_levels])

# A family of three a row; Holm tests at 1/16, 3/32 and 3/16.
FAMILIES = np.array(
    [
        [1 / 8, 1 / 2, 3 / 32],  # 3/32 fails, and all with it
        [1 / 8, 1 / 32, 1 / 4],  # 1/32 passes, 1/8 fails, and 1/4 with it
        [3 / 32, 1 / 4, 1 / 32],  # 1/32 passes, 3/32 passes, 1/4 fails
        [1 / 8, 1 / 16, 3 / 32],  # all pass, two of them just so
        [1 / 16, 1 / 64, 1 / 32],  # all pass, the last by far
    ]
)
HOLM = np.array(
    [
        [1 / 16, 1 / 16, 1 / 16],
        [3 / 32, 1 / 16, 3 / 32],
        [3 / 32, 3 / 16, 1 / 16],
        [3 / 16, 1 / 16, 3 / 32],
        [3 / 16, 1 / 16, 3 / 32],
    ]
)
# Benjamini and Hochberg: the largest k with k p-values up to k/16 each.
DISCOVERED = np.array([2, 2, 2, 3, 3])


def test_levels_of_holm_grow_until_the_first_failure() -> None:
    np.testing.assert_array_equal(holm_levels(FAMILIES, RATE), HOLM)


def test_the_largest_number_of_discoveries_counts_even_after_failures() -> None:
    expected = np.broadcast_to(DISCOVERED[:, None] / 16, (5, 3))
    np.testing.assert_array_equal(discovery_levels(FAMILIES, RATE), expected)


@PROCEDURES
def test_without_a_discovery_the_level_is_a_share_of_the_family(procedure: Procedure) -> None:
    np.testing.assert_array_equal(procedure(np.array([0.5, 0.75, 1.0]), RATE), 1 / 16)


@PROCEDURES
def test_families_lie_along_the_last_axis(procedure: Procedure) -> None:
    alone = np.array([procedure(family, RATE) for family in FAMILIES])
    np.testing.assert_array_equal(procedure(FAMILIES, RATE), alone)
    stacked = procedure(FAMILIES[:4].reshape(2, 2, 3), RATE)
    np.testing.assert_array_equal(stacked, alone[:4].reshape(2, 2, 3))


@PROCEDURES
def test_who_is_left_out_is_no_member(procedure: Procedure) -> None:
    """The level of the others is that of a family of their own."""
    members = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool)
    levels = procedure(FAMILIES, RATE, members)
    for family, level, member in zip(FAMILIES, levels, members, strict=True):
        np.testing.assert_array_equal(level[member], procedure(family[member], RATE))


@PROCEDURES
def test_a_family_without_members_is_tested_as_one_of_one(procedure: Procedure) -> None:
    nobody = np.zeros(FAMILIES.shape, dtype=bool)
    np.testing.assert_array_equal(procedure(FAMILIES, RATE, nobody), RATE)


@PROCEDURES
def test_no_evidence_is_no_decision_but_a_member(procedure: Procedure) -> None:
    unknown = procedure(np.array([np.nan, 1 / 32, 3 / 32]), RATE)
    np.testing.assert_array_equal(unknown, procedure(np.array([1.0, 1 / 32, 3 / 32]), RATE))
