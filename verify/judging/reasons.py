"""Why the fit of an exponent spoils a decision, or what a reader should know of it. Imports numpy.

Values only; words are made of them in ``reports``.
"""

from __future__ import annotations

from collections.abc import Iterator

from theory.arrays import FloatArray
from theory.expectations import Band
from theory.verdict import Reason, ReasonKind
from verify.statistics.fit_checks import (
    CHECK_LEVEL,
    Elsewhere,
    FitChecks,
    hangs_on_law,
    misfit,
    moved,
    rests_on_smallest,
    spoils_acceptance,
    spoils_rejection,
)


def fit_problem(
    checks: FitChecks,
    estimate: FloatArray,
    margin: float,
    band: Band,
    fit_level: float,
    accepted: bool,
) -> Reason | None:
    """What keeps one exponent, ``estimate`` of shape (1,), from being that of a power law.

    The first rule of ``fit_checks`` that a decision breaks, or ``None``.
    """
    spoils = spoils_acceptance if accepted else spoils_rejection
    if not spoils(checks, estimate, margin, band, fit_level)[0]:
        return None
    for kind, place in _places(checks):
        if accepted and moved(place, margin, band)[0]:
            return _movement(kind, place)
    if not accepted and rests_on_smallest(checks, estimate, band)[0]:
        assert checks.without_smallest is not None
        return _movement(ReasonKind.RESTS_ON_SMALLEST, checks.without_smallest)
    if hangs_on_law(checks, estimate, margin, band, fit_level, accepted)[0]:
        return Reason(ReasonKind.MISFIT_MATTERS, (), _misfit(checks), _movements(checks))
    return Reason(ReasonKind.HEAVY_TAILS, (), {"trimmed": float(checks.trimmed[0])})


def reservations(checks: FitChecks, fit_level: float) -> Iterator[Reason]:
    """A misfit on which nothing hangs, or that the fit cannot be tested: said, not hidden.

    A misfit is said from the level of a single test on, whatever its level in the family.
    """
    if misfit(checks, fit_level)[0]:
        yield Reason(ReasonKind.MISFIT, (), _misfit(checks))
    elif misfit(checks, CHECK_LEVEL)[0]:
        numbers = {**_misfit(checks), "level": fit_level}
        yield Reason(ReasonKind.MISFIT_ALONE, (), numbers, _movements(checks))
    if checks.lack_of_fit is None:
        yield Reason(ReasonKind.FIT_UNTESTED)


def bends(checks: FitChecks, margin: float) -> Iterator[Reason]:
    """By how much the exponent moves, where that is more than the margin."""
    for kind, place in _places(checks):
        movement = place.movement
        if abs(movement.estimate[0]) > margin:
            resolved = movement.disjoint_from(Band(-margin, margin))[0]
            bend = ReasonKind.BEND if resolved else ReasonKind.BEND_UNRESOLVED
            ends = {"low": float(movement.low[0]), "high": float(movement.high[0])}
            yield Reason(bend, (), ends, (_movement(kind, place),))


def _places(checks: FitChecks) -> list[tuple[ReasonKind, Elsewhere]]:
    kinds = {
        ReasonKind.SMALLEST_MOVES: checks.without_smallest,
        ReasonKind.END_MOVES: checks.curvature,
    }
    return [(kind, place) for kind, place in kinds.items() if place is not None]


def _movement(kind: ReasonKind, place: Elsewhere) -> Reason:
    return Reason(kind, (), {"movement": float(place.movement.estimate[0])})


def _movements(checks: FitChecks) -> tuple[Reason, ...]:
    return tuple(_movement(kind, place) for kind, place in _places(checks))


def _misfit(checks: FitChecks) -> dict[str, float]:
    of_curvature = float(checks.lack_of_fit is None)
    return {"p": float(checks.misfit[0]), "curvature": of_curvature}
