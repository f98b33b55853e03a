"""Every rule that takes a decision away, at both sides of its bound.

Checks are written down rather than computed: exponents elsewhere, their movements, a p-value. The
band is [1, 3], the margin 1 and the estimate of a rejection 4 or 0.
"""

import math

import numpy as np
import pytest
from scipy import stats

from theory.expectations import Band
from verify.statistics.equivalence import Intervals
from verify.statistics.fit_checks import (
    CHECK_LEVEL,
    Elsewhere,
    FitChecks,
    check_fit,
    hangs_on_law,
    misfit,
    moved,
    rests_on_smallest,
    spoils_acceptance,
    spoils_rejection,
    trimmed_disagrees,
)
from verify.statistics.regression import PowerLaw

BAND, MARGIN = Band(1.0, 3.0), 1.0
AT_MOST, AT_LEAST = Band(-math.inf, 3.0), Band(1.0, math.inf)
SIZES = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
LAW = PowerLaw(SIZES, np.empty((5, 0)), "depth")


def intervals(estimate: float, half_width: float = 0.25) -> Intervals:
    middle = np.array([estimate])
    return Intervals(middle, middle - half_width, middle + half_width, np.array([0.05]))


def place(exponent: float, movement: float = 0.0) -> Elsewhere:
    return Elsewhere(intervals(exponent), intervals(movement))


def checks(
    without_smallest: Elsewhere | None = None,
    curvature: Elsewhere | None = None,
    misfit: float = 1.0,
    trimmed: float = 2.0,
) -> FitChecks:
    return FitChecks(without_smallest, curvature, None, np.array([misfit]), np.array([trimmed]))


@pytest.mark.parametrize(
    ("movement", "is_moved"), [(1.5, True), (1.2, False), (0.0, False), (-1.2, False), (-1.5, True)]
)
def test_an_exponent_has_moved_when_it_surely_moves_by_more_than_the_margin(
    movement: float, is_moved: bool
) -> None:
    assert moved(place(9.0, movement), MARGIN, BAND) == [is_moved]


@pytest.mark.parametrize("band", [AT_MOST, AT_LEAST])
@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.0, 3.5])
def test_a_claim_of_one_side_has_moved_when_it_surely_leaves_the_band(
    band: Band, exponent: float
) -> None:
    outside = exponent > 3.25 if band is AT_MOST else exponent < 0.75
    assert moved(place(exponent, 9.0), MARGIN, band) == [outside]


@pytest.mark.parametrize(("p_value", "is_misfit"), [(0.04, True), (0.05, True), (0.06, False)])
def test_a_law_does_not_fit_up_to_its_level(p_value: float, is_misfit: bool) -> None:
    assert misfit(checks(misfit=p_value), 0.05) == [is_misfit]


@pytest.mark.parametrize("where", ["without_smallest", "curvature"])
@pytest.mark.parametrize(
    ("band", "exponent", "movement", "hangs"),
    [
        (BAND, 2.0, 0.5, False),
        (BAND, 3.0, 1.0, False),  # the ends of the band are in it, and the margin is no movement
        (BAND, 1.0, -1.0, False),
        (BAND, 3.1, 0.5, True),
        (BAND, 0.9, 0.5, True),
        (BAND, 2.0, 1.1, True),
        (BAND, 2.0, -1.1, True),
        (AT_MOST, 2.0, -9.0, False),
        (AT_MOST, 3.1, 0.0, True),
        (AT_LEAST, 2.0, 9.0, False),
        (AT_LEAST, 0.9, 0.0, True),
    ],
)
def test_an_acceptance_hangs_on_the_law_where_elsewhere_it_would_not_hold(
    where: str, band: Band, exponent: float, movement: float, hangs: bool
) -> None:
    for p_value in (0.01, 0.5):
        found = checks(**{where: place(exponent, movement)}, misfit=p_value)  # type: ignore[arg-type]
        decision = hangs_on_law(found, np.array([2.0]), MARGIN, band, 0.05, accepted=True)
        assert decision == [hangs and p_value == 0.01]


@pytest.mark.parametrize("where", ["without_smallest", "curvature"])
@pytest.mark.parametrize(
    ("estimate", "exponent", "hangs"),
    [
        (4.0, 3.5, False),
        (4.0, 5.0, False),
        (4.0, 3.0, True),
        (4.0, 1.0, True),
        (4.0, 2.0, True),
        (4.0, 0.5, True),  # outside, but below
        (0.0, 0.5, False),
        (0.0, -5.0, False),
        (0.0, 2.0, True),
        (0.0, 3.5, True),  # outside, but above
    ],
)
def test_a_rejection_hangs_on_the_law_where_elsewhere_it_is_on_another_side(
    where: str, estimate: float, exponent: float, hangs: bool
) -> None:
    """Also below zero, where a sign beside the end of the band would not show above it."""
    for shift in (0.0, -10.0):
        found = checks(**{where: place(exponent + shift, 99.0)}, misfit=0.01)  # type: ignore[arg-type]
        band = Band(BAND.low + shift, BAND.high + shift)
        decision = hangs_on_law(
            found, np.array([estimate + shift]), MARGIN, band, 0.05, accepted=False
        )
        assert decision == [hangs]


@pytest.mark.parametrize(
    ("estimate", "remaining", "rests"),
    [
        (4.0, 3.1, False),
        (4.0, 3.0, True),
        (4.0, 0.5, True),
        (0.0, 0.9, False),
        (0.0, 1.0, True),
        (0.0, 3.5, True),
    ],
)
def test_a_rejection_rests_on_the_smallest_size_when_the_rest_is_not_on_its_side(
    estimate: float, remaining: float, rests: bool
) -> None:
    found = checks(without_smallest=place(remaining))
    assert rests_on_smallest(found, np.array([estimate]), BAND) == [rests]
    # The end of the range is no smallest size.
    assert rests_on_smallest(
        checks(curvature=place(remaining)), np.array([estimate]), BAND
    ).tolist() == [False]


