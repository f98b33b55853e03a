"""Which rule is named when a fit spoils a decision, and what is said when it does not.

Checks are written down: the band is [1, 3], the margin 1, and the estimate 2 or, of a rejection, 4.
"""

import numpy as np
import pytest

from theory.expectations import Band
from theory.verdict import Reason, ReasonKind
from verify.judging.reasons import bends, fit_problem, reservations
from verify.statistics.equivalence import Intervals
from verify.statistics.fit_checks import Elsewhere, FitChecks

BAND, MARGIN, LEVEL = Band(1.0, 3.0), 1.0, 0.01
KIND = ReasonKind


def place(exponent: float, movement: float, half_width: float = 0.25) -> Elsewhere:
    parts = [
        Intervals(np.array([x]), np.array([x - half_width]), np.array([x + half_width]), np.ones(1))
        for x in (exponent, movement)
    ]
    return Elsewhere(*parts)


def checks(
    smallest: Elsewhere | None = None,
    end: Elsewhere | None = None,
    misfit: float = 1.0,
    trimmed: float = 2.0,
    tested: bool = True,
) -> FitChecks:
    p_value = np.array([misfit])
    return FitChecks(smallest, end, p_value if tested else None, p_value, np.array([trimmed]))


def problem(found: FitChecks, estimate: float) -> Reason | None:
    accepted = BAND.low <= estimate <= BAND.high
    return fit_problem(found, np.array([estimate]), MARGIN, BAND, LEVEL, accepted)


def movement(kind: ReasonKind, by: float) -> Reason:
    return Reason(kind, (), {"movement": by})


FITS = {"p": 0.005, "curvature": 0.0}
FAR, OUT, HOME = place(2.0, 1.5), place(3.5, 0.5), place(2.0, 0.5)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (checks(HOME, HOME), None),
        (checks(FAR, HOME), movement(KIND.SMALLEST_MOVES, 1.5)),
        (checks(HOME, FAR), movement(KIND.END_MOVES, 1.5)),
        (checks(FAR, place(2.0, -1.7)), movement(KIND.SMALLEST_MOVES, 1.5)),
        (checks(None, FAR, misfit=0.005, trimmed=9.0), movement(KIND.END_MOVES, 1.5)),
        (checks(OUT, HOME, misfit=0.02), None),
        (
            checks(OUT, HOME, misfit=0.005, trimmed=9.0),
            Reason(
                KIND.MISFIT_MATTERS,
                (),
                FITS,
                (movement(KIND.SMALLEST_MOVES, 0.5), movement(KIND.END_MOVES, 0.5)),
            ),
        ),
        (checks(trimmed=9.0), Reason(KIND.HEAVY_TAILS, (), {"trimmed": 9.0})),
    ],
)
def test_the_first_rule_that_an_acceptance_breaks_is_named(
    found: FitChecks, reason: Reason | None
) -> None:
    assert problem(found, 2.0) == reason


THERE, BACK = place(4.0, 1.5), place(2.0, -2.0)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (checks(THERE, THERE, trimmed=4.0), None),
        (checks(BACK, THERE, trimmed=4.0), movement(KIND.RESTS_ON_SMALLEST, -2.0)),
        (checks(THERE, BACK, trimmed=4.0), None),
        (
            checks(THERE, BACK, misfit=0.005, trimmed=4.0, tested=False),
            Reason(
                KIND.MISFIT_MATTERS,
                (),
                {"p": 0.005, "curvature": 1.0},
                (movement(KIND.SMALLEST_MOVES, 1.5), movement(KIND.END_MOVES, -2.0)),
            ),
        ),
        (checks(THERE, THERE, trimmed=2.5), Reason(KIND.HEAVY_TAILS, (), {"trimmed": 2.5})),
    ],
)
def test_the_first_rule_that_a_rejection_breaks_is_named(
    found: FitChecks, reason: Reason | None
) -> None:
    assert problem(found, 4.0) == reason


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (checks(misfit=0.005), [KIND.MISFIT]),
        (checks(misfit=0.01), [KIND.MISFIT]),
        (checks(misfit=0.02), [KIND.MISFIT_ALONE]),
        (checks(misfit=0.05), [KIND.MISFIT_ALONE]),
        (checks(misfit=0.06), []),
        (checks(misfit=0.06, tested=False), [KIND.FIT_UNTESTED]),
        (checks(misfit=0.005, tested=False), [KIND.MISFIT, KIND.FIT_UNTESTED]),
    ],
)
def test_a_misfit_is_said_from_the_level_of_a_single_test_on(
    found: FitChecks, kinds: list[ReasonKind]
) -> None:
    assert [reason.kind for reason in reservations(found, LEVEL)] == kinds


def test_a_misfit_is_said_with_its_numbers() -> None:
    (alone,) = reservations(checks(HOME, misfit=0.02), LEVEL)
    assert alone.numbers == {"p": 0.02, "curvature": 0.0, "level": LEVEL}
    assert alone.because == (movement(KIND.SMALLEST_MOVES, 0.5),)
    (matters,) = reservations(checks(HOME, misfit=0.005), LEVEL)
    assert (matters.numbers, matters.because) == (FITS, ())


def test_a_movement_beyond_the_margin_is_said_as_resolved_or_not() -> None:
    found = checks(place(2.0, -1.5), place(2.0, 1.2))
    resolved, unresolved = bends(found, MARGIN)
    assert resolved == Reason(
        KIND.BEND, (), {"low": -1.75, "high": -1.25}, (movement(KIND.SMALLEST_MOVES, -1.5),)
    )
    assert unresolved.kind is KIND.BEND_UNRESOLVED
    assert unresolved.because == (movement(KIND.END_MOVES, 1.2),)
    assert not list(bends(checks(place(2.0, 1.0), place(2.0, -1.0)), MARGIN))
    (upward,) = bends(checks(end=place(2.0, 1.5)), MARGIN)
    assert upward.kind is KIND.BEND
    (downward,) = bends(checks(end=place(2.0, -1.2)), MARGIN)
    assert downward.kind is KIND.BEND_UNRESOLVED