@pytest.mark.parametrize(
    ("trimmed", "inside"), [(0.9, False), (1.0, True), (2.0, True), (3.0, True), (3.1, False)]
)
def test_a_trimmed_mean_on_the_other_side_disagrees(trimmed: float, inside: bool) -> None:
    found = checks(trimmed=trimmed)
    assert trimmed_disagrees(found, BAND, accepted=True) == [not inside]
    assert trimmed_disagrees(found, BAND, accepted=False) == [inside]


SOUND = {"without_smallest": place(2.0), "curvature": place(2.0), "misfit": 0.01}


@pytest.mark.parametrize(
    ("changed", "spoiled"),
    [
        ({}, False),
        ({"trimmed": 4.0}, True),
        ({"without_smallest": place(3.1)}, True),
        ({"curvature": place(3.1)}, True),
        ({"curvature": place(3.1), "misfit": 0.5}, False),
        ({"without_smallest": place(2.0, 1.5), "misfit": 0.5}, True),
        ({"curvature": place(2.0, 1.5), "misfit": 0.5}, True),
        ({"trimmed": 4.0, "without_smallest": place(2.0, 1.5)}, True),
    ],
)
def test_one_reason_spoils_an_acceptance(changed: dict[str, object], spoiled: bool) -> None:
    found = checks(**SOUND | changed)  # type: ignore[arg-type]
    assert spoils_acceptance(found, np.array([2.0]), MARGIN, BAND, 0.05) == [spoiled]


OUTSIDE = {"without_smallest": place(4.0), "curvature": place(4.0), "misfit": 0.01, "trimmed": 4.0}


@pytest.mark.parametrize(
    ("changed", "spoiled"),
    [
        ({}, False),
        ({"trimmed": 2.0}, True),
        ({"curvature": place(2.0)}, True),
        ({"curvature": place(2.0), "misfit": 0.5}, False),
        ({"without_smallest": place(2.0), "misfit": 0.5}, True),
        ({"without_smallest": place(2.0), "trimmed": 2.0}, True),
        ({"without_smallest": place(4.0, 9.0), "curvature": place(4.0, 9.0)}, False),
    ],
)
def test_one_reason_spoils_a_rejection(changed: dict[str, object], spoiled: bool) -> None:
    found = checks(**OUTSIDE | changed)  # type: ignore[arg-type]
    assert spoils_rejection(found, np.array([4.0]), MARGIN, BAND, 0.05) == [spoiled]


def test_an_exponent_elsewhere_is_the_exponent_and_what_it_moves_by() -> None:
    """A slope of one and a bend: its end and its rest, both checked at level 0.05."""
    assert CHECK_LEVEL == 0.05
    logs = np.log(SIZES) + 0.2 * np.log(SIZES) ** 2 + np.linspace(-1, 1, 7)[:, None, None] * SIZES
    found = check_fit(LAW, logs)
    exponents = LAW.exponents(logs)[:, 0]
    assert found.elsewhere == [found.without_smallest, found.curvature]
    movements = (LAW.without_smallest(logs), LAW.curvature(logs))
    for where, movement in zip(found.elsewhere, movements, strict=True):
        assert movement is not None
        for stated, samples in (
            (where.movement, movement[:, 0]),
            (where.exponent, exponents + movement[:, 0]),
        ):
            error = samples.std(ddof=1) / math.sqrt(7)
            assert stated.estimate == pytest.approx([samples.mean()])
            assert stated.high - stated.low == pytest.approx([2 * 2.4469119 * error])  # t(0.975, 6)


def test_the_trimmed_mean_leaves_a_fifth_out_at_either_end() -> None:
    """Of exponents 0, 1, 2, 3 and 99 the middle three remain."""
    logs = np.array([99.0, 0, 1, 2, 3])[:, None, None] * np.log(SIZES)
    assert check_fit(LAW, logs).trimmed == pytest.approx([2.0])


def test_a_misfit_is_the_lack_of_fit_or_the_curvature_or_nothing() -> None:
    generator = np.random.default_rng(0)
    logs = generator.normal(0.1, 1.0, (4, 3, 5)) * SIZES
    enough = check_fit(LAW, np.concatenate([logs, 2 * logs]))
    assert enough.lack_of_fit is not None
    np.testing.assert_array_equal(enough.misfit, enough.lack_of_fit)
    few = check_fit(LAW, logs)
    curvature = LAW.curvature(logs)
    assert few.lack_of_fit is None
    assert curvature is not None
    np.testing.assert_allclose(few.misfit, stats.ttest_1samp(curvature, 0.0).pvalue)
    two = PowerLaw(SIZES[:2], np.empty((2, 0)), "depth")
    nothing = check_fit(two, logs[..., :2])
    assert (nothing.lack_of_fit, nothing.elsewhere) == (None, [])
    np.testing.assert_array_equal(nothing.misfit, [1.0, 1.0, 1.0])


def test_no_spread_and_no_bend_is_no_misfit() -> None:
    still = check_fit(LAW, np.zeros((4, 1, 5)))
    assert still.lack_of_fit is None
    np.testing.assert_array_equal(still.misfit, [1.0])


def test_without_checks_nothing_is_taken_away_but_by_the_trimmed_mean() -> None:
    found = checks(misfit=0.01)
    estimate = np.array([4.0])
    assert spoils_acceptance(found, np.array([2.0]), MARGIN, BAND, 0.05).tolist() == [False]
    assert spoils_rejection(checks(trimmed=4.0), estimate, MARGIN, BAND, 0.05).tolist() == [False]
